//! What the resizer counts.

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
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
    pub(crate) decodes: Counter,
    pub(crate) truncated: Counter,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 2.5, 12)),
            fetches: Counter::default(),
            fetched_bytes: Counter::default(),
            decodes: Counter::default(),
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
        registry.register("decodes", "Originals decoded", metrics.decodes.clone());
        registry.register(
            "truncated",
            "Originals that end before their picture does",
            metrics.truncated.clone(),
        );
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
