//! What the cache answers.

use crate::entry::{Entry, Head};
use crate::flight::{FetchError, Frames};
use crate::status::{CacheStatus, ttl};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::StatusCode;
use http::header::HeaderValue;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
        /// The frames from the first on.
        frames: Frames,
        /// The number of bytes, where the upstream said it.
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

impl ServedBody {
    /// All of the body, waited for; `None` when it breaks off.
    pub async fn whole(self) -> Option<Bytes> {
        let mut frames = match self {
            Self::Whole(bytes) => return Some(bytes),
            Self::Streaming { frames, .. } => frames,
        };
        let mut whole = BytesMut::new();
        while let Some(frame) = frames.next().await {
            if let Ok(data) = frame.ok()?.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Some(whole.freeze())
    }
}

impl Served {
    pub(crate) fn stored(entry: Entry, status: CacheStatus, now: SystemTime) -> Self {
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
