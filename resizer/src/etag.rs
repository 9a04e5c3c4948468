//! The entity tag of a picture, known without making it: from the original's validators, what is asked for, and what
//! makes it.

use crate::source::Validators;
use http::HeaderValue;
use image_url::{AcceptClass, Canonical};
use imaging::{ENCODER_VERSION, Encoding};
use std::time::UNIX_EPOCH;
use xxhash_rust::xxh3::Xxh3;

/// A strong entity tag (RFC 9110 §8.8.3): the same tag means the same bytes. What the client accepts is part of it where
/// the format is negotiated. `None` where the source gives no validator and the content has not been seen.
pub(crate) fn etag(
    validators: &Validators,
    canonical: &Canonical,
    accept: AcceptClass,
    encoding: Encoding,
) -> Option<HeaderValue> {
    let mut hash = Xxh3::new();
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    if let Some(etag) = &validators.etag {
        part(etag.as_bytes());
    } else if let Some(modified) = validators.last_modified {
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        part(&modified.as_nanos().to_le_bytes());
        part(&validators.size.unwrap_or_default().to_le_bytes());
    } else {
        part(&validators.digest?.to_le_bytes());
    }
    part(canonical.path().as_bytes());
    if canonical.varies_on_accept() {
        part(accept.word().as_bytes());
    }
    part(ENCODER_VERSION.as_bytes());
    part(&[
        encoding.jpeg_quality,
        encoding.webp_quality,
        encoding.avif_quality,
        u8::from(encoding.progressive),
    ]);
    HeaderValue::try_from(format!("\"{:032x}\"", hash.digest128())).ok()
}

/// Whether a request's `If-None-Match` names the tag.
pub(crate) fn matches(if_none_match: &HeaderValue, etag: &HeaderValue) -> bool {
    if_none_match
        .as_bytes()
        .split(|byte| *byte == b',')
        .any(|candidate| {
            let candidate = candidate.trim_ascii();
            candidate == b"*"
                || candidate.strip_prefix(b"W/").unwrap_or(candidate) == etag.as_bytes()
        })
}
