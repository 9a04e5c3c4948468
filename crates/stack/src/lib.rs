//! Starts a whole stack (edge, resizers, originals) as child processes.
//!
//! The quick start and the black-box tests stand on it. Its executable links both programs and starts itself again in
//! the role of each, so that one build makes all and the two are still processes of their own.
#![forbid(unsafe_code)]

mod process;
mod role;

pub use process::{Process, StartError};
pub use role::Role;
