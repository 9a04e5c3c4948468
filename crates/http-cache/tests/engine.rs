//! The engine over a scripted origin: no sockets, a clock set by hand.

#![allow(clippy::unwrap_used, clippy::unnecessary_wraps)]

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use http_cache::ServedBody;
use http_cache::cache::UpstreamResponse;
use http_cache::cache_valid::ValidRule;
use http_cache::clock::ManualClock;
use http_cache::purge::{Mode, Rule};
use http_cache::{
    Cache, CacheConfig, CacheRequest, CacheStatus, CacheValid, Clock, Conditions, FetchError, Key,
    Policy, Served, UseStale,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

fn cache(lock_timeout: Duration) -> (Cache, ManualClock) {
    let clock = ManualClock::new();
    let valid = ValidRule::parse("60", |text| {
        text.parse()
            .map(Duration::from_secs)
            .map_err(|_| String::new())
    });
    let config = CacheConfig {
        memory: 1 << 20,
        disk: None,
        policy: Policy {
            valid: CacheValid::new(vec![valid.unwrap()]),
            use_stale: UseStale::all(),
            max_stale: None,
            store_set_cookie: false,
        },
        lock_timeout,
        max_body: 1 << 20,
        max_flights: 100,
        tag_of: |key| key.strip_prefix('/'),
        clock: Clock::Manual(clock.clone()),
    };
    (Cache::open(config).unwrap(), clock)
}

fn ok(body: &'static str) -> Result<UpstreamResponse, FetchError> {
    let body = Full::new(Bytes::from_static(body.as_bytes())).map_err(|never| match never {});
    Ok(Response::builder()
        .header("etag", "\"1\"")
        .body(body.boxed_unsync())
        .unwrap())
}

fn request(key: &'static str) -> CacheRequest {
    CacheRequest::new(Key::new(key))
}

fn down() -> Result<UpstreamResponse, FetchError> {
    Err(FetchError::Unreachable("down".into()))
}

async fn get(
    cache: &Cache,
    answer: fn() -> Result<UpstreamResponse, FetchError>,
) -> Result<Served, FetchError> {
    cache
        .serve(request("/a"), move |_| async move { answer() })
        .await
}

async fn text(served: Served) -> String {
    let bytes = served.body.whole().await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Waits until no flight is under way, for a bounded number of turns.
async fn landed(cache: &Cache) {
    for _ in 0..100_000 {
        if cache.flights() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("a flight never lands");
}

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_second_request_is_a_hit_without_a_fetch() {
    let (cache, clock) = cache(LONG);
    let first = get(&cache, || ok("picture")).await.unwrap();
    assert_eq!(first.status, CacheStatus::Miss { collapsed: false });
    assert_eq!(text(first).await, "picture");
    clock.advance(Duration::from_secs(5));
    let second = get(&cache, || panic!("fetched")).await.unwrap();
    assert_eq!(second.status, CacheStatus::Hit);
    assert_eq!(second.age(), Duration::from_secs(5));
    assert_eq!(second.cache_status("tandem"), "tandem; hit; ttl=55");
    assert_eq!(text(second).await, "picture");
}

#[tokio::test]
async fn a_hundred_requests_make_one_fetch() {
    let (cache, _) = cache(LONG);
    let fetches = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (cache, fetches, gate) = (cache.clone(), fetches.clone(), gate.clone());
            tokio::spawn(async move {
                let fetch = move |_| {
                    let (fetches, gate) = (fetches.clone(), gate.clone());
                    async move {
                        fetches.fetch_add(1, Ordering::SeqCst);
                        let _open = gate.acquire().await.unwrap();
                        ok("picture")
                    }
                };
                text(cache.serve(request("/a"), fetch).await.unwrap()).await
            })
        })
        .collect();
    gate.add_permits(1);
    for request in requests {
        assert_eq!(request.await.unwrap(), "picture");
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_first_client_is_answered_while_the_body_still_comes_and_may_leave() {
    let (cache, _) = cache(LONG);
    let (rest, chunks) = tokio::sync::mpsc::channel::<&'static str>(1);
    let chunks = Arc::new(std::sync::Mutex::new(Some(chunks)));
    let fetch = move |_| {
        let chunks = chunks.lock().unwrap().take().unwrap();
        async move {
            let stream = futures::stream::unfold(chunks, |mut chunks| async {
                let chunk = chunks.recv().await?;
                Some((
                    Ok(http_body::Frame::data(Bytes::from_static(chunk.as_bytes()))),
                    chunks,
                ))
            });
            let body = StreamBody::new(stream);
            Ok(Response::new(body.boxed_unsync()))
        }
    };
    let first = cache.serve(request("/a"), fetch).await.unwrap();
    rest.send("half ").await.unwrap();
    let ServedBody::Streaming { mut frames, .. } = first.body else {
        panic!("whole")
    };
    let frame = frames.next().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "half ");
    drop(frames);
    let late = get(&cache, || panic!("fetched")).await.unwrap();
    assert_eq!(late.status, CacheStatus::Miss { collapsed: true });
    rest.send("whole").await.unwrap();
    drop(rest);
    assert_eq!(text(late).await, "half whole");
    assert_eq!(
        get(&cache, || panic!("fetched")).await.unwrap().status,
        CacheStatus::Hit
    );
}

#[tokio::test]
async fn an_expired_picture_is_served_at_once_and_revalidated_by_one_flight() {
    let (cache, clock) = cache(LONG);
    text(get(&cache, || ok("old")).await.unwrap()).await;
    clock.advance(Duration::from_secs(61));
    let stale = get(&cache, || ok("new")).await.unwrap();
    assert_eq!(stale.status, CacheStatus::Updating);
    assert_eq!(text(stale).await, "old");
    landed(&cache).await;
    let next = get(&cache, || panic!("a second flight")).await.unwrap();
    assert_eq!(next.status, CacheStatus::Hit);
    assert_eq!(text(next).await, "new");
}

#[tokio::test]
async fn an_unchanged_picture_is_fresh_again_with_its_old_body() {
    let (cache, clock) = cache(LONG);
    text(get(&cache, || ok("picture")).await.unwrap()).await;
    clock.advance(Duration::from_secs(61));
    let asked = Arc::new(std::sync::Mutex::new(None::<HeaderValue>));
    let fetch = {
        let asked = asked.clone();
        move |conditions: Conditions| {
            *asked.lock().unwrap() = conditions.if_none_match;
            let body = Full::default()
                .map_err(|never| match never {})
                .boxed_unsync();
            async move { Ok(Response::builder().status(304).body(body).unwrap()) }
        }
    };
    assert_eq!(
        cache.serve(request("/a"), fetch).await.unwrap().status,
        CacheStatus::Updating
    );
    landed(&cache).await;
    let hit = get(&cache, down).await.unwrap();
    assert_eq!(hit.status, CacheStatus::Hit);
    assert_eq!(asked.lock().unwrap().as_ref().unwrap(), "\"1\"");
    assert_eq!(hit.age(), Duration::ZERO);
    assert_eq!(text(hit).await, "picture");
}

#[tokio::test]
async fn while_the_upstream_is_down_what_was_cached_is_served() {
    let (cache, clock) = cache(LONG);
    text(get(&cache, || ok("picture")).await.unwrap()).await;
    clock.advance(Duration::from_secs(86_400));
    for _ in 0..3 {
        assert_eq!(text(get(&cache, down).await.unwrap()).await, "picture");
    }
    let other = cache.serve(request("/b"), |_| async { down() }).await;
    assert!(matches!(other, Err(FetchError::Unreachable(_))));
}

#[tokio::test]
async fn a_failure_is_told_to_all_and_the_next_request_tries_again() {
    let (cache, _) = cache(LONG);
    assert!(get(&cache, down).await.is_err());
    landed(&cache).await;
    assert!(get(&cache, || ok("picture")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_goes_on_its_own_after_the_lock_timeout() {
    let (cache, _) = cache(Duration::from_secs(5));
    let slow = cache.clone();
    tokio::spawn(async move { slow.serve(request("/a"), |_| std::future::pending()).await });
    tokio::task::yield_now().await;
    let waiter = get(&cache, || ok("own")).await.unwrap();
    assert_eq!(waiter.status, CacheStatus::Bypass);
    assert_eq!(text(waiter).await, "own");
}

#[tokio::test]
async fn a_private_answer_is_not_shared_with_waiters_nor_stored() {
    fn private() -> Result<UpstreamResponse, FetchError> {
        let mut response = ok("mine")?;
        response
            .headers_mut()
            .insert("cache-control", HeaderValue::from_static("private"));
        Ok(response)
    }
    let (cache, _) = cache(LONG);
    let (first, second) = tokio::join!(get(&cache, private), get(&cache, private));
    assert_eq!(
        first.unwrap().status,
        CacheStatus::Miss { collapsed: false }
    );
    assert_eq!(second.unwrap().status, CacheStatus::Bypass);
    assert_eq!(cache.memory().entries(), 0);
}

#[tokio::test]
async fn a_purge_holds_against_a_flight_that_began_before_it() {
    let (cache, _) = cache(LONG);
    let gate = Arc::new(Semaphore::new(0));
    let first = {
        let (cache, gate) = (cache.clone(), gate.clone());
        tokio::spawn(async move {
            let fetch = move |_| {
                let gate = gate.clone();
                async move {
                    let _open = gate.acquire().await.unwrap();
                    ok("old")
                }
            };
            text(cache.serve(request("/a"), fetch).await.unwrap()).await
        })
    };
    while cache.flights() == 0 {
        tokio::task::yield_now().await;
    }
    cache.purge(Rule::Tag("a".into()), Mode::Hard).await;
    gate.add_permits(1);
    assert_eq!(first.await.unwrap(), "old");
    landed(&cache).await;
    assert_eq!(cache.memory().entries(), 0);
    assert_eq!(text(get(&cache, || ok("new")).await.unwrap()).await, "new");
    assert_eq!(get(&cache, down).await.unwrap().status, CacheStatus::Hit);
}

#[tokio::test]
async fn who_asks_after_a_purge_does_not_join_what_began_before_it() {
    let (cache, _) = cache(LONG);
    let slow = cache.clone();
    let before =
        tokio::spawn(async move { slow.serve(request("/a"), |_| std::future::pending()).await });
    while cache.flights() == 0 {
        tokio::task::yield_now().await;
    }
    cache.purge(Rule::Key(Key::new("/a")), Mode::Hard).await;
    let after = get(&cache, || ok("new")).await.unwrap();
    assert_eq!(after.status, CacheStatus::Miss { collapsed: false });
    assert_eq!(text(after).await, "new");
    before.abort();
}

#[tokio::test]
async fn a_soft_purge_serves_the_old_while_the_new_is_fetched() {
    let (cache, _) = cache(LONG);
    text(get(&cache, || ok("old")).await.unwrap()).await;
    let purged = cache.purge(Rule::All, Mode::Soft).await;
    assert_eq!((purged.memory, purged.disk), (1, 0));
    let stale = get(&cache, || ok("new")).await.unwrap();
    assert_eq!(stale.status, CacheStatus::Updating);
    assert_eq!(text(stale).await, "old");
    landed(&cache).await;
    assert_eq!(text(get(&cache, down).await.unwrap()).await, "new");
}

#[tokio::test]
async fn flights_are_bounded() {
    let (cache, _) = cache(LONG);
    for number in 0..100 {
        let cache = cache.clone();
        let request = CacheRequest::new(Key::new(format!("/{number}")));
        tokio::spawn(async move { cache.serve(request, |_| std::future::pending()).await });
    }
    while cache.flights() < 100 {
        tokio::task::yield_now().await;
    }
    let refused = get(&cache, || ok("picture")).await;
    assert!(matches!(refused, Err(FetchError::Overloaded)));
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_not_stored() {
    let (cache, _) = cache(LONG);
    let short = || {
        let mut response = ok("picture")?;
        let length = HeaderValue::from_static("8");
        response.headers_mut().insert("content-length", length);
        Ok(response)
    };
    let served = get(&cache, short).await.unwrap();
    assert!(served.body.whole().await.is_none());
    landed(&cache).await;
    assert_eq!(cache.memory().entries(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_passed_on_without_being_kept() {
    let (cache, _) = cache(LONG);
    let large = || {
        let body = Full::new(Bytes::from(vec![7; 2 << 20])).map_err(|never| match never {});
        Ok(Response::new(body.boxed_unsync()))
    };
    let served = get(&cache, large).await.unwrap();
    assert_eq!(served.body.whole().await.unwrap().len(), 2 << 20);
    assert_eq!(cache.memory().entries(), 0);
}
