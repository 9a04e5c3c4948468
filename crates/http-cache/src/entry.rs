//! A stored response, and its form on disk: one block with the head, then the body.

use crate::body::{Body, FileBody};
use crate::freshness::Freshness;
use crate::key::Key;
use crate::vary::{Selecting, Variants};
use bytes::{Buf, BufMut, Bytes};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// First bytes of a stored entry; the number goes up when the form changes, so that old files are misses.
const MAGIC: &[u8; 8] = b"tandem\x00\x02";

/// Bytes before the head: those and its length.
pub(crate) const PREFIX: usize = MAGIC.len() + 4;

/// How often a hit in memory is told to the disk tier, in seconds: the order there is that exact.
const TOUCH_INTERVAL: u32 = 60;

/// Status, headers and times of a stored response.
#[derive(Debug)]
pub struct Head {
    /// Status of the stored response.
    pub status: StatusCode,
    /// Its headers, without those of one connection (RFC 9111 §3.1).
    pub headers: HeaderMap,
    /// Its times.
    pub freshness: Freshness,
    /// Which requests it answers.
    pub selecting: Selecting,
    /// What the user of the cache makes of the headers once and wants at every hit.
    prepared: OnceLock<HeaderMap>,
    /// When a hit was last told to the disk tier, in seconds since 1970.
    touched: AtomicU32,
}

impl Head {
    /// The head of a response.
    pub fn new(
        status: StatusCode,
        headers: HeaderMap,
        freshness: Freshness,
        selecting: Selecting,
    ) -> Self {
        Self {
            status,
            headers,
            freshness,
            selecting,
            prepared: OnceLock::new(),
            touched: AtomicU32::new(0),
        }
    }

    /// What `prepare` made of the head when it was first asked for.
    pub fn prepared(&self, prepare: impl FnOnce(&Self) -> HeaderMap) -> &HeaderMap {
        self.prepared.get_or_init(|| prepare(self))
    }

    /// Whether the disk tier is to be told of a hit at `now`, which happens once in a while.
    pub(crate) fn wants_touch(&self, now: SystemTime) -> bool {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
        let touched = self.touched.load(Ordering::Relaxed);
        let wanted = now.saturating_sub(touched) >= TOUCH_INTERVAL;
        if wanted {
            self.touched.store(now, Ordering::Relaxed);
        }
        wanted
    }
}

/// A whole response: entries are complete or absent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Status, headers, times.
    pub head: Arc<Head>,
    /// All of the body.
    pub body: Body,
}

/// What lies under a key.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A response.
    Response(Entry),
    /// Where the response depends on headers: which variants there are. They lie under keys of their own.
    Variants(Arc<Variants>),
}

/// The head as it is written.
#[derive(Serialize, Deserialize)]
enum Form<'a> {
    Response {
        key: &'a str,
        status: u16,
        #[serde(borrow)]
        headers: Vec<(&'a str, &'a [u8])>,
        freshness: Freshness,
        selecting: Selecting,
    },
    Variants {
        key: &'a str,
        variants: Variants,
    },
}

/// Why stored bytes are no entry.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Too short, or another version's.
    #[error("not an entry of this version")]
    Form,
    /// The head does not parse.
    #[error("the head is damaged")]
    Head,
    /// It is the entry of another key.
    #[error("the entry belongs to another key")]
    OtherKey,
}

impl Entry {
    /// The same response with other times.
    pub(crate) fn with_freshness(&self, freshness: Freshness) -> Self {
        let head = &self.head;
        let (headers, selecting) = (head.headers.clone(), head.selecting.clone());
        Self {
            head: Arc::new(Head::new(head.status, headers, freshness, selecting)),
            body: self.body.clone(),
        }
    }
}

impl Stored {
    /// The same as a soft purge at `at` leaves it: stale where it is a response.
    pub(crate) fn expired(self, at: SystemTime) -> Self {
        match self {
            Self::Response(entry) => {
                let mut freshness = entry.head.freshness;
                freshness.expire(at);
                Self::Response(entry.with_freshness(freshness))
            }
            variants @ Self::Variants(_) => variants,
        }
    }

    /// Bytes that it takes in memory, for the memory tier's bound. Headers are counted by their text and an overhead
    /// measured on a 64-bit machine.
    pub fn weight(&self) -> u64 {
        const OVERHEAD: usize = 640;
        OVERHEAD as u64
            + match self {
                Self::Response(entry) => {
                    let headers = entry.head.headers.iter();
                    let headers: usize = headers
                        .map(|(name, value)| name.as_str().len() + value.len())
                        .sum();
                    (entry.body.in_memory() + headers) as u64
                }
                Self::Variants(variants) => variants.weight() as u64,
            }
    }

