//! The registry of a process's metrics and its text form (OpenMetrics 1.0).

use bytes::Bytes;
use prometheus_client::encoding::text::encode;
pub use prometheus_client::registry::Registry;

/// The media type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics as text.
pub fn render(registry: &Registry) -> Bytes {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, registry) {
        tracing::error!(%error, "metrics cannot be encoded");
    }
    Bytes::from(text)
}
