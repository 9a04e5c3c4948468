//! A body that is passed on to one client without being kept, at that client's pace.
//!
//! It takes a connection to the upstream, some buffers and the right to fetch, for as long as the client takes. Where
//! these run short, a client that takes nothing for a while is cut off.

use crate::cache::UpstreamBody;
use crate::fetches::Permit;
use crate::flight::{Frames, Incomplete};
use futures::StreamExt;
use futures::stream;
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// How long a client may take for one frame, which has some 64 KiB, while others wait for the right to fetch.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often that is looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// What waits for the client to take the next frame; empty while the upstream is waited for, and after the cut.
type Waiting = Mutex<Option<Passing>>;

struct Passing {
    upstream: UpstreamBody,
    permit: Option<Permit>,
    since: Instant,
}

/// The frames of an upstream's body. The right to fetch is held to their end.
pub(crate) fn frames(body: UpstreamBody, permit: Option<Permit>) -> Frames {
    let watched = permit.is_some();
    let waiting = Arc::new(Mutex::new(Some(Passing {
        upstream: body,
        permit,
        since: Instant::now(),
    })));
    if watched {
        tokio::spawn(watch(Arc::downgrade(&waiting)));
    }
    let next = |state: Option<Arc<Waiting>>| async move {
        let waiting = state?;
        let Some(mut passing) = take(&waiting) else {
            return Some((Err(Incomplete), None));
        };
        let Ok(frame) = passing.upstream.frame().await? else {
            return Some((Err(Incomplete), None));
        };
        passing.since = Instant::now();
        *waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(passing);
        Some((Ok(frame), Some(waiting)))
    };
    stream::unfold(Some(waiting), next).boxed()
}

fn take(waiting: &Waiting) -> Option<Passing> {
    waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}

/// Cuts the client off when its time has come. Ends with the body.
async fn watch(waiting: Weak<Waiting>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(waiting) = waiting.upgrade() else {
            return;
        };
        let cut = {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let overdue = waiting.as_ref().is_some_and(|passing| {
                let wanted = passing.permit.as_ref().is_some_and(Permit::is_wanted);
                wanted && passing.since.elapsed() >= PATIENCE
            });
            if overdue { waiting.take() } else { None }
        };
        if cut.is_some() {
            tracing::debug!("a slow reader is cut off: others wait for the right to fetch");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetches::Fetches;
    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::StreamBody;

    fn endless() -> UpstreamBody {
        let frame = || Ok(Frame::data(Bytes::from_static(b"piece")));
        StreamBody::new(stream::repeat_with(frame)).boxed_unsync()
    }

    #[tokio::test(start_paused = true)]
    async fn slow_readers_are_cut_off_where_the_right_to_fetch_is_short() {
        let fetches = Arc::new(Fetches::new(4, 4));
        let mut slow = frames(endless(), fetches.permit(None).ok());
        let mut quick = frames(endless(), fetches.permit(None).ok());
        slow.next().await.unwrap().unwrap();
        // Half of the rights are free: nobody is in the way.
        tokio::time::sleep(10 * PATIENCE).await;
        for reader in [&mut slow, &mut quick] {
            reader.next().await.unwrap().unwrap();
        }
        let _others = [fetches.permit(None), fetches.permit(None)].map(Result::unwrap);
        for _ in 0..4 {
            tokio::time::sleep(PATIENCE / 2).await;
            quick.next().await.unwrap().unwrap();
        }
        assert!(fetches.permit(None).is_ok(), "the slow reader's is free");
        assert_eq!(slow.next().await.unwrap().unwrap_err(), Incomplete);
        assert!(slow.next().await.is_none());
        drop(quick);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_upstream_is_not_the_readers_fault() {
        let fetches = Arc::new(Fetches::new(1, 1));
        let slowly = stream::unfold((), |()| async {
            tokio::time::sleep(3 * PATIENCE).await;
            Some((Ok(Frame::data(Bytes::from_static(b"piece"))), ()))
        });
        let body = StreamBody::new(slowly).boxed_unsync();
        let mut reader = frames(body, fetches.permit(None).ok());
        for _ in 0..3 {
            reader.next().await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn the_right_is_given_back_with_the_body() {
        let fetches = Arc::new(Fetches::new(1, 1));
        let reader = frames(endless(), fetches.permit(None).ok());
        assert!(fetches.permit(None).is_err());
        drop(reader);
        assert!(fetches.permit(None).is_ok());
    }
}
