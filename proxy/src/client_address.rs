//! Who asks: the peer's address, or what a trusted proxy says of it (nginx: `set_real_ip_from`, `real_ip_header`).

use clap::ValueEnum;
use http::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Whose word is taken, and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct ClientAddressConfig {
    /// Proxies whose header is believed.
    pub trusted: Vec<IpNet>,
    /// The header.
    pub header: RealIpHeader,
}

/// A header that carries the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RealIpHeader {
    /// A list to which each proxy appends; the last address that is no trusted proxy's counts.
    XForwardedFor,
    /// One address.
    XRealIp,
    /// One address, as Cloudflare sends it.
    CfConnectingIp,
}

impl RealIpHeader {
    const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::XRealIp => "x-real-ip",
            Self::CfConnectingIp => "cf-connecting-ip",
        }
    }
}

impl ClientAddressConfig {
    /// Whether a peer is a trusted proxy.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|network| network.contains(&peer))
    }

    /// The address of the client behind `peer`. What an untrusted peer says of itself is ignored; so is nonsense.
    pub(crate) fn resolve(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<&str> = headers
            .get_all(self.header.name())
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        for said in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = read(said.trim()) else {
                break;
            };
            client = address;
        }
        client
    }
}

/// An address as proxies write it: alone, with a port, or in brackets with or without one.
fn read(said: &str) -> Option<IpAddr> {
    let alone = || said.parse().ok();
    let with_port = || said.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || said.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address: IpAddr = alone().or_else(with_port).or_else(in_brackets)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(peer: &str, forwarded: &[&str]) -> String {
        let config = ClientAddressConfig {
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            header: RealIpHeader::XForwardedFor,
        };
        let headers = forwarded.iter().map(|line| {
            (
                http::HeaderName::from_static("x-forwarded-for"),
                line.parse().unwrap(),
            )
        });
        config
            .resolve(peer.parse().unwrap(), &headers.collect())
            .to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        for (peer, forwarded, expected) in [
            ("203.0.113.9", &["1.2.3.4"][..], "203.0.113.9"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["nonsense"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            (
                "10.0.0.1",
                &["6.6.6.6, 1.2.3.4:5678, 10.0.0.2:80"],
                "1.2.3.4",
            ),
            ("10.0.0.1", &["[2001:db8::1]:5678"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("64:ff9b::102:304", &[], "64:ff9b::102:304"),
            ("10.0.0.1", &["64:ff9b::1.2.3.4"], "64:ff9b::102:304"),
            ("10.0.0.1", &["1.2.3.4:port"], "10.0.0.1"),
            ("10.0.0.1", &["[1.2.3.4"], "10.0.0.1"),
        ] {
            assert_eq!(resolve(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
