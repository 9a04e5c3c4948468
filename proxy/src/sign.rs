//! `edge-proxy sign`: prints the signed form of a path.

use crate::args::{SignArgs, SigningArgs};
use crate::config::secure_link;
use std::time::SystemTime;

pub(crate) fn run(signing: &SigningArgs, args: &SignArgs) -> anyhow::Result<()> {
    let expires = args.expires_in.map(|time| SystemTime::now() + time);
    let signed = secure_link(signing)?.sign(&args.path, expires)?;
    println!("{}{signed}", args.base.trim_end_matches('/'));
    Ok(())
}
