//! A stack of real processes on port 0, and a client that writes bytes to a socket.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each test file uses a part of this; a failed step is a failed test"
)]

pub mod origin;

use image_url::{Algorithm, Secret, SecureLink, SecureLinkConfig};
pub use stack::{Process, Role};
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

pub const SECRET: &str = "your-secret-goes-here";

/// The photographs of the repository.
pub fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../samples")
        .canonicalize()
        .unwrap()
}

/// An edge and a resizer with a cache folder of their own.
pub struct Stack {
    edge: Option<Process>,
    pub resizer: Option<Process>,
    pub cache: tempfile::TempDir,
    pub edge_args: Vec<String>,
}

impl Stack {
    /// On the samples, with the flags of each program besides the usual ones.
    pub fn start(edge_args: &[&str], resizer_args: &[&str]) -> Self {
        let source = format!("file://{}", samples().display());
        Self::on(&source, edge_args, resizer_args)
    }

    pub fn on(source: &str, edge_args: &[&str], resizer_args: &[&str]) -> Self {
        let resizer = resizer(&[&["--source", source], resizer_args].concat());
        let upstream = format!("http://{}", resizer.addresses().listen);
        let cache = tempfile::tempdir().unwrap();
        let dir = cache.path().display().to_string();
        let mut args = vec!["--resizer", &upstream];
        if !edge_args.contains(&"--cache-dir") {
            args.extend(["--cache-dir", &dir]);
        }
        if !edge_args.contains(&"--rate-limit") {
            args.extend(["--rate-limit", "off"]);
        }
        if !edge_args.contains(&"--secret") {
            args.extend(["--secret", SECRET]);
        }
        args.extend(edge_args);
        let edge_args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        Self {
            edge: Some(edge(&edge_args)),
            resizer: Some(resizer),
            cache,
            edge_args,
        }
    }

    pub fn edge(&self) -> &Process {
        self.edge.as_ref().unwrap()
    }

    pub fn resizer(&self) -> &Process {
        self.resizer.as_ref().unwrap()
    }

    /// Ends the edge as an operator does and starts it again on the same cache.
    pub fn restart_edge(&mut self) {
        self.edge.take().unwrap().stop().unwrap();
        self.edge = Some(edge(&self.edge_args));
    }

    /// Ends the edge as a crash does.
    pub fn kill_edge(&mut self) {
        self.edge.take().unwrap().kill().unwrap();
    }

    /// Starts an edge on the same cache after one was killed.
    pub fn start_edge(&mut self) {
        self.edge = Some(edge(&self.edge_args));
    }

    pub fn kill_resizer(&mut self) {
        self.resizer.take().unwrap().kill().unwrap();
    }

    /// GETs the signed form of a path.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", &sign(path, None), "")
    }

    /// Sends a request for a target as it stands.
    pub fn send(&self, method: &str, target: &str, headers: &str) -> Answer {
        send(self.edge().addresses().listen, method, target, headers)
    }

    /// A metric of the resizer.
    pub fn resizer_metric(&self, name: &str) -> u64 {
        metric(self.resizer(), &format!("tandem_resizer_{name}"))
    }
}

pub fn resizer(args: &[&str]) -> Process {
    resizer_with(args, &[])
}

/// With variables in its environment, such as a store's credentials.
pub fn resizer_with(args: &[&str], env: &[(&str, &str)]) -> Process {
    start(Role::Resizer, args.iter().map(|arg| (*arg).to_owned()), env)
}

pub fn edge(args: &[String]) -> Process {
    start(Role::EdgeProxy, args.iter().cloned(), &[])
}

fn start(role: Role, args: impl Iterator<Item = String>, env: &[(&str, &str)]) -> Process {
    let usual = [
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--log",
        "off",
    ]
    .map(str::to_owned);
    Process::start(
        executable(),
        role,
        usual.into_iter().chain(args),
        env,
        Stdio::inherit(),
    )
    .unwrap()
}

