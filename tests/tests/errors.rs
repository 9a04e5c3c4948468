//! Every row of the table of errors, at the public side.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::origin::{Origin, Reply};
use common::{Answer, Logged, SECRET, Stack, link, send, sign, sign_anything};
use std::time::{Duration, SystemTime};

fn assert_problem(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["type"], format!("urn:tandem:{slug}"));
    assert_eq!(json["status"], status);
}

#[test]
fn what_is_not_signed_is_not_found_and_costs_no_upstream_request() {
    let stack = Stack::start(&[], &[]);
    let right = sign("/resize/120/umang.jpg", None);
    for target in [
        "/resize/120/umang.jpg",
        "/resize/120/umang.jpg?hash=AAAAAAAAAAAAAAAAAAAAAA",
        "/",
        "/resize/0/a.jpg",
    ] {
        assert_problem(&stack.send("GET", target, ""), 404, "not-found");
    }
    assert_problem(
        &stack.send("GET", &right.replace("120", "121"), ""),
        404,
        "not-found",
    );
    assert_eq!(stack.resizer_metric("source_fetches_total"), 0);
    let requests = send(
        stack.resizer.as_ref().unwrap().addresses().admin,
        "GET",
        "/metrics",
        "",
    )
    .text();
    assert!(!requests.contains("requests_total{"), "{requests}");
}

#[test]
fn denied_status_can_be_403() {
    let stack = Stack::start(&["--denied-status", "403"], &[]);
    assert_problem(
        &stack.send("GET", "/resize/120/umang.jpg", ""),
        403,
        "forbidden",
    );
}

#[test]
fn expiry_is_kept_to() {
    let stack = Stack::start(&[], &[]);
    let path = "/resize/120/umang.jpg";
    let later = sign(path, Some(SystemTime::now() + Duration::from_secs(1000)));
    assert_eq!(stack.send("GET", &later, "").status, 200);
    let past = sign(path, Some(SystemTime::now() - Duration::from_secs(1)));
    assert_problem(&stack.send("GET", &past, ""), 410, "link-expired");
    let altered = past.replace("expires=", "expires=9");
    assert_problem(&stack.send("GET", &altered, ""), 404, "not-found");
}

#[test]
fn secrets_rotate() {
    let stack = Stack::start(&["--secret", "new,old"], &[]);
    for (secret, status) in [("new", 200), ("old", 200), (SECRET, 404)] {
        let target = link(secret).sign("/resize/120/umang.jpg", None).unwrap();
        assert_eq!(stack.send("GET", &target, "").status, status, "{secret}");
    }
}

#[test]
fn signed_nonsense_is_a_bad_url_or_not_found() {
    let stack = Stack::start(&[], &[]);
    for path in [
        "/resize/0/umang.jpg",
        "/resize/0x10/umang.jpg",
        "/crop/99999x1/umang.jpg",
        "/rotate/45/umang.jpg",
        "/resize/120,q=0/umang.jpg",
        "/resize/120,shade=1/umang.jpg",
        "/resize/wide/umang.jpg",
    ] {
        assert_problem(&stack.send("GET", &sign_anything(path), ""), 400, "bad-url");
    }
    for path in [
        "/resize/120/",
        "/enlarge/120/umang.jpg",
        "/resize/120/missing.jpg",
    ] {
        assert_problem(
            &stack.send("GET", &sign_anything(path), ""),
            404,
            "not-found",
        );
    }
}

#[test]
fn originals_that_cannot_be_used_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let source = format!("file://{}", folder.path().display());
    std::fs::write(folder.path().join("text.jpg"), "this is no image").unwrap();
    std::fs::write(folder.path().join("empty.jpg"), "").unwrap();
    std::fs::write(folder.path().join("torn.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    std::fs::copy(
        common::samples().join("umang.jpg"),
        folder.path().join("many-pixels.jpg"),
    )
    .unwrap();
    std::fs::copy(
        common::samples().join("picos.jpg"),
        folder.path().join("many-bytes.jpg"),
    )
    .unwrap();
    let stack = Stack::on(
        &source,
        &[],
        &["--max-pixels", "8MP", "--max-source-size", "1500KB"],
    );
    for name in ["text.jpg", "empty.jpg", "torn.png"] {
        assert_problem(
            &stack.get(&format!("/resize/120/{name}")),
            415,
            "unsupported-image",
        );
    }
    assert_problem(&stack.get("/original/text.jpg"), 415, "unsupported-image");
    for name in ["many-pixels.jpg", "many-bytes.jpg"] {
        assert_problem(
            &stack.get(&format!("/resize/120/{name}")),
            413,
            "image-too-large",
        );
    }
}

