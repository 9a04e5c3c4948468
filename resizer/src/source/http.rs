//! Originals from a plain HTTP server, of which nothing is asked but what RFC 9110 and RFC 9112 promise.

use super::address::{Guarded, is_forbidden};
use super::body::{Body, gunzip};
use super::{BadSource, CONNECT_TIMEOUT, Opened, SourceConfig, SourceError, Validators};
use futures::{StreamExt, TryStreamExt};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue,
    LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};
use url::{Host, Origin, Url};
use wire::shown::chain;

/// Redirects that are followed for one original, as curl and browsers bound them, only fewer.
const MAX_REDIRECTS: usize = 5;

/// A busy source is not believed to be busy for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// An HTTP server with originals below a path.
#[derive(Debug)]
pub(super) struct HttpSource {
    base: Url,
    authorization: Option<HeaderValue>,
    /// Origins besides that of `base` that a redirect may lead to.
    redirect_to: Vec<Origin>,
    /// For the origin of `base`, which may be at any address: the operator named it.
    client: Client,
    /// The same without connections to reuse: for a second try after one was closed under the first.
    fresh: Client,
    /// For other origins.
    guarded: Client,
}

impl HttpSource {
    pub(super) fn open(mut base: Url, config: &SourceConfig) -> Result<Self, BadSource> {
        if !base.username().is_empty() || base.password().is_some() {
            return Err(BadSource::Credentials);
        }
        base.set_fragment(None);
        let redirect_to = config
            .redirect_to
            .iter()
            .map(|text| origin(text))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            base,
            authorization: config.authorization.clone(),
            redirect_to,
            client: client().build()?,
            fresh: client().pool_max_idle_per_host(0).build()?,
            // Through a proxy, the addresses could not be checked.
            guarded: client()
                .pool_max_idle_per_host(0)
                .no_proxy()
                .dns_resolver(Guarded)
                .build()?,
        })
    }

    /// What a HEAD says; `None` where the server does not answer one as it would a GET.
    pub(super) async fn validators(&self, name: &str) -> Result<Option<Validators>, SourceError> {
        let response = self.ask(&Method::HEAD, name).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {
                Ok(Some(validators(response.headers())))
            }
            status if is_missing(status) => Err(SourceError::Missing),
            status if is_busy(status) => Err(busy(response.headers())),
            status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                Err(unexpected(status))
            }
            _ => Ok(None),
        }
    }

    pub(super) async fn open_original(&self, name: &str) -> Result<Opened, SourceError> {
        let response = self.ask(&Method::GET, name).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {}
            status if is_missing(status) => return Err(SourceError::Missing),
            status if is_busy(status) => return Err(busy(response.headers())),
            status => return Err(unexpected(status)),
        }
        let validators = validators(response.headers());
        let coded = is_gzip(response.headers())?;
        let length = validators.size.filter(|_| !coded);
        let pieces = response.bytes_stream().map_err(failed).boxed();
        Ok(Opened {
            validators,
            length,
            body: Body::Pieces(if coded { gunzip(pieces) } else { pieces }),
        })
    }

    /// Asks for an original and follows redirects. A response with any other status is returned as it is.
    async fn ask(&self, method: &Method, name: &str) -> Result<Response, SourceError> {
        let mut url = self.url(name)?;
        let mut seen = Vec::new();
        loop {
            let response = self.send(method, &url).await?;
            let Some(next) = redirect(&response, &url)? else {
                return Ok(response);
            };
            seen.push(url);
            if seen.contains(&next) {
                return Err(SourceError::Failed("it redirects in a circle".to_owned()));
            }
            if seen.len() > MAX_REDIRECTS {
                return Err(SourceError::Failed(format!(
                    "it redirects more than {MAX_REDIRECTS} times"
                )));
            }
            url = next;
        }
    }

    /// The URL of a name: its parts are segments below the base, escaped; a query of the base is kept.
    fn url(&self, name: &str) -> Result<Url, SourceError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| SourceError::Missing)?
            .pop_if_empty()
            .extend(name.split('/'));
        Ok(url)
    }

    /// One request, sent once more if the connection breaks before the response begins: a server may close one that is
    /// kept open at any time (RFC 9112 §9.3.1).
    async fn send(&self, method: &Method, url: &Url) -> Result<Response, SourceError> {
        let own = url.origin() == self.base.origin();
        if !own {
            self.check(url)?;
        }
        let (first, second) = if own {
            (&self.client, &self.fresh)
        } else {
            (&self.guarded, &self.guarded)
        };
        let request = |client: &Client| {
            let request = client
                .request(method.clone(), url.clone())
                .header(ACCEPT_ENCODING, "identity");
            match &self.authorization {
                Some(authorization) if own => request.header(AUTHORIZATION, authorization),
                _ => request,
            }
            .send()
        };
        match request(first).await {
            Err(error) if broke_off(&error) => request(second).await.map_err(failed),
            sent => sent.map_err(failed),
        }
    }

    /// Whether a redirect may lead to an origin. A name is resolved and checked when it is connected to.
    fn check(&self, url: &Url) -> Result<(), SourceError> {
        let origin = url.origin();
        let shown = origin.ascii_serialization();
        if !self.redirect_to.contains(&origin) {
            return Err(SourceError::Failed(format!(
                "it redirects to {shown}, which --source-redirect-to does not list"
            )));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        if address.is_some_and(is_forbidden) {
            return Err(SourceError::Failed(format!(
                "it redirects to {shown}, an address that no redirect may lead to"
            )));
        }
        Ok(())
    }
}

