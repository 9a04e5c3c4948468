//! The tier as a whole, on real folders.

use super::*;
use crate::clock::ManualClock;
use crate::entry::tests::entry;
use bytes::Bytes;
use std::path::Path;

fn config(dir: &Path) -> DiskConfig {
    DiskConfig {
        dir: dir.to_owned(),
        size: 1 << 20,
        inactive: Duration::from_secs(60),
        queue: 1 << 20,
    }
}

fn tag(key: &str) -> Option<&str> {
    key.strip_prefix('/')
}

fn open(config: DiskConfig) -> Disk {
    Disk::open(config, budget(), Arc::new(Purges::new(tag)), Clock::System).unwrap()
}

fn key(text: impl Into<String>) -> Key {
    Key::new(text.into())
}

fn budget() -> Arc<crate::budget::Budget> {
    let memory = Arc::new(crate::memory::Memory::new(0));
    Arc::new(crate::budget::Budget::new(1 << 30, memory))
}

impl Disk {
    /// Waits until all that was queued is done.
    fn settle(&self) {
        let (done, wait) = sync_channel(1);
        self.jobs.as_ref().unwrap().send(Job::Tell(done)).unwrap();
        wait.recv().unwrap();
    }

    fn put(&self, text: &str, stored: Stored) {
        let born = self.shared.purges.now();
        self.store(key(text), stored, born);
        self.settle();
    }

    fn body(&self, text: &str) -> Option<Bytes> {
        let found = match self.look_up(&key(text), SystemTime::now()) {
            Found::Stored(stored) => Some(stored),
            Found::Nothing => None,
            Found::Wait(wait) => wait.read(),
        };
        match found? {
            Stored::Response(entry) => {
                let mut bytes = Vec::new();
                entry.body.append_to(&mut bytes).unwrap();
                Some(bytes.into())
            }
            Stored::Variants(_) => None,
        }
    }
}

fn contents(dir: &Path) -> Vec<PathBuf> {
    files(&dir.join("tandem/content-v2"))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn entries_survive_a_restart_and_are_found_before_the_index_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    disk.put("/a", entry("one"));
    drop(disk);
    let disk = open(config(dir.path()));
    assert_eq!(disk.body("/a").unwrap(), "one");
    disk.settle();
    assert_eq!(disk.body("/a").unwrap(), "one");
    assert_eq!(disk.held().1, 1);
}

#[test]
fn the_size_is_kept_before_and_after_a_restart_and_the_oldest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let one = index::footprint(entry("body").encode(&key("/0")).unwrap().len() as u64);
    let small = |entries| DiskConfig {
        size: entries * one,
        ..config(dir.path())
    };
    let disk = open(small(3));
    for number in 0..8 {
        disk.put(&format!("/{number}"), entry("body"));
        assert!(disk.held().0 <= 3 * one);
        assert!(contents(dir.path()).len() <= 3);
    }
    assert!(disk.body("/5").is_some() && disk.body("/4").is_none());
    disk.put("/8", entry("body"));
    assert!(disk.body("/5").is_some(), "it was used a moment ago");
    assert!(disk.body("/6").is_none());
    drop(disk);
    let disk = open(small(2));
    disk.settle();
    assert_eq!(disk.held(), (2 * one, 2));
    assert_eq!(contents(dir.path()).len(), 2);
}

#[test]
fn the_order_of_use_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    for text in ["/a", "/b", "/c"] {
        disk.put(text, entry("body"));
    }
    let later = SystemTime::now() + Duration::from_secs(7200);
    disk.touch(&key("/a"), later);
    drop(disk);
    let disk = open(config(dir.path()));
    disk.settle();
    let oldest: Vec<_> = std::iter::from_fn(|| disk.shared.lock().pop_oldest()).collect();
    assert_eq!(&*oldest[2].key, "/a");
}

