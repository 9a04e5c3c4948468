//! The cache over real sockets: hits, restarts, one fetch for many, stale, conditions.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Stack, sign};
use std::time::{Duration, Instant, SystemTime};

const PATH: &str = "/resize/120/umang.jpg";

#[test]
fn the_second_request_is_a_hit_and_survives_a_restart() {
    let mut stack = Stack::start(&[], &[]);
    let miss = stack.get(PATH);
    assert_eq!(miss.header("x-cache"), Some("MISS"));
    let (how, ttl) = cache_status(&miss);
    assert_eq!(how, "tandem; fwd=uri-miss; fwd-status=200");
    // `Date` has whole seconds, so an answer may be a moment old when it comes.
    assert!((2_592_000 - 60..=2_592_000).contains(&ttl), "{ttl}");
    let hit = stack.get(PATH);
    assert_eq!(hit.header("x-cache"), Some("HIT"));
    assert_eq!(hit.body, miss.body);
    for name in ["etag", "last-modified", "expires", "age", "x-request-id"] {
        assert!(hit.header(name).is_some(), "{name}");
    }
    assert_eq!(hit.header("cache-control"), Some("max-age=2592000"));

    stack.kill_resizer();
    stack.restart_edge();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let again = stack.get(PATH);
        if again.status == 200 {
            assert_eq!(again.header("x-cache"), Some("HIT"));
            assert_eq!(again.body, miss.body);
            break;
        }
        // The index is read in the background.
        assert!(Instant::now() < deadline, "{again:?}");
    }
}

#[test]
fn other_arguments_make_no_other_entry() {
    let stack = Stack::start(&[], &[]);
    stack.get(PATH);
    for argument in ["x=1", "x=2", "hash=again"] {
        let target = format!("{}&{argument}", sign(PATH, None));
        assert_eq!(
            stack.send("GET", &target, "").header("x-cache"),
            Some("HIT"),
            "{argument}"
        );
    }
}

#[test]
fn a_hundred_requests_for_one_missing_picture_reach_the_source_once() {
    let stack = Stack::start(&[], &[]);
    let path = "/resize/300/seeding.jpg";
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..100).map(|_| scope.spawn(|| stack.get(path))).collect();
        let answers: Vec<_> = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect();
        assert!(
            answers
                .iter()
                .all(|answer| answer.status == 200 && answer.body == answers[0].body)
        );
    });
    assert_eq!(stack.resizer_metric("source_fetches_total"), 1);
    assert_eq!(stack.resizer_metric("decodes_total"), 1);
}

#[test]
fn head_and_conditions_are_answered_from_the_cache() {
    let stack = Stack::start(&[], &[]);
    let got = stack.get(PATH);
    let head = stack.send("HEAD", &sign(PATH, None), "");
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    assert_eq!(
        head.header("content-length"),
        Some(got.body.len().to_string().as_str())
    );
    let etag = got.header("etag").unwrap();
    let modified = got.header("last-modified").unwrap();
    for condition in [
        format!("if-none-match: {etag}\r\n"),
        format!("if-modified-since: {modified}\r\n"),
    ] {
        let answer = stack.send("GET", &sign(PATH, None), &condition);
        assert_eq!(answer.status, 304, "{condition}");
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), Some(etag));
    }
    let other = stack.send("GET", &sign(PATH, None), "if-none-match: \"other\"\r\n");
    assert_eq!(other.status, 200);
}

#[test]
fn that_an_original_is_missing_is_remembered_for_a_short_time() {
    let stack = Stack::start(&[], &[]);
    let path = "/resize/120/missing.jpg";
    for cache in ["MISS", "HIT", "HIT"] {
        let answer = stack.get(path);
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("x-cache"), Some(cache));
        assert!(cache_status(&answer).1 <= 60, "{answer:?}");
        // Whoever is outside shall ask again.
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(stack.resizer_metric("requests_total{status=\"404\"}"), 1);
}

#[test]
fn a_dead_resizer_gives_stale_then_502() {
    let mut stack = Stack::start(&["--cache-valid", "1ms"], &[]);
    let first = stack.get(PATH);
    stack.kill_resizer();
    let stale = stack.get(PATH);
    assert_eq!(stale.status, 200);
    assert_eq!(stale.body, first.body);
    let never_seen = stack.get("/resize/121/umang.jpg");
    assert_eq!(never_seen.status, 502);
    assert_eq!(never_seen.header("cache-control"), Some("no-store"));
}

