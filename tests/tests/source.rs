//! Originals from plain HTTP servers, by the bytes of their responses.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::origin::{Asked, Origin, Reply};
use common::{Answer, Logged, Role, Stack, resizer, resizer_with, samples, send, sign};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{DynamicImage, ImageFormat};
use stack::Process;
use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

/// A JPEG that is read as far as it goes, so that a cut one would be shown.
fn photo() -> Vec<u8> {
    std::fs::read(samples().join("umang.jpg")).unwrap()
}

/// 40x30 pixels in few bytes.
fn small() -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    let image = DynamicImage::new_rgb8(40, 30);
    image.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn chunked(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in bytes.chunks(size) {
        write!(out, "{:x};name=value\r\n", chunk.len()).unwrap();
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\ntrailer: field\r\n\r\n");
    out
}

fn with_head(head: &str, body: &[u8]) -> Vec<u8> {
    [head.replace('\n', "\r\n").as_bytes(), b"\r\n", body].concat()
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\nContent-Length: {}\n", body.len());
    with_head(&head, body)
}

fn get(resizer: &Process, target: &str) -> Answer {
    send(resizer.addresses().listen, "GET", target, "")
}

/// What comes of a source that answers everything with these bytes and closes.
fn answer_to(response: Vec<u8>) -> Answer {
    let origin = Origin::start(move |_| Reply::Close(response.clone()));
    get(&resizer(&["--source", &origin.url()]), "/resize/20/a.image")
}

#[test]
fn bodies_are_read_in_every_framing_and_coding_of_http() {
    let png = small();
    let length = png.len();
    let of = |fields: &str, body: &[u8]| with_head(&format!("HTTP/1.1 200 OK\n{fields}"), body);
    let zipped = gzip(&png);
    let zipped_length = zipped.len();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a length", ok(&png)),
        (
            "chunked",
            of("Transfer-Encoding: chunked\n", &chunked(&png, 17)),
        ),
        (
            "one chunk",
            of("transfer-encoding:CHUNKED\n", &chunked(&png, length)),
        ),
        ("the end by closing", of("", &png)),
        ("HTTP/1.0", with_head("HTTP/1.0 200 OK\n", &png)),
        (
            "HTTP/1.0 with a length",
            with_head(
                &format!("HTTP/1.0 200 OK\nContent-Length: {length}\n"),
                &png,
            ),
        ),
        ("no reason phrase", with_head("HTTP/1.1 200 \n", &png)),
        (
            "gzip",
            of(
                &format!("Content-Encoding: gzip\nContent-Length: {zipped_length}\n"),
                &zipped,
            ),
        ),
        (
            "gzip in chunks",
            of(
                "Content-Encoding: x-gzip\nTransfer-Encoding: chunked\n",
                &chunked(&zipped, 5),
            ),
        ),
        (
            "gzip to the end",
            of("Content-Encoding: GZIP, identity\n", &zipped),
        ),
        ("no coding", of("Content-Encoding: identity\n", &png)),
        ("an empty coding", of("Content-Encoding:\n", &png)),
        ("no date", of("Last-Modified: 0\n", &png)),
        (
            "a date of no calendar",
            of("Last-Modified: Thu, 99 Nov 2026 99:99:99 GMT\n", &png),
        ),
        (
            "an old form of dates",
            of("Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT\n", &png),
        ),
        (
            "bytes in fields",
            [
                b"HTTP/1.1 200 OK\r\nLast-Modified: \xff\r\nETag: \"\xe9\"\r\n\r\n",
                &png[..],
            ]
            .concat(),
        ),
        (
            "a space before the colon",
            of(&format!("Content-Length : {length}\n"), &png),
        ),
        (
            "interim responses",
            with_head(
                "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: </>\n\nHTTP/1.1 200 OK\n",
                &png,
            ),
        ),
        ("203", with_head("HTTP/1.1 203 Transformed\n", &png)),
    ];
    for (what, response) in cases {
        let answer = answer_to(response);
        assert_eq!(
            answer.status,
            200,
            "{what}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        assert_eq!(answer.image().width(), 20, "{what}");
    }
}

#[test]
fn statuses_and_broken_bodies_give_honest_errors() {
    let photo = photo();
    let half = &photo[..photo.len() / 2];
    let of = |status: &str, fields: &str, body: &[u8]| {
        with_head(&format!("HTTP/1.1 {status}\n{fields}"), body)
    };
    let length = format!("Content-Length: {}\n", photo.len());
    let empty = "Content-Length: 0\n";
    let mut cut_chunks = chunked(&photo, 1000);
    cut_chunks.truncate(cut_chunks.len() / 2);
    let zipped = gzip(&photo);
    let cases: Vec<(&str, u16, Vec<u8>)> = vec![
        ("404", 404, of("404 Not Found", empty, b"")),
        ("410", 404, of("410 Gone", empty, b"")),
        ("an empty body", 415, of("200 OK", empty, b"")),
        ("a page", 415, ok(b"<html>")),
        ("a short body", 502, of("200 OK", &length, half)),
        ("no body", 502, of("200 OK", &length, b"")),
        (
            "cut chunks",
            502,
            of("200 OK", "Transfer-Encoding: chunked\n", &cut_chunks),
        ),
        (
            "broken chunks",
            502,
            of("200 OK", "Transfer-Encoding: chunked\n", b"zz\r\n"),
        ),
        (
            "a chunk of more than 2^64 bytes",
            502,
            of(
                "200 OK",
                "Transfer-Encoding: chunked\n",
                b"10000000000000001\r\nx\r\n0\r\n\r\n",
            ),
        ),
        (
            "cut gzip",
            502,
            of(
                "200 OK",
                "Content-Encoding: gzip\n",
                &zipped[..zipped.len() / 2],
            ),
        ),
        (
            "gzip that is none",
            502,
            of("200 OK", "Content-Encoding: gzip\n", &photo),
        ),
        (
            "brotli",
            502,
            of("200 OK", "Content-Encoding: br\n", &photo),
        ),
        (
            "gzip twice",
            502,
            of("200 OK", "Content-Encoding: gzip, gzip\n", &gzip(&zipped)),
        ),
        (
            "two lengths",
            502,
            of("200 OK", "Content-Length: 1\nContent-Length: 2\n", b"abc"),
        ),
        ("204", 502, of("204 No Content", "", b"")),
        ("205", 502, of("205 Reset Content", empty, b"")),
        (
            "206",
            502,
            of(
                "206 Partial Content",
                &format!("{length}Content-Range: bytes 0-1/2\n"),
                &photo,
            ),
        ),
        ("300", 502, of("300 Multiple Choices", empty, b"")),
        ("304", 502, of("304 Not Modified", "", b"")),
        (
            "101",
            502,
            of(
                "101 Switching Protocols",
                "Upgrade: x\nConnection: upgrade\n",
                b"",
            ),
        ),
        ("a redirect to nowhere", 502, of("302 Found", empty, b"")),
        ("400", 502, of("400 Bad Request", empty, b"")),
        ("401", 502, of("401 Unauthorized", empty, b"")),
        ("403", 502, of("403 Forbidden", empty, b"")),
        ("429", 503, of("429 Too Many Requests", empty, b"")),
        ("500", 502, of("500 Internal Server Error", empty, b"")),
        (
            "503",
            503,
            of(
                "503 Service Unavailable",
                &format!("Retry-After: 7\n{empty}"),
                b"",
            ),
        ),
        ("no HTTP", 502, b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ("HTTP/0.9", 502, photo.clone()),
        ("nothing", 502, Vec::new()),
        (
            "half a head",
            502,
            b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(),
        ),
    ];
    for (what, status, response) in cases {
        let answer = answer_to(response);
        assert_eq!(
            answer.status,
            status,
            "{what}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        if what == "503" {
            assert_eq!(answer.header("retry-after"), Some("7"));
        }
    }
}

#[test]
fn sizes_are_bounded_as_bytes_arrive() {
    let photo = photo();
    // A response that never ends: it is refused for what it says, or for what has come.
    let cases: [(&str, Vec<u8>); 4] = [
        (
            "a length",
            with_head("HTTP/1.1 200 OK\nContent-Length: 20001\n", b""),
        ),
        (
            "chunks",
            with_head(
                "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n",
                &chunked(&photo, 1000)[..30_000],
            ),
        ),
        (
            "the end by closing",
            with_head("HTTP/1.1 200 OK\n", &photo[..30_000]),
        ),
        (
            "gzip",
            with_head(
                "HTTP/1.1 200 OK\nContent-Encoding: gzip\n",
                &gzip(&vec![0; 50 << 20]),
            ),
        ),
    ];
    for (what, response) in cases {
        let origin = Origin::start(move |_| Reply::Stall(response.clone()));
        let args = ["--source", &origin.url(), "--max-source-size", "20000"];
        assert_eq!(get(&resizer(&args), "/resize/20/a").status, 413, "{what}");
    }
    let png = small();
    assert!(png.len() < 20_000);
    let origin = Origin::start(move |_| Reply::Keep(ok(&png)));
    let args = ["--source", &origin.url(), "--max-source-size", "20000"];
    assert_eq!(get(&resizer(&args), "/resize/20/a").status, 200);
}

#[test]
fn a_source_that_stalls_is_a_gateway_timeout() {
    let png = small();
    let half = ok(&png)[..80].to_vec();
    for response in [Vec::new(), half] {
        let origin = Origin::start(move |_| Reply::Stall(response.clone()));
        let args = ["--source", &origin.url(), "--source-timeout", "200ms"];
        assert_eq!(get(&resizer(&args), "/resize/20/a").status, 504);
    }
}

#[test]
fn keys_are_escaped_below_the_base_and_its_query_is_kept() {
    let png = small();
    let origin = Origin::start(move |_| Reply::Keep(ok(&png)));
    for base in ["/base", "/base/"] {
        let source = format!("{}{base}?sig=a%2Fb", origin.url());
        let resizer = resizer(&["--source", &source]);
        for (target, asked) in [
            ("cats/tom%20cat.png", "cats/tom%20cat.png"),
            ("%D0%BA%D0%BE%D1%82.png", "%D0%BA%D0%BE%D1%82.png"),
            ("a+b.png", "a+b.png"),
            ("a%3Fb%23c.png", "a%3Fb%23c.png"),
            ("100%25.png", "100%25.png"),
            ("a%2520b.png", "a%2520b.png"),
        ] {
            assert_eq!(
                get(&resizer, &format!("/size/{target}")).status,
                200,
                "{target}"
            );
            let last = origin.asked().pop().unwrap();
            assert_eq!(last.target, format!("/base/{asked}?sig=a%2Fb"));
        }
        let before = origin.asked().len();
        for target in [
            "..%2fsecret",
            "%2e%2e/secret",
            "a/%2e%2e/%2e%2e/secret",
            "..%5csecret",
        ] {
            assert_eq!(
                get(&resizer, &format!("/size/{target}")).status,
                404,
                "{target}"
            );
        }
        assert_eq!(origin.asked().len(), before);
    }
}

/// The tag of a first response, and the status of the same request with it.
fn again(origin: &Origin) -> (Option<String>, u16, Process) {
    let resizer = resizer(&["--source", &origin.url()]);
    let first = get(&resizer, "/resize/20/a");
    assert_eq!(first.status, 200);
    let etag = first.header("etag").map(str::to_owned);
    let condition = format!("if-none-match: {}\r\n", etag.as_deref().unwrap_or("\"\""));
    let again = send(
        resizer.addresses().listen,
        "GET",
        "/resize/20/a",
        &condition,
    );
    (etag, again.status, resizer)
}

#[test]
fn conditional_requests_use_what_the_source_says_of_an_original() {
    let png = small();
    let of = |fields: &'static str| {
        let png = png.clone();
        move |asked: &Asked| {
            let head = format!("HTTP/1.1 200 OK\n{fields}Content-Length: {}\n", png.len());
            let body: &[u8] = if asked.method == "HEAD" { b"" } else { &png };
            Reply::Keep(with_head(&head, body))
        }
    };
    for fields in [
        "ETag: \"1\"\n",
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n",
    ] {
        let origin = Origin::start(of(fields));
        let (_, status, _resizer) = again(&origin);
        assert_eq!(status, 304, "{fields}");
        assert_eq!(origin.asked().pop().unwrap().method, "HEAD", "{fields}");
    }
    // No validator, and servers that have no HEAD: known once the original has come, and no image is made again.
    let without_head = |status: &'static str| {
        let get = of("ETag: \"1\"\n");
        move |asked: &Asked| match asked.method.as_str() {
            "HEAD" => Reply::Close(with_head(
                &format!("HTTP/1.1 {status}\nContent-Length: 0\n"),
                b"",
            )),
            _ => get(asked),
        }
    };
    for origin in [
        Origin::start(of("")),
        Origin::start(without_head("405 Method Not Allowed")),
        Origin::start(without_head("501 Not Implemented")),
        Origin::start(without_head("403 Forbidden")),
    ] {
        let (etag, status, resizer) = again(&origin);
        assert!(etag.is_some());
        assert_eq!(status, 304);
        assert_eq!(common::metric(&resizer, "tandem_resizer_decodes_total"), 1);
    }
}

