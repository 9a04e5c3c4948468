//! A plain shared cache in front of any HTTP origin: what RFC 9111 asks of one, on top of [`Cache`].
//!
//! Any path and any method. Safe requests that the cache cannot answer and unsafe ones pass through, the latter
//! invalidating what they changed. What the upstream says is handed on untouched but for `Age` and `Cache-Status`. The
//! strict pipeline of an image server does not use this; it shows and tests the engine alone.

use crate::body::Body;
use crate::cache::{Cache, UpstreamResponse, final_response};
use crate::conditional;
use crate::flight::{FetchError, Frames};
use crate::headers::{content_length, date, strip_connection_headers};
use crate::key::Key;
use crate::passed_on;
use crate::policy::{RequestRules, Reuse, Times};
use crate::range::{self, Answer};
use crate::request::{CacheRequest, Conditions};
use crate::served::{Served, ServedBody};
use crate::status::CacheStatus;
use bytes::Bytes;
use http::header::{
    AGE, CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, HOST,
    HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION, RANGE, TE, UPGRADE, VIA,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use std::error::Error;
use std::sync::Arc;
use url::Url;

/// The body of a request on its way to the origin.
pub type RequestBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// The body of an answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, crate::flight::Incomplete>;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Headers of a 304 beside those of caching: the rest describes a body that it has not (RFC 9110 §15.4.5).
const DESCRIBES_BODY: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_RANGE];

/// Where requests go that are not answered from the cache.
pub trait Origin: Send + Sync + 'static {
    /// Sends a request and gives the answer's head and body.
    fn ask(
        &self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<UpstreamResponse, FetchError>> + Send;
}

/// A shared cache in front of an origin. Clones share it.
#[derive(Debug)]
pub struct SharedCache<O> {
    cache: Cache,
    origin: Arc<O>,
    /// The name in `Cache-Status` and `Via`.
    name: &'static str,
}

impl<O> Clone for SharedCache<O> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            origin: self.origin.clone(),
            name: self.name,
        }
    }
}

impl<O: Origin> SharedCache<O> {
    /// A cache in front of an origin; `name` is a token (RFC 9110 §5.6.2).
    pub fn new(cache: Cache, origin: O, name: &'static str) -> Self {
        Self {
            cache,
            origin: Arc::new(origin),
            name,
        }
    }

    /// Answers a request.
    pub async fn respond(&self, mut request: Request<RequestBody>) -> Response<AnswerBody> {
        if !settle_host(&mut request) {
            let refusal = Body::Memory(Bytes::from_static(b"one Host is wanted\n"));
            return whole(StatusCode::BAD_REQUEST, HeaderMap::new(), refusal);
        }
        let answered = if answerable(&request) {
            let (mut parts, _) = request.into_parts();
            strip_request(&mut parts.headers);
            match parts.method {
                Method::HEAD => self.head(parts).await,
                _ => self.get(parts).await,
            }
        } else {
            self.pass(request).await
        };
        answered.unwrap_or_else(|failure| self.failed(&failure))
    }

    async fn get(&self, parts: http::request::Parts) -> Result<Response<AnswerBody>, FetchError> {
        let client = Arc::new(parts.headers.clone());
        let mut request = cache_request(&parts, client.clone());
        let asked = range::asked(&client);
        if let Some(asked) = asked
            && self.cache.stored(&request).await.is_none()
        {
            if let Some(answer) = self.part(&request, asked).await {
                return Ok(answer);
            }
            request.rules.partial = true;
            request.alone = true;
        }
        let partial = request.rules.partial;
        // What is one client's own is nobody else's to wait for.
        request.alone |= request.rules.directives.no_store || request.rules.authorized;
        let fetch = {
            let (origin, name) = (self.origin.clone(), self.name);
            move |conditions: Conditions| {
                let request = outgoing(&parts, partial, conditions, name);
                let origin = origin.clone();
                async move { origin.ask(request).await }
            }
        };
        let served = self.cache.serve(request, fetch).await?;
        Ok(self.present(&client, served))
    }

    /// Answers from a stored part that holds all that is asked for.
    async fn part(
        &self,
        request: &CacheRequest,
        asked: range::Asked,
    ) -> Option<Response<AnswerBody>> {
        let client = request.headers.as_ref()?;
        let (entry, reuse) = self.cache.stored(&request.part()).await?;
        let (held, length) = range::held(&entry.head.headers)?;
        let part = asked.within(length?)?;
        let within = held.first <= part.first && part.last <= held.last;
        if reuse != Reuse::Serve || !within || !range::if_range_holds(client, &entry.head.headers) {
            return None;
        }
        let from = part.first - held.first;
        let body = entry.body.part(from, part.length());
        if body.len() != part.length() {
            return None;
        }
        let served = Served::stored(entry, CacheStatus::Hit, self.cache.now());
        let mut headers = self.headers(&served);
        set(&mut headers, CONTENT_RANGE, &part.content_range(length?));
        Some(whole(StatusCode::PARTIAL_CONTENT, headers, body))
    }

