//! On which failures a stale response is served (nginx: `proxy_cache_use_stale`).

use crate::flight::FetchError;
use http::StatusCode;
use std::fmt;
use std::str::FromStr;

/// The failures, in nginx's words. Each stands for itself or for one status.
const WORDS: [(&str, Failure); 11] = [
    ("error", Failure::Error),
    ("timeout", Failure::Timeout),
    ("invalid_header", Failure::InvalidHeader),
    ("updating", Failure::Updating),
    ("http_500", Failure::Status(500)),
    ("http_502", Failure::Status(502)),
    ("http_503", Failure::Status(503)),
    ("http_504", Failure::Status(504)),
    ("http_403", Failure::Status(403)),
    ("http_404", Failure::Status(404)),
    ("http_429", Failure::Status(429)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The upstream cannot be reached or breaks off.
    Error,
    /// The upstream is too slow.
    Timeout,
    /// The upstream's answer is empty or malformed.
    InvalidHeader,
    /// No failure: a flight revalidates.
    Updating,
    /// The upstream answers with this status.
    Status(u16),
}

/// A set of failures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UseStale(u16);

impl UseStale {
    /// No failure: stale is served only where the response itself allows it (RFC 5861).
    pub const fn none() -> Self {
        Self(0)
    }

    /// All failures of the upstream: an old answer is better than none. What says something of the resource itself
    /// (403, 404, 429) is not among them.
    pub const fn all() -> Self {
        Self(0b1111_1111)
    }

    /// Whether an expired response is served while a flight revalidates it.
    pub fn updating(self) -> bool {
        self.has(Failure::Updating)
    }

    /// Whether a failed fetch is among them.
    pub fn covers(self, failure: &FetchError) -> bool {
        match failure {
            FetchError::Unreachable(_) | FetchError::Overloaded | FetchError::TooManyOfClient => {
                self.has(Failure::Error)
            }
            FetchError::Timeout(_) => self.has(Failure::Timeout),
            FetchError::Invalid(_) => self.has(Failure::InvalidHeader),
            FetchError::NotCached => false,
        }
    }

    /// Whether an answer with this status is among them.
    pub fn covers_status(self, status: StatusCode) -> bool {
        self.has(Failure::Status(status.as_u16()))
    }

    fn has(self, failure: Failure) -> bool {
        let at = WORDS.iter().position(|(_, known)| *known == failure);
        at.is_some_and(|at| self.0 & 1 << at != 0)
    }
}

impl FromStr for UseStale {
    type Err = String;

    /// Reads nginx's words, separated by commas or blanks; `off` for none.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "off" {
            return Ok(Self::none());
        }
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        words
            .map(|word| {
                let at = WORDS.iter().position(|(known, _)| *known == word);
                at.map(|at| 1 << at).ok_or_else(|| {
                    let known = WORDS.map(|(word, _)| word).join(", ");
                    format!("`{word}` is none of {known}, off")
                })
            })
            .try_fold(Self::none(), |set, bit| Ok(Self(set.0 | bit?)))
    }
}

impl fmt::Display for UseStale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = WORDS
            .iter()
            .enumerate()
            .filter(|(at, _)| self.0 & 1 << at != 0)
            .map(|(_, (word, _))| *word)
            .collect();
        f.write_str(if words.is_empty() { "off" } else { "" })?;
        f.write_str(&words.join(","))
    }
}

impl fmt::Debug for UseStale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_s_words_are_read_and_written() {
        for (text, expected) in [
            ("off", "off"),
            (
                "error timeout invalid_header updating",
                "error,timeout,invalid_header,updating",
            ),
            ("http_504,error", "error,http_504"),
        ] {
            let set: UseStale = text.parse().unwrap();
            assert_eq!(set.to_string(), expected);
            assert_eq!(set, set.to_string().parse().unwrap());
        }
        assert_eq!(
            UseStale::all().to_string(),
            "error,timeout,invalid_header,updating,http_500,http_502,http_503,http_504"
        );
        assert!(
            "errors"
                .parse::<UseStale>()
                .unwrap_err()
                .starts_with("`errors` is none of error, timeout")
        );
    }

    #[test]
    fn a_set_covers_what_is_in_it() {
        let set: UseStale = "timeout,http_503".parse().unwrap();
        assert!(set.covers(&FetchError::Timeout("".into())));
        assert!(!set.covers(&FetchError::Unreachable("".into())));
        assert!(set.covers_status(StatusCode::SERVICE_UNAVAILABLE));
        assert!(!set.covers_status(StatusCode::BAD_GATEWAY));
        assert!(!set.updating());
    }
}
