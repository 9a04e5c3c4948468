//! Jobs that cannot be stopped, in processes that can.
//!
//! The encoders of WebP and AVIF work for seconds on a large picture and cannot be asked to stop. A job with such a step is
//! given to a child process, this same executable, which is killed when nobody waits any more or the time is over. Its
//! memory is bounded besides, so that an estimate that proves wrong ends one picture and not the process.

mod order;
mod worker;

pub(crate) use worker::main as worker;

use crate::failure::Failure;
use imaging::{Check, Picture};
use order::{Answer, Order, Reply};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use thiserror::Error;

/// The hidden subcommand that a child is started with.
pub(crate) const SUBCOMMAND: &str = "picture-worker";

/// What cannot be stopped for longer goes to a child. Starting one takes some milliseconds.
pub(crate) const LONG_STEP: Duration = Duration::from_millis(100);

/// How soon a child is killed once it is not wanted any more.
const WATCH: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// A result of a child is no larger: far more than any format takes for the pixels that are allowed.
const MAX_REPLY: usize = 1 << 30;

/// A child that brought nothing.
#[derive(Debug, Error)]
pub(crate) enum WorkerError {
    /// It could not be started, or spoken with.
    #[error("the process for a picture: {0}")]
    Io(#[from] io::Error),
    /// It died, of a panic or for want of memory.
    #[error("the process for a picture ended without an answer ({0})")]
    Ended(String),
}

/// How children are started: this executable and what stands before the subcommand.
#[derive(Clone, Debug)]
pub(crate) struct Isolation {
    executable: PathBuf,
    arguments: Vec<OsString>,
}

impl Isolation {
    /// By the running executable, in the role of the resizer. On Linux through `/proc`, so that an update of the file on
    /// disk does not mix two versions.
    ///
    /// # Errors
    /// When the system does not tell which executable runs.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let link = PathBuf::from("/proc/self/exe");
        let executable = if link.exists() {
            link
        } else {
            std::env::current_exe()?
        };
        // An executable that has several roles is told which by its first argument.
        let role = std::env::args_os().nth(1).filter(|arg| arg == crate::NAME);
        let arguments = role.into_iter().chain([SUBCOMMAND.into()]).collect();
        Ok(Self {
            executable,
            arguments,
        })
    }

    /// Makes a picture in a child; `memory` is what was set apart for it, in bytes. Blocks. The child is dead when this
    /// returns.
    pub(crate) fn transform(
        &self,
        path: &str,
        accepts: image_url::AcceptClass,
        original: &[u8],
        settings: &imaging::Settings,
        memory: u64,
        check: &Check<'_>,
    ) -> Result<Picture, Failure> {
        let order = Order {
            path: path.to_owned(),
            accepts: accepts.word().to_owned(),
            settings: *settings,
            memory,
            length: original.len(),
        };
        let head = order.to_line().map_err(WorkerError::Io)?;
        let mut child = Killed(self.start().map_err(WorkerError::Io)?);
        let reply = converse(&mut child.0, &[&head, original], check)?;
        match Reply::parse(&reply) {
            Some(Reply {
                answer: Answer::Picture(picture),
                bytes,
            }) => Ok(picture.with(bytes.to_vec())),
            Some(Reply {
                answer: Answer::Failed(failed),
                ..
            }) => Err(failed.into()),
            None => {
                let status = child.0.wait().map_err(WorkerError::Io)?;
                Err(WorkerError::Ended(status.to_string()).into())
            }
        }
    }

    /// Nothing of this process's environment, which may hold credentials, and no signals of its terminal.
    fn start(&self) -> io::Result<Child> {
        Command::new(&self.executable)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
    }
}

/// A child that does not outlive this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends `parts` and reads until the child closes its output, asking all the while whether it is still wanted.
fn converse(child: &mut Child, parts: &[&[u8]], check: &Check<'_>) -> Result<Vec<u8>, Failure> {
    let closed = || WorkerError::Io(io::ErrorKind::BrokenPipe.into());
    // Kept open to the end: its closing tells the child that this process is gone.
    let mut input = child.stdin.take().ok_or_else(closed)?;
    let mut output = child.stdout.take().ok_or_else(closed)?;
    for fd in [ioctl_fionbio(&input, true), ioctl_fionbio(&output, true)] {
        fd.map_err(|error| WorkerError::Io(error.into()))?;
    }
    let mut parts = parts.iter().copied().filter(|part| !part.is_empty());
    let mut part = parts.next();
    let mut reply = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        check.go_on()?;
        let mut fds = vec![PollFd::new(&output, PollFlags::IN)];
        if part.is_some() {
            fds.push(PollFd::new(&input, PollFlags::OUT));
        }
        match poll(&mut fds, Some(&WATCH)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(WorkerError::Io(error.into()).into()),
        }
        drop(fds);
        if let Some(bytes) = part {
            match input.write(bytes) {
                Ok(written) => {
                    part = bytes.get(written..).filter(|rest| !rest.is_empty());
                    part = part.or_else(|| parts.next());
                }
                Err(error) if again(&error) => {}
                // It has ended already; why, its output tells, or its status.
                Err(_) => part = None,
            }
        }
        match output.read(&mut buffer) {
            Ok(0) => return Ok(reply),
            Ok(read) if reply.len() + read <= MAX_REPLY => {
                reply.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
            Ok(_) => return Err(WorkerError::Io(io::ErrorKind::InvalidData.into()).into()),
            Err(error) if again(&error) => {}
            Err(error) => return Err(WorkerError::Io(error).into()),
        }
    }
}

fn again(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
