//! The way of a request: client address → rate limit → parse URL → verify signature → cache → respond.

use crate::client_address::ClientAddressConfig;
use crate::config::Config;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::rate_limit::RateLimit;
use crate::respond::{self, Body, ClientLifetime};
use crate::upstream::Upstream;
use http::header::{ACCEPT, HeaderName, RETRY_AFTER};
use http::{HeaderValue, Request, Response, Uri};
use http_cache::{Cache, CacheRequest, CacheStatus, Conditions, Key, Served};
use hyper::body::Incoming;
use image_url::{AcceptClass, Canonical, Language, SecureLink, Target, TargetError};
use service::metrics::{Registry, milliseconds};
use service::request_id::X_REQUEST_ID;
use service::shown::Shown;
use service::{Problem, RequestId, framing};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// All that requests share.
pub(crate) struct Edge {
    client_address: ClientAddressConfig,
    rate_limit: Option<RateLimit>,
    secure_link: SecureLink,
    language: Language,
    denied: Problem,
    cache: Cache,
    upstream: Arc<Upstream>,
    expires: Option<Duration>,
    metrics: Metrics,
}

impl Edge {
    pub(crate) fn new(config: Config, registry: &mut Registry) -> std::io::Result<Self> {
        let cache = Cache::open(config.cache)?;
        Ok(Self {
            client_address: config.client_address,
            rate_limit: config.rate_limit.map(RateLimit::new),
            secure_link: config.secure_link,
            language: config.language,
            denied: config.denied,
            metrics: Metrics::register(registry, &cache),
            cache,
            upstream: Arc::new(Upstream::new(config.upstream)),
            expires: config.expires,
        })
    }

    pub(crate) fn upstream(&self) -> Arc<Upstream> {
        self.upstream.clone()
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn language(&self) -> &Language {
        &self.language
    }

    pub(crate) fn tidy(&self) {
        if let Some(limit) = &self.rate_limit {
            limit.forget_quiet_clients();
        }
        self.cache.tidy();
    }
}

/// A picture, and until when the link to it lives.
struct Found {
    served: Served,
    link_expires: Option<SystemTime>,
}

/// What is known of an answer before there is one, also where it will be a problem.
#[derive(Default)]
struct Known {
    /// It depends on `Accept`.
    negotiated: bool,
    /// What the cache did for a problem that it remembers, and the headers that tell it.
    cache: Option<(CacheStatus, [(HeaderName, HeaderValue); 2])>,
}

/// Answers one request, logs it and counts it.
pub(crate) async fn handle(
    edge: Arc<Edge>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Body> {
    let started = Instant::now();
    let sent_id = request
        .headers()
        .get(&X_REQUEST_ID)
        .filter(|_| edge.client_address.trusts(peer.ip()));
    let id = RequestId::accept(sent_id);
    let client = edge.client_address.resolve(peer.ip(), request.headers());
    let mut known = Known::default();
    let outcome = find(&edge, &request, client, &id, &mut known).await;

    let (mut response, cache) = match outcome {
        Ok(found) => {
            let cache = found.served.status;
            if cache == CacheStatus::Stale {
                let cause = found.served.failure.as_ref().map(ToString::to_string);
                let upstream = found.served.upstream_status.map(|status| status.as_u16());
                tracing::warn!(request = %id, path = %Shown(request.uri().path()), cause, upstream, "served stale");
            }
            let lifetime = ClientLifetime {
                expires: edge.expires,
                link_expires: found.link_expires,
            };
            (
                respond::picture(request.method(), request.headers(), found.served, lifetime),
                Some(cache),
            )
        }
        Err(failure) => {
            let problem = failure.problem(edge.denied);
            if problem.status().is_server_error() {
                tracing::error!(request = %id, path = %Shown(request.uri().path()), "{}", Shown(&failure.to_string()));
            } else if !matches!(failure, Failure::RateLimited(_)) {
                // Who floods writes one line a request, that of target `access`, and not two.
                tracing::info!(request = %id, %client, path = %Shown(request.uri().path()), "{}", Shown(&failure.to_string()));
            }
            let mut response = respond::problem(problem, request.method(), failure.closes());
            let told = known.cache.take();
            let cache = told.as_ref().map(|(status, _)| *status);
            if let Some((_, headers)) = told {
                response.headers_mut().extend(headers);
            }
            (response, cache)
        }
    };
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    if known.negotiated {
        respond::vary_on_accept(&mut response);
    }
    let took = started.elapsed();
    edge.metrics.request(response.status(), cache, took);
    tracing::info!(
        target: "access",
        request = %id,
        %client,
        method = %request.method(),
        // Without the query: a signature is a key to the picture and stays out of logs.
        path = %Shown(request.uri().path()),
        status = response.status().as_u16(),
        cache = %cache.map_or("-", CacheStatus::nginx_word),
        ms = milliseconds(took),
    );
    response
}

/// Fills in `known` as soon as something is, whatever the answer will be.
async fn find(
    edge: &Edge,
    request: &Request<Incoming>,
    client: IpAddr,
    id: &RequestId,
    known: &mut Known,
) -> Result<Found, Failure> {
    if let Some(limit) = &edge.rate_limit {
        limit.check(client).map_err(Failure::RateLimited)?;
    }
    framing::check(request.method(), request.version(), request.headers())?;
    let target = target(request.uri())?;
    let link = edge
        .secure_link
        .verify(&target, client, SystemTime::now())?;
    let canonical = edge.language.parse(link.uri())?;

    known.negotiated = canonical.varies_on_accept();
    let accept = known.negotiated.then(|| {
        let headers = request.headers().get_all(ACCEPT);
        AcceptClass::reduce(headers.iter().map(HeaderValue::as_bytes))
    });

    let (upstream, path, id) = (edge.upstream(), canonical.path().to_owned(), id.clone());
    let fetch = move |conditions: Conditions| {
        let (upstream, path, id) = (upstream.clone(), path.clone(), id.clone());
        async move {
            upstream
                .fetch(&path, accept, conditions.if_none_match, &id)
                .await
        }
    };
    let wanted = CacheRequest::new(key(&canonical, accept));
    let served = edge.cache.serve(wanted, fetch).await?;
    if !served.head.status.is_success() {
        known.cache = Some((served.status, respond::told(&served)));
        let retry_after = served.head.headers.get(RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        return Err(Failure::Upstream {
            status: served.head.status,
            retry_after: seconds.map(Duration::from_secs),
        });
    }
    Ok(Found {
        served,
        link_expires: link.expires(),
    })
}

/// The target as it was sent: nearly always a path, which needs no putting together.
fn target(uri: &Uri) -> Result<Target, TargetError> {
    match (uri.scheme(), uri.path_and_query()) {
        (None, Some(path)) => Target::parse(path.as_str()),
        _ => Target::parse(&uri.to_string()),
    }
}

/// The canonical path and, as variants of it, the classes of clients where the format is negotiated.
fn key(canonical: &Canonical, accept: Option<AcceptClass>) -> Key {
    let key = Key::new(canonical.path());
    match accept {
        Some(class) => key.variant(class.word()),
        None => key,
    }
}
