//! The disk tier: entries as `cacache` content files, found through an index in memory.
//!
//! A thread of its own writes and evicts, behind a bounded queue, so that no request waits for the disk's writes. What
//! waits there is found there; a full queue or a failing disk only means that something is not stored. A hit is one file
//! read, whose checksum is verified. The same thread reads `cacache`'s index on disk at start; until it has, keys are
//! looked up there.
//!
//! | module | holds |
//! | --- | --- |
//! | `index` | which keys are there, in order of use |
//! | `folder` | the tier's own folder, private and marked |
//! | `files` | the files in it, in `cacache`'s layout |
//! | `look_up` | how an entry is found and read |
//! | `queue` | what is on its way to the disk |
//! | `writer` | the thread: stores, evicts, deletes |
//! | `start` | what the thread does first: lock, index, sweep |
//! | `complaints` | how often the log is told |

mod complaints;
mod files;
mod folder;
mod index;
mod look_up;
mod queue;
mod start;
mod writer;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::entry::Stored;
use crate::key::Key;
use crate::purge::{Epoch, Mode, Purges, Rule};
use complaints::Complaints;
use files::Files;
pub use folder::check;
use index::{Index, Seconds};
pub(crate) use look_up::Found;
use queue::{Added, Queue};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use writer::Job;

/// Notes of use that may wait for the writer; more are not taken.
const NOTES: usize = 4096;

/// How often it is noted on disk that an entry is still used; its place in the order after a restart is that exact.
const NOTE_INTERVAL: u32 = 3600;

/// Nodes of the index that a purge or a listing looks at before it lets go of the lock.
const STEP: usize = 4096;

/// Bounds of the tier.
#[derive(Clone, Debug)]
pub struct DiskConfig {
    /// The folder in which the tier makes its own, `tandem`; made when it is missing.
    pub dir: PathBuf,
    /// Bytes kept at most, in whole blocks of 4 KiB and one block for each entry's index file (nginx: `max_size`).
    pub size: u64,
    /// Entries not asked for in this time are removed (nginx: `inactive`).
    pub inactive: Duration,
    /// Bytes of entries that wait to be written at most. What finds no room is not stored on disk: when more comes than
    /// the disk takes, neither memory nor clients pay for it without bound.
    pub queue: u64,
}

/// What the tier did, for metrics.
#[derive(Debug, Default)]
pub struct DiskCounters {
    /// Entries written.
    pub stores: AtomicU64,
    /// Stores skipped since the disk failed or the queue was full.
    pub skipped: AtomicU64,
    /// Entries removed to keep the bounds.
    pub evictions: AtomicU64,
    /// Entries dropped since they were damaged or missing.
    pub damaged: AtomicU64,
}

/// An entry, for listings.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes of its file.
    pub bytes: u64,
    /// When it was last asked for, in seconds since 1970.
    pub used: u32,
    /// Whether a purge marked it stale.
    pub purged: bool,
}

struct Shared {
    config: DiskConfig,
    files: Files,
    index: Mutex<Index>,
    /// The folder's lock, held to the end.
    folder: OnceLock<File>,
    /// The index knows all that is on disk.
    complete: AtomicBool,
    /// When the tier began to be closed.
    closing: OnceLock<Instant>,
    /// The folder is ours to read and change.
    taken: AtomicBool,
    /// What waits for the writer.
    queue: Queue,
    /// Notes of use that wait for it.
    notes: AtomicUsize,
    /// What those find to do who have no way to the writer; it does that when it has nothing else to do.
    overflow: Mutex<Vec<Job>>,
    /// What its readers hold counts there.
    budget: Arc<Budget>,
    purges: Arc<Purges>,
    /// When the tier was opened, among purges.
    born: Epoch,
    clock: Clock,
    counters: DiskCounters,
    complaints: Mutex<Complaints>,
}

