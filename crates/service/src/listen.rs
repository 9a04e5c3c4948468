//! Taking a port, with an error that says which flag to use instead.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// Connections that may wait for `accept`, as nginx's `listen backlog=511`, rounded up.
const BACKLOG: u32 = 1024;

/// A port that could not be taken.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another process has it.
    #[error("{address} is taken by another process: choose another port with {flag}")]
    Taken {
        /// The address as given.
        address: String,
        /// The flag that sets it.
        flag: &'static str,
    },
    /// Anything else, a port below 1024 without the right to it for example.
    #[error("cannot listen on {address} ({flag}): {cause}")]
    Failed {
        /// The address as given.
        address: String,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

/// Listens on `address`, a `host:port` where port 0 takes any free one; a port alone, `8080` or `:8080`, is one of all IPv4
/// addresses, as nginx's `listen 8080`. `flag` is named in errors.
pub async fn bind(address: &str, flag: &'static str) -> Result<TcpListener, ListenError> {
    let listener = async {
        let resolved = lookup_host(with_host(address).as_ref())
            .await?
            .next()
            .ok_or_else(|| io::Error::other("the name has no address"))?;
        bind_resolved(resolved)
    };
    listener.await.map_err(|cause| {
        let address = address.to_owned();
        if cause.kind() == io::ErrorKind::AddrInUse {
            ListenError::Taken { address, flag }
        } else {
            ListenError::Failed {
                address,
                flag,
                cause,
            }
        }
    })
}

fn with_host(address: &str) -> Cow<'_, str> {
    let port = address.strip_prefix(':').unwrap_or(address);
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        Cow::Owned(format!("0.0.0.0:{port}"))
    } else {
        Cow::Borrowed(address)
    }
}

fn bind_resolved(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_alone_is_one_of_all_addresses() {
        for address in ["0", ":0"] {
            let listener = bind(address, "--listen").await.unwrap();
            assert!(listener.local_addr().unwrap().ip().is_unspecified());
        }
        assert_eq!(with_host("[::1]:80"), "[::1]:80");
        assert_eq!(with_host("localhost:80"), "localhost:80");
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_flag() {
        let first = bind("127.0.0.1:0", "--listen").await.unwrap();
        let address = first.local_addr().unwrap().to_string();
        let error = bind(&address, "--listen").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{address} is taken by another process: choose another port with --listen")
        );
    }
}
