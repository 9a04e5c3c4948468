//! The disk tier: entries as `cacache` content files, found through an index in memory.
//!
//! A thread of its own writes and evicts, behind a bounded queue, so that no request waits for the disk's writes; a
//! full queue or a failing disk only means that something is not stored. A hit is one file read, whose checksum is
//! verified. The same thread reads `cacache`'s index on disk at start; until it has, keys are looked up there.
//!
//! | module | holds |
//! | --- | --- |
//! | `index` | which keys are there, in order of use |
//! | `files` | the files, in `cacache`'s layout |
//! | `writer` | the thread: stores, evicts, deletes |
//! | `start` | what the thread does first: lock, index, sweep |

mod files;
mod index;
mod start;
mod writer;

use crate::clock::Clock;
use crate::entry::Stored;
use crate::key::Key;
use crate::purge::{Epoch, Mode, Purges, Rule};
use bytes::Bytes;
use files::{Files, Pending, Reading};
use index::{Index, Place, Seconds};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use writer::Job;

/// Stores that may wait for the writer, and their bytes; more are skipped.
const QUEUE: usize = 256;
const QUEUE_BYTES: u64 = 64 << 20;

/// Most a log says of a failing disk.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// How often it is noted on disk that an entry is still used; its place in the order after a restart is that exact.
const NOTE_INTERVAL: u32 = 3600;

/// How long a purge waits to be on disk. In the index it is at once; a folder that another process has takes longer.
const PURGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Nodes of the index that a purge or a listing looks at before it lets go of the lock.
const STEP: usize = 4096;

/// Bounds of the tier.
#[derive(Clone, Debug)]
pub struct DiskConfig {
    /// The folder; made when it is missing.
    pub dir: PathBuf,
    /// Bytes kept at most, in whole blocks of 4 KiB and one block for each entry's index file (nginx: `max_size`).
    pub size: u64,
    /// Entries not asked for in this time are removed (nginx: `inactive`).
    pub inactive: Duration,
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
    /// The tier is being closed.
    closing: AtomicBool,
    /// The folder is ours to read and change.
    taken: AtomicBool,
    /// Bytes that wait for the writer.
    queued: AtomicU64,
    /// Removals that found no room in the queue; the writer does them when the queue is empty.
    overflow: Mutex<Vec<Job>>,
    purges: Arc<Purges>,
    /// When the tier was opened, among purges.
    born: Epoch,
    clock: Clock,
    counters: DiskCounters,
    complaints: Mutex<Complaints>,
}

