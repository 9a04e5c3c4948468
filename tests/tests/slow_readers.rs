//! Clients that ask for large bodies and hardly read: what both processes hold is bounded by flags, not by clients.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Process, Stack, metric, samples, send, sign};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const MB: u64 = 1 << 20;

/// Bytes of an original: far more than sockets take by themselves.
const LARGE: u64 = 8 * MB;

/// What a body that is passed on, or read from a file, may cost a process beside its budgets.
const READER: u64 = 400 * 1024;

/// What a process has beside its budgets: its code, threads, connections, allocator.
const BASE: u64 = 48 * MB;

/// A folder of originals that are a photograph with a hole behind it.
fn originals(count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let photograph = std::fs::read(samples().join("umang.jpg")).unwrap();
    for number in 0..count {
        let mut file = File::create(folder.path().join(format!("{number}.jpg"))).unwrap();
        file.write_all(&photograph).unwrap();
        file.set_len(LARGE).unwrap();
    }
    folder
}

fn resident(process: &Process) -> u64 {
    let path = format!("/proc/{}/status", process.id());
    let status = std::fs::read_to_string(Path::new(&path)).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kilobytes * 1024
}

/// Asks, and reads the beginning of the body only.
fn ask(address: SocketAddr, number: usize) -> TcpStream {
    let target = sign(&format!("/original/{number}.jpg"), None);
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: tandem\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 1024];
    stream.read_exact(&mut head).unwrap();
    assert!(head.starts_with(b"HTTP/1.1 200"), "{number}");
    stream
}

/// The most that a process holds in the next second.
fn peak(process: &Process) -> u64 {
    let end = Instant::now() + Duration::from_secs(1);
    let mut most = 0;
    while Instant::now() < end {
        most = most.max(resident(process));
        std::thread::sleep(Duration::from_millis(50));
    }
    most
}

fn on_originals(folder: &tempfile::TempDir, memory: &str, edge_args: &[&str]) -> Stack {
    let source = format!("file://{}", folder.path().display());
    let edge = [
        "--cache-memory",
        memory,
        "--max-fetch-memory",
        "16MB",
        "--cache-queue",
        "16MB",
    ];
    Stack::on(
        &source,
        &[&edge[..], edge_args].concat(),
        &["--max-originals", "1000"],
    )
}

#[test]
fn slow_readers_of_misses_hold_what_the_flags_say() {
    const READERS: usize = 100;
    let folder = originals(READERS);
    let stack = on_originals(&folder, "16MB", &[]);
    let address = stack.edge().addresses().listen;
    let readers: Vec<_> = (0..READERS).map(|number| ask(address, number)).collect();
    let (edge, resizer) = (peak(stack.edge()), peak(stack.resizer()));
    let each = READERS as u64 * READER;
    assert!(
        edge < BASE + 48 * MB + each,
        "the edge holds {} MB",
        edge / MB
    );
    assert!(
        resizer < BASE + each,
        "the resizer holds {} MB",
        resizer / MB
    );
    drop(readers);
}

#[test]
fn slow_readers_of_large_hits_are_served_from_the_disk() {
    const READERS: usize = 100;
    let folder = originals(4);
    let stack = on_originals(&folder, "0", &[]);
    let address = stack.edge().addresses().listen;
    for number in 0..4 {
        let target = sign(&format!("/original/{number}.jpg"), None);
        let whole = send(address, "GET", &target, "");
        assert_eq!(whole.body.len() as u64, LARGE);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while metric(stack.edge(), "tandem_edge_cache_disk_queued_bytes") > 0 {
        assert!(Instant::now() < deadline, "it is written");
    }
    let readers: Vec<_> = (0..READERS)
        .map(|number| ask(address, number % 4))
        .collect();
    let edge = peak(stack.edge());
    let most = BASE + 32 * MB + READERS as u64 * READER;
    assert!(edge < most, "the edge holds {} MB", edge / MB);
    drop(readers);
}

#[test]
fn who_hardly_reads_gives_way_to_who_waits() {
    let folder = originals(5);
    // Nothing is kept, so that each is passed on with a right to fetch.
    let args = ["--max-body", "1MB", "--max-fetches", "4"];
    let stack = on_originals(
        &folder,
        "16MB",
        &[&args[..], &["--max-fetches-per-client", "4"]].concat(),
    );
    let address = stack.edge().addresses().listen;
    let slow: Vec<_> = (0..4).map(|number| ask(address, number)).collect();
    let target = sign("/original/4.jpg", None);
    assert_eq!(send(address, "GET", &target, "").status, 503);
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let whole = send(address, "GET", &target, "");
        if whole.status == 200 {
            assert_eq!(whole.body.len() as u64, LARGE);
            break;
        }
        assert!(
            Instant::now() < deadline,
            "the slow readers keep all rights"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(slow);
}
