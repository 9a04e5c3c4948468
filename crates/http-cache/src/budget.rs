//! How many bytes of bodies there may be in this process beside the tiers' own: what bounds memory while fetches are under
//! way, entries wait for the disk, and slow clients read what the memory tier has long let go of.

use crate::memory::Memory;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A body of so many bytes is always allowed, so that a full budget does not end the caching of small images. There are
/// never more of them than connections.
const SMALL: u64 = 64 * 1024;

/// The bytes that there are. Shared by all bodies.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    /// Bytes of all bodies, those in the memory tier included.
    held: AtomicU64,
    /// What it holds is its own to bound.
    memory: Arc<Memory>,
}

impl Budget {
    pub(crate) fn new(limit: u64, memory: Arc<Memory>) -> Self {
        Self {
            limit,
            held: AtomicU64::new(0),
            memory,
        }
    }

    /// Bytes held now beside the memory tier's.
    pub(crate) fn held(&self) -> u64 {
        let held = self.held.load(Ordering::Relaxed);
        held.saturating_sub(self.memory.bytes())
    }
}

/// What one body holds of the budget; given back when it is dropped.
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
        if by == 0 {
            return true;
        }
        let limit = if bytes <= SMALL {
            u64::MAX
        } else {
            self.budget.limit.saturating_add(self.budget.memory.bytes())
        };
        let grown = |held: u64| held.checked_add(by).filter(|held| *held <= limit);
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

/// Bytes that count as long as any part of them is held, wherever.
pub(crate) fn counted(bytes: Vec<u8>, share: Share) -> Bytes {
    Bytes::from_owner(Counted {
        bytes,
        _share: share,
    })
}

struct Counted {
    bytes: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
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

    const KB: u64 = 1024;

    fn budget(limit: u64) -> Arc<Budget> {
        Arc::new(Budget::new(limit, Arc::new(Memory::new(0))))
    }

    #[test]
    fn shares_never_exceed_the_budget_and_are_given_back() {
        let budget = budget(1000 * KB);
        let [mut one, mut other] = [Share::of(budget.clone()), Share::of(budget.clone())];
        assert!(one.cover(600 * KB) && other.cover(400 * KB) && other.cover(300 * KB));
        assert!(!one.cover(700 * KB) && !other.cover(u64::MAX));
        assert_eq!(budget.held(), 1000 * KB);
        one.release();
        assert!(other.cover(1000 * KB));
        drop((one, other));
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn bytes_count_until_their_last_part_is_dropped() {
        let budget = budget(100 * KB);
        let mut share = Share::of(budget.clone());
        assert!(share.cover(100 * KB));
        let bytes = counted(vec![7; 100 << 10], share);
        let part = bytes.slice(10..20);
        drop(bytes);
        assert!(!Share::of(budget.clone()).cover(70 * KB));
        assert!(Share::of(budget.clone()).cover(60 * KB), "a small one");
        assert_eq!(&part[..], [7; 10]);
        drop(part);
        assert_eq!(budget.held(), 0);
    }
}
