//! The memory tier: whole entries, bounded by bytes.
//!
//! `quick_cache` (S3-FIFO-like) rather than a plain LRU, since a crawler that walks through every picture once must
//! not push out the thousand that everybody looks at; and its lookup takes a read lock only.

use crate::entry::Entry;
use crate::key::Key;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Bytes that an average entry is guessed to take; only sizes the tables at start.
const TYPICAL_ENTRY: u64 = 16 * 1024;

#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<Key, Entry> for ByWeight {
    fn weight(&self, key: &Key, entry: &Entry) -> u64 {
        entry.weight() + key.as_str().len() as u64
    }
}

/// Entries in memory. Shared by reference.
#[derive(Debug)]
pub struct Memory(Cache<Key, Entry, ByWeight>);

impl Memory {
    /// A tier that holds at most `capacity` bytes; 0 switches it off.
    pub fn new(capacity: u64) -> Self {
        Self(Cache::with_weighter(
            (capacity / TYPICAL_ENTRY).max(16) as usize,
            capacity,
            ByWeight,
        ))
    }

    /// The entry of a key.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        self.0.get(key)
    }

    /// Stores or replaces an entry. One that is larger than a shard is not kept.
    pub fn insert(&self, key: Key, entry: Entry) {
        self.0.insert(key, entry);
    }

    /// Forgets a key.
    pub fn remove(&self, key: &Key) {
        self.0.remove(key);
    }

    /// Bytes held now.
    pub fn bytes(&self) -> u64 {
        self.0.weight()
    }

    /// Entries held now.
    pub fn entries(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::entry;

    #[test]
    fn the_bound_holds() {
        let memory = Memory::new(1 << 20);
        for number in 0..10_000 {
            memory.insert(Key::new(format!("/{number}")), entry("body"));
            assert!(memory.bytes() <= 1 << 20);
        }
        assert!(memory.entries() > 100);
    }

    #[test]
    fn no_capacity_holds_nothing() {
        let memory = Memory::new(0);
        memory.insert(Key::new("/a"), entry("body"));
        assert!(memory.get(&Key::new("/a")).is_none());
    }
}