    async fn head(
        &self,
        mut parts: http::request::Parts,
    ) -> Result<Response<AnswerBody>, FetchError> {
        // A range means something to GET only (RFC 9110 §14.2).
        parts.headers.remove(RANGE);
        parts.headers.remove(IF_RANGE);
        let client = Arc::new(parts.headers.clone());
        let request = cache_request(&parts, client.clone());
        let stored = self.cache.stored(&request).await;
        if let Some((entry, Reuse::Serve | Reuse::ServeAndRevalidate)) = &stored {
            let served = Served::stored(entry.clone(), CacheStatus::Hit, self.cache.now());
            return Ok(self.present(&client, served).map(|_| empty()));
        }
        if request.rules.directives.only_if_cached {
            return Err(FetchError::NotCached);
        }
        let asked = self.cache.now();
        let mut outgoing = outgoing(&parts, false, Conditions::default(), self.name);
        // Nothing will be stored, so the client's own conditions go along.
        for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
            if let Some(value) = client.get(&name) {
                outgoing.headers_mut().insert(name, value.clone());
            }
        }
        let asking = self.origin.ask(outgoing).await;
        let (mut head, body) = match asking.and_then(final_response) {
            Ok(answered) => answered.into_parts(),
            Err(failure) => {
                let stored = stored.as_ref().map(|(entry, _)| entry);
                let served = self.cache.instead_of(failure, stored)?;
                return Ok(self.present(&client, served).map(|_| empty()));
            }
        };
        let times = Times {
            asked,
            received: self.cache.now(),
        };
        let length = content_length(&head.headers, &body)
            .filter(|_| head.headers.contains_key(CONTENT_LENGTH));
        strip_connection_headers(&mut head.headers);
        date(&mut head.headers, times.received);
        self.cache
            .update_from_head(&request, head.status, &head.headers, length, times)
            .await;
        let mut headers = head.headers;
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let status = CacheStatus::Bypass.cache_status(self.name, None, Some(head.status));
        headers.append(CACHE_STATUS, status);
        Ok(response(head.status, headers, empty()))
    }

    /// Passes a request through, and invalidates what it changed (RFC 9111 §4.4).
    async fn pass(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<AnswerBody>, FetchError> {
        let (mut parts, body) = request.into_parts();
        strip_request(&mut parts.headers);
        let url = url_of(&parts);
        let safe = is_safe(&parts.method);
        pass_by(&mut parts.headers, self.name);
        parts.version = http::Version::HTTP_11;
        let answered = self.origin.ask(Request::from_parts(parts, body)).await?;
        let (mut head, body) = final_response(answered)?.into_parts();
        let length = content_length(&head.headers, &body);
        strip_connection_headers(&mut head.headers);
        if !safe && (head.status.is_success() || head.status.is_redirection()) {
            for url in changed(&url, &head.headers) {
                self.cache.invalidate(&Key::new(url)).await;
            }
        }
        let mut headers = head.headers;
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let status = CacheStatus::Bypass.cache_status(self.name, None, Some(head.status));
        headers.append(CACHE_STATUS, status);
        Ok(response(
            head.status,
            headers,
            stream(passed_on::frames(body, None)),
        ))
    }

    /// The answer that a client gets of a response: as it is, a part of it, or that its copy is still good.
    fn present(&self, client: &HeaderMap, served: Served) -> Response<AnswerBody> {
        let mut headers = self.headers(&served);
        let status = served.head.status;
        if status == StatusCode::OK && conditional::not_modified(client, &served.head.headers) {
            for name in DESCRIBES_BODY {
                headers.remove(name);
            }
            return response(StatusCode::NOT_MODIFIED, headers, empty());
        }
        let body = match served.body {
            ServedBody::Whole(body) => Body::Memory(body),
            ServedBody::File(body) => Body::File(body),
            ServedBody::Streaming { frames, length } => {
                if let Some(length) = length.filter(|_| status != StatusCode::NOT_MODIFIED) {
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
                }
                return response(status, headers, stream(frames));
            }
        };
        if status != StatusCode::OK {
            return whole(status, headers, body);
        }
        let length = body.len();
        match range::answer(client, &served.head.headers, length) {
            Answer::Whole => whole(status, headers, body),
            Answer::Part(part) => {
                set(&mut headers, CONTENT_RANGE, &part.content_range(length));
                let body = body.part(part.first, part.length());
                whole(StatusCode::PARTIAL_CONTENT, headers, body)
            }
            Answer::Unsatisfiable => {
                set(&mut headers, CONTENT_RANGE, &format!("bytes */{length}"));
                headers.remove(CONTENT_TYPE);
                let nothing = Body::Memory(Bytes::new());
                whole(StatusCode::RANGE_NOT_SATISFIABLE, headers, nothing)
            }
        }
    }

    /// The upstream's headers, with what this cache has to say.
    fn headers(&self, served: &Served) -> HeaderMap {
        let mut headers = served.head.headers.clone();
        let from_cache = !matches!(
            served.status,
            CacheStatus::Miss { collapsed: false } | CacheStatus::Expired | CacheStatus::Bypass
        );
        if from_cache {
            headers.insert(AGE, HeaderValue::from(served.age().as_secs()));
        }
        headers.append(CACHE_STATUS, served.cache_status(self.name));
        headers
    }

    fn failed(&self, failure: &FetchError) -> Response<AnswerBody> {
        let status = match failure {
            FetchError::Timeout(_) | FetchError::NotCached => StatusCode::GATEWAY_TIMEOUT,
            FetchError::Overloaded | FetchError::TooManyOfClient => StatusCode::SERVICE_UNAVAILABLE,
            FetchError::Unreachable(_) | FetchError::Invalid(_) => StatusCode::BAD_GATEWAY,
        };
        let mut headers = HeaderMap::new();
        let detail = format!("{}; fwd=miss; detail=\"{}\"", self.name, status.as_u16());
        set(&mut headers, CACHE_STATUS, &detail);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        let text = Bytes::from(format!("{failure}\n"));
        whole(status, headers, Body::Memory(text))
    }
}

