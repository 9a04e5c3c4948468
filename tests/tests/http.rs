//! What RFC 9110 and RFC 9112 require of a server and of a gateway, on the socket. `data/http-must.csv` lists each
//! requirement with its proof.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::origin::{Origin, Reply};
use common::{Logged, Stack, send, sign};
use stack::Process;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that is sent back on one connection, until the server closes it.
fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut sent = Vec::new();
    stream.read_to_end(&mut sent).unwrap();
    String::from_utf8_lossy(&sent).into_owned()
}

fn status(response: &str) -> u16 {
    let (version, rest) = response.split_once(' ').unwrap();
    assert!(version.starts_with("HTTP/1."), "{response}");
    rest[..3].parse().unwrap()
}

fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = response.split_once("\r\n\r\n")?;
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

fn public(stack: &Stack) -> SocketAddr {
    stack.edge().addresses().listen
}

fn thumbnail() -> String {
    sign("/resize/60/umang.jpg", None)
}

/// The three listeners that take requests: edge, resizer, admin.
fn listeners(stack: &Stack) -> [SocketAddr; 3] {
    [
        public(stack),
        stack.resizer().addresses().listen,
        stack.edge().addresses().admin,
    ]
}

#[test]
fn malformed_heads_are_400_and_the_connection_is_closed() {
    let stack = Stack::start(&[], &[]);
    for head in [
        "GET / HTTP/1.1\r\nhost: a\r\nname : value\r\n",
        "GET / HTTP/1.1\r\n host: a\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n: no name\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nna\0me: value\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nname: va\0lue\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nname: va\rlue\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nname: value\r\n folded\r\n",
        "GET /a b HTTP/1.1\r\nhost: a\r\n",
        "GET / HTTP/1.1 \r\nhost: a\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n",
        "GET / HTTP/2.0\r\nhost: a\r\n",
        "GET / HTTP/1\r\nhost: a\r\n",
        "GET / http/1.1\r\nhost: a\r\n",
        "GET /\r\nhost: a\r\n",
        "G@T / HTTP/1.1\r\nhost: a\r\n",
    ] {
        for address in listeners(&stack) {
            let next = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
            let response = exchange(address, format!("{head}\r\n{next}").as_bytes());
            assert_eq!(status(&response), 400, "{head:?}: {response}");
            let responses = response.matches("HTTP/1.1 ").count();
            assert_eq!(responses, 1, "{head:?}: {response}");
        }
    }
}

#[test]
fn ambiguous_framing_is_400_and_what_follows_is_no_request() {
    let stack = Stack::start(&[], &[]);
    for fields in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: +5\r\n",
        "content-length: 5 5\r\n",
        "content-length: 0x5\r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length: 5\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: identity\r\n",
    ] {
        let smuggled = "0\r\n\r\nGET /robots.txt HTTP/1.1\r\nhost: a\r\n\r\n";
        let target = thumbnail();
        let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\n{fields}\r\n{smuggled}");
        for address in [public(&stack), stack.resizer().addresses().listen] {
            let response = exchange(address, request.as_bytes());
            assert_eq!(status(&response), 400, "{fields:?}: {response}");
            let responses = response.matches("HTTP/1.1 ").count();
            assert_eq!(responses, 1, "{fields:?}: {response}");
        }
    }
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let stack = Stack::start(&[], &[]);
    let target = thumbnail();
    let request = format!("\r\n\r\nGET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&exchange(public(&stack), request.as_bytes())), 200);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let stack = Stack::start(&[], &[]);
    let target = thumbnail();
    let request = format!(
        "HEAD {target} HTTP/1.1\r\nhost: a\r\n\r\n\
         GET /robots.txt HTTP/1.1\r\nhost: a\r\n\r\n\
         HEAD {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n\
         HEAD {target} HTTP/1.1\r\nhost: a\r\n\r\n"
    );
    let response = exchange(public(&stack), request.as_bytes());
    let statuses: Vec<_> = response
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|rest| &rest[..3])
        .collect();
    assert_eq!(statuses, ["200", "404", "200"], "none after close");
}

