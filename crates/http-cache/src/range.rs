//! Parts of a stored response (RFC 9110 §14): which part a request means, and whether it is the right version's.
//!
//! One range only: several in one request, which RFC 9110 §14.2 allows to ignore, get the whole.

use crate::date::{self, date_of};
use http::HeaderMap;
use http::header::{CONTENT_RANGE, DATE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use std::time::Duration;

/// What `Range` asks for, not yet held against a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// From the first byte on; to the last one, that included.
    From(u64, Option<u64>),
    /// The last bytes.
    Last(u64),
}

/// Bytes of a representation, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 and the whole.
    Whole,
    /// 206 and a part.
    Part(Part),
    /// 416.
    Unsatisfiable,
}

impl Asked {
    /// The part of a representation of `length` bytes; `None` when it has no such part.
    pub fn within(self, length: u64) -> Option<Part> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From(first, last) if first <= end => Some(Part {
                first,
                last: last.map_or(end, |last| last.min(end)),
            }),
            Self::Last(count) if count > 0 => Some(Part {
                first: length.saturating_sub(count),
                last: end,
            }),
            _ => None,
        }
    }
}

impl Part {
    /// Its length in bytes.
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// The value of `Content-Range` where the whole has `length` bytes.
    pub fn content_range(self, length: u64) -> String {
        format!("bytes {}-{}/{length}", self.first, self.last)
    }
}

/// The one range of bytes that a request asks for; `None` where it asks for none, for several, or in a way that is to
/// be ignored.
pub fn asked(request: &HeaderMap) -> Option<Asked> {
    let mut lines = request.get_all(RANGE).iter();
    let line = lines.next()?.to_str().ok()?;
    if lines.next().is_some() {
        return None;
    }
    let (unit, range) = line.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first, last) {
        ("", count) => Some(Asked::Last(number(count)?)),
        (first, "") => Some(Asked::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Asked::From(first, Some(last)))
        }
    }
}

/// Whether `If-Range` lets the range count (RFC 9110 §13.1.5): its tag is strong and the same, or its date is the same and
/// strong, which a date is that lies a second before the answer's.
pub fn if_range_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = request.get(IF_RANGE) else {
        return true;
    };
    if condition.as_bytes().starts_with(b"\"") {
        return stored.get(ETAG) == Some(condition);
    }
    let now = date::moment_of(stored);
    let said = condition.to_str().ok();
    let said = said.and_then(|text| date::parse(text, now));
    let date = |name| date_of(stored, name, now);
    match (said, date(LAST_MODIFIED), date(DATE)) {
        (Some(said), Some(modified), Some(date)) => {
            said == modified && modified + Duration::from_secs(1) <= date
        }
        _ => false,
    }
}

/// What a request gets of a stored 200 with these headers and a body of this length.
pub fn answer(request: &HeaderMap, stored: &HeaderMap, length: u64) -> Answer {
    match asked(request) {
        Some(asked) if if_range_holds(request, stored) => asked
            .within(length)
            .map_or(Answer::Unsatisfiable, Answer::Part),
        _ => Answer::Whole,
    }
}

/// What a 206 holds, by its `Content-Range`: the part, and the length of the whole where it is known.
pub fn held(headers: &HeaderMap) -> Option<(Part, Option<u64>)> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (part, length) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let part = Part {
        first: first.parse().ok()?,
        last: last.parse().ok()?,
    };
    let length: Option<u64> = match length {
        "*" => None,
        length => Some(length.parse().ok()?),
    };
    let sound = part.first <= part.last && length.is_none_or(|length| part.last < length);
    sound.then_some((part, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn ranges_are_read_and_held_against_the_length() {
        let part = |first, last| Answer::Part(Part { first, last });
        for (range, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=2-5", part(2, 5)),
            ("bytes=2-", part(2, 9)),
            ("bytes=2-99", part(2, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-99", part(0, 9)),
            ("Bytes=0-99999999999999999999", part(0, 9)),
            ("bytes=10-", Answer::Unsatisfiable),
            ("bytes=-0", Answer::Unsatisfiable),
            ("bytes=5-2", Answer::Whole),
            ("bytes=a-b", Answer::Whole),
            ("bytes=0-1,3-4", Answer::Whole),
            ("bytes=-", Answer::Whole),
            ("bytes=+1-2", Answer::Whole),
            ("lines=0-1", Answer::Whole),
        ] {
            let request = headers(&[(RANGE, range)]);
            assert_eq!(answer(&request, &HeaderMap::new(), 10), expected, "{range}");
        }
        assert_eq!(
            answer(&headers(&[(RANGE, "bytes=0-")]), &HeaderMap::new(), 0),
            Answer::Unsatisfiable
        );
    }

    #[test]
    fn a_range_counts_for_the_version_that_is_named_only() {
        let stored = headers(&[
            (ETAG, "\"a\""),
            (LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (DATE, "Sun, 06 Nov 1994 08:49:40 GMT"),
        ]);
        for (condition, holds) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:38 GMT", false),
            ("yesterday", false),
        ] {
            assert_eq!(
                if_range_holds(&headers(&[(IF_RANGE, condition)]), &stored),
                holds,
                "{condition}"
            );
        }
        let fresh = headers(&[
            (LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (DATE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        assert!(!if_range_holds(
            &headers(&[(IF_RANGE, "Sun, 06 Nov 1994 08:49:37 GMT")]),
            &fresh
        ));
        assert!(!if_range_holds(
            &headers(&[(IF_RANGE, "W/\"a\"")]),
            &headers(&[(ETAG, "W/\"a\"")])
        ));
    }

    #[test]
    fn what_a_part_holds_is_read() {
        let part = |first, last| Part { first, last };
        for (range, expected) in [
            ("bytes 0-4/10", Some((part(0, 4), Some(10)))),
            ("bytes 3-4/*", Some((part(3, 4), None))),
            ("bytes 4-3/10", None),
            ("bytes 0-10/10", None),
            ("bytes */10", None),
            ("lines 0-4/10", None),
        ] {
            assert_eq!(
                held(&headers(&[(CONTENT_RANGE, range)])),
                expected,
                "{range}"
            );
        }
    }
}
