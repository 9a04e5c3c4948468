//! The resizer's gate over real sockets: who has gone is not worked for.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{metric, resizer_with};
use stack::Process;
use std::io::Write;
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
