//! Conditional requests evaluated on what is stored (RFC 9110 §13).

use crate::date::{date_of, moment_of};
use http::HeaderMap;
use http::header::{
    DATE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};

/// Whether the client's copy is still good, so that 304 says it all.
///
/// `If-None-Match` goes before `If-Modified-Since` (RFC 9110 §13.2.2) and compares weakly; a date that cannot be read
/// is ignored. A response that does not say when it was last modified was so by its `Date` (RFC 9111 §4.3.2).
pub fn not_modified(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let Some(etag) = stored.get(ETAG) else {
            return false;
        };
        let etag = opaque(etag.as_bytes());
        return request
            .get_all(IF_NONE_MATCH)
            .iter()
            .flat_map(|list| members(list.as_bytes()))
            .any(|candidate| candidate == b"*" || opaque(candidate) == etag);
    }
    if !request.contains_key(IF_MODIFIED_SINCE) {
        return false;
    }
    let now = moment_of(stored);
    let modified = date_of(stored, LAST_MODIFIED, now).or_else(|| date_of(stored, DATE, now));
    match (date_of(request, IF_MODIFIED_SINCE, now), modified) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// Whether the response is another than the client asks for, so that the status is 412 (Precondition Failed).
///
/// `If-Match` goes before `If-Unmodified-Since` (RFC 9110 §13.2.2) and compares strongly (§13.1.1). A date that cannot be
/// read is ignored, and one where the response has no `Last-Modified` (§13.1.4). To be evaluated before
/// [`not_modified`].
pub fn precondition_failed(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if request.contains_key(IF_MATCH) {
        let strong = stored
            .get(ETAG)
            .map(http::HeaderValue::as_bytes)
            .filter(|etag| !etag.starts_with(b"W/"));
        return !request
            .get_all(IF_MATCH)
            .iter()
            .flat_map(|list| members(list.as_bytes()))
            .any(|candidate| candidate == b"*" || Some(candidate) == strong);
    }
    let now = moment_of(stored);
    let since = date_of(request, IF_UNMODIFIED_SINCE, now);
    let modified = date_of(stored, LAST_MODIFIED, now);
    since
        .zip(modified)
        .is_some_and(|(since, modified)| modified > since)
}

/// The members of a list of entity tags, which may hold commas (RFC 9110 §8.8.3).
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    list.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    })
    .map(<[u8]>::trim_ascii)
}

fn opaque(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn conditions_are_judged_as_the_rfc_says() {
        let stored = headers(&[
            (ETAG, "\"a\""),
            (LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        for (request, expected) in [
            (headers(&[]), false),
            (headers(&[(IF_NONE_MATCH, "\"a\"")]), true),
            (headers(&[(IF_NONE_MATCH, "\"b\", W/\"a\"")]), true),
            (headers(&[(IF_NONE_MATCH, "*")]), true),
            (headers(&[(IF_NONE_MATCH, "\"a,b\", \"a\"")]), true),
            (headers(&[(IF_NONE_MATCH, "\"x,\"a\"")]), false),
            (headers(&[(IF_NONE_MATCH, "\"b\"")]), false),
            (
                headers(&[(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT")]),
                true,
            ),
            (
                headers(&[(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]),
                false,
            ),
            (headers(&[(IF_MODIFIED_SINCE, "yesterday")]), false),
            (
                headers(&[
                    (IF_NONE_MATCH, "\"b\""),
                    (IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT"),
                ]),
                false,
            ),
        ] {
            assert_eq!(not_modified(&request, &stored), expected, "{request:?}");
        }
    }

    #[test]
    fn preconditions_are_judged_as_the_rfc_says() {
        let stored = headers(&[
            (ETAG, "\"a\""),
            (LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        for (request, expected) in [
            (headers(&[]), false),
            (headers(&[(IF_MATCH, "*")]), false),
            (headers(&[(IF_MATCH, "\"b\", \"a\"")]), false),
            (headers(&[(IF_MATCH, "\"b\"")]), true),
            (headers(&[(IF_MATCH, "W/\"a\"")]), true),
            (
                headers(&[(IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT")]),
                false,
            ),
            (
                headers(&[(IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]),
                true,
            ),
            (headers(&[(IF_UNMODIFIED_SINCE, "yesterday")]), false),
            (
                headers(&[
                    (IF_MATCH, "\"a\""),
                    (IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT"),
                ]),
                false,
            ),
        ] {
            let failed = precondition_failed(&request, &stored);
            assert_eq!(failed, expected, "{request:?}");
        }
        let weak = headers(&[(ETAG, "W/\"a\"")]);
        assert!(precondition_failed(
            &headers(&[(IF_MATCH, "W/\"a\"")]),
            &weak
        ));
        let without_date = headers(&[(ETAG, "\"a\"")]);
        let since = headers(&[(IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]);
        assert!(!precondition_failed(&since, &without_date));
    }
}
