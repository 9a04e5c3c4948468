//! The life of a request: route → condition → join an equal job, or admit → original → cost → transform → respond.

use crate::coalesce::Sealed;
use crate::config::Config;
use crate::etag::etag;
use crate::failure::Failure;
use crate::gate::{Asker, Demand, Gate, Kind, Panicked};
use crate::isolate::{Isolation, LONG_STEP};
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::original::{self, Body, Turns};
use crate::respond::{self, Content, Made};
use crate::route::Route;
use crate::source::{Original, Source, SourceError};
use daemon::metrics::{Registry, milliseconds};
use daemon::throttle::Outages;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use image_url::Operation;
use imaging::Settings;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::shown::Shown;
use wire::{ImageRequest, X_REQUEST_ID};

/// All that requests share.
#[derive(Debug)]
pub(crate) struct Resizer {
    source: Source,
    gate: Gate,
    jobs: Jobs<Made>,
    originals: Turns,
    imaging: Settings,
    isolation: Option<Isolation>,
    timeout: Duration,
    metrics: Metrics,
    outages: Outages,
}

impl Resizer {
    pub(crate) fn new(config: Config, registry: &mut Registry) -> Self {
        let gate = Gate::new(config.gate);
        let metrics = Metrics::register(registry, &gate.metrics());
        Self {
            source: config.source,
            gate,
            jobs: Jobs::default(),
            originals: Turns::new(config.max_originals, metrics.originals.clone()),
            imaging: config.imaging,
            isolation: config.isolation,
            timeout: config.timeout,
            metrics,
            outages: Outages::default(),
        }
    }
}

/// Responds to one request, logs it and counts it.
pub(crate) async fn handle(resizer: Arc<Resizer>, request: Request<Incoming>) -> Response<Body> {
    let started = Instant::now();
    let asked = ImageRequest::read(request.headers());
    let id = asked.id.clone();
    let timeout = asked
        .time_left
        .map_or(resizer.timeout, |left| left.min(resizer.timeout));
    let route = Route::read(&request, asked);
    let varies = route.as_ref().is_ok_and(Route::varies);
    let made = match route {
        Ok(route) => {
            // Requests past their deadline are dropped: those that wait never begin, those under work see it by their flag.
            let making = make(&resizer, route, started, timeout);
            let made = tokio::time::timeout(timeout, making).await;
            made.unwrap_or(Err(Failure::Timeout(timeout).into()))
        }
        Err(failure) => Err(failure.into()),
    };
    let (mut response, failure) = match made {
        Ok(response) => (response, None),
        Err(failure) => (respond::problem(&failure), Some(failure)),
    };
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    if varies {
        respond::vary_on_accept(&mut response);
    }
    if request.method() == Method::HEAD {
        respond::without_content(&mut response);
    }
    let (status, path) = (response.status(), Shown(request.uri().path()));
    let problem = failure.as_ref().map(|failure| failure.problem());
    let cause = failure.map(|failure| Shown(&failure.to_string()).to_string());
    if let Some(problem) = problem
        && let Some(requests) = resizer.outages.pass(problem, started)
    {
        let (problem, cause) = (problem.slug(), cause.as_deref().unwrap_or("-"));
        tracing::error!(request = %id, %path, problem, requests, cause, "requests failed");
    }
    let took = started.elapsed();
    resizer.metrics.request(status, took);
    let ms = milliseconds(took);
    tracing::info!(target: "access", request = %id, method = %Shown(request.method().as_str()), %path, status = status.as_u16(), ms, cause);
    response
}

async fn make(
    resizer: &Arc<Resizer>,
    route: Route,
    started: Instant,
    timeout: Duration,
) -> Result<Response<Body>, Arc<Failure>> {
    let tag = || route.tag(&resizer.source, resizer.imaging.encoding);
    let mut current = None;
    if route.condition.is_some()
        && let Some((validators, etag)) = tag().await?
    {
        if route.has(Some(&etag)) {
            return Ok(respond::not_modified(&validators, Some(etag)));
        }
        current = Some(etag);
    }
    if route.canonical.operation() == Operation::Original {
        return Ok(pass_on(resizer, &route, timeout).await?);
    }

    let deadline = started + timeout;
    let shared = Route {
        condition: route.condition.clone().filter(|_| current.is_none()),
        ..route.clone()
    };
    let (mut key, mut first) = (shared.key(), true);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let begin = |sealed| work(resizer.clone(), shared.clone(), left, sealed);
        let share = resizer.jobs.enter(&key, left, begin)?;
        // The job of another request may have read an original that has changed meanwhile.
        if first && share.late() && current.is_none() {
            match tag().await {
                Ok(Some((_, etag))) => current = Some(etag),
                Err(Failure::Source(SourceError::Missing)) => {
                    return Err(Failure::Source(SourceError::Missing).into());
                }
                // It does not say. A job that begins when this one has ended reads what there is now, for all who wait.
                Ok(None) | Err(_) => {
                    let _ = share.wait(deadline.into(), timeout).await;
                    first = false;
                    continue;
                }
            }
        }
        let joined = share.joined();
        let made = share.wait(deadline.into(), timeout).await;
        let again = match &made {
            Ok(made) if current.is_some() && made.etag != current => format!("{key} {current:?}"),
            // The other request may have had less time.
            Err(failure) if matches!(**failure, Failure::Full(_)) => format!("{key} again"),
            _ => String::new(),
        };
        if !(first && joined) || again.is_empty() {
            if joined {
                resizer.metrics.shared.inc();
            }
            return made.map(respond::image);
        }
        (key, first) = (again, false);
    }
}

