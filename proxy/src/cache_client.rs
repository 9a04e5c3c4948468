//! The subcommands `purge` and `cache`: they ask the admin listener of a running edge-proxy.

use crate::args::{CacheCommand, PurgeArgs, PurgeCommand};
use anyhow::bail;
use daemon::admin_client::{AdminRequest, ask};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::{Duration, UNIX_EPOCH};

/// A purge returns when it is on disk, which may take a while for a million pictures.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What may stand in a path as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `edge-proxy purge …`
pub(crate) fn purge(admin: &str, token: Option<&str>, args: &PurgeArgs) -> anyhow::Result<()> {
    let encode = |text: &str| utf8_percent_encode(text, IN_PATH).to_string();
    let what = match &args.what {
        // A URL is encoded already.
        PurgeCommand::Url { path } => {
            let path = path.split('?').next().unwrap_or_default();
            format!("url/{}", path.trim_start_matches('/'))
        }
        PurgeCommand::Original { name } => format!("original/{}", encode(name)),
        PurgeCommand::Prefix { prefix } => format!("prefix/{}", encode(prefix)),
        PurgeCommand::All => "all".to_owned(),
    };
    let mode = if args.soft { "soft" } else { "hard" };
    let body = send(admin, token, "POST", &format!("/purge/{what}?mode={mode}"))?;
    print!("{body}");
    Ok(())
}

/// `edge-proxy cache …`
pub(crate) fn look(admin: &str, token: Option<&str>, command: &CacheCommand) -> anyhow::Result<()> {
    match command {
        CacheCommand::Stats => print!("{}", send(admin, token, "GET", "/cache/stats")?),
        CacheCommand::Ls { contains, limit } => {
            let contains = utf8_percent_encode(contains, IN_PATH);
            let target = format!("/cache/entries?limit={limit}&contains={contains}");
            for line in send(admin, token, "GET", &target)?.lines() {
                let entry: serde_json::Value = serde_json::from_str(line)?;
                let used = Duration::from_secs(entry["used"].as_u64().unwrap_or_default());
                println!(
                    "{:>10}  {}  {}",
                    entry["bytes"],
                    humantime::format_rfc3339_seconds(UNIX_EPOCH + used),
                    entry["key"].as_str().unwrap_or_default()
                );
            }
        }
    }
    Ok(())
}

fn send(admin: &str, token: Option<&str>, method: &str, target: &str) -> anyhow::Result<String> {
    let request = AdminRequest {
        admin,
        method,
        target,
        token,
        timeout: TIMEOUT,
    };
    match ask(request)? {
        (200 | 202, body) => Ok(body),
        (status, body) => bail!("{admin} answers {status}: {}", body.trim()),
    }
}