#[test]
fn an_original_that_changes_without_a_validator_has_another_tag() {
    let origin = Origin::start(|asked| {
        let color = image::Rgb([asked.number as u8, 0, 0]);
        let image = image::RgbImage::from_pixel(40, 30, color);
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).unwrap();
        Reply::Close(with_head("HTTP/1.1 200 OK\n", &png.into_inner()))
    });
    let (_, status, _resizer) = again(&origin);
    assert_eq!(status, 200);
}

#[test]
fn a_connection_that_closes_under_a_request_is_replaced_once() {
    let png = small();
    // Every second request finds its connection closed.
    let origin = Origin::start(move |asked| match asked.number % 2 {
        0 => Reply::Keep(ok(&png)),
        _ => Reply::Close(Vec::new()),
    });
    let resizer = resizer(&["--source", &origin.url()]);
    for name in ["a", "b"] {
        assert_eq!(get(&resizer, &format!("/resize/20/{name}")).status, 200);
    }
    assert_eq!(origin.asked().len(), 3);
    let closing = Origin::start(|_| Reply::Close(Vec::new()));
    let resizer = common::resizer(&["--source", &closing.url()]);
    assert_eq!(get(&resizer, "/resize/20/a").status, 502);
    assert_eq!(closing.asked().len(), 2);
}

