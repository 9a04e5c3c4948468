//! The settings of the resizer as plain values, checked once.

use crate::args::ServeArgs;
use crate::gate::GateConfig;
use crate::isolate::Isolation;
use crate::memory::default_budget;
use crate::source::{Source, SourceConfig};
use anyhow::{Context, bail};
use daemon::admin::Hosts;
use daemon::server::ServerLimits;
use http::HeaderValue;
use imaging::{Encoding, Limits, Settings};
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

/// Requests that may wait where nothing else is said: what has no chance in time is refused long before.
const QUEUE: usize = 65_536;

/// All settings of a running resizer.
#[derive(Debug)]
pub(crate) struct Config {
    /// Bounds of the listener.
    pub server: ServerLimits,
    /// Names of the admin listener.
    pub admin_hosts: Hosts,
    /// Where originals come from.
    pub source: Source,
    /// How many pictures are worked on, in how much memory, and how many wait.
    pub gate: GateConfig,
    /// Limits of originals and defaults of encoders.
    pub imaging: Settings,
    /// How many originals are passed on at once.
    pub max_originals: usize,
    /// How long a request may take in all.
    pub timeout: Duration,
    /// How processes are started for jobs that cannot be stopped; `None` runs them all in this one.
    pub isolation: Option<Isolation>,
}

impl Config {
    pub(crate) fn from_args(args: &ServeArgs) -> anyhow::Result<Self> {
        let url = args
            .source
            .as_deref()
            .context("no source: give --source or RESIZER_SOURCE, such as s3://bucket")?;
        let source = SourceConfig {
            timeout: args.source_timeout,
            max_size: args.max_source_size.as_u64(),
            redirect_to: args.source_redirect_to.clone(),
            authorization: authorization(args.source_authorization_file.as_deref())?,
        };
        let workers = args.workers.map_or_else(
            || available_parallelism().map_or(1, usize::from),
            usize::from,
        );
        Ok(Self {
            server: ServerLimits {
                drain_timeout: args.drain_timeout,
                ..ServerLimits::default()
            },
            source: Source::open(url, &source).with_context(|| {
                // A query may be a credential.
                let shown = url.split('?').next().unwrap_or_default();
                format!("--source {shown}")
            })?,
            gate: GateConfig {
                workers,
                queue: args.queue.unwrap_or(QUEUE),
                memory: args
                    .memory
                    .map_or_else(default_budget, |memory| memory.as_u64()),
            },
            imaging: Settings {
                limits: Limits {
                    max_pixels: args.max_pixels,
                    max_frames: args.max_frames,
                    max_animation_pixels: args.max_animation_pixels,
                    ..Limits::default()
                },
                encoding: Encoding {
                    jpeg_quality: args.jpeg_quality,
                    webp_quality: args.webp_quality,
                    avif_quality: args.avif_quality,
                    progressive: args.progressive,
                },
            },
            admin_hosts: Hosts::new(args.admin_host.clone()),
            max_originals: args.max_originals.get(),
            timeout: args.timeout,
            isolation: args
                .isolate
                .then(Isolation::of_this_process)
                .transpose()
                .context("--isolate")?,
        })
    }
}

/// The variable with the credentials for an HTTP source.
const AUTHORIZATION: &str = "RESIZER_SOURCE_AUTHORIZATION";

/// The credentials for an HTTP source, from the file or else the environment. No error shows them.
fn authorization(file: Option<&Path>) -> anyhow::Result<Option<HeaderValue>> {
    let (place, text) = match (file, std::env::var(AUTHORIZATION)) {
        (Some(file), _) => {
            let place = format!("--source-authorization-file {}", file.display());
            let text = std::fs::read_to_string(file).with_context(|| place.clone())?;
            (place, text)
        }
        (None, Ok(text)) => (AUTHORIZATION.to_owned(), text),
        (None, Err(std::env::VarError::NotPresent)) => return Ok(None),
        (None, Err(_)) => bail!("{AUTHORIZATION}: not a text"),
    };
    // A scheme and what it asks for (RFC 9110 §11.4).
    let text = text.trim();
    let value = HeaderValue::try_from(text).ok();
    match value.filter(|_| text.contains(' ')) {
        Some(mut value) => {
            value.set_sensitive(true);
            Ok(Some(value))
        }
        None => bail!("{place}: write a scheme and credentials, such as Bearer TOKEN"),
    }
}
