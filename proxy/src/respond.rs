//! Turning what the cache gave into what the client gets: headers, conditions, HEAD, problems.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, EXPIRES, HeaderName,
    HeaderValue, LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{Either, Full, StreamBody};
use http_cache::cache::ServedBody;
use http_cache::flight::Incomplete;
use http_cache::{Served, conditional};
use service::Problem;
use std::time::{Duration, SystemTime};

/// The body of an answer: whole from memory, or as it arrives.
pub(crate) type Body =
    Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Incomplete>>>>;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The name under which this cache stands in `Cache-Status`.
const NAME: &str = "tandem";

/// The resizer's headers that clients get; whatever else it or the source sends stays inside.
const PASSED_ON: [HeaderName; 4] = [CONTENT_TYPE, ETAG, LAST_MODIFIED, VARY];

/// How long clients may keep an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientLifetime {
    /// `--expires`; `None` passes on what the resizer says.
    pub expires: Option<Duration>,
    /// The end of a signed link's life, past which nobody may keep what it gave.
    pub link_expires: Option<SystemTime>,
}

/// The answer to a request that got a picture.
pub(crate) fn picture(
    method: &Method,
    request: &HeaderMap,
    served: Served,
    lifetime: ClientLifetime,
) -> Response<Body> {
    let head = served.head.clone();
    let mut headers = HeaderMap::with_capacity(12);
    for name in PASSED_ON {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(AGE, HeaderValue::from(served.age().as_secs()));
    set_lifetime(&mut headers, &served, lifetime);
    headers.insert(CACHE_STATUS, served.cache_status(NAME));
    headers.insert(
        X_CACHE,
        HeaderValue::from_static(served.status.nginx_word()),
    );

    let not_modified =
        head.status == StatusCode::OK && conditional::not_modified(request, &head.headers);
    let (status, body) = if not_modified {
        headers.remove(CONTENT_TYPE);
        (StatusCode::NOT_MODIFIED, empty())
    } else {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let (length, body) = body(served.body);
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        (
            head.status,
            if method == Method::HEAD {
                empty()
            } else {
                body
            },
        )
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// `Expires` and `Cache-Control` (nginx: `expires 30d`), never beyond the life of the link.
fn set_lifetime(headers: &mut HeaderMap, served: &Served, lifetime: ClientLifetime) {
    let left = lifetime
        .link_expires
        .map(|end| end.duration_since(served.now).unwrap_or_default());
    match (lifetime.expires, left) {
        (None, None) => {
            for name in [CACHE_CONTROL, EXPIRES] {
                if let Some(value) = served.head.headers.get(&name) {
                    headers.insert(name, value.clone());
                }
            }
        }
        (expires, left) => {
            // max-age counts from the age that `Age` tells (RFC 9111 §4.2), so the link's remaining time starts there.
            let capped = left.map(|left| left + served.age());
            let max_age = [expires, capped]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or_default();
            let until = served.now + max_age.saturating_sub(served.age());
            headers.insert(CACHE_CONTROL, max_age_value(max_age));
            if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(until)) {
                headers.insert(EXPIRES, date);
            }
        }
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
        ServedBody::Streaming { stream, length } => {
            let frames = stream.map(|chunk| chunk.map(Frame::data)).boxed();
            (length, Either::Right(StreamBody::new(frames)))
        }
    }
}

fn empty() -> Body {
    Either::Left(Full::default())
}

/// The answer to a request that got none. No cache on the way may keep it.
pub(crate) fn problem(problem: Problem, method: &Method, close: bool) -> Response<Body> {
    let mut response = problem.response();
    let length = response.body().len() as u64;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let head_only = method == Method::HEAD;
    response.map(|body| {
        if head_only {
            empty()
        } else {
            Either::Left(Full::new(body))
        }
    })
}
