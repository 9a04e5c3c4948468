//! What the cache answers.

use crate::body::{Body, FileBody};
use crate::entry::{Entry, Head};
use crate::flight::{FetchError, Frames};
use crate::range::Part;
use crate::status::{CacheStatus, ttl};
use bytes::{Buf, Bytes, BytesMut};
use futures::{StreamExt, stream};
use http::StatusCode;
use http::header::HeaderValue;
use http_body::Frame;
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
    /// All of it is there, in a file.
    File(FileBody),
    /// It still arrives.
    Streaming {
        /// The frames from the first on.
        frames: Frames,
        /// The number of bytes, where the upstream said it.
        length: Option<u64>,
    },
}

impl From<Body> for ServedBody {
    fn from(body: Body) -> Self {
        match body {
            Body::Memory(bytes) => Self::Whole(bytes),
            Body::File(file) => Self::File(file),
        }
    }
}

impl fmt::Debug for ServedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(body) => write!(f, "Whole({} bytes)", body.len()),
            Self::File(body) => write!(f, "File({} bytes)", body.length()),
            Self::Streaming { length, .. } => write!(f, "Streaming({length:?})"),
        }
    }
}

impl ServedBody {
    /// The number of bytes, where it is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::File(body) => Some(body.length()),
            Self::Streaming { length, .. } => *length,
        }
    }

    /// A part of the body. Of one that still arrives, what lies before is passed over as it comes, and what lies behind
    /// is not waited for.
    #[must_use]
    pub fn part(self, part: Part) -> Self {
        let length = part.last - part.first + 1;
        match self {
            Self::Whole(bytes) => {
                let end = (bytes.len() as u64).min(part.last + 1);
                Self::Whole(bytes.slice(part.first.min(end) as usize..end as usize))
            }
            Self::File(body) => Self::File(body.part(part.first, length)),
            Self::Streaming { frames, .. } => Self::Streaming {
                frames: cut(frames, part.first, length),
                length: Some(length),
            },
        }
    }

    /// All of the body, waited for; `None` when it breaks off.
    pub async fn whole(self) -> Option<Bytes> {
        let mut frames = match self {
            Self::Whole(bytes) => return Some(bytes),
            Self::File(body) => body.frames(),
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

/// `left` bytes of a body, after the first `skip`.
fn cut(frames: Frames, skip: u64, left: u64) -> Frames {
    let next = |(mut frames, mut skip, left): (Frames, u64, u64)| async move {
        if left == 0 {
            return None;
        }
        loop {
            let mut data = match frames.next().await? {
                Ok(frame) => frame.into_data().unwrap_or_default(),
                Err(incomplete) => return Some((Err(incomplete), (frames, skip, 0))),
            };
            let before = skip.min(data.len() as u64);
            data.advance(before as usize);
            skip -= before;
            data.truncate(left.min(data.len() as u64) as usize);
            if !data.is_empty() {
                let left = left - data.len() as u64;
                return Some((Ok(Frame::data(data)), (frames, skip, left)));
            }
        }
    };
    stream::unfold((frames, skip, left), next).boxed()
}

impl Served {
    pub(crate) fn stored(entry: Entry, status: CacheStatus, now: SystemTime) -> Self {
        Self {
            head: entry.head,
            body: entry.body.into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A body in pieces, so that parts begin and end within and between them.
    fn arriving() -> ServedBody {
        let pieces =
            [&b"abc"[..], b"", b"defg", b"h"].map(|piece| Ok(Frame::data(Bytes::from(piece))));
        ServedBody::Streaming {
            frames: stream::iter(pieces).boxed(),
            length: Some(8),
        }
    }

    #[tokio::test]
    async fn a_part_of_what_arrives_is_that_of_what_is_there() {
        for first in 0..8 {
            for last in first..8 {
                let expected = &b"abcdefgh"[first as usize..=last as usize];
                for body in [
                    ServedBody::Whole(Bytes::from_static(b"abcdefgh")),
                    arriving(),
                ] {
                    let part = body.part(Part { first, last });
                    assert_eq!(part.length(), Some(last - first + 1));
                    assert_eq!(part.whole().await.unwrap(), expected);
                }
            }
        }
    }
}
