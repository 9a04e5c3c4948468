//! The engine over a scripted origin: no sockets, a clock set by hand.

#![allow(clippy::unwrap_used, clippy::unnecessary_wraps)]

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use http_cache::cache::{ServedBody, UpstreamResponse};
use http_cache::clock::ManualClock;
use http_cache::policy::ValidRule;
use http_cache::{
    Cache, CacheConfig, CacheStatus, CacheValid, Clock, FetchError, Key, Policy, Served, UseStale,
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
            use_stale: UseStale::default(),
        },
        lock_timeout,
        max_body: 1 << 20,
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

fn down() -> Result<UpstreamResponse, FetchError> {
    Err(FetchError::Unreachable("down".into()))
}

async fn get(
    cache: &Cache,
    answer: fn() -> Result<UpstreamResponse, FetchError>,
) -> Result<Served, FetchError> {
    cache
        .serve(Key::new("/a"), move |_| async move { answer() })
        .await
}

async fn text(served: Served) -> String {
    let bytes = match served.body {
        ServedBody::Whole(bytes) => bytes,
        ServedBody::Streaming { stream, .. } => stream
            .map(Result::unwrap)
            .collect::<Vec<_>>()
            .await
            .concat()
            .into(),
    };
    String::from_utf8(bytes.to_vec()).unwrap()
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
                text(cache.serve(Key::new("/a"), fetch).await.unwrap()).await
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
    let first = cache.serve(Key::new("/a"), fetch).await.unwrap();
    rest.send("half ").await.unwrap();
    let ServedBody::Streaming { mut stream, .. } = first.body else {
        panic!("whole")
    };
    assert_eq!(stream.next().await.unwrap().unwrap(), "half ");
    drop(stream);
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
    loop {
        let next = get(&cache, || panic!("a second flight")).await.unwrap();
        if next.status == CacheStatus::Hit {
            assert_eq!(text(next).await, "new");
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_unchanged_picture_is_fresh_again_with_its_old_body() {
    let (cache, clock) = cache(LONG);
    text(get(&cache, || ok("picture")).await.unwrap()).await;
    clock.advance(Duration::from_secs(61));
    let asked = Arc::new(std::sync::Mutex::new(None::<HeaderValue>));
    let fetch = {
        let asked = asked.clone();
        move |etag: Option<HeaderValue>| {
            *asked.lock().unwrap() = etag;
            let body = Full::default()
                .map_err(|never| match never {})
                .boxed_unsync();
            async move { Ok(Response::builder().status(304).body(body).unwrap()) }
        }
    };
    assert_eq!(
        cache.serve(Key::new("/a"), fetch).await.unwrap().status,
        CacheStatus::Updating
    );
    let hit = loop {
        let next = get(&cache, down).await.unwrap();
        if next.status == CacheStatus::Hit {
            break next;
        }
        tokio::task::yield_now().await;
    };
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
    let other = cache.serve(Key::new("/b"), |_| async { down() }).await;
    assert!(matches!(other, Err(FetchError::Unreachable(_))));
}

#[tokio::test]
async fn a_failure_is_told_to_all_and_the_next_request_tries_again() {
    let (cache, _) = cache(LONG);
    assert!(get(&cache, down).await.is_err());
    while get(&cache, || ok("picture"))
        .now_or_never()
        .is_none_or(|result| result.is_err())
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_goes_on_its_own_after_the_lock_timeout() {
    let (cache, _) = cache(Duration::from_secs(5));
    let slow = cache.clone();
    tokio::spawn(async move { slow.serve(Key::new("/a"), |_| std::future::pending()).await });
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
