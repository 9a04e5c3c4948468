//! What every process needs: listeners, drain, admin endpoints, logs, metrics, units, the way from the command line to the
//! exit code. [`run`] is the life of a daemon; a program says what it does with requests.
//!
//! Plumbing only. Nothing in here knows images or caches, and no engine imports it.
#![forbid(unsafe_code)]

pub mod admin;
pub mod admin_client;
pub mod announce;
pub mod command_line;
pub mod connections;
pub mod healthcheck;
mod listen;
mod log_queue;
pub mod logs;
pub mod metrics;
pub mod open_files;
mod run;
pub mod server;
pub mod shutdown;
pub mod throttle;
pub mod units;
mod watched;

pub use listen::ListenError;
pub use run::{DaemonConfig, Program, RunError, run};
