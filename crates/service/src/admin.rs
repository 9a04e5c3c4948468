//! The admin listener: health, readiness and metrics. Not for the public: it is bound to loopback unless told otherwise.

use crate::listen::Listener;
use crate::metrics::{self, Registry};
use crate::server::{ServerLimits, serve};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// Whether a process wants traffic. Shared by the program, which sets it, and the admin listener, which tells it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// States from now on whether traffic is wanted.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// What was last stated; at first `false`.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Serves `/healthz` (the process lives), `/readyz` (it wants traffic) and `/metrics` until `shutdown`. What else the
/// program offers is asked of `more`, which gives `None` for a path that is not its own.
pub async fn run<F>(
    listener: Listener,
    registry: Arc<Registry>,
    readiness: Readiness,
    shutdown: CancellationToken,
    more: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Option<Response<Bytes>>> + Send + 'static,
{
    let limits = ServerLimits {
        connections: 100,
        ..ServerLimits::default()
    };
    let handler = move |request: Request<Incoming>, _peer| {
        let own = respond(request.uri().path(), &registry, &readiness);
        let more = more(request);
        async move { more.await.unwrap_or(own).map(Full::new) }
    };
    serve(listener, limits, shutdown, handler).await;
}

/// For a program that offers nothing else.
pub fn nothing_more(_: Request<Incoming>) -> std::future::Ready<Option<Response<Bytes>>> {
    std::future::ready(None)
}

fn respond(path: &str, registry: &Registry, readiness: &Readiness) -> Response<Bytes> {
    match path {
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" if readiness.get() => text(StatusCode::OK, "ready\n"),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        "/metrics" => {
            let mut response = Response::new(metrics::render(registry));
            response.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static(metrics::CONTENT_TYPE),
            );
            response
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "there are /healthz, /readyz and /metrics\n",
        ),
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_told_and_health_is_apart_from_it() {
        let (registry, readiness) = (Registry::default(), Readiness::default());
        assert_eq!(
            respond("/readyz", &registry, &readiness).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            respond("/healthz", &registry, &readiness).status(),
            StatusCode::OK
        );
        readiness.set(true);
        assert_eq!(
            respond("/readyz", &registry, &readiness).status(),
            StatusCode::OK
        );
        assert!(
            respond("/metrics", &registry, &readiness)
                .body()
                .ends_with(b"# EOF\n")
        );
        assert_eq!(
            respond("/", &registry, &readiness).status(),
            StatusCode::NOT_FOUND
        );
    }
}
