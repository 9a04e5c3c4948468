//! One fetch, shared by all who ask for the same key while it is under way.
//!
//! The flight runs in a task of its own, so it outlives the client that began it. Its head and the chunks of its body
//! are kept as they arrive, so that the first client is answered while the body still comes, and a late one gets all.
//!
//! A body that turns out to be too large to be kept is no longer replayed: who is on board gets all of it, at the pace
//! of the slowest, from a window that moves on. When it has, nobody comes on board any more. Who hardly reads is left
//! behind.

use crate::body::FileBody;
use crate::cache::UpstreamBody;
use crate::entry::Head;
use crate::fetches::Permit;
use crate::passed_on;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bytes of a body that is not replayed which wait for its readers at most.
pub(crate) const WINDOW: u64 = 256 * 1024;

/// How long a window's worth of such a body may take its slowest reader while others, or the upstream, wait for it
/// (nginx: `send_timeout`).
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a fetch failed. One failure is told to all who wait for it.
#[derive(Clone, Debug, Error)]
pub enum FetchError {
    /// The upstream cannot be reached, or breaks off.
    #[error("the upstream fails: {0}")]
    Unreachable(Arc<str>),
    /// The upstream is too slow.
    #[error("the upstream is too slow: {0}")]
    Timeout(Arc<str>),
    /// The upstream's answer is malformed, or larger than allowed.
    #[error("the upstream's answer is invalid: {0}")]
    Invalid(Arc<str>),
    /// More fetches are under way than are allowed.
    #[error("too many fetches are under way")]
    Overloaded,
    /// More fetches are under way for this client than one may have.
    #[error("too many fetches are under way for this client")]
    TooManyOfClient,
    /// The client takes only what is stored, and nothing is (RFC 9111 §5.2.1.7).
    #[error("it is not stored, and only what is stored was asked for")]
    NotCached,
}

/// The body ended before it was complete.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the body ended before it was complete")]
pub struct Incomplete;

/// A body as it arrives: data, and trailers at its end.
pub type Frames = BoxStream<'static, Result<Frame<Bytes>, Incomplete>>;

/// The head of a flight's response.
#[derive(Clone, Debug)]
pub(crate) struct FlightHead {
    /// Status, headers and times.
    pub(crate) head: Arc<Head>,
    /// The length of the body where the upstream said it.
    pub(crate) content_length: Option<u64>,
    /// Whether the response is for everybody. If not, waiters fetch their own.
    pub(crate) shareable: bool,
    /// Whether the upstream answered 304 and the head and body are those of the entry.
    pub(crate) revalidated: bool,
    /// The upstream's status.
    pub(crate) upstream_status: StatusCode,
    /// The body, where it is in a file.
    pub(crate) file: Option<FileBody>,
    /// The body, where it is not kept: for the first who takes it.
    pub(crate) unkept: Option<Unkept>,
}

/// A body that one client only gets.
#[derive(Clone)]
pub(crate) struct Unkept(Arc<Mutex<Option<UnkeptBody>>>);

type UnkeptBody = (UpstreamBody, Option<Permit>);

impl Unkept {
    /// A body, and the right to fetch that goes with it to its end.
    pub(crate) fn new(body: UpstreamBody, permit: Option<Permit>) -> Self {
        Self(Arc::new(Mutex::new(Some((body, permit)))))
    }

    pub(crate) fn take(&self) -> Option<Frames> {
        let mut unkept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (body, permit) = unkept.take()?;
        Some(passed_on::frames(body, permit))
    }
}

impl fmt::Debug for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unkept")
    }
}

/// What the writing side and the reading sides have in common.
struct Shared {
    state: Mutex<State>,
    /// Told when there is more to read.
    grown: Notify,
    /// Told when a passenger has read or left.
    read: Notify,
}

