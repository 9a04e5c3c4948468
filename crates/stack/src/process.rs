//! A child process in a role: started, told ready by its own announcement, stopped or killed.

use crate::Role;
use daemon::announce::{self, Addresses};
use daemon::shutdown::PARENT_WATCH;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use thiserror::Error;

/// A process that did not come up.
#[derive(Debug, Error)]
pub enum StartError {
    /// It could not be started at all.
    #[error("{0} cannot be started: {1}")]
    Spawn(&'static str, io::Error),
    /// It ended before it was ready; what it had to say stands on standard error.
    #[error("{0} ended before it was ready")]
    Ended(&'static str),
}

/// A running child. It ends with this process, however this process ends.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    addresses: Addresses,
    role: Role,
}

impl Process {
    /// Starts `executable` in a role and waits until it serves. `env` is set besides what it inherits; `stderr` is where
    /// its log goes.
    pub fn start<A: AsRef<OsStr>>(
        executable: &Path,
        role: Role,
        args: impl IntoIterator<Item = A>,
        env: &[(&str, &str)],
        stderr: Stdio,
    ) -> Result<Self, StartError> {
        let spawned = Command::new(executable)
            .arg(role.name())
            .args(args)
            .envs(env.iter().copied())
            .env(PARENT_WATCH, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn();
        let mut child = spawned.map_err(|error| StartError::Spawn(role.name(), error))?;
        let stdin = child.stdin.take();
        let announced = child.stdout.take().and_then(|stdout| {
            let lines = BufReader::new(stdout).lines();
            lines
                .map_while(Result::ok)
                .find_map(|line| announce::parse(&line))
        });
        if let Some(addresses) = announced {
            return Ok(Self {
                child,
                stdin,
                addresses,
                role,
            });
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(StartError::Ended(role.name()))
    }

    /// Where it serves.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Lets it drain and waits for its end.
    ///
    /// # Errors
    /// When the system cannot tell of its end.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.child.wait()
    }

    /// Ends it at once, as a crash does (SIGKILL).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
