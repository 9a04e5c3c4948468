//! The engine over a scripted origin: no sockets, a clock set by hand.

#![allow(clippy::unwrap_used, clippy::unnecessary_wraps)]

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use http_cache::ServedBody;
use http_cache::cache::UpstreamResponse;
use http_cache::cache_valid::ValidRule;
use http_cache::clock::ManualClock;
use http_cache::disk::DiskConfig;
use http_cache::purge::{Mode, Rule};
use http_cache::silence::end_in_silence;
use http_cache::{
    Cache, CacheConfig, CacheRequest, CacheStatus, CacheValid, Clock, Conditions, FetchError, Key,
    Policy, Served, UseStale,
};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

fn cache(lock_timeout: Duration) -> (Cache, ManualClock) {
    cache_with(lock_timeout, 256 << 20)
}

fn cache_with(lock_timeout: Duration, max_flight_bytes: u64) -> (Cache, ManualClock) {
    let (mut config, clock) = config(lock_timeout);
    config.max_flight_bytes = max_flight_bytes;
    (Cache::open(config).unwrap(), clock)
}

fn config(lock_timeout: Duration) -> (CacheConfig, ManualClock) {
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
        lock_timeout: Some(lock_timeout),
        timeout_memory: Duration::from_secs(5),
        max_body: 1 << 20,
        max_flights: 100,
        max_flights_per_client: 100,
        max_flight_bytes: 256 << 20,
        tag_of: |key| key.strip_prefix('/'),
        clock: Clock::Manual(clock.clone()),
    };
    (config, clock)
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

type Fetching = Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send>>;

/// An answer of unknown length, and where its chunks are sent.
fn chunked() -> (
    mpsc::Sender<Bytes>,
    impl Fn(Conditions) -> Fetching + Send + Sync + 'static,
) {
    let (rest, chunks) = mpsc::channel::<Bytes>(1);
    let chunks = Mutex::new(Some(chunks));
    let fetch = move |_: Conditions| {
        let chunks = chunks.lock().unwrap().take().unwrap();
        let stream = futures::stream::unfold(chunks, |mut chunks| async {
            let chunk = chunks.recv().await?;
            Some((Ok(http_body::Frame::data(chunk)), chunks))
        });
        let answer = Response::new(StreamBody::new(stream).boxed_unsync());
        let answer: Fetching = Box::pin(std::future::ready(Ok(answer)));
        answer
    };
    (rest, fetch)
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
    let (rest, fetch) = chunked();
    let first = cache.serve(request("/a"), fetch).await.unwrap();
    rest.send("half ".into()).await.unwrap();
    let ServedBody::Streaming { mut frames, .. } = first.body else {
        panic!("whole")
    };
    let frame = frames.next().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "half ");
    drop(frames);
    let late = get(&cache, || panic!("fetched")).await.unwrap();
    assert_eq!(late.status, CacheStatus::Miss { collapsed: true });
    rest.send("whole".into()).await.unwrap();
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
    let asked = Arc::new(Mutex::new(None::<HeaderValue>));
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

