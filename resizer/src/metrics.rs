//! What the resizer counts.

use crate::gate::GateMetrics;
use daemon::logs;
use daemon::metrics::SECONDS;
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<StatusLabel, Counter>,
    seconds: Histogram,
    pub(crate) fetches: Counter,
    pub(crate) fetched_bytes: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) shared: Counter,
    pub(crate) originals: Gauge,
    pub(crate) decodes: Counter,
    pub(crate) isolated: Counter,
    pub(crate) truncated: Counter,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry, gate: &GateMetrics) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Histogram::new(SECONDS),
            fetches: Counter::default(),
            fetched_bytes: Counter::default(),
            coalesced: Counter::default(),
            shared: Counter::default(),
            originals: Gauge::default(),
            decodes: Counter::default(),
            isolated: Counter::default(),
            truncated: Counter::default(),
        };
        registry.register(
            "requests",
            "Requests answered, by status",
            metrics.requests.clone(),
        );
        registry.register(
            "request_seconds",
            "Time to the answer",
            metrics.seconds.clone(),
        );
        registry.register(
            "source_fetches",
            "Originals fetched",
            metrics.fetches.clone(),
        );
        registry.register(
            "source_bytes",
            "Bytes of originals fetched",
            metrics.fetched_bytes.clone(),
        );
        registry.register(
            "source_coalesced",
            "Originals that came with another request's fetch",
            metrics.coalesced.clone(),
        );
        registry.register(
            "jobs_shared",
            "Requests whose image came with an equal job of another request",
            metrics.shared.clone(),
        );
        registry.register(
            "originals_open",
            "Originals that are being passed on",
            metrics.originals.clone(),
        );
        registry.register("decodes", "Originals decoded", metrics.decodes.clone());
        registry.register(
            "isolated",
            "Pictures made in a process of their own",
            metrics.isolated.clone(),
        );
        registry.register(
            "truncated",
            "Originals that end before their picture does",
            metrics.truncated.clone(),
        );
        register_gate(registry, gate);
        logs::register(registry);
        metrics
    }

    pub(crate) fn request(&self, status: StatusCode, took: Duration) {
        self.requests
            .get_or_create(&StatusLabel {
                status: status.as_u16(),
            })
            .inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

fn register_gate(registry: &mut Registry, gate: &GateMetrics) {
    registry.register(
        "gate_depth",
        "Requests let in, whether they wait or are worked on",
        gate.depth.clone(),
    );
    registry.register(
        "gate_waiting",
        "Requests that wait for their turn, for memory or for a core",
        gate.waiting.clone(),
    );
    registry.register("gate_working", "Pictures worked on", gate.working.clone());
    registry.register(
        "gate_memory_bytes",
        "Memory set apart for the pictures that are worked on",
        gate.memory.clone(),
    );
    registry.register(
        "gate_refused",
        "Requests refused because the queue was full",
        gate.refused.clone(),
    );
    registry.register(
        "gate_dropped",
        "Requests that ended before their work began",
        gate.dropped.clone(),
    );
}
