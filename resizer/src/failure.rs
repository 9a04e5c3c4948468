//! Why a request got no picture, and which answer that is: the resizer's side of the table of errors.

use crate::gate::{Full, Panicked, TooLong};
use crate::isolate::WorkerError;
use crate::source::SourceError;
use image_url::{TargetError, UrlError};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use wire::Problem;
use wire::framing::Refused;

#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("the target is malformed: {0}")]
    Target(#[from] TargetError),
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error("{0}")]
    Full(#[from] Full),
    #[error("{0}")]
    TooLong(#[from] TooLong),
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("{0}")]
    Imaging(#[from] imaging::Error),
    #[error("{0}")]
    Panicked(#[from] Panicked),
    #[error("{0}")]
    Worker(#[from] WorkerError),
    /// What a process for a picture reported of its failure.
    #[error("{message}")]
    Reported { problem: Problem, message: String },
    #[error("took longer than {0:?}")]
    Timeout(Duration),
    /// As many originals are passed on as may be.
    #[error("--max-originals are being read")]
    NoTurn,
    /// The same was too slow a few seconds ago.
    #[error("too slow a moment ago: {0}")]
    Slow(Arc<Failure>),
}

impl Failure {
    /// The row of the table.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Refused(refused) => refused.problem(),
            Self::Target(_) => Problem::BadRequest,
            Self::Url(error) if error.is_no_path() => Problem::NotFound,
            Self::Source(SourceError::Missing) => Problem::NotFound,
            Self::Url(_) => Problem::BadUrl,
            Self::Full(full) => Problem::Overloaded {
                retry_after: full.wait,
            },
            Self::NoTurn => Problem::OVERLOADED,
            Self::Source(SourceError::TooLarge { .. }) => Problem::ImageTooLarge,
            Self::Source(SourceError::Busy { retry_after }) => retry_after
                .map_or(Problem::OVERLOADED, |retry_after| Problem::Overloaded {
                    retry_after,
                }),
            Self::Source(SourceError::Failed(_)) => Problem::BadGateway,
            Self::Source(SourceError::Timeout(_)) | Self::Timeout(_) | Self::TooLong(_) => {
                Problem::GatewayTimeout
            }
            Self::Imaging(error) => match error {
                imaging::Error::NotAnImage
                | imaging::Error::UnsupportedKind(_)
                | imaging::Error::Corrupt(_) => Problem::UnsupportedImage,
                imaging::Error::TooManyPixels { .. } | imaging::Error::SideTooLong { .. } => {
                    Problem::ImageTooLarge
                }
                imaging::Error::ResultTooLarge { .. } => Problem::BadUrl,
                imaging::Error::Cancelled | imaging::Error::DeadlineExceeded => {
                    Problem::GatewayTimeout
                }
                imaging::Error::Encode(_) => Problem::Internal,
            },
            Self::Panicked(_) | Self::Worker(_) => Problem::Internal,
            Self::Reported { problem, .. } => *problem,
            Self::Slow(failure) => failure.problem(),
        }
    }

    /// What whoever signed the URL may read of the cause: what is wrong with the URL or the original.
    pub(crate) fn detail(&self) -> Option<String> {
        match self {
            Self::Url(error) => Some(error.to_string()),
            Self::TooLong(too_long) => Some(too_long.to_string()),
            _ if matches!(self.problem(), Problem::BadUrl) || self.lies_in_the_original() => {
                Some(self.to_string())
            }
            _ => None,
        }
    }

    /// Whether the failure lies in the original and lasts as long as that does, so that the edge may remember it for the
    /// short time that its `--cache-valid` gives.
    pub(crate) fn lies_in_the_original(&self) -> bool {
        matches!(
            self.problem(),
            Problem::NotFound | Problem::ImageTooLarge | Problem::UnsupportedImage
        )
    }

    /// Whether the connection is closed after the answer, since what follows on it cannot be told apart.
    pub(crate) fn closes(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.closes())
    }
}
