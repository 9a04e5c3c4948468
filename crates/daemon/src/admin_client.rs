//! Asking the admin listener of a running process, for subcommands and for containers that hold no curl.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;
use thiserror::Error;

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

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// The name has no address, or none was found.
    #[error("--admin-listen {admin}: {cause}")]
    Name {
        /// The address as given.
        admin: String,
        /// What the resolver said.
        cause: io::Error,
    },
    /// No address takes a connection.
    #[error("cannot connect to {tried}; --admin-listen says where to ask")]
    Unreachable {
        /// Each address and why it failed.
        tried: String,
    },
    /// The connection broke off, the time is over, or what came is no HTTP.
    #[error("{address} gives no answer: {cause}")]
    NoAnswer {
        /// The address that took the connection.
        address: SocketAddr,
        /// What went wrong.
        cause: io::Error,
    },
}

/// Sends a request and reads the answer: its status and body. All addresses of a name are tried in turn.
///
/// # Errors
/// When the process cannot be reached or gives no HTTP answer in time.
pub fn ask(request: AdminRequest<'_>) -> Result<(u16, String), AskError> {
    let name = |cause| AskError::Name {
        admin: request.admin.to_owned(),
        cause,
    };
    let admin = crate::listen::with_host(request.admin);
    let mut tried = Vec::new();
    for address in admin.to_socket_addrs().map_err(name)? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                let answer = exchange(&stream, request);
                return answer.map_err(|cause| AskError::NoAnswer { address, cause });
            }
            Err(error) => tried.push(format!("{address} ({error})")),
        }
    }
    if tried.is_empty() {
        return Err(name(io::Error::other("the name has no address")));
    }
    Err(AskError::Unreachable {
        tried: tried.join(", "),
    })
}

fn exchange(mut stream: &TcpStream, request: AdminRequest<'_>) -> io::Result<(u16, String)> {
    stream.set_read_timeout(Some(request.timeout))?;
    stream.set_write_timeout(Some(request.timeout))?;
    let authorization = request
        .token
        .map(|token| format!("Authorization: Bearer {token}\r\n"));
    // The address and not the name: an admin listener answers few names, see `admin::Hosts`.
    let host = stream.peer_addr()?;
    // At once: a server that answers early and closes must not leave a part of it unread.
    let head = format!(
        "{} {} HTTP/1.0\r\nHost: {host}\r\n{}\r\n",
        request.method,
        request.target,
        authorization.unwrap_or_default(),
    );
    stream.write_all(head.as_bytes())?;
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
        .ok_or_else(|| io::Error::other("what came is no HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn request(admin: &str) -> AdminRequest<'_> {
        AdminRequest {
            admin,
            method: "GET",
            target: "/readyz",
            token: None,
            timeout: Duration::from_secs(3),
        }
    }

    #[test]
    fn an_address_that_refuses_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = ask(request(&address)).unwrap_err().to_string();
        let expected = format!("cannot connect to {address} (Connection refused");
        assert!(error.starts_with(&expected), "{error}");
    }

    /// `localhost` has two addresses on most machines: whichever it listens on is found.
    #[test]
    fn every_address_of_a_name_is_tried() {
        for ip in ["127.0.0.1", "::1"] {
            let Ok(listener) = TcpListener::bind((ip, 0)) else {
                eprintln!("skipped: no {ip} here");
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            let name = format!("localhost:{port}");
            let resolved: Vec<_> = name.to_socket_addrs().unwrap().collect();
            if !resolved.contains(&listener.local_addr().unwrap()) {
                eprintln!("skipped: localhost is not {ip} here");
                continue;
            }
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).unwrap();
                stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nready\n").unwrap();
            });
            assert_eq!(ask(request(&name)).unwrap(), (200, "ready\n".to_owned()));
            server.join().unwrap();
        }
    }
}
