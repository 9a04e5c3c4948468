//! What may be stored, how long it is fresh, and when stale may be served. Pure: `now` is an argument.

use crate::directives::{Directives, delta_seconds};
use crate::flight::FetchError;
use crate::freshness::Freshness;
use http::header::{AUTHORIZATION, EXPIRES, SET_COOKIE, VARY};
use http::{HeaderMap, StatusCode};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The rules of one cache.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Lifetimes of responses that do not state one (nginx: `proxy_cache_valid`).
    pub valid: CacheValid,
    /// When stale responses may be served (nginx: `proxy_cache_use_stale`).
    pub use_stale: UseStale,
}

impl Policy {
    /// Whether and for how long a response may be stored by this shared cache.
    ///
    /// The lifetime is looked for in nginx's order: `X-Accel-Expires`, then `s-maxage`, `max-age`, `Expires`, then
    /// `--cache-valid`. `None`: not to be stored (RFC 9111 §3).
    pub fn storable(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Option<Freshness> {
        let directives = Directives::of(headers);
        let forbidden = directives.no_store || directives.private;
        let unshareable = headers.contains_key(SET_COOKIE) || headers.contains_key(AUTHORIZATION);
        let varies = headers
            .get_all(VARY)
            .iter()
            .any(|vary| vary.as_bytes().contains(&b'*'));
        if forbidden
            || unshareable
            || varies
            || status.is_informational()
            || status == StatusCode::PARTIAL_CONTENT
        {
            return None;
        }
        let lifetime = self.lifetime(status, headers, &directives, now)?;
        let lifetime = if directives.no_cache {
            Duration::ZERO
        } else {
            lifetime
        };
        Some(Freshness::new(headers, lifetime, now).with_stale_windows(&directives))
    }

    fn lifetime(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        directives: &Directives,
        now: SystemTime,
    ) -> Option<Duration> {
        let stated = accel_expires(headers, now)
            .or(directives.s_maxage)
            .or(directives.max_age)
            .or_else(|| expires(headers, now));
        match stated {
            // Stale from the start and not revalidatable by us: nothing is won by storing it.
            Some(Duration::ZERO) => None,
            Some(lifetime) => Some(lifetime),
            None => self
                .valid
                .lifetime(status)
                .filter(|lifetime| !lifetime.is_zero()),
        }
    }
}

/// nginx's header for its cache: seconds, or `@` and the time since 1970; 0 forbids storing.
fn accel_expires(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get("x-accel-expires")?.as_bytes();
    match value.strip_prefix(b"@") {
        Some(time) => {
            let time = UNIX_EPOCH + delta_seconds(time)?;
            Some(time.duration_since(now).unwrap_or_default())
        }
        None => delta_seconds(value),
    }
}

/// `Expires` less `Date`, or less `now` without one; a broken date is in the past (RFC 9111 §5.3).
fn expires(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let time = |name| {
        headers
            .get(name)
            .map(|value| httpdate::parse_http_date(value.to_str().unwrap_or("")))
    };
    let date = time(http::header::DATE).and_then(Result::ok).unwrap_or(now);
    Some(time(EXPIRES)?.map_or(Duration::ZERO, |expires| {
        expires.duration_since(date).unwrap_or_default()
    }))
}

/// How long responses are fresh that do not say so themselves (nginx: `proxy_cache_valid`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheValid(Vec<ValidRule>);

/// One rule: `30d` is for 200, 301 and 302; `404=1m` for one status; `any=1m` for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidRule {
    statuses: Statuses,
    lifetime: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statuses {
    Usual,
    One(StatusCode),
    Any,
}

impl CacheValid {
    /// Rules in the order in which they are tried.
    pub fn new(rules: Vec<ValidRule>) -> Self {
        Self(rules)
    }

