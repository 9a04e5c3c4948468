//! Taking a port, with an error that says which flag to use instead.

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

/// Connections that may wait for `accept`, as nginx's `listen backlog=511`, rounded up.
const BACKLOG: u32 = 1024;

/// How often a free port is looked for that all addresses of a name have free.
const PORT_ATTEMPTS: usize = 16;

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

/// The sockets of one `--listen`: one for each address of its name. `Display` is their addresses.
#[derive(Debug)]
pub struct Listener {
    /// Never empty.
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    /// The socket that is asked first, so that a busy one does not keep the others waiting.
    next: AtomicUsize,
}

impl Listener {
    fn new(sockets: Vec<TcpListener>) -> io::Result<Self> {
        let addresses = sockets
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<_>>()?;
        Ok(Self {
            sockets,
            addresses,
            next: AtomicUsize::new(0),
        })
    }

    /// The next connection of any of the sockets.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| {
            let first = self.next.fetch_add(1, Ordering::Relaxed);
            for offset in 0..self.sockets.len() {
                let socket = &self.sockets[first.wrapping_add(offset) % self.sockets.len()];
                if let Poll::Ready(accepted) = socket.poll_accept(context) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// The address of the first socket. All have the same port.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.addresses.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{address}")?;
        }
        Ok(())
    }
}

/// Listens on `address`, a `host:port` where port 0 takes any free one, at all addresses that the host's name has; a port
/// alone, `8080` or `:8080`, is one of all IPv4 addresses, as nginx's `listen 8080`. `flag` is named in errors.
pub(crate) async fn bind(address: &str, flag: &'static str) -> Result<Listener, ListenError> {
    let listener = async {
        let address = with_host(address);
        let mut resolved: Vec<SocketAddr> = Vec::new();
        for address in lookup_host(address.as_ref()).await? {
            if !resolved.contains(&address) {
                resolved.push(address);
            }
        }
        bind_all(&resolved)
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

/// An address that may be a port alone, with its host.
pub(crate) fn with_host(address: &str) -> Cow<'_, str> {
    let port = address.strip_prefix(':').unwrap_or(address);
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        Cow::Owned(format!("0.0.0.0:{port}"))
    } else {
        Cow::Borrowed(address)
    }
}

/// Listens on all addresses, on the same port where that is 0. A machine may know a name by an address that it does not
/// have, `::1` without IPv6 for example: such a one is left out as long as another is left.
fn bind_all(addresses: &[SocketAddr]) -> io::Result<Listener> {
    let any_port = addresses.iter().any(|address| address.port() == 0);
    let mut attempts = if any_port && addresses.len() > 1 {
        PORT_ATTEMPTS
    } else {
        1
    };
    loop {
        attempts -= 1;
        match bind_once(addresses) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            outcome => return Listener::new(outcome?),
        }
    }
}

fn bind_once(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut missing = io::Error::other("the name has no address");
    for address in addresses {
        let mut address = *address;
        if let (0, Some(first)) = (address.port(), sockets.first()) {
            address.set_port(first.local_addr()?.port());
        }
        match bind_resolved(address) {
            Ok(socket) => sockets.push(socket),
            Err(error) if is_missing(&error) => {
                tracing::warn!(%address, %error, "not listened on, since this machine does not have the address");
                missing = error;
            }
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        return Err(missing);
    }
    Ok(sockets)
}

fn is_missing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    error.raw_os_error().is_some_and(|number| {
        [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].contains(&Errno::from_raw_os_error(number))
    })
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
            assert!(listener.address().ip().is_unspecified());
        }
        assert_eq!(with_host("[::1]:80"), "[::1]:80");
        assert_eq!(with_host("localhost:80"), "localhost:80");
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_flag() {
        let first = bind("127.0.0.1:0", "--listen").await.unwrap();
        let address = first.to_string();
        let error = bind(&address, "--listen").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{address} is taken by another process: choose another port with --listen")
        );
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_listened_on() {
        let both = ["127.0.0.1:0", "127.0.0.2:0"].map(|address| address.parse().unwrap());
        let listener = bind_all(&both).unwrap();
        let port = listener.address().port();
        for ip in ["127.0.0.1", "127.0.0.2"] {
            let client = TcpStream::connect((ip, port)).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        }
        assert_eq!(
            listener.to_string(),
            format!("127.0.0.1:{port},127.0.0.2:{port}")
        );
    }

    #[tokio::test]
    async fn an_address_that_the_machine_does_not_have_is_left_out() {
        let with = ["192.0.2.1:0", "127.0.0.1:0"].map(|address| address.parse().unwrap());
        assert_eq!(bind_all(&with).unwrap().addresses.len(), 1);
        assert!(bind_all(&with[..1]).is_err());
    }
}
