//! What may be stored, how long it is fresh, and when it may be served again. Pure: the time is an argument.

use crate::cache_valid::CacheValid;
use crate::date::date_of;
use crate::directives::{CDN_CACHE_CONTROL, Directives, RequestDirectives, Scope, delta_seconds};
use crate::freshness::Freshness;
use crate::use_stale::UseStale;
use http::header::{AUTHORIZATION, DATE, ETAG, EXPIRES, HeaderName, LAST_MODIFIED, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The part of its age that a response without any stated lifetime is fresh for (RFC 9111 §4.2.2), and the longest.
const HEURISTIC_FRACTION: u32 = 10;
const HEURISTIC_MAX: Duration = Duration::from_secs(86_400);

/// The rules of one cache.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Lifetimes of responses that do not state one (nginx: `proxy_cache_valid`). With no rule at all, they are
    /// guessed from `Last-Modified` (RFC 9111 §4.2.2).
    pub valid: CacheValid,
    /// When stale responses may be served (nginx: `proxy_cache_use_stale`).
    pub use_stale: UseStale,
    /// How stale at most; `None`: while it lies in the cache.
    pub max_stale: Option<Duration>,
    /// Whether responses with `Set-Cookie` are stored. RFC 9111 §7.3 leaves it to the cache; nginx does not.
    pub store_set_cookie: bool,
}

/// What a request says to the policy. The default is a request that says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestRules {
    /// `Cache-Control` of the request.
    pub directives: RequestDirectives,
    /// It carries `Authorization` (RFC 9111 §3.5).
    pub authorized: bool,
    /// It asks for a part, so that a 206 may be stored for it.
    pub partial: bool,
}

impl RequestRules {
    /// The rules of a request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            directives: RequestDirectives::of(headers),
            authorized: headers.contains_key(AUTHORIZATION),
            partial: false,
        }
    }
}

/// When a response was asked for and when its head came.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the request was sent.
    pub asked: SystemTime,
    /// When the response came.
    pub received: SystemTime,
}

/// A response that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storable {
    /// Its times.
    pub freshness: Freshness,
    /// Headers that may not be stored with it.
    pub without: Vec<HeaderName>,
}

/// What is to be done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It is served.
    Serve,
    /// It is served, stale, while it is revalidated.
    ServeAndRevalidate,
    /// It has to be validated first.
    Validate,
}

impl Policy {
    /// Whether and for how long a response may be stored by this shared cache (RFC 9111 §3). `None`: not to be stored.
    ///
    /// The lifetime is looked for in nginx's order: `X-Accel-Expires`, then `s-maxage`, `max-age`, `Expires`, then
    /// `--cache-valid`.
    pub fn storable(
        &self,
        rules: RequestRules,
        status: StatusCode,
        headers: &HeaderMap,
        times: Times,
    ) -> Option<Storable> {
        let directives = Directives::of(headers);
        let understood = directives.must_understand && is_understood(status);
        let forbidden = rules.directives.no_store
            || (directives.no_store && !understood)
            || (directives.must_understand && !understood)
            || directives.private == Scope::All
            || (headers.contains_key(SET_COOKIE) && !self.store_set_cookie)
            || (rules.authorized && !directives.allows_authorized());
        let whole = match status {
            StatusCode::PARTIAL_CONTENT => rules.partial,
            // To a request for a part, anything else is about that part.
            status => !rules.partial || status == StatusCode::OK,
        };
        if forbidden || !whole || status.is_informational() || status == StatusCode::NOT_MODIFIED {
            return None;
        }
        let lifetime = self.lifetime(status, headers, &directives, times.received)?;
        let lifetime = if directives.no_cache == Scope::All {
            Duration::ZERO
        } else {
            lifetime
        };
        let freshness = Freshness::new(headers, lifetime, times.asked, times.received)
            .with_stale_windows(&directives);
        // What is stale from the start is worth its place only if it can be validated or stand in.
        let validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
        let stands_in =
            directives.stale_while_revalidate.is_some() || directives.stale_if_error.is_some();
        if !freshness.is_fresh(times.received) && !validator && !stands_in {
            return None;
        }
        let mut without = Vec::new();
        for scope in [directives.private, directives.no_cache] {
            if let Scope::Fields(names) = scope {
                without.extend(names);
            }
        }
        Some(Storable { freshness, without })
    }

