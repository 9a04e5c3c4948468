//! The id that ties the log lines of one request together, at the edge and in the resizer.

use http::header::{HeaderName, HeaderValue};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The header in which the edge passes the id on, and in which the client gets it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id accepted from a peer. Longer ones are replaced, so that nobody writes novels into the log.
const MAX_LEN: usize = 64;

/// 16 hexadecimal digits of our own, or what a trusted peer sent: 1 to 64 letters, digits, `-`, `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// A new id, unique in practice across processes and restarts.
    pub fn generate() -> Self {
        static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = SEED.hash_one(COUNTER.fetch_add(1, Ordering::Relaxed));
        let mut digits = [0; 16];
        for (index, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (60 - 4 * index) & 0xf) as usize];
        }
        Self(HeaderValue::from_bytes(&digits).unwrap_or_else(|_| HeaderValue::from_static("0")))
    }

    /// The id that a trusted peer sent, or a new one when it sent none or a strange one.
    pub fn accept(sent: Option<&HeaderValue>) -> Self {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match sent {
            Some(value)
                if (1..=MAX_LEN).contains(&value.len()) && value.as_bytes().iter().all(plain) =>
            {
                Self(value.clone())
            }
            _ => Self::generate(),
        }
    }

    /// The id as a header's value.
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ids_differ() {
        assert_ne!(RequestId::generate(), RequestId::generate());
        assert_eq!(RequestId::generate().to_string().len(), 16);
    }

    #[test]
    fn a_peer_s_id_is_kept_when_it_is_plain() {
        let kept = HeaderValue::from_static("0af7651916cd43dd8448eb211c80319c");
        assert_eq!(RequestId::accept(Some(&kept)).header(), kept);
        let odd = HeaderValue::from_static("a b\"c");
        assert_ne!(RequestId::accept(Some(&odd)).header(), odd);
        let long = HeaderValue::from_str(&"a".repeat(65)).unwrap();
        assert_ne!(RequestId::accept(Some(&long)).header(), long);
    }
}
