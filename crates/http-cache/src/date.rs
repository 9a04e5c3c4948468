//! Dates in headers (RFC 9110 §5.6.7), by `httpdate`, with the leniency that caches owe them.

use http::HeaderMap;
use http::header::HeaderName;
use std::time::SystemTime;

/// The date of a header.
pub(crate) fn date_of(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    parse(headers.get(name)?.to_str().ok()?)
}

/// Reads one of the three forms, whatever its case: RFC 9111 §4.2 asks caches to ignore that.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text)
        .or_else(|_| httpdate::parse_http_date(&usual_case(text)))
        .ok()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: words begin with a capital, `GMT` is all of them.
fn usual_case(text: &str) -> String {
    let mut begins = true;
    let cased = text.chars().map(|letter| {
        let cased = if begins {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
        begins = !letter.is_ascii_alphabetic();
        cased
    });
    cased.collect::<String>().replace("Gmt", "GMT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn three_forms_are_read_in_any_case() {
        let expected = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "SUN, 06 NOV 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "0",
            "yesterday",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
