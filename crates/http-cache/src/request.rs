//! What is asked of the cache, what it found for it, and what it asks the upstream on its behalf.

use crate::entry::Entry;
use crate::key::Key;
use crate::policy::RequestRules;
use crate::purge::Epoch;
use crate::vary::{Selecting, Variants};
use http::HeaderMap;
use http::header::{ETAG, HeaderValue, LAST_MODIFIED};
use std::sync::Arc;

/// What is asked of the cache.
#[derive(Clone, Debug)]
pub struct CacheRequest {
    /// What the answer is stored under.
    pub key: Key,
    /// The request's headers, by which a response that varies is selected; `None` where none of them matters.
    pub headers: Option<Arc<HeaderMap>>,
    /// What the request says to the policy.
    pub rules: RequestRules,
    /// The answer is for this request alone: it joins no flight and none joins it.
    pub alone: bool,
    /// Whose request it is; fetches for one client are bounded. `None` is nobody's in particular.
    pub client: Option<u64>,
}

impl CacheRequest {
    /// A request of which nothing but its key matters.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            headers: None,
            rules: RequestRules::default(),
            alone: false,
            client: None,
        }
    }

    /// The same request about what is stored of parts.
    pub(crate) fn part(&self) -> Self {
        Self {
            key: part_key(&self.key),
            ..self.clone()
        }
    }

    /// Where the response lies that this request selects, among those that depend on the same headers as another.
    pub(crate) fn slot_beside(&self, other: &Selecting) -> Key {
        let none = HeaderMap::new();
        let headers = self.headers.as_deref().unwrap_or(&none);
        other.in_request(headers).key(&self.key)
    }

    /// Whether the request selects a response.
    pub(crate) fn selects(&self, selecting: &Selecting) -> bool {
        selecting.is_empty()
            || self
                .headers
                .as_ref()
                .is_some_and(|headers| selecting.matches(headers))
    }
}

/// The key of what is stored of parts, where the whole is not.
pub(crate) fn part_key(key: &Key) -> Key {
    key.variant("part")
}

/// What a fetch is to ask besides: whether what is stored has changed (RFC 9111 §4.3.1).
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// For `If-None-Match`.
    pub if_none_match: Option<HeaderValue>,
    /// For `If-Modified-Since`.
    pub if_modified_since: Option<HeaderValue>,
}

impl Conditions {
    /// The validators of a stored response, or the entity tags of all variants where none is selected.
    pub(crate) fn of(selected: &Selected) -> Self {
        if let Some(entry) = &selected.entry {
            let header = |name| entry.head.headers.get(name).cloned();
            return Self {
                if_none_match: header(ETAG),
                if_modified_since: header(LAST_MODIFIED),
            };
        }
        let etags: Vec<&[u8]> = selected
            .variants
            .iter()
            .flat_map(|variants| variants.etags())
            .collect();
        Self {
            if_none_match: Some(etags.join(&b", "[..]))
                .filter(|list| !list.is_empty())
                .and_then(|list| HeaderValue::from_bytes(&list).ok()),
            if_modified_since: None,
        }
    }
}

/// What was found for a request.
#[derive(Clone)]
pub(crate) struct Selected {
    /// Where the response lies that the request selects, or will.
    pub(crate) slot: Key,
    /// The response, if it is stored.
    pub(crate) entry: Option<Entry>,
    /// The variants there are.
    pub(crate) variants: Option<Arc<Variants>>,
    /// When it was looked for, among purges.
    pub(crate) born: Epoch,
}