fn redirect(to: &str) -> Reply {
    let head = format!("HTTP/1.1 302 Found\nLocation: {to}\nContent-Length: 0\n");
    Reply::Keep(with_head(&head, b""))
}

#[test]
fn redirects_stay_on_their_origin_and_are_bounded() {
    let png = small();
    let origin = Origin::start(move |asked| match asked.target.as_str() {
        "/moved" => redirect("/here#part"),
        "/here" => redirect("sub/there?x=1"),
        "/sub/there?x=1" => Reply::Keep(ok(&png)),
        "/circle" => redirect("/circle2"),
        "/circle2" => redirect("/circle"),
        "/file" => redirect("file:///etc/passwd"),
        "/no-url" => redirect("http://["),
        target if target.starts_with("/far/") => {
            let left: u32 = target["/far/".len()..].parse().unwrap();
            if left == 0 {
                return Reply::Keep(ok(&png));
            }
            redirect(&format!("/far/{}", left - 1))
        }
        _ => Reply::Keep(with_head(
            "HTTP/1.1 404 Not Found\nContent-Length: 0\n",
            b"",
        )),
    });
    let resizer = resizer(&["--source", &origin.url()]);
    for (name, status) in [
        ("moved", 200),
        ("circle", 502),
        ("file", 502),
        ("no-url", 502),
        ("far/5", 200),
        ("far/6", 502),
        ("gone", 404),
    ] {
        assert_eq!(
            get(&resizer, &format!("/resize/20/{name}")).status,
            status,
            "{name}"
        );
    }
}

