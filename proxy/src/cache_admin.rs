//! Purging and looking into the cache, on the admin listener, for who has the token.
//!
//! | request | does |
//! | --- | --- |
//! | `POST /purge/url/{path}` | one URL, as it is requested |
//! | `POST /purge/original/{name}` | all pictures made of an original |
//! | `POST /purge/prefix/{prefix}` | those of the originals whose name begins so |
//! | `POST /purge/all` | everything |
//! | `GET /cache/stats` | what is held |
//! | `GET /cache/entries?contains=&limit=` | entries on disk, as lines of JSON |
//!
//! A purge removes; with `?mode=soft` it marks stale. `DELETE` does as well as `POST`. It holds at once; 202 says that it
//! is not on disk yet, so that it would not outlive the process.

use crate::pipeline::Edge;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_cache::purge::{Mode, Rule};
use http_cache::{Cache, Key};
use hyper::body::Incoming;
use image_url::{Canonical, Language, Target};
use serde_json::json;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use wire::shown::Shown;

/// Entries listed where the request does not say how many.
const DEFAULT_LIMIT: usize = 1000;

/// Answers a request about the cache; `None` for a path that is none of these.
pub(crate) async fn respond(
    edge: Arc<Edge>,
    request: Request<Incoming>,
) -> Option<Response<Bytes>> {
    let cache = edge.cache().clone();
    let path = request.uri().path();
    let (purge, look) = (path.strip_prefix("/purge/"), path.strip_prefix("/cache/"));
    if purge.is_none() && look.is_none() {
        return None;
    }
    if let Some(refusal) = refuse(edge.admin_token(), &request) {
        return Some(refusal);
    }
    let argument = |name: &str| {
        let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes());
        pairs
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .next()
    };
    Some(match (request.method(), purge, look) {
        (&Method::POST | &Method::DELETE, Some(what), _) => {
            let mode = match argument("mode").as_deref() {
                None | Some("hard") => Mode::Hard,
                Some("soft") => Mode::Soft,
                Some(_) => return Some(text(StatusCode::BAD_REQUEST, "mode is soft or hard\n")),
            };
            match rule(edge.language(), what) {
                Some(rule) => {
                    let (what, mode_word) = (said(&rule), format!("{mode:?}").to_lowercase());
                    tracing::info!(what = %Shown(&what), mode = %mode_word, "purging");
                    let purged = cache.purge(rule, mode).await;
                    let mut answer = json_answer(&json!(purged));
                    if !purged.durable {
                        *answer.status_mut() = StatusCode::ACCEPTED;
                    }
                    answer
                }
                None => text(
                    StatusCode::BAD_REQUEST,
                    "purge /purge/url/PATH, /purge/original/NAME, /purge/prefix/PREFIX or /purge/all\n",
                ),
            }
        }
        (&Method::GET, _, Some("stats")) => json_answer(&stats(&cache)),
        (&Method::GET, _, Some("entries")) => {
            let limit = argument("limit").and_then(|limit| limit.parse().ok());
            let contains = argument("contains").unwrap_or_default();
            let listed = tokio::task::spawn_blocking(move || {
                entries(&cache, &contains, limit.unwrap_or(DEFAULT_LIMIT))
            });
            listed
                .await
                .unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, "failed\n"))
        }
        (_, Some(_), _) => text(StatusCode::METHOD_NOT_ALLOWED, "purge with POST\n"),
        _ => text(
            StatusCode::NOT_FOUND,
            "there are /cache/stats and /cache/entries\n",
        ),
    })
}

/// What a path behind `/purge/` means.
fn rule(language: &Language, what: &str) -> Option<Rule> {
    let (kind, rest) = what.split_once('/').unwrap_or((what, ""));
    // A name is percent-decoded and encoded again, so that it is spelt as in the keys.
    let encoded = |name: &str| {
        let target = Target::parse(&format!("/original/{name}")).ok()?;
        let canonical = Canonical::parse(target.uri()).ok()?;
        Some(canonical.encoded_name().to_owned())
    };
    match kind {
        "all" if rest.is_empty() => Some(Rule::All),
        "url" => {
            let target = Target::parse(&format!("/{rest}")).ok()?;
            let canonical = language.parse(target.uri()).ok()?;
            Some(Rule::Key(Key::new(canonical.path())))
        }
        "original" => encoded(rest).map(Rule::Tag),
        "prefix" => encoded(rest).map(Rule::TagPrefix),
        _ => None,
    }
}

