//! `healthcheck`: asks a running process whether it is ready.

use crate::admin_client::{AdminRequest, ask};
use std::io;
use std::time::Duration;

/// GETs `/readyz` from the admin address; fails unless the answer is 200.
///
/// # Errors
/// When the process cannot be reached or is not ready.
pub fn ready(admin: &str) -> io::Result<()> {
    let request = AdminRequest {
        admin,
        method: "GET",
        target: "/readyz",
        token: None,
        timeout: Duration::from_secs(3),
    };
    match ask(request)? {
        (200, _) => Ok(()),
        (status, body) => Err(io::Error::other(format!("{status}: {}", body.trim()))),
    }
}
