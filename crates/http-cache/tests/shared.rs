//! The plain shared cache over a scripted origin: RFC 9111 as a client and an origin see it. No sockets, a clock set by
//! hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unnecessary_wraps,
    missing_docs,
    reason = "a failed step is a failed test; an origin may also answer nothing"
)]

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use http_cache::cache::UpstreamResponse;
use http_cache::clock::ManualClock;
use http_cache::shared::{Origin, RequestBody};
use http_cache::{
    Cache, CacheConfig, CacheValid, Clock, FetchError, Policy, SharedCache, UseStale,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers in turn, and keeps what it was asked.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Play>>);

#[derive(Default)]
struct Play {
    answers: VecDeque<Option<Response<&'static str>>>,
    asked: Vec<(Method, String, HeaderMap)>,
}

impl Origin for Script {
    async fn ask(&self, request: Request<RequestBody>) -> Result<UpstreamResponse, FetchError> {
        let mut play = self.0.lock().unwrap();
        let (parts, _) = request.into_parts();
        play.asked
            .push((parts.method, parts.uri.to_string(), parts.headers));
        let answer = play
            .answers
            .pop_front()
            .expect("the origin was asked once more");
        let down = || FetchError::Unreachable("down".into());
        let body = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes()));
        Ok(answer
            .ok_or_else(down)?
            .map(|text| body(text).map_err(|never| match never {}).boxed_unsync()))
    }
}

struct Scene {
    cache: SharedCache<Script>,
    script: Script,
    clock: ManualClock,
    engine: Cache,
}

#[derive(Debug)]
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn is_hit(&self) -> bool {
        self.header("cache-status").starts_with("test; hit")
    }
}

