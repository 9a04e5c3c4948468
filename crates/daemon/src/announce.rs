//! The one line on standard output by which a supervisor learns that a process serves, and where.
//!
//! With port 0 the addresses are known only after binding; the line is also the sign of readiness.

use std::io::{self, Write};
use std::net::SocketAddr;

/// Where a started program can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The address of `--listen`.
    pub listen: SocketAddr,
    /// The address of `--admin-listen`.
    pub admin: SocketAddr,
}

/// Prints `listening on ADDRESS, admin on ADDRESS`.
pub fn announce(addresses: Addresses) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "listening on {}, admin on {}",
        addresses.listen, addresses.admin
    )?;
    out.flush()
}

/// Reads what [`announce`] printed; `None` for any other line.
pub fn parse(line: &str) -> Option<Addresses> {
    let (listen, admin) = line
        .trim()
        .strip_prefix("listening on ")?
        .split_once(", admin on ")?;
    Some(Addresses {
        listen: listen.parse().ok()?,
        admin: admin.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_can_be_read_back() {
        let addresses = parse("listening on 127.0.0.1:80, admin on [::1]:81\n").unwrap();
        assert_eq!(addresses.listen.port(), 80);
        assert_eq!(addresses.admin.to_string(), "[::1]:81");
        assert_eq!(parse("hello"), None);
    }
}
