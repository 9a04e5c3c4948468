//! `/original/`: passed on from the source to the client piece by piece, so that a slow client holds no more of it than a few
//! buffers, and a source is read no faster than its client reads.

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::source::{Source, SourceError, Streamed};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use image_url::Canonical;
use imaging::Limits;
use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use wire::RequestId;
use wire::shown::Shown;

/// Turns of originals that are passed on, of which each holds some buffers for as long as its client reads.
#[derive(Debug)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    taken: Gauge,
}

/// One turn, given back when dropped.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
    taken: Gauge,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.taken.dec();
    }
}

impl Turns {
    pub(crate) fn new(turns: usize, taken: Gauge) -> Self {
        let free = Arc::new(Semaphore::new(turns.min(Semaphore::MAX_PERMITS)));
        Self { free, taken }
    }

    /// Waits for a turn for `wait` at most.
    ///
    /// # Errors
    /// When none was given back in that time.
    pub(crate) async fn take(&self, wait: Duration) -> Result<Turn, Failure> {
        match timeout(wait, self.free.clone().acquire_owned()).await {
            Ok(Ok(permit)) => {
                self.taken.inc();
                Ok(Turn {
                    _permit: permit,
                    taken: self.taken.clone(),
                })
            }
            _ => Err(Failure::NoTurn),
        }
    }
}

/// The body of a response: an image in memory, or an original as it comes.
pub(crate) type Body = UnsyncBoxBody<Bytes, SourceError>;

/// A body in memory.
pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An original whose format is known.
pub(crate) struct Original {
    pub(crate) streamed: Streamed,
    pub(crate) media_type: &'static str,
}

/// Opens an original and looks at its first bytes.
///
/// # Errors
/// When there is none, it is no image, or its header goes beyond the limits.
pub(crate) async fn open(
    source: &Source,
    canonical: &Canonical,
    limits: &Limits,
) -> Result<Original, Failure> {
    let streamed = source.stream(canonical.name()).await?;
    let format = match imaging::probe(&streamed.beginning, limits) {
        Ok(probe) => probe.format,
        // A header may be longer than what has been read of it.
        Err(error @ imaging::Error::Corrupt(_)) if !streamed.whole => {
            imaging::format(&streamed.beginning).ok_or(error)?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Original {
        streamed,
        media_type: format.media_type(),
    })
}

/// The body of an original. A source that fails on the way breaks the response off, so that nobody takes it for whole.
pub(crate) fn body(
    streamed: Streamed,
    turn: Turn,
    name: &str,
    id: &RequestId,
    metrics: &Metrics,
) -> Body {
    let (name, id, fetched) = (name.to_owned(), id.clone(), metrics.fetched_bytes.clone());
    let pieces = stream::once(async { Ok(streamed.beginning) })
        .chain(streamed.rest)
        .inspect_ok(move |piece| {
            let _held = &turn;
            fetched.inc_by(piece.len() as u64);
        })
        .inspect_err(move |error| {
            let (name, cause) = (Shown(&name), error.to_string());
            tracing::warn!(request = %id, %name, cause = %Shown(&cause), "original broke off");
        });
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}
