//! One fetch, shared by all who ask for the same key while it is under way.
//!
//! The flight runs in a task of its own, so it outlives the client that began it. Its head and the chunks of its body
//! are kept as they arrive, so that the first client is answered while the body still comes, and a late one gets all.

use crate::entry::Head;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::StatusCode;
use std::fmt;
use std::sync::Arc;
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
}

/// The body ended before it was complete.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the body ended before it was complete")]
pub struct Incomplete;

/// The head of a flight's response.
#[derive(Clone, Debug)]
pub struct FlightHead {
    /// Status, headers and times.
    pub head: Arc<Head>,
    /// The length of the body where the upstream said it.
    pub content_length: Option<u64>,
    /// Whether the response is for everybody. If not, waiters fetch their own.
    pub shareable: bool,
    /// Whether the upstream answered 304 and the head and body are those of the entry.
    pub revalidated: bool,
    /// The upstream's status.
    pub upstream_status: StatusCode,
}

#[derive(Default)]
struct State {
    head: Option<Result<FlightHead, FetchError>>,
    chunks: Vec<Bytes>,
    end: Option<Result<(), Incomplete>>,
}

/// The writing side, held by the task that fetches. Dropping it before the end tells waiters of a failure.
pub struct Flight(watch::Sender<State>);

/// The reading side, cloned by all who wait.
#[derive(Clone)]
pub struct Passenger(watch::Receiver<State>);

impl fmt::Debug for Passenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passenger")
    }
}

/// A new flight and its first passenger.
pub fn take_off() -> (Flight, Passenger) {
    let (sender, receiver) = watch::channel(State::default());
    (Flight(sender), Passenger(receiver))
}

impl Flight {
    /// Tells the head, or that there will be none.
    pub fn set_head(&self, head: Result<FlightHead, FetchError>) {
        self.0.send_modify(|state| state.head = Some(head));
    }

    /// Adds to the body.
    pub fn push(&self, chunk: Bytes) {
        self.0.send_modify(|state| state.chunks.push(chunk));
    }

    /// Ends the body.
    pub fn end(&self, end: Result<(), Incomplete>) {
        self.0.send_modify(|state| state.end = Some(end));
    }
}

impl Passenger {
    /// Waits for the head.
    pub async fn head(&mut self) -> Result<FlightHead, FetchError> {
        let gone = || FetchError::Unreachable("the fetch was given up".into());
        let state = self
            .0
            .wait_for(|state| state.head.is_some())
            .await
            .map_err(|_| gone())?;
        state.head.clone().unwrap_or_else(|| Err(gone()))
    }

    /// The body from its first byte.
    pub fn body(self) -> BoxStream<'static, Result<Bytes, Incomplete>> {
        stream::unfold(Some((self.0, 0)), |reader| async move {
            let (mut receiver, index) = reader?;
            let next = match receiver
                .wait_for(|state| state.chunks.len() > index || state.end.is_some())
                .await
            {
                Ok(state) => match (state.chunks.get(index), state.end) {
                    (Some(chunk), _) => Ok(chunk.clone()),
                    (None, Some(Ok(()))) => return None,
                    (None, _) => Err(Incomplete),
                },
                Err(_) => Err(Incomplete),
            };
            match next {
                Ok(chunk) => Some((Ok(chunk), Some((receiver, index + 1)))),
                Err(incomplete) => Some((Err(incomplete), None)),
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_passenger_gets_the_whole_body() {
        let (flight, passenger) = take_off();
        flight.push(Bytes::from_static(b"one "));
        let late = passenger.clone();
        flight.push(Bytes::from_static(b"two"));
        flight.end(Ok(()));
        let chunks: Vec<_> = late.body().collect().await;
        assert_eq!(
            chunks,
            [
                Ok(Bytes::from_static(b"one ")),
                Ok(Bytes::from_static(b"two"))
            ]
        );
    }

    #[tokio::test]
    async fn a_flight_that_is_dropped_fails_for_all() {
        let (flight, mut passenger) = take_off();
        flight.push(Bytes::from_static(b"half"));
        drop(flight);
        assert!(passenger.head().await.is_err());
        let chunks: Vec<_> = passenger.body().collect().await;
        assert_eq!(chunks, [Ok(Bytes::from_static(b"half")), Err(Incomplete)]);
    }
}