/// An address of this machine that is not the loopback one, where it has any. Nothing is sent.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip().to_string()).filter(|ip| !ip.starts_with("127."))
}

#[test]
fn redirects_to_other_origins_are_followed_only_where_listed_and_not_to_this_machine() {
    let png = small();
    let inner = Origin::start({
        let png = png.clone();
        move |_| Reply::Keep(ok(&png))
    });
    let port = inner.address.port();
    let elsewhere = inner.url();
    let by_name = format!("http://localhost:{port}");
    let mapped = format!("http://[::ffff:127.0.0.1]:{port}");
    let targets = [elsewhere.clone(), by_name.clone(), mapped.clone()];
    let origin = Origin::start({
        let targets = targets.clone();
        move |asked| {
            let number: usize = asked.target[1..].parse().unwrap();
            redirect(&format!(
                "{}/x",
                targets[number].replace("//", "//me:secret@")
            ))
        }
    });
    let plain = resizer(&["--source", &origin.url()]);
    let listed = resizer(&[
        "--source",
        &origin.url(),
        "--source-redirect-to",
        &targets.join(","),
    ]);
    for number in 0..targets.len() {
        for resizer in [&plain, &listed] {
            assert_eq!(
                get(resizer, &format!("/resize/20/{number}")).status,
                502,
                "{number}"
            );
        }
    }
    assert!(inner.asked().is_empty());

    let Some(address) = own_address() else {
        println!("skipped: this machine has no address besides loopback");
        return;
    };
    let other = Origin::at(&format!("{address}:0"), move |_| Reply::Keep(ok(&png)));
    let url = other.url();
    let origin = Origin::start({
        let url = url.clone();
        move |_| redirect(&format!("{}/x", url.replace("//", "//me:secret@")))
    });
    let env = [("RESIZER_SOURCE_AUTHORIZATION", "Bearer hidden")];
    let args = ["--source", &origin.url(), "--source-redirect-to", &url];
    let resizer = resizer_with(&args, &env);
    assert_eq!(get(&resizer, "/resize/20/a").status, 200);
    assert_eq!(
        origin.asked()[0].header("authorization"),
        Some("Bearer hidden")
    );
    assert_eq!(other.asked()[0].header("authorization"), None);
}

