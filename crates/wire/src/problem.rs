//! The answers to what went wrong: `application/problem+json` (RFC 9457) with a stable `type`.
//!
//! One table for both programs. What a response says to everybody is fixed text: the cause goes to the log. Only where the
//! URL was signed, and so written by the site's own developer, a `detail` says what is wrong with it or the original.

use crate::shown::Shown;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
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

    /// Every row of the table.
    const ALL: [Self; 15] = [
        Self::BadRequest,
        Self::BadUrl,
        Self::Forbidden,
        Self::NotFound,
        Self::LinkExpired,
        Self::MethodNotAllowed,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::ImageTooLarge,
        Self::UnsupportedImage,
        Self::RateLimited {
            retry_after: OVERLOADED_RETRY_AFTER,
        },
        Self::Internal,
        Self::BadGateway,
        Self::OVERLOADED,
        Self::GatewayTimeout,
    ];

    /// Reads a response: its problem, and the `detail`. A response without a problem's body, or with one of a type that is not
    /// in the table, is read by its status.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> (Self, Option<String>) {
        let said: Said = serde_json::from_slice(body).unwrap_or_default();
        let slug = said.kind.as_deref().and_then(|kind| kind.strip_prefix(URN));
        let row = Self::ALL
            .into_iter()
            .find(|problem| slug == Some(problem.slug()))
            .unwrap_or_else(|| Self::of_status(status));
        let seconds = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        (row.after(seconds.map(Duration::from_secs)), said.detail)
    }

    /// The row that comes nearest to a status.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::BAD_REQUEST => Self::BadUrl,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::PAYLOAD_TOO_LARGE => Self::ImageTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedImage,
            StatusCode::SERVICE_UNAVAILABLE => Self::OVERLOADED,
            StatusCode::GATEWAY_TIMEOUT => Self::GatewayTimeout,
            _ => Self::BadGateway,
        }
    }

    /// The same with another `Retry-After`, where the row has one.
    fn after(self, retry_after: Option<Duration>) -> Self {
        match (self, retry_after) {
            (Self::Overloaded { .. }, Some(retry_after)) => Self::Overloaded { retry_after },
            (Self::RateLimited { .. }, Some(retry_after)) => Self::RateLimited { retry_after },
            (problem, _) => problem,
        }
    }

    /// What a gateway says of the problem of the server behind it. What is wrong with the gateway's own request, or with
    /// that server, is a bad gateway to the client (RFC 9110 §15.6.3).
    #[must_use]
    pub const fn of_upstream(self) -> Self {
        match self {
            Self::BadUrl
            | Self::NotFound
            | Self::TargetTooLong
            | Self::ImageTooLarge
            | Self::UnsupportedImage
            | Self::BadGateway
            | Self::Overloaded { .. }
            | Self::GatewayTimeout => self,
            Self::BadRequest
            | Self::Forbidden
            | Self::LinkExpired
            | Self::MethodNotAllowed
            | Self::HeadTooLarge
            | Self::RateLimited { .. }
            | Self::Internal => Self::BadGateway,
        }
    }

    /// The JSON body. Of a detail, which may quote a URL of any length, no more is given than a log shows of it.
    fn body(self, detail: Option<&str>) -> Bytes {
        let (status, slug, title) = self.row();
        let detail = detail.map_or_else(String::new, |detail| {
            let detail = serde_json::Value::from(Shown(detail).to_string());
            format!(r#","detail":{detail}"#)
        });
        Bytes::from(format!(
            r#"{{"type":"{URN}{slug}","title":"{title}","status":{}{detail}}}"#,
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

/// What `type` begins with.
const URN: &str = "urn:tandem:";

/// The members of a problem's body that are read.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: Option<String>,
    detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_cut_and_can_be_read_back() {
        let detail = format!("the geometry \"0\u{202e}{}\"", "9".repeat(1000));
        let response = Problem::BadUrl.response_with(Some(&detail));
        let detail_of = |response: &Response<Bytes>| {
            Problem::read(response.status(), response.headers(), response.body()).1
        };
        let read = detail_of(&response).unwrap();
        assert!(read.starts_with("the geometry \"0\\u{202e}9"), "{read}");
        assert!(read.len() < 300, "{read}");
        assert_eq!(detail_of(&Problem::BadUrl.response()), None);
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
    fn a_problem_reads_back_as_it_was_written() {
        for problem in Problem::ALL {
            for retry_after in [1, 7, 3600].map(Duration::from_secs) {
                let problem = problem.after(Some(retry_after));
                for detail in [None, Some("a \"detail\"")] {
                    let response = problem.response_with(detail);
                    let read =
                        Problem::read(response.status(), response.headers(), response.body());
                    assert_eq!(read, (problem, detail.map(str::to_owned)));
                }
            }
        }
        let slugs: std::collections::HashSet<_> = Problem::ALL.map(Problem::slug).into();
        assert_eq!(slugs.len(), Problem::ALL.len());
    }

    #[test]
    fn another_servers_response_is_read_by_its_status() {
        for (status, expected) in [
            (400, Problem::BadUrl),
            (404, Problem::NotFound),
            (413, Problem::ImageTooLarge),
            (418, Problem::BadGateway),
            (500, Problem::BadGateway),
            (503, Problem::OVERLOADED),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            for body in [
                "",
                "text",
                "{}",
                "[]",
                r#"{"type":"urn:tandem:new"}"#,
                r#"{"type":7}"#,
            ] {
                let read = Problem::read(status, &HeaderMap::new(), body.as_bytes());
                assert_eq!(read, (expected, None), "{status} {body}");
            }
        }
    }

    #[test]
    fn the_gateways_own_mistakes_are_a_bad_gateway() {
        for problem in Problem::ALL {
            let passed_on = problem.of_upstream();
            assert!(passed_on == problem || passed_on == Problem::BadGateway);
        }
        assert_eq!(Problem::BadRequest.of_upstream(), Problem::BadGateway);
        assert_eq!(Problem::NotFound.of_upstream(), Problem::NotFound);
    }
}
