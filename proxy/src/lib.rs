//! The public half: signed URLs, rate limit, cache with lock and stale serving, CDN origin.
//!
//! The way of a request is `pipeline`; each of its steps is a module of its own.
#![forbid(unsafe_code)]

mod args;
mod cache_admin;
mod cache_client;
mod client_address;
mod config;
mod failure;
mod metrics;
mod open_doors;
mod pipeline;
mod rate_limit;
mod refusals;
mod respond;
mod route;
mod sign;
mod upstream;

use anyhow::Context;
use args::{Cli, Command};
use bytes::Bytes;
use clap::ArgMatches;
use config::Config;
use daemon::{DaemonConfig, Program, command_line, healthcheck, logs};
use http::{Request, Response};
use hyper::body::Incoming;
use pipeline::Edge;
use rustix::fs::Mode;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often the limiter forgets quiet clients and the cache what is inactive.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

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
    let _log = logs::init(&cli.log).map_err(anyhow::Error::msg)?;
    open_doors::warn(cli, matches, &config)?;
    let daemon = DaemonConfig {
        listen: cli.serve.listen.clone(),
        admin_listen: cli.admin_listen.clone(),
        admin_hosts: config.admin_hosts.clone(),
        server: config.server.clone(),
    };
    let start = |readiness, registry: &mut _| {
        let edge = Edge::new(config, readiness, registry);
        Ok(edge.context("the cache cannot be opened")?)
    };
    Ok(daemon::run(daemon, start)?)
}

impl Program for Edge {
    const METRICS_PREFIX: &'static str = "tandem_edge";

    type Body = respond::Body;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Self::Body> {
        pipeline::handle(self, request, peer).await
    }

    async fn administer(self: Arc<Self>, request: Request<Incoming>) -> Option<Response<Bytes>> {
        cache_admin::respond(self, request).await
    }

    /// Resolves the resizers' names, forgets quiet clients, removes inactive entries, reports refusals.
    async fn housekeep(self: Arc<Self>) {
        let upstream = self.upstream();
        let tidy = async {
            loop {
                tokio::time::sleep(HOUSEKEEPING).await;
                self.tidy();
            }
        };
        let report = async {
            loop {
                tokio::time::sleep(refusals::INTERVAL).await;
                self.refusals().report();
            }
        };
        tokio::join!(upstream.keep_resolving(), tidy, report);
    }

    fn wind_down(&self) {
        self.refusals().report();
    }
}
