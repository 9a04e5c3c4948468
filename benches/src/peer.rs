//! Who makes pictures, all asked in the same way: a server over HTTP, or a worker in process.

use crate::http::get_blocking as get;
use crate::procfs;
use crate::worker::{self, Figures, Worker};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

/// One of those that are compared, on one picture.
pub trait Peer {
    /// Makes the picture `repeat` times.
    ///
    /// # Errors
    /// When it fails.
    fn run(&mut self, repeat: u32) -> anyhow::Result<Figures>;

    /// Pictures a second where two are made at any time.
    ///
    /// # Errors
    /// When it fails.
    fn rate(&mut self, repeat: u32) -> anyhow::Result<f64>;

    /// The picture as it came out.
    fn picture(&self) -> &Path;
}

/// A server that makes the picture anew at each request.
pub struct Server {
    address: SocketAddr,
    pids: Vec<u32>,
    target: String,
    picture: tempfile::NamedTempFile,
}

impl Server {
    /// A server, its processes, and what it is asked for.
    ///
    /// # Errors
    /// When there is no room for the picture.
    pub fn new(address: SocketAddr, pids: Vec<u32>, target: String) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            pids,
            target,
            picture: tempfile::NamedTempFile::new()?,
        })
    }
}

impl Peer for Server {
    fn run(&mut self, repeat: u32) -> anyhow::Result<Figures> {
        let resident = |field| {
            self.pids
                .iter()
                .filter_map(|pid| procfs::memory(*pid, field))
                .max()
        };
        for pid in &self.pids {
            // The highest so far becomes what is held now (proc(5)).
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
        let idle = resident("VmRSS").unwrap_or_default();
        let before = procfs::cpu_time(&self.pids);
        let mut body = Vec::new();
        for _ in 0..repeat {
            body = get(self.address, &self.target)?;
        }
        let cpu = procfs::cpu_time(&self.pids).saturating_sub(before);
        let peak = resident("VmHWM").unwrap_or_default().saturating_sub(idle);
        std::fs::write(self.picture.path(), &body)?;
        Ok(Figures {
            cpu: cpu.as_secs_f64() * 1e3 / f64::from(repeat),
            bytes: body.len(),
            peak: peak as f64 / f64::from(1 << 20),
        })
    }

    fn rate(&mut self, repeat: u32) -> anyhow::Result<f64> {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let ask = || (0..repeat).try_for_each(|_| get(self.address, &self.target).map(drop));
            let clients = [scope.spawn(ask), scope.spawn(ask)];
            clients.into_iter().try_for_each(|client| {
                client
                    .join()
                    .map_err(|_| anyhow::anyhow!("a client panicked"))?
            })
        })?;
        Ok(f64::from(repeat * 2) / begun.elapsed().as_secs_f64())
    }

    fn picture(&self) -> &Path {
        self.picture.path()
    }
}

/// A worker in process, made for a number of repetitions.
pub struct InProcess<F> {
    make: F,
    worker: Worker,
}

impl<F: Fn(u32) -> anyhow::Result<Worker>> InProcess<F> {
    /// `make` gives the worker that makes the picture so many times.
    ///
    /// # Errors
    /// When it fails to.
    pub fn new(make: F) -> anyhow::Result<Self> {
        let worker = make(1)?;
        Ok(Self { make, worker })
    }
}

impl<F: Fn(u32) -> anyhow::Result<Worker>> Peer for InProcess<F> {
    fn run(&mut self, repeat: u32) -> anyhow::Result<Figures> {
        self.worker = (self.make)(repeat)?;
        self.worker.run()
    }

    fn rate(&mut self, repeat: u32) -> anyhow::Result<f64> {
        let mut workers = [(self.make)(repeat)?, (self.make)(repeat)?];
        let begun = Instant::now();
        let children = workers.each_mut().map(Worker::start);
        for child in children {
            worker::figures(child?)?;
        }
        Ok(f64::from(repeat * 2) / begun.elapsed().as_secs_f64())
    }

    fn picture(&self) -> &Path {
        self.worker.picture()
    }
}
