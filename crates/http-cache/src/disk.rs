//! The disk tier: entries as `cacache` content files, found through an index in memory.
//!
//! A thread of its own writes and evicts, behind a bounded queue, so that no request waits for the disk's writes; a
//! full queue or a failing disk only means that something is not stored. Reading an entry is one file read, whose
//! checksum is verified. `cacache`'s own index on disk is read at start only.

use crate::entry::Entry;
use crate::key::{Digest, Key};
use bytes::Bytes;
use cacache::{Algorithm, Integrity, WriteOpts, index};
use lru::LruCache;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Stores that may wait for the writer; each holds its body. More are skipped.
const QUEUE: usize = 256;

/// Most a log says of a failing disk.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Bounds of the tier.
#[derive(Clone, Debug)]
pub struct DiskConfig {
    /// The folder; made when it is missing.
    pub dir: PathBuf,
    /// Bytes of content kept at most (nginx: `max_size`).
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

/// Where an entry lies.
struct Slot {
    integrity: Integrity,
    key: Key,
    size: u64,
    used: SystemTime,
}

struct Index {
    slots: LruCache<Digest, Slot>,
    bytes: u64,
}

struct Shared {
    config: DiskConfig,
    seed: u64,
    index: Mutex<Index>,
    counters: DiskCounters,
    last_complaint: Mutex<Option<Instant>>,
}

enum Job {
    Store(Key, Entry),
    Remove(Key),
    Tidy(SystemTime),
}

/// The tier. Dropping it writes what is queued.
pub struct Disk {
    shared: Arc<Shared>,
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// Opens the folder and begins to read its index in the background; entries are found as it proceeds.
    ///
    /// # Errors
    /// When the writer's thread cannot be started. A folder that cannot be used is told in the log, once a minute,
    /// and nothing is stored.
    pub fn open(config: DiskConfig) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            config,
            seed: RandomState::new().hash_one(0),
            index: Mutex::new(Index {
                slots: LruCache::unbounded(),
                bytes: 0,
            }),
            counters: DiskCounters::default(),
            last_complaint: Mutex::new(None),
        });
        let (jobs, queue) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("cache-disk".into())
            .spawn({
                let shared = shared.clone();
                move || {
                    shared.rebuild();
                    shared.work(&queue);
                }
            })?;
        Ok(Self {
            shared,
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    /// The entry of a key, read and verified. Blocks for one file read: call it where that is allowed.
    pub fn read(&self, key: &Key, now: SystemTime) -> Option<Entry> {
        self.shared.read(key, now)
    }

    /// Whether the index knows the key. Never blocks on the disk.
    pub fn contains(&self, key: &Key) -> bool {
        self.shared.lock().slots.contains(&self.shared.digest(key))
    }

    /// Queues an entry to be written.
    pub fn store(&self, key: Key, entry: Entry) {
        self.send(Job::Store(key, entry));
    }

    /// Forgets a key at once and queues the removal of its file.
    pub fn remove(&self, key: &Key) {
        self.send(Job::Remove(key.clone()));
    }

    /// Queues the removal of what has not been asked for in the `inactive` time.
    pub fn tidy(&self, now: SystemTime) {
        self.send(Job::Tidy(now));
    }

    /// What was done so far.
    pub fn counters(&self) -> &DiskCounters {
        &self.shared.counters
    }

    /// Bytes and entries held now.
    pub fn held(&self) -> (u64, usize) {
        let index = self.shared.lock();
        (index.bytes, index.slots.len())
    }

    fn send(&self, job: Job) {
        let Some(jobs) = &self.jobs else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = jobs.try_send(job) {
            self.shared.counters.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
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

    fn digest(&self, key: &Key) -> Digest {
        Digest::of(key.as_str(), self.seed)
    }

    fn dir(&self) -> &Path {
        &self.config.dir
    }

    fn read(&self, key: &Key, now: SystemTime) -> Option<Entry> {
        let digest = self.digest(key);
        let integrity = {
            let mut index = self.lock();
            let slot = index.slots.get_mut(&digest)?;
            slot.used = now;
            slot.integrity.clone()
        };
        let entry = cacache::read_hash_sync(self.dir(), &integrity)
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                Entry::decode(key.as_str(), Bytes::from(bytes)).map_err(|error| error.to_string())
            });
        match entry {
            Ok(entry) => Some(entry),
            Err(error) => {
                // A file that was rewritten meanwhile is no damage: its slot has moved on.
                let mut index = self.lock();
                if index
                    .slots
                    .peek(&digest)
                    .is_some_and(|slot| slot.integrity == integrity)
                {
                    index.forget(digest);
                    self.counters.damaged.fetch_add(1, Ordering::Relaxed);
                    drop(index);
                    self.complain(&format!("a stored entry is unusable and dropped: {error}"));
                }
                None
            }
        }
    }

    fn work(&self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            match job {
                Job::Store(key, entry) => self.store(&key, &entry),
                Job::Remove(key) => {
                    let slot = self.lock().forget(self.digest(&key));
                    if let Some(slot) = slot {
                        self.delete(&slot);
                    }
                }
                Job::Tidy(now) => self.evict_inactive(now),
            }
        }
    }

    fn store(&self, key: &Key, entry: &Entry) {
        match self.write(key, entry) {
            Ok(slot) => {
                self.counters.stores.fetch_add(1, Ordering::Relaxed);
                self.lock().remember(self.digest(key), slot);
                self.evict_to_size();
            }
            Err(error) => {
                self.counters.skipped.fetch_add(1, Ordering::Relaxed);
                self.complain(&format!("an entry is not stored: {error}"));
            }
        }
    }

    /// Content first, index line second: a process killed in between leaves an orphan file, never a broken entry.
    fn write(&self, key: &Key, entry: &Entry) -> Result<Slot, Box<dyn std::error::Error>> {
        let bytes = entry.encode(key.as_str())?;
        let mut writer = WriteOpts::new()
            .algorithm(Algorithm::Xxh3)
            .size(bytes.len())
            .open_hash_sync(self.dir())?;
        writer.write_all(&bytes)?;
        let integrity = writer.commit()?;
        // The old index file goes as a whole: cacache only ever appends to it (zkat/cacache-rs#71).
        let previous = self.lock().forget(self.digest(key));
        if let Some(previous) = previous.filter(|previous| previous.integrity != integrity) {
            self.delete(&previous);
        }
        let line = WriteOpts::new()
            .algorithm(Algorithm::Xxh3)
            .size(bytes.len())
            .integrity(integrity.clone());
        index::insert(self.dir(), key.as_str(), line)?;
        Ok(Slot {
            integrity,
            key: key.clone(),
            size: bytes.len() as u64,
            used: SystemTime::now(),
        })
    }

    /// Removes index line and content; what is gone already is fine.
    fn delete(&self, slot: &Slot) {
        let _ = index::RemoveOpts::new()
            .remove_fully(true)
            .remove_sync(self.dir(), slot.key.as_str());
        let _ = cacache::remove_hash_sync(self.dir(), &slot.integrity);
    }

    fn evict_to_size(&self) {
        loop {
            let evicted = {
                let mut index = self.lock();
                if index.bytes <= self.config.size {
                    None
                } else {
                    index.pop_oldest()
                }
            };
            let Some(slot) = evicted else { return };
            self.counters.evictions.fetch_add(1, Ordering::Relaxed);
            self.delete(&slot);
        }
    }

    fn evict_inactive(&self, now: SystemTime) {
        loop {
            let evicted = {
                let mut index = self.lock();
                let idle = |slot: &Slot| {
                    now.duration_since(slot.used).unwrap_or_default() > self.config.inactive
                };
                match index.slots.peek_lru() {
                    Some((_, slot)) if idle(slot) => index.pop_oldest(),
                    _ => None,
                }
            };
            let Some(slot) = evicted else { return };
            self.counters.evictions.fetch_add(1, Ordering::Relaxed);
            self.delete(&slot);
        }
    }

    /// Reads `cacache`'s index, oldest entries first in line for eviction, and cleans up after a killed process.
    fn rebuild(&self) {
        if let Err(error) = std::fs::create_dir_all(self.dir()) {
            self.complain(&format!("{} cannot be used: {error}", self.dir().display()));
            return;
        }
        let _ = std::fs::remove_dir_all(self.dir().join("tmp"));
        let mut found: Vec<_> = cacache::list_sync(self.dir())
            .filter_map(Result::ok)
            .collect();
        found.sort_by_key(|metadata| metadata.time);
        for metadata in found {
            let key = Key::new(metadata.key);
            let used = UNIX_EPOCH
                + Duration::from_millis(u64::try_from(metadata.time).unwrap_or_default());
            let slot = Slot {
                integrity: metadata.integrity,
                size: metadata.size as u64,
                used,
                key: key.clone(),
            };
            let digest = self.digest(&key);
            let mut index = self.lock();
            if !index.slots.contains(&digest) {
                index.remember(digest, slot);
            }
        }
        self.evict_to_size();
    }

    fn complain(&self, what: &str) {
        let mut last = self
            .last_complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
            *last = Some(Instant::now());
            tracing::warn!(dir = %self.dir().display(), "cache disk: {what}");
        }
    }
}

