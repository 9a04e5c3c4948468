//! The settings of a cache, and what it counts.

use crate::clock::Clock;
use crate::disk::DiskConfig;
use crate::policy::Policy;
use crate::purge::TagOf;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The settings of a cache.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Bytes of the memory tier; 0 switches it off.
    pub memory: u64,
    /// The disk tier, if there is one.
    pub disk: Option<DiskConfig>,
    /// What is stored, and when stale is served.
    pub policy: Policy,
    /// How long a request waits for another's flight before it fetches on its own, uncached
    /// (nginx: `proxy_cache_lock_timeout`); `None` waits for as long as the flight takes, which is bounded by the fetch.
    pub lock_timeout: Option<Duration>,
    /// How long a fetch that was too slow is remembered: who asks for the same meanwhile is told so at once, instead of
    /// waiting as long again. Zero remembers nothing.
    pub timeout_memory: Duration,
    /// Largest body kept, in bytes. A larger one is passed on without being kept, also where that turns out only while it
    /// comes.
    pub max_body: u64,
    /// Fetches under way at most. A request that needs one more fails.
    pub max_flights: usize,
    /// Fetches under way for one client at most, see [`CacheRequest::client`](crate::CacheRequest::client).
    pub max_flights_per_client: usize,
    /// Bytes of bodies that all fetches under way hold at most. A body that finds no room is passed on without being
    /// kept.
    pub max_flight_bytes: u64,
    /// The tag of a key, by which purges find what belongs together.
    pub tag_of: TagOf,
    /// Where the time comes from.
    pub clock: Clock,
}

/// What became of bodies that were not kept, for metrics.
#[derive(Debug, Default)]
pub struct CacheCounters {
    /// Bodies passed on without being kept since they were larger than `max_body`.
    pub too_large: AtomicU64,
    /// Bodies passed on without being kept since the fetches under way held `max_flight_bytes` already.
    pub over_budget: AtomicU64,
    /// Fetches given up since nobody waited for them any more.
    pub abandoned: AtomicU64,
}
