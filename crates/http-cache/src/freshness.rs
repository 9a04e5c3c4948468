//! The times of one stored response: how old it is, how long it is fresh (RFC 9111 §4.2).

use crate::date::date_of;
use crate::directives::{Directives, Scope, delta_seconds};
use http::HeaderMap;
use http::header::{AGE, DATE};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a response was received and how long it may be served. Whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// When the response was received, in milliseconds since 1970.
    received: u64,
    /// Its age at that moment: the larger of `Age` and what `Date` says (RFC 9111 §4.2.3).
    initial_age: u64,
    /// How long it is fresh, counted from an age of zero.
    lifetime: u64,
    /// How long after that it may be served stale while it is revalidated; `None` when the response does not say.
    stale_while_revalidate: Option<u64>,
    /// How long it may be served stale when revalidation fails; `None` when the response does not say.
    stale_if_error: Option<u64>,
    /// Never to be served stale.
    must_revalidate: bool,
}

impl Freshness {
    /// The times of a response with these headers, which was asked for and received at these times and is fresh for
    /// `lifetime`.
    pub fn new(
        headers: &HeaderMap,
        lifetime: Duration,
        asked: SystemTime,
        now: SystemTime,
    ) -> Self {
        // The time on the way counts as age, since nobody knows which part of it was the way back.
        let delay = now.duration_since(asked).unwrap_or_default();
        let age = stated_age(headers).map_or(delay, |age| age + delay);
        let date = date_of(headers, DATE, now);
        let apparent = date
            .and_then(|date| now.duration_since(date).ok())
            .unwrap_or_default();
        // A Date within the current second is no age: HTTP dates have no fractions.
        let apparent = if apparent < Duration::from_secs(1) {
            Duration::ZERO
        } else {
            apparent
        };
        Self {
            received: millis_since_epoch(now),
            initial_age: millis(age.max(apparent)),
            lifetime: millis(lifetime),
            stale_while_revalidate: None,
            stale_if_error: None,
            must_revalidate: false,
        }
    }

    /// The same with the windows that the response itself states (RFC 5861).
    #[must_use]
    pub fn with_stale_windows(mut self, directives: &Directives) -> Self {
        self.stale_while_revalidate = directives.stale_while_revalidate.map(millis);
        self.stale_if_error = directives.stale_if_error.map(millis);
        self.must_revalidate = directives.must_revalidate || directives.no_cache == Scope::All;
        self
    }

    /// The age at `now`, for `Age` and for the arithmetic of freshness.
    pub fn age(&self, now: SystemTime) -> Duration {
        Duration::from_millis(
            self.initial_age
                .saturating_add(millis_since_epoch(now).saturating_sub(self.received)),
        )
    }

    /// Whether the response may be served without asking (RFC 9111 §4.2).
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        self.age(now) < Duration::from_millis(self.lifetime)
    }

    /// How long it is still fresh; zero when it is stale.
    pub fn remaining(&self, now: SystemTime) -> Duration {
        Duration::from_millis(self.lifetime).saturating_sub(self.age(now))
    }

    /// How long it has been stale; zero while it is fresh.
    pub fn staleness(&self, now: SystemTime) -> Duration {
        self.age(now)
            .saturating_sub(Duration::from_millis(self.lifetime))
    }

    /// Whether it may be served stale while a flight revalidates it; `allowed` is what the configuration says where
    /// the response is silent.
    pub fn may_serve_while_revalidating(&self, now: SystemTime, allowed: bool) -> bool {
        self.may_serve_stale(now, self.stale_while_revalidate, allowed)
    }

    /// Whether it may be served stale after a failed fetch, likewise.
    pub fn may_serve_on_error(&self, now: SystemTime, allowed: bool) -> bool {
        self.may_serve_stale(now, self.stale_if_error, allowed)
    }

    /// Whether it may be served up to this stale since the client says that it takes it (RFC 9111 §5.2.1.2).
    pub fn may_serve_to_the_lenient(&self, now: SystemTime, max_stale: Duration) -> bool {
        !self.must_revalidate && self.staleness(now) <= max_stale
    }

    fn may_serve_stale(&self, now: SystemTime, window: Option<u64>, allowed: bool) -> bool {
        match window {
            _ if self.must_revalidate => false,
            Some(window) => self.staleness(now) <= Duration::from_millis(window),
            None => allowed,
        }
    }

    /// Marks it stale at `now`, as a soft purge does.
    pub fn expire(&mut self, now: SystemTime) {
        self.lifetime = self.lifetime.min(millis(self.age(now)));
    }
}

/// `Age`: of a list or of several lines the first member, and nothing where that is no number (RFC 9111 §5.1).
fn stated_age(headers: &HeaderMap) -> Option<Duration> {
    let first = headers
        .get(AGE)?
        .as_bytes()
        .split(|byte| *byte == b',')
        .next()?;
    delta_seconds(first.trim_ascii())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn millis_since_epoch(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(1_000_000 + seconds)
    }

    fn fresh_for(seconds: u64, headers: &HeaderMap) -> Freshness {
        Freshness::new(headers, Duration::from_secs(seconds), at(0), at(0))
    }

    #[test]
    fn a_response_is_fresh_until_its_age_reaches_its_lifetime() {
        let freshness = fresh_for(10, &HeaderMap::new());
        assert!(freshness.is_fresh(at(9)));
        assert!(!freshness.is_fresh(at(10)));
        assert_eq!(freshness.remaining(at(4)), Duration::from_secs(6));
        assert_eq!(freshness.staleness(at(13)), Duration::from_secs(3));
    }

    #[test]
    fn age_and_date_make_a_response_older_than_it_looks() {
        let mut headers = HeaderMap::new();
        headers.insert(AGE, "4".parse().unwrap());
        assert_eq!(fresh_for(10, &headers).age(at(1)), Duration::from_secs(5));
        headers.insert(
            DATE,
            httpdate::fmt_http_date(at(0) - Duration::from_secs(7))
                .parse()
                .unwrap(),
        );
        assert_eq!(fresh_for(10, &headers).age(at(1)), Duration::from_secs(8));
    }

    #[test]
    fn the_time_on_the_way_is_age() {
        let freshness = |age: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AGE, age.parse().unwrap());
            Freshness::new(&headers, Duration::ZERO, at(0), at(2)).age(at(3))
        };
        for (age, expected) in [("4", 7), ("4, 9", 7), ("old", 3), ("-4", 3), ("", 3)] {
            assert_eq!(freshness(age), Duration::from_secs(expected), "{age}");
        }
    }

    #[test]
    fn the_response_s_own_windows_go_before_the_configuration() {
        let directives = Directives {
            stale_while_revalidate: Some(Duration::from_secs(5)),
            ..Directives::default()
        };
        let freshness = fresh_for(10, &HeaderMap::new()).with_stale_windows(&directives);
        assert!(freshness.may_serve_while_revalidating(at(15), false));
        assert!(!freshness.may_serve_while_revalidating(at(16), true));
        assert!(freshness.may_serve_on_error(at(1_000), true));
        let strict = Directives {
            must_revalidate: true,
            ..directives
        };
        assert!(
            !fresh_for(10, &HeaderMap::new())
                .with_stale_windows(&strict)
                .may_serve_on_error(at(11), true)
        );
    }

    #[test]
    fn an_expired_response_is_stale_at_once() {
        let mut freshness = fresh_for(10, &HeaderMap::new());
        freshness.expire(at(3));
        assert!(!freshness.is_fresh(at(3)));
    }
}
