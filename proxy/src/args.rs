//! The command line and the environment. Read once, turned into a [`crate::Config`] in `config`.
#![allow(
    clippy::doc_markdown,
    reason = "these comments are the text of --help, where backticks would show"
)]

use crate::client_address::RealIpHeader;
use clap::{Args, Parser, Subcommand, ValueEnum};
use daemon::logs::LogArgs;
use daemon::units::{self, ByteSize, Rate, Switch};
use http_cache::UseStale;
use http_cache::cache_valid::ValidRule;
use ipnet::IpNet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The public half of Tandem: checks signed URLs, limits the rate, caches, and fetches misses from resizers.
///
/// Every flag can be set in the environment as well, as shown in brackets; a flag goes before the environment.
/// Times are written 500ms, 5s, 1h or 30d; sizes 64MiB or 10GB; rates 50r/s.
#[derive(Parser, Debug)]
#[command(
    name = "edge-proxy",
    version,
    max_term_width = 110,
    args_conflicts_with_subcommands = false
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address of health (/healthz, /readyz), /metrics, purges and looks into the cache. Not for the public.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8081",
        env = "EDGE_ADMIN_LISTEN",
        global = true
    )]
    pub admin_listen: String,
    /// Token that authorizes purges and looks into the cache, which are refused without one.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "EDGE_ADMIN_TOKEN",
        hide_env_values = true,
        global = true
    )]
    pub admin_token: Option<String>,
    /// File that holds the token, on one line.
    #[arg(
        long,
        value_name = "FILE",
        env = "EDGE_ADMIN_TOKEN_FILE",
        global = true
    )]
    pub admin_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub signing: SigningArgs,
    #[command(flatten)]
    pub language: LanguageArgs,
    #[command(flatten)]
    pub serve: ServeArgs,
    #[command(flatten)]
    pub log: LogArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Print the signed form of a path: `edge-proxy sign /resize/300x200/cats/tom.jpg`.
    Sign(SignArgs),
    /// Exit 0 when the process on this machine is ready, for container health checks.
    Healthcheck,
    /// Remove pictures from the cache of a running edge-proxy, or mark them stale.
    Purge(PurgeArgs),
    /// Look into the cache of a running edge-proxy.
    #[command(subcommand)]
    Cache(CacheCommand),
}

#[derive(Args, Debug)]
pub(crate) struct PurgeArgs {
    /// Mark stale instead of removing: the old picture is served until the new one is there.
    #[arg(long, global = true)]
    pub soft: bool,
    #[command(subcommand)]
    pub what: PurgeCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum PurgeCommand {
    /// One URL, as it is requested: `/resize/300x200/cats/tom.jpg`.
    Url {
        /// The path; a signature behind it does not matter.
        path: String,
    },
    /// All pictures made of an original: `cats/tom.jpg`.
    Original {
        /// The name, not percent-encoded.
        name: String,
    },
    /// All pictures made of the originals whose name begins so: `cats/`.
    Prefix {
        /// The beginning of the names, not percent-encoded.
        prefix: String,
    },
    /// Everything.
    All,
}

#[derive(Subcommand, Debug)]
pub(crate) enum CacheCommand {
    /// Print what is held: bytes and entries of both tiers.
    Stats,
    /// Print entries on disk, one a line: bytes, time of last use, URL.
    Ls {
        /// Only URLs that hold this text.
        #[arg(default_value = "")]
        contains: String,
        /// Entries printed at most.
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The path as you would write it, not percent-encoded.
    pub path: String,
    /// How long the link works; for ever when absent.
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub expires_in: Option<Duration>,
    /// Put in front of the path: `https://img.example.com`.
    #[arg(long, value_name = "URL", default_value = "")]
    pub base: String,
}

/// Which hash a link carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signature {
    /// MD5 as nginx's secure_link makes it.
    Md5,
    /// HMAC-SHA256, what a new site should use.
    HmacSha256,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Signatures")]
pub(crate) struct SigningArgs {
    /// A secret that links are signed with; several, comma-separated or repeated, are all accepted, the first one signs.
    /// Everybody on the machine can read a flag: give it in the environment or in --secret-file.
    #[arg(
        long,
        value_name = "SECRET",
        value_delimiter = ',',
        env = "EDGE_SECRET",
        hide_env_values = true,
        global = true
    )]
    pub secret: Vec<String>,
    /// A file of secrets, one a line.
    #[arg(long, value_name = "FILE", env = "EDGE_SECRET_FILE", global = true)]
    pub secret_file: Option<PathBuf>,
    /// How links are signed.
    #[arg(
        long,
        value_enum,
        default_value = "md5",
        env = "EDGE_SIGNATURE",
        global = true
    )]
    pub signature: Signature,
    /// What is hashed, in nginx's words: `$secure_link_expires$uri my-secret`. Knows $uri, $secure_link_expires,
    /// $remote_addr, $arg_NAME, and $secret for each secret in turn.
    #[arg(
        long,
        value_name = "EXPR",
        env = "EDGE_SECURE_LINK_MD5",
        hide_env_values = true,
        global = true
    )]
    pub secure_link_md5: Option<String>,
    /// Answer every URL, signed or not. For development only: strangers can then make endless work.
    #[arg(long, env = "EDGE_INSECURE_UNSIGNED", global = true)]
    pub insecure_unsigned: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "URLs")]