#[test]
fn credentials_come_from_the_environment_or_a_file_and_are_shown_nowhere() {
    let origin = Origin::start(|_| Reply::Close(with_head("HTTP/1.1 403 Forbidden\n", b"")));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorization");
    std::fs::write(&file, "Basic bWU6aGlkZGVu\n").unwrap();
    let file = file.display().to_string();
    let source = format!("{}/?sig=hidden", origin.url());
    let args = ["--source", &source, "--source-authorization-file", &file];
    let logged = Logged::resizer(&args);
    assert_eq!(get(&logged.process, "/resize/20/a").status, 502);
    for line in logged.stop() {
        assert!(
            !line.contains("bWU6aGlkZGVu") && !line.contains("hidden"),
            "{line}"
        );
    }
    let asked = origin.asked();
    assert_eq!(asked[0].header("authorization"), Some("Basic bWU6aGlkZGVu"));

    let refused = |args: &[&str], env: &[(&str, &str)], why: &str| {
        let (code, out, error) = common::run(Role::Resizer, args, env);
        assert_ne!(code, 0);
        assert!(error.contains(why), "{error}");
        assert!(!(out + &error).contains("hidden"));
    };
    let variable = "RESIZER_SOURCE_AUTHORIZATION";
    refused(
        &["--source", "http://me:hidden@host/"],
        &[],
        "--source-authorization-file",
    );
    refused(
        &[],
        &[("RESIZER_SOURCE", "https://hidden@host/")],
        "--source-authorization-file",
    );
    refused(
        &[
            "--source",
            "http://host/?sig=hidden",
            "--source-redirect-to",
            "cdn",
        ],
        &[],
        "--source http://host/:",
    );
    refused(
        &["--source", "http://host/"],
        &[(variable, "hidden")],
        "Bearer TOKEN",
    );
    refused(
        &["--source", "http://host/"],
        &[(variable, "Bearer hidden\n\u{1}x")],
        "Bearer TOKEN",
    );
    refused(
        &["--source", "s3://bucket"],
        &[(variable, "Bearer hidden")],
        "for http://",
    );
    refused(
        &[
            "--source",
            "http://host/",
            "--source-redirect-to",
            "http://me:hidden@host",
        ],
        &[],
        "--source-redirect-to",
    );
    refused(
        &["--source", "http://host/", "--source-redirect-to", "cdn"],
        &[],
        "such as https://",
    );
    refused(
        &[
            "--source",
            "http://host/",
            "--source-authorization-file",
            "/no/such/file",
        ],
        &[],
        "/no/such/file",
    );
}

/// Opens once, for all who wait.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open);
        drop(closed.unwrap());
    }
}

