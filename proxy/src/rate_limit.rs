//! How often one client may ask (nginx: `limit_req`), by `governor`'s generic cell rate algorithm.

use daemon::units::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// The limit for each client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitConfig {
    /// Requests over time.
    pub rate: Rate,
    /// Requests at once before the rate is kept; ten times the rate's number when `None`.
    pub burst: Option<NonZeroU32>,
}

/// How many clients' budgets an IPv6 /48 has together.
const CLIENTS_OF_SITE: u32 = 16;
const CLIENTS_OF_A_SITE: NonZeroU32 = NonZeroU32::MIN.saturating_add(CLIENTS_OF_SITE - 1);

/// The state of all clients seen lately.
pub(crate) struct RateLimit {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    /// The budget of each IPv6 /48, which is what one site has: 65,536 clients otherwise.
    sites: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimit({} clients)", self.limiter.len())
    }
}

impl RateLimit {
    /// A limiter in which nobody has asked yet.
    pub(crate) fn new(config: RateLimitConfig) -> Self {
        let tenfold = NonZeroU32::MIN.saturating_add(config.rate.requests().saturating_mul(10) - 1);
        let quota = Quota::with_period(config.rate.interval())
            .unwrap_or_else(|| Quota::per_second(tenfold));
        let burst = config.burst.unwrap_or(tenfold);
        let of_site = Quota::with_period(config.rate.interval() / CLIENTS_OF_SITE).unwrap_or(quota);
        Self {
            limiter: RateLimiter::keyed(quota.allow_burst(burst)),
            sites: RateLimiter::keyed(of_site.allow_burst(burst.saturating_mul(CLIENTS_OF_A_SITE))),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of a client.
    ///
    /// # Errors
    /// The time after which the client may ask again, when it asks too often.
    pub(crate) fn check(&self, client: IpAddr) -> Result<(), Duration> {
        let wait = |denied: NotUntil<_>| denied.wait_time_from(self.clock.now());
        let network = network(client);
        self.limiter.check_key(&network).map_err(wait)?;
        match network {
            IpAddr::V6(address) => self.sites.check_key(&prefix(address, 48)).map_err(wait),
            IpAddr::V4(_) => Ok(()),
        }
    }

    /// Forgets clients that have been quiet long enough to have their whole burst again.
    pub(crate) fn forget_quiet_clients(&self) {
        for limiter in [&self.limiter, &self.sites] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// What counts as one client: an IPv4 address, also one that is written as of IPv6, mapped or by the translation of NAT64
/// (RFC 6052 §2.1), behind which all clients would be one; or an IPv6 /64, which is what one customer has.
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => match address.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
            }
            _ => prefix(address, 64),
        },
    }
}

/// The network of so many bits that an address is in.
fn prefix(address: Ipv6Addr, bits: u32) -> IpAddr {
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
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
    fn clients_behind_nat64_are_told_apart() {
        let limit = limit();
        for _ in 0..3 {
            assert_eq!(limit.check("64:ff9b::192.0.2.1".parse().unwrap()), Ok(()));
        }
        assert!(limit.check("64:ff9b::192.0.2.1".parse().unwrap()).is_err());
        assert!(limit.check("192.0.2.1".parse().unwrap()).is_err());
        assert_eq!(limit.check("64:ff9b::192.0.2.2".parse().unwrap()), Ok(()));
    }

    #[test]
    fn a_site_has_the_budget_of_sixteen_clients() {
        let limit = limit();
        let asks = |site: u32, network: u32| {
            limit.check(format!("2001:db8:{site:x}:{network:x}::1").parse().unwrap())
        };
        assert_eq!(
            (0..1000)
                .filter(|network| asks(1, *network).is_ok())
                .count(),
            48
        );
        assert_eq!(asks(2, 0), Ok(()));
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
