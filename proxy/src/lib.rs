//! The public half: signed URLs, rate limit, cache with lock and stale serving, CDN origin.
//!
//! The way of a request is `pipeline`; each of its steps is a module of its own.
#![forbid(unsafe_code)]

mod args;
mod cache_admin;
mod cache_client;
pub mod client_address;
pub mod config;
mod failure;
mod metrics;
mod open_doors;
mod pipeline;
pub mod rate_limit;
mod refusals;
mod respond;
mod sign;
pub mod upstream;

pub use config::Config;

use anyhow::Context;
use args::{Cli, Command};
use clap::ArgMatches;
use pipeline::Edge;
use rustix::fs::Mode;
use service::admin::{self, Readiness};
use service::announce::{Addresses, announce};
use service::listen::{self, Listener};
use service::metrics::Registry;
use service::shutdown::CancellationToken;
use service::{command_line, healthcheck, logs, open_files, server, shutdown};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often the limiter forgets quiet clients and the cache what is inactive.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// The sockets of a running edge, taken before it starts so that a taken port is told at once.
#[derive(Debug)]
pub struct Listeners {
    /// Where clients come in.
    pub public: Listener,
    /// Health and metrics.
    pub admin: Listener,
}

/// The whole program, from its command line to its exit code. `main` and the quick start call it.
pub fn cli(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (cli, matches): (Cli, ArgMatches) = match command_line::parse(args) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let token = || config::admin_token(&cli);
    let outcome = match &cli.command {
        Some(Command::Sign(args)) => sign::run(&cli.signing, &cli.language, args),
        Some(Command::Purge(args)) => {
            token().and_then(|token| cache_client::purge(&cli.admin_listen, token.as_deref(), args))
        }
        Some(Command::Cache(command)) => token()
            .and_then(|token| cache_client::look(&cli.admin_listen, token.as_deref(), command)),
        Some(Command::Healthcheck) => healthcheck::ready(&cli.admin_listen).map_err(Into::into),
        None => serve(&cli, &matches),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => command_line::fail("edge-proxy", error.as_ref()),
    }
}

fn serve(cli: &Cli, matches: &ArgMatches) -> anyhow::Result<()> {
    // What cacache writes is as private as its folder.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let config = Config::from_args(cli)?;
    open_files::raise();
    let _log = logs::init(&cli.log).map_err(anyhow::Error::msg)?;
    open_doors::warn(cli, matches, &config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let public = listen::bind(&cli.serve.listen, "--listen").await?;
        let admin = listen::bind(&cli.admin_listen, "--admin-listen").await?;
        let addresses = Addresses {
            listen: public.address(),
            admin: admin.address(),
        };
        let shutdown = shutdown::on_signals()?;
        let running = tokio::spawn(run(config, Listeners { public, admin }, shutdown));
        announce(addresses)?;
        running.await?
    })
}

/// Serves until `shutdown` is cancelled, then drains and returns. The listeners are the caller's, so that a test owns
/// its ports.
///
/// # Errors
/// When the cache cannot be opened.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let readiness = Readiness::default();
    let mut registry = Registry::with_prefix("tandem_edge");
    let limits = config.server.clone();
    let admin_hosts = config.admin_hosts.clone();
    limits.metrics.register(&mut registry);
    let admin_token: Option<Arc<str>> = config.admin_token.as_deref().map(Arc::from);
    let edge = Arc::new(
        Edge::new(config, readiness.clone(), &mut registry)
            .context("the cache cannot be opened")?,
    );

    let looked_into = edge.clone();
    let admin_address = listeners.admin.to_string();
    // The admin listener outlives the public one, so that a drain can be watched.
    let admin_shutdown = CancellationToken::new();
    let admin = tokio::spawn(admin::run(
        listeners.admin,
        Arc::new(registry),
        readiness.clone(),
        admin_hosts,
        admin_shutdown.clone(),
        move |request| cache_admin::respond(looked_into.clone(), admin_token.clone(), request),
    ));
    let chores = tokio::spawn(housekeeping(edge.clone(), shutdown.clone()));
    readiness.set(true);
    tracing::info!(listen = %listeners.public, admin = %admin_address, "listening");

    let unready = {
        let (readiness, shutdown) = (readiness.clone(), shutdown.clone());
        async move {
            shutdown.cancelled().await;
            readiness.set(false);
        }
    };
    tokio::spawn(unready);
    let handler = {
        let edge = edge.clone();
        move |request, peer| pipeline::handle(edge.clone(), request, peer)
    };
    server::serve(listeners.public, limits, shutdown, handler).await;

    admin_shutdown.cancel();
    let _ = tokio::join!(admin, chores);
    tracing::info!("stopped");
    Ok(())
}

/// What has to be done now and then: resolve the resizers' names, forget quiet clients, remove inactive entries.
async fn housekeeping(edge: Arc<Edge>, shutdown: CancellationToken) {
    let upstream = edge.upstream();
    let resolve = upstream.keep_resolving();
    let tidy = async {
        loop {
            tokio::time::sleep(HOUSEKEEPING).await;
            edge.tidy();
        }
    };
    let report = async {
        loop {
            tokio::time::sleep(refusals::INTERVAL).await;
            edge.refusals().report();
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => edge.refusals().report(),
        () = resolve => {}
        () = report => {}
        () = tidy => {}
    }
}
