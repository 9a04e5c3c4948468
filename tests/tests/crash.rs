//! What a disk and a kill can do: never a wrong byte to a client, never a stuck picture, never an edge that does not start.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Stack, metric, send, sign, try_send};
use stack::{Process, Role};
use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn paths() -> Vec<String> {
    let widths = (0..24).map(|number| format!("/resize/{}/umang.jpg", 40 + number));
    widths.collect()
}

/// What each path gives, from an edge that keeps nothing.
fn truth(paths: &[String]) -> HashMap<String, Vec<u8>> {
    let stack = Stack::start(&["--cache-size", "0", "--cache-memory", "0"], &[]);
    let get = |path: &String| (path.clone(), stack.get(path).body);
    paths.iter().map(get).collect()
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
fn a_kill_at_any_moment_leaves_no_wrong_byte() {
    let paths = paths();
    let truth = truth(&paths);
    // No memory tier, and nothing fresh for long: every request goes to the disk, and most of them write to it.
    let mut stack = Stack::start(&["--cache-memory", "0", "--cache-valid", "5ms"], &[]);
    for round in 0..8 {
        let address = stack.edge().addresses().listen;
        let (answered, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for client in 0..4 {
                let (paths, truth, answered, killed) = (&paths, &truth, &answered, &killed);
                scope.spawn(move || {
                    for path in paths.iter().cycle().skip(client * 6) {
                        let answer = try_send(address, &sign(path, None));
                        if killed.load(Ordering::Relaxed) == 1 {
                            return;
                        }
                        if let Some(answer) = answer {
                            assert_eq!(answer.status, 200);
                            assert!(answer.body == truth[path], "{path} in round {round}");
                        }
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while answered.load(Ordering::Relaxed) < 50 + 7 * round {
                std::thread::yield_now();
            }
            stack.kill_edge();
            killed.store(1, Ordering::Relaxed);
        });
        stack.start_edge();
    }
    for path in &paths {
        assert!(stack.get(path).body == truth[path], "{path}");
    }
}

#[test]
fn damaged_files_are_fetched_again_and_never_served() {
    let paths = paths();
    let truth = truth(&paths);
    let mut stack = Stack::start(&["--cache-memory", "0"], &[]);
    for path in &paths {
        stack.get(path);
    }
    stack.restart_edge();
    for (number, file) in files(stack.cache.path()).into_iter().enumerate() {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        match number % 3 {
            0 => bytes.truncate(middle),
            1 if middle > 0 => bytes[middle] ^= 0x10,
            _ => continue,
        }
        std::fs::write(&file, bytes).unwrap();
    }
    for path in &paths {
        let answer = stack.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.body == truth[path], "{path}");
    }
}

/// Ends the edge and starts another one in its place, none of whose files may grow beyond a few kilobytes: a disk that
/// is full for pictures, without the rights to make a small one.
fn restart_with_small_files(stack: &mut Stack) -> Process {
    stack.kill_edge();
    let script = stack.cache.path().join("edge-with-small-files");
    let program = env!("CARGO_BIN_EXE_tandem-role");
    let text = format!("#!/bin/sh\nulimit -f 4\ntrap '' XFSZ\nexec {program} \"$@\"\n");
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let usual = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let usual = usual.into_iter().chain(["--log", "off"]);
    let args = usual.chain(stack.edge_args.iter().map(String::as_str));
    Process::start(&script, Role::EdgeProxy, args, &[], Stdio::inherit()).unwrap()
}

#[test]
fn a_full_disk_means_no_caching_and_nothing_worse() {
    let mut stack = Stack::start(&["--cache-memory", "0"], &[]);
    let edge = restart_with_small_files(&mut stack);
    for width in 0..10 {
        let path = sign(&format!("/resize/{}/umang.jpg", 300 + width), None);
        for _ in 0..2 {
            let answer = send(edge.addresses().listen, "GET", &path, "");
            assert_eq!(answer.status, 200);
            assert!(answer.body.len() > 4096, "{}", answer.body.len());
        }
    }
    // The last one may wait to be refused still.
    let deadline = Instant::now() + Duration::from_secs(20);
    while metric(&edge, "tandem_edge_cache_disk_skipped_total") < 10 {
        assert!(Instant::now() < deadline, "the disk was never full");
    }
}

#[test]
fn a_folder_that_can_only_be_read_is_served_from_and_not_written_to() {
    let mut stack = Stack::start(&["--cache-memory", "0"], &[]);
    let path = "/resize/40/umang.jpg";
    stack.get(path);
    stack.restart_edge();
    stack.kill_edge();
    // New files are begun in this folder, which is none any more.
    let begun = stack.cache.path().join("tandem/tmp");
    std::fs::remove_dir_all(&begun).unwrap();
    std::fs::write(&begun, "").unwrap();
    stack.start_edge();
    assert_eq!(stack.get(path).header("x-cache"), Some("HIT"));
    let refused = "/resize/41/umang.jpg";
    let deadline = Instant::now() + Duration::from_secs(20);
    for skipped in 1..4 {
        assert_eq!(stack.get(refused).header("x-cache"), Some("MISS"));
        while metric(stack.edge(), "tandem_edge_cache_disk_skipped_total") < skipped {
            assert!(Instant::now() < deadline, "it is written");
        }
    }
    assert_eq!(stack.get(path).header("x-cache"), Some("HIT"));
}