struct State {
    head: Option<Result<FlightHead, FetchError>>,
    /// The body, without what was let go of.
    chunks: VecDeque<Bytes>,
    /// Chunks that were let go of.
    gone: usize,
    /// Bytes of `chunks`.
    bytes: u64,
    /// Whether all of the body is kept, however much it is.
    replayed: bool,
    /// The next chunk of each passenger.
    passengers: HashMap<u64, usize>,
    /// The number of the next passenger.
    next: u64,
    end: Option<Result<Option<HeaderMap>, Incomplete>>,
    /// The writing side is no more.
    over: bool,
    /// Nobody waited for long, so that the fetch is given up.
    abandoned: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets go of the chunks that everybody has.
    fn move_on(&mut self) {
        let slowest = self.passengers.values().min().copied();
        let slowest = slowest.unwrap_or(self.gone + self.chunks.len());
        while self.gone < slowest
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.bytes -= chunk.len() as u64;
            self.gone += 1;
        }
    }

    /// Leaves the slowest behind: what they have not read will go.
    fn leave_slowest(&mut self) {
        let slowest = self.passengers.values().min().copied();
        self.passengers.retain(|_, at| Some(*at) > slowest);
    }

    /// What comes at a place of the body, once that is known.
    fn at(&self, index: usize) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        let here = index.checked_sub(self.gone);
        if let Some(chunk) = here.and_then(|here| self.chunks.get(here)) {
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        let last = self.gone + self.chunks.len();
        match &self.end {
            Some(Ok(Some(trailers))) if index == last => {
                Poll::Ready(Some(Ok(Frame::trailers(trailers.clone()))))
            }
            Some(Ok(_)) => Poll::Ready(None),
            Some(Err(Incomplete)) => Poll::Ready(Some(Err(Incomplete))),
            None if self.over => Poll::Ready(Some(Err(Incomplete))),
            None => Poll::Pending,
        }
    }
}

/// The writing side, held by the task that fetches. Dropping it before the end tells waiters of a failure.
pub(crate) struct Flight(Arc<Shared>);

/// The way on board, as the table of flights has it.
pub(crate) struct Gate(Arc<Shared>);

/// A reading side, which gets all of the body.
pub(crate) struct Passenger {
    shared: Arc<Shared>,
    number: u64,
}

/// A new flight, the way on board, and its first passenger.
pub(crate) fn take_off() -> (Flight, Gate, Passenger) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            head: None,
            chunks: VecDeque::new(),
            gone: 0,
            bytes: 0,
            replayed: true,
            passengers: HashMap::from([(0, 0)]),
            next: 1,
            end: None,
            over: false,
            abandoned: false,
        }),
        grown: Notify::new(),
        read: Notify::new(),
    });
    let first = Passenger {
        shared: shared.clone(),
        number: 0,
    };
    (Flight(shared.clone()), Gate(shared), first)
}

