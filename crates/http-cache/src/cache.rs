//! The way of a request through the cache: look up, serve, wait, fetch. What becomes of a fetched response is
//! `reception`'s.

use crate::body::Body;
use crate::budget::{Budget, Share};
use crate::config::{CacheConfig, CacheCounters};
use crate::disk::{Disk, Found};
use crate::entry::{Entry, Head, Stored};
use crate::fetches::{Fetches, Permit};
use crate::flight::{FetchError, FlightHead, Passenger, take_off};
use crate::flights::{Aloft, For, Joined};
use crate::freshness::Freshness;
use crate::headers::{content_length, strip_connection_headers};
use crate::key::Key;
use crate::memory::Memory;
use crate::passed_on;
use crate::policy::{Policy, Reuse, Times};
use crate::purge::{Mode, Purges, Rule};
use crate::reception::Reception;
use crate::request::{CacheRequest, Conditions, Selected, part_key};
use crate::served::{Served, ServedBody};
use crate::slow::Slow;
use crate::status::CacheStatus;
use crate::vary::Selecting;
use bytes::Bytes;
use http::header::{ETAG, HeaderName, LAST_MODIFIED};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Keys whose fetch was too slow that are remembered at once.
const SLOW_KEYS: usize = 10_000;

/// Flights that a request joins before it fetches on its own, where each turns out to be for another variant than its
/// own.
const MAX_REJOINS: usize = 4;

/// How long a purge waits to be on disk.
const PURGE_TIMEOUT: Duration = Duration::from_secs(60);

/// What a fetch answers.
pub type UpstreamResponse = Response<UpstreamBody>;

/// The body of what a fetch answers.
pub type UpstreamBody = UnsyncBoxBody<Bytes, FetchError>;

/// A shared HTTP cache. Clones share it.
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Inner>);

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({:?})", self.0.config)
    }
}

pub(crate) struct Inner {
    pub(crate) config: CacheConfig,
    pub(crate) memory: Arc<Memory>,
    pub(crate) disk: Option<Disk>,
    pub(crate) purges: Arc<Purges>,
    pub(crate) flights: Mutex<HashMap<Key, Aloft>>,
    pub(crate) slow: Slow,
    /// The right to fetch.
    fetches: Arc<Fetches>,
    /// The bytes that flights may hold.
    budget: Arc<Budget>,
    pub(crate) counters: CacheCounters,
    /// The number of the next flight.
    pub(crate) numbers: AtomicU64,
    /// Held while the list of an URL's variants is changed.
    pub(crate) changing_variants: Mutex<()>,
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Purged {
    /// Entries in memory.
    pub memory: usize,
    /// Entries on disk, most of which were in memory as well.
    pub disk: usize,
    /// Whether it is on disk by now, so that it outlives the process. If not, the disk is slow, or its folder another
    /// process's: then what is purged is not served as long as this process lives, and will be removed when it can be.
    pub durable: bool,
}

impl Cache {
    /// Opens a cache. The disk tier's index is read in the background.
    ///
    /// # Errors
    /// When the thread of the disk tier cannot be started.
    pub fn open(config: CacheConfig) -> std::io::Result<Self> {
        let purges = Arc::new(Purges::new(config.tag_of));
        let fetches = Fetches::new(config.max_flights, config.max_flights_per_client);
        let memory = Arc::new(Memory::new(config.memory));
        let queue = config.disk.as_ref().map_or(0, |disk| disk.queue);
        let limit = config.max_flight_bytes.saturating_add(queue);
        let budget = Arc::new(Budget::new(limit, memory.clone()));
        let disk = config
            .disk
            .clone()
            .map(|disk| Disk::open(disk, budget.clone(), purges.clone(), config.clock.clone()))
            .transpose()?;
        Ok(Self(Arc::new(Inner {
            memory,
            config,
            disk,
            purges,
            flights: Mutex::default(),
            slow: Slow::new(SLOW_KEYS),
            fetches: Arc::new(fetches),
            budget,
            counters: CacheCounters::default(),
            numbers: AtomicU64::new(0),
            changing_variants: Mutex::default(),
        })))
    }

