//! A stored response, and its form on disk: one block with the head, then the body.

use crate::freshness::Freshness;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// First bytes of a stored entry; the number goes up when the form changes, so that old files are misses.
const MAGIC: &[u8; 8] = b"tandem\x00\x01";

/// Status, headers and times of a stored response.
#[derive(Clone, Debug)]
pub struct Head {
    /// Status of the stored response.
    pub status: StatusCode,
    /// Its headers, without those of one connection (RFC 9111 §3.1).
    pub headers: HeaderMap,
    /// Its times.
    pub freshness: Freshness,
}

/// A whole response: entries are complete or absent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Status, headers, times.
    pub head: Arc<Head>,
    /// All of the body.
    pub body: Bytes,
}

/// The head as it is written.
#[derive(Serialize, Deserialize)]
struct StoredHead {
    key: String,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    freshness: Freshness,
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
    /// A digest collision: the entry is of another key.
    #[error("the entry belongs to another key")]
    OtherKey,
}

impl Entry {
    /// Bytes that the entry takes in memory, for the memory tier's bound. Headers are counted by their text and an
    /// overhead measured on a 64-bit machine.
    pub fn weight(&self) -> u64 {
        const OVERHEAD: usize = 512;
        let headers: usize = self
            .head
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        (self.body.len() + headers + OVERHEAD) as u64
    }

    /// The form on disk.
    ///
    /// # Errors
    /// Never for heads that came from HTTP messages; the serializer's error otherwise.
    pub fn encode(&self, key: &str) -> Result<Bytes, serde_json::Error> {
        let head = serde_json::to_vec(&StoredHead {
            key: key.to_owned(),
            status: self.head.status.as_u16(),
            headers: self
                .head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect(),
            freshness: self.head.freshness,
        })?;
        let mut bytes = BytesMut::with_capacity(MAGIC.len() + 4 + head.len() + self.body.len());
        bytes.put_slice(MAGIC);
        bytes.put_u32(head.len() as u32);
        bytes.put_slice(&head);
        bytes.put_slice(&self.body);
        Ok(bytes.freeze())
    }

    /// Reads what [`Entry::encode`] wrote for `key`. The body shares the memory of `bytes`.
    pub fn decode(key: &str, mut bytes: Bytes) -> Result<Self, DecodeError> {
        if bytes.len() < MAGIC.len() + 4 || !bytes.starts_with(MAGIC) {
            return Err(DecodeError::Form);
        }
        bytes.advance(MAGIC.len());
        let length = bytes.get_u32() as usize;
        if bytes.len() < length {
            return Err(DecodeError::Form);
        }
        let stored: StoredHead =
            serde_json::from_slice(&bytes.split_to(length)).map_err(|_| DecodeError::Head)?;
        if stored.key != key {
            return Err(DecodeError::OtherKey);
        }
        let headers: Option<HeaderMap> = stored
            .headers
            .iter()
            .map(|(name, value)| {
                Some((
                    HeaderName::try_from(name.as_str()).ok()?,
                    HeaderValue::from_bytes(value).ok()?,
                ))
            })
            .collect();
        let head = Head {
            status: StatusCode::from_u16(stored.status).map_err(|_| DecodeError::Head)?,
            headers: headers.ok_or(DecodeError::Head)?,
            freshness: stored.freshness,
        };
        Ok(Self {
            head: Arc::new(head),
            body: bytes,
        })
    }
}

/// Takes off the headers that belong to one connection or are computed anew for each answer (RFC 9111 §3.1).
pub(crate) fn strip_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        TRANSFER_ENCODING,
        CONTENT_LENGTH,
        http::header::TRAILER,
        http::header::UPGRADE,
    ] {
        headers.remove(name);
    }
    for name in [
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authentication-info",
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    pub(crate) fn entry(body: &'static str) -> Entry {
        let mut headers = HeaderMap::new();
        headers.insert("etag", HeaderValue::from_static("\"a\""));
        let freshness = Freshness::new(&headers, Duration::from_secs(60), SystemTime::now());
        let head = Head {
            status: StatusCode::OK,
            headers,
            freshness,
        };
        Entry {
            head: Arc::new(head),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was() {
        let stored = entry("body");
        let read = Entry::decode("/a", stored.encode("/a").unwrap()).unwrap();
        assert_eq!(read.body, stored.body);
        assert_eq!(read.head.headers, stored.head.headers);
        assert_eq!(read.head.freshness, stored.head.freshness);
    }

    #[test]
    fn another_key_s_entry_is_refused() {
        let bytes = entry("body").encode("/a").unwrap();
        assert!(matches!(
            Entry::decode("/b", bytes),
            Err(DecodeError::OtherKey)
        ));
    }

    #[test]
    fn no_cut_of_the_head_is_an_entry() {
        let bytes = entry("").encode("/a").unwrap();
        for length in 0..bytes.len() {
            assert!(
                Entry::decode("/a", bytes.slice(..length)).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn headers_of_the_connection_are_taken_off() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("close, X-Hop"));
        headers.insert("x-hop", HeaderValue::from_static("1"));
        headers.insert("etag", HeaderValue::from_static("\"a\""));
        strip_connection_headers(&mut headers);
        assert_eq!(headers.len(), 1);
    }
}
