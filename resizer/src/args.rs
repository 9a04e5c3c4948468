//! The command line and the environment. Read once, turned into a [`crate::Config`] in `config`.
#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    reason = "these comments are the text of --help, where backticks would show"
)]

use clap::{ArgAction, Args, Parser, Subcommand};
use daemon::logs::LogArgs;
use daemon::units::{self, ByteSize};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The internal half of Tandem: fetches originals and transforms them. Not for the public: it checks no signature.
///
/// Every flag can be set in the environment as well, as shown in brackets; a flag goes before the environment.
/// Times are written 500ms, 5s, 1h; sizes 64MiB or 50MB; pixels 100MP.
#[derive(Parser, Debug)]
#[command(name = "resizer", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address of health (/healthz, /readyz) and /metrics.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:11338",
        env = "RESIZER_ADMIN_LISTEN",
        global = true
    )]
    pub admin_listen: String,
    #[command(flatten)]
    pub serve: ServeArgs,
    #[command(flatten)]
    pub log: LogArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Exit 0 when the process on this machine is ready, for container health checks.
    Healthcheck,
    /// One picture, ordered by a resizer on standard input.
    #[command(hide = true)]
    PictureWorker,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address to listen on for the edge: PORT or HOST:PORT; a name is listened on at all its addresses.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:11337",
        env = "RESIZER_LISTEN",
        help_heading = "Network"
    )]
    pub listen: String,
    /// Name by which the admin address may be asked for more than its health, besides localhost and addresses; may be given
    /// several times. Others are refused, so that no web page can have a browser ask.
    #[arg(
        long,
        value_name = "NAME",
        env = "RESIZER_ADMIN_HOST",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    pub admin_host: Vec<String>,
    /// How long a request may take in all.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::time_limit, env = "RESIZER_TIMEOUT",
          help_heading = "Network")]
    pub timeout: Duration,
    /// How long requests in progress may take to end at shutdown.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = units::duration,
          env = "RESIZER_DRAIN_TIMEOUT", help_heading = "Network")]
    pub drain_timeout: Duration,

    /// Where the originals are: file:///dir, s3://bucket/prefix, gs://bucket, az://container or https://host/base.
    ///
    /// Credentials come from the provider's standard variables, such as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    /// AWS_REGION, AWS_ENDPOINT and AWS_ALLOW_HTTP; those of an HTTP source from --source-authorization-file.
    #[arg(
        long,
        value_name = "URL",
        env = "RESIZER_SOURCE",
        hide_env_values = true,
        help_heading = "Originals"
    )]
    pub source: Option<String>,
    /// Origins, such as https://cdn.example.com, that an HTTP source may redirect to besides its own; separated by commas.
    /// None of them may be at a loopback, link-local, multicast or cloud metadata address.
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "RESIZER_SOURCE_REDIRECT_TO",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Originals"
    )]
    pub source_redirect_to: Vec<String>,
    /// File with the value of the Authorization field for the origin of an HTTP source, such as Bearer TOKEN.
    ///
    /// RESIZER_SOURCE_AUTHORIZATION holds the value itself.
    #[arg(
        long,
        value_name = "FILE",
        env = "RESIZER_SOURCE_AUTHORIZATION_FILE",
        help_heading = "Originals"
    )]
    pub source_authorization_file: Option<PathBuf>,
    /// How long the source may take to give one original.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::time_limit,
          env = "RESIZER_SOURCE_TIMEOUT", help_heading = "Originals")]
    pub source_timeout: Duration,
    /// Largest original in bytes.
    #[arg(long, value_name = "SIZE", default_value = "50MB", value_parser = units::byte_size,
          env = "RESIZER_MAX_SOURCE_SIZE", help_heading = "Originals")]
    pub max_source_size: ByteSize,
    /// Largest original in pixels, checked before one is decoded.
    #[arg(long, value_name = "PIXELS", default_value = "100MP", value_parser = units::pixels,
          env = "RESIZER_MAX_PIXELS", help_heading = "Originals")]
    pub max_pixels: u64,
    /// Most frames of an animation that stays animated; one with more is served as a still of its first frame.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..),
          env = "RESIZER_MAX_FRAMES", help_heading = "Originals")]
    pub max_frames: u32,
    /// Most pixels of an animation that stays animated, its canvas times its frames; one with more is served as a still.
    #[arg(long, value_name = "PIXELS", default_value = "100MP", value_parser = units::pixels,
          env = "RESIZER_MAX_ANIMATION_PIXELS", help_heading = "Originals")]
    pub max_animation_pixels: u64,

    /// Quality of JPEG where the URL is silent.
    #[arg(long, value_name = "1-100", default_value_t = 95, value_parser = clap::value_parser!(u8).range(1..=100),
          env = "RESIZER_JPEG_QUALITY", help_heading = "Pictures")]
    pub jpeg_quality: u8,
    /// Quality of WebP where the URL is silent.
    #[arg(long, value_name = "1-100", default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100),
          env = "RESIZER_WEBP_QUALITY", help_heading = "Pictures")]
    pub webp_quality: u8,
    /// Quality of AVIF where the URL is silent.
    #[arg(long, value_name = "1-100", default_value_t = 65, value_parser = clap::value_parser!(u8).range(1..=100),
          env = "RESIZER_AVIF_QUALITY", help_heading = "Pictures")]
    pub avif_quality: u8,
    /// Whether JPEG is progressive.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, env = "RESIZER_PROGRESSIVE",
          help_heading = "Pictures")]
    pub progressive: bool,

    /// Pictures worked on at once; the number of cores when absent.
    #[arg(long, value_name = "N", env = "RESIZER_WORKERS", help_heading = "Work")]
    pub workers: Option<NonZeroUsize>,
    /// Whether a job with a step that cannot be stopped, such as writing a large WebP or an AVIF, runs in a process of its
    /// own, which is ended as soon as nobody waits for the picture.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, env = "RESIZER_ISOLATE",
          help_heading = "Work")]
    pub isolate: bool,
    /// Requests that may wait for a worker; 65,536 when absent. One that waits holds no original. Whatever the number, a
    /// request is refused with 503 when the wait, by how long pictures took of late, would go beyond --timeout.
    #[arg(long, value_name = "N", env = "RESIZER_QUEUE", help_heading = "Work")]
    pub queue: Option<usize>,
    /// Originals passed on at once (/original/), each of which takes up to 1 MiB however slowly it is read; more wait.
    #[arg(
        long,
        value_name = "N",
        default_value = "256",
        env = "RESIZER_MAX_ORIGINALS",
        help_heading = "Work"
    )]
    pub max_originals: NonZeroUsize,
    /// Memory for all pictures that are decoded at once, estimated from their headers; half of what the container or
    /// else the machine has when absent. A picture that needs more by itself is worked on alone. Originals as they are
    /// stored come besides: up to five for each worker.
    #[arg(long, value_name = "SIZE", value_parser = units::byte_size, env = "RESIZER_MEMORY", help_heading = "Work")]
    pub memory: Option<ByteSize>,
}