#[test]
fn only_get_and_head_without_a_body_are_taken() {
    let stack = Stack::start(&[], &[]);
    let target = sign("/resize/120/umang.jpg", None);
    let post = stack.send("POST", &target, "content-length: 0\r\n");
    assert_problem(&post, 405, "method-not-allowed");
    assert_eq!(post.header("allow"), Some("GET, HEAD"));
    let address = stack.edge().addresses().listen;
    for framing in [
        "content-length: 3\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        // No `connection: close` from us: the edge must close by itself, or this would wait for ever.
        let answer = common::raw(
            address,
            &format!("GET {target} HTTP/1.1\r\nhost: tandem\r\n{framing}"),
        );
        assert_problem(&answer, 400, "bad-request");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    let nonsense = common::raw(address, "nonsense\r\n\r\n");
    assert_eq!(nonsense.status, 400);
    assert_problem(&stack.send("GET", "/../etc/passwd", ""), 400, "bad-request");
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let stack = Stack::start(&["--rate-limit", "1r/m", "--rate-burst", "2"], &[]);
    let answers = [0, 1, 2].map(|_| stack.get("/resize/120/umang.jpg"));
    assert_eq!(
        answers.each_ref().map(|answer| answer.status),
        [200, 200, 429]
    );
    assert_problem(&answers[2], 429, "rate-limited");
    let wait: u64 = answers[2].header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
}

#[test]
fn a_full_resizer_asks_for_patience() {
    let stack = Stack::start(&[], &["--workers", "1", "--queue", "0"]);
    let paths: Vec<_> = (0..40)
        .map(|width| format!("/resize/{}/seeding.jpg", 500 + width))
        .collect();
    std::thread::scope(|scope| {
        let clients: Vec<_> = paths
            .iter()
            .map(|path| scope.spawn(|| stack.get(path)))
            .collect();
        let answers: Vec<_> = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect();
        let refused: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status != 200)
            .collect();
        assert!(!refused.is_empty() && refused.len() < answers.len());
        for answer in refused {
            assert_problem(answer, 503, "overloaded");
            assert!(answer.header("retry-after").is_some());
        }
    });
}

#[test]
fn a_source_that_never_answers_is_a_gateway_timeout_and_one_that_refuses_a_bad_gateway() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("http://{}", silent.local_addr().unwrap());
    let stack = Stack::on(&source, &[], &["--source-timeout", "300ms"]);
    assert_problem(&stack.get("/resize/120/umang.jpg"), 504, "gateway-timeout");
    drop(silent);
    let stack = Stack::on(&source, &[], &[]);
    assert_problem(&stack.get("/resize/120/umang.jpg"), 502, "bad-gateway");
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("originals");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(
        common::samples().join("umang.jpg"),
        outer.path().join("secret.jpg"),
    )
    .unwrap();
    std::os::unix::fs::symlink(outer.path().join("secret.jpg"), folder.join("link.jpg")).unwrap();
    let stack = Stack::on(
        &format!("file://{}", folder.display()),
        &["--insecure-unsigned"],
        &[],
    );
    let internal = stack.resizer.as_ref().unwrap().addresses().listen;
    for name in [
        "../secret.jpg",
        "%2e%2e/secret.jpg",
        "%2e%2e%2fsecret.jpg",
        "..%5csecret.jpg",
        "a/%2e%2e/%2e%2e/secret.jpg",
        "link.jpg",
        "/secret.jpg",
        "%2fsecret.jpg",
        "secret.jpg%00",
        "%252e%252e%252fsecret.jpg",
    ] {
        for address in [stack.edge().addresses().listen, internal] {
            let answer = send(address, "GET", &format!("/original/{name}"), "");
            assert!(
                matches!(answer.status, 400 | 404),
                "{name}: {}",
                answer.status
            );
        }
    }
}

/// RFC 9112 §3.2, on the socket of both programs.
#[test]
fn a_request_names_one_host() {
    let stack = Stack::start(&[], &[]);
    let resizer = stack.resizer.as_ref().unwrap();
    for listen in [stack.edge().addresses().listen, resizer.addresses().listen] {
        for (head, refused) in [
            ("GET /a HTTP/1.1\r\n\r\n", true),
            ("GET /a HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", true),
            ("GET /a HTTP/1.1\r\nhost: a@b\r\n\r\n", true),
            (
                "GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
                false,
            ),
            ("GET /a HTTP/1.0\r\n\r\n", false),
        ] {
            let mut socket = std::net::TcpStream::connect(listen).unwrap();
            std::io::Write::write_all(&mut socket, head.as_bytes()).unwrap();
            let mut answer = String::new();
            // To the end: what is refused is closed.
            std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
            assert_eq!(
                answer.starts_with("HTTP/1.1 400"),
                refused,
                "{head}{answer}"
            );
            assert!(!answer.is_empty());
        }
    }
}

#[test]
fn the_problem_that_a_resizer_names_goes_before_its_status() {
    let resizer = Origin::start(|asked| {
        let (status, slug) = match asked.target.split('/').nth(2) {
            Some("1") => ("422 Unprocessable Content", "unsupported-image"),
            Some("2") => ("400 Bad Request", "bad-request"),
            Some("3") => ("404 Not Found", "internal"),
            _ => ("413 Content Too Large", "of-a-later-version"),
        };
        let body = format!(r#"{{"type":"urn:tandem:{slug}","detail":"as {slug}"}}"#);
        let length = body.len();
        Reply::Keep(
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes(),
        )
    });
    let edge = Logged::edge(&["--resizer", &resizer.url(), "--log", "off"], &[]).process;
    for (width, status, slug) in [
        (1, 415, "unsupported-image"),
        // The edge's own request was wrong, or the resizer is.
        (2, 502, "bad-gateway"),
        (3, 502, "bad-gateway"),
        (4, 413, "image-too-large"),
    ] {
        let target = sign(&format!("/resize/{width}/a.jpg"), None);
        let answer = send(edge.addresses().listen, "GET", &target, "");
        assert_problem(&answer, status, slug);
    }
}
