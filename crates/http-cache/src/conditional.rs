//! Conditional requests answered from what is stored (RFC 9110 §13).

use http::HeaderMap;
use http::header::{DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};

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
            .flat_map(|list| list.as_bytes().split(|byte| *byte == b','))
            .any(|candidate| {
                matches!(candidate.trim_ascii(), b"*") || opaque(candidate.trim_ascii()) == etag
            });
    }
    let date = |headers: &HeaderMap, name| {
        httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
    };
    let modified = date(stored, LAST_MODIFIED).or_else(|| date(stored, DATE));
    match (date(request, IF_MODIFIED_SINCE), modified) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
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
}