impl Gate {
    /// One more passenger, unless the body cannot be had from its first byte any more, or at all.
    pub(crate) fn board(&self) -> Option<Passenger> {
        let mut state = self.0.lock();
        if state.gone > 0 || state.abandoned {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.passengers.insert(number, 0);
        Some(Passenger {
            shared: self.0.clone(),
            number,
        })
    }
}

impl Flight {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock());
        self.0.grown.notify_waiters();
    }

    /// Tells the head, or that there will be none.
    pub(crate) fn set_head(&self, head: Result<FlightHead, FetchError>) {
        self.change(|state| state.head = Some(head));
    }

    /// Waits until nobody has been on board for `grace`, and lets nobody on board then.
    pub(crate) async fn abandoned(&self, grace: Duration) {
        loop {
            // Keeps what is told from here on.
            let left = self.0.read.notified();
            let seen = {
                let state = self.0.lock();
                state.passengers.is_empty().then_some(state.next)
            };
            let Some(seen) = seen else {
                left.await;
                continue;
            };
            tokio::time::sleep(grace).await;
            let mut state = self.0.lock();
            if state.passengers.is_empty() && state.next == seen {
                state.abandoned = true;
                return;
            }
        }
    }

    /// Adds to the body.
    pub(crate) fn push(&self, chunk: Bytes) {
        self.change(|state| {
            state.bytes += chunk.len() as u64;
            state.chunks.push_back(chunk);
        });
    }

    /// Puts the whole of a body that has come in the place of its pieces, which are parts of larger buffers.
    pub(crate) fn hold(&self, whole: &Bytes) {
        self.change(|state| {
            let mut at = 0;
            for chunk in &mut state.chunks {
                let end = at + chunk.len();
                *chunk = whole.slice(at..end);
                at = end;
            }
        });
    }

    /// Keeps of the body no more than the window, as soon as those who are on board allow it.
    pub(crate) fn stop_replaying(&self) {
        self.change(|state| state.replayed = false);
    }

    /// Waits until those on board have read as far as the window lets them fall behind; `false` when nobody is.
    pub(crate) async fn wait_for_readers(&self) -> bool {
        let mut mark = (u64::MAX, Instant::now() + PATIENCE);
        loop {
            {
                let mut state = self.0.lock();
                if state.passengers.is_empty() {
                    return false;
                }
                // As long as the window has not moved there is room on board: of small bodies to their end.
                if state.replayed || state.bytes <= WINDOW {
                    return true;
                }
                state.move_on();
                if state.bytes <= WINDOW {
                    return true;
                }
                if state.bytes.saturating_add(WINDOW) <= mark.0 {
                    mark = (state.bytes, Instant::now() + PATIENCE);
                }
            }
            // Keeps what was told since the look above.
            let read = self.0.read.notified();
            if tokio::time::timeout_at(mark.1, read).await.is_err() {
                self.0.lock().leave_slowest();
            }
        }
    }

    /// Ends the body, with its trailers if it has any.
    pub(crate) fn end(&self, end: Result<Option<HeaderMap>, Incomplete>) {
        self.change(|state| state.end = Some(end));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.change(|state| state.over = true);
    }
}

impl Passenger {
    /// Waits until the state gives something.
    async fn wait_for<T>(&self, mut get: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // Made before the look, so that nothing told after it is missed.
            let grown = self.shared.grown.notified();
            let got = get(&mut self.shared.lock());
            match got {
                Some(got) => return got,
                None => grown.await,
            }
        }
    }

    /// Waits for the head.
    pub(crate) async fn head(&self) -> Result<FlightHead, FetchError> {
        let gone = || Err(FetchError::Unreachable("the fetch was given up".into()));
        let head = self.wait_for(|state| match &state.head {
            None if state.over => Some(gone()),
            head => head.clone(),
        });
        head.await
    }

    /// The body from its first byte.
    pub(crate) fn body(self) -> Frames {
        stream::unfold(Some((self, 0)), |reader| async move {
            let (passenger, index) = reader?;
            let next = passenger.wait_for(|state| {
                if !state.passengers.contains_key(&passenger.number) {
                    return Some(Some(Err(Incomplete)));
                }
                let Poll::Ready(next) = state.at(index) else {
                    return None;
                };
                state.passengers.insert(passenger.number, index + 1);
                Some(next)
            });
            match next.await? {
                Ok(frame) => {
                    passenger.shared.read.notify_one();
                    Some((Ok(frame), Some((passenger, index + 1))))
                }
                Err(incomplete) => Some((Err(incomplete), None)),
            }
        })
        .boxed()
    }
}

