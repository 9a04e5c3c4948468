//! A shared HTTP cache (RFC 9111): freshness, one flight per key, stale serving, memory over disk, purging.
//!
//! Knows HTTP messages, not images, sockets or flags. What may be stored, for how long, and what a request gets of it is
//! decided by pure functions; [`Cache`] puts them together with the two tiers and the flights. [`SharedCache`] is the
//! whole RFC on top of it: methods, conditions, ranges, invalidation.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cache`] | the way of a request: look up, serve, wait, fetch |
//! | [`config`] | its settings and what it counts |
//! | [`request`], [`served`] | what is asked and answered |
//! | `reception` | what becomes of a fetched response: told, passed on, stored, freshened |
//! | [`shared`] | a plain shared cache in front of any origin |
//! | `headers` | what is done to headers on their way in |
//! | [`policy`] | what may be stored, how long it is fresh, when it may be served again |
//! | [`freshness`] | the times of one stored response: age, lifetime |
//! | [`directives`] | `Cache-Control` and `CDN-Cache-Control` read as a whole |
//! | [`cache_valid`], [`use_stale`] | nginx's `proxy_cache_valid` and `proxy_cache_use_stale` |
//! | [`date`] | the three forms of dates |
//! | [`conditional`], [`range`] | what a client gets of a stored response: 304, 206, 416 |
//! | [`vary`] | which of several stored responses a request selects |
//! | [`purge`] | what a purge means, and its order among all that is under way |
//! | [`entry`] | a stored response, and its form on disk |
//! | [`silence`] | bodies that stop to come |
//! | [`flight`] | one fetch shared by all who wait for it |
//! | `flights` | the flights under way: joined or begun |
//! | `slow` | keys whose fetch was too slow a moment ago |
//! | `budget` | how many bytes of bodies the flights may hold |
//! | [`memory`], [`disk`] | the two tiers |
//! | [`status`] | `Cache-Status` (RFC 9211) and nginx's words |
#![forbid(unsafe_code)]

pub mod body;
mod budget;
pub mod cache;
pub mod cache_valid;
pub mod clock;
pub mod conditional;
pub mod config;
pub mod date;
pub mod directives;
pub mod disk;
pub mod entry;
mod fetches;
pub mod flight;
mod flights;
pub mod freshness;
mod headers;
pub mod key;
pub mod memory;
mod passed_on;
pub mod policy;
pub mod purge;
pub mod range;
mod reception;
pub mod request;
pub mod served;
pub mod shared;
pub mod silence;
mod slow;
pub mod status;
pub mod use_stale;
pub mod vary;

pub use cache::{Cache, Purged};
pub use cache_valid::CacheValid;
pub use clock::Clock;
pub use config::{CacheConfig, CacheCounters};
pub use entry::Head;
pub use flight::FetchError;
pub use key::Key;
pub use policy::Policy;
pub use request::{CacheRequest, Conditions};
pub use served::{Served, ServedBody};
pub use shared::SharedCache;
pub use status::CacheStatus;
pub use use_stale::UseStale;
