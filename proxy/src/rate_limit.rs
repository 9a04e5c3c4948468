//! How often one client may ask (nginx: `limit_req`), by `governor`'s generic cell rate algorithm.

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use service::units::Rate;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// The limit for each client.
#[derive(Clone, Copy, Debug)]
pub struct RateLimitConfig {
    /// Requests over time.
    pub rate: Rate,
    /// Requests at once before the rate is kept; ten times the rate's number when `None`.
    pub burst: Option<NonZeroU32>,
}

/// The state of all clients seen lately.
pub struct RateLimit {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimit({} clients)", self.limiter.len())
    }
}

impl RateLimit {
    /// A limiter in which nobody has asked yet.
    pub fn new(config: RateLimitConfig) -> Self {
        let tenfold = NonZeroU32::MIN.saturating_add(config.rate.requests().saturating_mul(10) - 1);
        let quota = Quota::with_period(config.rate.interval())
            .unwrap_or_else(|| Quota::per_second(tenfold));
        let quota = quota.allow_burst(config.burst.unwrap_or(tenfold));
        Self {
            limiter: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of a client.
    ///
    /// # Errors
    /// The time after which the client may ask again, when it asks too often.
    pub fn check(&self, client: IpAddr) -> Result<(), Duration> {
        self.limiter
            .check_key(&network(client))
            .map_err(|denied| denied.wait_time_from(self.clock.now()))
    }

    /// Forgets clients that have been quiet long enough to have their whole burst again.
    pub fn forget_quiet_clients(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 /64, which is what one customer has.
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit() -> RateLimit {
        RateLimit::new(RateLimitConfig {
            rate: "1r/m".parse().unwrap(),
            burst: NonZeroU32::new(3),
        })
    }

    #[test]
    fn a_client_has_its_burst_and_is_then_told_how_long_to_wait() {
        let limit = limit();
        let client = "192.0.2.1".parse().unwrap();
        for _ in 0..3 {
            assert_eq!(limit.check(client), Ok(()));
        }
        let wait = limit.check(client).unwrap_err();
        assert!((50..=60).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(limit.check("192.0.2.2".parse().unwrap()), Ok(()));
    }

    #[test]
    fn an_ipv6_customer_is_one_client() {
        let limit = limit();
        for host in 1..=3 {
            assert_eq!(
                limit.check(format!("2001:db8:0:1::{host}").parse().unwrap()),
                Ok(())
            );
        }
        assert!(
            limit
                .check("2001:db8:0:1:ffff::1".parse().unwrap())
                .is_err()
        );
        assert_eq!(limit.check("2001:db8:0:2::1".parse().unwrap()), Ok(()));
    }

    #[test]
    fn the_burst_is_ten_times_the_rate_unless_given() {
        let limit = RateLimit::new(RateLimitConfig {
            rate: "2r/m".parse().unwrap(),
            burst: None,
        });
        let client = "192.0.2.1".parse().unwrap();
        assert_eq!((0..30).filter(|_| limit.check(client).is_ok()).count(), 20);
    }
}
