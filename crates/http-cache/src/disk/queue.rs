//! What is on its way to the disk. Until it is there it is found here, so that a hit follows a miss at once also where
//! there is no memory tier, and so that a slow disk costs memory up to a bound and nothing else.

use crate::entry::Stored;
use crate::key::Key;
use crate::purge::Epoch;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An entry that waits for the writer.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) stored: Stored,
    /// When it was begun, among purges.
    pub(super) born: Epoch,
    /// Tells it from another one under the same key.
    number: u64,
    /// The number of the one for which the writer was told; those that take its place keep it.
    told: u64,
    bytes: u64,
}

/// Whether an entry found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It did: the writer is to be told this number.
    New(u64),
    /// In the place of another one, of which the writer knows.
    InPlace,
    /// It did not.
    NoRoom,
}

/// The entries that wait, bounded by their bytes.
#[derive(Debug)]
pub(super) struct Queue {
    limit: u64,
    waiting: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Waiting>,
    bytes: u64,
    next: u64,
}

impl Queue {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            waiting: Mutex::default(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    pub(super) fn add(&self, key: Key, stored: Stored, born: Epoch) -> Added {
        let bytes = stored.weight() + key.as_str().len() as u64;
        let mut state = self.lock();
        let before = state.entries.get(&key);
        let told = before.map(|before| before.told);
        let left = state.bytes - before.map_or(0, |before| before.bytes);
        if left + bytes > self.limit {
            return Added::NoRoom;
        }
        state.bytes = left + bytes;
        let number = state.next;
        state.next += 1;
        let waiting = Waiting {
            stored,
            born,
            number,
            told: told.unwrap_or(number),
            bytes,
        };
        state.entries.insert(key, waiting);
        told.map_or(Added::New(number), |_| Added::InPlace)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Waiting> {
        self.lock().entries.get(key).cloned()
    }

    /// The entry for which the writer was told a number, or what came in its place. One that came after a removal is not
    /// meant: the writer hears of it behind that removal.
    pub(super) fn told_of(&self, key: &Key, number: u64) -> Option<Waiting> {
        self.get(key).filter(|waiting| waiting.told == number)
    }

    /// Whether an entry in the writer's hand, or what came in its place, is still wanted.
    pub(super) fn wants(&self, key: &Key, entry: &Waiting) -> bool {
        self.told_of(key, entry.told).is_some()
    }

    /// Forgets an entry, also one that the writer has in hand: it asks again before it makes it visible. Whether there
    /// was one.
    pub(super) fn remove(&self, key: &Key) -> bool {
        let mut state = self.lock();
        let gone = state.entries.remove(key);
        state.bytes -= gone.as_ref().map_or(0, |gone| gone.bytes);
        gone.is_some()
    }

    /// Forgets an entry that was dealt with; `false` when there is another one in its place.
    pub(super) fn done(&self, key: &Key, entry: &Waiting) -> bool {
        let mut state = self.lock();
        let current = state.entries.get(key).map(|current| current.number);
        if current == Some(entry.number)
            && let Some(gone) = state.entries.remove(key)
        {
            state.bytes -= gone.bytes;
        }
        current.is_none_or(|number| number == entry.number)
    }

    /// The keys that a condition holds for.
    pub(super) fn keys(&self, condition: impl Fn(&Key) -> bool) -> Vec<Key> {
        let state = self.lock();
        let keys = state.entries.keys().filter(|key| condition(key));
        keys.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::entry;

    #[test]
    fn the_queue_is_bounded_by_bytes_and_a_key_waits_once() {
        let queue = Queue::new(2 * (entry("body").weight() + 2));
        let add = |text: &str| queue.add(Key::new(text), entry("body"), Epoch::default());
        assert_eq!(
            [add("/a"), add("/b"), add("/a")],
            [Added::New(0), Added::New(1), Added::InPlace]
        );
        assert_eq!(add("/c"), Added::NoRoom);
        let [a, b] = ["/a", "/b"].map(Key::new);
        let in_hand = queue.get(&a).unwrap();
        assert_eq!(add("/a"), Added::InPlace);
        assert!(!queue.done(&a, &in_hand), "another one came");
        let in_hand = queue.get(&a).unwrap();
        assert!(queue.done(&a, &in_hand));
        let in_hand = queue.told_of(&b, 1).unwrap();
        queue.remove(&b);
        assert_eq!(queue.bytes(), 0);
        assert!(!queue.wants(&b, &in_hand));
        assert_eq!(add("/b"), Added::New(4));
        assert!(!queue.wants(&b, &in_hand), "it came after the removal");
        assert!(queue.told_of(&b, 1).is_none() && queue.told_of(&b, 4).is_some());
    }
}