/// HTTP/1.1 only: the buffers of a connection are small, and a slow reader of one original holds back no other.
fn client() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("tandem-resizer/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .http1_only()
        // RFC 9112 §5.1 and §5.2: what a proxy removes from the responses of old servers.
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
}

/// An origin as it is listed: scheme, host and port, and nothing else.
fn origin(text: &str) -> Result<Origin, BadSource> {
    let url = Url::parse(text).map_err(|_| BadSource::Origin)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if plain {
        Ok(url.origin())
    } else {
        Err(BadSource::Origin)
    }
}

/// Where a response redirects to (RFC 9110 §15.4), if it does.
fn redirect(response: &Response, url: &Url) -> Result<Option<Url>, SourceError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let next = response
        .headers()
        .get(LOCATION)
        .and_then(|location| std::str::from_utf8(location.as_bytes()).ok())
        .and_then(|location| url.join(location).ok())
        .filter(|next| matches!(next.scheme(), "http" | "https"));
    let Some(mut next) = next else {
        return Err(SourceError::Failed(format!(
            "it answered {} without a URL to go to",
            response.status()
        )));
    };
    // Neither is sent: credentials are the operator's to give.
    let _ = next.set_username("");
    let _ = next.set_password(None);
    next.set_fragment(None);
    Ok(Some(next))
}

fn validators(headers: &HeaderMap) -> Validators {
    let text = |name| {
        let value: &HeaderValue = headers.get(name)?;
        value.to_str().ok()
    };
    Validators {
        etag: text(ETAG)
            .filter(|etag| !etag.is_empty())
            .map(str::to_owned),
        // An invalid date is as if it were absent (RFC 9110 §5.6.7).
        last_modified: text(LAST_MODIFIED).and_then(|date| httpdate::parse_http_date(date).ok()),
        size: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        digest: None,
    }
}

/// Whether a body is gzip (RFC 9110 §8.4.1.3), which some servers send whatever was asked for. Other codings are errors.
fn is_gzip(headers: &HeaderMap) -> Result<bool, SourceError> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        codings.extend(value.split(',').map(|coding| coding.trim().to_owned()));
    }
    codings.retain(|coding| !coding.is_empty() && coding != "identity");
    match codings.as_slice() {
        [] => Ok(false),
        [coding] if coding == "gzip" || coding == "x-gzip" => Ok(true),
        _ => Err(SourceError::Failed(format!(
            "its Content-Encoding is {}, of which only gzip is understood",
            codings.join(", ")
        ))),
    }
}

fn is_missing(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

fn busy(headers: &HeaderMap) -> SourceError {
    let text = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let wait = text.and_then(|text| {
        let seconds = text.parse().map(Duration::from_secs).ok();
        seconds.or_else(|| {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        })
    });
    SourceError::Busy {
        retry_after: wait.map(|wait| wait.min(MAX_RETRY_AFTER)),
    }
}

fn unexpected(status: StatusCode) -> SourceError {
    SourceError::Failed(format!("it answered {status}"))
}

/// Whether a connection ended before a response began. One that could not be opened, or brought nonsense, would do so again.
fn broke_off(error: &reqwest::Error) -> bool {
    if error.is_timeout() || error.is_connect() {
        return false;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_closed() || error.is_canceled())
        {
            return true;
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            )
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The URL is left out: its query may be a credential.
fn failed(error: reqwest::Error) -> SourceError {
    if error.is_timeout() {
        return SourceError::Timeout(CONNECT_TIMEOUT);
    }
    SourceError::Failed(chain(&error.without_url()))
}
