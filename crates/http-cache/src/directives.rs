//! `Cache-Control` read as a whole (RFC 9111 §5.2): of the directives, those that a shared cache obeys.

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use std::time::Duration;

/// The largest delta-seconds a cache needs to represent (RFC 9111 §1.2.2).
const MAX_DELTA: u64 = 1 << 31;

/// The directives of a response. A flag given twice is one; of a time given twice the shorter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "directives are flags on the wire as well"
)]
pub struct Directives {
    /// `no-store`
    pub no_store: bool,
    /// `private`, with or without field names
    pub private: bool,
    /// `no-cache`, with or without field names
    pub no_cache: bool,
    /// `must-revalidate` or `proxy-revalidate`: never served stale
    pub must_revalidate: bool,
    /// `s-maxage`; an invalid number counts as 0
    pub s_maxage: Option<Duration>,
    /// `max-age`; an invalid number counts as 0
    pub max_age: Option<Duration>,
    /// `stale-while-revalidate` (RFC 5861 §3)
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error` (RFC 5861 §4)
    pub stale_if_error: Option<Duration>,
}

impl Directives {
    /// Reads all `Cache-Control` lines of a message.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for value in headers.get_all(CACHE_CONTROL) {
            for (name, argument) in split(value.as_bytes()) {
                directives.take(&name, argument);
            }
        }
        directives
    }

    fn take(&mut self, name: &str, argument: Option<&[u8]>) {
        match name {
            "no-store" => self.no_store = true,
            "private" => self.private = true,
            "no-cache" => self.no_cache = true,
            "must-revalidate" | "proxy-revalidate" => self.must_revalidate = true,
            "s-maxage" => {
                // s-maxage also means proxy-revalidate (RFC 9111 §5.2.2.10).
                self.must_revalidate = true;
                shorten(&mut self.s_maxage, argument);
            }
            "max-age" => shorten(&mut self.max_age, argument),
            "stale-while-revalidate" => shorten(&mut self.stale_while_revalidate, argument),
            "stale-if-error" => shorten(&mut self.stale_if_error, argument),
            _ => {}
        }
    }
}

fn shorten(slot: &mut Option<Duration>, argument: Option<&[u8]>) {
    let delta = argument.and_then(delta_seconds).unwrap_or_default();
    *slot = Some(slot.map_or(delta, |known| known.min(delta)));
}

/// Delta-seconds (RFC 9111 §1.2.2): digits only; what is too large counts as 2³¹.
pub(crate) fn delta_seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = text.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    Some(Duration::from_secs(seconds.min(MAX_DELTA)))
}

/// Splits `name[=argument], …` at commas outside quotes; names in lower case, quotes taken off arguments.
fn split(value: &[u8]) -> impl Iterator<Item = (String, Option<&[u8]>)> {
    let mut quoted = false;
    value
        .split(move |byte| {
            quoted ^= *byte == b'"';
            *byte == b',' && !quoted
        })
        .map(|part| {
            let (name, argument) = match part.iter().position(|byte| *byte == b'=') {
                Some(at) => (&part[..at], Some(unquote(part[at + 1..].trim_ascii()))),
                None => (part, None),
            };
            (
                String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase(),
                argument,
            )
        })
}

fn unquote(argument: &[u8]) -> &[u8] {
    argument
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Directives {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, value.parse().unwrap());
        Directives::of(&headers)
    }

    #[test]
    fn names_ignore_case_and_arguments_may_be_quoted() {
        let directives = read("Public, MAX-AGE=\"60\", private=\"a, b\"");
        assert_eq!(directives.max_age, Some(Duration::from_secs(60)));
        assert!(directives.private);
    }

    #[test]
    fn a_broken_age_counts_as_stale() {
        for value in [
            "max-age=soon",
            "max-age=-1",
            "max-age",
            "max-age=1.5",
            "max-age=",
        ] {
            assert_eq!(read(value).max_age, Some(Duration::ZERO), "{value}");
        }
    }

    #[test]
    fn of_two_ages_the_shorter_counts() {
        assert_eq!(
            read("max-age=60, max-age=10").max_age,
            Some(Duration::from_secs(10))
        );
    }

    #[test]
    fn an_absurd_age_is_bounded() {
        assert_eq!(
            read("max-age=99999999999999999999").max_age,
            Some(Duration::from_secs(MAX_DELTA))
        );
    }
}
