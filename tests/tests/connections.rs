//! Clients that hold connections do not keep others from being served, and the bounds of a head are what they say.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Stack, metric, sign};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn public(stack: &Stack) -> SocketAddr {
    stack.edge().addresses().listen
}

/// The response to a request on a new connection; `None` when there is none.
fn ask(address: SocketAddr, request: &[u8]) -> Option<String> {
    let mut stream = connect(address);
    stream.write_all(request).ok()?;
    let mut response = Vec::new();
    let read = stream.read_to_end(&mut response);
    (read.is_ok() && !response.is_empty()).then(|| String::from_utf8_lossy(&response).into_owned())
}

fn status(response: &str) -> u16 {
    response[9..12].parse().unwrap()
}

/// Sends a request and reads its head, and leaves the connection open.
fn ask_and_stay(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream
        .write_all(b"GET /robots.txt HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut response = [0; 12];
    stream.read_exact(&mut response).unwrap();
    stream
}

/// Whether the other side closes within the time that all else waits.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 4096];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

fn visitor_is_served(stack: &Stack) {
    let answer = stack.send("GET", &sign("/resize/60/umang.jpg", None), "");
    assert_eq!(answer.status, 200);
}

#[test]
fn idle_connections_give_way_to_the_next_visitor() {
    let stack = Stack::start(&["--max-connections", "20"], &[]);
    let idle: Vec<_> = (0..20).map(|_| ask_and_stay(public(&stack))).collect();
    visitor_is_served(&stack);
    assert!(metric(stack.edge(), "tandem_edge_connections_evicted_total") >= 1);
    drop(idle);
}

#[test]
fn half_sent_heads_give_way_to_the_next_visitor() {
    let stack = Stack::start(&["--max-connections", "50"], &[]);
    let heads: Vec<_> = (0..400)
        .map(|_| {
            let mut stream = connect(public(&stack));
            // It may have given way already.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: ");
            stream
        })
        .collect();
    for _ in 0..3 {
        visitor_is_served(&stack);
    }
    assert!(metric(stack.edge(), "tandem_edge_connections") <= 50);
    drop(heads);
}

#[test]
fn one_client_keeps_no_more_than_its_bound_without_a_request() {
    let stack = Stack::start(&["--max-connections-per-client", "5"], &[]);
    let connections: Vec<_> = (0..30).map(|_| ask_and_stay(public(&stack))).collect();
    let deadline = Instant::now() + PATIENCE;
    // And the one of the metrics' own is another listener's.
    while metric(stack.edge(), "tandem_edge_connections") > 5 {
        assert!(Instant::now() < deadline);
    }
    drop(connections);
    let exempt = Stack::start(
        &[
            "--max-connections-per-client",
            "5",
            "--real-ip-from",
            "127.0.0.1/32",
            "--idle-timeout",
            "5m",
        ],
        &[],
    );
    let connections: Vec<_> = (0..30).map(|_| ask_and_stay(public(&exempt))).collect();
    assert_eq!(metric(exempt.edge(), "tandem_edge_connections"), 30);
    drop(connections);
}

#[test]
fn a_head_has_a_time_that_trickling_does_not_extend() {
    let stack = Stack::start(&["--head-timeout", "300ms"], &[]);
    let mut stream = connect(public(&stack));
    stream.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    let head = b"GET /robots.txt HTTP/1.1\r\nhost: a\r\nx: "
        .iter()
        .copied();
    for byte in head.chain(std::iter::repeat(b'a')) {
        assert!(begun.elapsed() < PATIENCE);
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        match stream.read(&mut [0; 16]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Ok(0) | Err(_) => break,
            Ok(_) => panic!("a response to half a head"),
        }
    }
    assert_eq!(
        metric(stack.edge(), "tandem_edge_connections_timed_out_total"),
        1
    );
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let stack = Stack::start(&["--idle-timeout", "200ms"], &[]);
    assert!(is_closed(&mut ask_and_stay(public(&stack))));
}

#[test]
fn a_slow_request_is_not_idle() {
    let stack = Stack::start(&["--idle-timeout", "100ms", "--head-timeout", "100ms"], &[]);
    let target = sign("/resize/1200,f=avif,q=40/umang.jpg", None);
    let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert_eq!(
        status(&ask(public(&stack), request.as_bytes()).unwrap()),
        200
    );
}

#[test]
fn idle_connections_do_not_silence_the_admin() {
    let stack = Stack::start(&[], &[]);
    for process in [stack.edge(), stack.resizer()] {
        let admin = process.addresses().admin;
        let idle: Vec<_> = (0..150).map(|_| connect(admin)).collect();
        let response = ask(
            admin,
            b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        );
        assert_eq!(status(&response.unwrap()), 200);
        drop(idle);
    }
}

#[test]
fn connections_without_work_give_way_when_descriptors_run_out() {
    let stack = Stack::start(&[], &[]);
    visitor_is_served(&stack);
    let id = stack.edge().id().to_string();
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count);
    let limit = format!("--nofile={0}:{0}", open + 10);
    let lowered = Command::new("prlimit")
        .args(["--pid", &id, &limit])
        .status();
    if !lowered.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no prlimit here");
        return;
    }
    let idle: Vec<_> = (0..40).map(|_| connect(public(&stack))).collect();
    for _ in 0..3 {
        visitor_is_served(&stack);
    }
    assert!(metric(stack.edge(), "tandem_edge_connections_evicted_total") > 0);
    drop(idle);
}

