//! What is meant for development or a closed network and is a hole elsewhere: said loudly at the start.

use crate::args::{Cli, Signature};
use crate::config::{Config, expression_of, secrets};
use clap::ArgMatches;
use daemon::command_line::is_flag;

/// Bytes of a secret below which it can be guessed from one signed URL, with graphics cards and patience.
const SHORT: usize = 16;

/// A network with a shorter prefix is no site's own.
const VAST: u8 = 8;

/// Flags whose value is a secret, and what to use instead.
const SECRET_FLAGS: [(&str, &str); 3] = [
    (
        "secret",
        "--secret is in the process list, which every user can read: use --secret-file or EDGE_SECRET",
    ),
    (
        "secure_link_md5",
        "--secure-link-md5 is in the process list, which every user can read: use EDGE_SECURE_LINK_MD5, or $secret in it",
    ),
    (
        "admin_token",
        "--admin-token is in the process list, which every user can read: use --admin-token-file or EDGE_ADMIN_TOKEN",
    ),
];

/// Logs a warning for each open door.
pub(crate) fn warn(cli: &Cli, matches: &ArgMatches, config: &Config) -> anyhow::Result<()> {
    for (argument, warning) in SECRET_FLAGS {
        let harmless = argument == "secure_link_md5" && !holds_text(cli);
        if is_flag(matches, argument) && !harmless {
            tracing::warn!("{warning}");
        }
    }
    for warning in of_signing(cli)? {
        tracing::warn!("{warning}");
    }
    if config
        .admin_token
        .as_ref()
        .is_some_and(|token| token.len() < SHORT)
    {
        tracing::warn!("the admin token has less than {SHORT} bytes and can be guessed");
    }
    let vast = |network: &&ipnet::IpNet| network.prefix_len() < VAST;
    for network in config.client_address.trusted.iter().filter(vast) {
        tracing::warn!(
            "--real-ip-from {network} trusts whoever connects: each client says who it is, and no limit by client holds"
        );
    }
    Ok(())
}

fn holds_text(cli: &Cli) -> bool {
    let expression = cli.signing.secure_link_md5.as_deref();
    expression.is_some_and(|text| expression_of(text).is_ok_and(|e| e.longest_text() > 1))
}

fn of_signing(cli: &Cli) -> anyhow::Result<Vec<String>> {
    if cli.signing.insecure_unsigned {
        let warning = "--insecure-unsigned: every URL is served, whoever made it up";
        return Ok(vec![warning.to_owned()]);
    }
    let mut warnings = Vec::new();
    let secrets = secrets(&cli.signing)?;
    let expression = cli.signing.secure_link_md5.as_deref();
    let expression = expression.map(expression_of).transpose()?;
    let md5 = cli.signing.signature == Signature::Md5;
    match expression.filter(|expression| md5 && !expression.has_secret()) {
        Some(expression) => {
            if !secrets.is_empty() {
                warnings.push(
                    "--secret is not used: --secure-link-md5 has no $secret in it".to_owned(),
                );
            }
            if expression.longest_text() < SHORT {
                warnings.push(format!(
                    "the secret in --secure-link-md5 has less than {SHORT} bytes and can be guessed"
                ));
            }
        }
        None => {
            for (index, secret) in secrets.iter().enumerate() {
                if secret.len() < SHORT {
                    warnings.push(format!(
                        "secret number {} has less than {SHORT} bytes and can be guessed; try `openssl rand -hex 32`",
                        index + 1
                    ));
                }
            }
        }
    }
    Ok(warnings)
}
