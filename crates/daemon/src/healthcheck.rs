//! `healthcheck`: asks a running process whether it is ready.

use crate::admin_client::{AdminRequest, AskError, ask};
use std::time::Duration;
use thiserror::Error;

/// Why a process does not count as ready.
#[derive(Debug, Error)]
pub enum NotReady {
    /// It cannot be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// It says so, while it drains for example.
    #[error("{admin} answers {status}: {text}")]
    Says {
        /// The address that was asked.
        admin: String,
        /// The status of the answer.
        status: u16,
        /// Its text.
        text: String,
    },
}

/// GETs `/readyz` from the admin address; fails unless the answer is 200.
///
/// # Errors
/// When the process cannot be reached or is not ready.
pub fn ready(admin: &str) -> Result<(), NotReady> {
    let request = AdminRequest {
        admin,
        method: "GET",
        target: "/readyz",
        token: None,
        timeout: Duration::from_secs(3),
    };
    match ask(request)? {
        (200, _) => Ok(()),
        (status, text) => Err(NotReady::Says {
            admin: admin.to_owned(),
            status,
            text: text.trim().to_owned(),
        }),
    }
}
