//! `edge-proxy`, the public half of Tandem.
#![forbid(unsafe_code)]

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A hit allocates a few dozen times. The resizer keeps the system's, which gives large buffers back at once: with this
/// one it holds up to twice as much.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    edge_proxy::cli(std::env::args_os())
}