#[tokio::test(start_paused = true)]
async fn without_a_lock_timeout_waiters_wait_for_as_long_as_the_flight_takes() {
    let (mut config, _) = config(LONG);
    config.lock_timeout = None;
    let cache = Cache::open(config).unwrap();
    let fetches = Arc::new(AtomicUsize::new(0));
    let viewers: Vec<_> = (0..30)
        .map(|_| {
            let (cache, fetches) = (cache.clone(), fetches.clone());
            tokio::spawn(async move {
                let fetch = move |_| {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    async {
                        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
                        ok("slow picture")
                    }
                };
                text(cache.serve(request("/slow"), fetch).await.unwrap()).await
            })
        })
        .collect();
    for viewer in viewers {
        assert_eq!(viewer.await.unwrap(), "slow picture");
    }
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_was_too_slow_is_not_waited_for_again_at_once() {
    fn too_slow() -> Result<UpstreamResponse, FetchError> {
        Err(FetchError::Timeout("no answer in 30s".into()))
    }
    let (cache, _) = cache(LONG);
    assert!(get(&cache, too_slow).await.is_err());
    landed(&cache).await;
    let again = get(&cache, || panic!("it is fetched again")).await;
    assert!(matches!(again, Err(FetchError::Timeout(_))));
    let other = cache.serve(request("/b"), |_| async { ok("other") }).await;
    assert_eq!(text(other.unwrap()).await, "other");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(
        text(get(&cache, || ok("picture")).await.unwrap()).await,
        "picture"
    );
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

/// The length of a body, read to its end.
async fn length(served: Served) -> usize {
    served.body.whole().await.unwrap().len()
}

#[tokio::test]
async fn a_body_that_turns_out_to_be_too_large_reaches_all_who_were_there_and_is_not_kept() {
    let (cache, _) = cache(LONG);
    let (rest, fetch) = chunked();
    let first = cache.serve(request("/a"), fetch).await.unwrap();
    rest.send(Bytes::from(vec![7; 600_000])).await.unwrap();
    let second = get(&cache, || panic!("fetched")).await.unwrap();
    assert_eq!(second.status, CacheStatus::Miss { collapsed: true });
    let [first, second] = [first, second].map(|served| tokio::spawn(length(served)));
    for _ in 0..9 {
        rest.send(Bytes::from(vec![7; 600_000])).await.unwrap();
    }
    // Who comes now cannot have the beginning any more, and gets a flight of its own.
    let late = get(&cache, || ok("own")).await.unwrap();
    assert_eq!(late.status, CacheStatus::Miss { collapsed: false });
    assert_eq!(text(late).await, "own");
    drop(rest);
    assert_eq!(first.await.unwrap(), 6_000_000);
    assert_eq!(second.await.unwrap(), 6_000_000);
    landed(&cache).await;
    let hit = get(&cache, || panic!("fetched")).await.unwrap();
    assert_eq!(
        (hit.status, text(hit).await.as_str()),
        (CacheStatus::Hit, "own")
    );
    assert_eq!(cache.counters().too_large.load(Ordering::Relaxed), 1);
    assert_eq!(cache.flight_bytes(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_to_be_kept_is_taken_at_the_pace_of_its_reader() {
    let (cache, _) = cache(LONG);
    let (rest, fetch) = chunked();
    let served = cache.serve(request("/a"), fetch).await.unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let sending = tokio::spawn({
        let sent = sent.clone();
        async move {
            while rest.send(Bytes::from(vec![7; 100_000])).await.is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    // The runtime of a test has one thread: after these turns everybody waits for the reader.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let held = sent.load(Ordering::Relaxed);
    assert!((10..16).contains(&held), "{held}");
    drop(served);
    landed(&cache).await;
    sending.await.unwrap();
}

#[tokio::test]
async fn bodies_in_flight_share_a_budget_and_what_finds_no_room_is_passed_on() {
    let (cache, _) = cache_with(LONG, 100_000);
    let (rest, fetch) = chunked();
    let first = cache.serve(request("/a"), fetch).await.unwrap();
    rest.send(Bytes::from(vec![7; 90_000])).await.unwrap();
    while cache.flight_bytes() < 90_000 {
        tokio::task::yield_now().await;
    }
    let large = || ok_of(70_000);
    let other = cache
        .serve(request("/b"), move |_| async move { large() })
        .await;
    assert_eq!(length(other.unwrap()).await, 70_000);
    assert_eq!(cache.counters().over_budget.load(Ordering::Relaxed), 1);
    assert_eq!(cache.memory().entries(), 0);
    drop(rest);
    assert_eq!(length(first).await, 90_000);
    landed(&cache).await;
    assert_eq!((cache.flight_bytes(), cache.memory().entries()), (0, 1));
}

#[tokio::test]
async fn of_a_large_body_that_finds_no_room_nothing_is_held() {
    let (cache, _) = cache_with(LONG, 300_000);
    let served = [("/a", 290_000), ("/b", 600_001)].map(|(key, length)| {
        let cache = cache.clone();
        async move {
            let fetch = move |_| async move { ok_of(length) };
            cache.serve(request(key), fetch).await.unwrap()
        }
    });
    let [fits, too_large] = served;
    let (fits, too_large) = (fits.await, too_large.await);
    landed(&cache).await;
    assert_eq!(cache.flight_bytes(), 0);
    assert_eq!(cache.counters().over_budget.load(Ordering::Relaxed), 1);
    assert_eq!(length(too_large).await, 600_001);
    assert_eq!(length(fits).await, 290_000);
    assert_eq!(cache.memory().entries(), 1);
}

fn ok_of(length: usize) -> Result<UpstreamResponse, FetchError> {
    let body = Full::new(Bytes::from(vec![7; length])).map_err(|never| match never {});
    Ok(Response::new(body.boxed_unsync()))
}

#[tokio::test]
async fn each_variant_costs_one_fetch_however_many_wait_for_the_first() {
    let (cache, _) = cache(LONG);
    let fetches = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let requests: Vec<_> = (0..60)
        .map(|number| {
            let language = ["de", "fr", "at"][number % 3];
            let (cache, fetches, gate) = (cache.clone(), fetches.clone(), gate.clone());
            let headers = [(http::header::ACCEPT_LANGUAGE, language.parse().unwrap())];
            let headers = HeaderMap::from_iter(headers);
            let request = CacheRequest {
                headers: Some(Arc::new(headers)),
                ..request("/a")
            };
            tokio::spawn(async move {
                let fetch = move |_| {
                    let (fetches, gate) = (fetches.clone(), gate.clone());
                    async move {
                        fetches.fetch_add(1, Ordering::SeqCst);
                        let _open = gate.acquire().await.unwrap();
                        let mut answer = ok(language)?;
                        let vary = HeaderValue::from_static("accept-language");
                        answer.headers_mut().insert("vary", vary);
                        Ok(answer)
                    }
                };
                let served = cache.serve(request, fetch).await.unwrap();
                (language, text(served).await)
            })
        })
        .collect();
    gate.add_permits(1);
    for request in requests {
        let (language, body) = request.await.unwrap();
        assert_eq!(body, language);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn without_a_memory_tier_a_hit_follows_a_miss_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut config, _) = config(LONG);
    config.memory = 0;
    config.disk = Some(DiskConfig {
        dir: dir.path().to_owned(),
        size: 1 << 30,
        inactive: LONG,
        queue: 64 << 20,
    });
    let cache = Cache::open(config).unwrap();
    for number in 0..1000 {
        for status in [CacheStatus::Miss { collapsed: false }, CacheStatus::Hit] {
            let request = CacheRequest::new(Key::new(format!("/{number}")));
            let served = cache.serve(request, |_| async { ok("picture") });
            let served = served.await.unwrap();
            assert_eq!(served.status, status, "{number}");
            assert_eq!(text(served).await, "picture");
            landed(&cache).await;
        }
    }
    let counters = cache.disk().unwrap().counters();
    assert_eq!(counters.skipped.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_falls_silent_ends_the_flight() {
    let (cache, _) = cache(LONG);
    let (rest, fetch) = chunked();
    let fetch = Arc::new(fetch);
    let guarded = move |conditions| {
        let fetch = fetch.clone();
        async move {
            let response = fetch(conditions).await?;
            Ok(response.map(|body| end_in_silence(body, Duration::from_secs(30))))
        }
    };
    let served = cache.serve(request("/a"), guarded).await.unwrap();
    rest.send("half".into()).await.unwrap();
    // The origin is still there and says no more.
    assert!(served.body.whole().await.is_none());
    landed(&cache).await;
    assert_eq!(cache.memory().entries(), 0);
    assert_eq!(
        text(get(&cache, || ok("whole")).await.unwrap()).await,
        "whole"
    );
    drop(rest);
}

#[tokio::test]
async fn an_interim_response_is_no_answer() {
    fn early_hints() -> Result<UpstreamResponse, FetchError> {
        let mut response = ok("")?;
        *response.status_mut() = http::StatusCode::from_u16(103).unwrap();
        Ok(response)
    }
    let (cache, _) = cache(LONG);
    let refused = get(&cache, early_hints).await;
    assert!(matches!(refused, Err(FetchError::Invalid(_))));
}