impl Index {
    fn remember(&mut self, digest: Digest, slot: Slot) {
        self.bytes += slot.size;
        if let Some(previous) = self.slots.put(digest, slot) {
            self.bytes -= previous.size;
        }
    }

    fn forget(&mut self, digest: Digest) -> Option<Slot> {
        let slot = self.slots.pop(&digest)?;
        self.bytes -= slot.size;
        Some(slot)
    }

    fn pop_oldest(&mut self) -> Option<Slot> {
        let (_, slot) = self.slots.pop_lru()?;
        self.bytes -= slot.size;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::entry;

    fn config(dir: &Path) -> DiskConfig {
        DiskConfig {
            dir: dir.to_owned(),
            size: 1 << 20,
            inactive: Duration::from_secs(60),
        }
    }

    /// Opens the tier, does the work, and returns when everything queued is on disk.
    fn with(config: DiskConfig, work: impl FnOnce(&Disk)) -> Arc<Shared> {
        let disk = Disk::open(config).unwrap();
        work(&disk);
        disk.shared.clone()
    }

    fn read(shared: &Shared, key: &str) -> Option<Bytes> {
        shared
            .read(&Key::new(key), SystemTime::now())
            .map(|entry| entry.body)
    }

    #[test]
    fn entries_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        with(config(dir.path()), |disk| {
            disk.store(Key::new("/a"), entry("one"));
        });
        let shared = with(config(dir.path()), |_| {});
        assert_eq!(read(&shared, "/a").unwrap(), "one");
    }