#[test]
fn what_nobody_asks_for_goes_after_the_inactive_time() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    disk.put("/a", entry("body"));
    disk.tidy(SystemTime::now() + Duration::from_secs(50));
    disk.settle();
    assert!(disk.body("/a").is_some());
    disk.tidy(SystemTime::now() + Duration::from_secs(62));
    disk.settle();
    assert!(disk.body("/a").is_none());
    assert!(contents(dir.path()).is_empty());
}

#[test]
fn what_is_written_is_as_old_as_the_configured_clock_says() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(86_400));
    let clock = Clock::Manual(clock);
    let purges = Arc::new(Purges::new(tag));
    let disk = Disk::open(config(dir.path()), budget(), purges, clock.clone()).unwrap();
    disk.put("/a", entry("body"));
    let used = disk.list("", 1)[0].used;
    assert_eq!(Seconds(used), Seconds::of(clock.now()));
    disk.tidy(clock.now());
    disk.settle();
    assert_eq!(disk.held().1, 1);
}

#[test]
fn a_damaged_file_is_a_miss_and_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    for damage in [
        |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1,
        |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2),
        |bytes: &mut Vec<u8>| bytes.clear(),
    ] {
        let disk = open(config(dir.path()));
        disk.put("/a", entry("body"));
        let file = contents(dir.path()).pop().unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        damage(&mut bytes);
        std::fs::write(&file, bytes).unwrap();
        assert!(disk.body("/a").is_none());
        assert_eq!(disk.counters().damaged.load(Ordering::Relaxed), 1);
        assert_eq!(disk.held(), (0, 0));
        disk.settle();
        assert!(contents(dir.path()).is_empty());
    }
}

#[test]
fn a_cut_index_line_loses_its_entry_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    disk.put("/a", entry("one"));
    disk.put("/b", entry("two"));
    drop(disk);
    let lines = files(&dir.path().join("tandem/index-v5"));
    let of_a = lines
        .iter()
        .find(|file| std::fs::read_to_string(file).unwrap().contains("\"/a\""));
    let text = std::fs::read(of_a.unwrap()).unwrap();
    std::fs::write(of_a.unwrap(), &text[..text.len() / 2]).unwrap();
    let disk = open(config(dir.path()));
    disk.settle();
    assert_eq!(disk.body("/a"), None);
    assert_eq!(disk.body("/b").unwrap(), "two");
    disk.put("/a", entry("three"));
    drop(disk);
    assert_eq!(open(config(dir.path())).body("/a").unwrap(), "three");
}

#[test]
fn what_a_killed_process_left_is_swept_up() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(config(dir.path())));
    let orphan = dir.path().join("tandem/content-v2/xxh3/ab/cd");
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::create_dir_all(dir.path().join("tandem/tmp")).unwrap();
    let foreign = orphan.join("ef");
    let orphan = orphan.join("ef".repeat(14));
    let half = dir.path().join("tandem/tmp/half");
    for file in [&orphan, &half, &foreign] {
        std::fs::write(file, "half").unwrap();
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        File::open(file).unwrap().set_modified(hour_ago).unwrap();
    }
    let disk = open(config(dir.path()));
    disk.put("/a", entry("body"));
    // A thread of its own sweeps.
    let deadline = Instant::now() + Duration::from_secs(20);
    while orphan.exists() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(!orphan.exists() && !half.exists() && foreign.exists());
    assert!(disk.body("/a").is_some());
    assert_eq!(contents(dir.path()).len(), 2);
}

#[test]
fn rewriting_a_key_leaves_one_index_line_and_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    for round in 0..100 {
        disk.put("/a", entry(["one", "two", "three", "four"][round % 4]));
    }
    assert_eq!(contents(dir.path()).len(), 1);
    let lines = files(&dir.path().join("tandem/index-v5"));
    assert_eq!(lines.len(), 1);
    let text = std::fs::read_to_string(&lines[0]).unwrap();
    assert_eq!(text.trim().lines().count(), 1);
}

