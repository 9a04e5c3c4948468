//! Asking the admin listener of a running process, for subcommands and for containers that hold no curl.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest answer read.
const MAX_ANSWER: u64 = 64 << 20;

/// A request to an admin listener.
#[derive(Clone, Copy, Debug)]
pub struct AdminRequest<'a> {
    /// `--admin-listen` of the process. A wildcard address such as `0.0.0.0:8081` reaches the local process.
    pub admin: &'a str,
    /// The method.
    pub method: &'a str,
    /// The request target, percent-encoded.
    pub target: &'a str,
    /// The token that authorizes it.
    pub token: Option<&'a str>,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// Sends a request and reads the answer: its status and body.
///
/// # Errors
/// When the process cannot be reached or gives no HTTP answer in time.
pub fn ask(request: AdminRequest<'_>) -> io::Result<(u16, String)> {
    let addresses = request.admin.to_socket_addrs()?;
    let address = addresses
        .into_iter()
        .next()
        .ok_or_else(|| io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
    stream.set_read_timeout(Some(request.timeout))?;
    stream.set_write_timeout(Some(request.timeout))?;
    let authorization = request
        .token
        .map(|token| format!("Authorization: Bearer {token}\r\n"));
    write!(
        stream,
        "{} {} HTTP/1.0\r\nHost: {}\r\n{}\r\n",
        request.method,
        request.target,
        request.admin,
        authorization.unwrap_or_default(),
    )?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
    let status = answer
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5)?.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    status
        .zip(body)
        .ok_or_else(|| io::Error::other("the answer is no HTTP"))
}
