//! What becomes of a fetched response: its head is told, its body is passed on, the whole is stored.

use crate::body::Body;
use crate::budget::{Share, counted};
use crate::cache::{Inner, UpstreamBody, UpstreamResponse, is_failure};
use crate::date::date_of;
use crate::directives::{Directives, Scope};
use crate::entry::{Entry, Head, Stored};
use crate::fetches::Permit;
use crate::flight::{FetchError, Flight, FlightHead, Incomplete, Unkept, WINDOW};
use crate::freshness::Freshness;
use crate::headers::{content_length, date, owned, strip_connection_headers, updated};
use crate::key::Key;
use crate::policy::{RequestRules, Times};
use crate::request::{CacheRequest, Selected, part_key};
use crate::vary::{Selecting, Variant, Variants};
use bytes::Bytes;
use http::header::{DATE, ETAG, HeaderName, HeaderValue, SET_COOKIE, TRAILER};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a fetch goes on that nobody waits for: a page that is loaded again asks at once.
const GRACE: Duration = Duration::from_secs(1);

/// A response that is awaited.
pub(crate) struct Reception {
    inner: Arc<Inner>,
    request: CacheRequest,
    selected: Selected,
    flight: Flight,
    asked: SystemTime,
    /// Held while the response comes, so that fetches are bounded.
    permit: Option<Permit>,
}

/// A body that came to its end.
#[derive(Default)]
struct Received {
    /// All of it, where it was kept.
    whole: Option<Bytes>,
    length: u64,
    trailers: Option<HeaderMap>,
}

impl Reception {
    pub(crate) fn new(
        inner: Arc<Inner>,
        request: CacheRequest,
        selected: Selected,
        flight: Flight,
        permit: Option<Permit>,
    ) -> Self {
        Self {
            permit,
            asked: inner.config.clock.now(),
            inner,
            request,
            selected,
            flight,
        }
    }