#[test]
fn connections_end_when_either_side_says_so() {
    let stack = Stack::start(&[], &[]);
    let target = thumbnail();
    for request in [
        format!("HEAD {target} HTTP/1.1\r\nhost: a\r\nConnection: CLOSE\r\n\r\n"),
        format!("HEAD {target} HTTP/1.1\r\nhost: a\r\nconnection: x, close\r\n\r\n"),
        format!("HEAD {target} HTTP/1.0\r\n\r\n"),
    ] {
        // It returns because the server closes.
        let response = exchange(public(&stack), request.as_bytes());
        assert_eq!(status(&response), 200, "{request}");
        let said = header(&response, "connection");
        let implied = response.starts_with("HTTP/1.0");
        assert!(implied || said == Some("close"), "{request}: {response}");
    }
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    // A body whose length is not known when it begins.
    let resizer = Origin::start(|_| {
        let body = b"HTTP/1.1 200 OK\r\ncontent-type: image/gif\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        Reply::Keep(body.to_vec())
    });
    let edge = edge_of(&resizer, &[]);
    let target = thumbnail();
    let request = format!("GET {target} HTTP/1.0\r\n\r\n");
    let response = exchange(edge.addresses().listen, request.as_bytes());
    assert_eq!(status(&response), 200);
    assert_eq!(header(&response, "transfer-encoding"), None, "{response}");
    assert!(response.ends_with("\r\n\r\nabc"), "{response}");
}

#[test]
fn targets_in_absolute_form_are_taken_for_http_alone() {
    let stack = Stack::start(&[], &[]);
    let target = thumbnail();
    for (target, expected) in [
        (format!("http://other.example{target}"), 200),
        (format!("HTTP://other.example:80{target}"), 200),
        (format!("https://other.example{target}"), 400),
        (format!("ftp://other.example{target}"), 400),
        ("*".to_owned(), 400),
        ("a.example:80".to_owned(), 400),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let response = exchange(public(&stack), request.as_bytes());
        assert_eq!(status(&response), expected, "{target}: {response}");
    }
}

#[test]
fn other_methods_are_405_with_what_is_allowed() {
    let stack = Stack::start(&[], &[]);
    let target = thumbnail();
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "FOO",
    ] {
        for address in listeners(&stack) {
            let own = address == stack.edge().addresses().admin;
            let target = if own { "/metrics" } else { &target };
            let request =
                format!("{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            let request = if own {
                request.replace("host: a", "host: localhost")
            } else {
                request
            };
            let response = exchange(address, request.as_bytes());
            assert_eq!(status(&response), 405, "{method}: {response}");
            assert_eq!(header(&response, "allow"), Some("GET, HEAD"), "{method}");
        }
    }
}

#[test]
fn every_listener_wants_one_host() {
    let stack = Stack::start(&[], &[]);
    for fields in [
        "",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nHost: b\r\n",
        "host: a b\r\n",
        "host: u@a\r\n",
    ] {
        for address in listeners(&stack) {
            let request = format!("GET /healthz HTTP/1.1\r\n{fields}\r\n");
            let response = exchange(address, request.as_bytes());
            assert_eq!(status(&response), 400, "{fields:?}: {response}");
            assert_eq!(header(&response, "connection"), Some("close"));
        }
    }
}

#[test]
fn expectations_and_upgrades_do_not_hold_up_a_request() {
    let stack = Stack::start(&[], &[]);
    let target = thumbnail();
    for fields in [
        "expect: 100-continue\r\n",
        "connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\n",
        "te: trailers\r\n",
        "max-forwards: 0\r\n",
    ] {
        let request = format!(
            "HEAD {target} HTTP/1.1\r\nhost: a\r\n{fields}\r\nHEAD {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        );
        let response = exchange(public(&stack), request.as_bytes());
        assert_eq!(status(&response), 200, "{fields:?}");
        // A 100 is not sent for a request without content (RFC 9110 §10.1.1).
        let statuses = response.matches("HTTP/1.1 ").count();
        assert_eq!(statuses, 2, "{fields:?}: {response}");
    }
}

#[test]
fn every_response_has_a_date_of_the_preferred_form() {
    let stack = Stack::start(&[], &[]);
    for address in listeners(&stack) {
        for target in [&*thumbnail(), "/robots.txt", "/healthz"] {
            let answer = send(address, "GET", target, "");
            let date = answer.header("date").unwrap();
            assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
            let at = httpdate::parse_http_date(date).unwrap();
            let apart = SystemTime::now().duration_since(at).unwrap_or_default();
            assert!(apart < Duration::from_secs(60), "{date}");
        }
    }
}

#[test]
fn a_304_has_the_headers_of_the_200_that_caches_need_and_no_content() {
    let stack = Stack::start(&[], &[]);
    let whole = stack.send("GET", &thumbnail(), "");
    let etag = whole.header("etag").unwrap();
    let target = thumbnail();
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: a\r\nif-none-match: {etag}\r\nconnection: close\r\n\r\n"
    );
    let response = exchange(public(&stack), request.as_bytes());
    assert_eq!(status(&response), 304);
    for name in ["etag", "cache-control", "vary", "date"] {
        let is_there = header(&response, name).is_some();
        assert_eq!(is_there, whole.header(name).is_some(), "{name}: {response}");
    }
    assert_eq!(header(&response, "etag"), Some(etag));
    assert!(response.ends_with("\r\n\r\n"), "{response}");
    assert_eq!(header(&response, "content-length"), None);
}

