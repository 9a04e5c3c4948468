//! The registry of a process's metrics and its text form (OpenMetrics 1.0).

use bytes::Bytes;
use prometheus_client::encoding::text::encode;
pub use prometheus_client::registry::Registry;
use std::time::Duration;

/// The media type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of times in seconds, in round numbers: from a hit in memory to what takes as long as a
/// request may.
pub const SECONDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 30.0,
];

/// Milliseconds with one digit behind the point, for logs.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

/// All metrics as text.
pub fn render(registry: &Registry) -> Bytes {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, registry) {
        tracing::error!(%error, "metrics cannot be encoded");
    }
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        let shown = |nanos| milliseconds(Duration::from_nanos(nanos)).to_string();
        assert_eq!(shown(307_154_669), "307.2");
        assert_eq!(shown(49_000), "0");
        assert_eq!(shown(12_000_000_000), "12000");
    }
}
