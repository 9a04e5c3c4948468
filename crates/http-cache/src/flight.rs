//! One fetch, shared by all who ask for the same key while it is under way.
//!
//! The flight runs in a task of its own, so it outlives the client that began it. Its head and the chunks of its body
//! are kept as they arrive, so that the first client is answered while the body still comes, and a late one gets all.

use crate::cache::UpstreamBody;
use crate::entry::Head;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio::sync::watch;

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
    /// The body, where it is not kept: for the first who takes it.
    pub(crate) unkept: Option<Unkept>,
}

/// A body that one client only gets.
#[derive(Clone)]
pub(crate) struct Unkept(Arc<Mutex<Option<UpstreamBody>>>);

impl Unkept {
    pub(crate) fn new(body: UpstreamBody) -> Self {
        Self(Arc::new(Mutex::new(Some(body))))
    }

    pub(crate) fn take(&self) -> Option<Frames> {
        let body = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        Some(frames(body))
    }
}

impl fmt::Debug for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unkept")
    }
}

/// The frames of an upstream's body.
pub(crate) fn frames(body: UpstreamBody) -> Frames {
    stream::unfold(Some(body), |body| async move {
        let mut body = body?;
        match body.frame().await? {
            Ok(frame) => Some((Ok(frame), Some(body))),
            Err(_) => Some((Err(Incomplete), None)),
        }
    })
    .boxed()
}

#[derive(Default)]
struct State {
    head: Option<Result<FlightHead, FetchError>>,
    chunks: Vec<Bytes>,
    end: Option<Result<Option<HeaderMap>, Incomplete>>,
}

/// The writing side, held by the task that fetches. Dropping it before the end tells waiters of a failure.
pub(crate) struct Flight(watch::Sender<State>);

/// The reading side, cloned by all who wait.
#[derive(Clone)]
pub(crate) struct Passenger(watch::Receiver<State>);

/// A new flight and its first passenger.
pub(crate) fn take_off() -> (Flight, Passenger) {
    let (sender, receiver) = watch::channel(State::default());
    (Flight(sender), Passenger(receiver))
}

impl Flight {
    /// Tells the head, or that there will be none.
    pub(crate) fn set_head(&self, head: Result<FlightHead, FetchError>) {
        self.0.send_modify(|state| state.head = Some(head));
    }

    /// Adds to the body.
    pub(crate) fn push(&self, chunk: Bytes) {
        self.0.send_modify(|state| state.chunks.push(chunk));
    }

    /// Ends the body, with its trailers if it has any.
    pub(crate) fn end(&self, end: Result<Option<HeaderMap>, Incomplete>) {
        self.0.send_modify(|state| state.end = Some(end));
    }
}

impl Passenger {
    /// Waits for the head.
    pub(crate) async fn head(&mut self) -> Result<FlightHead, FetchError> {
        let gone = || FetchError::Unreachable("the fetch was given up".into());
        let state = self
            .0
            .wait_for(|state| state.head.is_some())
            .await
            .map_err(|_| gone())?;
        state.head.clone().unwrap_or_else(|| Err(gone()))
    }

    /// The body from its first byte.
    pub(crate) fn body(self) -> Frames {
        stream::unfold(Some((self.0, 0)), |reader| async move {
            let (mut receiver, index) = reader?;
            let next = match receiver
                .wait_for(|state| state.chunks.len() > index || state.end.is_some())
                .await
            {
                Ok(state) => match (state.chunks.get(index), &state.end) {
                    (Some(chunk), _) => Ok(Frame::data(chunk.clone())),
                    (None, Some(Ok(Some(trailers)))) if state.chunks.len() == index => {
                        Ok(Frame::trailers(trailers.clone()))
                    }
                    (None, Some(Ok(_))) => return None,
                    (None, _) => Err(Incomplete),
                },
                Err(_) => Err(Incomplete),
            };
            match next {
                Ok(frame) => Some((Ok(frame), Some((receiver, index + 1)))),
                Err(incomplete) => Some((Err(incomplete), None)),
            }
        })
        .boxed()
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
        let (flight, passenger) = take_off();
        flight.push(Bytes::from_static(b"one "));
        let late = passenger.clone();
        flight.push(Bytes::from_static(b"two"));
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "1".parse().unwrap())]);
        flight.end(Ok(Some(trailers)));
        let [one, two, trailers] =
            ["one ", "two", "{\"etag\": \"1\"}"].map(|text| Ok(text.to_owned()));
        assert_eq!(texts(late).await, [one, two, trailers]);
    }

    #[tokio::test]
    async fn a_flight_that_is_dropped_fails_for_all() {
        let (flight, mut passenger) = take_off();
        flight.push(Bytes::from_static(b"half"));
        drop(flight);
        assert!(passenger.head().await.is_err());
        assert_eq!(
            texts(passenger).await,
            [Ok("half".to_owned()), Err(Incomplete)]
        );
    }
}
