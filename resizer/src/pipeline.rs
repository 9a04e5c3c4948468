//! The way of a request: parse URL → condition → join an equal job, or admit → original → cost → transform → respond.

use crate::coalesce::Sealed;
use crate::config::Config;
use crate::etag::{etag, matches};
use crate::failure::Failure;
use crate::gate::{Asker, Demand, Gate, Kind, Panicked};
use crate::isolate::{Isolation, LONG_STEP};
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::original::{self, Body, Turns, full};
use crate::source::{Original, Source, SourceError, Validators};
use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use http::{Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use image_url::{AcceptClass, Canonical, Operation, Target};
use imaging::Settings;
use service::metrics::{Registry, milliseconds};
use service::request_id::X_REQUEST_ID;
use service::shown::Shown;
use service::throttle::Outages;
use service::{RequestId, framing};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the edge says that its client accepts, in one word.
const X_TANDEM_ACCEPT: HeaderName = HeaderName::from_static("x-tandem-accept");

/// Whose request the edge passes on, as a hash.
const X_TANDEM_CLIENT: HeaderName = HeaderName::from_static("x-tandem-client");

/// How long the edge waits for the response, in milliseconds.
const X_TANDEM_DEADLINE_MS: HeaderName = HeaderName::from_static("x-tandem-deadline-ms");

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

/// What a request gives.
#[derive(Clone, Debug)]
struct Made {
    validators: Validators,
    etag: Option<HeaderValue>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// The client's copy is still good.
    NotModified,
    Picture {
        media_type: &'static str,
        bytes: Bytes,
    },
}

/// Answers one request, logs it and counts it.
pub(crate) async fn handle(resizer: Arc<Resizer>, request: Request<Incoming>) -> Response<Body> {
    let started = Instant::now();
    let id = RequestId::accept(request.headers().get(&X_REQUEST_ID));
    let mut negotiated = false;
    let timeout = deadline_of_edge(request.headers())
        .map_or(resizer.timeout, |left| left.min(resizer.timeout));
    let making = make(&resizer, &request, &id, (started, timeout), &mut negotiated);
    // Requests past their deadline are dropped: those that wait never begin, those under work see it by their flag.
    let made = tokio::time::timeout(timeout, making).await;
    let (mut response, cause) = match made.unwrap_or(Err(Failure::Timeout(timeout).into())) {
        Ok(response) => (response, None),
        Err(failure) => {
            let detail = failure.detail();
            let response = failure.problem().response_with(detail.as_deref());
            let mut response = response.map(full);
            if failure.lies_in_the_original() {
                response.headers_mut().remove(CACHE_CONTROL);
            }
            if failure.closes() {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            (response, Some(failure))
        }
    };
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    if negotiated {
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("Accept"));
    }
    // A 304 has no length of its own (RFC 9110 §8.6).
    if request.method() == Method::HEAD && response.status() != StatusCode::NOT_MODIFIED {
        if let Some(length) = response.body().size_hint().exact() {
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        *response.body_mut() = full(Bytes::new());
    }
    let (status, path) = (response.status(), Shown(request.uri().path()));
    let problem = cause.as_ref().map(|cause| cause.problem());
    let cause = cause.map(|cause| Shown(&cause.to_string()).to_string());
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

/// What is to be done for a request, and for every other that asks for the same.
#[derive(Clone, Debug)]
struct Job {
    canonical: Canonical,
    accept: AcceptClass,
    /// The client's copy, whose tag may turn out to be that of the original.
    condition: Option<HeaderValue>,
    client: u64,
    id: RequestId,
}

impl Job {
    /// Sets `negotiated` as soon as it is known that the answer depends on `Accept`, whatever the answer will be.
    fn of(
        request: &Request<Incoming>,
        id: &RequestId,
        negotiated: &mut bool,
    ) -> Result<Self, Failure> {
        framing::check_request(request)?;
        let target = Target::parse(&request.uri().to_string())?;
        let canonical = Canonical::parse(target.uri())?;
        *negotiated = canonical.varies_on_accept();
        Ok(Self {
            canonical,
            accept: accept_class(request.headers()),
            condition: request.headers().get(IF_NONE_MATCH).cloned(),
            client: client(request.headers()),
            id: id.clone(),
        })
    }

    /// Jobs of the same key give the same response, if the original is the same.
    fn key(&self) -> String {
        let accept = if self.canonical.varies_on_accept() {
            self.accept.word()
        } else {
            ""
        };
        format!("{accept} {} {:?}", self.canonical.path(), self.condition)
    }

    /// The tag of an original by what its source says before it gives it.
    async fn tag(&self, resizer: &Resizer) -> Result<Option<(Validators, HeaderValue)>, Failure> {
        let validators = resizer.source.validators(self.canonical.name()).await?;
        Ok(validators.and_then(|validators| {
            let encoding = resizer.imaging.encoding;
            let etag = etag(&validators, &self.canonical, self.accept, encoding)?;
            Some((validators, etag))
        }))
    }

    /// Whether the client has it already.
    fn has(&self, etag: Option<&HeaderValue>) -> bool {
        match (&self.condition, etag) {
            (Some(condition), Some(etag)) => matches(condition, etag),
            _ => false,
        }
    }
}

async fn make(
    resizer: &Arc<Resizer>,
    request: &Request<Incoming>,
    id: &RequestId,
    (started, timeout): (Instant, Duration),
    negotiated: &mut bool,
) -> Result<Response<Body>, Arc<Failure>> {
    let job = Job::of(request, id, negotiated)?;
    let mut current = None;
    if job.condition.is_some()
        && let Some((validators, etag)) = job.tag(resizer).await?
    {
        if job.has(Some(&etag)) {
            return Ok(not_modified(&validators, Some(etag)));
        }
        current = Some(etag);
    }
    if job.canonical.operation() == Operation::Original {
        return Ok(pass_on(resizer, &job, timeout).await?);
    }

    let deadline = started + timeout;
    let shared = Job {
        condition: job.condition.clone().filter(|_| current.is_none()),
        ..job.clone()
    };
    let (mut key, mut first) = (shared.key(), true);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let begin = |sealed| work(resizer.clone(), shared.clone(), left, sealed);
        let share = resizer.jobs.enter(&key, left, begin)?;
        // The job of another request may have read an original that has changed meanwhile.
        if first && share.late() && current.is_none() {
            match job.tag(resizer).await {
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
            return made.map(picture);
        }
        (key, first) = (again, false);
    }
}

/// The original itself, which is not held and so needs no admission.
async fn pass_on(
    resizer: &Resizer,
    job: &Job,
    timeout: Duration,
) -> Result<Response<Body>, Failure> {
    // The other half is for the source.
    let turn = resizer.originals.take(timeout / 2).await?;
    let (canonical, encoding) = (&job.canonical, resizer.imaging.encoding);
    let original = original::open(&resizer.source, canonical, &resizer.imaging.limits).await?;
    resizer.metrics.fetches.inc();
    let streamed = original.streamed;
    let etag = etag(&streamed.validators, canonical, job.accept, encoding);
    if job.has(etag.as_ref()) {
        return Ok(not_modified(&streamed.validators, etag));
    }
    let mut headers = validators(&streamed.validators, etag);
    let media_type = HeaderValue::from_static(original.media_type);
    headers.insert(CONTENT_TYPE, media_type);
    if let Some(length) = streamed.length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let body = original::body(streamed, turn, canonical.name(), &job.id, &resizer.metrics);
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    Ok(response)
}

/// The work on a job, by a request that can wait for `left`.
async fn work(
    resizer: Arc<Resizer>,
    job: Job,
    left: Duration,
    sealed: Sealed,
) -> Result<Made, Failure> {
    let (canonical, accept, id) = (&job.canonical, job.accept, &job.id);
    let asker = Asker {
        client: job.client,
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
    if job.has(etag.as_ref()) {
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
    let content = Content::Picture {
        media_type: picture.media_type,
        bytes: picture.bytes.into(),
    };
    Ok(Made {
        validators,
        etag,
        content,
    })
}

/// The client that the edge names; requests that come without an edge are of one client.
fn client(headers: &HeaderMap) -> u64 {
    let hash = headers
        .get(X_TANDEM_CLIENT)
        .and_then(|hash| hash.to_str().ok());
    hash.and_then(|hash| u64::from_str_radix(hash, 16).ok())
        .unwrap_or(0)
}

/// What is left of the time that the edge waits.
fn deadline_of_edge(headers: &HeaderMap) -> Option<Duration> {
    let left = headers
        .get(X_TANDEM_DEADLINE_MS)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_millis(left))
}

/// What the client accepts: by the edge's word, or by the client's own header where no edge is in front.
fn accept_class(headers: &HeaderMap) -> AcceptClass {
    let word = headers.get(X_TANDEM_ACCEPT);
    word.and_then(|word| AcceptClass::from_word(word.as_bytes()))
        .unwrap_or_else(|| {
            let values = headers.get_all(ACCEPT).iter();
            AcceptClass::reduce(values.map(HeaderValue::as_bytes))
        })
}

/// The answer with its validators.
fn picture(made: Made) -> Response<Body> {
    let Content::Picture { media_type, bytes } = made.content else {
        return not_modified(&made.validators, made.etag);
    };
    let mut response = Response::new(full(bytes));
    *response.headers_mut() = validators(&made.validators, made.etag);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn not_modified(of: &Validators, etag: Option<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = validators(of, etag);
    response
}

/// The headers that tell one state of an image from another. None of the source's own headers goes out.
fn validators(of: &Validators, etag: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(etag) = etag {
        headers.insert(ETAG, etag);
    }
    let modified = of.last_modified.filter(has_http_date);
    let date = modified.map(httpdate::fmt_http_date);
    if let Some(Ok(date)) = date.map(HeaderValue::try_from) {
        headers.insert(LAST_MODIFIED, date);
    }
    headers
}

/// The dates that HTTP can write have years of four digits (RFC 9110 §5.6.7); those before 1970 are not of use.
fn has_http_date(time: &SystemTime) -> bool {
    const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);
    time.duration_since(UNIX_EPOCH)
        .is_ok_and(|since| since < YEAR_10000)
}