/// An original that is held back until `enough` requests have asked for its validators, and a door that opens when it has
/// been asked for.
fn held_back(enough: usize, tag: fn(&Asked) -> String) -> (Origin, Door) {
    let (door, begun, heads) = (Door::default(), Door::default(), Mutex::new(0));
    let png = small();
    let asked_for = begun.clone();
    let origin = Origin::start(move |asked| {
        let head = format!(
            "HTTP/1.1 200 OK\n{}Content-Length: {}\n",
            tag(asked),
            png.len()
        );
        if asked.method == "HEAD" {
            let mut heads = heads.lock().unwrap();
            *heads += 1;
            if *heads >= enough {
                door.open();
            }
            return Reply::Keep(with_head(&head, b""));
        }
        begun.open();
        door.pass();
        Reply::Keep(with_head(&head, &png))
    });
    (origin, asked_for)
}

/// One request, and others as soon as the original is fetched for it.
fn together(resizer: &Process, begun: &Door, others: usize, target: &str) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let mut asking = vec![scope.spawn(|| get(resizer, target))];
        begun.pass();
        asking.extend((0..others).map(|_| scope.spawn(|| get(resizer, target))));
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn equal_requests_at_once_are_one_job() {
    let (origin, begun) = held_back(29, |_| "ETag: \"1\"\n".to_owned());
    let resizer = resizer(&["--source", &origin.url(), "--workers", "1"]);
    let answers = together(&resizer, &begun, 29, "/resize/20/a");
    for answer in &answers {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, answers[0].body);
    }
    let metric = |name| common::metric(&resizer, &format!("tandem_resizer_{name}"));
    assert_eq!(metric("decodes_total"), 1);
    assert_eq!(metric("source_fetches_total"), 1);
    assert_eq!(metric("jobs_shared_total"), 29);
    // Nothing is kept.
    assert_eq!(get(&resizer, "/resize/20/a").status, 200);
    assert_eq!(metric("decodes_total"), 2);
}

#[test]
fn a_job_on_an_original_that_has_changed_is_not_shared() {
    // The one that is being fetched has another tag than those who come later are told.
    let (origin, begun) = held_back(4, |asked| match asked.number {
        0 => "ETag: \"old\"\n".to_owned(),
        _ => "ETag: \"new\"\n".to_owned(),
    });
    let resizer = resizer(&["--source", &origin.url()]);
    let mut tags: Vec<_> = together(&resizer, &begun, 4, "/resize/20/a")
        .into_iter()
        .map(|answer| answer.header("etag").unwrap().to_owned())
        .collect();
    tags.sort();
    tags.dedup_by(|a, b| a == b);
    assert_eq!(tags.len(), 2);
    assert_eq!(common::metric(&resizer, "tandem_resizer_decodes_total"), 2);
}

#[test]
fn equal_requests_share_jobs_where_the_source_says_nothing_of_its_originals() {
    let (door, begun, heads) = (Door::default(), Door::default(), Mutex::new(0));
    let (photo, asked_for) = (photo(), begun.clone());
    let origin = Origin::start(move |asked| {
        if asked.method == "HEAD" {
            let mut heads = heads.lock().unwrap();
            *heads += 1;
            if *heads == 29 {
                door.open();
            }
            return Reply::Close(with_head("HTTP/1.1 405 Method Not Allowed\n", b""));
        }
        begun.open();
        door.pass();
        Reply::Close(with_head("HTTP/1.1 200 OK\n", &photo))
    });
    let resizer = resizer(&["--source", &origin.url()]);
    for answer in together(&resizer, &asked_for, 29, "/resize/300/a") {
        assert_eq!(answer.status, 200);
    }
    // One for the first, and one for those who could not know whether what it read was still the same.
    let decodes = common::metric(&resizer, "tandem_resizer_decodes_total");
    assert!((2..10).contains(&decodes), "{decodes}");
}

#[test]
fn requests_for_other_formats_do_not_share_a_job() {
    let png = small();
    let origin = Origin::start(move |_| Reply::Keep(ok(&png)));
    let resizer = resizer(&["--source", &origin.url()]);
    let address = resizer.addresses().listen;
    let media_type = |accept: &str| {
        let answer = send(address, "GET", "/resize/20,f=auto/a", accept);
        answer.header("content-type").unwrap().to_owned()
    };
    std::thread::scope(|scope| {
        let webp = scope.spawn(|| media_type("accept: image/webp\r\n"));
        let plain = scope.spawn(|| media_type(""));
        assert_eq!(webp.join().unwrap(), "image/webp");
        assert_eq!(plain.join().unwrap(), "image/png");
    });
}

