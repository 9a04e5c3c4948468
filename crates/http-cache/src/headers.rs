//! What is done to the headers of messages on their way in.

use crate::cache::UpstreamBody;
use http::HeaderMap;
use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, HeaderName,
    HeaderValue, TRANSFER_ENCODING,
};
use http_body::Body as _;
use std::time::SystemTime;

/// What a 304 does not change in what is stored (RFC 9111 §3.2): the length, and how the stored body is to be read.
const KEPT: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE];

/// Takes off the headers that belong to one connection (RFC 9111 §3.1), and the length, which the body has itself.
pub(crate) fn strip_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        TRANSFER_ENCODING,
        CONTENT_LENGTH,
        http::header::UPGRADE,
        http::header::TE,
    ] {
        headers.remove(name);
    }
    for name in [
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
    ] {
        headers.remove(name);
    }
}

/// Headers with those of another message put over them, as RFC 9111 §3.2 says.
pub(crate) fn updated(stored: &HeaderMap, mut update: HeaderMap) -> HeaderMap {
    let mut headers = stored.clone();
    headers.remove(AGE); // the update's own counts, or none
    for name in KEPT {
        update.remove(name);
    }
    for name in update.keys() {
        headers.remove(name);
    }
    headers.extend(update);
    headers
}

/// The same headers with memory of their own: as they came, their values are parts of the connection's read buffer.
pub(crate) fn owned(headers: &HeaderMap) -> HeaderMap {
    let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes());
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), copy(value).ok()?)))
        .fold(
            HeaderMap::with_capacity(headers.len()),
            |mut owned, (name, value)| {
                owned.append(name, value);
                owned
            },
        )
}

/// Notes when a message without a `Date` came (RFC 9110 §6.6.1).
pub(crate) fn date(headers: &mut HeaderMap, now: SystemTime) {
    if !headers.contains_key(DATE)
        && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now))
    {
        headers.insert(DATE, date);
    }
}

/// The length that the message states, or that its body knows.
pub(crate) fn content_length(headers: &HeaderMap, body: &UpstreamBody) -> Option<u64> {
    let stated = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    stated.or_else(|| body.size_hint().exact())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_304_changes_what_it_says_and_not_how_the_body_is_read() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect()
        };
        let stored = headers(&[
            ("age", "9"),
            ("x", "old"),
            ("y", "stays"),
            ("content-encoding", "gzip"),
        ]);
        let update = headers(&[
            ("x", "new"),
            ("z", "comes"),
            ("content-encoding", "br"),
            ("content-length", "0"),
        ]);
        let expected = headers(&[
            ("y", "stays"),
            ("content-encoding", "gzip"),
            ("x", "new"),
            ("z", "comes"),
        ]);
        assert_eq!(updated(&stored, update), expected);
    }

    #[test]
    fn headers_of_the_connection_are_taken_off() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("close, X-Hop"));
        headers.insert("x-hop", HeaderValue::from_static("1"));
        headers.insert("etag", HeaderValue::from_static("\"a\""));
        strip_connection_headers(&mut headers);
        assert_eq!(headers.len(), 1);
    }
}