/// `status`, `name: value` lines.
fn answer(status: u16, headers: &[&str], body: &'static str) -> Option<Response<&'static str>> {
    let mut answer = Response::builder().status(status);
    for line in headers {
        let (name, value) = line.split_once(": ").unwrap();
        answer = answer.header(name, value);
    }
    Some(answer.body(body).unwrap())
}

impl Scene {
    fn new(answers: impl IntoIterator<Item = Option<Response<&'static str>>>) -> Self {
        let (script, clock) = (Script::default(), ManualClock::new());
        script.0.lock().unwrap().answers = answers.into_iter().collect();
        let engine = Cache::open(CacheConfig {
            memory: 1 << 20,
            disk: None,
            policy: Policy {
                valid: CacheValid::default(),
                use_stale: "error,timeout".parse::<UseStale>().unwrap(),
                max_stale: None,
                store_set_cookie: true,
            },
            lock_timeout: Some(Duration::from_secs(5)),
            timeout_memory: Duration::ZERO,
            max_body: 1 << 20,
            max_flights: 100,
            max_flights_per_client: 100,
            max_flight_bytes: 256 << 20,
            tag_of: |_| None,
            clock: Clock::Manual(clock.clone()),
        })
        .unwrap();
        Self {
            cache: SharedCache::new(engine.clone(), script.clone(), "test"),
            script,
            clock,
            engine,
        }
    }

    async fn ask(&self, method: &str, target: &str, headers: &[&str]) -> Seen {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "x");
        for line in headers {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let answer = self.cache.respond(request.body(empty).unwrap()).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        for _ in 0..100_000 {
            if self.engine.flights() == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        Seen {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&self, headers: &[&str]) -> Seen {
        self.ask("GET", "/a", headers).await
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// How often the origin was asked.
    fn asked(&self) -> usize {
        self.script.0.lock().unwrap().asked.len()
    }

    /// A header of the last request that the origin got.
    fn asked_with(&self, name: &str) -> Option<String> {
        let play = self.script.0.lock().unwrap();
        let (_, _, headers) = play.asked.last().unwrap();
        Some(headers.get(name)?.to_str().unwrap().to_owned())
    }
}

const FRESH: &str = "cache-control: max-age=100";

#[tokio::test]
async fn a_fresh_answer_is_served_again_with_its_age_and_otherwise_untouched() {
    let scene = Scene::new([answer(
        200,
        &[FRESH, "x-odd: yes", "set-cookie: a=b"],
        "body",
    )]);
    let first = scene.get(&[]).await;
    assert_eq!((first.status, first.header("age")), (200, ""));
    scene.pass(7);
    let second = scene.get(&[]).await;
    assert!(second.is_hit());
    assert_eq!((second.header("age"), second.header("x-odd")), ("7", "yes"));
    assert_eq!(second.body, "body");
}

#[tokio::test]
async fn odd_statuses_are_kept_while_they_are_fresh() {
    for status in [203, 204, 299, 301, 307, 404, 410, 499, 503, 599] {
        let scene = Scene::new([answer(status, &[FRESH], "")]);
        assert_eq!(scene.get(&[]).await.status, status);
        let again = scene.get(&[]).await;
        assert!(again.is_hit() && again.status == status, "{status}");
    }
}

#[tokio::test]
async fn what_may_not_be_kept_is_fetched_each_time() {
    for header in [
        "cache-control: no-store",
        "cache-control: private, max-age=9",
        "vary: *",
        "x: y",
    ] {
        let scene = Scene::new([answer(200, &[header], "1"), answer(200, &[header], "2")]);
        scene.get(&[]).await;
        assert_eq!(scene.get(&[]).await.body, "2", "{header}");
    }
}

#[tokio::test]
async fn a_stale_answer_is_validated_and_made_fresh_by_a_304() {
    let scene = Scene::new([
        answer(
            200,
            &[
                FRESH,
                "etag: \"1\"",
                "last-modified: Sun, 06 Nov 1994 08:49:37 GMT",
                "x: old",
            ],
            "body",
        ),
        answer(304, &["cache-control: max-age=200", "x: new"], ""),
    ]);
    scene.get(&[]).await;
    scene.pass(101);
    let validated = scene.get(&[]).await;
    assert_eq!(
        (validated.status, &*validated.body, validated.header("x")),
        (200, "body", "new")
    );
    assert_eq!(scene.asked_with("if-none-match").unwrap(), "\"1\"");
    assert_eq!(
        scene.asked_with("if-modified-since").unwrap(),
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
    scene.pass(150);
    let hit = scene.get(&[]).await;
    assert!(hit.is_hit() && hit.header("x") == "new" && hit.header("age") == "150");
}

#[tokio::test]
async fn a_304_about_something_else_leads_to_the_whole() {
    let scene = Scene::new([
        answer(200, &[FRESH, "etag: \"1\""], "one"),
        answer(304, &["etag: \"2\""], ""),
        answer(200, &[FRESH, "etag: \"2\""], "two"),
    ]);
    scene.get(&[]).await;
    scene.pass(101);
    assert_eq!(scene.get(&[]).await.body, "two");
    assert_eq!(scene.asked_with("if-none-match"), None);
}

#[tokio::test]
async fn a_client_s_condition_is_answered_by_the_cache() {
    let scene = Scene::new([answer(
        200,
        &[FRESH, "etag: W/\"1\"", "content-type: text/plain"],
        "body",
    )]);
    let first = scene.get(&["if-none-match: \"1\""]).await;
    assert_eq!((first.status, &*first.body), (304, ""));
    assert_eq!(
        scene.asked_with("if-none-match"),
        None,
        "an answer to be kept is wanted"
    );
    let other = scene.get(&["if-none-match: \"2\""]).await;
    assert_eq!((other.status, &*other.body), (200, "body"));
    assert_eq!(
        scene.get(&["if-none-match: \"2\", \"1\""]).await.status,
        304
    );
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn what_the_origin_alone_can_decide_passes_through() {
    let scene = Scene::new([answer(412, &[FRESH], ""), answer(200, &[FRESH], "body")]);
    assert_eq!(scene.get(&["if-match: \"9\""]).await.status, 412);
    assert_eq!(scene.asked_with("if-match").unwrap(), "\"9\"");
    assert_eq!(scene.get(&[]).await.status, 200);
}

#[tokio::test]
async fn requests_say_what_they_take() {
    let scene = Scene::new([
        answer(200, &[FRESH], "1"),
        answer(200, &[FRESH], "2"),
        answer(200, &[FRESH, "etag: \"3\""], "3"),
    ]);
    scene.get(&[]).await;
    assert_eq!(scene.get(&["cache-control: no-cache"]).await.body, "2");
    scene.pass(10);
    assert_eq!(scene.get(&["cache-control: max-age=5"]).await.body, "3");
    assert_eq!(
        scene
            .get(&["cache-control: max-age=0, max-stale"])
            .await
            .body,
        "3"
    );
    let missing = scene
        .ask("GET", "/b", &["cache-control: only-if-cached"])
        .await;
    assert_eq!(missing.status, 504);
    assert!(scene.get(&["cache-control: only-if-cached"]).await.is_hit());
}

#[tokio::test]
async fn variants_are_selected_by_the_request() {
    let vary = |language: &'static str, tag: &'static str| {
        answer(200, &[FRESH, "vary: accept-language", tag], language)
    };
    let scene = Scene::new([
        vary("german", "etag: \"de\""),
        vary("french", "etag: \"fr\""),
        answer(304, &[FRESH, "vary: accept-language", "etag: \"de\""], ""),
    ]);
    scene.get(&["accept-language: de"]).await;
    assert_eq!(scene.get(&["accept-language: fr"]).await.body, "french");
    let german = scene.get(&["accept-language:  de"]).await;
    assert!(german.is_hit() && german.body == "german");
    assert!(scene.get(&["accept-language: fr"]).await.is_hit());
    // A language that was never asked for: the origin says which of those there are is meant.
    assert_eq!(scene.get(&["accept-language: at"]).await.body, "german");
    assert_eq!(scene.asked_with("if-none-match").unwrap(), "\"de\", \"fr\"");
    assert!(scene.get(&["accept-language: at"]).await.is_hit());
}

#[tokio::test]
async fn what_one_client_may_have_no_other_gets_by_waiting_for_it() {
    // Both answers come in turn: were the second request to join the first, one would be left over.
    for headers in [&["authorization: A"][..], &[]] {
        let control = if headers.is_empty() { "x: y" } else { FRESH };
        let scene = Scene::new([answer(200, &[control], "A"), answer(200, &[control], "B")]);
        let (one, other) = tokio::join!(scene.get(headers), scene.get(&["authorization: B"]));
        assert_ne!(one.body, other.body);
        assert_eq!(scene.asked(), 2);
    }
}

#[tokio::test]
async fn a_refused_range_is_not_the_answer_to_the_whole() {
    let scene = Scene::new([
        answer(416, &[FRESH, "content-range: bytes */4"], ""),
        answer(200, &[FRESH], "body"),
    ]);
    assert_eq!(scene.get(&["range: bytes=9-"]).await.status, 416);
    assert_eq!(scene.get(&[]).await.body, "body");
}

#[tokio::test]
async fn a_failure_does_not_take_the_place_of_what_stands_in_for_it() {
    let scene = Scene::new([
        answer(
            200,
            &["cache-control: max-age=100, stale-if-error=9999"],
            "body",
        ),
        answer(503, &[FRESH], ""),
        None,
    ]);
    scene.get(&[]).await;
    scene.pass(101);
    assert_eq!(scene.get(&[]).await.body, "body");
    scene.pass(101);
    assert_eq!(scene.get(&[]).await.body, "body");
}

#[tokio::test]
async fn a_request_that_may_not_be_stored_leaves_what_is() {
    let scene = Scene::new([answer(200, &[FRESH], "1"), answer(200, &[FRESH], "2")]);
    scene.get(&[]).await;
    assert_eq!(
        scene.get(&["cache-control: no-cache, no-store"]).await.body,
        "2"
    );
    assert_eq!(scene.get(&[]).await.body, "1");
}

#[tokio::test]
async fn the_target_says_the_host_and_there_is_one() {
    let scene = Scene::new([answer(200, &[FRESH], "body")]);
    let seen = scene.ask("GET", "http://good/a", &[]).await;
    assert_eq!(
        (seen.status, scene.asked_with("host").unwrap()),
        (200, "good".to_owned())
    );
    assert_eq!(scene.get(&["host: y"]).await.status, 400);
}

#[tokio::test]
async fn parts_of_the_whole_are_cut_from_it() {
    let scene = Scene::new([answer(200, &[FRESH, "etag: \"1\""], "0123456789")]);
    scene.get(&[]).await;
    let part = scene.get(&["range: bytes=2-4"]).await;
    assert_eq!(
        (part.status, &*part.body, part.header("content-range")),
        (206, "234", "bytes 2-4/10")
    );
    assert_eq!(part.header("content-length"), "3");
    let none = scene.get(&["range: bytes=10-"]).await;
    assert_eq!(
        (none.status, none.header("content-range")),
        (416, "bytes */10")
    );
    assert_eq!(
        scene
            .get(&["range: bytes=2-4", "if-range: \"2\""])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_part_is_kept_for_its_own_parts_and_never_taken_for_the_whole() {
    let scene = Scene::new([
        answer(
            206,
            &[FRESH, "etag: \"1\"", "content-range: bytes 2-6/10"],
            "23456",
        ),
        answer(
            206,
            &[FRESH, "etag: \"1\"", "content-range: bytes 0-9/10"],
            "0123456789",
        ),
        answer(200, &[FRESH, "etag: \"1\""], "0123456789"),
    ]);
    assert_eq!(scene.get(&["range: bytes=2-6"]).await.body, "23456");
    let within = scene.get(&["range: bytes=3-4"]).await;
    assert_eq!(
        (within.status, &*within.body, within.header("content-range")),
        (206, "34", "bytes 3-4/10")
    );
    assert_eq!(scene.asked(), 1);
    assert_eq!(scene.get(&["range: bytes=0-9"]).await.status, 206);
    let whole = scene.get(&[]).await;
    assert_eq!((whole.status, &*whole.body), (200, "0123456789"));
    assert_eq!(scene.asked(), 3);
}

#[tokio::test]
async fn head_is_answered_from_a_get_and_updates_it() {
    let scene = Scene::new([
        answer(200, &[FRESH, "etag: \"1\"", "x: old"], "body"),
        answer(
            200,
            &[
                "cache-control: max-age=300",
                "etag: \"1\"",
                "x: new",
                "content-length: 4",
            ],
            "",
        ),
        answer(200, &[FRESH, "etag: \"2\"", "content-length: 5"], ""),
        answer(200, &[FRESH, "etag: \"2\""], "other"),
    ]);
    scene.get(&[]).await;
    let head = scene.ask("HEAD", "/a", &[]).await;
    assert!(head.is_hit() && head.body.is_empty() && head.header("content-length") == "4");
    scene.pass(101);
    assert_eq!(scene.ask("HEAD", "/a", &[]).await.header("x"), "new");
    let updated = scene.get(&[]).await;
    assert!(updated.is_hit() && updated.header("x") == "new" && updated.body == "body");
    scene.pass(301);
    scene.ask("HEAD", "/a", &[]).await;
    assert_eq!(scene.get(&[]).await.body, "other");
}

#[tokio::test]
async fn an_unsafe_request_invalidates_what_it_changed() {
    for (method, status, headers, again) in [
        ("POST", 200, &[][..], true),
        ("PUT", 204, &[], true),
        ("M-SEARCH", 200, &[], true),
        ("DELETE", 302, &[], true),
        ("POST", 500, &[], false),
        ("OPTIONS", 200, &[], false),
    ] {
        let scene = Scene::new([
            answer(200, &[FRESH], "1"),
            answer(status, headers, ""),
            answer(200, &[FRESH], "2"),
        ]);
        scene.get(&[]).await;
        assert_eq!(scene.ask(method, "/a", &[]).await.status, status);
        assert_eq!(
            scene.get(&[]).await.body,
            if again { "2" } else { "1" },
            "{method} {status}"
        );
    }
}

#[tokio::test]
async fn an_unsafe_request_invalidates_what_it_names_of_the_same_origin() {
    for (header, again) in [
        ("location: /a", true),
        ("content-location: http://x/a#part", true),
        ("location: http://y/a", false),
    ] {
        let scene = Scene::new([
            answer(200, &[FRESH], "1"),
            answer(201, &[header], ""),
            answer(200, &[FRESH], "2"),
        ]);
        scene.get(&[]).await;
        scene.ask("POST", "/form", &[]).await;
        assert_eq!(
            scene.get(&[]).await.body,
            if again { "2" } else { "1" },
            "{header}"
        );
    }
}

#[tokio::test]
async fn stale_stands_in_for_an_origin_that_fails_unless_that_is_forbidden() {
    for (control, stands_in) in [
        ("max-age=100", true),
        ("max-age=100, must-revalidate", false),
        ("max-age=100, proxy-revalidate", false),
        ("s-maxage=100", false),
    ] {
        let control = format!("cache-control: {control}");
        let scene = Scene::new([answer(200, &[&control], "body"), None]);
        scene.get(&[]).await;
        scene.pass(101);
        let status = scene.get(&[]).await.status;
        assert_eq!(status, if stands_in { 200 } else { 502 }, "{control}");
    }
}

#[tokio::test]
async fn a_server_error_is_covered_by_stale_where_the_answer_says_so() {
    for (control, status) in [
        ("max-age=100", 503),
        ("max-age=100, stale-if-error=60", 200),
    ] {
        let control = format!("cache-control: {control}");
        let scene = Scene::new([answer(200, &[&control], "body"), answer(503, &[], "")]);
        scene.get(&[]).await;
        scene.pass(101);
        assert_eq!(scene.get(&[]).await.status, status, "{control}");
    }
}

#[tokio::test]
async fn stale_while_revalidate_serves_at_once() {
    let scene = Scene::new([
        answer(
            200,
            &["cache-control: max-age=100, stale-while-revalidate=60"],
            "old",
        ),
        answer(200, &[FRESH], "new"),
    ]);
    scene.get(&[]).await;
    scene.pass(120);
    assert_eq!(scene.get(&[]).await.body, "old");
    assert_eq!(scene.get(&[]).await.body, "new");
}

#[tokio::test]
async fn headers_of_a_connection_and_those_that_are_named_are_not_kept() {
    let scene = Scene::new([answer(
        200,
        &[
            "cache-control: max-age=100, no-cache=\"x-once\"",
            "x-once: 1",
            "connection: x-hop",
            "x-hop: 1",
            "keep-alive: 5",
        ],
        "body",
    )]);
    assert_eq!(scene.get(&[]).await.header("x-once"), "1");
    let hit = scene.get(&[]).await;
    assert!(hit.is_hit());
    for name in ["x-once", "x-hop", "connection", "keep-alive"] {
        assert_eq!(hit.header(name), "", "{name}");
    }
}