    #[test]
    fn the_size_is_kept_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let one = entry("body").encode("/0").unwrap().len() as u64;
        let config = DiskConfig {
            size: 3 * one,
            ..config(dir.path())
        };
        let shared = with(config, |disk| {
            (0..8).for_each(|n| disk.store(Key::new(format!("/{n}")), entry("body")));
        });
        assert!(shared.lock().bytes <= 3 * one);
        assert!(read(&shared, "/7").is_some());
        assert!(read(&shared, "/0").is_none());
    }

    #[test]
    fn what_nobody_asks_for_goes_after_the_inactive_time() {
        let dir = tempfile::tempdir().unwrap();
        let shared = with(config(dir.path()), |disk| {
            disk.store(Key::new("/a"), entry("body"));
            disk.tidy(SystemTime::now() + Duration::from_secs(61));
        });
        assert!(read(&shared, "/a").is_none());
    }

    #[test]
    fn a_damaged_file_is_a_miss_and_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let shared = with(config(dir.path()), |disk| {
            disk.store(Key::new("/a"), entry("body"));
        });
        for file in files(&dir.path().join("content-v2")) {
            let mut bytes = std::fs::read(&file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&file, bytes).unwrap();
        }
        assert!(read(&shared, "/a").is_none());
        assert_eq!(shared.counters.damaged.load(Ordering::Relaxed), 1);
        assert_eq!(shared.lock().bytes, 0);
    }

    #[test]
    fn rewriting_a_key_leaves_one_index_line_and_one_file() {
        let dir = tempfile::tempdir().unwrap();
        with(config(dir.path()), |disk| {
            for body in ["one", "two", "three", "four"].repeat(20) {
                disk.store(Key::new("/a"), entry(body));
            }
        });
        assert_eq!(files(&dir.path().join("content-v2")).len(), 1);
        let index = files(&dir.path().join("index-v5"));
        assert_eq!(index.len(), 1);
        assert_eq!(
            std::fs::read_to_string(&index[0])
                .unwrap()
                .trim()
                .lines()
                .count(),
            1
        );
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_the_store_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let shared = with(config(&file), |disk| {
            disk.store(Key::new("/a"), entry("body"));
        });
        assert_eq!(shared.counters.skipped.load(Ordering::Relaxed), 1);
        assert!(read(&shared, "/a").is_none());
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push(path);
            }
        }
        found
    }
}
