//! The log: one line an event on standard error, as text or JSON.
//!
//! A thread of its own writes, behind a bounded queue, so that a slow terminal or a full pipe never blocks a request.

use clap::{Args, ValueEnum};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait for a slow reader at most; beyond, new ones are dropped. What clients choose is cut before, so a line has
/// some hundred bytes, and all of them a few MB.
const QUEUED_LINES: usize = 8_192;

/// How the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

/// The flags about the log, the same in both programs.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Text for people, or one JSON object a line.
    #[arg(
        long,
        value_enum,
        default_value = "text",
        env = "TANDEM_LOG_FORMAT",
        global = true
    )]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,access=off`.
    ///
    /// Each answered request is one line at target `access`.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info",
        env = "TANDEM_LOG",
        global = true
    )]
    pub log: String,
}

/// Starts the log. Lines still queued are written when the returned guard is dropped, so `main` keeps it to its end.
///
/// # Errors
/// When the filter cannot be understood; the text says why.
pub fn init(args: &LogArgs) -> Result<WorkerGuard, String> {
    let filter = EnvFilter::builder()
        .parse(&args.log)
        .map_err(|error| format!("--log {}: {error}", args.log))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUED_LINES)
        .finish(std::io::stderr());
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    match args.log_format {
        LogFormat::Text => builder.with_ansi(ansi).init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init(),
    }
    Ok(guard)
}
