//! `edge-proxy`, the public half of Tandem.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    edge_proxy::cli(std::env::args_os())
}
