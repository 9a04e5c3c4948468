//! Signs a path, so that [`SecureLink::verify`] takes it: for the command line, tests and sites that are written in Rust.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{SystemTime, UNIX_EPOCH},
};

use thiserror::Error;

use crate::{
    canonical::{UrlError, encode_path},
    expression::{Expression, Values},
    preset::Language,
    signature::{Scheme, SecureLink, Signed},
    target::{Target, TargetError},
};

/// Why a path cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum SignError {
    /// A `.` or `..` segment, or an empty one: it would be gone from the path that is checked.
    #[error("the path has a segment {0:?}, which a server resolves before it checks the hash")]
    Segment(String),
    /// The path is nothing that can be asked for.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The path cannot be in a request at all: it holds a NUL.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The expression has `$remote_addr`: such a URL is good for one client only, who is not known here.
    #[error(
        "the expression has $remote_addr, so that only whoever knows the client's address can sign"
    )]
    NeedsRemoteAddr,
    /// The expression has an argument other than `expires`.
    #[error("the expression has $arg_{name}, whose value is not known here")]
    NeedsArgument {
        /// The argument's name, in lower case.
        name: String,
    },
    /// The expression has `$secure_link_expires`, and no end was given.
    #[error(
        "the expression has $secure_link_expires, so that a URL needs a time at which it expires"
    )]
    NeedsExpires,
    /// An end was given which nothing would look at: the URL would be good for ever.
    #[error("a time to expire was given, which this scheme would not look at")]
    ExpiresNotCovered,
    /// An end before the first second of 1970 is over, which nginx takes for malformed.
    #[error("the time to expire is not after 1970-01-01T00:00:00Z")]
    ExpiresTooEarly,
}

impl SecureLink {
    /// Signs a path with the first of the secrets, and gives it percent-encoded with its arguments:
    /// `/resize/300x200/tom%20cat.jpg?hash=…[&expires=…]`.
    ///
    /// The path is taken as a person types it: any UTF-8, a `%`, `?` or `#` in it is that character and no syntax, and
    /// the slash in front may be missing. It has to be a request ([`Language::parse`]) and is signed as it is written,
    /// not in its canonical spelling. Parts of a second of `expires` are cut off.
    ///
    /// Of [`insecure_unsigned`](Self::insecure_unsigned) it comes back without arguments.
    pub fn sign(&self, path: &str, expires: Option<SystemTime>) -> Result<String, SignError> {
        self.sign_in(&Language::default(), path, expires)
    }

    /// Signs a path as [`sign`](Self::sign) does, in the language of a site, so that its presets are known.
    pub fn sign_in(
        &self,
        language: &Language,
        path: &str,
        expires: Option<SystemTime>,
    ) -> Result<String, SignError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        // A slash at the very end is part of the name.
        let segments = path.strip_suffix('/').unwrap_or(path);
        if let Some(segment) = segments
            .split('/')
            .find(|segment| matches!(*segment, "" | "." | ".."))
        {
            return Err(SignError::Segment(segment.to_owned()));
        }
        let encoded = format!("/{}", encode_path(path));
        let target = Target::parse(&encoded)?;
        language.parse(target.uri())?;
        match &self.0 {
            Scheme::Unsigned if expires.is_some() => Err(SignError::ExpiresNotCovered),
            Scheme::Unsigned => Ok(encoded),
            Scheme::Signed(signed) => {
                let expires = expires.map(unix_seconds).transpose()?;
                let hash = signed.sign(&target, expires.as_deref())?;
                let expires = expires
                    .map(|seconds| format!("&expires={seconds}"))
                    .unwrap_or_default();
                Ok(format!("{encoded}?hash={hash}{expires}"))
            }
        }
    }
}

impl Signed {
    fn sign(&self, target: &Target, expires: Option<&str>) -> Result<String, SignError> {
        if let Some(expression) = &self.expression {
            check_known(expression, expires.is_some())?;
        }
        // Not looked at: an expression that would is refused above.
        let remote_addr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let values = Values {
            target,
            expires,
            remote_addr,
        };
        Ok(self
            .keys
            .first()
            .map(|key| self.digest(key, &values).encode())
            .unwrap_or_default())
    }
}

/// Whether every variable of an expression is known where URLs are made.
fn check_known(expression: &Expression, with_expires: bool) -> Result<(), SignError> {
    if expression.covers_remote_addr() {
        return Err(SignError::NeedsRemoteAddr);
    }
    if let Some(name) = expression.first_arg() {
        return Err(SignError::NeedsArgument {
            name: name.to_owned(),
        });
    }
    match (expression.covers_expires(), with_expires) {
        (true, false) => Err(SignError::NeedsExpires),
        (false, true) => Err(SignError::ExpiresNotCovered),
        _ => Ok(()),
    }
}

fn unix_seconds(expires: SystemTime) -> Result<String, SignError> {
    match expires.duration_since(UNIX_EPOCH) {
        Ok(since_epoch) if since_epoch.as_secs() > 0 => Ok(since_epoch.as_secs().to_string()),
        _ => Err(SignError::ExpiresTooEarly),
    }
}
