//! The HTTP/1.1 server loop: accept, bound, serve, drain. Knows connections, not what is asked on them.

use crate::connections::{
    Bounds, ClientBound, Connection, ConnectionMetrics, Connections, Place, Stage,
};
use crate::listen::Listener;
use crate::throttle::{SAY_AGAIN, Throttle};
use crate::watched::Watched;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::framing::TARGET_BYTES;

/// The bounds of a listener. The defaults are nginx's where nginx has the notion.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections open at once (nginx: `worker_connections`). When there are more, the longest idle one is closed for the
    /// next, else the one whose head is awaited longest; more wait in the accept queue while all have work.
    pub connections: usize,
    /// Connections without work that one client may have; all of them when `None` (nginx: `limit_conn`).
    pub per_client: Option<ClientBound>,
    /// Time for the whole request head, however its bytes trickle (nginx: `client_header_timeout 60s`). An eighth of it
    /// while more than three quarters of all connections are taken, as with the next.
    pub head_timeout: Duration,
    /// Time between two requests (nginx: `keepalive_timeout 75s`).
    pub idle_timeout: Duration,
    /// Time between two successful writes to a client (nginx: `send_timeout 60s`).
    pub send_timeout: Duration,
    /// Time that open requests get to finish after shutdown begins.
    pub drain_timeout: Duration,
    /// What is counted.
    pub metrics: ConnectionMetrics,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            per_client: None,
            head_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            send_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(20),
            metrics: ConnectionMetrics::default(),
        }
    }
}

/// Bytes that hyper buffers of a head: more than a head may have, which `framing` counts.
const HEAD_BUFFER: usize = wire::framing::HEAD_BYTES + 1024;

/// Time and bytes for which a closed connection is read on, so that the client gets the last response (nginx:
/// `lingering_close`): the system would throw it away with what has not been read.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 1 << 20;

/// How long accepting pauses when it fails, mostly for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

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
    let bounds = Bounds {
        connections: limits.connections.max(1),
        per_client: limits.per_client,
        head_timeout: limits.head_timeout,
        idle_timeout: limits.idle_timeout,
    };
    let connections = Connections::new(bounds, limits.metrics);
    let sweeping = tokio::spawn(sweep(connections.clone()));
    let mut complaints = Complaints::default();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener, &connections, &mut complaints) => accepted,
            () = shutdown.cancelled() => break,
        };
        let place = match connections.admit(peer.ip()) {
            Ok(place) => place,
            Err(too_many) => {
                complaints.refused(too_many.client);
                continue;
            }
        };
        let connection = serve_connection(
            stream,
            peer,
            place,
            limits.send_timeout,
            shutdown.clone(),
            handler.clone(),
        );
        tracker.spawn(connection);
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
    sweeping.abort();
}

/// Closes what waits for too long, for ever.
async fn sweep(connections: Arc<Connections>) {
    let said = Throttle::new(SAY_AGAIN);
    loop {
        tokio::time::sleep(connections.interval()).await;
        if let Some(beyond) = connections.sweep()
            && let Some(times) = said.pass(Instant::now())
        {
            tracing::warn!(client = %beyond.client, times, "connections closed: too many of one client without a request");
        }
    }
}

/// What goes wrong with connections by the thousand.
#[derive(Debug)]
struct Complaints {
    accept: Throttle,
    refused: Throttle,
}

impl Default for Complaints {
    fn default() -> Self {
        let [accept, refused] = [(); 2].map(|()| Throttle::new(SAY_AGAIN));
        Self { accept, refused }
    }
}

impl Complaints {
    fn accept(&self, error: &io::Error) {
        if let Some(times) = self.accept.pass(Instant::now()) {
            tracing::error!(%error, times, "cannot accept connections");
        }
    }

    fn refused(&self, client: std::net::IpAddr) {
        if let Some(connections) = self.refused.pass(Instant::now()) {
            tracing::warn!(%client, connections, "connections refused: the client has half of all, each with a request");
        }
    }
}

/// The next connection, once there is room for one. A failed accept is no end: it is logged and tried again.
async fn accept(
    listener: &Listener,
    connections: &Connections,
    complaints: &mut Complaints,
) -> (TcpStream, SocketAddr) {
    loop {
        let accepted = listener.accept().await;
        match accepted {
            Ok(accepted) => {
                connections.room().await;
                return accepted;
            }
            // The client went away while it queued.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                // Mostly EMFILE: a connection without work gives its descriptor.
                complaints.accept(&error);
                connections.make_room();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The connection's request is under work until its response is with the connection.
struct Work(Arc<Connection>);

impl Work {
    fn begin(connection: &Arc<Connection>) -> Self {
        connection.enter(Stage::Busy);
        Self(connection.clone())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.enter(Stage::Flushing);
    }
}

async fn serve_connection<H, F, B>(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    send_timeout: Duration,
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
    stream.set_write_timeout(Some(send_timeout));
    let stream = std::pin::pin!(stream);
    let state = place.connection().clone();
    let mut stream = Watched::new(stream, state.clone(), TARGET_BYTES);
    let serving = state.clone();
    let service = service_fn(move |request| {
        let work = Work::begin(&serving);
        let response = handler(request, peer);
        async {
            let response = response.await;
            Ok::<_, Infallible>(response.map(|body| {
                body.map_err(move |error| {
                    let _until_the_end = &work;
                    error
                })
            }))
        }
    });
    // Heads and idle connections are timed by the table of connections.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HEAD_BUFFER)
        .serve_connection(TokioIo::new(&mut stream), service);
    let outcome = {
        let mut connection = std::pin::pin!(connection);
        let served = async {
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        tokio::select! {
            outcome = served => outcome,
            () = state.closed() => return,
        }
    };
    if let Err(error) = &outcome {
        // Clients leave and send nonsense all day; hyper has answered 400 where there was something to answer.
        tracing::debug!(%peer, %error, "connection ended");
    }
    state.enter(Stage::Idle);
    let ending = async {
        if stream.target_too_long {
            let _ = stream.write_all(TARGET_TOO_LONG).await;
        }
        linger(&mut stream).await;
    };
    tokio::select! {
        () = ending => {}
        () = state.closed() => {}
    }
}

/// To a request line that is not read to its end.
const TARGET_TOO_LONG: &[u8] =
    b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Ends the connection in a way that lets the client read what it was sent.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut Watched<S>) {
    if stream.shutdown().await.is_err() || stream.ended {
        return;
    }
    let mut rest = [0; 4096];
    let drain = async {
        let mut read = 0;
        while read < LINGER_BYTES {
            match stream.drain(&mut rest).await {
                Ok(0) | Err(_) => return,
                Ok(bytes) => read += bytes as u64,
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, drain).await;
}
