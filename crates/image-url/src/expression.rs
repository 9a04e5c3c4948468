//! The text which a signature covers, written as in nginx's `secure_link_md5` directive, with variables in it.

use std::{
    fmt::{self, Write},
    net::IpAddr,
    str::FromStr,
};

use thiserror::Error;

use crate::{hash::Hasher, secret::Secret, target::Target};

/// Why an expression is refused. No variant holds more of the text than a variable's name: the text may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum ExpressionError {
    /// There is no text.
    #[error("the expression is empty")]
    Empty,
    /// A variable which is none of those that [`Expression`] lists.
    #[error(
        "unknown variable ${0}; known are $uri, $secure_link_expires, $remote_addr, $arg_NAME and $secret"
    )]
    UnknownVariable(String),
    /// A `$` with no name behind it; as in nginx, there is no way to write a plain `$`.
    #[error("a $ without the name of a variable behind it")]
    NoName,
    /// `${name` without `}`.
    #[error("a ${{ without its }}")]
    NotClosed,
}

/// What is hashed, in the words of nginx's `secure_link_md5`: `$secure_link_expires$uri my-secret`.
///
/// | variable | stands for |
/// | --- | --- |
/// | `$uri` | the normalised path |
/// | `$secure_link_expires` | the text of the argument `expires`, which the URL then must carry; so does `$arg_expires` |
/// | `$remote_addr` | the client's address as text; IPv4 also where it came mapped in IPv6 |
/// | `$arg_NAME` | the text of an argument, not decoded, empty when the URL has none |
/// | `$secret` | each of the configured secrets in turn (nginx has no such variable) |
///
/// Names ignore case, `${name}` does as well as `$name`, and a name is the longest run of letters, digits and `_`.
///
/// `Debug` hides the plain text between the variables: in nginx's way of writing, the secret is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Expression(Vec<Part>);

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Uri,
    Expires,
    RemoteAddr,
    Arg(Box<str>),
    Secret,
}

/// The values that the variables of an expression stand for.
pub(crate) struct Values<'a> {
    pub(crate) target: &'a Target,
    pub(crate) expires: Option<&'a str>,
    pub(crate) remote_addr: IpAddr,
}

impl Expression {
    /// Whether the path is part of what is hashed. Without it one hash opens every path.
    pub fn covers_the_path(&self) -> bool {
        self.0.contains(&Part::Uri)
    }

    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.is_empty() {
            return Err(ExpressionError::Empty);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((plain, variable)) = rest.split_once('$') {
            push_text(&mut parts, plain);
            let (name, tail) = variable_name(variable)?;
            parts.push(Part::named(name)?);
            rest = tail;
        }
        push_text(&mut parts, rest);
        Ok(Self(parts))
    }

    pub(crate) fn covers_expires(&self) -> bool {
        self.0.contains(&Part::Expires)
    }

    /// Whether `$secret` is in the expression. Without it the configured secrets are not used.
    pub fn has_secret(&self) -> bool {
        self.0.contains(&Part::Secret)
    }

    /// Bytes of the longest plain text between the variables, without blanks around it: of the secret, where it is there.
    pub fn longest_text(&self) -> usize {
        let text = |part: &Part| match part {
            Part::Text(text) => text.trim().len(),
            _ => 0,
        };
        self.0.iter().map(text).max().unwrap_or_default()
    }

    /// Whether there is plain text of more than blanks, in which a secret may be.
    pub(crate) fn has_text(&self) -> bool {
        self.0
            .iter()
            .any(|part| matches!(part, Part::Text(text) if !text.trim().is_empty()))
    }

    pub(crate) fn covers_remote_addr(&self) -> bool {
        self.0.contains(&Part::RemoteAddr)
    }

    /// The name of the first argument that is asked for, in lower case.
    pub(crate) fn first_arg(&self) -> Option<&str> {
        self.0.iter().find_map(|part| match part {
            Part::Arg(name) => Some(&**name),
            _ => None,
        })
    }