#[test]
fn an_index_file_does_not_grow_however_often_its_key_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    disk.put("/a", entry("body"));
    let slot = disk.shared.lock().get("/a").cloned().unwrap();
    let line = files(&dir.path().join("tandem/index-v5")).pop().unwrap();
    let length = std::fs::metadata(&line).unwrap().len();
    for _ in 0..100_000 {
        disk.shared.files.write_line(&slot).unwrap();
    }
    assert_eq!(files(&dir.path().join("tandem/index-v5")).len(), 1);
    assert_eq!(std::fs::metadata(&line).unwrap().len(), length);
}

#[test]
fn a_folder_that_cannot_be_written_later_costs_the_store_only() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    disk.settle();
    std::fs::write(dir.path().join("tandem/tmp"), "").unwrap();
    disk.put("/a", entry("body"));
    assert_eq!(disk.counters().skipped.load(Ordering::Relaxed), 1);
    assert!(disk.body("/a").is_none());
}

#[test]
fn a_purge_is_on_disk_when_the_tier_has_caught_up() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    for text in ["/cats/a", "/cats/b", "/dogs/a"] {
        disk.put(text, entry("body"));
    }
    let count = disk.purge(
        &Rule::TagPrefix("cats/".into()),
        Mode::Hard,
        SystemTime::now(),
    );
    assert_eq!(count, 2);
    assert!(disk.is_caught_up_within(Duration::from_secs(60)));
    assert_eq!(contents(dir.path()).len(), 1);
    assert!(disk.body("/cats/a").is_none() && disk.body("/dogs/a").is_some());
}

#[test]
fn a_soft_purge_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    disk.put("/a", entry("body"));
    disk.purge(&Rule::All, Mode::Soft, SystemTime::now());
    drop(disk);
    let disk = open(config(dir.path()));
    disk.settle();
    let Found::Stored(Stored::Response(entry)) = disk.look_up(&key("/a"), SystemTime::now()) else {
        panic!("gone")
    };
    assert!(!entry.head.freshness.is_fresh(SystemTime::now()));
    assert!(disk.list("", 10)[0].purged);
}

#[test]
fn what_was_queued_before_a_purge_is_not_stored_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    let born = disk.shared.purges.now();
    let rule = Rule::Tag("a".into());
    disk.shared
        .purges
        .declare(rule, Mode::Hard, SystemTime::now());
    disk.store(key("/a"), entry("old"), born);
    disk.settle();
    assert!(disk.body("/a").is_none());
    assert!(contents(dir.path()).is_empty());
}

#[test]
fn a_second_process_waits_for_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(config(dir.path()));
    first.put("/a", entry("one"));
    let second = open(config(dir.path()));
    assert!(!second.is_complete());
    let born = second.shared.purges.now();
    second.store(key("/b"), entry("two"), born);
    drop(first);
    second.settle();
    assert_eq!(second.body("/a").unwrap(), "one");
    assert_eq!(second.body("/b").unwrap(), "two");
}

fn is_stale(disk: &Disk, text: &str) -> Option<bool> {
    let found = match disk.look_up(&key(text), SystemTime::now()) {
        Found::Stored(stored) => Some(stored),
        Found::Nothing => None,
        Found::Wait(wait) => wait.read(),
    };
    match found? {
        Stored::Response(entry) => Some(!entry.head.freshness.is_fresh(SystemTime::now())),
        Stored::Variants(_) => None,
    }
}

#[test]
fn a_soft_purge_before_the_index_is_read_marks_what_is_read_later() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(config(dir.path()));
    first.put("/a", entry("one"));
    first.put("/b", entry("two"));
    // The folder is not its own yet, so that its index cannot be read.
    let second = open(config(dir.path()));
    let purges = &second.shared.purges;
    purges.declare(Rule::Tag("a".into()), Mode::Soft, SystemTime::now());
    drop(first);
    second.settle();
    assert_eq!(is_stale(&second, "/a"), Some(true));
    assert_eq!(is_stale(&second, "/b"), Some(false));
    drop(second);
    let third = open(config(dir.path()));
    third.settle();
    assert_eq!(is_stale(&third, "/a"), Some(true), "it is on disk");
}

