//! What both programs take: GET and HEAD without a body. Anything that looks like one is refused, so that nothing can
//! hide behind it.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Version};
use thiserror::Error;

/// A request that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Another method: a 405.
    #[error("method {0} is not allowed")]
    Method(Method),
    /// A 400, after which the connection is closed, since what follows on it cannot be told apart.
    #[error("a body, or framing for one, on a request that has none")]
    Framing,
    /// A 400, after which the connection is closed: who names no host, or two, is no client but an attempt to be read
    /// differently by two servers.
    #[error("no Host, more than one, or one that is none")]
    Host,
}

/// Checks the method, that there is no body, and that there is one Host (RFC 9112 §3.2), which HTTP/1.0 may leave out.
///
/// # Errors
/// When the request is not to be taken.
pub fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<(), Refused> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => {}
        (None, None) if version < Version::HTTP_11 => {}
        _ => return Err(Refused::Host),
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refused::Method(method.clone()));
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if lengths.any(|length| length != "0") || headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refused::Framing);
    }
    Ok(())
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2), which may be empty.
fn is_host(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    bytes.is_empty() || (Authority::try_from(bytes).is_ok() && !bytes.contains(&b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that
    /// lacks a Host header field and to any request message that contains more than one Host header field line or a Host
    /// header field with an invalid field value."
    #[test]
    fn there_is_one_host() {
        let check = |version, hosts: &[&'static str]| {
            let hosts = hosts
                .iter()
                .map(|host| (HOST, HeaderValue::from_static(host)));
            check(&Method::GET, version, &hosts.collect())
        };
        for host in [
            "",
            "a.example",
            "a.example:8080",
            "127.0.0.1:80",
            "[::1]:80",
            "a-b_c",
        ] {
            assert_eq!(check(Version::HTTP_11, &[host]), Ok(()), "{host}");
        }
        for host in [
            "a b",
            "a.example/x",
            "user@a.example",
            "a.example, b.example",
            "[::1",
            "a?b",
        ] {
            assert_eq!(
                check(Version::HTTP_11, &[host]),
                Err(Refused::Host),
                "{host}"
            );
        }
        assert_eq!(check(Version::HTTP_11, &[]), Err(Refused::Host));
        assert_eq!(check(Version::HTTP_10, &[]), Ok(()));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(check(version, &["a", "a"]), Err(Refused::Host));
        }
    }

    #[test]
    fn only_get_and_head_without_a_body_pass() {
        let headers = |name: &'static str, value| {
            HeaderMap::from_iter([(http::HeaderName::from_static(name), value)])
        };
        let value = http::HeaderValue::from_static;
        for (method, headers, expected) in [
            (Method::GET, HeaderMap::new(), Ok(())),
            (Method::HEAD, headers("content-length", value("0")), Ok(())),
            (
                Method::GET,
                headers("content-length", value("1")),
                Err(Refused::Framing),
            ),
            (
                Method::GET,
                headers("transfer-encoding", value("chunked")),
                Err(Refused::Framing),
            ),
            (
                Method::POST,
                HeaderMap::new(),
                Err(Refused::Method(Method::POST)),
            ),
        ] {
            let mut headers = headers;
            headers.insert(HOST, value("a.example"));
            assert_eq!(check(&method, Version::HTTP_11, &headers), expected);
        }
    }
}