/// A rule in the words of the command line, for the log.
fn said(rule: &Rule) -> String {
    match rule {
        Rule::All => "all".to_owned(),
        Rule::Key(key) => format!("url:{}", key.as_str()),
        Rule::Tag(name) => format!("original:{name}"),
        Rule::TagPrefix(prefix) => format!("prefix:{prefix}"),
    }
}

/// The answer to who may not.
fn refuse<B>(token: Option<&str>, request: &Request<B>) -> Option<Response<Bytes>> {
    let Some(token) = token else {
        let refusal = "set --admin-token or EDGE_ADMIN_TOKEN to use this\n";
        return Some(text(StatusCode::FORBIDDEN, refusal));
    };
    let sent = request.headers().get(AUTHORIZATION);
    let sent = sent.and_then(|value| bearer(value.as_bytes()));
    if sent.is_some_and(|sent| bool::from(sent.ct_eq(token.as_bytes()))) {
        return None;
    }
    let mut refusal = text(StatusCode::UNAUTHORIZED, "the token is missing or wrong\n");
    let challenge = HeaderValue::from_static("Bearer");
    refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    Some(refusal)
}

/// The token of `Bearer` credentials, whose scheme is written in any case (RFC 9110 §11.1).
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked(b"Bearer ".len())?;
    let token = scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)?;
    Some(token.trim_ascii_start())
}

fn stats(cache: &Cache) -> serde_json::Value {
    let disk = cache.disk().map(|disk| {
        let (bytes, entries) = disk.held();
        json!({ "bytes": bytes, "entries": entries, "index_complete": disk.is_complete() })
    });
    json!({
        "memory": { "bytes": cache.memory().bytes(), "entries": cache.memory().entries() },
        "disk": disk,
        "fetches": cache.flights(),
    })
}

fn entries(cache: &Cache, contains: &str, limit: usize) -> Response<Bytes> {
    let listed = cache.disk().map(|disk| disk.list(contains, limit));
    let lines: String = listed
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| Some(serde_json::to_string(entry).ok()? + "\n"))
        .collect();
    let mut answer = Response::new(Bytes::from(lines));
    let lines_of_json = HeaderValue::from_static("application/jsonl");
    answer.headers_mut().insert(CONTENT_TYPE, lines_of_json);
    answer
}

fn json_answer(value: &serde_json::Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(format!("{value}\n")));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

fn text(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(text.as_bytes()));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purges_are_read_as_urls_are() {
        for (what, expected) in [
            ("all", Some(Rule::All)),
            (
                "url/resize/0300/a%62c?hash=x",
                Some(Rule::Key(Key::new("/resize/300/abc"))),
            ),
            ("original/cats//tom cat.jpg", None),
            (
                "original/cats//tom%20cat.jpg",
                Some(Rule::Tag("cats/tom%20cat.jpg".into())),
            ),
            ("prefix/cats/", Some(Rule::TagPrefix("cats/".into()))),
            ("prefix/", None),
            ("url/nonsense", None),
            ("everything", None),
        ] {
            assert_eq!(rule(&Language::default(), what), expected, "{what}");
        }
    }

    #[test]
    fn only_the_token_opens() {
        let request = |value: &str| {
            let builder = Request::builder().header(AUTHORIZATION, value);
            builder.body(()).unwrap()
        };
        let status = |token, value| refuse(token, &request(value)).map(|refusal| refusal.status());
        for value in ["Bearer t", "bearer t", "BEARER  t"] {
            assert_eq!(status(Some("t"), value), None, "{value}");
        }
        for value in ["Bearer x", "Bearer ", "Bearert", "Basic t", "t", ""] {
            let refused = status(Some("t"), value);
            assert_eq!(refused, Some(StatusCode::UNAUTHORIZED), "{value}");
        }
        assert_eq!(status(None, "Bearer t"), Some(StatusCode::FORBIDDEN));
    }
}
