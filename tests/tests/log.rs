//! The log of both programs, as who reads it at night sees it, and as who floods it would like it to be.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Logged, metric, samples, send, sign, sign_anything};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Requests one after another on one connection. What comes back is read to its end, so that each has been logged.
fn flood(address: SocketAddr, method: &str, target: &str, times: usize) {
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!("{method} {target} HTTP/1.1\r\nhost: tandem\r\n\r\n");
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    for _ in 0..times {
        socket.write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(answers.read_line(&mut line).unwrap() > 0, "closed");
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = answers.by_ref().take(length);
        std::io::copy(&mut body, &mut std::io::sink()).unwrap();
    }
}

/// Kilobytes in memory.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse().unwrap()
}

#[test]
fn a_log_that_nobody_reads_takes_no_memory_and_says_afterwards_what_it_lost() {
    if !std::path::Path::new("/proc/self/status").exists() {
        eprintln!("skipped: no /proc here");
        return;
    }
    let edge = Logged::edge(&["--log-queue", "256KiB", "--rate-limit", "off"], &[]);
    let address = edge.process.addresses().listen;
    let long = "x".repeat(8_000);
    flood(address, "GET", &format!("/{long}"), 50);
    let before = resident(edge.process.id());
    flood(address, "GET", &format!("/resize/300/{long}"), 1500);
    // A method is chosen by the client as well, and of any length.
    flood(address, &"M".repeat(8_000), "/", 1500);
    let after = resident(edge.process.id());
    assert!(
        after < before + 16_000,
        "{before} kB before, {after} kB after"
    );
    let dropped = metric(&edge.process, "tandem_edge_log_dropped_total");
    assert!(dropped > 0);
    assert!(metric(&edge.process, "tandem_edge_log_queued_bytes") <= 256 << 10);

    // Now somebody reads, about 1 MB/s, while more comes.
    let (lines, process) = edge.read();
    let reader = std::thread::spawn(move || {
        let slowly = lines.enumerate().inspect(|(number, _)| {
            if number % 128 == 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let reported = slowly.filter_map(|(_, line)| {
            let of_drops = line.contains("log lines dropped");
            let lines = line.rsplit("lines=").next().filter(|_| of_drops)?;
            Some(lines.parse::<u64>().unwrap())
        });
        reported.collect::<Vec<_>>()
    });
    flood(address, "GET", &format!("/resize/300/{long}"), 1500);
    let after = resident(process.id());
    assert!(
        after < before + 16_000,
        "{before} kB before, {after} kB after"
    );
    while metric(&process, "tandem_edge_log_queued_bytes") > 0 {}
    let dropped = metric(&process, "tandem_edge_log_dropped_total");
    process.stop().unwrap();
    let reported = reader.join().unwrap();
    assert_eq!(reported.iter().sum::<u64>(), dropped, "{reported:?}");
}

#[test]
fn a_line_names_a_path_once_and_cuts_and_escapes_what_the_client_chose() {
    let edge = Logged::edge(&[], &[]);
    let address = edge.process.addresses().listen;
    let long = format!("/resize/300/{}", "y".repeat(8_000));
    for target in [
        long.as_str(),
        "/a\u{202e}gpj.exe",
        "/b\u{2028}c",
        &sign_anything("/resize/0/zero.jpg"),
        &sign_anything(&format!("/resize/300,{}=1/option.jpg", "z".repeat(7_000))),
        "/favicon.ico",
        "/robots.txt?x",
    ] {
        send(address, "GET", target, "");
    }
    send(address, "BREW", &sign("/resize/300/umang.jpg", None), "");
    let lines = edge.stop();
    for line in &lines {
        assert!(line.len() < 1000, "{line}");
        assert!(line.matches("path=").count() <= 1, "{line}");
        assert!(!line.contains(['\u{202e}', '\u{2028}']), "{line}");
        assert!(!line.contains("Some("), "{line}");
    }
    let only = |text: &str| {
        let found: Vec<_> = lines.iter().filter(|line| line.contains(text)).collect();
        assert_eq!(found.len(), 1, "{text}: {lines:#?}");
        found[0]
    };
    assert!(only("yyyy").contains("… (8012 bytes)"));
    assert!(only("gpj").contains("\\u{202e}"));
    assert!(only("/b\\u{2028}c").contains("status=404 cache=- ms="));
    assert!(only("zero.jpg").contains("the geometry \\\"0\\\" is not understood"));
    only("BREW");
    for quiet in ["favicon.ico", "robots.txt"] {
        assert!(!only(quiet).contains("sign"), "{quiet}");
    }
    let listening = only("listening");
    assert!(
        listening.contains(&format!("listen={address} admin=127.0.0.1:")),
        "{listening}"
    );
    only("stopped");
}

#[test]
fn a_client_over_its_rate_is_a_line_and_a_count() {
    let edge = Logged::edge(&["--rate-limit", "1r/m", "--rate-burst", "1"], &[]);
    let address = edge.process.addresses().listen;
    flood(address, "GET", "/flood", 200);
    let lines = edge.stop();
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("refused"))
        .collect();
    assert!((2..=4).contains(&refused.len()), "{lines:#?}");
    assert!(lines.iter().filter(|line| line.contains("/flood")).count() <= 3);
    let counted: u64 = refused
        .iter()
        .filter_map(|line| {
            line.split("requests=")
                .nth(1)?
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum();
    assert_eq!(counted, 198, "{refused:#?}");
}

#[test]
fn lines_of_the_resizer_are_as_short() {
    let source = format!("file://{}", samples().display());
    let resizer = Logged::resizer(&["--source", &source]);
    let address = resizer.process.addresses().listen;
    let long = "y".repeat(8_000);
    send(address, "GET", &format!("/resize/300/{long}"), "");
    send(address, &"M".repeat(8_000), "/resize/300/umang.jpg", "");
    send(address, "GET", "/resize/0/a\u{202e}.jpg", "");
    send(address, "GET", "/resize/300/umang.jpg", "");
    let lines = resizer.stop();
    for line in &lines {
        assert!(line.len() < 1000, "{line}");
        assert!(line.matches("path=").count() <= 1, "{line}");
        assert!(!line.contains('\u{202e}'), "{line}");
    }
    let access: Vec<_> = lines
        .iter()
        .filter(|line| line.contains(" access: "))
        .collect();
    assert_eq!(access.len(), 4, "{lines:#?}");
    assert_eq!(
        lines.len(),
        4 + 2,
        "one line a request, listening and stopped: {lines:#?}"
    );
}

#[test]
fn what_is_logged_as_json_is_one_object_a_line() {
    let edge = Logged::edge(&["--log-format", "json"], &[]);
    let address = edge.process.addresses().listen;
    send(address, "GET", "/a\"b\u{2028}\\", "");
    let lines = edge.stop();
    let mut seen = String::new();
    for line in &lines {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let _ = write!(seen, "{} ", json["target"].as_str().unwrap());
        if json["target"] == "access" {
            assert_eq!(json["status"], 404);
            assert_eq!(json["path"], "/a\"b\\u{2028}\\");
        }
    }
    assert_eq!(seen.matches("access").count(), 1, "{lines:?}");
}

#[test]
fn an_outage_is_a_line_and_not_one_for_each_request() {
    let source = format!("file://{}", samples().display());
    let resizer = common::resizer(&["--source", &source]);
    let upstream = format!("http://{}", resizer.addresses().listen);
    let args = [
        "--resizer",
        &upstream,
        "--rate-limit",
        "off",
        "--use-stale",
        "error",
    ];
    let edge = Logged::edge(&[&args[..], &["--admin-token", "token"]].concat(), &[]);
    let (address, admin) = (
        edge.process.addresses().listen,
        edge.process.addresses().admin,
    );
    let target = sign("/resize/30/umang.jpg", None);
    assert_eq!(send(address, "GET", &target, "").status, 200);
    resizer.kill().unwrap();
    let token = "authorization: Bearer token\r\n";
    assert_eq!(
        send(admin, "POST", "/purge/all?mode=soft", token).status,
        200
    );
    for _ in 0..20 {
        let stale = send(address, "GET", &target, "");
        assert_eq!(
            (stale.status, stale.header("x-cache")),
            (200, Some("STALE"))
        );
    }
    for width in 31..51 {
        let target = sign(&format!("/resize/{width}/umang.jpg"), None);
        assert_eq!(send(address, "GET", &target, "").status, 502);
    }
    let lines = edge.stop();
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("serving stale images"), 1, "{lines:#?}");
    assert_eq!(count("resizer does not answer"), 1, "{lines:#?}");
    assert_eq!(count("cache=STALE"), 20, "{lines:#?}");
    assert_eq!(count("status=502"), 20, "{lines:#?}");
    assert_eq!(count("ERROR"), 1, "{lines:#?}");
    assert_eq!(count("requests failed"), 1, "{lines:#?}");
    assert_eq!(count("purging what=all mode=soft"), 1, "{lines:#?}");
    for line in lines.iter().filter(|line| line.contains("cache=STALE")) {
        assert!(
            line.contains("cause=\"") && line.contains("refused"),
            "{line}"
        );
    }
}
