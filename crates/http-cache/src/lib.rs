//! A shared HTTP cache: freshness, one flight per key, stale serving, memory over disk.
//!
//! Knows HTTP messages, not images, sockets or flags. What may be stored and for how long is decided by pure
//! functions ([`policy`], [`freshness`], [`conditional`]); [`Cache`] puts them together with the two tiers and the
//! flights.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cache`] | the way of a request: look up, serve, wait, fetch, store |
//! | [`policy`] | what may be stored, how long it is fresh, when stale may be served |
//! | [`freshness`] | the times of one stored response: age, lifetime |
//! | [`directives`] | `Cache-Control` read as a whole |
//! | [`conditional`] | `If-None-Match`, `If-Modified-Since` |
//! | [`entry`] | a stored response, and its form on disk |
//! | [`flight`] | one fetch shared by all who wait for it |
//! | [`memory`], [`disk`] | the two tiers |
//! | [`status`] | `Cache-Status` (RFC 9211) and nginx's words |
#![forbid(unsafe_code)]

pub mod cache;
pub mod clock;
pub mod conditional;
pub mod directives;
pub mod disk;
pub mod entry;
pub mod flight;
pub mod freshness;
pub mod key;
pub mod memory;
pub mod policy;
pub mod status;

pub use cache::{Cache, CacheConfig, Served};
pub use clock::Clock;
pub use entry::{Entry, Head};
pub use flight::FetchError;
pub use key::Key;
pub use policy::{CacheValid, Policy, UseStale};
pub use status::CacheStatus;
