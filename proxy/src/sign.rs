//! `edge-proxy sign`: prints the signed form of a path.

use crate::args::{LanguageArgs, SignArgs, SigningArgs};
use crate::config::{language, secure_link};
use std::time::SystemTime;

pub(crate) fn run(
    signing: &SigningArgs,
    presets: &LanguageArgs,
    args: &SignArgs,
) -> anyhow::Result<()> {
    let language = language(presets)?;
    let expires = args.expires_in.map(|time| SystemTime::now() + time);
    let signed = secure_link(signing)?.sign_in(&language, &args.path, expires)?;
    println!("{}{signed}", args.base.trim_end_matches('/'));
    Ok(())
}
