//! The log: one line an event on standard error, as text or JSON.
//!
//! A thread of its own writes, behind a queue bounded in bytes, so that a slow terminal or a full pipe neither blocks a
//! request nor takes memory: what finds no room is dropped, counted, and reported once there is room again.

use crate::log_queue::{LineWriter, LogQueue, Weight};
use crate::units::{self, ByteSize};
use clap::{Args, ValueEnum};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, OnceLock};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use wire::shown::Shown;

/// The queue of this process, of which there is one as there is one standard error.
static QUEUE: OnceLock<Arc<LogQueue>> = OnceLock::new();

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
    /// Bytes of lines held for a slow reader of the log; lines beyond are dropped and counted.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "4MiB",
        value_parser = queue_size,
        env = "TANDEM_LOG_QUEUE",
        global = true
    )]
    pub log_queue: ByteSize,
}

/// The least that is of use: some hundred lines.
fn queue_size(text: &str) -> Result<ByteSize, String> {
    let size = units::byte_size(text)?;
    if size < ByteSize::kib(64) {
        return Err("64KiB is the least".to_owned());
    }
    Ok(size)
}

/// Writes what is still queued when it is dropped, so `main` keeps it to its end.
#[derive(Debug)]
pub struct LogGuard(Arc<LogQueue>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Starts the log. A panic, whose text would go to standard error past the queue, becomes a line of it.
///
/// # Errors
/// When the filter cannot be understood or the thread cannot be started; the text says why.
pub fn init(args: &LogArgs) -> Result<LogGuard, String> {
    let filter = EnvFilter::builder()
        .parse(&args.log)
        .map_err(|error| format!("--log {}: {error}", args.log))?;
    let limit = usize::try_from(args.log_queue.as_u64()).unwrap_or(usize::MAX);
    let queue = Arc::new(LogQueue::new(limit));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(QueueWriter(queue.clone()));
    match args.log_format {
        LogFormat::Text => builder.with_ansi(ansi).init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init(),
    }
    let written = queue.clone();
    std::thread::Builder::new()
        .name("log".into())
        .spawn(move || written.write_to(std::io::stderr(), report_dropped))
        .map_err(|error| format!("the thread of the log cannot be started: {error}"))?;
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("no message");
        let at = panic.location().map(ToString::to_string);
        tracing::error!(
            at = %at.as_deref().unwrap_or("-"),
            "panicked: {}",
            Shown(text)
        );
    }));
    let _ = QUEUE.set(queue.clone());
    Ok(LogGuard(queue))
}

fn report_dropped(lines: u64) {
    tracing::warn!(
        lines,
        "log lines dropped, since its reader was slower than they came"
    );
}

/// Adds what is known of the log to the metrics.
pub fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(LogCollector));
}

#[derive(Debug)]
struct LogCollector;

impl Collector for LogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (held, dropped) = QUEUE
            .get()
            .map_or((0, 0), |queue| (queue.held(), queue.dropped()));
        let gauge = ConstGauge::new(i64::try_from(held).unwrap_or(i64::MAX));
        let help = "Bytes of log lines that wait to be read";
        gauge.encode(encoder.encode_descriptor(
            "log_queued_bytes",
            help,
            None,
            gauge.metric_type(),
        )?)?;
        let counter = ConstCounter::new(dropped);
        let help = "Log lines dropped, since the reader of the log was too slow";
        counter.encode(encoder.encode_descriptor(
            "log_dropped",
            help,
            None,
            counter.metric_type(),
        )?)
    }
}

/// Gives each event a writer to the queue.
#[derive(Debug)]
struct QueueWriter(Arc<LogQueue>);

impl<'a> MakeWriter<'a> for QueueWriter {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter {
            queue: self.0.clone(),
            weight: Weight::Ordinary,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter {
        let weight = if *metadata.level() <= Level::WARN {
            Weight::Important
        } else {
            Weight::Ordinary
        };
        LineWriter {
            queue: self.0.clone(),
            weight,
        }
    }
}
