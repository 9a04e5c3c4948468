//! The way of a look-up: what waits for the writer, the index, the file; and what is done where the file is unusable.

use super::files::{Pending, Read, Reading};
use super::index::{Place, Seconds};
use super::writer::Job;
use super::{Disk, Shared};
use crate::budget::Share;
use crate::entry::Stored;
use crate::key::Key;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// What a look-up found.
pub(crate) enum Found {
    /// The entry.
    Stored(Stored),
    /// Nothing.
    Nothing,
    /// The disk has to be waited for: [`Wait::read`] blocks.
    Wait(Wait),
}

/// A look-up that has to wait for the disk.
pub(crate) struct Wait {
    shared: Arc<Shared>,
    key: Key,
    pending: Option<(Pending, Place, Seconds)>,
}

impl Disk {
    /// What waits to be written under a key, and may be served.
    pub(crate) fn waiting(&self, key: &Key) -> Option<Stored> {
        let waiting = self.shared.queue.get(key)?;
        let purges = &self.shared.purges;
        let (_admitted, stale) = purges.admit_stored(key.as_str(), waiting.born)?;
        Some(match stale {
            Some(at) => waiting.stored.expired(at),
            None => waiting.stored,
        })
    }

    /// Looks a key up without waiting for the disk.
    pub(crate) fn look_up(&self, key: &Key, now: SystemTime) -> Found {
        if let Some(stored) = self.waiting(key) {
            return Found::Stored(stored);
        }
        let now = Seconds::of(now);
        // Asked first: what a complete index does not know is not there.
        let complete = self.shared.complete.load(Ordering::Acquire);
        let touched = {
            let mut index = self.shared.lock();
            let before = index.get(key.as_str()).map(|slot| slot.used);
            let slot = index.touch(key.as_str(), now);
            slot.zip(before)
                .map(|(slot, before)| (slot.place(), slot.expired, before))
        };
        let wait = |pending| Wait {
            shared: self.shared.clone(),
            key: key.clone(),
            pending,
        };
        let Some((place, expired, before)) = touched else {
            if complete {
                return Found::Nothing;
            }
            return Found::Wait(wait(None));
        };
        self.note_use(key, before, now);
        match self.shared.read(place) {
            Ok(Reading::Whole(bytes)) => self
                .shared
                .take_in(key, place, expired, Read::Whole(bytes))
                .map_or(Found::Nothing, Found::Stored),
            Ok(Reading::Pending(pending)) => Found::Wait(wait(Some((pending, place, expired)))),
            Err(error) => {
                self.shared.unreadable(key, place, &error);
                Found::Nothing
            }
        }
    }
}

impl Wait {
    /// Reads the entry, waiting for the disk.
    pub(crate) fn read(self) -> Option<Stored> {
        let (pending, place, expired) = match self.pending {
            Some(pending) => pending,
            None => match self.shared.find_on_disk(&self.key)? {
                (Reading::Whole(bytes), place, expired) => {
                    return self
                        .shared
                        .take_in(&self.key, place, expired, Read::Whole(bytes));
                }
                (Reading::Pending(pending), place, expired) => (pending, place, expired),
            },
        };
        match pending.wait() {
            Ok(read) => self.shared.take_in(&self.key, place, expired, read),
            Err(error) => {
                self.shared.unreadable(&self.key, place, &error);
                None
            }
        }
    }
}

impl Shared {
    /// Finds a key that the index in memory does not know yet.
    fn find_on_disk(&self, key: &Key) -> Option<(Reading, Place, Seconds)> {
        if !self.taken.load(Ordering::Acquire) {
            return None;
        }
        let mut slot = self.files.find(key.as_str())?;
        let (admitted, stale) = self.purges.admit_stored(key.as_str(), self.born)?;
        slot.expire(stale);
        let (place, expired) = (slot.place(), slot.expired);
        let mut index = self.lock();
        if !index.contains(key.as_str()) {
            index.insert(slot);
        }
        drop((index, admitted));
        if stale.is_some() {
            self.defer(Job::WriteLines(vec![key.as_str().into()]));
        }
        Some((self.read(place).ok()?, place, expired))
    }

    fn read(&self, place: Place) -> io::Result<Reading> {
        self.files.read(place, Share::of(self.budget.clone()))
    }

    fn take_in(&self, key: &Key, place: Place, expired: Seconds, read: Read) -> Option<Stored> {
        let decoded = match read {
            Read::Whole(bytes) => Stored::decode(key, bytes),
            Read::File(head, body) => Stored::decode_with(key, head, Some(body)),
        };
        match decoded {
            Ok(stored) if expired.0 > 0 => Some(stored.expired(expired.time())),
            Ok(stored) => Some(stored),
            Err(error) => {
                self.drop_damaged(key, place, &error);
                None
            }
        }
    }

    /// Deals with an entry that could not be read. Only one that is gone or changed is lost: a lack of descriptors or
    /// memory passes, and must not empty the cache.
    fn unreadable(&self, key: &Key, place: Place, error: &io::Error) {
        use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
        if matches!(error.kind(), NotFound | InvalidData | UnexpectedEof) {
            self.drop_damaged(key, place, error);
        } else {
            self.complain(&format!("a stored entry cannot be read: {error}"));
        }
    }

    /// Drops an entry that is damaged. A file that was rewritten meanwhile is no damage: its slot has moved on.
    fn drop_damaged(&self, key: &Key, place: Place, error: &dyn std::error::Error) {
        let mut index = self.lock();
        if index
            .get(key.as_str())
            .is_some_and(|slot| slot.place() == place)
        {
            let slot = index.remove(key.as_str());
            drop(index);
            self.defer(Job::Delete(slot.into_iter().collect()));
            self.counters.damaged.fetch_add(1, Ordering::Relaxed);
            self.complain(&format!("a stored entry is unusable and dropped: {error}"));
        }
    }
}
