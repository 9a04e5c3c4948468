//! A plain shared cache in front of any HTTP origin, so that the engine can be tried and judged alone:
//!
//! ```text
//! cargo run --release -p http-cache --example shared-cache -- --listen 127.0.0.1:8080 --origin http://127.0.0.1:8000
//! ```
#![forbid(unsafe_code)]

use clap::Parser;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use http_cache::cache::UpstreamResponse;
use http_cache::disk::DiskConfig;
use http_cache::shared::{AnswerBody, Origin, RequestBody};
use http_cache::{
    Cache, CacheConfig, CacheValid, Clock, FetchError, Policy, SharedCache, UseStale,
};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;

/// A shared cache in front of an HTTP origin.
#[derive(Parser)]
struct Args {
    /// Where clients come in.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// The origin: http://HOST:PORT
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
}

struct Upstream {
    client: Client<HttpConnector, RequestBody>,
    authority: Authority,
    timeout: Duration,
}

impl Origin for Upstream {
    async fn ask(&self, mut request: Request<RequestBody>) -> Result<UpstreamResponse, FetchError> {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        let invalid =
            |error: http::uri::InvalidUriParts| FetchError::Invalid(error.to_string().into());
        *request.uri_mut() = Uri::from_parts(parts).map_err(invalid)?;
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response.map(|body| {
                let failed =
                    |error: hyper::Error| FetchError::Unreachable(error.to_string().into());
                body.map_err(failed).boxed_unsync()
            })),
            Ok(Err(error)) => Err(FetchError::Unreachable(format!("{error:?}").into())),
            Err(_) => Err(FetchError::Timeout("no answer".into())),
        }
    }
}

async fn answer(
    cache: SharedCache<Upstream>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    Ok(cache.respond(request).await)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let authority = args.origin.authority().cloned();
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
        lock_timeout: Duration::from_secs(5),
        max_body: 64 << 20,
        max_flights: 1000,
        max_flight_bytes: 256 << 20,
        tag_of: |_| None,
        clock: Clock::System,
    })?;
    let upstream = Upstream {
        client: Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(4))
            .build_http::<RequestBody>(),
        authority: authority.ok_or("--origin http://HOST:PORT")?,
        timeout: Duration::from_secs(args.timeout_seconds),
    };
    let cache = SharedCache::new(cache, upstream, "tandem");
    let listener = TcpListener::bind(&args.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // The client went away, or there are no descriptors for a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let cache = cache.clone();
        let service = service_fn(move |request| answer(cache.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _: Result<(), hyper::Error> = connection.await;
        });
    }
}
