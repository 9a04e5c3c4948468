//! Why a request got no picture, and which answer that is: the edge's side of the table of errors.

use http::{HeaderName, HeaderValue, StatusCode};
use http_cache::{CacheStatus, FetchError};
use image_url::{Denied, TargetError, UrlError};
use std::time::Duration;
use thiserror::Error;
use wire::Problem;
use wire::framing::Refused;

/// When a client may come again that has as many fetches under way as one may have.
const COME_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("over the rate limit")]
    RateLimited(Duration),
    #[error("the target is malformed: {0}")]
    Target(#[from] TargetError),
    #[error("unsigned or wrongly signed")]
    Unsigned,
    #[error("the link has expired")]
    Expired,
    #[error(transparent)]
    Url(#[from] UrlError),
    /// What browsers and robots ask of every site, signed or not.
    #[error("not served here")]
    NoSuchFile,
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("the resizer responds {}", .0.status.as_u16())]
    Upstream(Box<UpstreamFailure>),
}

/// A resizer's response that is no image.
#[derive(Debug)]
pub(crate) struct UpstreamFailure {
    pub(crate) status: StatusCode,
    /// What it says is wrong.
    pub(crate) problem: Problem,
    /// What it says is wrong with the URL or the original.
    pub(crate) detail: Option<String>,
    /// Whether the cache remembered it, and the headers that report that.
    pub(crate) cache: CacheStatus,
    pub(crate) cache_headers: [(HeaderName, HeaderValue); 2],
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unsigned => Self::Unsigned,
            Denied::Expired => Self::Expired,
        }
    }
}

impl Failure {
    /// The row of the table; `denied` is what the configuration says for unsigned URLs.
    pub(crate) fn problem(&self, denied: Problem) -> Problem {
        match self {
            Self::Refused(refused) => refused.problem(),
            Self::Target(_) => Problem::BadRequest,
            Self::RateLimited(retry_after) => Problem::RateLimited {
                retry_after: *retry_after,
            },
            Self::Unsigned => denied,
            Self::Expired => Problem::LinkExpired,
            Self::Url(error) if error.is_no_path() => Problem::NotFound,
            Self::NoSuchFile => Problem::NotFound,
            Self::Url(_) => Problem::BadUrl,
            Self::Fetch(FetchError::Timeout(_)) => Problem::GatewayTimeout,
            Self::Fetch(FetchError::Overloaded) => Problem::OVERLOADED,
            Self::Fetch(FetchError::TooManyOfClient) => Problem::RateLimited {
                retry_after: COME_AGAIN,
            },
            Self::Fetch(_) => Problem::BadGateway,
            Self::Upstream(upstream) => upstream.problem.of_upstream(),
        }
    }

    /// What a client may read of the cause: its URL was signed, so whoever wrote it is the site's own developer. An unsigned
    /// request never comes so far.
    pub(crate) fn detail(&self) -> Option<String> {
        match self {
            Self::Url(error) => Some(error.to_string()),
            Self::Upstream(upstream) => upstream.detail.clone(),
            _ => None,
        }
    }

    /// What the line of the request says of the cause; `None` for what is asked of every site all day.
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            Self::NoSuchFile => None,
            Self::Upstream(upstream) => {
                let detail = upstream.detail.as_deref();
                Some(detail.map_or(self.to_string(), |detail| format!("{self}: {detail}")))
            }
            failure => Some(failure.to_string()),
        }
    }

    /// Whether the connection is closed after the answer, since what follows on it cannot be told apart.
    pub(crate) fn closes(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.closes())
    }
}
