//! `HEAD`, `Range` and conditions on all kinds of responses, and what every site is asked for.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Answer, Logged, Stack, metric, send, sign, sign_anything};

/// The headers that must be the same: all but those of the moment.
fn headers(answer: &Answer) -> Vec<(String, String)> {
    let moment = [
        "date",
        "age",
        "x-request-id",
        "x-cache",
        "cache-status",
        "expires",
    ];
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !moment.contains(&name.as_str()));
    headers.sort();
    headers
}

#[test]
fn head_is_get_without_the_body() {
    let stack = Stack::start(&["--health-path", "/healthz"], &[]);
    let edge = stack.edge().addresses().listen;
    let resizer = stack.resizer.as_ref().unwrap().addresses().listen;
    let signed = |path: &str| (edge, sign_anything(path));
    for ((address, target), status) in [
        (signed("/resize/30/umang.jpg"), 200),
        (signed("/resize/30,f=auto/umang.jpg"), 200),
        (signed("/size/umang.jpg"), 200),
        (signed("/info/umang.jpg"), 200),
        (signed("/original/umang.jpg"), 200),
        (signed("/resize/0/umang.jpg"), 400),
        (signed("/size/missing.jpg"), 404),
        ((edge, "/resize/30/umang.jpg".to_owned()), 404),
        ((edge, "/favicon.ico".to_owned()), 404),
        ((edge, "/healthz".to_owned()), 200),
        ((resizer, "/resize/30/umang.jpg".to_owned()), 200),
        ((resizer, "/size/umang.jpg".to_owned()), 200),
        ((resizer, "/resize/0/umang.jpg".to_owned()), 400),
        ((resizer, "/size/missing.jpg".to_owned()), 404),
    ] {
        // What comes from the cache has an age, so both come from it.
        send(address, "GET", &target, "");
        let get = send(address, "GET", &target, "");
        let head = send(address, "HEAD", &target, "");
        assert_eq!((get.status, head.status), (status, status), "{target}");
        assert!(!get.body.is_empty() && head.body.is_empty(), "{target}");
        assert_eq!(headers(&get), headers(&head), "{target}");
        let length: usize = head.header("content-length").unwrap().parse().unwrap();
        assert_eq!(length, get.body.len(), "{target}");
    }
}

#[test]
fn size_and_info_have_validators_and_parts() {
    let stack = Stack::start(&[], &[]);
    let resizer = stack.resizer.as_ref().unwrap().addresses().listen;
    for path in ["/size/umang.jpg", "/info/umang.jpg", "/resize/30/umang.jpg"] {
        let whole = stack.get(path);
        let etag = whole.header("etag").unwrap().to_owned();
        assert!(etag.starts_with('"') && etag.len() > 10, "{path}: {etag}");
        let target = sign(path, None);
        for method in ["GET", "HEAD"] {
            let condition = format!("if-none-match: {etag}\r\n");
            let mut answers = vec![stack.send(method, &target, &condition)];
            answers.push(send(resizer, method, path, &condition));
            for fresh in answers {
                assert_eq!(fresh.status, 304, "{method} {path}");
                assert_eq!(fresh.header("etag"), Some(etag.as_str()));
                assert!(fresh.body.is_empty());
                assert_eq!(fresh.header("content-length"), None, "{method} {path}");
            }
            let other = stack.send(method, &target, "if-none-match: \"other\"\r\n");
            assert_eq!(other.status, 200);
        }
        let part = stack.send("GET", &target, "range: bytes=2-5\r\n");
        assert_eq!(part.status, 206, "{path}");
        assert_eq!(part.body, whole.body[2..=5]);
        let length = whole.body.len();
        assert_eq!(
            part.header("content-range"),
            Some(&*format!("bytes 2-5/{length}"))
        );
        let beyond = stack.send("GET", &target, "range: bytes=999999999-\r\n");
        assert_eq!(beyond.status, 416, "{path}");
        assert_eq!(
            beyond.header("content-range"),
            Some(&*format!("bytes */{length}"))
        );
        // A range is of a GET only (RFC 9110 §14.2).
        assert_eq!(
            stack.send("HEAD", &target, "range: bytes=2-5\r\n").status,
            200
        );
        let stale = format!("range: bytes=2-5\r\nif-range: {etag}x\r\n");
        assert_eq!(stack.send("GET", &target, &stale).status, 200);
    }
}

#[test]
fn a_problem_has_no_parts_and_no_conditions() {
    let stack = Stack::start(&[], &[]);
    let headers = "range: bytes=0-3\r\nif-none-match: *\r\nif-modified-since: Fri, 27 Nov 2099 00:00:00 GMT\r\n";
    for target in [
        "/favicon.ico".to_owned(),
        "/resize/30/umang.jpg".to_owned(),
        sign_anything("/resize/0/umang.jpg"),
        sign_anything("/size/missing.jpg"),
    ] {
        let plain = stack.send("GET", &target, "");
        let asked = stack.send("GET", &target, headers);
        assert_eq!(
            (asked.status, &asked.body),
            (plain.status, &plain.body),
            "{target}"
        );
        assert_eq!(asked.header("content-range"), None);
        assert_eq!(asked.header("etag"), None);
        assert_eq!(asked.header("accept-ranges"), None);
    }
}

#[test]
fn what_every_site_is_asked_for_is_not_found_whatever_is_denied() {
    let stack = Stack::start(&["--denied-status", "403", "--insecure-unsigned"], &[]);
    for target in ["/favicon.ico", "/robots.txt", "/favicon.ico?v=2"] {
        assert_eq!(stack.send("GET", target, "").status, 404, "{target}");
    }
}

#[test]
fn a_health_path_is_neither_counted_nor_logged_and_off_by_default() {
    let args = [
        "--health-path",
        "/lb/health",
        "--rate-limit",
        "1r/m",
        "--rate-burst",
        "1",
    ];
    let edge = Logged::edge(&args, &[]);
    let address = edge.process.addresses().listen;
    for _ in 0..5 {
        let healthy = send(address, "GET", "/lb/health?x", "");
        assert_eq!((healthy.status, healthy.text().as_str()), (200, "ready\n"));
        assert_eq!(healthy.header("cache-control"), Some("no-store"));
    }
    assert_eq!(send(address, "GET", "/healthz", "").status, 404);
    assert_eq!(send(address, "GET", "/lb/health", "").status, 200);
    assert_eq!(
        metric(&edge.process, "tandem_edge_request_seconds_count"),
        1
    );
    let lines = edge.stop();
    assert!(
        !lines.iter().any(|line| line.contains("/lb/")),
        "{lines:#?}"
    );
    let edge = Logged::edge(&[], &[]);
    for path in ["/healthz", "/readyz", "/health"] {
        assert_eq!(
            send(edge.process.addresses().listen, "GET", path, "").status,
            404
        );
    }

    // What is no request is none for health either (RFC 9112 §3.2).
    let edge = Logged::edge(&["--health-path", "/up"], &[]);
    let address = edge.process.addresses().listen;
    assert_eq!(send(address, "GET", "/up", "host: other\r\n").status, 400);
    assert_eq!(send(address, "POST", "/up", "").status, 405);
}
