//! The way of a request through the cache: look up, serve, wait, fetch, store.

use crate::clock::Clock;
use crate::directives::Directives;
use crate::disk::{Disk, DiskConfig};
use crate::entry::{Entry, Head, strip_connection_headers};
use crate::flight::{FetchError, Flight, FlightHead, Incomplete, Passenger, take_off};
use crate::freshness::Freshness;
use crate::key::Key;
use crate::memory::Memory;
use crate::policy::Policy;
use crate::status::{CacheStatus, ttl};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::{CONTENT_LENGTH, ETAG, HeaderValue, SET_COOKIE};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What a fetch answers.
pub type UpstreamResponse = Response<UnsyncBoxBody<Bytes, FetchError>>;

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
    /// (nginx: `proxy_cache_lock_timeout`).
    pub lock_timeout: Duration,
    /// Largest body fetched, in bytes. A larger one is an error.
    pub max_body: u64,
    /// Where the time comes from.
    pub clock: Clock,
}

/// A shared HTTP cache. Clones share it.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({:?})", self.0.config)
    }
}

struct Inner {
    config: CacheConfig,
    memory: Memory,
    disk: Option<Disk>,
    flights: Mutex<HashMap<Key, Passenger>>,
}

/// An answer.
#[derive(Debug)]
pub struct Served {
    /// Status, headers and times of the response.
    pub head: Arc<Head>,
    /// Its body.
    pub body: ServedBody,
    /// How the cache came by it.
    pub status: CacheStatus,
    /// The upstream's status, where it was asked for this answer.
    pub upstream_status: Option<StatusCode>,
    /// Why a stale answer is served.
    pub failure: Option<FetchError>,
    /// The moment to which ages refer.
    pub now: SystemTime,
}

/// The body of an answer.
pub enum ServedBody {
    /// All of it is there.
    Whole(Bytes),
    /// It still arrives.
    Streaming {
        /// The bytes from the first on.
        stream: BoxStream<'static, Result<Bytes, Incomplete>>,
        /// Their number, where the upstream said it.
        length: Option<u64>,
    },
}

impl fmt::Debug for ServedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(body) => write!(f, "Whole({} bytes)", body.len()),
            Self::Streaming { length, .. } => write!(f, "Streaming({length:?})"),
        }
    }
}

impl Served {
    fn stored(entry: Entry, status: CacheStatus, now: SystemTime) -> Self {
        let body = ServedBody::Whole(entry.body);
        Self {
            head: entry.head,
            body,
            status,
            upstream_status: None,
            failure: None,
            now,
        }
    }

    /// The age of the response, for `Age`.
    pub fn age(&self) -> Duration {
        self.head.freshness.age(self.now)
    }

    /// The value of `Cache-Status` for the cache called `name` (RFC 9211).
    pub fn cache_status(&self, name: &str) -> HeaderValue {
        let freshness = &self.head.freshness;
        let ttl = ttl(freshness.remaining(self.now), freshness.staleness(self.now));
        self.status
            .cache_status(name, Some(ttl), self.upstream_status)
    }
}

impl Cache {
    /// Opens a cache. The disk tier's index is read in the background.
    ///
    /// # Errors
    /// When the thread of the disk tier cannot be started.
    pub fn open(config: CacheConfig) -> std::io::Result<Self> {
        let disk = config.disk.clone().map(Disk::open).transpose()?;
        let memory = Memory::new(config.memory);
        Ok(Self(Arc::new(Inner {
            config,
            memory,
            disk,
            flights: Mutex::default(),
        })))
    }