    /// Whether a stored response may be served to a request (RFC 9111 §4).
    pub fn reuse(&self, rules: RequestRules, freshness: &Freshness, now: SystemTime) -> Reuse {
        let asked = rules.directives;
        let too_old = asked.max_age.is_some_and(|max| freshness.age(now) > max);
        let too_near = asked
            .min_fresh
            .is_some_and(|min| freshness.remaining(now) < min);
        if asked.no_cache || too_old || too_near {
            return Reuse::Validate;
        }
        let lenient = asked
            .max_stale
            .is_some_and(|max| freshness.may_serve_to_the_lenient(now, max));
        if freshness.is_fresh(now) || lenient {
            Reuse::Serve
        } else if self.within_bound(freshness, now)
            && freshness.may_serve_while_revalidating(now, self.use_stale.updating())
        {
            Reuse::ServeAndRevalidate
        } else {
            Reuse::Validate
        }
    }

    /// Whether a stored response may stand in for one that could not be had; `covered` is what
    /// [`use_stale`](Self::use_stale) says of the failure.
    pub fn may_stand_in(&self, freshness: &Freshness, now: SystemTime, covered: bool) -> bool {
        self.within_bound(freshness, now) && freshness.may_serve_on_error(now, covered)
    }

    fn within_bound(&self, freshness: &Freshness, now: SystemTime) -> bool {
        self.max_stale
            .is_none_or(|bound| freshness.staleness(now) <= bound)
    }

    fn lifetime(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        directives: &Directives,
        now: SystemTime,
    ) -> Option<Duration> {
        let accel = accel_expires(headers, now);
        if accel == Some(Duration::ZERO) {
            return None; // nginx: "The zero value disables caching"
        }
        let expires = || {
            (!directives.targeted)
                .then(|| expires(headers, now))
                .flatten()
        };
        accel
            .or(directives.s_maxage)
            .or(directives.max_age)
            .or_else(expires)
            .or_else(|| {
                if self.valid.is_empty() {
                    heuristic(status, headers, directives.public, now)
                } else {
                    self.valid.lifetime(status).filter(|valid| !valid.is_zero())
                }
            })
    }
}

/// Whether this cache does what a status asks of caches (RFC 9111 §5.2.2.3).
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300..=303 | 307 | 308 | 400..=417 | 421..=426 | 428 | 429 | 431 | 451 | 500..=505
    )
}

