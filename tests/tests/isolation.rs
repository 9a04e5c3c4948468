//! Jobs that cannot be stopped run in a process of their own, which is ended with the wish for them.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{metric, resizer, samples, send};
use stack::Process;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// A lossless WebP of this size takes seconds.
const LONG: &str = "/resize/6000,enlarge=1,f=webp,lossless=1/umang.jpg";
/// An AVIF of this size has a step of more than 100 ms, and is made soon.
const SHORT: &str = "/resize/500,f=avif,q=40/umang.jpg";

fn start(args: &[&str]) -> Process {
    let source = format!("file://{}", samples().display());
    resizer(&[&["--source", &source], args].concat())
}

/// The children of a process, with what they have of the CPU's time, in ticks.
fn children(parent: u32) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        if fields[1] == parent.to_string() && fields[0] != "Z" {
            found.push((id, fields[11].parse().unwrap()));
        }
    }
    found
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

fn ask(resizer: &Process, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(resizer.addresses().listen).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: tandem\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    client
}

#[test]
fn a_picture_of_a_child_is_the_one_of_the_process_itself() {
    let (apart, within) = (start(&[]), start(&["--isolate", "false"]));
    let answers =
        [&apart, &within].map(|resizer| send(resizer.addresses().listen, "GET", SHORT, ""));
    for answer in &answers {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("image/avif"));
    }
    assert!(answers[0].body == answers[1].body);
    assert_eq!(metric(&apart, "tandem_resizer_isolated_total"), 1);
    assert_eq!(metric(&within, "tandem_resizer_isolated_total"), 0);
    wait_until("the child ends", || children(apart.id()).is_empty());
}

#[test]
fn a_job_whose_client_has_gone_is_killed() {
    if !Path::new("/proc/self/stat").exists() {
        eprintln!("skipped: needs /proc");
        return;
    }
    let resizer = start(&["--workers", "1", "--timeout", "5m"]);
    let client = ask(&resizer, LONG);
    wait_until("a child works", || {
        children(resizer.id()).iter().any(|(_, ticks)| *ticks > 10)
    });
    drop(client);
    wait_until("the child is gone", || children(resizer.id()).is_empty());
    // Its core and its memory are free again.
    wait_until("nobody works", || {
        metric(&resizer, "tandem_resizer_gate_working") == 0
    });
    assert_eq!(metric(&resizer, "tandem_resizer_gate_memory_bytes"), 0);
}

#[test]
fn a_job_beyond_its_time_is_killed_and_answered_504() {
    let resizer = start(&["--timeout", "1s"]);
    let answer = send(resizer.addresses().listen, "GET", LONG, "");
    assert_eq!(answer.status, 504);
    wait_until("the child is gone", || children(resizer.id()).is_empty());
}

#[test]
fn a_child_does_not_outlive_a_killed_resizer() {
    if !Path::new("/proc/self/stat").exists() {
        eprintln!("skipped: needs /proc");
        return;
    }
    let resizer = start(&["--timeout", "5m"]);
    let _client = ask(&resizer, LONG);
    wait_until("a child works", || {
        children(resizer.id()).iter().any(|(_, ticks)| *ticks > 10)
    });
    let (child, _) = children(resizer.id())[0];
    resizer.kill().unwrap();
    wait_until("the child is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    });
}