    /// Answers a request for `key`, from what is stored or through `fetch`.
    ///
    /// `fetch` is given the stored response's entity tag, to be sent as `If-None-Match`. It runs in a task of its own
    /// and goes on when this future is dropped.
    ///
    /// # Errors
    /// When the fetch fails and nothing stored may stand in for it.
    pub async fn serve<F, Fut>(&self, key: Key, fetch: F) -> Result<Served, FetchError>
    where
        F: Fn(Option<HeaderValue>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<UpstreamResponse, FetchError>> + Send,
    {
        let now = self.0.config.clock.now();
        let use_stale = self.0.config.policy.use_stale;
        let stored = self.lookup(&key, now).await;
        if let Some(entry) = &stored {
            let freshness = &entry.head.freshness;
            if freshness.is_fresh(now) {
                return Ok(Served::stored(entry.clone(), CacheStatus::Hit, now));
            }
            if freshness.may_serve_while_revalidating(now, use_stale.updating) {
                self.join(&key, now, stored.as_ref(), Arc::new(fetch));
                return Ok(Served::stored(entry.clone(), CacheStatus::Updating, now));
            }
        }
        let fetch = Arc::new(fetch);
        let (mut passenger, collapsed) = match self.join(&key, now, stored.as_ref(), fetch.clone())
        {
            Joined::Landed(entry) => return Ok(Served::stored(entry, CacheStatus::Hit, now)),
            Joined::Waiting(passenger) => (passenger, true),
            Joined::Launched(passenger) => (passenger, false),
        };
        let head = if collapsed {
            match tokio::time::timeout(self.0.config.lock_timeout, passenger.head()).await {
                Ok(head) => head,
                Err(_) => return self.bypass(fetch).await,
            }
        } else {
            passenger.head().await
        };
        let stale = stored.filter(|entry| entry.head.freshness.may_serve_on_error(now, true));
        match (head, stale) {
            (Err(failure), Some(entry)) if use_stale.covers(&failure) => {
                let stale = Served::stored(entry, CacheStatus::Stale, now);
                Ok(Served {
                    failure: Some(failure),
                    ..stale
                })
            }
            (Ok(head), Some(entry)) if use_stale.covers_status(head.upstream_status) => {
                let stale = Served::stored(entry, CacheStatus::Stale, now);
                Ok(Served {
                    upstream_status: Some(head.upstream_status),
                    ..stale
                })
            }
            (Ok(head), _) if collapsed && !head.shareable => self.bypass(fetch).await,
            (Ok(head), stale) => {
                let status = match stale {
                    _ if head.revalidated => CacheStatus::Revalidated,
                    Some(_) => CacheStatus::Expired,
                    None => CacheStatus::Miss { collapsed },
                };
                let body = ServedBody::Streaming {
                    stream: passenger.body(),
                    length: head.content_length,
                };
                let upstream_status = Some(head.upstream_status);
                let now = self.0.config.clock.now();
                Ok(Served {
                    head: head.head,
                    body,
                    status,
                    upstream_status,
                    failure: None,
                    now,
                })
            }
            (Err(failure), _) => Err(failure),
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

    async fn lookup(&self, key: &Key, now: SystemTime) -> Option<Entry> {
        if let Some(entry) = self.0.memory.get(key) {
            return Some(entry);
        }
        if !self.0.disk.as_ref()?.contains(key) {
            return None;
        }
        let (inner, key) = (self.0.clone(), key.clone());
        let read = tokio::task::spawn_blocking(move || {
            let entry = inner.disk.as_ref()?.read(&key, now)?;
            inner.memory.insert(key, entry.clone());
            Some(entry)
        });
        read.await.ok().flatten()
    }

    /// Joins the flight of a key, or begins it.
    fn join<F, Fut>(
        &self,
        key: &Key,
        now: SystemTime,
        stored: Option<&Entry>,
        fetch: Arc<F>,
    ) -> Joined
    where
        F: Fn(Option<HeaderValue>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<UpstreamResponse, FetchError>> + Send,
    {
        let mut flights = self.0.lock_flights();
        if let Some(passenger) = flights.get(key) {
            return Joined::Waiting(passenger.clone());
        }
        // A flight may have landed since the look-up: it stores before it leaves the table.
        if let Some(entry) = self
            .0
            .memory
            .get(key)
            .filter(|entry| entry.head.freshness.is_fresh(now))
        {
            return Joined::Landed(entry);
        }
        let (flight, passenger) = take_off();
        flights.insert(key.clone(), passenger.clone());
        drop(flights);
        let landing = Landing {
            inner: self.0.clone(),
            key: key.clone(),
        };
        let stored = stored.cloned();
        tokio::spawn(async move {
            let etag = stored
                .as_ref()
                .and_then(|entry| entry.head.headers.get(ETAG).cloned());
            match fetch(etag).await {
                Ok(response) => {
                    landing
                        .inner
                        .receive(&landing.key, stored, response, &flight)
                        .await;
                }
                Err(failure) => flight.set_head(Err(failure)),
            }
            drop(landing);
        });
        Joined::Launched(passenger)
    }

    /// Fetches for one request only and stores nothing.
    async fn bypass<F, Fut>(&self, fetch: Arc<F>) -> Result<Served, FetchError>
    where
        F: Fn(Option<HeaderValue>) -> Fut,
        Fut: Future<Output = Result<UpstreamResponse, FetchError>>,
    {
        let (mut parts, body) = fetch(None).await?.into_parts();
        let length = content_length(&parts.headers, &body);
        strip_connection_headers(&mut parts.headers);
        let now = self.0.config.clock.now();
        let stream = body
            .into_data_stream()
            .map(|chunk| chunk.map_err(|_| Incomplete))
            .boxed();
        Ok(Served {
            head: head_of(&parts, parts.headers.clone(), None, now),
            body: ServedBody::Streaming { stream, length },
            status: CacheStatus::Bypass,
            upstream_status: Some(parts.status),
            failure: None,
            now,
        })
    }
}

enum Joined {
    /// Another request's flight.
    Waiting(Passenger),
    /// A new flight.
    Launched(Passenger),
    /// No flight: the response was stored a moment ago.
    Landed(Entry),
}

/// Takes a flight out of the table when its task ends, however it ends.
struct Landing {
    inner: Arc<Inner>,
    key: Key,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.inner.lock_flights().remove(&self.key);
    }
}

impl Inner {
    fn lock_flights(&self) -> MutexGuard<'_, HashMap<Key, Passenger>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a response: tells the head, passes on the body, stores the whole.
    async fn receive(
        &self,
        key: &Key,
        stored: Option<Entry>,
        response: UpstreamResponse,
        flight: &Flight,
    ) {
        let now = self.config.clock.now();
        let (mut parts, body) = response.into_parts();
        let content_length = content_length(&parts.headers, &body);
        strip_connection_headers(&mut parts.headers);
        if parts.status == StatusCode::NOT_MODIFIED {
            match stored {
                Some(stored) => self.revalidated(key, stored, parts.headers, flight, now),
                None => flight.set_head(Err(FetchError::Invalid(
                    "304 to an unconditional request".into(),
                ))),
            }
            return;
        }
        let freshness = self
            .config
            .policy
            .storable(parts.status, &parts.headers, now);
        let head = head_of(&parts, parts.headers.clone(), freshness, now);
        flight.set_head(Ok(FlightHead {
            head: head.clone(),
            content_length,
            shareable: shareable(&parts),
            revalidated: false,
            upstream_status: parts.status,
        }));
        let Some(body) = self.receive_body(body, flight).await else {
            return flight.end(Err(Incomplete));
        };
        // Stored before the end is told: who saw the end of the body finds it in the cache.
        if freshness.is_some() {
            self.save(key.clone(), Entry { head, body });
        }
        flight.end(Ok(()));
    }

    /// The whole body, or `None` when it breaks off or exceeds the bound.
    async fn receive_body(
        &self,
        mut body: UnsyncBoxBody<Bytes, FetchError>,
        flight: &Flight,
    ) -> Option<Bytes> {
        let mut chunks: Vec<Bytes> = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame.ok()?.into_data() else {
                continue;
            };
            length += chunk.len();
            if length as u64 > self.config.max_body {
                return None;
            }
            flight.push(chunk.clone());
            chunks.push(chunk);
        }
        if chunks.len() == 1 {
            return chunks.pop();
        }
        let mut whole = BytesMut::with_capacity(length);
        for chunk in &chunks {
            whole.extend_from_slice(chunk);
        }
        Some(whole.freeze())
    }

    /// Freshens a stored response with the headers of a 304 (RFC 9111 §4.3.4).
    fn revalidated(
        &self,
        key: &Key,
        stored: Entry,
        update: HeaderMap,
        flight: &Flight,
        now: SystemTime,
    ) {
        let mut headers = stored.head.headers.clone();
        for name in update.keys() {
            headers.remove(name);
        }
        headers.extend(update);
        let status = stored.head.status;
        let freshness = self.config.policy.storable(status, &headers, now);
        let stale = Freshness::new(&headers, Duration::ZERO, now);
        let head = Arc::new(Head {
            status,
            headers,
            freshness: freshness.unwrap_or(stale),
        });
        let entry = Entry {
            head: head.clone(),
            body: stored.body,
        };
        if freshness.is_some() {
            self.save(key.clone(), entry.clone());
        }
        flight.push(entry.body.clone());
        flight.set_head(Ok(FlightHead {
            head,
            content_length: Some(entry.body.len() as u64),
            shareable: true,
            revalidated: true,
            upstream_status: StatusCode::NOT_MODIFIED,
        }));
        flight.end(Ok(()));
    }

    fn save(&self, key: Key, entry: Entry) {
        if let Some(disk) = &self.disk {
            disk.store(key.clone(), entry.clone());
        }
        self.memory.insert(key, entry);
    }
}

/// Whether waiters may have the response as well. A failure is told to all, so that it fails once for all.
fn shareable(parts: &Parts) -> bool {
    let directives = Directives::of(&parts.headers);
    let unstorable = directives.no_store && !parts.status.is_server_error();
    !(directives.private || unstorable || parts.headers.contains_key(SET_COOKIE))
}

fn head_of(
    parts: &Parts,
    headers: HeaderMap,
    freshness: Option<Freshness>,
    now: SystemTime,
) -> Arc<Head> {
    let freshness = freshness.unwrap_or_else(|| Freshness::new(&headers, Duration::ZERO, now));
    Arc::new(Head {
        status: parts.status,
        headers,
        freshness,
    })
}

/// The length that the message states, or that its body knows.
fn content_length(headers: &HeaderMap, body: &UnsyncBoxBody<Bytes, FetchError>) -> Option<u64> {
    let stated = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    stated.or_else(|| body.size_hint().exact())
}