/// A program whose log is read, or is not.
pub struct Logged {
    pub process: Process,
    log: PipeReader,
}

impl Logged {
    /// An edge without a resizer, with a folder of its own.
    pub fn edge(args: &[&str], env: &[(&str, &str)]) -> Self {
        let cache = ["--cache-size", "0"];
        let secret: &[&str] = if env.is_empty() {
            &["--secret", SECRET]
        } else {
            &[]
        };
        let args = [&cache, secret, args].concat();
        Self::start(Role::EdgeProxy, "127.0.0.1:0", &args, env)
    }

    /// An edge at an address that is written some way.
    pub fn listening_on(listen: &str) -> Self {
        let args = ["--cache-size", "0"];
        Self::start(Role::EdgeProxy, listen, &args, &[("EDGE_SECRET", SECRET)])
    }

    pub fn resizer(args: &[&str]) -> Self {
        Self::start(Role::Resizer, "127.0.0.1:0", args, &[])
    }

    fn start(role: Role, listen: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let (log, writer) = std::io::pipe().unwrap();
        let usual = ["--listen", listen, "--admin-listen", "127.0.0.1:0"];
        let process = Process::start(
            executable(),
            role,
            usual.iter().chain(args),
            env,
            Stdio::from(writer),
        );
        Self {
            process: process.unwrap(),
            log,
        }
    }

    /// Begins to read the log, line by line.
    pub fn read(self) -> (impl Iterator<Item = String>, Process) {
        (
            BufReader::new(self.log).lines().map(Result::unwrap),
            self.process,
        )
    }

    /// Ends the program as an operator does and gives its whole log.
    pub fn stop(mut self) -> Vec<String> {
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            self.log.read_to_string(&mut text).unwrap();
            text
        });
        self.process.stop().unwrap();
        reader.join().unwrap().lines().map(str::to_owned).collect()
    }
}

/// Runs a program that ends by itself: its exit code, and what it wrote on standard output and standard error.
pub fn run(role: Role, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let output = std::process::Command::new(executable())
        .arg(role.name())
        .args(args)
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn executable() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tandem-role"))
}

pub fn metric(process: &Process, name: &str) -> u64 {
    let text = send(process.addresses().admin, "GET", "/metrics", "").text();
    // A labelled metric is there once it has counted.
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

pub fn link(secret: &str) -> SecureLink {
    let secrets = vec![Secret::from(secret)];
    SecureLink::new(SecureLinkConfig {
        secrets,
        algorithm: Algorithm::Md5,
        expression: None,
    })
    .unwrap()
}

pub fn sign(path: &str, expires: Option<SystemTime>) -> String {
    link(SECRET).sign(path, expires).unwrap()
}

/// Signs a path that is no URL of Tandem's, as somebody with the secret and a wrong idea would.
pub fn sign_anything(path: &str) -> String {
    use base64::Engine;
    use md5::Digest;
    let hash = md5::Md5::digest(format!("{path} {SECRET}"));
    format!(
        "{path}?hash={}",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash)
    )
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn image(&self) -> image::DynamicImage {
        image::load_from_memory(&self.body).unwrap()
    }
}

pub fn send(address: SocketAddr, method: &str, target: &str, headers: &str) -> Answer {
    raw(
        address,
        &format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
        ),
    )
}

/// Writes bytes and reads until the server closes.
pub fn raw(address: SocketAddr, request: &str) -> Answer {
    try_raw(address, request).unwrap()
}

/// The same where the server may be killed meanwhile: `None` when there is no whole answer.
pub fn try_send(address: SocketAddr, target: &str) -> Option<Answer> {
    let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = try_raw(address, &request).ok()?;
    let length: usize = answer.header("content-length")?.parse().ok()?;
    (answer.body.len() == length).then_some(answer)
}

fn try_raw(address: SocketAddr, request: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = bytes.split_off(end + 4);
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    assert!(!chunked, "an answer of unknown length");
    Ok(Answer {
        status,
        headers,
        body,
    })
}
