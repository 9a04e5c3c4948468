//! A plain shared cache in front of any HTTP origin, so that the engine can be tried and judged alone:
//!
//! ```text
//! cargo run --release -p http-cache --example shared-cache -- --listen 127.0.0.1:8080 --origin http://127.0.0.1:8000
//! ```
#![forbid(unsafe_code)]

mod origin;
mod serve;

use clap::Parser;
use http::Uri;
use http_cache::disk::DiskConfig;
use http_cache::{Cache, CacheConfig, CacheValid, Clock, Policy, SharedCache, UseStale};
use origin::Upstream;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;

/// A shared cache in front of an HTTP origin.
#[derive(Parser)]
struct Args {
    /// Where clients come in.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// The origin: `http://HOST[:PORT][/PREFIX]`
    #[arg(long)]
    origin: Uri,
    /// Bytes of the memory tier.
    #[arg(long, default_value_t = 256 << 20)]
    memory: u64,
    /// The folder of the disk tier; memory only when absent.
    #[arg(long)]
    cache_dir: Option<PathBuf>,
    /// On which failures stale is served without a response saying so, in nginx's words.
    #[arg(long, default_value = "error,timeout")]
    use_stale: UseStale,
    /// How long the origin may take to answer.
    #[arg(long, default_value_t = 60)]
    timeout_seconds: u64,
    /// How long it may be silent within a body.
    #[arg(long, default_value_t = 30)]
    silence_seconds: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let seconds = Duration::from_secs;
    let cache = Cache::open(CacheConfig {
        memory: args.memory,
        disk: args.cache_dir.map(|dir| DiskConfig {
            dir,
            size: 10 << 30,
            inactive: Duration::from_secs(30 * 86_400),
            queue: 128 << 20,
        }),
        policy: Policy {
            valid: CacheValid::default(),
            use_stale: args.use_stale,
            max_stale: None,
            store_set_cookie: true,
        },
        lock_timeout: Some(Duration::from_secs(5)),
        timeout_memory: Duration::ZERO,
        max_body: 64 << 20,
        max_flights: 1000,
        max_flights_per_client: 1000,
        max_flight_bytes: 256 << 20,
        tag_of: |_| None,
        clock: Clock::System,
    })?;
    let upstream = Upstream::new(
        &args.origin,
        seconds(args.timeout_seconds),
        seconds(args.silence_seconds),
    )?;
    let cache = SharedCache::new(cache, upstream, "tandem");
    let listener = TcpListener::bind(&args.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    serve::serve(listener, cache).await;
    Ok(())
}
