//! One client that asks for much and leaves, or stays: others are served as if it were not there.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Stack, metric, samples, send, sign};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What the greedy client asks for: half a second of work each, on one worker.
fn costly(number: usize) -> String {
    let side = 2000 + number;
    sign(
        &format!("/resize/{side},enlarge=1,f=webp,lossless=1/umang.jpg"),
        None,
    )
}

fn ask(address: SocketAddr, client: &str, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: tandem\r\nx-forwarded-for: {client}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn stack(edge_args: &[&str]) -> Stack {
    let source = format!("file://{}", samples().display());
    let edge = ["--real-ip-from", "127.0.0.1/32"];
    Stack::on(
        &source,
        &[&edge[..], edge_args].concat(),
        &["--workers", "1"],
    )
}

#[test]
fn what_a_client_asked_for_and_left_is_given_up() {
    let stack = stack(&[]);
    let address = stack.edge().addresses().listen;
    let flood: Vec<_> = (0..30)
        .map(|number| ask(address, "192.0.2.1", &costly(number)))
        .collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while stack.resizer_metric("gate_depth") < 25 {
        assert!(Instant::now() < deadline, "they come to the resizer");
    }
    drop(flood);
    // The other client gets its picture at once, not when 30 are made.
    let begun = Instant::now();
    let target = sign("/resize/50/umang.jpg", None);
    let header = "x-forwarded-for: 192.0.2.2\r\n";
    let answer = send(address, "GET", &target, header);
    assert_eq!((answer.status, answer.image().width()), (200, 50));
    assert!(begun.elapsed() < Duration::from_secs(10));
    while stack.resizer_metric("gate_depth") > 0 {
        assert!(Instant::now() < deadline, "work goes on for nobody");
    }
    let given_up = metric(stack.edge(), "tandem_edge_cache_abandoned_total");
    assert!(given_up > 20, "{given_up} are given up");
}

#[test]
fn one_client_has_half_of_all_fetches() {
    let stack = stack(&["--max-fetches", "8"]);
    let address = stack.edge().addresses().listen;
    let mut flood: Vec<_> = (0..12)
        .map(|number| ask(address, "192.0.2.1", &costly(number)))
        .collect();
    let mut refused = 0;
    for stream in &mut flood {
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut head = [0; 12];
        if stream.read_exact(&mut head).is_ok() {
            refused += usize::from(&head == b"HTTP/1.1 429");
        }
    }
    assert!(refused >= 7, "{refused} are refused");
    let target = sign("/resize/50/umang.jpg", None);
    let header = "x-forwarded-for: 192.0.2.2\r\n";
    assert_eq!(send(address, "GET", &target, header).status, 200);
}
