//! The admin listener: health, readiness and metrics. Not for the public: it is bound to loopback unless told otherwise.

use crate::listen::Listener;
use crate::metrics::{self, Registry};
use crate::server::{ServerLimits, serve};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;
use wire::Problem;
use wire::framing::{Refused, check_host};

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

/// The names by which an admin listener may be asked for more than its health.
///
/// A browser can be made to ask an internal address under a name that an attacker chose (DNS rebinding), and shows the
/// attacker's page the response. An address as the name proves that nothing was rebound.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Addresses and `localhost`, and these names, without ports.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Requests of HTTP/1.0 may name no host; a browser sends none of those.
    fn allows<B>(&self, request: &Request<B>) -> bool {
        let header = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok());
        let Some(host) = request.uri().host().or(header) else {
            return !request.headers().contains_key(HOST);
        };
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self
                .0
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// Serves `/healthz` (the process lives), `/readyz` (it wants traffic) and `/metrics` until `shutdown`. What else the
/// program offers is asked of `more`, which gives `None` for a path that is not its own.
pub(crate) async fn run<F>(
    listener: Listener,
    registry: Arc<Registry>,
    readiness: Readiness,
    hosts: Hosts,
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
        let path = request.uri().path();
        let (own, more) = if let Err(refused) = check_host(request.version(), request.headers()) {
            (closing(&refused), None)
        } else if !HEALTH.contains(&path) && !hosts.allows(&request) {
            (text(StatusCode::MISDIRECTED_REQUEST, WRONG_HOST), None)
        } else {
            let own = respond(request.method(), path, &registry, &readiness);
            (own, Some(more(request)))
        };
        async move {
            let more = match more {
                Some(more) => more.await,
                None => None,
            };
            more.unwrap_or(own).map(Full::new)
        }
    };
    serve(listener, limits, shutdown, handler).await;
}

/// What any name may be used for, since load balancers choose one of their own.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

const WRONG_HOST: &str =
    "this listener is asked by its address or as localhost; --admin-host names others\n";

/// A request that cannot be trusted to mean what it says, nor what follows it.
fn closing(refused: &Refused) -> Response<Bytes> {
    let mut response = refused.problem().response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

fn respond(
    method: &Method,
    path: &str,
    registry: &Registry,
    readiness: &Readiness,
) -> Response<Bytes> {
    match path {
        "/healthz" | "/readyz" | "/metrics" if !matches!(*method, Method::GET | Method::HEAD) => {
            Problem::MethodNotAllowed.response()
        }
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
    fn addresses_and_listed_names_are_hosts() {
        let hosts = Hosts::new(vec!["edge".to_owned()]);
        let allows = |uri: &str, host: Option<&str>| {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            hosts.allows(&request.body(()).unwrap())
        };
        for host in [
            "127.0.0.1:8081",
            "[::1]:8081",
            "10.0.0.7",
            "localhost",
            "LOCALHOST:8081",
            "edge:8081",
            "Edge",
        ] {
            assert!(allows("/metrics", Some(host)), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8081",
            "edge.evil.example",
            "127.0.0.1.evil.example",
            "",
            "a b",
        ] {
            assert!(!allows("/metrics", Some(host)), "{host}");
        }
        assert!(allows("/metrics", None));
        assert!(!allows("http://evil.example/metrics", Some("127.0.0.1")));
    }

    #[test]
    fn readiness_is_told_and_health_is_apart_from_it() {
        let (registry, readiness) = (Registry::default(), Readiness::default());
        let respond = |path: &str, registry: &Registry, readiness: &Readiness| {
            super::respond(&Method::GET, path, registry, readiness)
        };
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
