//! `healthcheck`: asks a running process whether it is ready, for containers that hold no curl.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(3);

/// GETs `/readyz` from the admin address; fails unless the answer is 200.
///
/// A wildcard address such as `0.0.0.0:8081` reaches the local process, as the address to connect to.
pub fn ready(admin: &str) -> io::Result<()> {
    let address = admin
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "not ready: {}",
            answer.lines().next().unwrap_or("no answer")
        )))
    }
}
