//! The HTTP/1.1 server loop: accept, bound, serve, drain. Knows connections, not what is asked on them.

use crate::listen::Listener;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The bounds of a listener. The defaults are nginx's where nginx has the notion.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Connections open at once; more wait in the accept queue (nginx: `worker_connections`).
    pub connections: usize,
    /// Time for the whole request head, which is also how long an idle connection is kept
    /// (nginx: `client_header_timeout 60s`, `keepalive_timeout 75s`).
    pub head_timeout: Duration,
    /// Time between two successful writes to a client (nginx: `send_timeout 60s`).
    pub send_timeout: Duration,
    /// Bytes of a request head (nginx: `large_client_header_buffers 4 8k`).
    pub head_bytes: usize,
    /// Time that open requests get to finish after shutdown begins.
    pub drain_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(60),
            head_bytes: 32 * 1024,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// Serves until `shutdown`, then stops accepting, lets requests in progress finish, and returns at the latest after
/// the drain timeout.
pub async fn serve<H, F, B>(
    listener: Listener,
    limits: ServerLimits,
    shutdown: CancellationToken,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let tracker = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let (stream, peer, slot) = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = shutdown.cancelled() => break,
        };
        let connection = serve_connection(stream, peer, limits, shutdown.clone(), handler.clone());
        tracker.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(limits.drain_timeout, tracker.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = tracker.len(),
            "drain timeout: connections still open are cut"
        );
    }
}

/// The next connection, once there is room for one. A failed accept is no end: it is told and tried again.
async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so a slot is always some.
    let slot = slots.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            // The client went away while it queued.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                // Mostly EMFILE: wait for descriptors to be closed instead of spinning.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve_connection<H, F, B>(
    stream: TcpStream,
    peer: SocketAddr,
    limits: ServerLimits,
    shutdown: CancellationToken,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F,
    F: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Answers are written whole; waiting to fill a segment would only delay the last one.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.send_timeout));
    let service = service_fn(move |request| {
        let response = handler(request, peer);
        async { Ok::<_, Infallible>(response.await) }
    });
    let mut stream = std::pin::pin!(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream.as_mut()), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        // Clients leave and send nonsense all day; hyper has answered 400 where there was something to answer.
        tracing::debug!(%peer, %error, "connection ended");
    }
}