#[test]
fn conditions_are_judged_in_their_order() {
    let stack = Stack::start(&[], &[]);
    let whole = stack.send("GET", &thumbnail(), "");
    let etag = whole.header("etag").unwrap();
    let modified = whole.header("last-modified").unwrap();
    let earlier = httpdate::parse_http_date(modified).unwrap() - Duration::from_secs(60);
    let earlier = httpdate::fmt_http_date(earlier);
    for (fields, expected) in [
        (format!("if-match: {etag}\r\n"), 200),
        ("if-match: *\r\n".to_owned(), 200),
        ("if-match: \"another\"\r\n".to_owned(), 412),
        (format!("if-match: W/{etag}\r\n"), 412),
        (format!("if-unmodified-since: {earlier}\r\n"), 412),
        (format!("if-unmodified-since: {modified}\r\n"), 200),
        ("if-unmodified-since: soon\r\n".to_owned(), 200),
        (
            format!("if-match: {etag}\r\nif-unmodified-since: {earlier}\r\n"),
            200,
        ),
        (
            format!("if-match: \"another\"\r\nif-none-match: {etag}\r\n"),
            412,
        ),
        (
            format!("if-match: {etag}\r\nif-none-match: {etag}\r\n"),
            304,
        ),
        (format!("if-none-match: \"another\", W/{etag}\r\n"), 304),
        (
            format!("if-none-match: \"another\"\r\nif-modified-since: {modified}\r\n"),
            200,
        ),
        (format!("if-modified-since: {modified}\r\n"), 304),
        (format!("if-modified-since: {earlier}\r\n"), 200),
        (
            format!("if-none-match: {etag}\r\nrange: bytes=0-9\r\n"),
            304,
        ),
        (
            "if-match: \"another\"\r\nrange: bytes=0-9\r\n".to_owned(),
            412,
        ),
        (format!("if-range: {etag}\r\nrange: bytes=0-9\r\n"), 206),
        (format!("if-range: W/{etag}\r\nrange: bytes=0-9\r\n"), 200),
        (
            "if-range: \"another\"\r\nrange: bytes=0-9\r\n".to_owned(),
            200,
        ),
    ] {
        for method in ["GET", "HEAD"] {
            // A HEAD has no ranges (RFC 9110 §14.2).
            let expected = if method == "HEAD" && expected == 206 {
                200
            } else {
                expected
            };
            let answer = stack.send(method, &thumbnail(), &fields);
            assert_eq!(answer.status, expected, "{method} {fields}");
            if expected == 412 {
                assert!(answer.body.is_empty());
            }
        }
    }
}

#[test]
fn ranges_that_say_nothing_are_ignored_and_those_beyond_the_end_are_416() {
    let stack = Stack::start(&[], &[]);
    let whole = stack.send("GET", &thumbnail(), "");
    let length = whole.body.len();
    let accepted = whole.header("accept-ranges");
    assert_eq!(accepted, Some("bytes"));
    for (range, expected) in [
        ("bytes=0-9", 206),
        ("bytes=-5", 206),
        ("bytes=5-", 206),
        ("bytes=0-999999999", 206),
        ("bytes=999999999-", 416),
        ("bytes=-0", 416),
        ("bytes=9-5", 200),
        ("bytes=", 200),
        ("bytes=a-b", 200),
        ("lines=0-5", 200),
    ] {
        let answer = stack.send("GET", &thumbnail(), &format!("range: {range}\r\n"));
        assert_eq!(answer.status, expected, "{range}");
        match expected {
            206 => {
                let said = answer.header("content-range").unwrap();
                assert!(said.ends_with(&format!("/{length}")), "{said}");
                let span = said
                    .strip_prefix("bytes ")
                    .unwrap()
                    .split('/')
                    .next()
                    .unwrap();
                let (first, last) = span.split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                assert_eq!(answer.body, whole.body[first..=last], "{range}");
                for name in ["etag", "cache-control", "date"] {
                    assert!(answer.header(name).is_some(), "{range}: {name}");
                }
            }
            416 => assert_eq!(
                answer.header("content-range"),
                Some(&*format!("bytes */{length}"))
            ),
            _ => assert_eq!(answer.body, whole.body, "{range}"),
        }
    }
}