/// The original itself, which is not held and so needs no admission.
async fn pass_on(
    resizer: &Resizer,
    route: &Route,
    timeout: Duration,
) -> Result<Response<Body>, Failure> {
    // The other half is for the source.
    let turn = resizer.originals.take(timeout / 2).await?;
    let (canonical, encoding) = (&route.canonical, resizer.imaging.encoding);
    let original = original::open(&resizer.source, canonical, &resizer.imaging.limits).await?;
    resizer.metrics.fetches.inc();
    let streamed = original.streamed;
    let etag = etag(&streamed.validators, canonical, route.accept, encoding);
    if route.has(etag.as_ref()) {
        return Ok(respond::not_modified(&streamed.validators, etag));
    }
    let mut headers = respond::validators(&streamed.validators, etag);
    let media_type = HeaderValue::from_static(original.media_type);
    headers.insert(CONTENT_TYPE, media_type);
    if let Some(length) = streamed.length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let body = original::body(
        streamed,
        turn,
        canonical.name(),
        &route.id,
        &resizer.metrics,
    );
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    Ok(response)
}

/// The work on a job, by a request that can wait for `left`.
async fn work(
    resizer: Arc<Resizer>,
    route: Route,
    left: Duration,
    sealed: Sealed,
) -> Result<Made, Failure> {
    let (canonical, accept, id) = (&route.canonical, route.accept, &route.id);
    let asker = Asker {
        client: route.client,
        kind: Kind::of(canonical),
        left,
    };
    let admitted = resizer.gate.admit(asker).await?;
    sealed.set();
    let (original, joined) = resizer.source.get(canonical.name()).await?;
    let Original { validators, bytes } = original;
    if joined {
        resizer.metrics.coalesced.inc();
    } else {
        resizer.metrics.fetches.inc();
        resizer.metrics.fetched_bytes.inc_by(bytes.len() as u64);
    }
    let etag = etag(&validators, canonical, accept, resizer.imaging.encoding);
    // Not every source tells its validators before it gives the original.
    if route.has(etag.as_ref()) {
        return Ok(Made {
            validators,
            etag,
            content: Content::NotModified,
        });
    }

    let (settings, wanted) = (
        resizer.imaging,
        imaging::Request {
            operation: canonical.operation(),
            options: canonical.options(),
            accepts: accept,
        },
    );
    // The frames of a large animation are counted, which takes too long for this thread.
    let read = bytes.clone();
    let estimating =
        tokio::task::spawn_blocking(move || imaging::estimate(&read, &wanted, &settings));
    let cost = estimating.await.map_err(|_| Panicked)??;
    let demand = Demand {
        memory: cost.memory,
        time: cost.time,
        least_time: cost.least_time,
    };
    admitted.judge(&demand)?;
    if wanted.operation != Operation::Size {
        resizer.metrics.decodes.inc();
    }
    let isolation = resizer.isolation.clone();
    let isolation = isolation.filter(|_| cost.longest_step > LONG_STEP);
    if isolation.is_some() {
        resizer.metrics.isolated.inc();
    }
    let path = canonical.path().to_owned();
    let picture = admitted
        .work(demand, move |abandoned| {
            let check = imaging::Check {
                // Each request that waits has its own; when the last has left, the job is cancelled.
                deadline: None,
                cancelled: Some(abandoned),
            };
            match isolation {
                Some(isolation) => {
                    isolation.transform(&path, accept, &bytes, &settings, cost.memory, &check)
                }
                None => Ok(imaging::transform(&bytes, &wanted, &settings, &check)?),
            }
        })
        .await??;
    if picture.truncated {
        resizer.metrics.truncated.inc();
        let name = Shown(canonical.name());
        tracing::warn!(request = %id, %name, "original truncated, shown as far as it goes");
    }
    let content = Content::Image {
        media_type: picture.media_type,
        bytes: picture.bytes.into(),
    };
    Ok(Made {
        validators,
        etag,
        content,
    })
}