    /// Feeds the text to a digest, with the values in the place of the variables.
    pub(crate) fn feed(&self, hasher: &mut Hasher, values: &Values<'_>, secret: Option<&Secret>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => hasher.update(text.as_bytes()),
                Part::Uri => hasher.update(values.target.uri().as_bytes()),
                Part::Expires => hasher.update(values.expires.unwrap_or_default().as_bytes()),
                Part::RemoteAddr => feed_address(hasher, values.remote_addr),
                Part::Arg(name) => {
                    hasher.update(values.target.arg(name).unwrap_or_default().as_bytes());
                }
                Part::Secret => hasher.update(secret.map(Secret::as_bytes).unwrap_or_default()),
            }
        }
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, ExpressionError> {
        let lower = name.to_ascii_lowercase();
        Ok(match lower.as_str() {
            "uri" => Self::Uri,
            // Who hashes `$arg_expires` means links to expire, whatever `secure_link` they wrote it beside.
            "secure_link_expires" | "arg_expires" => Self::Expires,
            "remote_addr" => Self::RemoteAddr,
            "secret" => Self::Secret,
            other => match other.strip_prefix("arg_") {
                Some(arg) if !arg.is_empty() => Self::Arg(arg.into()),
                _ => return Err(ExpressionError::UnknownVariable(name.to_owned())),
            },
        })
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
}

/// Splits what follows a `$` in the variable's name and the rest.
fn variable_name(text: &str) -> Result<(&str, &str), ExpressionError> {
    let (name, rest) = if let Some(braced) = text.strip_prefix('{') {
        braced.split_once('}').ok_or(ExpressionError::NotClosed)?
    } else {
        let end =
            text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        text.split_at(end.unwrap_or(text.len()))
    };
    if name.is_empty() {
        Err(ExpressionError::NoName)
    } else {
        Ok((name, rest))
    }
}

/// `$remote_addr`, as nginx spells it, which for IPv6 is the way of RFC 5952. An IPv4 client of a socket that takes both
/// families is IPv4 here too, as it is in nginx, which listens for each family apart.
fn feed_address(hasher: &mut Hasher, address: IpAddr) {
    struct Feed<'a>(&'a mut Hasher);
    impl Write for Feed<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    // `Feed` takes whatever it is given.
    let _ = write!(Feed(hasher), "{}", address.to_canonical());
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expression(")?;
        for part in &self.0 {
            match part {
                Part::Text(_) => f.write_str("…")?,
                Part::Uri => f.write_str("$uri")?,
                Part::Expires => f.write_str("$secure_link_expires")?,
                Part::RemoteAddr => f.write_str("$remote_addr")?,
                Part::Arg(name) => write!(f, "$arg_{name}")?,
                Part::Secret => f.write_str("$secret")?,
            }
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_and_text_is_hidden() {
        for (text, expected) in [
            ("$uri my-secret", "$uri…"),
            (
                "$secure_link_expires$uri$remote_addr my-secret",
                "$secure_link_expires$uri$remote_addr…",
            ),
            ("${uri}x${secret}", "$uri…$secret"),
            ("$URI$Arg_Size", "$uri$arg_size"),
            ("$arg_expires$uri", "$secure_link_expires$uri"),
            ("$arg_a-b", "$arg_a…"),
            ("}{", "…"),
        ] {
            let expression = Expression::parse(text).unwrap();
            assert_eq!(
                format!("{expression:?}"),
                format!("Expression({expected})"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_expression_that_nginx_would_not_start_with_is_refused() {
        let unknown = |name: &str| ExpressionError::UnknownVariable(name.into());
        for (text, expected) in [
            ("", ExpressionError::Empty),
            ("$uri $", ExpressionError::NoName),
            ("$ uri", ExpressionError::NoName),
            ("$$uri", ExpressionError::NoName),
            ("${}", ExpressionError::NoName),
            ("${uri", ExpressionError::NotClosed),
            ("$host$uri", unknown("host")),
            ("$uris", unknown("uris")),
            ("$1", unknown("1")),
            ("$arg_", unknown("arg_")),
            ("${uri }", unknown("uri ")),
        ] {
            assert_eq!(Expression::parse(text).unwrap_err(), expected, "{text}");
        }
        assert!(
            unknown("host")
                .to_string()
                .starts_with("unknown variable $host; known are $uri,")
        );
        assert_eq!(ExpressionError::NotClosed.to_string(), "a ${ without its }");
    }

    #[test]
    fn an_address_is_spelt_as_nginx_spells_it() {
        for (address, text) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("::1", "::1"),
        ] {
            let mut fed = Hasher::md5();
            feed_address(&mut fed, address.parse().unwrap());
            let mut expected = Hasher::md5();
            expected.update(text.as_bytes());
            assert_eq!(
                fed.finish().encode(),
                expected.finish().encode(),
                "{address}"
            );
        }
    }
}
