//! The settings of the edge as plain values, checked once. Each module sees its own part only.

use crate::args::{Cli, LanguageArgs, Signature, SigningArgs};
use crate::cache_admin::original_of;
use crate::client_address::ClientAddressConfig;
use crate::rate_limit::RateLimitConfig;
use crate::upstream::UpstreamConfig;
use anyhow::{Context, bail};
use http_cache::disk::DiskConfig;
use http_cache::{CacheConfig, CacheValid, Clock, Policy};
use image_url::{Algorithm, Expression, Language, Preset, Secret, SecureLink, SecureLinkConfig};
use service::Problem;
use service::server::ServerLimits;
use std::time::Duration;

/// How long it is remembered that a picture was too slow.
const TIMEOUT_MEMORY: Duration = Duration::from_secs(5);

/// All settings of a running edge.
pub struct Config {
    /// Bounds of the public listener.
    pub server: ServerLimits,
    /// Whose word about client addresses is taken.
    pub client_address: ClientAddressConfig,
    /// The rate limit, if there is one.
    pub rate_limit: Option<RateLimitConfig>,
    /// How links are signed.
    pub secure_link: SecureLink,
    /// What URLs may ask for.
    pub language: Language,
    /// What an unsigned URL is answered with.
    pub denied: Problem,
    /// The cache.
    pub cache: CacheConfig,
    /// The resizers.
    pub upstream: UpstreamConfig,
    /// What purges and looks into the cache are authorized by; without it they are refused.
    pub admin_token: Option<String>,
    /// How long clients may keep a picture; `None` passes on what the resizer says.
    pub expires: Option<Duration>,
}

impl Config {
    pub(crate) fn from_args(cli: &Cli) -> anyhow::Result<Self> {
        let args = &cli.serve;
        let disk = DiskConfig {
            dir: args.cache_dir.clone(),
            size: args.cache_size.as_u64(),
            inactive: args.cache_inactive,
            queue: args.cache_queue.as_u64(),
        };
        Ok(Self {
            server: ServerLimits {
                connections: args.max_connections,
                drain_timeout: args.drain_timeout,
                ..ServerLimits::default()
            },
            client_address: ClientAddressConfig {
                trusted: args.real_ip_from.clone(),
                header: args.real_ip_header,
            },
            rate_limit: args.rate_limit.on().map(|rate| RateLimitConfig {
                rate,
                burst: args.rate_burst,
            }),
            secure_link: secure_link(&cli.signing)?,
            language: language(&cli.language)?,
            denied: if args.denied_status == 403 {
                Problem::Forbidden
            } else {
                Problem::NotFound
            },
            cache: CacheConfig {
                memory: args.cache_memory.as_u64(),
                disk: (disk.size > 0).then_some(disk),
                policy: Policy {
                    valid: CacheValid::new(args.cache_valid.clone()),
                    use_stale: args.use_stale,
                    max_stale: args.max_stale.on(),
                    store_set_cookie: false,
                },
                lock_timeout: args.lock_timeout,
                timeout_memory: TIMEOUT_MEMORY,
                max_body: args.max_body.as_u64(),
                max_flights: args.max_fetches,
                max_flight_bytes: args.max_fetch_memory.as_u64(),
                tag_of: original_of,
                clock: Clock::System,
            },
            upstream: UpstreamConfig::new(&args.resizers, args.upstream_timeout)?,
            admin_token: cli.admin_token.clone().filter(|token| !token.is_empty()),
            expires: args.expires.on(),
        })
    }
}

/// The language with the presets of the flags. Serving presets only, without any, is refused: nothing would be served.
pub(crate) fn language(args: &LanguageArgs) -> anyhow::Result<Language> {
    let presets = args
        .presets
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .map(str::parse)
        .collect::<Result<Vec<Preset>, _>>()
        .context("--preset")?;
    if args.presets_only && presets.is_empty() {
        bail!("--presets-only without any --preset: nothing could be served");
    }
    Language::new(presets, args.presets_only).context("--preset")
}

/// The signature scheme of the flags. Without any secret the edge refuses to start, unless that is asked for.
pub(crate) fn secure_link(args: &SigningArgs) -> anyhow::Result<SecureLink> {
    if args.insecure_unsigned {
        return Ok(SecureLink::insecure_unsigned());
    }
    let mut secrets: Vec<Secret> = args
        .secret
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| Secret::from(text.as_str()))
        .collect();
    if let Some(file) = &args.secret_file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("--secret-file {}", file.display()))?;
        secrets.extend(
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(Secret::from),
        );
    }
    let expression = args
        .secure_link_md5
        .as_deref()
        .map(str::parse::<Expression>)
        .transpose();
    let expression = expression.context("--secure-link-md5")?;
    if expression
        .as_ref()
        .is_some_and(|expression| !expression.covers_the_path())
    {
        bail!("--secure-link-md5: without $uri in it, one hash opens every path");
    }
    let algorithm = match args.signature {
        Signature::Md5 => Algorithm::Md5,
        Signature::HmacSha256 => Algorithm::HmacSha256,
    };
    match SecureLink::new(SecureLinkConfig {
        secrets,
        algorithm,
        expression,
    }) {
        Ok(link) => Ok(link),
        Err(image_url::SecureLinkError::NoSecret) => {
            bail!(
                "no secret: give --secret, --secret-file or EDGE_SECRET (or --insecure-unsigned for development)"
            )
        }
        Err(error) => Err(error.into()),
    }
}