    /// Answers a request, from what is stored or through `fetch`.
    ///
    /// `fetch` is given the conditions to send along. It runs in a task of its own, and is dropped when it has not
    /// answered and nobody has waited for it for a second.
    ///
    /// # Errors
    /// When the fetch fails and nothing stored may stand in for it.
    pub async fn serve<F, Fut>(&self, request: CacheRequest, fetch: F) -> Result<Served, FetchError>
    where
        F: Fn(Conditions) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<UpstreamResponse, FetchError>> + Send,
    {
        let now = self.0.config.clock.now();
        let policy = &self.0.config.policy;
        let selected = self.select(&request, now).await;
        let reuse = match &selected.entry {
            Some(entry) => policy.reuse(request.rules, &entry.head.freshness, now),
            None => Reuse::Validate,
        };
        let stored = selected.entry.clone();
        match (reuse, &stored) {
            (Reuse::Serve, Some(entry)) => {
                return Ok(Served::stored(entry.clone(), CacheStatus::Hit, now));
            }
            (Reuse::ServeAndRevalidate, Some(entry)) => {
                // Fails only where too much is under way: then the next request will try.
                let _ = self.join(&request, selected, Arc::new(fetch), For::Later);
                return Ok(Served::stored(entry.clone(), CacheStatus::Updating, now));
            }
            _ => {}
        }
        if request.rules.directives.only_if_cached {
            return Err(FetchError::NotCached);
        }
        let (fetch, begun) = (Arc::new(fetch), Instant::now());
        let mut selected = selected;
        for _ in 0..MAX_REJOINS {
            let outcome = match self.join(&request, selected.clone(), fetch.clone(), For::Clients) {
                Ok(Joined::Landed(entry)) => {
                    return Ok(Served::stored(entry, CacheStatus::Hit, now));
                }
                Ok(Joined::Waiting(passenger)) => {
                    let head = match self.0.config.lock_timeout {
                        None => passenger.head().await,
                        Some(timeout) => {
                            let left = timeout.saturating_sub(begun.elapsed());
                            match tokio::time::timeout(left, passenger.head()).await {
                                Err(_) => break,
                                Ok(head) => head,
                            }
                        }
                    };
                    match head {
                        Ok(head) if !head.shareable => break,
                        Ok(head) if !request.selects(&head.head.selecting) => {
                            // The answer is another variant's. Those who wait for ours are one flight as well.
                            selected.slot = request.slot_beside(&head.head.selecting);
                            continue;
                        }
                        head => head.map(|head| (head, passenger, true)),
                    }
                }
                Ok(Joined::Launched(passenger)) => {
                    let head = passenger.head().await;
                    head.map(|head| (head, passenger, false))
                }
                Err(failure) => Err(failure),
            };
            return self.settle(outcome, stored.as_ref());
        }
        self.bypass(fetch, request.client, stored.as_ref()).await
    }

    /// What is served in the end: what the flight brought, or what is stored in its place.
    fn settle(
        &self,
        outcome: Result<(FlightHead, Passenger, bool), FetchError>,
        stored: Option<&Entry>,
    ) -> Result<Served, FetchError> {
        let now = self.0.config.clock.now();
        match outcome {
            Err(failure) => self.instead_of(failure, stored),
            Ok((head, passenger, collapsed)) => {
                let status = head.upstream_status;
                if let Some(served) = self.instead_of_status(status, stored) {
                    return Ok(served);
                }
                let taken = || FetchError::Unreachable("the body went to another client".into());
                let body = match (head.file, &head.unkept) {
                    (Some(file), _) => ServedBody::File(file),
                    (None, unkept) => {
                        let frames = match unkept {
                            Some(unkept) => unkept.take().ok_or_else(taken)?,
                            None => passenger.body(),
                        };
                        ServedBody::Streaming {
                            frames,
                            length: head.content_length,
                        }
                    }
                };
                Ok(Served {
                    head: head.head,
                    body,
                    status: match stored {
                        _ if head.revalidated => CacheStatus::Revalidated,
                        Some(_) => CacheStatus::Expired,
                        None => CacheStatus::Miss { collapsed },
                    },
                    upstream_status: Some(status),
                    failure: None,
                    now,
                })
            }
        }
    }

    /// What is stored, if it may stand in for a fetch that failed.
    pub(crate) fn instead_of(
        &self,
        failure: FetchError,
        stored: Option<&Entry>,
    ) -> Result<Served, FetchError> {
        let covered = self.0.config.policy.use_stale.covers(&failure);
        match self.stand_in(stored, covered) {
            Some(served) => Ok(Served {
                failure: Some(failure),
                ..served
            }),
            None => Err(failure),
        }
    }

    /// What is stored, if this status is a failure for which it may stand in.
    fn instead_of_status(&self, status: StatusCode, stored: Option<&Entry>) -> Option<Served> {
        let policy = &self.0.config.policy;
        let served = is_failure(status, policy)
            .then(|| self.stand_in(stored, policy.use_stale.covers_status(status)))??;
        Some(Served {
            upstream_status: Some(status),
            ..served
        })
    }