    /// The lifetime for a status, `None` when no rule speaks of it.
    pub fn lifetime(&self, status: StatusCode) -> Option<Duration> {
        let applies = |rule: &&ValidRule| match rule.statuses {
            Statuses::Usual => matches!(status.as_u16(), 200 | 301 | 302),
            Statuses::One(one) => one == status,
            Statuses::Any => true,
        };
        self.0.iter().find(applies).map(|rule| rule.lifetime)
    }
}

impl ValidRule {
    /// Reads `30d`, `404=1m` or `any=1m`; `duration` reads the part that is a time.
    pub fn parse(
        text: &str,
        duration: impl Fn(&str) -> Result<Duration, String>,
    ) -> Result<Self, String> {
        let (statuses, time) = match text.split_once('=') {
            None => (Statuses::Usual, text),
            Some(("any", time)) => (Statuses::Any, time),
            Some((status, time)) => {
                let status = StatusCode::from_str(status).map_err(|_| {
                    format!("`{status}` is not a status; write 30d, 404=1m or any=1m")
                })?;
                (Statuses::One(status), time)
            }
        };
        Ok(Self {
            statuses,
            lifetime: duration(time)?,
        })
    }
}

/// On which failures a stale response is served (nginx: `proxy_cache_use_stale`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "nginx's directive is a set of flags"
)]
pub struct UseStale {
    /// The upstream cannot be reached or breaks off.
    pub error: bool,
    /// The upstream is too slow.
    pub timeout: bool,
    /// The upstream's answer is empty or malformed.
    pub invalid_header: bool,
    /// While a flight revalidates.
    pub updating: bool,
    /// The upstream answers 500, 502, 503 or 504.
    pub http_5xx: bool,
}

impl Default for UseStale {
    /// All of them: an old picture is better than none.
    fn default() -> Self {
        Self {
            error: true,
            timeout: true,
            invalid_header: true,
            updating: true,
            http_5xx: true,
        }
    }
}

impl UseStale {
    /// Whether a failed fetch is one that stale covers.
    pub fn covers(self, failure: &FetchError) -> bool {
        match failure {
            FetchError::Unreachable(_) => self.error,
            FetchError::Timeout(_) => self.timeout,
            FetchError::Invalid(_) => self.invalid_header,
        }
    }

    /// Whether an answer with this status is a failure that stale covers.
    pub fn covers_status(self, status: StatusCode) -> bool {
        self.http_5xx && matches!(status.as_u16(), 500 | 502 | 503 | 504)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn policy() -> Policy {
        let seconds = |text: &str| {
            text.parse()
                .map(Duration::from_secs)
                .map_err(|_| text.to_owned())
        };
        let rules = ["100", "404=10"].map(|rule| ValidRule::parse(rule, seconds).unwrap());
        Policy {
            valid: CacheValid::new(rules.to_vec()),
            use_stale: UseStale::default(),
        }
    }

    /// The lifetime in seconds of a response received now, `None` when it is not stored.
    fn lifetime(status: u16, headers: &[(&str, &str)]) -> Option<u64> {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let freshness = policy().storable(StatusCode::from_u16(status).unwrap(), &headers, now)?;
        Some(freshness.remaining(now).as_secs())
    }

    #[test]
    fn lifetimes_come_in_nginx_s_order() {
        for (headers, expected) in [
            (&[][..], Some(100)),
            (&[("cache-control", "max-age=5")], Some(5)),
            (&[("cache-control", "max-age=5, s-maxage=7")], Some(7)),
            (
                &[("cache-control", "max-age=5"), ("x-accel-expires", "9")],
                Some(9),
            ),
            (&[("x-accel-expires", "@784111787")], Some(10)),
            (&[("x-accel-expires", "0")], None),
            (&[("expires", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10)),
            (&[("expires", "Sunday, 06-Nov-94 08:49:47 GMT")], Some(10)),
            (&[("expires", "Sun Nov  6 08:49:47 1994")], Some(10)),
            (&[("expires", "0")], None),
            (&[("cache-control", "max-age=5"), ("expires", "0")], Some(5)),
            (&[("cache-control", "max-age=0")], None),
        ] {
            assert_eq!(lifetime(200, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_is_private_or_sets_a_cookie_is_never_stored() {
        for header in [
            ("cache-control", "no-store"),
            ("cache-control", "private, max-age=60"),
            ("set-cookie", "a=b"),
            ("vary", "*"),
        ] {
            assert_eq!(lifetime(200, &[header]), None, "{header:?}");
        }
    }

    #[test]
    fn statuses_have_their_own_lifetimes() {
        assert_eq!(lifetime(301, &[]), Some(100));
        assert_eq!(lifetime(404, &[]), Some(10));
        assert_eq!(lifetime(502, &[]), None);
        assert_eq!(lifetime(206, &[]), None);
    }

    #[test]
    fn a_rule_that_is_none_is_refused() {
        let seconds = |text: &str| {
            text.parse()
                .map(Duration::from_secs)
                .map_err(|_| text.to_owned())
        };
        assert!(ValidRule::parse("4040=1", seconds).is_err());
        assert!(ValidRule::parse("404=soon", seconds).is_err());
    }
}
