//! A disk that refuses: whoever asks is served all the same, the metric counts each time, the log is told once a minute.
//! The disk is full in a child process, whose files may not grow beyond a few kilobytes: that needs no rights.
#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use http_cache::clock::ManualClock;
use http_cache::disk::DiskConfig;
use http_cache::purge::{Mode, Rule};
use http_cache::{
    Cache, CacheConfig, CacheRequest, CacheStatus, CacheValid, Clock, Key, Policy, UseStale,
};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Larger than a file of the child may be.
const LARGE: usize = 100_000;
const SMALL: usize = 100;

/// The folder of the cache, told to the child.
const FOLDER: &str = "HTTP_CACHE_TEST_FOLDER";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects what this process logs from now on.
    fn collect() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn lines(&self) -> usize {
        let text = self.0.lock().unwrap();
        String::from_utf8_lossy(&text).lines().count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Scene {
    cache: Cache,
    clock: ManualClock,
}

impl Scene {
    /// Without a memory tier, so that all depends on the disk.
    fn on(dir: &Path) -> Self {
        let clock = ManualClock::new();
        let cache = Cache::open(CacheConfig {
            memory: 0,
            disk: Some(DiskConfig {
                dir: dir.to_owned(),
                size: 1 << 30,
                inactive: Duration::from_secs(3600),
                queue: 64 << 20,
            }),
            policy: Policy {
                valid: CacheValid::default(),
                use_stale: UseStale::all(),
                max_stale: None,
                store_set_cookie: false,
            },
            lock_timeout: Some(Duration::from_secs(3600)),
            timeout_memory: Duration::ZERO,
            max_body: 1 << 20,
            max_flights: 100,
            max_flights_per_client: 100,
            max_flight_bytes: 1 << 30,
            tag_of: |_| None,
            clock: Clock::Manual(clock.clone()),
        });
        Self {
            cache: cache.unwrap(),
            clock,
        }
    }

    /// Asks for a body of this length, and waits until the disk has had its turn.
    async fn get(&self, key: &'static str, length: usize) -> CacheStatus {
        let fetch = move |_| async move {
            let body = Full::new(Bytes::from(vec![7; length])).map_err(|never| match never {});
            let response = Response::builder()
                .status(StatusCode::OK)
                .header("cache-control", "max-age=10000")
                .body(body.boxed_unsync());
            Ok(response.unwrap())
        };
        let request = CacheRequest::new(Key::new(key));
        let served = self.cache.serve(request, fetch).await.unwrap();
        let status = served.status;
        assert_eq!(served.body.whole().await.unwrap(), vec![7; length]);
        while self.cache.flights() > 0 {
            tokio::task::yield_now().await;
        }
        // A purge returns when all that was queued before it is done.
        let nothing = Rule::Key(Key::new("/nothing"));
        self.cache.purge(nothing, Mode::Soft).await;
        status
    }

    fn skipped(&self) -> u64 {
        let disk = self.cache.disk().unwrap();
        disk.counters().skipped.load(Ordering::Relaxed)
    }
}

const MISS: CacheStatus = CacheStatus::Miss { collapsed: false };

#[test]
fn a_full_disk_means_no_caching_and_nothing_worse() {
    let dir = tempfile::tempdir().unwrap();
    // A file that grows too large is an error (EFBIG) to who ignores the signal.
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 16 && trap '' XFSZ && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "in_the_child_on_a_full_disk", "--ignored"])
        .env(FOLDER, dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "run by a_full_disk_means_no_caching_and_nothing_worse"]
async fn in_the_child_on_a_full_disk() {
    let Some(dir) = std::env::var_os(FOLDER) else {
        return;
    };
    let (log, scene) = (Log::collect(), Scene::on(Path::new(&dir)));
    for round in 0..3 {
        let fits = scene.get("/small", SMALL).await;
        assert_eq!(fits, if round == 0 { MISS } else { CacheStatus::Hit });
        assert_eq!(scene.get("/large", LARGE).await, MISS);
        assert_eq!(scene.get("/larger", 2 * LARGE).await, MISS);
        assert_eq!(scene.skipped(), 2 * (round + 1));
    }
    assert_eq!(log.lines(), 1, "all of that was within a minute");
    scene.clock.advance(Duration::from_secs(60));
    scene.get("/large", LARGE).await;
    scene.get("/large", LARGE).await;
    assert_eq!((log.lines(), scene.skipped()), (2, 8));
    let left = std::fs::read_dir(Path::new(&dir).join("tandem/tmp")).unwrap();
    assert_eq!(left.count(), 0, "half-written files are removed");
}

#[tokio::test]
async fn a_folder_that_can_only_be_read_is_served_from_and_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::on(dir.path());
    assert_eq!(scene.get("/old", SMALL).await, MISS);
    drop(scene);
    // New files are begun in this folder, which is none any more.
    let begun = dir.path().join("tandem/tmp");
    std::fs::remove_dir_all(&begun).unwrap();
    std::fs::write(&begun, "").unwrap();
    let scene = Scene::on(dir.path());
    for round in 1..4 {
        assert_eq!(scene.get("/old", SMALL).await, CacheStatus::Hit);
        assert_eq!(scene.get("/new", SMALL).await, MISS);
        assert_eq!(scene.skipped(), round);
    }
}

#[tokio::test]
async fn an_entry_whose_index_line_cannot_be_written_is_not_kept_by_halves() {
    let dir = tempfile::tempdir().unwrap();
    drop(Scene::on(dir.path()));
    std::fs::write(dir.path().join("tandem/index-v5"), "").unwrap();
    let scene = Scene::on(dir.path());
    for round in 1..4 {
        assert_eq!(scene.get("/new", SMALL).await, MISS);
        assert_eq!(scene.skipped(), round);
    }
    let (bytes, entries) = scene.cache.disk().unwrap().held();
    assert_eq!((bytes, entries), (0, 0));
}
