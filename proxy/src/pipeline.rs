//! The way of a request: client address → rate limit → parse URL → verify signature → cache → respond.

use crate::client_address::ClientAddressConfig;
use crate::config::Config;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::rate_limit::{self, RateLimit};
use crate::refusals::Refusals;
use crate::respond::{self, Body, ClientLifetime};
use crate::upstream::{Asking, Upstream};
use http::header::{ACCEPT, HeaderName, RETRY_AFTER};
use http::{HeaderValue, Request, Response, Uri};
use http_cache::{Cache, CacheRequest, CacheStatus, Conditions, Key, Served, ServedBody};
use hyper::body::Incoming;
use image_url::{AcceptClass, Canonical, Language, SecureLink, Target, TargetError};
use service::admin::Readiness;
use service::metrics::{Registry, milliseconds};
use service::problem;
use service::request_id::X_REQUEST_ID;
use service::shown::Shown;
use service::throttle::{Outages, SAY_AGAIN, Throttle};
use service::{Problem, RequestId, framing};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// No problem of a resizer has a longer body.
const MAX_PROBLEM: u64 = 4096;

/// Files that browsers and robots ask of every host. There are none here.
const ASKED_OF_EVERY_SITE: [&str; 2] = ["/favicon.ico", "/robots.txt"];

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
    health_path: Option<String>,
    readiness: Readiness,
    metrics: Metrics,
    refusals: Refusals,
    stale: Throttle,
    outages: Outages,
    /// With a key of this process, so that a resizer cannot tell addresses from the hashes.
    client_hashes: RandomState,
}

impl Edge {
    pub(crate) fn new(
        config: Config,
        readiness: Readiness,
        registry: &mut Registry,
    ) -> std::io::Result<Self> {
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
            health_path: config.health_path,
            readiness,
            refusals: Refusals::default(),
            stale: Throttle::new(SAY_AGAIN),
            outages: Outages::default(),
            client_hashes: RandomState::new(),
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

    /// Clients over their rate, for the log.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
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

/// Answers one request, logs it and counts it. A load balancer's question for health is neither.
pub(crate) async fn handle(
    edge: Arc<Edge>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Body> {
    let started = Instant::now();
    let method = request.method();
    if edge.health_path.as_deref() == Some(request.uri().path())
        && framing::check_request(&request).is_ok()
    {
        return respond::health(edge.readiness.get(), method);
    }
    let sent_id = request
        .headers()
        .get(&X_REQUEST_ID)
        .filter(|_| edge.client_address.trusts(peer.ip()));
    let id = RequestId::accept(sent_id);
    let client = edge.client_address.resolve(peer.ip(), request.headers());
    let mut known = Known::default();
    let outcome = find(&edge, &request, client, &id, &mut known).await;

    // Of an answer that is no image, or a stale one.
    let mut cause = None;
    let mut refused = false;
    let path = Shown(request.uri().path());
    let (mut response, cache) = match outcome {
        Ok(found) => {
            let cache = found.served.status;
            if cache == CacheStatus::Stale {
                cause = stale_cause(&found.served);
                if let Some(images) = edge.stale.pass(started) {
                    let cause = cause.as_deref().unwrap_or("-");
                    tracing::warn!(request = %id, %path, images, cause, "serving stale images");
                }
            }
            let lifetime = ClientLifetime {
                expires: edge.expires,
                link_expires: found.link_expires,
            };
            (
                respond::picture(method, request.headers(), found.served, lifetime),
                Some(cache),
            )
        }
        Err(failure) => {
            let problem = failure.problem(edge.denied);
            cause = failure.cause().map(|cause| Shown(&cause).to_string());
            match problem {
                Problem::RateLimited { .. } => {
                    refused = true;
                    let client = rate_limit::network(client);
                    let cause = cause.as_deref().unwrap_or("-");
                    edge.refusals.note(client, request.uri().path(), cause);
                }
                problem => {
                    if let Some(requests) = edge.outages.pass(problem, started) {
                        let (problem, cause) = (problem.slug(), cause.as_deref().unwrap_or("-"));
                        tracing::error!(request = %id, %path, problem, requests, cause, "requests failed");
                    }
                }
            }
            let detail = failure.detail();
            let mut response =
                respond::problem(problem, detail.as_deref(), method, failure.closes());
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
    // A client that floods is a line and then a count, see `refusals`.
    if !refused {
        tracing::info!(
            target: "access",
            request = %id,
            %client,
            method = %Shown(method.as_str()),
            // Without the query: a signature is a key to the image and stays out of logs.
            %path,
            status = response.status().as_u16(),
            cache = %cache.map_or("-", CacheStatus::nginx_word),
            ms = milliseconds(took),
            cause,
        );
    }
    response
}

/// Why a stale image is served.
fn stale_cause(served: &Served) -> Option<String> {
    let failure = served.failure.as_ref().map(ToString::to_string);
    let status = || {
        let status = served.upstream_status?;
        Some(format!("the resizer answers {}", status.as_u16()))
    };
    failure
        .or_else(status)
        .map(|cause| Shown(&cause).to_string())
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
    framing::check_request(request)?;
    if ASKED_OF_EVERY_SITE.contains(&request.uri().path()) {
        return Err(Failure::NoSuchFile);
    }
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

    let client = edge.client_hashes.hash_one(rate_limit::network(client));
    let asking = Asking {
        accept,
        client,
        id: id.clone(),
    };
    let (upstream, path) = (edge.upstream(), canonical.path().to_owned());
    let fetch = move |conditions: Conditions| {
        let (upstream, path, asking) = (upstream.clone(), path.clone(), asking.clone());
        async move {
            upstream
                .fetch(&path, &asking, conditions.if_none_match)
                .await
        }
    };
    let wanted = CacheRequest {
        client: Some(client),
        ..CacheRequest::new(key(&canonical, accept))
    };
    let served = edge.cache.serve(wanted, fetch).await?;
    if !served.head.status.is_success() {
        known.cache = Some((served.status, respond::told(&served)));
        let retry_after = served.head.headers.get(RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        return Err(Failure::Upstream {
            status: served.head.status,
            retry_after: seconds.map(Duration::from_secs),
            detail: detail(served.body).await,
        });
    }
    Ok(Found {
        served,
        link_expires: link.expires(),
    })
}

/// What the resizer says is wrong with the URL or the original. A body that is longer than a problem's is none.
async fn detail(body: ServedBody) -> Option<String> {
    let short = body.length().is_some_and(|length| length <= MAX_PROBLEM);
    let body = if short { body.whole().await } else { None };
    problem::detail_of(&body?)
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