    fn stand_in(&self, stored: Option<&Entry>, covered: bool) -> Option<Served> {
        let (entry, now) = (stored?, self.0.config.clock.now());
        let may = self
            .0
            .config
            .policy
            .may_stand_in(&entry.head.freshness, now, covered);
        may.then(|| Served::stored(entry.clone(), CacheStatus::Stale, now))
    }

    /// Removes or marks as stale what a purge means, at once in both tiers and against flights under way; waits up to a
    /// minute until that is on disk as well.
    pub async fn purge(&self, rule: Rule, mode: Mode) -> Purged {
        let (now, tag_of) = (self.0.config.clock.now(), self.0.config.tag_of);
        self.0.purges.declare(rule.clone(), mode, now);
        let memory = self.0.memory.purge(&rule, mode, tag_of, now);
        let inner = self.0.clone();
        let disk = tokio::task::spawn_blocking(move || {
            let disk = inner.disk.as_ref();
            let count = disk.map_or(0, |disk| disk.purge(&rule, mode, now));
            let durable = disk.is_none_or(|disk| disk.is_caught_up_within(PURGE_TIMEOUT));
            // What was read from disk while that went on came into memory.
            inner.purges.declare(rule.clone(), mode, now);
            inner.memory.purge(&rule, mode, tag_of, now);
            (count, durable)
        });
        let (disk, durable) = disk.await.unwrap_or_default();
        Purged {
            memory,
            disk,
            durable,
        }
    }

    /// Removes what has not been asked for in the `inactive` time; to be called every minute or so.
    pub fn tidy(&self) {
        if let Some(disk) = &self.0.disk {
            disk.tidy(self.0.config.clock.now());
        }
    }

    /// The memory tier, for metrics.
    pub fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// The disk tier, for metrics.
    pub fn disk(&self) -> Option<&Disk> {
        self.0.disk.as_ref()
    }

    /// Fetches under way.
    pub fn flights(&self) -> usize {
        self.0.lock_flights().len()
    }

    /// Bytes of bodies in memory beside the memory tier's: those that are fetched, wait for the disk, or are held by
    /// responses under way.
    pub fn flight_bytes(&self) -> u64 {
        self.0.budget.held()
    }

    /// What was not kept so far.
    pub fn counters(&self) -> &CacheCounters {
        &self.0.counters
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.0.config.clock.now()
    }

    /// The stored response that a request selects, and what is to be done with it.
    pub(crate) async fn stored(&self, request: &CacheRequest) -> Option<(Entry, Reuse)> {
        let now = self.now();
        let entry = self.select(request, now).await.entry?;
        let policy = &self.0.config.policy;
        let reuse = policy.reuse(request.rules, &entry.head.freshness, now);
        Some((entry, reuse))
    }

    /// Forgets a URL, its variants and parts, also where they are on their way (RFC 9111 §4.4).
    pub(crate) async fn invalidate(&self, key: &Key) {
        let now = self.now();
        self.0
            .purges
            .declare(Rule::Key(key.clone()), Mode::Hard, now);
        for key in [key, &part_key(key)] {
            if let Some(Stored::Variants(variants)) = self.0.find(key, now).await {
                variants.keys(key).for_each(|slot| self.0.remove(&slot));
            }
            self.0.remove(key);
        }
    }

    /// Updates what is stored by the answer to a HEAD request: its headers where it speaks of the same content, else that
    /// it is stale (RFC 9111 §4.3.5).
    pub(crate) async fn update_from_head(
        &self,
        request: &CacheRequest,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
        times: Times,
    ) {
        let selected = self.select(request, times.received).await;
        let Some(entry) = selected.entry.clone().filter(|_| status == StatusCode::OK) else {
            return;
        };
        let (flight, ..) = take_off();
        let reception = Reception::new(self.0.clone(), request.clone(), selected, flight, None);
        let stored = &entry.head.headers;
        let differs = |name: HeaderName| {
            let (old, new) = (stored.get(&name), headers.get(&name));
            new.is_some() && old != new
        };
        let other_length = length.is_some_and(|length| length != entry.body.len());
        if differs(ETAG) || differs(LAST_MODIFIED) || other_length {
            let mut freshness = entry.head.freshness;
            freshness.expire(times.received);
            reception.store(&entry.with_freshness(freshness), &[]);
        } else {
            reception.freshen(entry, headers.clone(), times);
        }
    }

