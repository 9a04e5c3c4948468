//! The public side: connections over HTTP/1.1, whose requests the cache answers.

use crate::origin::Upstream;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_cache::SharedCache;
use http_cache::shared::AnswerBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;

/// Serves for ever.
pub(crate) async fn serve(listener: TcpListener, cache: SharedCache<Upstream>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // The client went away, or there are no descriptors for a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let cache = cache.clone();
        let service = service_fn(move |request| answer(cache.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _: Result<(), hyper::Error> = connection.await;
        });
    }
}

async fn answer(
    cache: SharedCache<Upstream>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    Ok(cache.respond(request).await)
}