/// The tier. Dropping it writes what is queued.
pub struct Disk {
    shared: Arc<Shared>,
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// Opens the folder and begins to read its index in the background.
    ///
    /// # Errors
    /// When the writer's thread cannot be started. A folder that cannot be used is told in the log, once a minute,
    /// and nothing is stored.
    pub(crate) fn open(config: DiskConfig, purges: Arc<Purges>, clock: Clock) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            files: Files::new(config.dir.clone()),
            config,
            index: Mutex::new(Index::new(RandomState::new().hash_one(0))),
            folder: OnceLock::new(),
            complete: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            queued: AtomicU64::new(0),
            overflow: Mutex::default(),
            born: purges.now(),
            purges,
            clock,
            counters: DiskCounters::default(),
            complaints: Mutex::default(),
        });
        shared.try_to_take_folder();
        let (jobs, queue) = sync_channel(QUEUE);
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

    /// Looks a key up without waiting for the disk.
    pub(crate) fn look_up(&self, key: &Key, now: SystemTime) -> Found {
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
        match self.shared.files.read(place) {
            Ok(Reading::Whole(bytes)) => self
                .shared
                .take_in(key, place, expired, bytes)
                .map_or(Found::Nothing, Found::Stored),
            Ok(Reading::Pending(pending)) => Found::Wait(wait(Some((pending, place, expired)))),
            Err(error) => {
                self.shared.unreadable(key, place, &error);
                Found::Nothing
            }
        }
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

    /// Queues an entry to be written, unless a purge that came after `born` means it.
    pub(crate) fn store(&self, key: Key, stored: Stored, born: Epoch) {
        let bytes = stored.weight();
        let queued = &self.shared.queued;
        if queued.fetch_add(bytes, Ordering::Relaxed) > QUEUE_BYTES
            || !self.send(Job::Store {
                key,
                stored,
                born,
                bytes,
            })
        {
            queued.fetch_sub(bytes, Ordering::Relaxed);
            self.shared.counters.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues the removal of one key.
    pub(crate) fn remove(&self, key: &Key) {
        let slot = self.shared.lock().remove(key.as_str());
        let job = Job::Remove(key.clone(), slot);
        // What waits in the queue for this key is removed with it.
        let jobs = self.jobs.as_ref();
        if let Some(Err(TrySendError::Full(job))) = jobs.map(|jobs| jobs.try_send(job)) {
            self.shared.defer(job);
        }
    }

    /// Removes or marks what a purge means, at once in the index and before this returns also on disk. Blocks.
    pub(crate) fn purge(&self, rule: &Rule, mode: Mode, now: SystemTime) -> usize {
        let (Some(jobs), tag_of) = (&self.jobs, self.shared.purges.tag_of()) else {
            return 0;
        };
        let now = Seconds::of(now);
        let mut count = 0;
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
            let _ = jobs.send(job);
        }
        let (done, wait) = sync_channel(1);
        if jobs.send(Job::Tell(done)).is_ok() {
            let _ = wait.recv_timeout(PURGE_TIMEOUT);
        }
        count
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

    fn note_use(&self, key: &Key, before: Seconds, now: Seconds) {
        if now.0.saturating_sub(before.0) >= NOTE_INTERVAL {
            self.send(Job::NoteUse(key.clone()));
        }
    }

    /// Whether the job found room in the queue.
    fn send(&self, job: Job) -> bool {
        let Some(jobs) = &self.jobs else { return false };
        !matches!(
            jobs.try_send(job),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
        )
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
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
                    return self.shared.take_in(&self.key, place, expired, bytes);
                }
                (Reading::Pending(pending), place, expired) => (pending, place, expired),
            },
        };
        match pending.wait() {
            Ok(bytes) => self.shared.take_in(&self.key, place, expired, bytes),
            Err(error) => {
                self.shared.unreadable(&self.key, place, &error);
                None
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a key that the index in memory does not know yet.
    fn find_on_disk(&self, key: &Key) -> Option<(Reading, Place, Seconds)> {
        if !self.taken.load(Ordering::Acquire) {
            return None;
        }
        let slot = self.files.find(key.as_str())?;
        let _admitted = self.purges.admit(key.as_str(), self.born)?;
        let (place, expired) = (slot.place(), slot.expired);
        let mut index = self.lock();
        if !index.contains(key.as_str()) {
            index.insert(slot);
        }
        drop(index);
        Some((self.files.read(place).ok()?, place, expired))
    }

    fn take_in(&self, key: &Key, place: Place, expired: Seconds, bytes: Vec<u8>) -> Option<Stored> {
        match Stored::decode(key, Bytes::from(bytes)) {
            Ok(Stored::Response(entry)) if expired.0 > 0 => {
                let mut freshness = entry.head.freshness;
                freshness.expire(expired.time());
                Some(Stored::Response(entry.with_freshness(freshness)))
            }
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

    /// Leaves a removal to the writer, for when its queue is empty.
    fn defer(&self, job: Job) {
        let overflow = self.overflow.lock();
        overflow.unwrap_or_else(PoisonError::into_inner).push(job);
    }

    fn complain(&self, what: &str) {
        let complaints = self.complaints.lock();
        let mut complaints = complaints.unwrap_or_else(PoisonError::into_inner);
        if complaints.are_due(self.clock.now()) {
            tracing::warn!(dir = %self.files.dir().display(), "cache disk: {what}");
        }
    }
}

/// When the log was last told of a failing disk.
#[derive(Debug, Default)]
struct Complaints(Option<SystemTime>);

impl Complaints {
    /// Whether the log is to be told again. A clock that was set back must not silence it.
    fn are_due(&mut self, now: SystemTime) -> bool {
        let since = self.0.map(|last| now.duration_since(last));
        let due = !matches!(since, Some(Ok(since)) if since < COMPLAINT_INTERVAL);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests;
