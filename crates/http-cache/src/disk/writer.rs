//! The thread that changes the disk: one job after the other, so that no two changes of a key meet.

use super::Shared;
use super::index::{Content, Seconds, Slot, footprint};
use super::queue::Waiting;
use crate::key::Key;
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant, SystemTime};

/// How long the end of the process waits for what is queued.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// What the thread is asked to do.
pub(super) enum Job {
    /// Write what waits under a key, unless it came after the one of this number was removed.
    Store(Key, u64),
    /// Remove a key, and what the index had for it.
    Remove(Key, Option<Slot>),
    /// Remove the files of slots that the index no longer has.
    Delete(Vec<Slot>),
    /// Write the index lines of these keys anew.
    WriteLines(Vec<Box<str>>),
    /// Note that an entry is still used.
    NoteUse(Key),
    /// Remove what is inactive.
    Tidy(SystemTime),
    /// Tell that all earlier jobs are done.
    Tell(SyncSender<()>),
}

impl Shared {
    pub(super) fn work(&self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            self.carry_out(job);
            while let Ok(job) = queue.try_recv() {
                self.carry_out(job);
            }
            self.catch_up();
        }
        self.catch_up();
    }

    /// Does what look-ups left to do, which have no way to the queue.
    fn catch_up(&self) {
        let overflow = self.overflow.lock();
        let jobs = std::mem::take(&mut *overflow.unwrap_or_else(PoisonError::into_inner));
        for job in jobs {
            self.carry_out(job);
        }
    }

    fn carry_out(&self, job: Job) {
        match job {
            Job::Remove(key, slot) => {
                let stored_since = self.lock().remove(key.as_str());
                for slot in [slot, stored_since].into_iter().flatten() {
                    self.delete(&slot);
                }
            }
            Job::Store(key, number) => {
                let since = self.closing.get().map(Instant::elapsed);
                let late = since.is_some_and(|since| since > LAST_WRITES);
                // It may be another process's folder to the end.
                if late || !self.taken.load(Ordering::Acquire) {
                    self.queue.remove(&key);
                    return self.skip("it is closed before all entries are written");
                }
                while let Some(waiting) = self.queue.told_of(&key, number) {
                    self.store(&key, &waiting);
                    if self.queue.done(&key, &waiting) {
                        break;
                    }
                }
            }
            Job::Delete(slots) => slots.iter().for_each(|slot| self.delete(slot)),
            Job::WriteLines(keys) => {
                for key in keys {
                    let slot = self.lock().get(&key).cloned();
                    if let Some(slot) = slot {
                        self.write_line(&slot);
                    }
                }
            }
            Job::NoteUse(key) => {
                self.notes.fetch_sub(1, Ordering::Relaxed);
                let slot = self.lock().get(key.as_str()).cloned();
                if let Some(slot) = slot {
                    self.files.note_use(slot.content, slot.used);
                }
            }
            Job::Tidy(now) => self.evict_inactive(now),
            Job::Tell(done) => {
                self.catch_up();
                let _ = done.send(());
            }
        }
    }

    fn store(&self, key: &Key, waiting: &Waiting) {
        match self.write(key, waiting) {
            Ok(true) => {
                self.counters.stores.fetch_add(1, Ordering::Relaxed);
            }
            Ok(false) => {}
            Err(error) => {
                self.skip(&format!("an entry is not stored: {error}"));
            }
        }
    }

    /// Content first, index line second: a process killed in between leaves an orphan file, never a broken entry.
    /// `false`: a purge came first, or the entry is larger than the tier.
    fn write(&self, key: &Key, waiting: &Waiting) -> io::Result<bool> {
        let bytes = waiting.stored.encode(key)?;
        let size = bytes.len() as u64;
        if footprint(size) > self.config.size {
            return Ok(false);
        }
        self.evict_to(self.config.size - footprint(size));
        let content = self.files.write(&bytes)?;
        let mut slot = Slot {
            key: key.as_str().into(),
            content,
            size,
            used: Seconds::of(self.clock.now()),
            expired: Seconds(0),
        };
        let previous = {
            let admitted = self.purges.admit_stored(key.as_str(), waiting.born);
            let mut index = self.lock();
            // A removal that came since is either seen here or finds the slot in the index.
            let Some((_admitted, stale)) = admitted.filter(|_| self.queue.wants(key, waiting))
            else {
                drop(index);
                self.remove_unused(key, content);
                return Ok(false);
            };
            slot.expire(stale);
            index.insert(slot.clone())
        };
        if !self.write_line(&slot) {
            return Ok(false);
        }
        if let Some(previous) = previous.filter(|previous| previous.content != content) {
            self.files.remove_content(previous.content);
        }
        Ok(true)
    }

    /// Removes content that was written for nothing, unless it is what is there already.
    fn remove_unused(&self, key: &Key, content: Content) {
        let slot = self.lock().get(key.as_str()).map(|slot| slot.content);
        if slot != Some(content) {
            self.files.remove_content(content);
        }
    }

    /// Writes the index line of a slot. One that cannot be written must not be served after a restart in an older form,
    /// so the entry goes altogether.
    pub(super) fn write_line(&self, slot: &Slot) -> bool {
        let written = self.files.write_line(slot);
        if let Err(error) = &written {
            self.lock().remove(&slot.key);
            self.delete(slot);
            self.skip(&format!("an entry is not stored: {error}"));
        }
        written.is_ok()
    }

    /// Removes the files of a slot that the index no longer has. What the index has anew under its key stays.
    pub(super) fn delete(&self, slot: &Slot) {
        let newer = self.lock().get(&slot.key).map(Slot::place);
        if newer.is_none() {
            self.files.remove_line(&slot.key);
        }
        if newer != Some(slot.place()) {
            self.files.remove_content(slot.content);
        }
    }

    /// Removes the least recently used entries until the rest takes `bytes` at most.
    pub(super) fn evict_to(&self, bytes: u64) {
        self.evict_while(|index_bytes, _| index_bytes > bytes);
    }

    fn evict_inactive(&self, now: SystemTime) {
        let idle = |slot: &Slot| now.duration_since(slot.used.time()).unwrap_or_default();
        self.evict_while(|_, oldest| idle(oldest) > self.config.inactive);
    }

    fn evict_while(&self, condition: impl Fn(u64, &Slot) -> bool) {
        loop {
            let evicted = {
                let mut index = self.lock();
                let bytes = index.bytes();
                match index.oldest() {
                    Some(oldest) if condition(bytes, oldest) => index.pop_oldest(),
                    _ => None,
                }
            };
            let Some(slot) = evicted else { return };
            self.counters.evictions.fetch_add(1, Ordering::Relaxed);
            self.delete(&slot);
        }
    }
}