#[test]
fn a_source_that_timed_out_is_remembered_with_its_cause() {
    let origin = Origin::start(|_| Reply::Stall(Vec::new()));
    let args = ["--source", &origin.url(), "--source-timeout", "100ms"];
    let resizer = resizer(&args);
    for _ in 0..3 {
        assert_eq!(get(&resizer, "/resize/20/a").status, 504);
    }
    assert_eq!(origin.asked().len(), 1);
    assert_eq!(get(&resizer, "/resize/21/a").status, 504);
    assert_eq!(origin.asked().len(), 2);
}

/// A photograph with so many bytes after its end that no buffer holds them.
const LARGE: u64 = 20 << 20;

/// Asks for an original and reads its head and first bytes, and no more.
fn begin_to_read(resizer: &Process, target: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(resizer.addresses().listen).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: tandem\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the response ends in its head");
        head.extend_from_slice(&piece[..read]);
    }
    (stream, String::from_utf8_lossy(&head).into_owned())
}

/// Most memory that a process has held, in KiB.
#[cfg(target_os = "linux")]
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let mut words = line.unwrap().split_whitespace();
    words.nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn slow_readers_of_large_originals_hold_little_memory() {
    const READERS: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    for number in 0..READERS {
        let path = folder.path().join(format!("{number}.jpg"));
        std::fs::write(&path, photo()).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_len(LARGE).unwrap();
    }
    let head = format!("HTTP/1.1 200 OK\nETag: \"1\"\nContent-Length: {LARGE}\n");
    let origin = Origin::start(move |_| {
        let photo = photo();
        Reply::Zeros(with_head(&head, &photo), LARGE - photo.len() as u64)
    });
    let sources = [format!("file://{}", folder.path().display()), origin.url()];
    // Some buffers for each; whole originals would be 1.2 GB.
    for (source, each) in sources.iter().zip([512, 2048]) {
        let resizer = resizer(&["--source", source]);
        let begin = |number| begin_to_read(&resizer, &format!("/original/{number}.jpg"));
        let _first = begin(0);
        let idle = peak(&resizer);
        let readers: Vec<_> = (0..READERS).map(begin).collect();
        for (_, head) in &readers {
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            assert!(
                head.contains(&format!("content-length: {LARGE}\r\n")),
                "{head}"
            );
            assert!(
                head.contains("etag: ") && head.contains("content-type: image/jpeg"),
                "{head}"
            );
        }
        let more = peak(&resizer) - idle;
        println!("{source}: {} KiB for each reader", more / READERS as u64);
        assert!(more < READERS as u64 * each, "{source}: {more} KiB more");
    }
}

#[test]
fn originals_beyond_their_number_wait_for_a_turn() {
    let photo = photo();
    let head = format!("HTTP/1.1 200 OK\nContent-Length: {LARGE}\n");
    let origin = Origin::start(move |asked| match asked.target.as_str() {
        "/large" => Reply::Zeros(with_head(&head, &photo), LARGE - photo.len() as u64),
        _ => Reply::Close(ok(&photo)),
    });
    let resizer = resizer(&["--source", &origin.url(), "--max-originals", "1"]);
    let slow = begin_to_read(&resizer, "/original/large");
    let (address, hurry) = (resizer.addresses().listen, "x-tandem-deadline-ms: 200\r\n");
    assert_eq!(send(address, "GET", "/original/a", hurry).status, 503);
    // Images do not wait for originals.
    assert_eq!(send(address, "GET", "/size/a", "").status, 200);
    drop(slow);
    assert_eq!(send(address, "GET", "/original/a", "").status, 200);
}

