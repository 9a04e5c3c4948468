//! An HTTP request target, taken apart and normalised as nginx does it: `$uri` and `$arg_NAME`.

use std::fmt;

use thiserror::Error;

use crate::normalise::normalise;

/// Why a request target is refused; all of these are a 400, as in nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TargetError {
    /// Neither `/path…` nor `scheme://authority…` (RFC 9112 §3.2.1, §3.2.2).
    #[error("the request target is neither a path nor an absolute URL")]
    Form,
    /// A literal byte of 0x00 to 0x20, or 0x7F. nginx refuses them since 1.21.1.
    #[error("the request target holds a space or a control character")]
    Control,
    /// A `%` without two hex digits behind it.
    #[error("the path holds a % that is not followed by two hex digits")]
    BadEscape,
    /// `%00`.
    #[error("the path holds %00")]
    Nul,
    /// More `..` than segments before them.
    #[error("the path climbs above its root")]
    AboveRoot,
}

/// A request target, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    args: Option<Box<str>>,
}

impl Target {
    /// Reads the target of a request line: origin-form (`/path?arguments`, RFC 9112 §3.2.1) or absolute-form
    /// (`http://host/path?arguments`, §3.2.2), whose authority is stepped over: which host is meant is not asked here.
    ///
    /// A literal `#` ends the target, in the path or in the arguments.
    pub fn parse(raw: &str) -> Result<Self, TargetError> {
        if raw.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(TargetError::Control);
        }
        let origin = if raw.starts_with('/') {
            raw
        } else {
            after_authority(raw)?
        };
        let origin = origin
            .split_once('#')
            .map_or(origin, |(before, _fragment)| before);
        let (path, args) = match origin.split_once('?') {
            Some((path, args)) => (path, Some(args.into())),
            None => (origin, None),
        };
        Ok(Self {
            uri: Uri::normalised(path)?,
            args,
        })
    }

    /// The path as nginx's `$uri` has it.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The value of an argument by the rules of nginx's `$arg_NAME`: names ignore ASCII case, the first one counts, one
    /// without `=` is none, and nothing is percent-decoded, neither the name nor the value.
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args
            .as_deref()?
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// What follows `scheme://authority`: empty, or starting with `/` or `?`.
fn after_authority(raw: &str) -> Result<&str, TargetError> {
    let (scheme, rest) = raw.split_once("://").ok_or(TargetError::Form)?;
    // RFC 3986 §3.1
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // nginx takes letters, digits, `-`, `.`, a bracketed IPv6 address and a port. `_` is for container names; user
    // information is refused (RFC 9110 §4.2.4).
    let authority_fits = !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    if scheme_fits && authority_fits {
        Ok(path)
    } else {
        Err(TargetError::Form)
    }
}

/// A decoded path: starts with `/`, holds no `//`, no `.` or `..` segment and no NUL. It need not be UTF-8.
///
/// It comes only out of [`Target::parse`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri(Vec<u8>);

impl Uri {
    /// The decoded bytes, as they are signed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn normalised(path: &str) -> Result<Self, TargetError> {
        if path.is_empty() {
            return Ok(Self(b"/".to_vec()));
        }
        let mut bytes = Vec::with_capacity(path.len());
        if is_plain(path.as_bytes()) {
            bytes.extend_from_slice(path.as_bytes());
        } else {
            normalise(path.as_bytes(), &mut bytes)?;
        }
        Ok(Self(bytes))
    }
}

/// Whether there is nothing to decode, merge or resolve, which is so for nearly every request: one quick look.
fn is_plain(path: &[u8]) -> bool {
    !path.contains(&b'%') && !path.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({:?})", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(raw: &str) -> String {
        Target::parse(raw).map_or_else(
            |error| format!("{error:?}"),
            |target| String::from_utf8_lossy(target.uri().as_bytes()).into_owned(),
        )
    }

    #[test]
    fn both_forms_of_a_target_are_read() {
        for (raw, expected) in [
            ("/a?x=/../%zz", "/a"),
            ("/a#b?c", "/a"),
            ("/a%3Fb", "/a?b"),
            ("http://host", "/"),
            ("http://host?x", "/"),
            ("http://host/", "/"),
            ("HTTP://host:80/a/../b?x", "/b"),
            ("https://[::1]:8443/a", "/a"),
            ("http://edge_proxy/a", "/a"),
            ("http://host//a", "/a"),
            ("http://host/http://x", "/http:/x"),
            ("", "Form"),
            ("*", "Form"),
            ("a/b", "Form"),
            ("?x", "Form"),
            ("host:443", "Form"),
            ("http:/a", "Form"),
            ("http:///a", "Form"),
            ("http://user@host/a", "Form"),
            ("http://host#x", "Form"),
            ("://host/a", "Form"),
            ("1http://host/a", "Form"),
            ("/a b", "Control"),
            ("/a?x=\t", "Control"),
            ("/a\u{7f}", "Control"),
            ("/a#\n", "Control"),
        ] {
            assert_eq!(uri(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_path_needs_not_be_utf8() {
        assert_eq!(Target::parse("/%ff").unwrap().uri().as_bytes(), b"/\xff");
    }

    #[test]
    fn arguments_are_found_as_nginx_finds_them() {
        for (raw, expected) in [
            ("/?hash=a", Some("a")),
            ("/?HaSh=a", Some("a")),
            ("/?x=1&hash=a&y=2", Some("a")),
            ("/?hash=a&hash=b", Some("a")),
            ("/?hash&hash=b", Some("b")),
            ("/?hash=", Some("")),
            ("/?hash=a=b?c", Some("a=b?c")),
            ("/?hash=%41+", Some("%41+")),
            ("/?hash=a#b", Some("a")),
            ("/?xhash=a", None),
            ("/?hashx=a", None),
            ("/?x=hash=a", None),
            ("/?%68ash=a", None),
            ("/?hash", None),
            ("/?", None),
            ("/", None),
            ("/#?hash=a", None),
        ] {
            assert_eq!(Target::parse(raw).unwrap().arg("hash"), expected, "{raw}");
        }
    }
}
