//! A Tandem on a folder of originals, its two programs as processes of their own.

use anyhow::Context;
use image_url::{Algorithm, Secret, SecureLink, SecureLinkConfig};
use stack::{Process, Role};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What links are signed with, here and in the nginx that is compared.
pub const SECRET: &str = "your-secret-goes-here";

/// What the admin listener is asked with.
pub const TOKEN: &str = "bench";

/// A running pair.
#[derive(Debug)]
pub struct Tandem {
    edge: Option<Process>,
    resizer: Process,
    edge_args: Vec<String>,
    _cache: tempfile::TempDir,
}

impl Tandem {
    /// Starts a pair; `edge_args` besides the usual ones.
    ///
    /// # Errors
    /// When a process does not come up.
    pub fn start(originals: &Path, edge_args: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(originals, edge_args, &[])
    }

    /// The same, with arguments for the resizer as well.
    ///
    /// # Errors
    /// When a process does not come up.
    pub fn start_with(
        originals: &Path,
        edge_args: &[&str],
        resizer_args: &[&str],
    ) -> anyhow::Result<Self> {
        let source = format!("file://{}", originals.display());
        let usual = [
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--log",
            "error",
        ];
        let resizer_args = usual
            .into_iter()
            .chain(["--source", &source])
            .chain(resizer_args.iter().copied());
        let resizer = Process::start(
            &executable()?,
            Role::Resizer,
            resizer_args,
            &[],
            Stdio::inherit(),
        )?;
        let cache = tempfile::tempdir()?;
        let upstream = format!("http://{}", resizer.addresses().listen);
        let dir = cache.path().display().to_string();
        let rest = [
            "--resizer",
            &upstream,
            "--cache-dir",
            &dir,
            "--secret",
            SECRET,
            "--rate-limit",
            "off",
            "--admin-token",
            TOKEN,
        ];
        let args = usual.iter().chain(&rest).chain(edge_args);
        let edge_args: Vec<String> = args.map(|arg| (*arg).to_owned()).collect();
        let mut tandem = Self {
            edge: None,
            resizer,
            edge_args,
            _cache: cache,
        };
        tandem.start_edge()?;
        Ok(tandem)
    }

    /// Ends the edge and starts it again on the same cache.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart_edge(&mut self) -> anyhow::Result<()> {
        if let Some(edge) = self.edge.take() {
            edge.stop()?;
        }
        self.start_edge()
    }

    fn start_edge(&mut self) -> anyhow::Result<()> {
        let edge = Process::start(
            &executable()?,
            Role::EdgeProxy,
            &self.edge_args,
            &[],
            Stdio::inherit(),
        )?;
        self.edge = Some(edge);
        Ok(())
    }

    /// The edge.
    ///
    /// # Errors
    /// When it is not running.
    pub fn edge(&self) -> anyhow::Result<&Process> {
        self.edge.as_ref().context("the edge is not running")
    }

    /// Where clients come in.
    ///
    /// # Errors
    /// When the edge is not running.
    pub fn public(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.edge()?.addresses().listen)
    }

    /// The resizer.
    pub fn resizer(&self) -> &Process {
        &self.resizer
    }
}

/// Signs a path for both.
///
/// # Errors
/// When it is none that can be signed.
pub fn sign(path: &str) -> anyhow::Result<String> {
    let link = SecureLink::new(SecureLinkConfig {
        secrets: vec![Secret::from(SECRET)],
        algorithm: Algorithm::Md5,
        expression: None,
    })?;
    Ok(link.sign(path, None)?)
}

/// The program itself, which takes the role of either.
fn executable() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}
