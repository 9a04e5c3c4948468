//! The life of a request: client address → rate limit → route → cache → respond.

use crate::client_address::ClientAddressConfig;
use crate::config::Config;
use crate::failure::{Failure, UpstreamFailure};
use crate::metrics::Metrics;
use crate::rate_limit::{self, RateLimit};
use crate::refusals::Refusals;
use crate::respond::{self, Body, ClientLifetime};
use crate::route::Route;
use crate::upstream::Upstream;
use daemon::admin::Readiness;
use daemon::metrics::{Registry, milliseconds};
use daemon::throttle::{Outages, SAY_AGAIN, Throttle};
use http::{Request, Response};
use http_cache::{Cache, CacheRequest, CacheStatus, Conditions, Served};
use hyper::body::Incoming;
use image_url::{Language, SecureLink};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::X_REQUEST_ID;
use wire::shown::Shown;
use wire::{ImageRequest, Problem, RequestId, framing};

/// No problem of a resizer has a longer body.
const MAX_PROBLEM: u64 = 4096;

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
    admin_token: Option<String>,
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
            admin_token: config.admin_token,
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

    /// What purges and looks into the cache are authorized by.
    pub(crate) fn admin_token(&self) -> Option<&str> {
        self.admin_token.as_deref()
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
    let route = route(&edge, &request, client);
    let negotiated = route.as_ref().is_ok_and(|route| route.accept().is_some());
    let outcome = match route {
        Ok(route) => find(&edge, &route, client, &id)
            .await
            .map(|served| (served, route.link_expires())),
        Err(failure) => Err(failure),
    };

    // Of an answer that is no image, or a stale one.
    let mut cause = None;
    let mut refused = false;
    let path = Shown(request.uri().path());
    let (mut response, cache) = match outcome {
        Ok((served, link_expires)) => {
            let cache = served.status;
            if cache == CacheStatus::Stale {
                cause = stale_cause(&served);
                if let Some(images) = edge.stale.pass(started) {
                    let cause = cause.as_deref().unwrap_or("-");
                    tracing::warn!(request = %id, %path, images, cause, "serving stale images");
                }
            }
            let lifetime = ClientLifetime {
                expires: edge.expires,
                link_expires,
            };
            (
                respond::picture(method, request.headers(), served, lifetime),
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
            let mut cache = None;
            if let Failure::Upstream(upstream) = failure {
                cache = Some(upstream.cache);
                response.headers_mut().extend(upstream.cache_headers);
            }
            (response, cache)
        }
    };
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    if negotiated {
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

/// What comes before the cache is asked.
fn route(edge: &Edge, request: &Request<Incoming>, client: IpAddr) -> Result<Route, Failure> {
    if let Some(limit) = &edge.rate_limit {
        limit.check(client).map_err(Failure::RateLimited)?;
    }
    framing::check_request(request)?;
    Route::read(request, client, &edge.secure_link, &edge.language)
}

/// The image of a route: from the cache, or from a resizer.
async fn find(
    edge: &Edge,
    route: &Route,
    client: IpAddr,
    id: &RequestId,
) -> Result<Served, Failure> {
    let client = edge.client_hashes.hash_one(rate_limit::network(client));
    let asked = ImageRequest {
        accept: route.accept(),
        condition: None,
        client,
        time_left: None,
        id: id.clone(),
    };
    let (upstream, path) = (edge.upstream(), route.path().to_owned());
    let fetch = move |conditions: Conditions| {
        let (upstream, path) = (upstream.clone(), path.clone());
        let asked = ImageRequest {
            condition: conditions.if_none_match,
            ..asked.clone()
        };
        async move { upstream.fetch(&path, &asked).await }
    };
    let wanted = CacheRequest {
        client: Some(client),
        ..CacheRequest::new(route.key())
    };
    let served = edge.cache.serve(wanted, fetch).await?;
    if served.head.status.is_success() {
        Ok(served)
    } else {
        Err(Failure::Upstream(Box::new(upstream_failure(served).await)))
    }
}

/// What the resizer says went wrong. A body that is longer than a problem's is none.
async fn upstream_failure(served: Served) -> UpstreamFailure {
    let (cache, cache_headers) = (served.status, respond::told(&served));
    let Served { head, body, .. } = served;
    let short = body.length().is_some_and(|length| length <= MAX_PROBLEM);
    let body = if short { body.whole().await } else { None };
    let (problem, detail) = Problem::read(head.status, &head.headers, &body.unwrap_or_default());
    UpstreamFailure {
        status: head.status,
        problem,
        detail,
        cache,
        cache_headers,
    }
}
