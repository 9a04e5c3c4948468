//! What the cache did for a request: `Cache-Status` (RFC 9211) and nginx's `$upstream_cache_status`.

use http::{HeaderValue, StatusCode};
use std::time::Duration;

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheStatus {
    /// From the cache, fresh.
    Hit,
    /// From the cache, stale, after the upstream failed.
    Stale,
    /// From the cache, stale, while a flight revalidates it.
    Updating,
    /// From the cache after the upstream said that it is unchanged.
    Revalidated,
    /// From the upstream: there was nothing stored.
    Miss {
        /// Shared the flight of another request.
        collapsed: bool,
    },
    /// From the upstream: what was stored had expired.
    Expired,
    /// From the upstream, past the cache: the lock was waited for too long.
    Bypass,
}

impl CacheStatus {
    /// nginx's word for it, for `X-Cache` and metrics.
    pub const fn nginx_word(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale => "STALE",
            Self::Updating => "UPDATING",
            Self::Revalidated => "REVALIDATED",
            Self::Miss { .. } => "MISS",
            Self::Expired => "EXPIRED",
            Self::Bypass => "BYPASS",
        }
    }

    /// The header's value for the cache called `name`: `tandem; hit; ttl=60`.
    ///
    /// `ttl` is the freshness that remains, negative when stale (RFC 9211 §2.4); `forwarded` is the upstream's status.
    pub fn cache_status(
        self,
        name: &str,
        ttl: Option<i64>,
        forwarded: Option<StatusCode>,
    ) -> HeaderValue {
        use std::fmt::Write;
        let mut text = String::with_capacity(64);
        text.push_str(name);
        text.push_str(match self {
            Self::Hit | Self::Updating => "; hit",
            Self::Stale | Self::Revalidated | Self::Expired => "; fwd=stale",
            Self::Miss { collapsed: false } => "; fwd=uri-miss",
            Self::Miss { collapsed: true } => "; fwd=uri-miss; collapsed",
            Self::Bypass => "; fwd=bypass",
        });
        if let Some(status) = forwarded {
            let _ = write!(text, "; fwd-status={}", status.as_u16());
        }
        if let Some(ttl) = ttl {
            let _ = write!(text, "; ttl={ttl}");
        }
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("cache"))
    }
}

/// `ttl` of RFC 9211 from what remains and how long it has been stale.
pub(crate) fn ttl(remaining: Duration, staleness: Duration) -> i64 {
    if staleness.is_zero() {
        remaining.as_secs().cast_signed()
    } else {
        -staleness.as_secs().cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_what_happened() {
        for (status, ttl, forwarded, expected) in [
            (CacheStatus::Hit, Some(60), None, "tandem; hit; ttl=60"),
            (CacheStatus::Updating, Some(-5), None, "tandem; hit; ttl=-5"),
            (
                CacheStatus::Stale,
                Some(-5),
                Some(StatusCode::BAD_GATEWAY),
                "tandem; fwd=stale; fwd-status=502; ttl=-5",
            ),
            (
                CacheStatus::Miss { collapsed: true },
                None,
                None,
                "tandem; fwd=uri-miss; collapsed",
            ),
        ] {
            assert_eq!(status.cache_status("tandem", ttl, forwarded), expected);
        }
    }
}
