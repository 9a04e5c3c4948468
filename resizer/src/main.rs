//! `resizer`, the internal half of Tandem.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    resizer::cli(std::env::args_os())
}
