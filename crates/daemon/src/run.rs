//! The life of a daemon: take the ports, start, announce, serve, drain, stop.

use crate::admin::{self, Hosts, Readiness};
use crate::announce::{Addresses, announce};
use crate::listen::{self, ListenError};
use crate::metrics::Registry;
use crate::server::{self, ServerLimits};
use crate::{open_files, shutdown};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use std::error::Error;
use std::future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn Error + Send + Sync>;

/// What a program does with requests. Everything else is the daemon's.
pub trait Program: Send + Sync + 'static {
    /// What the names of its metrics begin with, such as `tandem_edge`.
    const METRICS_PREFIX: &'static str;

    /// The body of its responses.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;

    /// Responds to a request of its listener.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;

    /// Responds to a request of the admin listener, beside health and metrics; `None` for a path that is not its own.
    fn administer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Option<Response<Bytes>>> + Send + 'static {
        drop((self, request));
        future::ready(None)
    }

    /// Work in the background, from the start to the drain.
    fn housekeep(self: Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        drop(self);
        future::pending()
    }

    /// What is left to do when the drain begins.
    fn wind_down(&self) {}
}

/// The settings of a daemon.
#[derive(Clone, Debug)]
pub struct DaemonConfig {
    /// `--listen`: an address, a name, or a port.
    pub listen: String,
    /// `--admin-listen`, likewise.
    pub admin_listen: String,
    /// Names of the admin listener.
    pub admin_hosts: Hosts,
    /// Bounds of the listener.
    pub server: ServerLimits,
}

/// Why a daemon did not start.
#[derive(Debug, Error)]
pub enum RunError {
    /// A port cannot be taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Threads, signal handlers or standard output.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
    /// The program itself cannot start.
    #[error(transparent)]
    Program(BoxError),
}

/// Runs a program until SIGTERM or SIGINT, then drains and returns. `start` makes the program once its ports are taken, so
/// that a taken port is reported before anything else happens.
///
/// # Errors
/// When it cannot start.
pub fn run<P: Program>(
    config: DaemonConfig,
    start: impl FnOnce(Readiness, &mut Registry) -> Result<P, BoxError>,
) -> Result<(), RunError> {
    open_files::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = listen::bind(&config.listen, "--listen").await?;
        let admin = listen::bind(&config.admin_listen, "--admin-listen").await?;
        let addresses = Addresses {
            listen: listener.address(),
            admin: admin.address(),
        };
        let shutdown = shutdown::on_signals()?;
        let readiness = Readiness::default();
        let mut registry = Registry::with_prefix(P::METRICS_PREFIX);
        config.server.metrics.register(&mut registry);
        let program = Arc::new(start(readiness.clone(), &mut registry).map_err(RunError::Program)?);

        let (listening, admin_listening) = (listener.to_string(), admin.to_string());
        // The admin listener outlives the other, so that a drain can be watched.
        let admin_shutdown = CancellationToken::new();
        let administered = program.clone();
        let admin = tokio::spawn(admin::run(
            admin,
            Arc::new(registry),
            readiness.clone(),
            config.admin_hosts,
            admin_shutdown.clone(),
            move |request| administered.clone().administer(request),
        ));
        let chores = tokio::spawn(program.clone().housekeep());
        readiness.set(true);
        tracing::info!(listen = %listening, admin = %admin_listening, "listening");
        announce(addresses)?;

        let draining = shutdown.clone();
        let ending = tokio::spawn(async move {
            draining.cancelled().await;
            readiness.set(false);
        });
        let handling = program.clone();
        let handler = move |request, peer| handling.clone().handle(request, peer);
        server::serve(listener, config.server, shutdown, handler).await;

        chores.abort();
        program.wind_down();
        admin_shutdown.cancel();
        let _ = tokio::join!(admin, ending);
        tracing::info!("stopped");
        Ok(())
    })
}
