//! What both programs take: GET and HEAD without a body. Anything that looks like one is refused, so that nothing can
//! hide behind it.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method};
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
}

/// Checks the method and that there is no body.
///
/// # Errors
/// When the request is not to be taken.
pub fn check(method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refused::Method(method.clone()));
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if lengths.any(|length| length != "0") || headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refused::Framing);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(check(&method, &headers), expected);
        }
    }
}
