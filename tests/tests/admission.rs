//! The resizer's gate over real sockets: abandoned requests are dropped, clients share the workers fairly.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::origin::{Origin, Reply};
use common::{Logged, metric, resizer, resizer_with, samples, send, sign};
use stack::Process;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn a_client_that_leaves_the_queue_is_dropped_before_its_work_begins() {
    // A source that takes connections and never answers; with one worker two originals are fetched at once.
    let source = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", source.local_addr().unwrap());
    let args = [
        "--source",
        &url,
        "--workers",
        "1",
        "--source-timeout",
        "5m",
        "--timeout",
        "5m",
    ];
    let resizer = resizer_with(&args, &[("NO_PROXY", "127.0.0.1")]);
    let ask = |name: &str| {
        let mut client = TcpStream::connect(resizer.addresses().listen).unwrap();
        let request = format!("GET /resize/60/{name} HTTP/1.1\r\nhost: tandem\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        client
    };

    let _held = [ask("a.jpg"), ask("b.jpg")];
    wait_for(&resizer, "gate_depth", 2);
    let waits = ask("c.jpg");
    wait_for(&resizer, "gate_waiting", 1);
    drop(waits);
    wait_for(&resizer, "gate_dropped_total", 1);
    wait_for(&resizer, "gate_waiting", 0);
    wait_for(&resizer, "gate_depth", 2);
}

fn wait_for(resizer: &Process, name: &str, expected: u64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while metric(resizer, &format!("tandem_resizer_{name}")) != expected {
        assert!(
            Instant::now() < deadline,
            "{name} does not become {expected}"
        );
    }
}

/// Asks on behalf of a client, as the edge names it.
fn ask_as(resizer: &Process, client: u64, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(resizer.addresses().listen).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: tandem\r\nx-tandem-client: {client:016x}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn status(mut stream: TcpStream) -> u16 {
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    String::from_utf8_lossy(&head[9..]).parse().unwrap()
}

fn on_samples(args: &[&str]) -> Process {
    let source = format!("file://{}", samples().display());
    resizer(&[&["--source", &source, "--timeout", "5m"], args].concat())
}

#[test]
fn the_flood_of_one_client_does_not_hold_up_another() {
    let resizer = on_samples(&["--workers", "1"]);
    // What a request of this kind takes is learnt first.
    assert_eq!(status(ask_as(&resizer, 1, "/resize/300/umang.jpg")), 200);
    let flood: Vec<_> = (0..150)
        .map(|number| {
            ask_as(
                &resizer,
                1,
                &format!("/resize/{}/umang.jpg", 256 + number % 250),
            )
        })
        .collect();
    wait_for_at_least(&resizer, "gate_depth", 100);
    assert_eq!(status(ask_as(&resizer, 2, "/resize/301/umang.jpg")), 200);
    let left = metric(&resizer, "tandem_resizer_gate_depth");
    assert!(left > 30, "{left} of the flood are left");
    for request in flood {
        assert_eq!(status(request), 200);
    }
}

#[test]
fn short_work_does_not_wait_for_long_work() {
    let resizer = on_samples(&["--workers", "1"]);
    let long: Vec<_> = (0..5)
        .map(|number| {
            let side = 5000 + number;
            ask_as(
                &resizer,
                number,
                &format!("/resize/{side},enlarge=1,f=webp,lossless=1/umang.jpg"),
            )
        })
        .collect();
    wait_for(&resizer, "gate_depth", 5);
    for number in 0..10 {
        let path = format!("/resize/{}/umang.jpg", 100 + number);
        assert_eq!(status(ask_as(&resizer, 9, &path)), 200);
    }
    assert!(metric(&resizer, "tandem_resizer_gate_depth") >= 3);
    drop(long);
}

#[test]
fn the_time_that_the_edge_waits_bounds_the_work() {
    let resizer = on_samples(&[]);
    let mut stream = TcpStream::connect(resizer.addresses().listen).unwrap();
    let path = "/resize/6000,enlarge=1,f=webp,lossless=1/umang.jpg";
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: tandem\r\nx-tandem-deadline-ms: 300\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(status(stream), 504);
    wait_for(&resizer, "gate_depth", 0);
}

fn wait_for_at_least(resizer: &Process, name: &str, least: u64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while metric(resizer, &format!("tandem_resizer_{name}")) < least {
        assert!(Instant::now() < deadline, "{name} does not reach {least}");
    }
}

#[test]
fn the_edge_names_clients_by_hashes_that_they_cannot_choose() {
    let resizer = Origin::start(|_| {
        Reply::Keep(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec())
    });
    let url = resizer.url();
    let args = [
        "--resizer",
        &url,
        "--real-ip-from",
        "127.0.0.1/32",
        "--upstream-timeout",
        "7s",
    ];
    let edge = Logged::edge(&args, &[]);
    let address = edge.process.addresses().listen;
    for (number, client) in [
        "192.0.2.1",
        "192.0.2.1",
        "192.0.2.2",
        "2001:db8::1",
        "2001:db8::2",
    ]
    .iter()
    .enumerate()
    {
        let headers = format!(
            "x-forwarded-for: {client}\r\nx-tandem-client: 7\r\nx-tandem-deadline-ms: 1\r\n"
        );
        let target = sign(&format!("/resize/{}/a.jpg", 100 + number), None);
        assert_eq!(send(address, "GET", &target, &headers).status, 404);
    }
    let asked = resizer.asked();
    let clients: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("x-tandem-client").unwrap())
        .collect();
    assert!(
        clients.iter().all(|client| client.len() == 16),
        "{clients:?}"
    );
    assert_eq!(clients[0], clients[1]);
    assert_ne!(clients[0], clients[2]);
    assert_eq!(clients[3], clients[4], "one /64");
    assert_ne!(clients[2], clients[3]);
    for asked in &asked {
        assert_eq!(asked.header("x-tandem-deadline-ms"), Some("7000"));
    }
}

#[test]
fn what_cannot_be_made_in_time_is_refused_before_it_begins() {
    let resizer = on_samples(&[]);
    let ask = |deadline_ms: u32, path: &str| {
        let headers = format!("x-tandem-deadline-ms: {deadline_ms}\r\n");
        send(resizer.addresses().listen, "GET", path, &headers)
    };
    // 36 MP of lossless WebP in 2 s.
    let path = "/resize/8000,enlarge=1,f=webp,lossless=1/umang.jpg";
    let answer = ask(2000, path);
    assert_eq!(answer.status, 504, "{answer:?}");
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("would take at least"), "{detail}");
    assert_eq!(metric(&resizer, "tandem_resizer_decodes_total"), 0);
    assert_eq!(ask(5000, "/resize/300,f=avif/umang.jpg").status, 200);
}
