//! The two digests of a signature, fed in parts so that a message is never put together in memory, and the text of a hash.

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

/// How a URL is hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// nginx's own: the MD5 of a text in which the secret is written. Weak, and here so that nobody's URLs change.
    #[default]
    Md5,
    /// HMAC-SHA256 (RFC 2104, FIPS 198-1) with the secret as the key: what new sites should use.
    HmacSha256,
}

impl Algorithm {
    /// Length of a digest in bytes: 16 or 32.
    const fn digest_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::HmacSha256 => 32,
        }
    }

    /// The longest text that is looked at: nginx refuses a hash of more than 24 characters, which is 16 bytes in base64
    /// with padding; 44 is the same for 32 bytes.
    const fn max_text_len(self) -> usize {
        self.digest_len().div_ceil(3) * 4
    }
}

/// A digest under way.
#[derive(Clone)]
pub(crate) enum Hasher {
    Md5(Md5),
    HmacSha256(Hmac<Sha256>),
}

impl Hasher {
    pub(crate) fn md5() -> Self {
        Self::Md5(Md5::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(md5) => md5.update(bytes),
            Self::HmacSha256(hmac) => hmac.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        let mut digest = Digest {
            bytes: [0; MAX_DIGEST],
            len: 0,
        };
        match self {
            Self::Md5(md5) => digest.set(&md5.finalize()),
            Self::HmacSha256(hmac) => digest.set(&hmac.finalize().into_bytes()),
        }
        digest
    }
}

const MAX_DIGEST: usize = Algorithm::HmacSha256.digest_len();

/// A finished digest, on the stack.
pub(crate) struct Digest {
    bytes: [u8; MAX_DIGEST],
    len: usize,
}

impl Digest {
    /// Reads the hash of a URL by the rules of `ngx_decode_base64url`: the text ends at the first `=`, whatever follows
    /// it; `-` and `_` are the last two letters; bits that do not fill a byte are ignored.
    pub(crate) fn decode(text: &str, algorithm: Algorithm) -> Option<Self> {
        if text.len() > algorithm.max_text_len() {
            return None;
        }
        let text = text.split_once('=').map_or(text, |(text, _)| text);
        let mut decoded = [0; Algorithm::HmacSha256.max_text_len()]; // more than enough: the decoder wants slack
        let len = LENIENT.decode_slice(text, &mut decoded).ok()?;
        if len != algorithm.digest_len() {
            return None;
        }
        let mut digest = Self {
            bytes: [0; MAX_DIGEST],
            len: 0,
        };
        digest.set(decoded.get(..len)?);
        Some(digest)
    }

    /// base64url without padding (RFC 4648 §5).
    pub(crate) fn encode(&self) -> String {
        LENIENT.encode(self.as_bytes())
    }

    /// Compares in constant time.
    pub(crate) fn ct_eq(&self, other: &Self) -> Choice {
        self.as_bytes().ct_eq(other.as_bytes())
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn set(&mut self, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.len = bytes.len();
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_nginx_reads_it() {
        let zero = "AAAAAAAAAAAAAAAAAAAAAA"; // 22 characters, 16 bytes
        for (text, accepted) in [
            (zero.to_owned(), true),
            (format!("{zero}="), true),
            (format!("{zero}=="), true),
            (format!("{zero}=?"), true),
            (format!("{zero}==="), false),
            (format!("{zero}A"), false),
            (format!("{zero}AA"), false),
            (format!("={zero}"), false),
            ("AAAAAAAAAAAAAAAAAAAAAP".to_owned(), true), // the last four bits do not count
            ("AAAAAAAAAAAAAAAAAAAAA".to_owned(), false),
            ("AAAAAAAAAAAAAAAAAAAA".to_owned(), false),
            ("AAAAAAAAAAAAAAAAAAAAA+".to_owned(), false),
            ("AAAAAAAAAAAAAAAAAAAA/A".to_owned(), false),
            ("AAAAAAAAAAAAAAAAAAAA A".to_owned(), false),
            ("AAAAAAAAAAAAAAAAAAAé".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(
                Digest::decode(&text, Algorithm::Md5).is_some(),
                accepted,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_sha256_hash_is_43_characters_and_may_be_padded() {
        let zero = "A".repeat(43);
        for (text, accepted) in [
            (zero.clone(), true),
            (format!("{zero}="), true),
            (format!("{zero}A"), false),
            (format!("{zero}=="), false),
            ("A".repeat(42), false),
            ("A".repeat(22), false),
        ] {
            assert_eq!(
                Digest::decode(&text, Algorithm::HmacSha256).is_some(),
                accepted,
                "{text:?}"
            );
        }
    }
}