#[test]
fn what_is_found_on_disk_before_the_index_is_read_is_marked_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(config(dir.path()));
    disk.put("/a", entry("one"));
    // As it is while the index is read.
    disk.shared.complete.store(false, Ordering::Release);
    disk.shared.lock().remove("/a");
    let purges = &disk.shared.purges;
    purges.declare(Rule::All, Mode::Soft, SystemTime::now());
    assert_eq!(is_stale(&disk, "/a"), Some(true));
    purges.declare(Rule::All, Mode::Hard, SystemTime::now());
    disk.shared.lock().remove("/a");
    assert_eq!(is_stale(&disk, "/a"), None);
}

/// A tier whose writer does nothing, since another one has the folder.
fn waiting(dir: &Path) -> (Disk, Disk) {
    let first = open(config(dir));
    (open(config(dir)), first)
}

#[test]
fn what_waits_for_the_disk_is_found_and_purged_like_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, first) = waiting(dir.path());
    for text in ["/a", "/b", "/c", "/d"] {
        disk.store(key(text), entry("body"), disk.shared.purges.now());
        assert_eq!(disk.body(text).unwrap(), "body");
    }
    disk.store(key("/a"), entry("newer"), disk.shared.purges.now());
    disk.remove(&key("/b"));
    let purges = &disk.shared.purges;
    purges.declare(Rule::Tag("c".into()), Mode::Soft, SystemTime::now());
    purges.declare(Rule::Tag("d".into()), Mode::Hard, SystemTime::now());
    let check = |disk: &Disk| {
        assert_eq!(disk.body("/a").unwrap(), "newer");
        assert_eq!(disk.body("/b"), None);
        assert_eq!(
            (is_stale(disk, "/c"), is_stale(disk, "/d")),
            (Some(true), None)
        );
    };
    check(&disk);
    assert!(
        !disk.is_caught_up_within(Duration::ZERO),
        "the folder is another's"
    );
    drop(first);
    disk.settle();
    check(&disk);
    assert!(disk.is_caught_up_within(Duration::from_secs(60)));
    assert_eq!((disk.queued(), disk.held().1), (0, 2));
    assert_eq!(contents(dir.path()).len(), 2);
}

#[test]
fn what_is_stored_after_a_removal_that_waits_is_not_removed_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, first) = waiting(dir.path());
    let store = |body| disk.store(key("/a"), entry(body), disk.shared.purges.now());
    store("before");
    disk.remove(&key("/a"));
    store("after");
    drop(first);
    disk.settle();
    assert_eq!(disk.body("/a").unwrap(), "after");
    assert_eq!((disk.queued(), contents(dir.path()).len()), (0, 1));
}

#[test]
fn thousands_of_entries_wait_and_what_finds_no_room_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, first) = waiting(dir.path());
    let fits = config(dir.path()).queue / (entry("body").weight() + 5);
    for number in 0..fits + 10 {
        disk.store(
            key(format!("/{number:04}")),
            entry("body"),
            disk.shared.purges.now(),
        );
    }
    assert!(fits > 1000);
    assert_eq!(disk.counters().skipped.load(Ordering::Relaxed), 10);
    drop(first);
    disk.settle();
    assert_eq!(disk.counters().skipped.load(Ordering::Relaxed), 10);
    assert_eq!(disk.counters().stores.load(Ordering::Relaxed), fits);
}

#[test]
fn the_end_does_not_wait_long_for_what_is_queued() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, first) = waiting(dir.path());
    disk.store(key("/a"), entry("body"), disk.shared.purges.now());
    let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    disk.shared.closing.set(long_ago).unwrap();
    drop(first);
    disk.settle();
    assert_eq!(disk.counters().skipped.load(Ordering::Relaxed), 1);
    assert!(contents(dir.path()).is_empty());
}

#[test]
fn nothing_is_written_into_a_folder_that_another_process_has() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, first) = waiting(dir.path());
    disk.store(key("/a"), entry("body"), disk.shared.purges.now());
    drop(disk);
    assert!(contents(dir.path()).is_empty());
    drop(first);
}