#[test]
fn originals_are_passed_on_as_they_are() {
    let photo = photo();
    assert!(photo.len() > 100_000);
    let of = |fields: String, body: Vec<u8>| {
        Origin::start(move |asked| {
            let body: &[u8] = if asked.method == "HEAD" { b"" } else { &body };
            Reply::Close(with_head(&format!("HTTP/1.1 200 OK\n{fields}"), body))
        })
    };
    let etag = "ETag: \"1\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n";
    let length = format!("{etag}Content-Length: {}\n", photo.len());
    let origin = of(length, photo.clone());
    let resizer = resizer(&["--source", &origin.url()]);
    let address = resizer.addresses().listen;
    let whole = get(&resizer, "/original/a");
    assert_eq!((whole.status, &whole.body), (200, &photo));
    let length = photo.len().to_string();
    for answer in [&whole, &send(address, "HEAD", "/original/a", "")] {
        assert_eq!(answer.header("content-length"), Some(length.as_str()));
        assert_eq!(answer.header("content-type"), Some("image/jpeg"));
        let modified = answer.header("last-modified");
        assert_eq!(modified, Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(answer.header("etag"), whole.header("etag"));
    }
    let condition = format!("if-none-match: {}\r\n", whole.header("etag").unwrap());
    let unchanged = send(address, "GET", "/original/a", &condition);
    assert_eq!(unchanged.status, 304);
    let head = send(address, "HEAD", "/original/a", "");
    assert!(head.body.is_empty());

    // Of unknown length, and inflated.
    let fields = "Content-Encoding: gzip\nTransfer-Encoding: chunked\n".to_owned();
    let origin = of(fields, chunked(&gzip(&photo), 5000));
    let resizer = common::resizer(&["--source", &origin.url()]);
    let request = "GET /original/a HTTP/1.0\r\nhost: tandem\r\n\r\n";
    let answer = common::raw(resizer.addresses().listen, request);
    assert_eq!((answer.status, &answer.body), (200, &photo));
    assert_eq!(answer.header("content-length"), None);

    // What is no image is not passed on, however long it is.
    let origin = of(String::new(), vec![b'x'; 1 << 20]);
    let resizer = common::resizer(&["--source", &origin.url()]);
    assert_eq!(get(&resizer, "/original/a").status, 415);
}

#[test]
fn a_file_older_than_http_dates_is_served_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old");
    std::fs::write(&path, small()).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    file.set_modified(SystemTime::UNIX_EPOCH - day).unwrap();
    let resizer = resizer(&["--source", &format!("file://{}", folder.path().display())]);
    for target in ["/size/old", "/original/old"] {
        let answer = get(&resizer, target);
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("last-modified"), None, "{target}");
    }
}

#[test]
fn originals_of_unknown_length_go_through_the_edge_and_its_cache() {
    let photo = photo();
    let coded = chunked(&gzip(&photo), 5000);
    let origin = Origin::start(move |_| {
        let head = "HTTP/1.1 200 OK\nContent-Encoding: gzip\nTransfer-Encoding: chunked\n";
        Reply::Close(with_head(head, &coded))
    });
    let stack = Stack::on(&origin.url(), &[], &[]);
    let target = sign("/original/a", None);
    for cache in ["MISS", "HIT"] {
        let request = format!("GET {target} HTTP/1.0\r\nhost: tandem\r\n\r\n");
        let answer = common::raw(stack.edge().addresses().listen, &request);
        assert_eq!((answer.status, &answer.body), (200, &photo), "{cache}");
        assert_eq!(answer.header("x-cache"), Some(cache));
    }
    assert_eq!(origin.asked().len(), 1);
}

#[test]
fn an_original_that_ends_early_breaks_the_response_off() {
    let photo = photo();
    let half = photo[..photo.len() / 2].to_vec();
    let chunks = chunked(&photo, 1000);
    let cases = [
        (format!("Content-Length: {}\n", photo.len()), half.clone()),
        (
            "Transfer-Encoding: chunked\n".to_owned(),
            chunks[..chunks.len() / 2].to_vec(),
        ),
        ("Content-Encoding: gzip\n".to_owned(), {
            let zipped = gzip(&photo);
            zipped[..zipped.len() / 2].to_vec()
        }),
    ];
    for (fields, body) in cases {
        let origin = Origin::start({
            let fields = fields.clone();
            move |_| Reply::Close(with_head(&format!("HTTP/1.1 200 OK\n{fields}"), &body))
        });
        let resizer = resizer(&["--source", &origin.url()]);
        let (mut stream, mut text) = begin_to_read(&resizer, "/original/a");
        assert!(text.starts_with("HTTP/1.1 200"), "{fields}");
        let mut rest = Vec::new();
        // A reset is as good as a close: no clean end either way.
        let _ = stream.read_to_end(&mut rest);
        text.push_str(&String::from_utf8_lossy(&rest));
        if text.contains("transfer-encoding: chunked") {
            assert!(!text.ends_with("0\r\n\r\n"), "{fields}");
        } else {
            assert!(rest.len() < photo.len() * 3 / 4, "{fields}");
        }
    }
}
