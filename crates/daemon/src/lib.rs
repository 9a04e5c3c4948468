//! What both programs share: listeners, shutdown, admin endpoints, logs, metrics, units, problems.
//!
//! Plumbing only. Nothing in here knows images or caches, and no engine imports it.
#![forbid(unsafe_code)]

pub mod admin;
pub mod admin_client;
pub mod announce;
pub mod command_line;
pub mod connections;
pub mod framing;
pub mod healthcheck;
pub mod listen;
mod log_queue;
pub mod logs;
pub mod metrics;
pub mod open_files;
pub mod problem;
pub mod request_id;
pub mod server;
pub mod shown;
pub mod shutdown;
pub mod throttle;
pub mod units;
mod watched;

pub use problem::Problem;
pub use request_id::RequestId;