    /// Finds the response that a request selects.
    pub(crate) async fn select(&self, request: &CacheRequest, now: SystemTime) -> Selected {
        let born = self.0.purges.now();
        let selected = |slot: &Key, entry, variants| Selected {
            slot: slot.clone(),
            entry,
            variants,
            born,
        };
        match self.0.find(&request.key, now).await {
            Some(Stored::Response(entry)) if request.selects(&entry.head.selecting) => {
                selected(&request.key, Some(entry), None)
            }
            Some(Stored::Variants(variants)) => {
                let none = HeaderMap::new();
                let headers = request.headers.as_deref().unwrap_or(&none);
                let Some(slot) = variants.select(&request.key, headers) else {
                    let slot = variants.expected(&request.key, headers);
                    return selected(slot.as_ref().unwrap_or(&request.key), None, Some(variants));
                };
                let entry = match self.0.find(&slot, now).await {
                    Some(Stored::Response(entry)) if request.selects(&entry.head.selecting) => {
                        Some(entry)
                    }
                    _ => None,
                };
                selected(&slot, entry, Some(variants))
            }
            _ => selected(&request.key, None, None),
        }
    }

    /// Fetches for one request only and stores nothing. What is stored stands in for a failure.
    async fn bypass<F, Fut>(
        &self,
        fetch: Arc<F>,
        client: Option<u64>,
        stored: Option<&Entry>,
    ) -> Result<Served, FetchError>
    where
        F: Fn(Conditions) -> Fut,
        Fut: Future<Output = Result<UpstreamResponse, FetchError>>,
    {
        let asked = self.0.config.clock.now();
        let permit = match self.0.permit(client) {
            Ok(permit) => permit,
            Err(failure) => return self.instead_of(failure, stored),
        };
        let fetched = fetch(Conditions::default()).await;
        let (mut parts, body) = match fetched.and_then(final_response) {
            Ok(response) => response.into_parts(),
            Err(failure) => return self.instead_of(failure, stored),
        };
        if let Some(served) = self.instead_of_status(parts.status, stored) {
            return Ok(served);
        }
        let length = content_length(&parts.headers, &body);
        strip_connection_headers(&mut parts.headers);
        let now = self.0.config.clock.now();
        let freshness = Freshness::new(&parts.headers, Duration::ZERO, asked, now);
        Ok(Served {
            head: Arc::new(Head::new(
                parts.status,
                parts.headers,
                freshness,
                Selecting::default(),
            )),
            body: ServedBody::Streaming {
                frames: passed_on::frames(body, Some(permit)),
                length,
            },
            status: CacheStatus::Bypass,
            upstream_status: Some(parts.status),
            failure: None,
            now,
        })
    }
}

/// Refuses an interim response (1xx) in the place of the final one: whoever fetches waits for that (RFC 9110 §15.2).
pub(crate) fn final_response(response: UpstreamResponse) -> Result<UpstreamResponse, FetchError> {
    if response.status().is_informational() {
        let what = format!("{} is no final response", response.status());
        return Err(FetchError::Invalid(what.into()));
    }
    Ok(response)
}

/// Whether a status is one for which stale may stand in: those that are configured, and the server errors that
/// `stale-if-error` names (RFC 5861 §4).
pub(crate) fn is_failure(status: StatusCode, policy: &Policy) -> bool {
    policy.use_stale.covers_status(status) || matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

impl Inner {
    /// The right to fetch for a client, as long as it is held.
    pub(crate) fn permit(&self, client: Option<u64>) -> Result<Permit, FetchError> {
        self.fetches.permit(client)
    }

    /// A share of what flights may hold, empty yet.
    pub(crate) fn share(&self) -> Share {
        Share::of(self.budget.clone())
    }

    /// What lies under a key, in memory or on disk.
    pub(crate) async fn find(self: &Arc<Self>, key: &Key, now: SystemTime) -> Option<Stored> {
        if let Some(stored) = self.memory.get(key) {
            if let (Stored::Response(entry), Some(disk)) = (&stored, &self.disk)
                && entry.head.wants_touch(now)
            {
                disk.touch(key, now);
            }
            return Some(stored);
        }
        let born = self.purges.now();
        let stored = match self.disk.as_ref()?.look_up(key, now) {
            Found::Stored(stored) => stored,
            Found::Nothing => return None,
            Found::Wait(wait) => {
                let read = tokio::task::spawn_blocking(|| wait.read());
                read.await.ok().flatten()?
            }
        };
        // What was purged while it was read must not come back, or not as fresh.
        let (_admitted, stale) = self.purges.admit_stored(key.as_str(), born)?;
        let stored = match stale {
            Some(at) => stored.expired(at),
            None => stored,
        };
        if let Stored::Response(Entry {
            body: Body::File(_),
            ..
        }) = &stored
        {
            return Some(stored);
        }
        // A flight may have landed meanwhile, and what it brought is newer.
        Some(self.memory.insert_if_vacant(key, stored))
    }
}