#[test]
fn an_unchanged_original_is_revalidated_without_decoding() {
    let stack = Stack::start(&["--cache-valid", "1ms"], &[]);
    let first = stack.get(PATH);
    // Each of these finds the entry stale and revalidates it in the background.
    let deadline = Instant::now() + Duration::from_secs(20);
    while common::metric(
        stack.resizer.as_ref().unwrap(),
        "tandem_resizer_requests_total{status=\"304\"}",
    ) == 0
    {
        assert_eq!(stack.get(PATH).body, first.body);
        assert!(Instant::now() < deadline, "never revalidated");
    }
    assert_eq!(stack.resizer_metric("decodes_total"), 1);
}

#[test]
fn nobody_keeps_a_picture_longer_than_its_link_lives() {
    let stack = Stack::start(&[], &[]);
    let target = sign(PATH, Some(SystemTime::now() + Duration::from_secs(100)));
    let answer = stack.send("GET", &target, "");
    let max_age: u64 = answer
        .header("cache-control")
        .unwrap()
        .strip_prefix("max-age=")
        .unwrap()
        .parse()
        .unwrap();
    assert!(max_age <= 100, "{max_age}");
}

/// `Cache-Status` without its `ttl`, and that.
fn cache_status(answer: &common::Answer) -> (&str, i64) {
    let (how, ttl) = answer
        .header("cache-status")
        .unwrap()
        .split_once("; ttl=")
        .unwrap();
    (how, ttl.parse().unwrap())
}

#[test]
fn parts_are_cut_from_the_cache() {
    let stack = Stack::start(&[], &[]);
    let whole = stack.get(PATH).body;
    let part = stack.send("GET", &sign(PATH, None), "range: bytes=10-19\r\n");
    assert_eq!(part.status, 206);
    assert_eq!(part.body, whole[10..20]);
    let range = format!("bytes 10-19/{}", whole.len());
    assert_eq!(part.header("content-range"), Some(range.as_str()));
    let beyond = stack.send("GET", &sign(PATH, None), "range: bytes=9999999-\r\n");
    assert_eq!(beyond.status, 416);
    let other = "range: bytes=10-19\r\nif-range: \"other\"\r\n";
    let other = stack.send("GET", &sign(PATH, None), other);
    assert_eq!((other.status, other.body), (200, whole));
}

#[test]
fn a_negotiated_format_has_one_entry_for_each_class_and_varies() {
    let stack = Stack::start(&[], &[]);
    let ask = |path: &str, headers: &str| stack.send("GET", &sign(path, None), headers);
    let auto = "/resize/60,f=auto/umang.jpg";
    let old = ask(auto, "accept: image/png,*/*;q=0.8\r\n");
    assert_eq!(old.header("x-cache"), Some("MISS"));
    assert_eq!(old.header("content-type"), Some("image/jpeg"));
    // Whatever else they say, these are of the same class.
    for same in ["", "accept: image/*\r\n", "accept: image/avif;q=0\r\n"] {
        let again = ask(auto, same);
        assert_eq!(again.header("x-cache"), Some("HIT"), "{same}");
        assert_eq!(again.body, old.body);
        assert_eq!(again.header("vary"), Some("Accept"));
    }
    let webp = "accept: image/webp,*/*\r\n";
    assert_eq!(ask(auto, webp).header("x-cache"), Some("MISS"));
    assert_eq!(ask(auto, webp).header("x-cache"), Some("HIT"));
    let etag = format!("if-none-match: {}\r\n", old.header("etag").unwrap());
    let unchanged = ask(auto, &etag);
    assert_eq!(
        (unchanged.status, unchanged.header("vary")),
        (304, Some("Accept"))
    );
    let missing = ask("/resize/60,f=auto/nobody.jpg", webp);
    assert_eq!(
        (missing.status, missing.header("vary")),
        (404, Some("Accept"))
    );

    let named = ask("/resize/60/umang.jpg", webp);
    assert_eq!(named.header("vary"), None);
    assert_eq!(
        ask("/resize/60/umang.jpg", "").header("x-cache"),
        Some("HIT")
    );
}
