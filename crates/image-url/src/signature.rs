//! Checks whether a URL is signed, as nginx's `secure_link` and `secure_link_md5` do.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit as _};
use subtle::Choice;
use thiserror::Error;

use crate::{
    digits::decimal,
    expression::{Expression, Values},
    hash::{Algorithm, Digest, Hasher},
    secret::Secret,
    target::{Target, Uri},
};

/// How URLs are signed.
#[derive(Clone, Debug, Default)]
pub struct SecureLinkConfig {
    /// A URL may be signed with any of these; new ones are signed with the first. Several at once let a secret be
    /// replaced without breaking the URLs that are in use. Not looked at by an MD5 expression without `$secret`.
    pub secrets: Vec<Secret>,
    /// The digest.
    pub algorithm: Algorithm,
    /// What is hashed; [`SecureLink`] tells what `None` means.
    pub expression: Option<Expression>,
}

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SecureLinkError {
    /// The scheme needs a secret and there is none.
    #[error("URLs cannot be checked without a secret")]
    NoSecret,
    /// A secret of no bytes.
    #[error("secret number {position} is empty")]
    EmptySecret {
        /// Which one, counted from 1.
        position: usize,
    },
    /// An MD5 expression with neither `$secret` nor plain text: anybody could sign.
    #[error(
        "the expression has nothing secret in it: neither $secret nor text between the variables"
    )]
    NothingSecret,
    /// `$secret` in the expression of an HMAC, which has the secret as its key and never as text.
    #[error("$secret has no place in an expression for HMAC, where the secret is the key")]
    SecretInMessage,
}

/// Why a URL is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Denied {
    /// No hash, a wrong one, or an `expires` that is not a time.
    #[error("the URL is not signed")]
    Unsigned,
    /// The hash is right, and the time is over.
    #[error("the URL has expired")]
    Expired,
}

/// A scheme of signing URLs.
///
/// The argument `hash` is base64url of a digest; padding is allowed. The argument `expires` is a Unix time in seconds.
///
/// | algorithm | no expression, URL without `expires` | no expression, URL with `expires` | expression |
/// | --- | --- | --- | --- |
/// | MD5 | `MD5(uri + " " + secret)` | `MD5(expires + uri + " " + secret)` | `MD5(expression)` |
/// | HMAC-SHA256 | `HMAC(secret, uri)` | `HMAC(secret, expires + uri)` | `HMAC(secret, expression)` |
///
/// `uri` is the normalised path, beginning with `/`; `expires` is the text of the argument. Without an expression an
/// `expires` that is there is always covered, so that it can be neither changed nor taken off. With one it counts only
/// when the expression has `$secure_link_expires`, and then a URL has to have it (nginx: `secure_link
/// $arg_hash,$arg_expires`); else it is as any other argument (nginx: `secure_link $arg_hash`).
#[derive(Clone)]
pub struct SecureLink(pub(crate) Scheme);

#[derive(Clone)]
pub(crate) enum Scheme {
    /// Every URL counts as signed.
    Unsigned,
    Signed(Signed),
}

#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) algorithm: Algorithm,
    pub(crate) expression: Option<Expression>,
    /// What to try in turn; never empty.
    pub(crate) keys: Vec<Key>,
}

/// What a digest is begun and ended with.
#[derive(Clone)]
pub(crate) enum Key {
    /// MD5 has its secret in the text. There is none when the expression has no `$secret`.
    Text(Option<Secret>),
    /// A digest that has taken in its key already, which is half of the work for a short message.
    Hmac(Hmac<sha2::Sha256>),
}

impl SecureLink {
    /// Checks a configuration.
    pub fn new(config: SecureLinkConfig) -> Result<Self, SecureLinkError> {
        let SecureLinkConfig {
            secrets,
            algorithm,
            expression,
        } = config;
        if let Some(index) = secrets
            .iter()
            .position(|secret| secret.as_bytes().is_empty())
        {
            return Err(SecureLinkError::EmptySecret {
                position: index + 1,
            });
        }
        let keys = match (algorithm, &expression) {
            (Algorithm::Md5, Some(expression)) if !expression.has_secret() => {
                if !expression.has_text() {
                    return Err(SecureLinkError::NothingSecret);
                }
                vec![Key::Text(None)]
            }
            (Algorithm::HmacSha256, Some(expression)) if expression.has_secret() => {
                return Err(SecureLinkError::SecretInMessage);
            }
            (Algorithm::Md5, _) => secrets
                .into_iter()
                .map(|secret| Key::Text(Some(secret)))
                .collect(),
            // HMAC takes a key of any length but none, so nothing is dropped here.
            (Algorithm::HmacSha256, _) => secrets
                .iter()
                .filter_map(|secret| Hmac::new_from_slice(secret.as_bytes()).ok().map(Key::Hmac))
                .collect(),
        };
        if keys.is_empty() {
            return Err(SecureLinkError::NoSecret);
        }
        Ok(Self(Scheme::Signed(Signed {
            algorithm,
            expression,
            keys,
        })))
    }

