//! Turning what the cache gave into what the client gets: headers, conditions, HEAD, problems.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AGE, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, EXPIRES, HeaderName, HeaderValue, LAST_MODIFIED, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{Either, Full, StreamBody};
use http_cache::flight::Frames;
use http_cache::range::{self, Answer};
use http_cache::{Head, Served, ServedBody, conditional};
use std::time::{Duration, SystemTime};
use wire::Problem;

/// The body of an answer: whole from memory, or as it arrives.
pub(crate) type Body = Either<Full<Bytes>, StreamBody<Frames>>;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The name under which this cache stands in `Cache-Status`.
const NAME: &str = "tandem";

/// The resizer's headers that clients get; whatever else it or the source sends stays inside.
const PASSED_ON: [HeaderName; 4] = [CONTENT_TYPE, ETAG, LAST_MODIFIED, VARY];

/// No lifetime is longer, so that every date has four digits for its year.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How long clients may keep an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientLifetime {
    /// `--expires`; `None` passes on what the resizer says.
    pub expires: Option<Duration>,
    /// The end of a signed link's life, past which nobody may keep what it gave.
    pub link_expires: Option<SystemTime>,
}

/// The answer to a request that got a picture: all of it, a part, or that the client's copy is still good.
pub(crate) fn picture(
    method: &Method,
    request: &HeaderMap,
    served: Served,
    lifetime: ClientLifetime,
) -> Response<Body> {
    let head = served.head.clone();
    let prepared = head.prepared(|_| prepare(&served, lifetime.expires));
    let mut headers = prepared.clone();
    headers.insert(AGE, HeaderValue::from(served.age().as_secs()));
    set_lifetime(&mut headers, &served, lifetime);
    headers.extend(told(&served));

    let ok = head.status == StatusCode::OK;
    let (status, body) = if ok && conditional::precondition_failed(request, &head.headers) {
        headers.remove(CONTENT_TYPE);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        (StatusCode::PRECONDITION_FAILED, empty())
    } else if ok && conditional::not_modified(request, &head.headers) {
        headers.remove(CONTENT_TYPE);
        (StatusCode::NOT_MODIFIED, empty())
    } else {
        let (status, served) = match served.body.length() {
            Some(length) if ok && method == Method::GET && request.contains_key(RANGE) => {
                part(request, &head, served.body, length, &mut headers)
            }
            _ => (head.status, served.body),
        };
        let (length, body) = body(served);
        let head_only = method == Method::HEAD;
        // A body that is all there says its length itself.
        if let Some(length) = length
            && (head_only || matches!(body, Either::Right(_)))
        {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        (status, if head_only { empty() } else { body })
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What the cache did for an answer, as `Cache-Status` (RFC 9211) and in nginx's word.
pub(crate) fn told(served: &Served) -> [(HeaderName, HeaderValue); 2] {
    let word = HeaderValue::from_static(served.status.nginx_word());
    [(CACHE_STATUS, served.cache_status(NAME)), (X_CACHE, word)]
}

/// The headers that are the same in every answer with this picture, as long as it is younger than `expires`.
fn prepare(served: &Served, expires: Option<Duration>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    for name in PASSED_ON {
        if let Some(value) = served.head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    if let Some(max_age) = expires {
        insert_lifetime(&mut headers, served, max_age);
    } else {
        for name in [CACHE_CONTROL, EXPIRES] {
            if let Some(value) = served.head.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers
}

/// What a request with a `Range` gets of a body of a known length. Where that still arrives, a part of it is passed on as it
/// comes; where its length is not known, the range is ignored, as a server may (RFC 9110 §14.2).
fn part(
    request: &HeaderMap,
    head: &Head,
    body: ServedBody,
    length: u64,
    headers: &mut HeaderMap,
) -> (StatusCode, ServedBody) {
    let (status, range, body) = match range::answer(request, &head.headers, length) {
        Answer::Whole => return (StatusCode::OK, body),
        Answer::Part(part) => (
            StatusCode::PARTIAL_CONTENT,
            part.content_range(length),
            body.part(part),
        ),
        Answer::Unsatisfiable => (
            StatusCode::RANGE_NOT_SATISFIABLE,
            format!("bytes */{length}"),
            ServedBody::Whole(Bytes::new()),
        ),
    };
    if let Ok(range) = HeaderValue::try_from(range) {
        headers.insert(CONTENT_RANGE, range);
    }
    (status, body)
}

/// Sets `Expires` and `Cache-Control` where those that are prepared do not hold: never beyond the life of the link, and
/// from now on where the picture is older than it may become.
fn set_lifetime(headers: &mut HeaderMap, served: &Served, lifetime: ClientLifetime) {
    let left = lifetime
        .link_expires
        .map(|end| end.duration_since(served.now).unwrap_or_default());
    // max-age counts from the age that `Age` tells (RFC 9111 §4.2), so the link's remaining time starts there.
    let capped = left.map(|left| left.saturating_add(served.age()));
    let max_age = match (lifetime.expires, capped) {
        (expires, Some(capped)) => expires.map_or(capped, |expires| expires.min(capped)),
        (Some(expires), None) if served.age() >= expires => expires,
        (_, None) => return,
    };
    insert_lifetime(headers, served, max_age);
}

/// `Expires` and `Cache-Control` (nginx: `expires 30d`).
fn insert_lifetime(headers: &mut HeaderMap, served: &Served, max_age: Duration) {
    let max_age = max_age.min(LONGEST);
    let until = served.now + max_age.saturating_sub(served.age());
    headers.insert(CACHE_CONTROL, max_age_value(max_age));
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(until)) {
        headers.insert(EXPIRES, date);
    }
}

/// Tells caches on the way that the answer depends on `Accept`. It belongs on every answer to such a URL, so that a
/// problem or a 304 does not stand for all clients (RFC 9110 §12.5.5).
pub(crate) fn vary_on_accept(response: &mut Response<Body>) {
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept"));
}

fn max_age_value(max_age: Duration) -> HeaderValue {
    HeaderValue::try_from(format!("max-age={}", max_age.as_secs()))
        .unwrap_or(HeaderValue::from_static("no-cache"))
}

fn body(body: ServedBody) -> (Option<u64>, Body) {
    match body {
        ServedBody::Whole(bytes) => (Some(bytes.len() as u64), Either::Left(Full::new(bytes))),
        ServedBody::File(file) => {
            let length = file.length();
            (Some(length), Either::Right(StreamBody::new(file.frames())))
        }
        ServedBody::Streaming { frames, length } => {
            (length, Either::Right(StreamBody::new(frames)))
        }
    }
}

fn empty() -> Body {
    Either::Left(Full::default())
}

/// The answer of `--health-path`, for load balancers: whether this process wants traffic.
pub(crate) fn health(ready: bool, method: &Method) -> Response<Body> {
    let (status, text) = if ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    };
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    unstored(response, method)
}

/// The answer to a request that got none.
pub(crate) fn problem(
    problem: Problem,
    detail: Option<&str>,
    method: &Method,
    close: bool,
) -> Response<Body> {
    let mut response = unstored(problem.response_with(detail), method);
    if close {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// What no cache on the way may keep: whole, whatever `Range` says, and for HEAD without its body.
fn unstored(mut response: Response<Bytes>, method: &Method) -> Response<Body> {
    let length = response.body().len() as u64;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let head_only = method == Method::HEAD;
    response.map(|body| {
        if head_only {
            empty()
        } else {
            Either::Left(Full::new(body))
        }
    })
}