    /// Waits for a fetch; `None` when nobody has waited for it for a while, and it is given up.
    pub(crate) async fn while_wanted<T>(&self, fetch: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            fetched = fetch => Some(fetched),
            () = self.flight.abandoned(GRACE) => {
                count(&self.inner.counters.abandoned);
                None
            }
        }
    }

    /// There is no response.
    pub(crate) fn fail(self, failure: FetchError) {
        self.flight.set_head(Err(failure));
    }

    /// Takes a response in; `conditional` tells whether it was asked for on a condition. Gives itself back when the
    /// response is a 304 about something that is not stored, so that the whole has to be asked for.
    pub(crate) async fn receive(
        mut self,
        response: UpstreamResponse,
        conditional: bool,
    ) -> Option<Self> {
        let times = Times {
            asked: self.asked,
            received: self.inner.config.clock.now(),
        };
        let (mut parts, body) = response.into_parts();
        let length = content_length(&parts.headers, &body);
        strip_connection_headers(&mut parts.headers);
        if parts.status == StatusCode::NOT_MODIFIED && conditional {
            let Some(entry) = self.validated(&parts.headers, times.received).await else {
                self.asked = self.inner.config.clock.now();
                return Some(self);
            };
            date(&mut parts.headers, times.received);
            self.freshen(entry, parts.headers, times);
        } else {
            date(&mut parts.headers, times.received);
            self.take(parts, body, length, times).await;
        }
        None
    }

    /// The stored response that a 304 speaks of (RFC 9111 §4.3.4).
    async fn validated(&self, update: &HeaderMap, now: SystemTime) -> Option<Entry> {
        let etag = update.get(ETAG).map(HeaderValue::as_bytes);
        if let Some(entry) = &self.selected.entry {
            let known = entry.head.headers.get(ETAG).map(HeaderValue::as_bytes);
            if etag.is_none() || known.is_none() || etag.map(opaque) == known.map(opaque) {
                return Some(entry.clone());
            }
        }
        let variants = self.selected.variants.as_ref()?;
        let slot = variants.with_etag(&self.request.key, etag?)?;
        match self.inner.find(&slot, now).await? {
            Stored::Response(entry) => Some(entry),
            Stored::Variants(_) => None,
        }
    }

    /// Makes a stored response fresh again with the headers of a 304.
    pub(crate) fn freshen(&self, stored: Entry, update: HeaderMap, times: Times) {
        let (headers, status) = (updated(&stored.head.headers, update), stored.head.status);
        let storable =
            self.inner
                .config
                .policy
                .storable(self.request.rules, status, &headers, times);
        let selecting = self.selecting(&headers);
        let freshness = storable.as_ref().map_or_else(
            || Freshness::new(&headers, Duration::ZERO, times.asked, times.received),
            |storable| storable.freshness,
        );
        let head = Head::new(
            status,
            headers,
            freshness,
            selecting.clone().unwrap_or_default(),
        );
        let entry = Entry {
            head: Arc::new(head),
            body: stored.body,
        };
        let shareable = storable.is_some() && selecting.is_some();
        match (storable, selecting) {
            (Some(storable), Some(_)) => self.store(&entry, &storable.without),
            _ if self.is_unwanted(status, &entry.head.headers, times) => {
                self.inner.remove(&self.selected.slot);
            }
            _ => {}
        }
        let content_length = Some(entry.body.len());
        let file = match entry.body {
            Body::Memory(bytes) => {
                self.flight.push(bytes);
                None
            }
            Body::File(file) => Some(file),
        };
        self.flight.set_head(Ok(FlightHead {
            content_length,
            file,
            head: entry.head,
            shareable,
            revalidated: true,
            upstream_status: StatusCode::NOT_MODIFIED,
            unkept: None,
        }));
        self.flight.end(Ok(None));
    }

    /// Tells the head, passes on the body, stores the whole.
    async fn take(&mut self, parts: Parts, body: UpstreamBody, length: Option<u64>, times: Times) {
        let (config, status) = (&self.inner.config, parts.status);
        let selecting = self.selecting(&parts.headers);
        // A failure for which what is stored stands in must not take its place.
        let stands_in = self.selected.entry.as_ref().is_some_and(|entry| {
            let policy = &config.policy;
            let covered = policy.use_stale.covers_status(status);
            let freshness = &entry.head.freshness;
            is_failure(status, policy) && policy.may_stand_in(freshness, times.received, covered)
        });
        let storable = config
            .policy
            .storable(self.request.rules, status, &parts.headers, times)
            .filter(|_| selecting.is_some() && !stands_in);
        let unwanted =
            !stands_in && storable.is_none() && self.is_unwanted(status, &parts.headers, times);
        let freshness = storable.as_ref().map_or_else(
            || Freshness::new(&parts.headers, Duration::ZERO, times.asked, times.received),
            |storable| storable.freshness,
        );
        // Who waits may have what is stored, or fails along (RFC 9111 §4). Where no header matters, a key is all there is
        // to a request, and the answer is for all of them.
        let for_all =
            storable.is_some() || status.is_server_error() || self.request.headers.is_none();
        let shareable = for_all && is_shareable(&parts) && selecting.is_some();
        let counters = &self.inner.counters;
        let (too_large, mut share) = (
            length.is_some_and(|length| length > config.max_body),
            self.inner.share(),
        );
        // Room for a large body is taken before it comes: of one that finds none, nothing is held for slow readers. Small
        // ones fit the window that readers share.
        let crowded =
            !too_large && length.is_some_and(|length| length > WINDOW && !share.cover(length));
        let head = Arc::new(Head::new(
            status,
            parts.headers,
            freshness,
            selecting.unwrap_or_default(),
        ));
        let told = |shareable, unkept| FlightHead {
            head: head.clone(),
            content_length: length,
            file: None,
            shareable,
            revalidated: false,
            upstream_status: status,
            unkept,
        };
        if unwanted {
            self.inner.remove(&self.selected.slot);
        }
        if too_large {
            count(&counters.too_large);
        }
        if crowded {
            count(&counters.over_budget);
        }
        if too_large || crowded || (storable.is_none() && !shareable) {
            let unkept = Some(Unkept::new(body, self.permit.take()));
            return self.flight.set_head(Ok(told(false, unkept)));
        }
        self.flight.set_head(Ok(told(shareable, None)));
        let Some(received) = self.receive_body(body, share).await else {
            return self.flight.end(Err(Incomplete));
        };
        if length.is_some_and(|length| length != received.length) {
            return self.flight.end(Err(Incomplete));
        }
        // Stored before the end is told: who saw the end of the body finds it in the cache.
        if let (Some(storable), Some(body)) = (storable, received.whole) {
            let body = Body::Memory(body);
            self.store(&Entry { head, body }, &storable.without);
        }
        self.flight.end(Ok(received.trailers));
    }

    /// Passes the body on as it comes; `None` when it breaks off, or is for nobody any more. One that exceeds the bounds is
    /// not kept.
    async fn receive_body(&self, mut body: UpstreamBody, mut share: Share) -> Option<Received> {
        let mut chunks = Some(Vec::new());
        let mut received = Received::default();
        while let Some(frame) = body.frame().await {
            let chunk = match frame.ok()?.into_data() {
                Ok(chunk) => chunk,
                Err(frame) => {
                    received.trailers = frame.into_trailers().ok();
                    continue;
                }
            };
            received.length += chunk.len() as u64;
            if chunks.is_some() {
                let counters = &self.inner.counters;
                let exceeded = if received.length > self.inner.config.max_body {
                    Some(&counters.too_large)
                } else if share.cover(received.length) {
                    None
                } else {
                    Some(&counters.over_budget)
                };
                if let Some(counter) = exceeded {
                    count(counter);
                    self.flight.stop_replaying();
                    chunks = None;
                }
            }
            self.flight.push(chunk.clone());
            match &mut chunks {
                Some(chunks) => chunks.push(chunk),
                None if self.flight.wait_for_readers().await => share.release(),
                None => return None,
            }
        }
        // Copied even where it came in one piece: a piece is a part of the connection's read buffer, and would keep all of
        // that in memory.
        received.whole = chunks.map(|chunks| {
            let mut whole = Vec::with_capacity(received.length as usize);
            for chunk in chunks {
                whole.extend_from_slice(&chunk);
            }
            // What slow readers hold of it counts until they have it.
            let whole = counted(whole, share);
            self.flight.hold(&whole);
            whole
        });
        Some(received)
    }

    /// Whether a response says that what is stored is not what the upstream would answer any more. That a request may not
    /// have its answer stored says nothing of the kind.
    fn is_unwanted(&self, status: StatusCode, headers: &HeaderMap, times: Times) -> bool {
        let policy = &self.inner.config.policy;
        let rules = RequestRules::default();
        !status.is_server_error()
            && (!self.request.rules.partial || status == StatusCode::OK)
            && policy.storable(rules, status, headers, times).is_none()
    }

    /// Which requests the response answers; `None`: no other. Where no header matters, whatever the response varies on
    /// is in the key.
    fn selecting(&self, response: &HeaderMap) -> Option<Selecting> {
        match &self.request.headers {
            Some(request) => Selecting::of(response, request),
            None => Selecting::of(response, &HeaderMap::new()).map(|_| Selecting::default()),
        }
    }

    pub(crate) fn store(&self, entry: &Entry, without: &[HeaderName]) {
        let part = entry.head.status == StatusCode::PARTIAL_CONTENT;
        let key = &if part {
            part_key(&self.request.key)
        } else {
            self.request.key.clone()
        };
        let Some(_admitted) = self.inner.purges.admit(key.as_str(), self.selected.born) else {
            return;
        };
        let (mut entry, mut headers) = (entry.clone(), owned(&entry.head.headers));
        // What is stored has no trailers, so it announces none.
        for name in without.iter().chain([&TRAILER]) {
            headers.remove(name);
        }
        let (freshness, selecting) = (entry.head.freshness, entry.head.selecting.clone());
        entry.head = Arc::new(Head::new(entry.head.status, headers, freshness, selecting));
        if entry.head.selecting.is_empty() {
            return self.put(key.clone(), Stored::Response(entry));
        }
        let _changing = self
            .inner
            .changing_variants
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let disk = self.inner.disk.as_ref();
        let known = self.inner.memory.get(key);
        let mut variants = match known.or_else(|| disk?.waiting(key)) {
            Some(Stored::Variants(variants)) => Variants::clone(&variants),
            _ => self
                .selected
                .variants
                .as_deref()
                .cloned()
                .unwrap_or_default(),
        };
        let variant = Variant {
            selecting: entry.head.selecting.clone(),
            etag: entry
                .head
                .headers
                .get(ETAG)
                .map(|etag| etag.as_bytes().to_vec()),
            date: millis_of_date(&entry.head.headers, self.inner.config.clock.now()),
        };
        let slot = entry.head.selecting.key(key);
        let gone = variants.add(key, variant);
        self.put(slot, Stored::Response(entry));
        self.put(key.clone(), Stored::Variants(Arc::new(variants)));
        if let Some(gone) = gone {
            self.inner.remove(&gone);
        }
    }

    fn put(&self, key: Key, stored: Stored) {
        if let Some(disk) = &self.inner.disk {
            disk.store(key.clone(), stored.clone(), self.selected.born);
        }
        match &stored {
            Stored::Response(Entry {
                body: Body::File(_),
                ..
            }) => self.inner.memory.remove(&key),
            _ => self.inner.memory.insert(key, stored),
        }
    }
}

impl Inner {
    /// Forgets a key in both tiers.
    pub(crate) fn remove(&self, key: &Key) {
        self.memory.remove(key);
        if let Some(disk) = &self.disk {
            disk.remove(key);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Whether waiters may have the response as well. A failure is told to all, so that it fails once for all.
fn is_shareable(parts: &Parts) -> bool {
    let directives = Directives::of(&parts.headers);
    let unstorable = directives.no_store && !parts.status.is_server_error();
    let personal = directives.private != Scope::None || parts.headers.contains_key(SET_COOKIE);
    !personal && !unstorable && parts.status != StatusCode::PARTIAL_CONTENT
}

fn millis_of_date(headers: &HeaderMap, now: SystemTime) -> u64 {
    let since = date_of(headers, DATE, now).and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_millis() as u64)
}

/// An entity tag without the sign of weakness.
fn opaque(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}