    /// The form on disk. Reads a body that is in a file, which blocks.
    ///
    /// # Errors
    /// When that cannot be read. Never of the serializer for heads that came from HTTP messages.
    pub fn encode(&self, key: &Key) -> io::Result<Bytes> {
        let key = key.as_str();
        let nothing = Body::Memory(Bytes::new());
        let (form, body) = match self {
            Self::Response(entry) => {
                let headers = entry.head.headers.iter();
                let form = Form::Response {
                    key,
                    status: entry.head.status.as_u16(),
                    headers: headers
                        .map(|(name, value)| (name.as_str(), value.as_bytes()))
                        .collect(),
                    freshness: entry.head.freshness,
                    selecting: entry.head.selecting.clone(),
                };
                (form, &entry.body)
            }
            Self::Variants(variants) => {
                let variants = Variants::clone(variants);
                (Form::Variants { key, variants }, &nothing)
            }
        };
        let head = postcard::to_stdvec(&form).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(PREFIX + head.len() + body.len() as usize);
        bytes.put_slice(MAGIC);
        bytes.put_u32(head.len() as u32);
        bytes.put_slice(&head);
        body.append_to(&mut bytes)?;
        Ok(bytes.into())
    }

    /// How many of its first bytes the head of an entry takes, given [`PREFIX`] bytes or more; `None` for what is no entry.
    pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        if rest.len() < 4 {
            return None;
        }
        PREFIX.checked_add(rest.get_u32() as usize)
    }

    /// Reads what [`Stored::encode`] wrote for `key`. Headers and body share the memory of `bytes`.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn decode(key: &Key, bytes: Bytes) -> Result<Self, DecodeError> {
        Self::decode_with(key, bytes, None)
    }

    /// The same of an entry whose body is in a file, given its head.
    pub(crate) fn decode_with(
        key: &Key,
        mut bytes: Bytes,
        file: Option<FileBody>,
    ) -> Result<Self, DecodeError> {
        if bytes.len() < MAGIC.len() + 4 || !bytes.starts_with(MAGIC) {
            return Err(DecodeError::Form);
        }
        bytes.advance(MAGIC.len());
        let length = bytes.get_u32() as usize;
        if bytes.len() < length {
            return Err(DecodeError::Form);
        }
        let form_bytes = bytes.split_to(length);
        let form = postcard::from_bytes(&form_bytes).map_err(|_| DecodeError::Head)?;
        match form {
            Form::Response { key: stored, .. } | Form::Variants { key: stored, .. }
                if stored != key.as_str() =>
            {
                Err(DecodeError::OtherKey)
            }
            Form::Variants { variants, .. } => Ok(Self::Variants(Arc::new(variants))),
            Form::Response {
                status,
                headers,
                freshness,
                selecting,
                ..
            } => {
                let mut map = HeaderMap::with_capacity(headers.len());
                for (name, value) in headers {
                    let name = HeaderName::try_from(name).map_err(|_| DecodeError::Head)?;
                    let value = HeaderValue::from_maybe_shared(form_bytes.slice_ref(value));
                    map.append(name, value.map_err(|_| DecodeError::Head)?);
                }
                let status = StatusCode::from_u16(status).map_err(|_| DecodeError::Head)?;
                let head = Head::new(status, map, freshness, selecting);
                Ok(Self::Response(Entry {
                    head: Arc::new(head),
                    body: file.map_or(Body::Memory(bytes), Body::File),
                }))
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vary::Variant;
    use std::time::Duration;

    pub(crate) fn entry(body: &'static str) -> Stored {
        let mut headers = HeaderMap::new();
        headers.insert("etag", HeaderValue::from_static("\"a\""));
        headers.append("x-line", HeaderValue::from_static("one"));
        headers.append("x-line", HeaderValue::from_static("two"));
        let now = SystemTime::now();
        let freshness = Freshness::new(&headers, Duration::from_secs(60), now, now);
        let head = Head::new(StatusCode::OK, headers, freshness, Selecting::default());
        Stored::Response(Entry {
            head: Arc::new(head),
            body: Body::Memory(Bytes::from_static(body.as_bytes())),
        })
    }

    #[test]
    fn an_entry_reads_back_as_it_was() {
        let key = Key::new("/a");
        let read = Stored::decode(&key, entry("body").encode(&key).unwrap()).unwrap();
        let (Stored::Response(read), Stored::Response(stored)) = (read, entry("body")) else {
            panic!("no responses")
        };
        let bytes = |body: &Body| {
            let mut bytes = Vec::new();
            body.append_to(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(bytes(&read.body), bytes(&stored.body));
        assert_eq!(read.head.headers, stored.head.headers);
        assert_eq!(read.head.selecting, stored.head.selecting);
    }

    #[test]
    fn variants_read_back_as_they_were() {
        let key = Key::new("/a");
        let mut variants = Variants::default();
        let variant = Variant {
            selecting: Selecting::default(),
            etag: Some(b"\"a\"".to_vec()),
            date: 7,
        };
        variants.add(&key, variant);
        let stored = Stored::Variants(Arc::new(variants.clone()));
        let Ok(Stored::Variants(read)) = Stored::decode(&key, stored.encode(&key).unwrap()) else {
            panic!("no variants")
        };
        assert_eq!(*read, variants);
    }

    #[test]
    fn another_key_s_entry_is_refused() {
        let bytes = entry("body").encode(&Key::new("/a")).unwrap();
        let read = Stored::decode(&Key::new("/b"), bytes);
        assert!(matches!(read, Err(DecodeError::OtherKey)));
    }

    #[test]
    fn no_cut_of_the_head_is_an_entry() {
        let key = Key::new("/a");
        let bytes = entry("").encode(&key).unwrap();
        for length in 0..bytes.len() {
            assert!(
                Stored::decode(&key, bytes.slice(..length)).is_err(),
                "{length}"
            );
        }
    }
}