pub(crate) struct LanguageArgs {
    /// A name for an operation with its options, such as thumb=resize/300x200,q=80 for /preset/thumb/cat.jpg;
    /// repeatable, or separated by semicolons.
    #[arg(
        long = "preset",
        value_name = "NAME=OPERATION",
        value_delimiter = ';',
        env = "EDGE_PRESETS",
        global = true
    )]
    pub presets: Vec<String>,
    /// Serve nothing but presets.
    #[arg(long, env = "EDGE_PRESETS_ONLY", global = true)]
    pub presets_only: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address to listen on: PORT or HOST:PORT; a name is listened on at all its addresses.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "0.0.0.0:8080",
        env = "EDGE_LISTEN",
        help_heading = "Network"
    )]
    pub listen: String,
    /// A resizer; repeatable. A name is resolved to all its addresses, again every few seconds.
    #[arg(
        long = "resizer",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:11337",
        env = "EDGE_RESIZERS",
        hide_env_values = true,
        help_heading = "Network"
    )]
    pub resizers: Vec<url::Url>,
    /// How long a resizer may take to answer, and to be silent within an answer.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::time_limit, env = "EDGE_UPSTREAM_TIMEOUT",
          help_heading = "Network")]
    pub upstream_timeout: Duration,
    /// Largest answer that is kept; a larger one is passed on as it comes.
    #[arg(long, value_name = "SIZE", default_value = "100MB", value_parser = units::byte_size, env = "EDGE_MAX_BODY",
          help_heading = "Network")]
    pub max_body: ByteSize,
    /// Trusted proxies, which give the address of the client; repeatable (nginx: set_real_ip_from).
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        env = "EDGE_REAL_IP_FROM",
        help_heading = "Network"
    )]
    pub real_ip_from: Vec<IpNet>,
    /// Header in which they give it (nginx: real_ip_header).
    #[arg(
        long,
        value_enum,
        default_value = "x-forwarded-for",
        env = "EDGE_REAL_IP_HEADER",
        help_heading = "Network"
    )]
    pub real_ip_header: RealIpHeader,
    /// A path of the public listener that gives 200 while traffic is wanted and 503 else, for load balancers that cannot
    /// reach the admin address: /healthz for example. Not signed, limited or logged.
    #[arg(
        long,
        value_name = "PATH",
        value_parser = health_path,
        env = "EDGE_HEALTH_PATH",
        help_heading = "Network"
    )]
    pub health_path: Option<String>,
    /// Name by which the admin address may be asked for more than its health, besides localhost and addresses; may be given
    /// several times. Others are refused, so that no web page can have a browser ask.
    #[arg(
        long,
        value_name = "NAME",
        env = "EDGE_ADMIN_HOST",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    pub admin_host: Vec<String>,
    /// Connections open at once. When there are more, the longest idle one is closed for the next, else the one whose
    /// head is awaited longest.
    #[arg(
        long,
        value_name = "N",
        default_value = "10000",
        env = "EDGE_MAX_CONNECTIONS",
        help_heading = "Network"
    )]
    pub max_connections: NonZeroUsize,
    /// Connections without a request under work that one client (IPv6: a /64) may have, trusted proxies excepted (nginx:
    /// limit_conn). When places run short, one client has half of them at most.
    #[arg(
        long,
        value_name = "N",
        default_value = "256",
        env = "EDGE_MAX_CONNECTIONS_PER_CLIENT",
        help_heading = "Network"
    )]
    pub max_connections_per_client: NonZeroUsize,
    /// How long the head of a request may take in all (nginx: client_header_timeout). An eighth of it when places run
    /// short, as with --idle-timeout.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = units::time_limit, env = "EDGE_HEAD_TIMEOUT",
          help_heading = "Network")]
    pub head_timeout: Duration,
    /// How long a connection without a request is kept (nginx: keepalive_timeout).
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = units::time_limit, env = "EDGE_IDLE_TIMEOUT",
          help_heading = "Network")]
    pub idle_timeout: Duration,
    /// How long requests in progress may take to end at shutdown.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = units::duration, env = "EDGE_DRAIN_TIMEOUT",
          help_heading = "Network")]
    pub drain_timeout: Duration,

    /// Status for an unsigned or wrongly signed URL: 404 or 403.
    #[arg(long, value_name = "STATUS", default_value_t = 404, value_parser = denied_status, env = "EDGE_DENIED_STATUS",
          help_heading = "Access")]
    pub denied_status: u16,
    /// Requests allowed to each client address (IPv6: each /64), or off (nginx: limit_req).
    #[arg(long, value_name = "RATE", default_value = "50r/s", value_parser = units::rate_or_off, env = "EDGE_RATE_LIMIT",
          help_heading = "Access")]
    pub rate_limit: Switch<Rate>,
    /// Requests allowed at once before the rate is kept; ten times the rate's number when absent.
    #[arg(
        long,
        value_name = "N",
        env = "EDGE_RATE_BURST",
        help_heading = "Access"
    )]
    pub rate_burst: Option<std::num::NonZeroU32>,

    /// Folder of the cache on disk, made when it is missing; one that cannot be used is an error.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/cache/tandem",
        env = "EDGE_CACHE_DIR",
        help_heading = "Cache"
    )]
    pub cache_dir: PathBuf,
    /// Bytes on disk at most; 0 keeps nothing on disk.
    #[arg(long, value_name = "SIZE", default_value = "10GB", value_parser = units::byte_size, env = "EDGE_CACHE_SIZE",
          help_heading = "Cache")]
    pub cache_size: ByteSize,
    /// Bytes in memory at most; 0 keeps nothing in memory.
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = units::byte_size, env = "EDGE_CACHE_MEMORY",
          help_heading = "Cache")]
    pub cache_memory: ByteSize,
    /// Bytes that wait to be written to disk at most; what finds no room is not stored there.
    #[arg(long, value_name = "SIZE", default_value = "128MB", value_parser = units::byte_size, env = "EDGE_CACHE_QUEUE",
          help_heading = "Cache")]
    pub cache_queue: ByteSize,
    /// What has not been asked for in this time is removed from disk (nginx: inactive).
    #[arg(long, value_name = "TIME", default_value = "60d", value_parser = units::duration, env = "EDGE_CACHE_INACTIVE",
          help_heading = "Cache")]
    pub cache_inactive: Duration,
    /// How long answers are fresh: `30d` for 200, 301 and 302, `404=1m` for one status, `any=1m` for the rest
    /// (nginx: proxy_cache_valid).
    #[arg(long, value_name = "[STATUS=]TIME", value_delimiter = ',', default_value = "30d,404=1m,413=1m,415=1m",
          value_parser = valid_rule, env = "EDGE_CACHE_VALID", help_heading = "Cache")]
    pub cache_valid: Vec<ValidRule>,
    /// How long a request waits for another's fetch of the same picture before it fetches on its own, uncached
    /// (nginx: proxy_cache_lock_timeout). Without it, it waits for as long as that fetch takes.
    #[arg(long, value_name = "TIME", value_parser = units::duration, env = "EDGE_LOCK_TIMEOUT",
          help_heading = "Cache")]
    pub lock_timeout: Option<Duration>,
    /// On which failures a stale picture is served: error, timeout, invalid_header, updating, http_500, http_502, http_503,
    /// http_504, http_403, http_404, http_429, or off (nginx: proxy_cache_use_stale).
    #[arg(long, value_name = "FAILURES", default_value_t = UseStale::all(), env = "EDGE_USE_STALE", help_heading = "Cache")]
    pub use_stale: UseStale,
    /// How stale a picture may be that is served, or off: as long as it lies in the cache.
    #[arg(long, value_name = "TIME", default_value = "off", value_parser = units::duration_or_off, env = "EDGE_MAX_STALE",
          help_heading = "Cache")]
    pub max_stale: Switch<Duration>,
    /// Fetches from resizers under way at once; a request that needs one more is answered 503.
    #[arg(
        long,
        value_name = "N",
        default_value = "1000",
        env = "EDGE_MAX_FETCHES",
        help_heading = "Cache"
    )]
    pub max_fetches: NonZeroUsize,
    /// Fetches under way for one client (IPv6: a /64); a request that needs one more is answered 429. Half of
    /// --max-fetches when absent.
    #[arg(
        long,
        value_name = "N",
        env = "EDGE_MAX_FETCHES_PER_CLIENT",
        help_heading = "Cache"
    )]
    pub max_fetches_per_client: Option<NonZeroUsize>,
    /// Bytes of pictures that fetches under way hold at most; what finds no room is passed on without being kept.
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = units::byte_size,
          env = "EDGE_MAX_FETCH_MEMORY", help_heading = "Cache")]
    pub max_fetch_memory: ByteSize,
    /// How long browsers and CDNs may keep a picture, or off to pass on what the resizer says (nginx: expires).
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = units::duration_or_off, env = "EDGE_EXPIRES",
          help_heading = "Cache")]
    pub expires: Switch<Duration>,
}

fn denied_status(text: &str) -> Result<u16, String> {
    match text {
        "404" => Ok(404),
        "403" => Ok(403),
        _ => Err("write 404 or 403".to_owned()),
    }
}

fn health_path(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if text.len() > 1 && text.starts_with('/') && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("write a path of letters, digits and -._~ such as /healthz".to_owned())
    }
}

fn valid_rule(text: &str) -> Result<ValidRule, String> {
    ValidRule::parse(text, units::duration)
}
