//! Keys whose fetch was too slow a moment ago.

use crate::flight::FetchError;
use crate::key::Key;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A bounded table of failures by key; the oldest give way.
#[derive(Debug)]
pub(crate) struct Slow {
    table: Mutex<Table>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Table {
    failures: HashMap<Key, (Instant, FetchError)>,
    /// In the order of their ends.
    order: VecDeque<(Instant, Key)>,
}

impl Slow {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            table: Mutex::default(),
            capacity,
        }
    }

    /// Remembers the failure of a key if it is one of time.
    pub(crate) fn note(&self, key: &Key, failure: &FetchError, memory: Duration) {
        if memory.is_zero() || !matches!(failure, FetchError::Timeout(_)) {
            return;
        }
        let end = Instant::now() + memory;
        let mut table = self.lock();
        table.failures.insert(key.clone(), (end, failure.clone()));
        table.order.push_back((end, key.clone()));
        while table.order.len() > self.capacity {
            table.forget_oldest();
        }
    }

    /// What is remembered of a key.
    pub(crate) fn recall(&self, key: &Key) -> Option<FetchError> {
        let now = Instant::now();
        let mut table = self.lock();
        while table.order.front().is_some_and(|(end, _)| *end <= now) {
            table.forget_oldest();
        }
        table.failures.get(key).map(|(_, failure)| failure.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn forget_oldest(&mut self) {
        // A later failure of the same key stays.
        if let Some((end, key)) = self.order.pop_front()
            && self
                .failures
                .get(&key)
                .is_some_and(|(held, _)| *held == end)
        {
            self.failures.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(5);

    fn too_slow() -> FetchError {
        FetchError::Timeout("no answer".into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_is_remembered_for_its_time_and_other_failures_are_not() {
        let slow = Slow::new(10);
        let (a, b) = (Key::new("/a"), Key::new("/b"));
        slow.note(&a, &too_slow(), MEMORY);
        slow.note(&b, &FetchError::Overloaded, MEMORY);
        assert!(matches!(slow.recall(&a), Some(FetchError::Timeout(_))));
        assert!(slow.recall(&b).is_none());
        tokio::time::advance(MEMORY).await;
        assert!(slow.recall(&a).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_give_way() {
        let slow = Slow::new(2);
        let keys = ["/a", "/b", "/c"].map(Key::new);
        for key in &keys {
            slow.note(key, &too_slow(), MEMORY);
        }
        let known = keys.each_ref().map(|key| slow.recall(key).is_some());
        assert_eq!(known, [false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_again_is_remembered_from_then_on() {
        let slow = Slow::new(10);
        let key = Key::new("/a");
        slow.note(&key, &too_slow(), MEMORY);
        tokio::time::advance(Duration::from_secs(3)).await;
        slow.note(&key, &too_slow(), MEMORY);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(slow.recall(&key).is_some());
    }
}
