//! Turning what was made, or what went wrong, into a response.

use crate::failure::Failure;
use crate::original::{Body, full};
use crate::source::Validators;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    LAST_MODIFIED, VARY,
};
use http::{Response, StatusCode};
use hyper::body::Body as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a request gives.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) validators: Validators,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The client's copy is still good.
    NotModified,
    Image {
        media_type: &'static str,
        bytes: Bytes,
    },
}

/// The image with its validators.
pub(crate) fn image(made: Made) -> Response<Body> {
    let Content::Image { media_type, bytes } = made.content else {
        return not_modified(&made.validators, made.etag);
    };
    let mut response = Response::new(full(bytes));
    *response.headers_mut() = validators(&made.validators, made.etag);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

pub(crate) fn not_modified(of: &Validators, etag: Option<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = validators(of, etag);
    response
}

/// The problem of a failure. One that lasts as long as the original may be remembered by the edge.
pub(crate) fn problem(failure: &Failure) -> Response<Body> {
    let detail = failure.detail();
    let response = failure.problem().response_with(detail.as_deref());
    let mut response = response.map(full);
    let headers = response.headers_mut();
    if failure.lies_in_the_original() {
        headers.remove(CACHE_CONTROL);
    }
    if failure.closes() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Tells caches that the response depends on `Accept`, whatever it is.
pub(crate) fn vary_on_accept(response: &mut Response<Body>) {
    let accept = HeaderValue::from_static("Accept");
    response.headers_mut().insert(VARY, accept);
}

/// The response to HEAD: with the length of the content, and without the content. A 304 has no length of its own (RFC 9110
/// §8.6).
pub(crate) fn without_content(response: &mut Response<Body>) {
    if response.status() == StatusCode::NOT_MODIFIED {
        return;
    }
    if let Some(length) = response.body().size_hint().exact() {
        let length = HeaderValue::from(length);
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    *response.body_mut() = full(Bytes::new());
}

/// The validators of an image. None of the source's own headers goes out.
pub(crate) fn validators(of: &Validators, etag: Option<HeaderValue>) -> HeaderMap {
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
