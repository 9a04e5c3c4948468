//! What the edge counts.

use daemon::logs;
use daemon::metrics::SECONDS;
use http::StatusCode;
use http_cache::{Cache, CacheStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabel {
    cache: &'static str,
}

pub(crate) struct Metrics {
    requests: Family<StatusLabel, Counter>,
    cache: Family<CacheLabel, Counter>,
    seconds: Histogram,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry, cache: &Cache) -> Self {
        let metrics = Self {
            requests: Family::default(),
            cache: Family::default(),
            seconds: Histogram::new(SECONDS),
        };
        registry.register(
            "requests",
            "Requests answered, by status",
            metrics.requests.clone(),
        );
        registry.register(
            "cache",
            "Pictures served, by what the cache did",
            metrics.cache.clone(),
        );
        registry.register(
            "request_seconds",
            "Time to the head of the answer",
            metrics.seconds.clone(),
        );
        registry.register_collector(Box::new(CacheCollector(cache.clone())));
        logs::register(registry);
        metrics
    }

    pub(crate) fn request(&self, status: StatusCode, cache: Option<CacheStatus>, took: Duration) {
        self.requests
            .get_or_create(&StatusLabel {
                status: status.as_u16(),
            })
            .inc();
        if let Some(cache) = cache {
            self.cache
                .get_or_create(&CacheLabel {
                    cache: cache.nginx_word(),
                })
                .inc();
        }
        self.seconds.observe(took.as_secs_f64());
    }
}

/// Reads the tiers when they are asked for, so that nothing is counted twice.
struct CacheCollector(Cache);

impl fmt::Debug for CacheCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheCollector")
    }
}

impl Collector for CacheCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (cache, memory) = (&self.0, self.0.memory());
        for (name, help, value) in [
            ("cache_memory_bytes", "Bytes held in memory", memory.bytes()),
            (
                "cache_memory_entries",
                "Pictures held in memory",
                memory.entries() as u64,
            ),
            (
                "cache_fetch_bytes",
                "Bytes of pictures held by fetches under way",
                cache.flight_bytes(),
            ),
        ] {
            gauge(&mut encoder, name, help, value)?;
        }
        let counters = cache.counters();
        for (name, help, value) in [
            (
                "cache_too_large",
                "Pictures passed on without being kept since they were too large",
                &counters.too_large,
            ),
            (
                "cache_over_fetch_memory",
                "Pictures passed on without being kept since fetches under way held too much",
                &counters.over_budget,
            ),
            (
                "cache_abandoned",
                "Fetches given up since nobody waited for them any more",
                &counters.abandoned,
            ),
        ] {
            counter(&mut encoder, name, help, value)?;
        }
        let Some(disk) = cache.disk() else {
            return Ok(());
        };
        let (bytes, entries) = disk.held();
        for (name, help, value) in [
            ("cache_disk_bytes", "Bytes held on disk", bytes),
            (
                "cache_disk_queued_bytes",
                "Bytes that wait to be written to disk",
                disk.queued(),
            ),
            (
                "cache_disk_entries",
                "Pictures held on disk",
                entries as u64,
            ),
        ] {
            gauge(&mut encoder, name, help, value)?;
        }
        let counters = disk.counters();
        for (name, help, value) in [
            (
                "cache_disk_stores",
                "Pictures written to disk",
                &counters.stores,
            ),
            (
                "cache_disk_skipped",
                "Pictures not written since the disk failed or was too slow",
                &counters.skipped,
            ),
            (
                "cache_disk_evictions",
                "Pictures removed to keep the bounds",
                &counters.evictions,
            ),
            (
                "cache_disk_damaged",
                "Pictures dropped since they were damaged or missing",
                &counters.damaged,
            ),
        ] {
            counter(&mut encoder, name, help, value)?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: &AtomicU64,
) -> Result<(), fmt::Error> {
    let counter = ConstCounter::new(value.load(Ordering::Relaxed));
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}
