//! Which stored response a request selects where the answer depends on its headers (RFC 9111 §4.1).

use crate::key::Key;
use http::header::{HeaderMap, HeaderName, VARY};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// Variants kept of one URL; of more, the oldest is given up. A stranger's headers must not fill the disk.
const MAX_VARIANTS: usize = 32;

/// The headers that an answer depended on, as the request had them: names in lower case and in order, values without
/// white space around their commas; `None` for a header that was not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Selecting(Vec<(String, Option<Vec<u8>>)>);

impl Selecting {
    /// What the `Vary` of a response makes of a request; `None` for `Vary: *`, which no request selects again.
    pub fn of(response: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut names: Vec<HeaderName> = Vec::new();
        for line in response.get_all(VARY) {
            for name in line.as_bytes().split(|byte| *byte == b',') {
                match name.trim_ascii() {
                    b"" => {}
                    b"*" => return None,
                    // What is no name is in no request.
                    name => names.extend(HeaderName::from_bytes(name)),
                }
            }
        }
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        let fields = names
            .iter()
            .map(|name| (name.as_str().to_owned(), normalised(request, name.as_str())));
        Some(Self(fields.collect()))
    }

    /// Whether a request selects the response.
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.0
            .iter()
            .all(|(name, value)| normalised(request, name) == *value)
    }

    /// Whether every request selects it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the same headers are in another request.
    pub(crate) fn in_request(&self, request: &HeaderMap) -> Self {
        let fields = self.0.iter();
        Self(
            fields
                .map(|(name, _)| (name.clone(), normalised(request, name)))
                .collect(),
        )
    }

    /// The key under which the response is stored.
    pub(crate) fn key(&self, primary: &Key) -> Key {
        let mut hash = Xxh3::new();
        for (name, value) in &self.0 {
            for part in [name.as_bytes(), value.as_deref().unwrap_or(b"\0")] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        primary.variant(&format!("{:032x}", hash.digest128()))
    }
}

fn normalised(request: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let lines = request.get_all(name).iter();
    let members = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    request
        .contains_key(name)
        .then(|| members.collect::<Vec<_>>().join(&b","[..]))
}

/// The variants of one URL, stored under its key in the place of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variants(Vec<Variant>);

/// One variant: what selects it, and what to ask the upstream about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    pub(crate) selecting: Selecting,
    pub(crate) etag: Option<Vec<u8>>,
    /// The time of its `Date`, in milliseconds since 1970.
    pub(crate) date: u64,
}

impl Variants {
    /// Bytes that they take in memory, near enough.
    pub(crate) fn weight(&self) -> usize {
        const OVERHEAD: usize = 128;
        let weight = |variant: &Variant| {
            let fields = variant.selecting.0.iter();
            let text = fields.map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len));
            OVERHEAD + text.sum::<usize>() + variant.etag.as_ref().map_or(0, Vec::len)
        };
        self.0.iter().map(weight).sum()
    }

    /// The key of the variant that a request selects: of several, the most recent one.
    pub(crate) fn select(&self, primary: &Key, request: &HeaderMap) -> Option<Key> {
        let selected = self
            .0
            .iter()
            .filter(|variant| variant.selecting.matches(request));
        let newest = selected.max_by_key(|variant| variant.date)?;
        Some(newest.selecting.key(primary))
    }

    /// The key under which the answer to a request that selects none will be, if it varies as the last one did.
    pub(crate) fn expected(&self, primary: &Key, request: &HeaderMap) -> Option<Key> {
        let last = self.0.last()?;
        Some(last.selecting.in_request(request).key(primary))
    }

    /// Adds a variant or replaces it, and gives the key of one that has to go for it.
    pub(crate) fn add(&mut self, primary: &Key, variant: Variant) -> Option<Key> {
        self.0.retain(|known| known.selecting != variant.selecting);
        let gone = (self.0.len() >= MAX_VARIANTS).then(|| self.0.remove(0));
        self.0.push(variant);
        gone.map(|gone| gone.selecting.key(primary))
    }

    /// The keys of all variants.
    pub(crate) fn keys(&self, primary: &Key) -> impl Iterator<Item = Key> {
        self.0.iter().map(|variant| variant.selecting.key(primary))
    }

    /// The entity tags of all variants, to ask which of them is meant.
    pub(crate) fn etags(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(|variant| variant.etag.as_deref())
    }

    /// The key of the variant with this entity tag.
    pub(crate) fn with_etag(&self, primary: &Key, etag: &[u8]) -> Option<Key> {
        let mut variants = self.0.iter().rev();
        let variant = variants.find(|variant| variant.etag.as_deref() == Some(etag))?;
        Some(variant.selecting.key(primary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_request_selects_by_the_headers_that_are_named() {
        let response = headers(&[("vary", "Accept, accept-language"), ("vary", "ACCEPT")]);
        let request = headers(&[("accept", "a, b"), ("accept", "c"), ("host", "x")]);
        let selecting = Selecting::of(&response, &request).unwrap();
        for (other, expected) in [
            (headers(&[("accept", "a,b ,c")]), true),
            (headers(&[("accept", "a,b,c"), ("host", "y")]), true),
            (headers(&[("accept", "a,b")]), false),
            (
                headers(&[("accept", "a,b,c"), ("accept-language", "")]),
                false,
            ),
            (headers(&[]), false),
        ] {
            assert_eq!(selecting.matches(&other), expected, "{other:?}");
        }
    }

    #[test]
    fn a_star_is_selected_by_none_and_no_vary_by_all() {
        let request = HeaderMap::new();
        assert_eq!(Selecting::of(&headers(&[("vary", "a, *")]), &request), None);
        assert!(Selecting::of(&headers(&[]), &request).unwrap().is_empty());
        assert!(
            Selecting::of(&headers(&[("vary", ", ,")]), &request)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn variants_are_bounded_and_the_newest_that_fits_is_selected() {
        let primary = Key::new("/a");
        let mut variants = Variants::default();
        let response = headers(&[("vary", "accept")]);
        let mut given_up = 0;
        for number in 0..40 {
            let request = headers(&[("accept", &number.to_string())]);
            let selecting = Selecting::of(&response, &request).unwrap();
            let variant = Variant {
                selecting,
                etag: None,
                date: number,
            };
            given_up += usize::from(variants.add(&primary, variant).is_some());
        }
        assert_eq!(given_up, 8);
        assert!(
            variants
                .select(&primary, &headers(&[("accept", "7")]))
                .is_none()
        );
        let eight = headers(&[("accept", "8")]);
        let selected = variants.select(&primary, &eight).unwrap();
        assert_eq!(
            Some(&selected),
            variants.expected(&primary, &eight).as_ref()
        );
        assert_ne!(
            Some(selected),
            variants.select(&primary, &headers(&[("accept", "9")]))
        );
    }
}