/// Whether a response may be stored that says nothing of its lifetime (RFC 9110 §15.1).
fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// A tenth of the time since the last change, a day at most; zero without `Last-Modified`.
fn heuristic(
    status: StatusCode,
    headers: &HeaderMap,
    public: bool,
    now: SystemTime,
) -> Option<Duration> {
    if !is_heuristically_cacheable(status) && !public {
        return None;
    }
    let unchanged = date_of(headers, LAST_MODIFIED, now).and_then(|modified| {
        date_of(headers, DATE, now)
            .unwrap_or(now)
            .duration_since(modified)
            .ok()
    });
    Some((unchanged.unwrap_or_default() / HEURISTIC_FRACTION).min(HEURISTIC_MAX))
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

/// `Expires` less `Date`, or less `now` without one. A broken date is in the past (RFC 9111 §5.3), and so are two that
/// differ.
fn expires(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let mut lines = headers.get_all(EXPIRES).iter();
    let first = lines.next()?;
    if lines.any(|line| line != first) {
        return Some(Duration::ZERO);
    }
    let date = date_of(headers, DATE, now).unwrap_or(now);
    let expires = date_of(headers, EXPIRES, now).unwrap_or(UNIX_EPOCH);
    Some(expires.duration_since(date).unwrap_or_default())
}

/// Headers by which an upstream speaks to this cache alone.
pub const FOR_THIS_CACHE: [HeaderName; 2] = [
    HeaderName::from_static("x-accel-expires"),
    CDN_CACHE_CONTROL,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache_valid::ValidRule;

    const NOW: SystemTime = UNIX_EPOCH;

    fn now() -> SystemTime {
        NOW + Duration::from_secs(784_111_777)
    }

    fn policy(valid: &[&str]) -> Policy {
        let seconds = |text: &str| {
            text.parse()
                .map(Duration::from_secs)
                .map_err(|_| text.to_owned())
        };
        let rules = valid
            .iter()
            .map(|rule| ValidRule::parse(rule, seconds).unwrap());
        Policy {
            valid: CacheValid::new(rules.collect()),
            use_stale: UseStale::all(),
            max_stale: None,
            store_set_cookie: false,
        }
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn storable(
        policy: &Policy,
        rules: RequestRules,
        status: u16,
        pairs: &[(&str, &str)],
    ) -> Option<Storable> {
        let times = Times {
            asked: now(),
            received: now(),
        };
        policy.storable(
            rules,
            StatusCode::from_u16(status).unwrap(),
            &headers(pairs),
            times,
        )
    }

    /// The lifetime in seconds of a response received now, `None` when it is not stored.
    fn lifetime(status: u16, pairs: &[(&str, &str)]) -> Option<u64> {
        let stored = storable(
            &policy(&["100", "404=10"]),
            RequestRules::default(),
            status,
            pairs,
        )?;
        Some(stored.freshness.remaining(now()).as_secs())
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
            (
                &[
                    ("cache-control", "max-age=5"),
                    ("cdn-cache-control", "max-age=6"),
                ],
                Some(6),
            ),
            (
                &[
                    ("expires", "Sun, 06 Nov 1994 08:49:47 GMT"),
                    ("cdn-cache-control", "foo"),
                ],
                Some(100),
            ),
            (&[("expires", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10)),
            (&[("expires", "Sunday, 06-Nov-94 08:49:47 GMT")], Some(10)),
            (&[("expires", "Sun Nov  6 08:49:47 1994")], Some(10)),
            (&[("expires", "sun, 06 nov 1994 08:49:47 gmt")], Some(10)),
            (
                &[
                    ("expires", "Sun, 06 Nov 1994 08:49:47 GMT"),
                    ("expires", "0"),
                ],
                None,
            ),
            (&[("expires", "0")], None),
            (&[("expires", "06 Nov 1994 08:49:47 GMT")], None),
            (&[("cache-control", "max-age=5"), ("expires", "0")], Some(5)),
            (&[("cache-control", "max-age=0")], None),
            (
                &[("cache-control", "max-age=0"), ("etag", "\"a\"")],
                Some(0),
            ),
            (&[("cache-control", "no-cache"), ("etag", "\"a\"")], Some(0)),
            (&[("cache-control", "max-age=9"), ("age", "4")], Some(5)),
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
        ] {
            assert_eq!(lifetime(200, &[header]), None, "{header:?}");
        }
        let lenient = Policy {
            store_set_cookie: true,
            ..policy(&["100"])
        };
        assert!(
            storable(
                &lenient,
                RequestRules::default(),
                200,
                &[("set-cookie", "a=b")]
            )
            .is_some()
        );
    }

    #[test]
    fn headers_that_are_named_stay_out() {
        let stored = storable(
            &policy(&["100"]),
            RequestRules::default(),
            200,
            &[("cache-control", "private=\"a, b\", no-cache=c")],
        );
        let stored = stored.unwrap();
        assert_eq!(stored.without, ["a", "b", "c"].map(HeaderName::from_static));
        assert!(stored.freshness.is_fresh(now()));
    }

    #[test]
    fn an_authorized_answer_is_stored_only_where_that_is_said() {
        let rules = RequestRules {
            authorized: true,
            ..RequestRules::default()
        };
        for (value, stored) in [
            ("max-age=60", false),
            ("max-age=60, public", true),
            ("s-maxage=60", true),
            ("max-age=60, must-revalidate", true),
            ("max-age=60, proxy-revalidate", false),
            ("max-age=60, private", false),
        ] {
            let found = storable(&policy(&[]), rules, 200, &[("cache-control", value)]);
            assert_eq!(found.is_some(), stored, "{value}");
        }
    }

    #[test]
    fn statuses_have_their_own_lifetimes() {
        assert_eq!(lifetime(301, &[]), Some(100));
        assert_eq!(lifetime(404, &[]), Some(10));
        assert_eq!(lifetime(502, &[]), None);
        assert_eq!(lifetime(206, &[]), None);
        assert_eq!(lifetime(206, &[("cache-control", "max-age=5")]), None);
        assert_eq!(lifetime(599, &[("cache-control", "max-age=5")]), Some(5));
        assert_eq!(
            lifetime(599, &[("cache-control", "max-age=5, must-understand")]),
            None
        );
        assert_eq!(
            lifetime(
                200,
                &[("cache-control", "max-age=5, must-understand, no-store")]
            ),
            Some(5)
        );
    }

    #[test]
    fn without_any_rule_a_lifetime_is_guessed() {
        let modified = ("last-modified", "Sun, 06 Nov 1994 08:32:57 GMT"); // 1000 seconds ago
        for (status, pairs, expected) in [
            (200, &[modified][..], Some(100)),
            (
                200,
                &[("last-modified", "Tue, 06 Nov 1984 08:49:37 GMT")],
                Some(86_400),
            ),
            (200, &[("etag", "\"a\"")], Some(0)),
            (200, &[], None),
            (404, &[modified], Some(100)),
            (201, &[modified], None),
            (201, &[modified, ("cache-control", "public")], Some(100)),
            (200, &[modified, ("cache-control", "max-age=7")], Some(7)),
        ] {
            let stored = storable(&policy(&[]), RequestRules::default(), status, pairs);
            let lifetime = stored.map(|stored| stored.freshness.remaining(now()).as_secs());
            assert_eq!(lifetime, expected, "{status} {pairs:?}");
        }
    }

    #[test]
    fn a_request_says_what_it_takes() {
        // Fresh for 100 seconds, of which 40 are over; then stale.
        let stored = storable(
            &policy(&[]),
            RequestRules::default(),
            200,
            &[("cache-control", "max-age=100")],
        );
        let freshness = stored.unwrap().freshness;
        let strict = Policy {
            use_stale: UseStale::none(),
            ..policy(&[])
        };
        for (control, after, expected) in [
            ("", 40, Reuse::Serve),
            ("no-cache", 40, Reuse::Validate),
            ("max-age=39", 40, Reuse::Validate),
            ("max-age=40", 40, Reuse::Serve),
            ("max-age=0", 0, Reuse::Serve),
            ("min-fresh=60", 40, Reuse::Serve),
            ("min-fresh=61", 40, Reuse::Validate),
            ("", 100, Reuse::Validate),
            ("max-stale", 1000, Reuse::Serve),
            ("max-stale=10", 110, Reuse::Serve),
            ("max-stale=10", 111, Reuse::Validate),
        ] {
            let rules = RequestRules::of(&headers(&[("cache-control", control)]));
            let at = now() + Duration::from_secs(after);
            assert_eq!(
                strict.reuse(rules, &freshness, at),
                expected,
                "{control} after {after}"
            );
        }
    }

    #[test]
    fn stale_is_served_up_to_the_bound() {
        let stored = storable(&policy(&["100"]), RequestRules::default(), 200, &[]);
        let freshness = stored.unwrap().freshness;
        let bounded = Policy {
            max_stale: Some(Duration::from_secs(50)),
            ..policy(&["100"])
        };
        let rules = RequestRules::default();
        for (after, reuse, stands_in) in [
            (150, Reuse::ServeAndRevalidate, true),
            (151, Reuse::Validate, false),
        ] {
            let at = now() + Duration::from_secs(after);
            assert_eq!(bounded.reuse(rules, &freshness, at), reuse);
            assert_eq!(bounded.may_stand_in(&freshness, at, true), stands_in);
            assert!(policy(&["100"]).may_stand_in(&freshness, at, true));
            assert!(!policy(&["100"]).may_stand_in(&freshness, at, false));
        }
    }
}