/// An edge without a cache folder in front of a made resizer.
fn edge_of(resizer: &Origin, args: &[&str]) -> Process {
    let url = resizer.url();
    Logged::edge(&[&["--resizer", &url, "--log", "off"], args].concat(), &[]).process
}

#[test]
fn fields_of_the_clients_connection_are_not_passed_on() {
    let resizer = Origin::start(|_| {
        let fields = "connection: keep-alive, x-secret\r\nx-secret: 1\r\nkeep-alive: timeout=5\r\nset-cookie: a=b\r\ntrailer: x\r\nupgrade: h2c\r\nserver: resizer\r\n";
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: image/gif\r\ncontent-length: 3\r\n{fields}\r\nabc"
        );
        Reply::Keep(head.into_bytes())
    });
    let edge = edge_of(&resizer, &[]);
    let fields = "connection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: 5\r\nproxy-connection: x\r\nproxy-authorization: x\r\nte: gzip\r\ncookie: a=b\r\nmax-forwards: 1\r\nvia: 1.1 other\r\n";
    let target = thumbnail();
    let request = format!("GET {target} HTTP/1.1\r\nhost: public.example\r\n{fields}\r\n");
    let response = exchange(edge.addresses().listen, request.as_bytes());
    assert_eq!(status(&response), 200);
    for name in [
        "x-secret",
        "keep-alive",
        "set-cookie",
        "trailer",
        "upgrade",
        "server",
    ] {
        assert_eq!(header(&response, name), None, "{name}");
    }
    let asked = resizer.asked();
    let asked = asked.last().unwrap();
    for name in [
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "cookie",
        "connection",
    ] {
        assert_eq!(asked.header(name), None, "{name}");
    }
    assert_eq!(asked.header("via"), Some("1.1 tandem"));
    assert_eq!(asked.header("host"), Some(&*resizer.address.to_string()));
}

#[test]
fn responses_with_broken_framing_are_a_bad_gateway() {
    const RESPONSES: [&str; 9] = [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: 3, 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname : value\r\ncontent-length: 0\r\n\r\n",
        "HTTQ/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ];
    let resizer = Origin::start(|asked| {
        let number = asked.target.split('/').nth(2).unwrap();
        let number: usize = number.parse().unwrap();
        Reply::Close(RESPONSES[number - 1].as_bytes().to_vec())
    });
    let edge = edge_of(&resizer, &[]);
    for (number, response) in (1..).zip(RESPONSES) {
        let target = sign(&format!("/resize/{number}/a.jpg"), None);
        let answer = exchange(
            edge.addresses().listen,
            format!("GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes(),
        );
        assert_eq!(status(&answer), 502, "{response:?}: {answer}");
    }
}

/// Each requirement is proven by a test that exists, or has a reason why there is none.
#[test]
fn the_list_of_requirements_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut list = csv::Reader::from_path(root.join("tests/tests/data/http-must.csv")).unwrap();
    let mut proven = 0;
    for row in list.records() {
        let row = row.unwrap();
        let [rfc, section, requirement, role, file, proof] =
            std::array::from_fn(|column| row.get(column).unwrap());
        assert!(matches!(rfc, "9110" | "9111" | "9112"), "{row:?}");
        assert!(section.starts_with(|c: char| c.is_ascii_digit()), "{row:?}");
        assert!(
            matches!(
                role,
                "server" | "gateway" | "cache" | "sender" | "recipient"
            ),
            "{row:?}"
        );
        assert!(!requirement.is_empty() && proof.len() > 10, "{row:?}");
        if file.is_empty() {
            continue;
        }
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        for test in proof.split(' ') {
            assert!(
                source.contains(&format!("fn {test}(")),
                "{file} has no {test}"
            );
            proven += 1;
        }
    }
    assert!(proven > 80, "{proven}");
}
