//! The key of a stored response and its digest, which is all that the in-memory index holds of it.

use std::fmt;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What makes two requests the same: for the edge, the canonical URL. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// A key from its text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 128 bits that stand for a key in the disk tier's index. Two keys may collide, by accident or by a stranger's work,
/// so the key itself is stored with the entry and compared on every read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    /// The digest of a key. The seed is the process's own, so that nobody outside can aim at a collision.
    pub fn of(key: &str, seed: u64) -> Self {
        Self(xxh3_128_with_seed(key.as_bytes(), seed))
    }
}
