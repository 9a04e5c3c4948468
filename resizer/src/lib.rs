//! The internal half: originals from S3, GCS, Azure, HTTP or a folder, transformed.
//!
//! The way of a request is `pipeline`; each of its steps is a module of its own.
#![forbid(unsafe_code)]

mod args;
mod coalesce;
mod config;
mod etag;
mod failure;
mod gate;
mod isolate;
mod jobs;
mod memory;
mod metrics;
mod original;
mod pipeline;
mod respond;
mod route;
mod source;

use args::{Cli, Command};
use config::Config;
use daemon::{DaemonConfig, Program, command_line, healthcheck, logs};
use http::{Request, Response};
use hyper::body::Incoming;
use pipeline::Resizer;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

/// The name of the program.
pub const NAME: &str = "resizer";

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
    let _log = logs::init(&cli.log).map_err(anyhow::Error::msg)?;
    let daemon = DaemonConfig {
        listen: cli.serve.listen.clone(),
        admin_listen: cli.admin_listen.clone(),
        admin_hosts: config.admin_hosts.clone(),
        server: config.server.clone(),
    };
    let start = |_, registry: &mut _| Ok(Resizer::new(config, registry));
    Ok(daemon::run(daemon, start)?)
}

impl Program for Resizer {
    const METRICS_PREFIX: &'static str = "tandem_resizer";

    type Body = original::Body;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        _peer: SocketAddr,
    ) -> Response<Self::Body> {
        pipeline::handle(self, request).await
    }
}
