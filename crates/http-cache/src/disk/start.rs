//! What the tier does first, while requests are served already: take the folder, read the index, sweep up after a
//! process that was killed.

use super::index::{Content, Slot};
use super::{STEP, Shared, folder};
use std::collections::HashSet;
use std::fs::TryLockError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// How often a folder is tried again that another process still has.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// Content younger than this at start is let be: it may belong to an entry that is just being written, and file systems
/// tell times by a coarser clock than ours.
const SWEEP_AGE: Duration = Duration::from_secs(60);

impl Shared {
    /// Gives the thread that sweeps, which may go on for long.
    pub(super) fn start(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        let begun = (Instant::now(), SystemTime::now());
        self.wait_for_folder();
        if !self.taken.load(Ordering::Acquire) {
            return None;
        }
        self.files.sweep_temporary();
        self.read_index();
        self.complete.store(true, Ordering::Release);
        self.evict_to(self.config.size);
        let (bytes, entries) = {
            let index = self.lock();
            (index.bytes(), index.len())
        };
        let ms = begun.0.elapsed().as_millis() as u64;
        tracing::info!(entries, bytes, ms, "the index of the cache on disk is read");
        self.sweep(begun.1 - SWEEP_AGE)
    }

    /// Takes the folder if it is free. Two processes may want it when one takes over from the other. A folder that cannot
    /// be locked, being read-only for example, is used as it is.
    pub(super) fn try_to_take_folder(&self) {
        if let Ok(file) = folder::open_lock(self.files.dir()) {
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return;
            }
            let _ = self.folder.set(file);
        }
        self.taken.store(true, Ordering::Release);
    }

    /// Waits for the folder to be free. What is to be stored meanwhile waits in the queue.
    fn wait_for_folder(&self) {
        while !self.taken.load(Ordering::Acquire) && self.closing.get().is_none() {
            self.complain("another process has the folder; waiting for it to end");
            std::thread::sleep(LOCK_INTERVAL);
            self.try_to_take_folder();
        }
    }

    /// Fills the index, the entries in the order of their last use.
    fn read_index(&self) {
        let mut found: Vec<Slot> = Vec::new();
        for slot in self.files.list() {
            if self.closing.get().is_some() {
                return;
            }
            found.push(slot);
        }
        found.sort_by_key(|slot| slot.used);
        for mut slot in found {
            // What was found by a request meanwhile has its place already.
            if self.lock().contains(&slot.key) {
                continue;
            }
            let Some((admitted, stale)) = self.purges.admit_stored(&slot.key, self.born) else {
                self.delete(&slot);
                continue;
            };
            slot.expire(stale);
            self.lock().insert(slot.clone());
            drop(admitted);
            if stale.is_some() {
                self.write_line(&slot);
            }
        }
    }

    /// Removes content that no entry leads to, on a thread of its own: there may be millions of files to look at.
    fn sweep(self: &Arc<Self>, before: SystemTime) -> Option<JoinHandle<()>> {
        let mut known: HashSet<Content> = HashSet::new();
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.lock().walk(at, STEP, |slot| {
                known.insert(slot.content);
            });
        }
        let shared = self.clone();
        let sweep = move || {
            let closing = || shared.closing.get().is_some();
            let removed = shared
                .files
                .sweep(before, |content| known.contains(content), closing);
            if removed > 0 {
                tracing::info!(
                    removed,
                    "content without an entry is removed from the cache on disk"
                );
            }
        };
        let thread = std::thread::Builder::new().name("cache-sweep".into());
        thread.spawn(sweep).ok()
    }
}
