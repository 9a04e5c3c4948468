//! Bodies that fall silent.

use crate::cache::UpstreamBody;
use crate::flight::FetchError;
use bytes::Bytes;
use futures::stream;
use http_body::Body;
use http_body_util::{BodyExt, StreamBody};
use std::time::Duration;

/// The same body, which fails when nothing of it comes for `silence`: a flight must not wait for ever for an upstream
/// that is gone without a word (nginx: `proxy_read_timeout`).
pub fn end_in_silence<B>(body: B, silence: Duration) -> UpstreamBody
where
    B: Body<Data = Bytes, Error = FetchError> + Send + Unpin + 'static,
{
    let frames = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match tokio::time::timeout(silence, body.frame()).await {
            Ok(Some(Ok(frame))) => Some((Ok(frame), Some(body))),
            Ok(Some(Err(failure))) => Some((Err(failure), None)),
            Ok(None) => None,
            Err(_) => {
                let failure = FetchError::Timeout("the body fell silent".into());
                Some((Err(failure), None))
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
