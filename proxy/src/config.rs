//! The settings of the edge as plain values, checked once. Each module sees its own part only.

use crate::args::{Cli, LanguageArgs, ServeArgs, Signature, SigningArgs};
use crate::client_address::ClientAddressConfig;
use crate::rate_limit::{self, RateLimitConfig};
use crate::upstream::UpstreamConfig;
use anyhow::{Context, bail};
use daemon::admin::Hosts;
use daemon::connections::ClientBound;
use daemon::server::ServerLimits;
use http_cache::disk::DiskConfig;
use http_cache::{CacheConfig, CacheValid, Clock, Policy};
use image_url::{Algorithm, Expression, Language, Preset, Secret, SecureLink, SecureLinkConfig};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wire::Problem;

/// How long it is remembered that a picture was too slow.
const TIMEOUT_MEMORY: Duration = Duration::from_secs(5);

/// All settings of a running edge.
pub(crate) struct Config {
    /// Bounds of the public listener.
    pub server: ServerLimits,
    /// Names of the admin listener.
    pub admin_hosts: Hosts,
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
    /// The path of the public listener that says whether traffic is wanted.
    pub health_path: Option<String>,
}

impl Config {
    pub(crate) fn from_args(cli: &Cli) -> anyhow::Result<Self> {
        let args = &cli.serve;
        let client_address = ClientAddressConfig {
            trusted: args.real_ip_from.clone(),
            header: args.real_ip_header,
        };
        let trusted = client_address.clone();
        Ok(Self {
            server: ServerLimits {
                connections: args.max_connections.get(),
                per_client: Some(ClientBound {
                    connections: args.max_connections_per_client.get(),
                    client_of: rate_limit::network,
                    exempt: Arc::new(move |peer| trusted.trusts(peer)),
                }),
                head_timeout: args.head_timeout,
                idle_timeout: args.idle_timeout,
                drain_timeout: args.drain_timeout,
                ..ServerLimits::default()
            },
            client_address,
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
                disk: disk(args)?,
                policy: Policy {
                    valid: CacheValid::new(args.cache_valid.clone()),
                    use_stale: args.use_stale,
                    max_stale: args.max_stale.on(),
                    store_set_cookie: false,
                },
                lock_timeout: args.lock_timeout,
                timeout_memory: TIMEOUT_MEMORY,
                max_body: args.max_body.as_u64(),
                max_flights: args.max_fetches.get(),
                max_flights_per_client: args
                    .max_fetches_per_client
                    .map_or(args.max_fetches.get().div_ceil(2), NonZeroUsize::get),
                max_flight_bytes: args.max_fetch_memory.as_u64(),
                tag_of: image_url::encoded_name_of,
                clock: Clock::System,
            },
            upstream: UpstreamConfig::new(&args.resizers, args.upstream_timeout)?,
            admin_token: admin_token(cli)?,
            expires: args.expires.on(),
            admin_hosts: Hosts::new(args.admin_host.clone()),
            health_path: args.health_path.clone(),
        })
    }
}

/// The disk tier. A folder that cannot be used is an error now: the edge would run without that tier for ever.
fn disk(args: &ServeArgs) -> anyhow::Result<Option<DiskConfig>> {
    let config = DiskConfig {
        dir: args.cache_dir.clone(),
        size: args.cache_size.as_u64(),
        inactive: args.cache_inactive,
        queue: args.cache_queue.as_u64(),
    };
    if config.size == 0 {
        return Ok(None);
    }
    http_cache::disk::check(&config.dir).with_context(|| {
        format!(
            "--cache-dir {} cannot be used (choose another, or give --cache-size 0 for no cache on disk)",
            config.dir.display()
        )
    })?;
    Ok(Some(config))
}

/// The token of the flag, the environment or a file; `None` where purges are refused.
pub(crate) fn admin_token(cli: &Cli) -> anyhow::Result<Option<String>> {
    let token = cli.admin_token.clone().filter(|token| !token.is_empty());
    let Some(file) = &cli.admin_token_file else {
        return Ok(token);
    };
    if token.is_some() {
        bail!("--admin-token and --admin-token-file: give one of them");
    }
    let lines = lines_of(file, "--admin-token-file")?;
    match lines.as_slice() {
        [token] => Ok(Some(token.clone())),
        lines => bail!(
            "--admin-token-file {}: one line is the token, and there are {}",
            file.display(),
            lines.len()
        ),
    }
}

/// The lines of a file of secrets that are not empty, without blanks around them.
fn lines_of(file: &Path, flag: &str) -> anyhow::Result<Vec<String>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("{flag} {}", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// The secrets of the flag, the environment and the file.
pub(crate) fn secrets(args: &SigningArgs) -> anyhow::Result<Vec<String>> {
    let given = args.secret.iter().filter(|text| !text.is_empty());
    let mut secrets: Vec<String> = given.cloned().collect();
    if let Some(file) = &args.secret_file {
        secrets.extend(lines_of(file, "--secret-file")?);
    }
    Ok(secrets)
}

/// The expression of `--secure-link-md5`.
pub(crate) fn expression_of(text: &str) -> anyhow::Result<Expression> {
    text.parse().context("--secure-link-md5")
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
    let secrets = secrets(args)?;
    let secrets = secrets.iter().map(|text| Secret::from(text.as_str()));
    let expression = args.secure_link_md5.as_deref();
    let expression = expression.map(expression_of).transpose()?;
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
        secrets: secrets.collect(),
        algorithm,
        expression,
    }) {
        Ok(link) => Ok(link),
        Err(image_url::SecureLinkError::NoSecret) => {
            bail!(
                "no secret: give --secret-file or EDGE_SECRET (or --insecure-unsigned for development)"
            )
        }
        Err(error) => Err(anyhow::Error::new(error).context("--secure-link-md5")),
    }
}