    /// Lets every URL count as signed; `hash` and `expires` are not looked at. For development.
    pub fn insecure_unsigned() -> Self {
        Self(Scheme::Unsigned)
    }

    /// Whether a URL is signed, and its time is not over.
    ///
    /// `remote_addr` is the client's address, which only an expression with `$remote_addr` looks at. As in nginx, the
    /// hash is looked at before the clock, and a URL is good to the end of the very second that `expires` names.
    pub fn verify<'t>(
        &self,
        target: &'t Target,
        remote_addr: IpAddr,
        now: SystemTime,
    ) -> Result<SignedUrl<'t>, Denied> {
        let Scheme::Signed(signed) = &self.0 else {
            return Ok(SignedUrl {
                uri: target.uri(),
                expires: None,
            });
        };
        let hash = target
            .arg("hash")
            .and_then(|text| Digest::decode(text, signed.algorithm))
            .ok_or(Denied::Unsigned)?;
        let expires_text = signed.expires_of(target)?;
        let expires = expires_text
            .map(|text| parse_expires(text).ok_or(Denied::Unsigned))
            .transpose()?;
        let values = Values {
            target,
            expires: expires_text,
            remote_addr,
        };
        let matches = signed.keys.iter().fold(Choice::from(0), |matches, key| {
            matches | signed.digest(key, &values).ct_eq(&hash)
        });
        if !bool::from(matches) {
            return Err(Denied::Unsigned);
        }
        if expires.is_some_and(|expires| expires < whole_seconds(now)) {
            return Err(Denied::Expired);
        }
        Ok(SignedUrl {
            uri: target.uri(),
            expires,
        })
    }
}

impl Signed {
    /// The text of `expires`, where it counts.
    fn expires_of<'t>(&self, target: &'t Target) -> Result<Option<&'t str>, Denied> {
        match &self.expression {
            None => Ok(target.arg("expires")),
            Some(expression) if expression.covers_expires() => {
                target.arg("expires").map(Some).ok_or(Denied::Unsigned)
            }
            Some(_) => Ok(None),
        }
    }

    pub(crate) fn digest(&self, key: &Key, values: &Values<'_>) -> Digest {
        let (mut hasher, secret) = match key {
            Key::Text(secret) => (Hasher::md5(), secret.as_ref()),
            Key::Hmac(keyed) => (Hasher::HmacSha256(keyed.clone()), None),
        };
        if let Some(expression) = &self.expression {
            expression.feed(&mut hasher, values, secret);
        } else {
            hasher.update(values.expires.unwrap_or_default().as_bytes());
            hasher.update(values.target.uri().as_bytes());
            if let Some(secret) = secret {
                hasher.update(b" ");
                hasher.update(secret.as_bytes());
            }
        }
        hasher.finish()
    }
}

/// Reads a Unix time as nginx does (`ngx_atotm`): digits only, at most `i64::MAX`, and 0 is no time.
fn parse_expires(text: &str) -> Option<SystemTime> {
    let seconds = decimal(text).filter(|&seconds| seconds > 0 && i64::try_from(seconds).is_ok())?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// nginx's clock ticks in seconds.
fn whole_seconds(now: SystemTime) -> SystemTime {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs())
}

/// A URL whose signature was found right. It comes only out of [`SecureLink::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedUrl<'t> {
    uri: &'t Uri,
    expires: Option<SystemTime>,
}

impl<'t> SignedUrl<'t> {
    /// The normalised path.
    pub fn uri(&self) -> &'t Uri {
        self.uri
    }

    /// When the signature ends, where it covers an end.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }
}
