//! What a disk and a kill can do: never a wrong byte to a client, never a stuck picture, never an edge that does not start.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Stack, metric, sign, try_send};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

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

#[test]
fn a_full_disk_means_no_caching_and_nothing_worse() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k,nr_inodes=200", "tmpfs"])
        .arg(folder.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    }
    let unmount = Unmount(folder.path().to_owned());
    let dir = folder.path().display().to_string();
    let args = ["--cache-dir", &dir, "--cache-memory", "0"];
    let stack = Stack::start(&args, &[]);
    for width in 0..30 {
        let path = format!("/resize/{}/umang.jpg", 300 + width);
        assert_eq!(stack.get(&path).status, 200);
        assert_eq!(stack.get(&path).status, 200);
    }
    let skipped = metric(stack.edge(), "tandem_edge_cache_disk_skipped_total");
    assert!(skipped > 0, "the disk was never full");
    drop(stack);
    drop(unmount);
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_read_only_folder_is_served_from_and_not_written_to() {
    let mut stack = Stack::start(&["--cache-memory", "0"], &[]);
    let path = "/resize/40/umang.jpg";
    stack.get(path);
    stack.restart_edge();
    let mounted = Command::new("mount")
        .args(["--bind", "-o", "ro"])
        .args([stack.cache.path(), stack.cache.path()])
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a folder cannot be mounted read-only here");
        return;
    }
    let unmount = Unmount(stack.cache.path().to_owned());
    stack.restart_edge();
    assert_eq!(stack.get(path).header("x-cache"), Some("HIT"));
    assert_eq!(stack.get("/resize/41/umang.jpg").status, 200);
    assert_eq!(
        stack.get("/resize/41/umang.jpg").header("x-cache"),
        Some("MISS")
    );
    stack.kill_edge();
    drop(unmount);
}
