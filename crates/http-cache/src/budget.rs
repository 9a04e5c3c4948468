//! How many bytes of bodies the flights may hold together: what bounds memory while fetches are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that there are. Shared by all flights.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    held: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            held: AtomicU64::new(0),
        }
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }
}

/// What one flight holds of the budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    pub(crate) fn of(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Takes what is missing to hold `bytes`, if there is as much.
    pub(crate) fn cover(&mut self, bytes: u64) -> bool {
        let by = bytes.saturating_sub(self.bytes);
        let grown = |held: u64| {
            held.checked_add(by)
                .filter(|held| *held <= self.budget.limit)
        };
        let held = &self.budget.held;
        let taken = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown);
        if taken.is_ok() {
            self.bytes += by;
        }
        taken.is_ok()
    }

    /// Gives all of it back.
    pub(crate) fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.budget.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_are_given_back() {
        let budget = Arc::new(Budget::new(10));
        let [mut one, mut other] = [Share::of(budget.clone()), Share::of(budget.clone())];
        assert!(one.cover(6) && other.cover(4) && other.cover(3));
        assert!(!one.cover(7) && !other.cover(u64::MAX));
        assert_eq!(budget.held(), 10);
        one.release();
        assert!(other.cover(10));
        drop((one, other));
        assert_eq!(budget.held(), 0);
    }
}
