//! The internal half: originals from S3, GCS, Azure, HTTP or a folder, transformed.
//!
//! The way of a request is `pipeline`; each of its steps is a module of its own.
#![forbid(unsafe_code)]

mod args;
mod coalesce;
pub mod config;
mod etag;
mod failure;
pub mod gate;
mod isolate;
mod jobs;
mod memory;
mod metrics;
mod original;
mod pipeline;
pub mod source;

pub use config::Config;
pub use isolate::Isolation;

use args::{Cli, Command};
use pipeline::Resizer;
use service::admin::{self, Readiness};
use service::announce::{Addresses, announce};
use service::listen::{self, Listener};
use service::metrics::Registry;
use service::shutdown::CancellationToken;
use service::{command_line, healthcheck, logs, open_files, server, shutdown};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

/// The name of the program.
pub const NAME: &str = "resizer";

/// The sockets of a running resizer, taken before it starts so that a taken port is told at once.
#[derive(Debug)]
pub struct Listeners {
    /// Where the edge comes in.
    pub internal: Listener,
    /// Health and metrics.
    pub admin: Listener,
}

/// The whole program, from its command line to its exit code. `main` and the quick start call it.
pub fn cli(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli: Cli = match command_line::parse(args) {
        Ok((cli, _)) => cli,
        Err(code) => return code,
    };
    let outcome = match &cli.command {
        Some(Command::Healthcheck) => healthcheck::ready(&cli.admin_listen).map_err(Into::into),
        Some(Command::PictureWorker) => return isolate::worker(),
        None => serve(&cli),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => command_line::fail(NAME, error.as_ref()),
    }
}

fn serve(cli: &Cli) -> anyhow::Result<()> {
    let config = Config::from_args(&cli.serve)?;
    open_files::raise();
    let _log = logs::init(&cli.log).map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let internal = listen::bind(&cli.serve.listen, "--listen").await?;
        let admin = listen::bind(&cli.admin_listen, "--admin-listen").await?;
        let addresses = Addresses {
            listen: internal.address(),
            admin: admin.address(),
        };
        let shutdown = shutdown::on_signals()?;
        let running = tokio::spawn(run(config, Listeners { internal, admin }, shutdown));
        announce(addresses)?;
        running.await?;
        Ok(())
    })
}

/// Serves until `shutdown` is cancelled, then drains and returns. The listeners are the caller's, so that a test owns
/// its ports.
pub async fn run(config: Config, listeners: Listeners, shutdown: CancellationToken) {
    let readiness = Readiness::default();
    let mut registry = Registry::with_prefix("tandem_resizer");
    let limits = config.server.clone();
    let admin_hosts = config.admin_hosts.clone();
    limits.metrics.register(&mut registry);
    let resizer = Arc::new(Resizer::new(config, &mut registry));

    let admin_address = listeners.admin.to_string();
    // The admin listener outlives the internal one, so that a drain can be watched.
    let admin_shutdown = CancellationToken::new();
    let admin = tokio::spawn(admin::run(
        listeners.admin,
        Arc::new(registry),
        readiness.clone(),
        admin_hosts,
        admin_shutdown.clone(),
        admin::nothing_more,
    ));
    readiness.set(true);
    tracing::info!(listen = %listeners.internal, admin = %admin_address, "listening");
    let unready = shutdown.clone();
    tokio::spawn(async move {
        unready.cancelled().await;
        readiness.set(false);
    });
    server::serve(
        listeners.internal,
        limits,
        shutdown,
        move |request, _peer| pipeline::handle(resizer.clone(), request),
    )
    .await;
    admin_shutdown.cancel();
    let _ = admin.await;
    tracing::info!("stopped");
}
