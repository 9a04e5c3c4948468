//! The answers to what went wrong: `application/problem+json` (RFC 9457) with a stable `type`.
//!
//! One table for both programs. What a response says to everybody is fixed text: the cause goes to the log. Only where the
//! URL was signed, and so written by the site's own developer, a `detail` says what is wrong with it or the original.

use crate::shown::Shown;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use std::time::Duration;

/// A problem that a client can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// Malformed HTTP, a body on GET, ambiguous framing.
    BadRequest,
    /// Zero, absurd or unknown geometry or option in a URL that is signed.
    BadUrl,
    /// Not signed or wrongly signed, where `--denied-status` is 403.
    Forbidden,
    /// Not signed, wrongly signed, no such path shape, or no such original.
    NotFound,
    /// The signature was right and its time is over.
    LinkExpired,
    /// Neither GET nor HEAD.
    MethodNotAllowed,
    /// The target of the request is longer than is read.
    TargetTooLong,
    /// The head of the request is larger than is read.
    HeadTooLarge,
    /// The original is too big in bytes, pixels or frames.
    ImageTooLarge,
    /// The original is not an image, or one that cannot be read.
    UnsupportedImage,
    /// The client asks more often than it may; it may ask again after this time.
    RateLimited {
        /// Until the next request is allowed, rounded up to a second in `Retry-After`.
        retry_after: Duration,
    },
    /// A defect of ours.
    Internal,
    /// The source or every resizer fails or refuses.
    BadGateway,
    /// More work is queued than can be done in time; it may be asked for again after this time.
    Overloaded {
        /// How long the work that is queued will take, in `Retry-After` rounded up to a second.
        retry_after: Duration,
    },
    /// The source or the resizer is too slow.
    GatewayTimeout,
}

/// What a client is asked to wait where nothing is known of the queue. Long enough for one of seconds to drain.
const OVERLOADED_RETRY_AFTER: Duration = Duration::from_secs(2);

impl Problem {
    /// Too much work, of which no more is known.
    pub const OVERLOADED: Self = Self::Overloaded {
        retry_after: OVERLOADED_RETRY_AFTER,
    };

    /// Status, last part of the `type` URN, and title: the table of errors.
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                "bad-request",
                "The request is malformed",
            ),
            Self::BadUrl => (
                StatusCode::BAD_REQUEST,
                "bad-url",
                "The geometry or an option of this URL is out of range or unknown",
            ),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "This URL is not signed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such image"),
            Self::LinkExpired => (StatusCode::GONE, "link-expired", "This link has expired"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Only GET and HEAD are allowed",
            ),
            Self::TargetTooLong => (
                StatusCode::URI_TOO_LONG,
                "target-too-long",
                "The target of the request is too long",
            ),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head-too-large",
                "The head of the request is too large",
            ),
            Self::ImageTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "image-too-large",
                "The original exceeds the limits of this server",
            ),
            Self::UnsupportedImage => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-image",
                "The original is not an image that can be read",
            ),
            Self::RateLimited { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate-limited",
                "Too many requests",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The server failed",
            ),
            Self::BadGateway => (
                StatusCode::BAD_GATEWAY,
                "bad-gateway",
                "The image could not be fetched",
            ),
            Self::Overloaded { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "The server is busy",
            ),
            Self::GatewayTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "gateway-timeout",
                "The image took too long to make",
            ),
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    /// The last part of the `type` URN, also used in logs and metrics.
    pub const fn slug(self) -> &'static str {
        self.row().1
    }

    /// The problem that the status of a resizer's answer stands for; `None` for what is no error of the table.
    pub fn from_upstream_status(status: StatusCode) -> Option<Self> {
        Some(match status {
            StatusCode::BAD_REQUEST => Self::BadUrl,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::PAYLOAD_TOO_LARGE => Self::ImageTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedImage,
            StatusCode::SERVICE_UNAVAILABLE => Self::OVERLOADED,
            StatusCode::GATEWAY_TIMEOUT => Self::GatewayTimeout,
            status if status.is_client_error() || status.is_server_error() => Self::BadGateway,
            _ => return None,
        })
    }

    /// The JSON body. Of a detail, which may quote a URL of any length, no more is given than a log shows of it.
    fn body(self, detail: Option<&str>) -> Bytes {
        let (status, slug, title) = self.row();
        let detail = detail.map_or_else(String::new, |detail| {
            let detail = serde_json::Value::from(Shown(detail).to_string());
            format!(r#","detail":{detail}"#)
        });
        Bytes::from(format!(
            r#"{{"type":"urn:tandem:{slug}","title":"{title}","status":{}{detail}}}"#,
            status.as_u16()
        ))
    }

    /// The response. It forbids storing, so that no cache on the way keeps an error that is over.
    pub fn response(self) -> Response<Bytes> {
        self.response_with(None)
    }

    /// The same with a `detail` (RFC 9457 §3.1.4), which only those may get who signed the URL.
    pub fn response_with(self, detail: Option<&str>) -> Response<Bytes> {
        let mut response = Response::new(self.body(detail));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::MethodNotAllowed => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            Self::Overloaded { retry_after } | Self::RateLimited { retry_after } => {
                headers.insert(
                    RETRY_AFTER,
                    HeaderValue::from(
                        (retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0)).max(1),
                    ),
                );
            }
            _ => {}
        }
        response
    }
}

/// The `detail` of a problem's JSON body, if it is one and has one.
pub fn detail_of(body: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(json.get("detail")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_cut_and_can_be_read_back() {
        let detail = format!("the geometry \"0\u{202e}{}\"", "9".repeat(1000));
        let response = Problem::BadUrl.response_with(Some(&detail));
        let read = detail_of(response.body()).unwrap();
        assert!(read.starts_with("the geometry \"0\\u{202e}9"), "{read}");
        assert!(read.len() < 300, "{read}");
        assert_eq!(detail_of(Problem::BadUrl.response().body()), None);
        assert_eq!(detail_of(b"text"), None);
    }

    #[test]
    fn the_body_is_problem_json_with_a_stable_type() {
        let response = Problem::LinkExpired.response();
        assert_eq!(response.status(), StatusCode::GONE);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(json["type"], "urn:tandem:link-expired");
        assert_eq!(json["status"], 410);
    }

    #[test]
    fn retry_after_is_rounded_up_to_a_second() {
        let response = Problem::RateLimited {
            retry_after: Duration::from_millis(1_200),
        }
        .response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn a_refused_method_names_the_allowed_ones() {
        assert_eq!(
            Problem::MethodNotAllowed.response().headers()[ALLOW],
            "GET, HEAD"
        );
    }

    #[test]
    fn an_upstream_status_becomes_the_same_row_and_an_unknown_error_a_bad_gateway() {
        for problem in [
            Problem::NotFound,
            Problem::ImageTooLarge,
            Problem::UnsupportedImage,
            Problem::OVERLOADED,
            Problem::GatewayTimeout,
        ] {
            assert_eq!(
                Problem::from_upstream_status(problem.status()),
                Some(problem)
            );
        }
        assert_eq!(
            Problem::from_upstream_status(StatusCode::IM_A_TEAPOT),
            Some(Problem::BadGateway)
        );
        assert_eq!(Problem::from_upstream_status(StatusCode::OK), None);
    }
}