fn cache_request(parts: &http::request::Parts, headers: Arc<HeaderMap>) -> CacheRequest {
    CacheRequest {
        rules: RequestRules::of(&headers),
        headers: Some(headers),
        ..CacheRequest::new(Key::new(url_of(parts)))
    }
}

/// Whether the cache may answer a request at all. One with a body, or with a condition on which the origin alone can
/// decide, is passed through.
fn answerable(request: &Request<RequestBody>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.body().is_end_stream()
        && [IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE]
            .iter()
            .all(|name| !request.headers().contains_key(name))
}

/// RFC 9110 §9.2.1. A method that is not known may change anything.
fn is_safe(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// The request as the origin gets it: with conditions of the cache's own instead of the client's, since an answer is
/// wanted that can be stored.
fn outgoing(
    parts: &http::request::Parts,
    partial: bool,
    conditions: Conditions,
    name: &str,
) -> Request<RequestBody> {
    let mut request = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    let headers = request.headers_mut();
    *headers = parts.headers.clone();
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        headers.remove(name);
    }
    if !partial {
        headers.remove(RANGE);
        headers.remove(IF_RANGE);
    }
    let conditions = [
        (IF_NONE_MATCH, conditions.if_none_match),
        (IF_MODIFIED_SINCE, conditions.if_modified_since),
    ];
    for (name, value) in conditions {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    pass_by(headers, name);
    request
}

/// Takes off what belongs to the client's connection, but remembers that the client takes trailers, which are passed on.
fn strip_request(headers: &mut HeaderMap) {
    let members = headers.get_all(TE).iter();
    let trailers = members
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|member| member.trim_ascii().eq_ignore_ascii_case(b"trailers"));
    strip_connection_headers(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Adds this cache to the way of a request (RFC 9110 §7.6.3), and says of `TE` that it is for this connection (§10.1.4).
fn pass_by(headers: &mut HeaderMap, name: &str) {
    if headers.contains_key(TE) {
        headers.insert(CONNECTION, HeaderValue::from_static("TE"));
    }
    if let Ok(via) = HeaderValue::try_from(format!("1.1 {name}")) {
        headers.append(VIA, via);
    }
}

/// Makes `Host` what the target says, where it says one, so that the origin is asked for what the key names (RFC 9112
/// §3.2.2). `false`: there are several hosts.
fn settle_host(request: &mut Request<RequestBody>) -> bool {
    let authority = request.uri().authority().cloned();
    let headers = request.headers_mut();
    if let Some(authority) = authority {
        set(headers, HOST, authority.as_str());
    }
    headers.get_all(HOST).iter().count() <= 1
}

/// The URL of a request, which is its key.
fn url_of(parts: &http::request::Parts) -> String {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = parts
        .uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or(host);
    let host = host.unwrap_or_default().to_ascii_lowercase();
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let url = format!("http://{host}{path}");
    // Spelt as what answers name is, so that they meet.
    Url::parse(&url).map_or(url, Into::into)
}

/// The URLs that an answer to an unsafe request says are changed: its own, and those of the same origin that
/// `Location` and `Content-Location` name.
fn changed(url: &str, answer: &HeaderMap) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    let Ok(base) = Url::parse(url) else {
        return urls;
    };
    for name in [LOCATION, CONTENT_LOCATION] {
        let named = answer.get(name).and_then(|value| value.to_str().ok());
        let named = named.and_then(|value| base.join(value).ok());
        if let Some(mut named) = named.filter(|named| named.origin() == base.origin()) {
            named.set_fragment(None);
            urls.push(named.to_string());
        }
    }
    urls
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn response(status: StatusCode, headers: HeaderMap, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn whole(status: StatusCode, mut headers: HeaderMap, body: Body) -> Response<AnswerBody> {
    if status != StatusCode::NO_CONTENT {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let body = match body {
        Body::Memory(bytes) => Full::new(bytes)
            .map_err(|never| match never {})
            .boxed_unsync(),
        Body::File(file) => stream(file.frames()),
    };
    response(status, headers, body)
}

fn stream(frames: Frames) -> AnswerBody {
    StreamBody::new(frames).boxed_unsync()
}

fn empty() -> AnswerBody {
    Full::default()
        .map_err(|never| match never {})
        .boxed_unsync()
}
