//! What both programs take: GET and HEAD without a body. Anything that looks like one is refused, so that nothing can
//! hide behind it.

use crate::Problem;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use thiserror::Error;

/// Bytes of a request's head at most (nginx: `large_client_header_buffers 4 8k`).
pub const HEAD_BYTES: usize = 32 * 1024;

/// Bytes of a request's target at most, one of nginx's buffers.
pub const TARGET_BYTES: usize = 8 * 1024;

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
    /// A 400, after which the connection is closed: an absolute target of another scheme than this listener's (RFC 9110
    /// §7.4).
    #[error("a target of another scheme than http")]
    Scheme,
    /// A 414.
    #[error("a target of more than {TARGET_BYTES} bytes")]
    TargetTooLong,
    /// A 431, after which the connection is closed.
    #[error("a head of more than {HEAD_BYTES} bytes")]
    HeadTooLarge,
}

impl Refused {
    /// Whether the connection is closed after the response.
    pub fn closes(&self) -> bool {
        !matches!(self, Self::Method(_))
    }

    /// The row of the table of problems.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Method(_) => Problem::MethodNotAllowed,
            Self::Framing | Self::Host | Self::Scheme => Problem::BadRequest,
            Self::TargetTooLong => Problem::TargetTooLong,
            Self::HeadTooLarge => Problem::HeadTooLarge,
        }
    }
}

/// Checks a request's size, its method, that there is no body, and that there is one Host.
///
/// # Errors
/// When the request is not to be taken.
pub fn check_request<B>(request: &Request<B>) -> Result<(), Refused> {
    let uri = request.uri();
    let target = match (uri.scheme(), uri.path_and_query()) {
        (None, Some(path)) => path.as_str().len(),
        _ => uri.to_string().len(),
    };
    if target > TARGET_BYTES {
        return Err(Refused::TargetTooLong);
    }
    // As it was sent, with one blank between a name and its value, which is how clients write.
    let lines = request.headers().iter();
    let fields: usize = lines
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let line = request.method().as_str().len() + target + " ".len() + " HTTP/1.1\r\n".len();
    if line + fields + "\r\n".len() > HEAD_BYTES {
        return Err(Refused::HeadTooLarge);
    }
    if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP) {
        return Err(Refused::Scheme);
    }
    check(request.method(), request.version(), request.headers())
}

/// Checks the method, that there is no body, and that there is one Host (RFC 9112 §3.2), which HTTP/1.0 may leave out.
///
/// # Errors
/// When the request is not to be taken.
fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<(), Refused> {
    check_host(version, headers)?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refused::Method(method.clone()));
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if lengths.any(|length| length != "0") || headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refused::Framing);
    }
    Ok(())
}

/// Checks that there is one Host, as every listener has to.
///
/// # Errors
/// [`Refused::Host`].
pub fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Refused> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => Ok(()),
        (None, None) if version < Version::HTTP_11 => Ok(()),
        _ => Err(Refused::Host),
    }
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
