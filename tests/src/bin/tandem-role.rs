//! What the black-box tests start: either program, as the quick start does.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    stack::Role::dispatch(std::env::args_os()).unwrap_or_else(|| {
        eprintln!("tandem-role: the first argument is edge-proxy or resizer");
        ExitCode::FAILURE
    })
}
