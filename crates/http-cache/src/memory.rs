//! The memory tier: whole entries, bounded by bytes.
//!
//! `quick_cache` (S3-FIFO-like) rather than a plain LRU, since a crawler that walks through every picture once must
//! not push out the thousand that everybody looks at; and rather than moka, whose look-ups write to a log that other
//! threads drain: a look-up here takes a read lock of one shard and nothing else.

use crate::entry::Stored;
use crate::key::Key;
use crate::purge::{Mode, Rule, TagOf};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::SystemTime;

/// Bytes that an average entry is guessed to take; only sizes the tables at start.
const TYPICAL_ENTRY: u64 = 16 * 1024;

#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<Key, Stored> for ByWeight {
    fn weight(&self, key: &Key, stored: &Stored) -> u64 {
        stored.weight() + key.as_str().len() as u64
    }
}

/// Entries in memory. Shared by reference.
#[derive(Debug)]
pub struct Memory(Cache<Key, Stored, ByWeight>);

impl Memory {
    /// A tier that holds at most `capacity` bytes; 0 switches it off.
    pub(crate) fn new(capacity: u64) -> Self {
        Self(Cache::with_weighter(
            (capacity / TYPICAL_ENTRY).max(16) as usize,
            capacity,
            ByWeight,
        ))
    }

    /// What lies under a key.
    pub(crate) fn get(&self, key: &Key) -> Option<Stored> {
        self.0.get(key)
    }

    /// Stores or replaces an entry. One that is larger than a shard is not kept.
    pub(crate) fn insert(&self, key: Key, stored: Stored) {
        self.0.insert(key, stored);
    }

    /// Keeps what was read elsewhere, unless there is something by now; what is there in the end.
    pub(crate) fn insert_if_vacant(&self, key: &Key, stored: Stored) -> Stored {
        let read = stored.clone();
        let there = self.0.get_or_insert_with(key, || Ok::<_, Infallible>(read));
        there.unwrap_or(stored)
    }

    /// Forgets a key.
    pub(crate) fn remove(&self, key: &Key) {
        self.0.remove(key);
    }

    /// Removes or marks what a purge means.
    pub(crate) fn purge(&self, rule: &Rule, mode: Mode, tag_of: TagOf, now: SystemTime) -> usize {
        let meant = |key: &Key| rule.matches(key.as_str(), tag_of);
        let marked = RefCell::new(Vec::new());
        let count = Cell::new(0);
        self.0.retain(|key, stored| {
            if !meant(key) {
                return true;
            }
            count.set(count.get() + 1);
            if let (Mode::Soft, Stored::Response(_)) = (mode, &stored) {
                let stale = stored.clone().expired(now);
                marked.borrow_mut().push((key.clone(), stale));
            }
            mode == Mode::Soft
        });
        for (key, stale) in marked.into_inner() {
            let _ = self.0.replace(key, stale, true);
        }
        count.get()
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

    #[test]
    fn a_purge_removes_or_marks_what_it_means() {
        let memory = Memory::new(1 << 20);
        let [a, b] = ["/a", "/b"].map(Key::new);
        for key in [&a, &b] {
            memory.insert(key.clone(), entry("body"));
        }
        let fresh = |key: &Key| match memory.get(key) {
            Some(Stored::Response(entry)) => Some(entry.head.freshness.is_fresh(SystemTime::now())),
            _ => None,
        };
        let rule = Rule::Key(a.clone());
        memory.purge(&rule, Mode::Soft, |_| None, SystemTime::now());
        assert_eq!((fresh(&a), fresh(&b)), (Some(false), Some(true)));
        memory.purge(&rule, Mode::Hard, |_| None, SystemTime::now());
        assert_eq!((fresh(&a), fresh(&b)), (None, Some(true)));
    }

    #[test]
    fn a_walk_through_everything_leaves_what_is_asked_for_often() {
        let memory = Memory::new(1 << 20);
        let popular: Vec<_> = (0..200)
            .map(|number| Key::new(format!("/popular/{number}")))
            .collect();
        for _ in 0..3 {
            for key in &popular {
                if memory.get(key).is_none() {
                    memory.insert(key.clone(), entry("body"));
                }
            }
        }
        for number in 0..20_000 {
            memory.insert(Key::new(format!("/crawled/{number}")), entry("body"));
        }
        let left = popular
            .iter()
            .filter(|key| memory.get(key).is_some())
            .count();
        assert!(left > 150, "{left}");
    }
}
