//! Content negotiation: an `Accept` header reduced to a few classes before it meets the cache key, so that no client
//! can make endless variants with it.

use crate::digits::fixed;

/// The best picture format that a client takes, of those that not every client takes.
///
/// Only what the client names counts: browsers send `image/*` and `*/*` whatever they can show (RFC 9110 §12.5.1 would
/// let them stand for WebP as well).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AcceptClass {
    /// Neither AVIF nor WebP.
    #[default]
    None,
    /// WebP.
    Webp,
    /// AVIF, and WebP, which everything takes that takes AVIF.
    Avif,
}

/// Quality values have three places (RFC 9110 §12.4.2).
const QUALITY_PLACES: usize = 3;

impl AcceptClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::None, Self::Webp, Self::Avif];

    /// Reduces the values of all `Accept` headers of a request. Names ignore case; of a type that is named more than
    /// once the best quality counts; what cannot be read is passed over.
    ///
    /// A client that prefers WebP to AVIF gets WebP, and one that refuses WebP (`q=0`) gets neither.
    pub fn reduce<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Self {
        let (mut avif, mut webp) = (None, None);
        let ranges = values
            .into_iter()
            .flat_map(|value| value.split(|byte| *byte == b','));
        for range in ranges {
            let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let best = if name.eq_ignore_ascii_case(b"image/avif") {
                &mut avif
            } else if name.eq_ignore_ascii_case(b"image/webp") {
                &mut webp
            } else {
                continue;
            };
            *best = (*best).max(quality(parts));
        }
        let (avif, webp) = (
            avif.unwrap_or_default(),
            webp.map_or((0, false), |q| (q, q == 0)),
        );
        match (avif, webp) {
            (avif, (webp, false)) if avif > 0 && avif >= webp => Self::Avif,
            (_, (webp, _)) if webp > 0 => Self::Webp,
            _ => Self::None,
        }
    }

    /// The one word by which the edge tells the resizer, and which stands in the cache key.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }

    /// Reads [`word`](Self::word); `None` when it is none.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|class| class.word().as_bytes() == word)
    }
}

/// The quality among a range's parameters, in thousandths: 1,000 when there is none, `None` when it is malformed.
fn quality<'v>(mut parameters: impl Iterator<Item = &'v [u8]>) -> Option<u64> {
    let weight = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_at_checked(2)?;
        name.eq_ignore_ascii_case(b"q=").then_some(value)
    });
    let Some(weight) = weight else {
        return Some(1000);
    };
    let text = std::str::from_utf8(weight).ok()?;
    // "0." and "1." are allowed.
    fixed(text.strip_suffix('.').unwrap_or(text), QUALITY_PLACES).filter(|weight| *weight <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_is_reduced_to_its_class() {
        use AcceptClass::{Avif, None, Webp};
        for (header, expected) in [
            // Chrome, Firefox and Safari of today, older ones, curl.
            (
                "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
                Avif,
            ),
            (
                "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
                Avif,
            ),
            (
                "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,*/*;q=0.5",
                Avif,
            ),
            ("image/webp,image/apng,image/*,*/*;q=0.8", Webp),
            (
                "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
                None,
            ),
            ("*/*", None),
            ("image/*", None),
            ("", None),
            ("image/avif", Avif),
            ("IMAGE/AVIF", Avif),
            ("  image/webp ; Q=0.5 ,", Webp),
            ("image/avif;q=0", None),
            ("image/avif;q=0.000,image/webp", Webp),
            ("image/avif,image/webp;q=0", None),
            ("image/avif;q=0.5,image/webp", Webp),
            ("image/avif;q=0.9,image/webp;q=0.900", Avif),
            ("image/avif;q=1.,image/webp;q=1.000", Avif),
            ("image/avif;profile=x;q=0.1", Avif),
            ("image/avif;q=0,image/avif", Avif),
            ("image/avif;q=2", None),
            ("image/avif;q=-1", None),
            ("image/avif;q=", None),
            ("image/avif;q=abc,image/webp", Webp),
            ("image/avif;q", Avif),
            ("image/avifx,ximage/webp,image / avif", None),
            (";;;,,,;q=1,=,q=", None),
        ] {
            assert_eq!(
                AcceptClass::reduce([header.as_bytes()]),
                expected,
                "{header}"
            );
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let headers = [&b"image/webp"[..], b"text/html, image/avif"];
        assert_eq!(AcceptClass::reduce(headers), AcceptClass::Avif);
        assert_eq!(AcceptClass::reduce([]), AcceptClass::None);
    }

    #[test]
    fn a_class_goes_through_its_word() {
        for class in AcceptClass::ALL {
            assert_eq!(AcceptClass::from_word(class.word().as_bytes()), Some(class));
        }
        for word in [&b""[..], b"AVIF", b"avif,webp", b"\xff"] {
            assert_eq!(AcceptClass::from_word(word), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_class(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = AcceptClass::reduce([&bytes[..]]);
        }

        #[test]
        fn any_list_of_ranges_has_a_class(text in "((image/(avif|webp)|[*]/[*])(;q=[0-9.]{0,6})?,? ?){0,6}") {
            let _ = AcceptClass::reduce([text.as_bytes()]);
        }
    }
}
