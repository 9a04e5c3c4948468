//! The shared cache of the example over sockets, before an origin that is written out byte by byte.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../examples/shared-cache/origin.rs"]
mod origin;
#[path = "../examples/shared-cache/serve.rs"]
mod serve;

use http::Uri;
use http_cache::{
    Cache, CacheConfig, CacheValid, Clock, Policy, SharedCache, UseStale, clock::ManualClock,
};
use origin::{BadOrigin, Upstream};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// An hour: no test waits for it.
const LONG: Duration = Duration::from_secs(3600);

/// A cache before an origin.
struct Scene {
    cache: SocketAddr,
    /// The heads of the requests that the origin got, once it gave all its answers.
    asked: JoinHandle<Vec<String>>,
}

impl Scene {
    /// Before an origin at this path that gives these answers in turn, each over a connection of its own.
    async fn new(path: &str, answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}{path}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                asked.push(String::from_utf8(head).unwrap());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        let upstream = Upstream::new(&origin.parse().unwrap(), LONG, LONG).unwrap();
        let config = CacheConfig {
            memory: 1 << 20,
            disk: None,
            policy: Policy {
                valid: CacheValid::default(),
                use_stale: UseStale::none(),
                max_stale: None,
                store_set_cookie: true,
            },
            lock_timeout: Some(LONG),
            timeout_memory: Duration::ZERO,
            max_body: 1 << 20,
            max_flights: 100,
            max_flights_per_client: 100,
            max_flight_bytes: 1 << 20,
            tag_of: |_| None,
            clock: Clock::Manual(ManualClock::new()),
        };
        let shared = SharedCache::new(Cache::open(config).unwrap(), upstream, "test");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cache = listener.local_addr().unwrap();
        tokio::spawn(serve::serve(listener, shared));
        Self { cache, asked }
    }

    /// All that comes back for a request with these header lines.
    async fn ask(&self, target: &str, lines: &str) -> String {
        let mut stream = TcpStream::connect(self.cache).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\n{lines}connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

const PLAIN: &str = "HTTP/1.1 200 OK\r\ncache-control: max-age=100\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody";

#[tokio::test]
async fn interim_responses_are_not_taken_for_the_final_one() {
    let scene = Scene::new(
        "",
        &["HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n\
           HTTP/1.1 100 Continue\r\n\r\n\
           HTTP/1.1 200 OK\r\ncache-control: max-age=100\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"],
    )
    .await;
    for how in ["fwd=uri-miss; fwd-status=200", "hit"] {
        let answer = scene.ask("/a", "").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nbody"), "{answer}");
        assert!(
            answer.contains(&format!("cache-status: test; {how}")),
            "{answer}"
        );
        assert!(!answer.contains("link:"), "{answer}");
    }
}

#[tokio::test]
async fn trailers_are_passed_on_to_who_takes_them_and_not_kept() {
    let scene = Scene::new(
        "",
        &[
            "HTTP/1.1 200 OK\r\ncache-control: max-age=100\r\ntrailer: x-checksum\r\n\
           transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
           4\r\nbody\r\n0\r\nx-checksum: 7\r\n\r\n",
        ],
    )
    .await;
    let miss = scene.ask("/a", "te: gzip;q=0.5, Trailers\r\n").await;
    assert!(miss.contains("trailer: x-checksum\r\n"), "{miss}");
    assert!(
        miss.ends_with("4\r\nbody\r\n0\r\nx-checksum: 7\r\n\r\n"),
        "{miss}"
    );
    let hit = scene.ask("/a", "te: trailers\r\n").await;
    assert!(
        hit.contains("test; hit") && hit.ends_with("\r\n\r\nbody"),
        "{hit}"
    );
    assert!(!hit.contains("trailer:"), "{hit}");
    let asked = scene.asked.await.unwrap();
    assert!(asked[0].contains("te: trailers\r\n"), "{asked:?}");
    assert!(asked[0].contains("connection: TE\r\n"), "{asked:?}");
}

#[tokio::test]
async fn who_does_not_take_trailers_is_not_said_to() {
    let scene = Scene::new("", &[PLAIN]).await;
    scene.ask("/a", "te: gzip\r\n").await;
    let asked = scene.asked.await.unwrap();
    assert!(!asked[0].contains("te:"), "{asked:?}");
}

#[tokio::test]
async fn an_origin_may_have_a_path() {
    let scene = Scene::new("/base/", &[PLAIN]).await;
    scene.ask("/a?b=c", "").await;
    let asked = scene.asked.await.unwrap();
    assert!(
        asked[0].starts_with("GET /base/a?b=c HTTP/1.1\r\n"),
        "{asked:?}"
    );
}

#[test]
fn an_origin_that_cannot_be_used_is_refused_with_the_reason() {
    let refusal = |text: &str| {
        let uri: Uri = text.parse().unwrap();
        Upstream::new(&uri, LONG, LONG).map(drop).unwrap_err()
    };
    let https = refusal("https://example.org/");
    assert!(matches!(https, BadOrigin::Https(_)));
    assert!(https.to_string().contains("https is not supported"));
    for text in [
        "ftp://example.org/",
        "example.org",
        "/a",
        "http://example.org/?a",
    ] {
        assert!(matches!(refusal(text), BadOrigin::Form(_)), "{text}");
    }
}
