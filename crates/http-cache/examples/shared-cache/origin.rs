//! The origin over HTTP/1.1: where it is, how it is asked, how long it may take.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};
use http_body_util::BodyExt;
use http_cache::FetchError;
use http_cache::cache::UpstreamResponse;
use http_cache::shared::{Origin, RequestBody};
use http_cache::silence::end_in_silence;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;
use thiserror::Error;

/// An origin that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum BadOrigin {
    /// It wants TLS.
    #[error("{0}: https is not supported; put a proxy in between that speaks TLS")]
    Https(Uri),
    /// It is no such URL.
    #[error("{0}: write http://HOST[:PORT][/PREFIX]")]
    Form(Uri),
}

/// An origin, and connections to it.
pub(crate) struct Upstream {
    client: Client<HttpConnector, RequestBody>,
    authority: Authority,
    /// What stands before the path of every request; empty, or begins with a slash and ends without.
    prefix: String,
    timeout: Duration,
    silence: Duration,
}

impl Upstream {
    /// An origin that may take `timeout` to answer, and be silent for `silence` within a body.
    pub(crate) fn new(
        origin: &Uri,
        timeout: Duration,
        silence: Duration,
    ) -> Result<Self, BadOrigin> {
        let form = || BadOrigin::Form(origin.clone());
        match origin.scheme_str() {
            Some("http") if origin.query().is_none() => {}
            Some("https") => return Err(BadOrigin::Https(origin.clone())),
            _ => return Err(form()),
        }
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(4))
                .build_http(),
            authority: origin.authority().cloned().ok_or_else(form)?,
            prefix: origin.path().trim_end_matches('/').to_owned(),
            timeout,
            silence,
        })
    }

    /// Where a request for this target goes.
    fn target(&self, asked: Uri) -> Result<Uri, FetchError> {
        let invalid = |error: &dyn std::fmt::Display| FetchError::Invalid(error.to_string().into());
        let mut parts = asked.into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        let path = parts.path_and_query.as_ref();
        let path = path.map_or("/", PathAndQuery::as_str);
        let path = format!("{}{path}", self.prefix);
        let path = PathAndQuery::try_from(path).map_err(|error| invalid(&error))?;
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|error| invalid(&error))
    }
}

impl Origin for Upstream {
    async fn ask(&self, mut request: Request<RequestBody>) -> Result<UpstreamResponse, FetchError> {
        *request.uri_mut() = self.target(std::mem::take(request.uri_mut()))?;
        // Interim responses (1xx) are the client's own to pass over.
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response.map(|body| {
                let failed =
                    |error: hyper::Error| FetchError::Unreachable(error.to_string().into());
                end_in_silence(body.map_err(failed), self.silence)
            })),
            Ok(Err(error)) => Err(FetchError::Unreachable(format!("{error:?}").into())),
            Err(_) => Err(FetchError::Timeout("no answer".into())),
        }
    }
}