impl Drop for Passenger {
    fn drop(&mut self) {
        self.shared.lock().passengers.remove(&self.number);
        self.shared.read.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn texts(passenger: Passenger) -> Vec<Result<String, Incomplete>> {
        let text = |frame: Frame<Bytes>| match frame.into_data() {
            Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
            Err(frame) => format!("{:?}", frame.into_trailers().unwrap()),
        };
        passenger
            .body()
            .map(|frame| frame.map(text))
            .collect()
            .await
    }

    #[tokio::test]
    async fn a_late_passenger_gets_the_whole_body() {
        let (flight, gate, _first) = take_off();
        flight.push(Bytes::from_static(b"one "));
        let late = gate.board().unwrap();
        flight.push(Bytes::from_static(b"two"));
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "1".parse().unwrap())]);
        flight.end(Ok(Some(trailers)));
        let [one, two, trailers] =
            ["one ", "two", "{\"etag\": \"1\"}"].map(|text| Ok(text.to_owned()));
        assert_eq!(texts(late).await, [one, two, trailers]);
    }

    #[tokio::test]
    async fn a_flight_that_is_dropped_fails_for_all() {
        let (flight, _, passenger) = take_off();
        flight.push(Bytes::from_static(b"half"));
        drop(flight);
        assert!(passenger.head().await.is_err());
        assert_eq!(
            texts(passenger).await,
            [Ok("half".to_owned()), Err(Incomplete)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_is_abandoned_when_nobody_has_waited_for_a_while() {
        const GRACE: Duration = Duration::from_secs(1);
        let (flight, gate, first) = take_off();
        let begun = Instant::now();
        let half = || tokio::time::sleep(GRACE / 2);
        let clients = async {
            half().await;
            drop(first);
            half().await;
            let second = gate.board().unwrap();
            drop(second);
            half().await;
            let third = gate.board().unwrap();
            half().await;
            half().await;
            half().await;
            drop(third);
        };
        tokio::join!(flight.abandoned(GRACE), clients);
        assert_eq!(begun.elapsed(), 4 * GRACE);
        assert!(gate.board().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_hardly_reads_is_left_behind() {
        let (flight, gate, first) = take_off();
        let (mut reader, mut idler) = (gate.board().unwrap().body(), first.body());
        flight.stop_replaying();
        for _ in 0..3 {
            flight.push(Bytes::from(vec![7; WINDOW as usize]));
            reader.next().await.unwrap().unwrap();
        }
        let begun = Instant::now();
        assert!(flight.wait_for_readers().await);
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(flight.0.lock().chunks.len(), 0);
        assert_eq!(idler.next().await.unwrap().unwrap_err(), Incomplete);
        flight.end(Ok(None));
        assert!(reader.next().await.is_none());
    }

    #[tokio::test]
    async fn who_is_on_board_gets_all_of_a_body_that_is_no_longer_replayed() {
        let (flight, gate, first) = take_off();
        let chunk = || Bytes::from(vec![7; WINDOW as usize]);
        flight.push(chunk());
        let second = gate.board().unwrap();
        flight.stop_replaying();
        assert!(flight.wait_for_readers().await, "the window is not full");
        assert!(gate.board().is_some());
        flight.push(chunk());
        let (mut first, mut second) = (first.body(), second.body());
        first.next().await.unwrap().unwrap();
        // The slower one has to read before more is taken from the upstream.
        let waiting = polled_once(flight.wait_for_readers()).await;
        second.next().await.unwrap().unwrap();
        assert!(waiting.await);
        assert_eq!(flight.0.lock().chunks.len(), 1);
        assert!(gate.board().is_none());
        flight.end(Ok(None));
        for mut body in [first, second] {
            assert_eq!(
                body.next().await.unwrap().unwrap().into_data().unwrap(),
                chunk()
            );
            assert!(body.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn a_body_that_is_not_replayed_ends_with_its_last_reader() {
        let (flight, _, first) = take_off();
        flight.push(Bytes::from(vec![7; 2 * WINDOW as usize]));
        flight.stop_replaying();
        let waiting = polled_once(flight.wait_for_readers()).await;
        drop(first);
        assert!(!waiting.await);
    }

    /// A future that was polled once and is not ready.
    async fn polled_once<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
        let mut future = Box::pin(future);
        assert!(futures::poll!(future.as_mut()).is_pending());
        future
    }
}