/// The tier. Dropping it writes what is queued, as far as that goes in a few seconds.
pub struct Disk {
    shared: Arc<Shared>,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// Opens the folder and begins to read its index in the background.
    ///
    /// # Errors
    /// When the folder cannot be made or is not this tier's, or the writer's thread cannot be started. What fails later
    /// is told in the log, once a minute, and costs the store only.
    pub(crate) fn open(
        config: DiskConfig,
        budget: Arc<Budget>,
        purges: Arc<Purges>,
        clock: Clock,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            files: Files::new(folder::prepare(&config.dir)?),
            queue: Queue::new(config.queue),
            config,
            index: Mutex::new(Index::new(RandomState::new().hash_one(0))),
            folder: OnceLock::new(),
            complete: AtomicBool::new(false),
            closing: OnceLock::new(),
            taken: AtomicBool::new(false),
            notes: AtomicUsize::new(0),
            overflow: Mutex::default(),
            born: purges.now(),
            budget,
            purges,
            clock,
            counters: DiskCounters::default(),
            complaints: Mutex::default(),
        });
        shared.try_to_take_folder();
        let (jobs, queue) = channel();
        let writer = std::thread::Builder::new()
            .name("cache-disk".into())
            .spawn({
                let shared = shared.clone();
                move || {
                    let sweep = shared.start();
                    shared.work(&queue);
                    sweep.map(JoinHandle::join);
                }
            })?;
        Ok(Self {
            shared,
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    /// Tells that an entry was used though it was not read, since it was in memory.
    pub(crate) fn touch(&self, key: &Key, now: SystemTime) {
        let now = Seconds::of(now);
        let before = {
            let mut index = self.shared.lock();
            let Some(slot) = index.get_mut(key.as_str()) else {
                return;
            };
            let before = slot.used;
            index.touch(key.as_str(), now);
            before
        };
        self.note_use(key, before, now);
    }

    /// Queues an entry to be written, unless a purge that came after `born` means it. It is found at once.
    pub(crate) fn store(&self, key: Key, stored: Stored, born: Epoch) {
        match self.shared.queue.add(key.clone(), stored, born) {
            Added::New(number) => self.send(Job::Store(key, number)),
            Added::InPlace => {}
            Added::NoRoom => {
                let why = "entries come faster than they are written, and some are not stored";
                self.shared.skip(why);
            }
        }
    }

    /// Queues the removal of one key.
    pub(crate) fn remove(&self, key: &Key) {
        // What a complete index does not know is not there, unless the writer has it in hand.
        let complete = self.is_complete();
        let waited = self.shared.queue.remove(key);
        let slot = self.shared.lock().remove(key.as_str());
        if slot.is_some() || waited || !complete {
            self.send(Job::Remove(key.clone(), slot));
        }
    }

    /// Removes or marks what a purge means, at once in the index; on disk it is when [`Disk::is_caught_up_within`] says
    /// so. Gives how many entries it meant.
    pub(crate) fn purge(&self, rule: &Rule, mode: Mode, now: SystemTime) -> usize {
        let tag_of = self.shared.purges.tag_of();
        let now = Seconds::of(now);
        // What waits and is to be marked is so when it is written or looked up.
        let waiting = self
            .shared
            .queue
            .keys(|key| rule.matches(key.as_str(), tag_of));
        let mut count = 0;
        for key in &waiting {
            count += usize::from(!self.shared.lock().contains(key.as_str()));
            if mode == Mode::Hard {
                self.shared.queue.remove(key);
            }
        }
        let mut from = Some(0);
        while let Some(at) = from {
            let mut keys = Vec::new();
            let mut index = self.shared.lock();
            from = index.walk(at, STEP, |slot| {
                if rule.matches(&slot.key, tag_of) {
                    keys.push(slot.key.clone());
                }
            });
            count += keys.len();
            let job = match mode {
                Mode::Hard => {
                    Job::Delete(keys.iter().filter_map(|key| index.remove(key)).collect())
                }
                Mode::Soft => {
                    for key in &keys {
                        if let Some(slot) = index.get_mut(key) {
                            slot.expired = now;
                        }
                    }
                    Job::WriteLines(keys)
                }
            };
            drop(index);
            self.send(job);
        }
        count
    }

    /// Whether all that was asked for so far is done on disk; waits that long for it. Blocks.
    pub(crate) fn is_caught_up_within(&self, timeout: Duration) -> bool {
        let (done, wait) = sync_channel(1);
        self.send(Job::Tell(done));
        wait.recv_timeout(timeout).is_ok()
    }

    /// Queues the removal of what has not been asked for in the `inactive` time.
    pub(crate) fn tidy(&self, now: SystemTime) {
        self.send(Job::Tidy(now));
    }

    /// What was done so far.
    pub fn counters(&self) -> &DiskCounters {
        &self.shared.counters
    }

    /// Bytes and entries held now.
    pub fn held(&self) -> (u64, usize) {
        let index = self.shared.lock();
        (index.bytes(), index.len())
    }

    /// Whether the index knows all that is on disk.
    pub fn is_complete(&self) -> bool {
        self.shared.complete.load(Ordering::Acquire)
    }

    /// Up to `limit` entries whose key holds `part`. In no order.
    pub fn list(&self, part: &str, limit: usize) -> Vec<Listed> {
        let mut listed = Vec::new();
        let mut from = Some(0);
        while let Some(at) = from.filter(|_| listed.len() < limit) {
            from = self.shared.lock().walk(at, STEP, |slot| {
                if listed.len() < limit && slot.key.contains(part) {
                    listed.push(Listed {
                        key: slot.key.to_string(),
                        bytes: slot.size,
                        used: slot.used.0,
                        purged: slot.expired.0 > 0,
                    });
                }
            });
        }
        listed
    }

    /// Bytes that wait to be written.
    pub fn queued(&self) -> u64 {
        self.shared.queue.bytes()
    }

    fn note_use(&self, key: &Key, before: Seconds, now: Seconds) {
        let notes = &self.shared.notes;
        if now.0.saturating_sub(before.0) >= NOTE_INTERVAL && notes.load(Ordering::Relaxed) < NOTES
        {
            notes.fetch_add(1, Ordering::Relaxed);
            self.send(Job::NoteUse(key.clone()));
        }
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.shared.closing.set(Instant::now());
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a removal to the writer, for when its queue is empty.
    fn defer(&self, job: Job) {
        let overflow = self.overflow.lock();
        overflow.unwrap_or_else(PoisonError::into_inner).push(job);
    }

    /// Counts an entry that is not stored, and tells the log why.
    fn skip(&self, why: &str) {
        self.counters.skipped.fetch_add(1, Ordering::Relaxed);
        self.complain(why);
    }

    fn complain(&self, what: &str) {
        let complaints = self.complaints.lock();
        let mut complaints = complaints.unwrap_or_else(PoisonError::into_inner);
        if complaints.are_due(self.clock.now()) {
            tracing::warn!(dir = %self.files.dir().display(), "cache disk: {what}");
        }
    }
}

#[cfg(test)]
mod tests;
