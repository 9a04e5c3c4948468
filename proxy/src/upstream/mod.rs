//! Fetching from the resizers: which one, over which connection, and what counts as failure.

mod balancer;

use balancer::{Balancer, Lease};
use bytes::Bytes;
use daemon::throttle::{SAY_AGAIN, Throttle};
use http::header::{HOST, HeaderValue, TRANSFER_ENCODING, VIA};
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Empty};
use http_cache::FetchError;
use http_cache::cache::UpstreamResponse;
use http_cache::silence::end_in_silence;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::{Duration, Instant};
use thiserror::Error;
use url::Url;
use wire::ImageRequest;
use wire::shown::{Shown, chain};

/// Time for a connection to a resizer, which is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Resizers asked for one picture before it is given up.
const ATTEMPTS: usize = 3;

/// Idle connections kept to each resizer.
const IDLE_CONNECTIONS: usize = 64;

/// Bytes that are read of a response before its client takes them: hyper's default of 400 KiB would be most of what a slow
/// reader costs.
const READ_BUFFER: usize = 64 * 1024;

/// Where the resizers are and how long they may take.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamConfig {
    resizers: Vec<Authority>,
    timeout: Duration,
}

/// Host and port of a resizer. The host may be a name with many addresses.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub host: String,
    pub port: u16,
}

/// A `--resizer` that cannot be used.
#[derive(Debug, Error)]
#[error("--resizer {}: write http://HOST:PORT, without a path or credentials", Shown(.0.as_str()))]
pub(crate) struct BadResizer(Url);

impl UpstreamConfig {
    /// Resizers from their URLs, `http://host:port`; `timeout` bounds an answer's head and each silence in its body.
    ///
    /// # Errors
    /// When a URL is not plain HTTP, or has a path or credentials.
    pub(crate) fn new(resizers: &[Url], timeout: Duration) -> Result<Self, BadResizer> {
        let authority = |url: &Url| {
            let anonymous = url.username().is_empty() && url.password().is_none();
            let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            let plain = url.scheme() == "http" && anonymous && bare;
            let host = url
                .host_str()
                .filter(|_| plain)?
                .trim_matches(['[', ']'])
                .to_owned();
            Some(Authority {
                host,
                port: url.port_or_known_default()?,
            })
        };
        let resizers = resizers
            .iter()
            .map(|url| authority(url).ok_or_else(|| BadResizer(url.clone())));
        Ok(Self {
            resizers: resizers.collect::<Result<_, _>>()?,
            timeout,
        })
    }
}

/// The resizers, and connections to them.
#[derive(Debug)]
pub(crate) struct Upstream {
    balancer: Balancer,
    client: Client<HttpConnector, Empty<Bytes>>,
    timeout: Duration,
    unanswered: Throttle,
}

impl Upstream {
    /// Resizers that are resolved when first needed and then kept up to date by [`Upstream::keep_resolving`].
    pub(crate) fn new(config: UpstreamConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(READ_BUFFER)
            .build(connector);
        Self {
            balancer: Balancer::new(config.resizers),
            client,
            timeout: config.timeout,
            unanswered: Throttle::new(SAY_AGAIN),
        }
    }

    /// Resolves the resizers' names every few seconds, for ever.
    pub(crate) async fn keep_resolving(&self) {
        self.balancer.keep_resolving().await;
    }

    /// GETs a canonical path. Nothing of the client's request goes along but `request`, whose time is
    /// that of `--upstream-timeout`.
    ///
    /// A resizer that cannot be reached, breaks off before it answers, or is full, is passed over for the next one
    /// (nginx: `proxy_next_upstream error http_503`). One that is too slow is not: the next would be as slow.
    ///
    /// # Errors
    /// When none answered, or the one that took the request was too slow.
    pub(crate) async fn fetch(
        &self,
        path: &str,
        request: &ImageRequest,
    ) -> Result<UpstreamResponse, FetchError> {
        let id = &request.id;
        self.balancer.ensure_resolved().await;
        let mut tried = Vec::new();
        let mut last = FetchError::Unreachable("no resizer has an address".into());
        while tried.len() < ATTEMPTS {
            let Some(lease) = self.balancer.pick(&tried) else {
                break;
            };
            tried.push(lease.address());
            match self.ask(&lease, path, request).await {
                Ok(response)
                    if response.status() == StatusCode::SERVICE_UNAVAILABLE
                        && tried.len() < ATTEMPTS.min(self.balancer.len()) =>
                {
                    last = FetchError::Unreachable("a resizer is full".into());
                }
                Ok(response) => return Ok(self.with_guarded_body(response, lease)),
                Err(Asked::Unanswered(error)) => {
                    if let Some(requests) = self.unanswered.pass(Instant::now()) {
                        let (resizer, cause) = (lease.address(), Shown(&error).to_string());
                        tracing::warn!(request = %id, %resizer, requests, cause, "resizer does not answer");
                    }
                    lease.set_aside();
                    last = FetchError::Unreachable(error.into());
                }
                Err(Asked::Failed(error)) => return Err(error),
            }
        }
        Err(last)
    }

    async fn ask(
        &self,
        lease: &Lease,
        path: &str,
        asked: &ImageRequest,
    ) -> Result<Response<Incoming>, Asked> {
        let invalid = |error: &dyn std::fmt::Display| {
            Asked::Failed(FetchError::Invalid(error.to_string().into()))
        };
        let uri = Uri::builder()
            .scheme("http")
            .authority(lease.address().to_string())
            .path_and_query(path);
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri.build().map_err(|error| invalid(&error))?;
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        headers.insert(HOST, lease.host().clone());
        // A gateway sends it inbound (RFC 9110 §7.6.3).
        headers.insert(VIA, HeaderValue::from_static("1.1 tandem"));
        let asked = ImageRequest {
            time_left: Some(self.timeout),
            ..asked.clone()
        };
        asked.write(headers);
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(response)) if is_coded(response.headers()) => Err(Asked::Failed(
                FetchError::Invalid("a transfer coding other than chunked".into()),
            )),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if is_malformed(&error) => Err(invalid(&error)),
            Ok(Err(error)) => Err(Asked::Unanswered(chain(&error))),
            Err(_) => Err(Asked::Failed(FetchError::Timeout(
                format!("no answer in {:?}", self.timeout).into(),
            ))),
        }
    }

    /// The response with a body that fails when it falls silent, and holds the lease until its end.
    fn with_guarded_body(&self, response: Response<Incoming>, lease: Lease) -> UpstreamResponse {
        response.map(|body| {
            let body = body.map_err(move |error| {
                // The resizer works on it as long as there is a body.
                let _held = &lease;
                FetchError::Unreachable(chain(&error).into())
            });
            end_in_silence(body, self.timeout)
        })
    }
}

/// How asking one resizer went wrong.
enum Asked {
    /// No connection, or one that broke off: another one may be asked, a GET being idempotent.
    Unanswered(String),
    /// Asking another would not help.
    Failed(FetchError),
}

/// Whether a body is not as its source meant it: a client that sends no `TE` gets no other coding than chunked, and none
/// that it knows not how to undo (RFC 9112 §6.1, §7.4).
fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || headers.get_all(TRANSFER_ENCODING).iter().count() > 1
}

/// Whether what came was no HTTP (nginx: `invalid_header`).
fn is_malformed(error: &hyper_util::client::legacy::Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<hyper::Error>());
    cause.is_some_and(hyper::Error::is_parse)
}
