//! `Cache-Control` read as a whole (RFC 9111 §5.2), and `CDN-Cache-Control` in its place (RFC 9213).

use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderName, PRAGMA};
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use std::time::Duration;

/// The header that speaks to shared caches in front of an origin (RFC 9213 §3.1).
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The largest delta-seconds a cache needs to represent (RFC 9111 §1.2.2).
const MAX_DELTA: u64 = 1 << 31;

/// How far `private` or `no-cache` reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The directive is not there.
    #[default]
    None,
    /// The whole response.
    All,
    /// These headers only (RFC 9111 §5.2.2.4, §5.2.2.7).
    Fields(Vec<HeaderName>),
}

/// The directives of a response. Of one given twice the first counts (RFC 9111 §4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "directives are flags on the wire as well"
)]
pub struct Directives {
    /// `no-store`
    pub no_store: bool,
    /// `private`
    pub private: Scope,
    /// `no-cache`
    pub no_cache: Scope,
    /// `public`
    pub public: bool,
    /// `must-revalidate`, `proxy-revalidate`, or `s-maxage`, which implies it: never served stale
    pub must_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// `s-maxage`; an invalid number counts as 0
    pub s_maxage: Option<Duration>,
    /// `max-age`; an invalid number counts as 0
    pub max_age: Option<Duration>,
    /// `stale-while-revalidate` (RFC 5861 §3)
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error` (RFC 5861 §4)
    pub stale_if_error: Option<Duration>,
    /// Read from `CDN-Cache-Control`, which takes the place of `Cache-Control` and `Expires` both.
    pub targeted: bool,
}

impl Directives {
    /// What a response says to this cache, which is a shared one in front of the origin.
    pub fn of(headers: &HeaderMap) -> Self {
        targeted(headers).unwrap_or_else(|| {
            let mut directives = Self::default();
            for (name, argument) in members(headers) {
                directives.take(&name, argument.as_ref());
            }
            directives
        })
    }

    fn take(&mut self, name: &str, argument: Option<&Argument>) {
        let seconds = || argument.and_then(Argument::seconds).unwrap_or_default();
        match name {
            "no-store" => self.no_store = true,
            "private" => widen(&mut self.private, argument),
            "no-cache" => widen(&mut self.no_cache, argument),
            "public" => self.public = true,
            "must-revalidate" | "proxy-revalidate" => self.must_revalidate = true,
            "must-understand" => self.must_understand = true,
            "s-maxage" => {
                // s-maxage also means proxy-revalidate (RFC 9111 §5.2.2.10).
                self.must_revalidate = true;
                self.s_maxage.get_or_insert_with(seconds);
            }
            "max-age" => {
                self.max_age.get_or_insert_with(seconds);
            }
            "stale-while-revalidate" => {
                self.stale_while_revalidate.get_or_insert_with(seconds);
            }
            "stale-if-error" => {
                self.stale_if_error.get_or_insert_with(seconds);
            }
            _ => {}
        }
    }
}

/// The directives of a request (RFC 9111 §5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, or `Pragma: no-cache` where there is no `Cache-Control` (RFC 9111 §5.4)
    pub no_cache: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `min-fresh`
    pub min_fresh: Option<Duration>,
    /// `max-stale`; without an argument, any staleness will do
    pub max_stale: Option<Duration>,
}

impl RequestDirectives {
    /// What a request says.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for (name, argument) in members(headers) {
            let seconds = argument.as_ref().and_then(Argument::seconds);
            match name.as_str() {
                "no-store" => directives.no_store = true,
                "no-cache" => directives.no_cache = true,
                "only-if-cached" => directives.only_if_cached = true,
                "max-age" => directives.max_age = directives.max_age.or(seconds),
                "min-fresh" => directives.min_fresh = directives.min_fresh.or(seconds),
                "max-stale" if argument.is_none() => directives.max_stale = Some(Duration::MAX),
                "max-stale" => directives.max_stale = directives.max_stale.or(seconds),
                _ => {}
            }
        }
        if !headers.contains_key(CACHE_CONTROL) {
            let pragma = headers.get_all(PRAGMA).iter();
            directives.no_cache = pragma
                .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
                .any(|member| member.trim_ascii().eq_ignore_ascii_case(b"no-cache"));
        }
        directives
    }
}

/// Delta-seconds (RFC 9111 §1.2.2): digits only; what is too large counts as 2³¹.
pub(crate) fn delta_seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = text.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    Some(Duration::from_secs(seconds.min(MAX_DELTA)))
}

fn widen(scope: &mut Scope, argument: Option<&Argument>) {
    let named: Vec<HeaderName> = argument
        .map(|argument| argument.text.split(|byte| *byte == b','))
        .into_iter()
        .flatten()
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    *scope = match std::mem::take(scope) {
        Scope::Fields(mut fields) if !named.is_empty() => {
            fields.extend(named);
            Scope::Fields(fields)
        }
        Scope::None if !named.is_empty() => Scope::Fields(named),
        // An argument that names nothing is taken for the whole, to be on the safe side.
        _ => Scope::All,
    };
}

/// What stands behind the `=` of a directive, unquoted.
struct Argument {
    text: Vec<u8>,
    /// Something is wrong with the way it is written.
    malformed: bool,
}

impl Argument {
    fn seconds(&self) -> Option<Duration> {
        delta_seconds(&self.text).filter(|_| !self.malformed)
    }
}

/// The directives of all `Cache-Control` lines: names in lower case, and arguments.
fn members(headers: &HeaderMap) -> impl Iterator<Item = (String, Option<Argument>)> {
    let lines = headers.get_all(CACHE_CONTROL).iter();
    lines.flat_map(|line| split(line.as_bytes())).map(|member| {
        let (name, argument) = match member.iter().position(|byte| *byte == b'=') {
            Some(at) => (
                &member[..at],
                Some(argument(&member[at + 1..], &member[..at])),
            ),
            None => (member, None),
        };
        let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
        (name, argument)
    })
}

/// Reads a token or a quoted string (RFC 9110 §5.6.4). There is no white space around the `=`.
fn argument(text: &[u8], name: &[u8]) -> Argument {
    let spaced = name.ends_with(b" ")
        || name.ends_with(b"\t")
        || text.starts_with(b" ")
        || text.starts_with(b"\t");
    let text = text.trim_ascii();
    let Some(quoted) = text.strip_prefix(b"\"") else {
        return Argument {
            text: text.to_vec(),
            malformed: spaced,
        };
    };
    let mut unquoted = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    let mut closed = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                closed = true;
                break;
            }
            b'\\' => unquoted.extend(bytes.next()),
            byte => unquoted.push(*byte),
        }
    }
    Argument {
        text: unquoted,
        malformed: spaced || !closed || bytes.len() > 0,
    }
}

/// Splits at commas outside quoted strings.
fn split(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |byte| {
            if escaped {
                escaped = false;
            } else if quoted && *byte == b'\\' {
                escaped = true;
            } else {
                quoted ^= *byte == b'"';
            }
            *byte == b',' && !quoted
        })
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// `CDN-Cache-Control`, where it is there, is a dictionary and says something (RFC 9213 §2.2).
fn targeted(headers: &HeaderMap) -> Option<Directives> {
    let lines: Vec<&[u8]> = headers
        .get_all(&CDN_CACHE_CONTROL)
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    if lines.is_empty() {
        return None;
    }
    let text = lines.join(&b", "[..]);
    let dictionary: Dictionary = Parser::new(&text).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut directives = Directives {
        targeted: true,
        ..Directives::default()
    };
    for (name, member) in &dictionary {
        let ListEntry::Item(item) = member else {
            continue;
        };
        let text = match &item.bare_item {
            BareItem::Boolean(true) => None,
            BareItem::Integer(number) => Some(i64::from(*number).to_string()),
            BareItem::String(text) => Some(text.as_str().to_owned()),
            BareItem::Token(text) => Some(text.as_str().to_owned()),
            // A directive of another type than its own is none.
            _ => continue,
        };
        let argument = text.map(|text| Argument {
            text: text.into_bytes(),
            malformed: !matches!(item.bare_item, BareItem::Integer(_)),
        });
        directives.take(name.as_str(), argument.as_ref());
    }
    Some(directives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Directives {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, value.parse().unwrap());
        Directives::of(&headers)
    }

    const fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn names_ignore_case_and_arguments_may_be_quoted() {
        let directives =
            read("Public, MAX-AGE=\"60\", private=\"a, b\",, foo=\"max-age=5, no-store\\\"\"");
        assert_eq!(directives.max_age, Some(seconds(60)));
        assert!(directives.public && !directives.no_store);
        let [a, b] = ["a", "b"].map(HeaderName::from_static);
        assert_eq!(directives.private, Scope::Fields(vec![a, b]));
    }

    #[test]
    fn a_broken_age_counts_as_stale() {
        for value in [
            "max-age=soon",
            "max-age=-1",
            "max-age",
            "max-age=1.5",
            "max-age=",
            "max-age =60",
            "max-age= 60",
            "max-age='60'",
            "max-age=\"60",
            "max-age=\"60\"0",
        ] {
            assert_eq!(read(value).max_age, Some(seconds(0)), "{value}");
        }
    }

    #[test]
    fn of_two_ages_the_first_counts() {
        assert_eq!(read("max-age=60, max-age=10").max_age, Some(seconds(60)));
        assert_eq!(read("max-age=a, max-age=10").max_age, Some(seconds(0)));
    }

    #[test]
    fn an_absurd_age_is_bounded() {
        assert_eq!(
            read("max-age=99999999999999999999").max_age,
            Some(seconds(MAX_DELTA))
        );
    }

    #[test]
    fn scopes_add_up() {
        let a = HeaderName::from_static("a");
        assert_eq!(read("no-cache=a").no_cache, Scope::Fields(vec![a.clone()]));
        assert_eq!(read("no-cache=\"a\", no-cache").no_cache, Scope::All);
        assert_eq!(read("no-cache=\"a\", no-cache=\"\"").no_cache, Scope::All);
        assert_eq!(read("no-cache=\"\"").no_cache, Scope::All);
    }

    #[test]
    fn the_header_for_shared_caches_takes_the_place_of_the_other() {
        for (targeted, max_age, no_store) in [
            ("max-age=10", 10, false),
            ("max-age=10;x=1, foo", 10, false),
            ("no-store", 0, true),
            ("max-age=\"10\"", 0, false),
            ("max-age=-5", 0, false),
            // These are no dictionaries, or empty, and so as if they were not there.
            ("max-age=10 no-store", 60, false),
            ("MAX-AGE=10", 60, false),
            ("", 60, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, "max-age=60".parse().unwrap());
            headers.insert(CDN_CACHE_CONTROL, targeted.parse().unwrap());
            let directives = Directives::of(&headers);
            assert_eq!(
                directives.max_age.unwrap_or_default().as_secs(),
                max_age,
                "{targeted}"
            );
            assert_eq!(directives.no_store, no_store, "{targeted}");
        }
    }

    #[test]
    fn requests_have_directives_of_their_own() {
        let read = |name: HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            RequestDirectives::of(&headers)
        };
        let directives = read(
            CACHE_CONTROL,
            "max-stale, min-fresh=5, max-age=x, only-if-cached",
        );
        assert_eq!(directives.max_stale, Some(Duration::MAX));
        assert_eq!(directives.min_fresh, Some(seconds(5)));
        assert_eq!(directives.max_age, None);
        assert!(directives.only_if_cached);
        assert!(read(PRAGMA, "No-Cache").no_cache);
    }
}
