//! The child: reads an order and an original, makes the picture, writes it, ends.

use super::order::{Answer, Failed, Head, Order};
use crate::failure::Failure;
use image_url::{AcceptClass, Canonical, Target};
use imaging::{Check, Picture};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;

/// What a process takes beside a picture: code's data, stacks, the order's own buffers.
const BESIDE: u64 = 64 << 20;

/// No order's line is longer.
const MAX_LINE: u64 = 64 << 10;

/// The whole child, from the order on its standard input to its exit code.
pub(crate) fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work() -> io::Result<()> {
    // When memory is short the system ends this process before any other of ours.
    let _ = std::fs::write("/proc/self/oom_score_adj", "900");
    let mut input = BufReader::new(io::stdin());
    let mut line = Vec::new();
    input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    let order: Order = serde_json::from_slice(&line)?;
    bound_memory(order.memory.saturating_add(order.length as u64));
    let mut original = vec![0; order.length];
    input.read_exact(&mut original)?;
    // The other end stays open for as long as somebody waits for the picture.
    std::thread::Builder::new().spawn(move || {
        let _ = io::copy(&mut input, &mut io::sink());
        std::process::exit(1);
    })?;

    let mut output = io::stdout().lock();
    match transform(&order, &original) {
        Ok(picture) => {
            output.write_all(&Answer::Picture(Head::of(&picture)).to_line()?)?;
            output.write_all(&picture.bytes)?;
        }
        Err(failure) => output.write_all(&Answer::Failed(Failed::of(&failure)).to_line()?)?,
    }
    output.flush()
}

fn transform(order: &Order, original: &[u8]) -> Result<Picture, Failure> {
    let target = Target::parse(&order.path)?;
    let canonical = Canonical::parse(target.uri())?;
    let request = imaging::Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts: AcceptClass::from_word(order.accepts.as_bytes()).unwrap_or_default(),
    };
    let check = Check::default();
    Ok(imaging::transform(
        original,
        &request,
        &order.settings,
        &check,
    )?)
}

/// What is asked for beyond fails, and ends this process alone.
fn bound_memory(bytes: u64) {
    let bytes = bytes.saturating_add(BESIDE);
    let maximum = getrlimit(Resource::Data).maximum;
    let bytes = maximum.map_or(bytes, |maximum| maximum.min(bytes));
    let _ = setrlimit(
        Resource::Data,
        Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        },
    );
}