#[test]
fn the_admin_answers_its_own_names_only() {
    let stack = Stack::start(&["--admin-host", "edge.internal"], &[]);
    let admin = stack.edge().addresses().admin;
    for (path, host, expected) in [
        ("/metrics", "127.0.0.1:8081", 200),
        ("/metrics", "edge.internal", 200),
        ("/metrics", "rebound.example", 421),
        ("/cache/stats", "rebound.example", 421),
        ("/healthz", "rebound.example", 200),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(
            status(&ask(admin, request.as_bytes()).unwrap()),
            expected,
            "{path} {host}"
        );
    }
}

/// A request of so many bytes, its target of so many.
fn request(target: usize, head: usize) -> Vec<u8> {
    let mut request = format!(
        "GET /{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-pad: ",
        "a".repeat(target - 1)
    );
    let pad = head.checked_sub(request.len() + 4).unwrap();
    request.push_str(&"b".repeat(pad));
    request.push_str("\r\n\r\n");
    assert_eq!(request.len(), head);
    request.into_bytes()
}

#[test]
fn bounds_of_heads_and_targets_are_exact() {
    let stack = Stack::start(&[], &[]);
    let resizer = stack.resizer().addresses().listen;
    for address in [public(&stack), resizer] {
        for (target, head, expected) in [
            (10, 32_768, 404),
            (10, 32_769, 431),
            (10, 33_000, 431),
            (10, 60_000, 431),
            (10, 200_000, 431),
            (8_192, 9_000, 404),
            (8_193, 9_000, 414),
            (8_300, 9_000, 414),
            (20_000, 21_000, 414),
            (40_000, 41_000, 414),
            (200_000, 201_000, 414),
        ] {
            let response = ask(address, &request(target, head));
            let response = response.unwrap_or_else(|| panic!("{target} {head}: no response"));
            assert_eq!(status(&response), expected, "{target} {head}");
        }
        let fields = "x: 1\r\n".repeat(200);
        let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
        assert_eq!(status(&ask(address, many.as_bytes()).unwrap()), 431);
    }
}

#[test]
fn bounds_hold_for_heads_that_come_in_pieces() {
    let stack = Stack::start(&[], &[]);
    for (target, head, expected) in [
        (10, 32_768, 404),
        (10, 32_769, 431),
        (8_192, 9_000, 404),
        (9_000, 9_500, 414),
    ] {
        let mut stream = connect(public(&stack));
        stream.set_nodelay(true).unwrap();
        for piece in request(target, head).chunks(997) {
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert_eq!(status(&response), expected, "{target} {head}");
    }
}

#[test]
fn a_refused_body_does_not_cost_the_client_its_response() {
    let stack = Stack::start(&[], &[]);
    for _ in 0..20 {
        let mut stream = connect(public(&stack));
        let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(&vec![b'x'; 300_000]);
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert_eq!(status(&response), 405);
    }
}
