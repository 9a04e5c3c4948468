//! Which format a result has.

use crate::error::Error;
use crate::format::Format;
use crate::geometry::Size;
use crate::limits::Limits;

/// The best format that a client takes, of those that not every client takes. What takes AVIF takes WebP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accepts {
    /// Neither WebP nor AVIF.
    #[default]
    Neither,
    /// WebP.
    WebP,
    /// AVIF, and WebP.
    Avif,
}

/// What a URL says of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing: the original's.
    AsItIs,
    /// `f=` and a name.
    Named(Format),
    /// `f=auto`.
    Negotiated,
}

/// The format of a result of this size. Animations are not written as AVIF, and large pictures take too long.
pub(crate) fn choose(
    wanted: Wanted,
    original: Format,
    animated: bool,
    accepts: Accepts,
    size: Size,
    limits: &Limits,
) -> Result<Format, Error> {
    let pixels = u64::from(size.width) * u64::from(size.height);
    let small_enough = pixels <= limits.max_avif_pixels;
    let fits_webp = size.width.max(size.height) <= 16_383;
    match wanted {
        Wanted::AsItIs => Ok(original),
        Wanted::Named(Format::Avif) if !small_enough => Err(Error::ResultTooLarge {
            width: size.width,
            height: size.height,
            reason: "more pixels than an AVIF may have",
        }),
        Wanted::Named(format) => Ok(format),
        Wanted::Negotiated => Ok(match accepts {
            Accepts::Avif if !animated && small_enough => Format::Avif,
            Accepts::Avif | Accepts::WebP if fits_webp => Format::WebP,
            _ => original,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_is_taken_and_possible_is_chosen() {
        use Format::{Avif, Gif, Jpeg, Png, WebP};
        use Wanted::{AsItIs, Named, Negotiated};
        let limits = Limits {
            max_avif_pixels: 10_000,
            ..Limits::default()
        };
        for (wanted, animated, accepts, side, expected) in [
            (AsItIs, false, Accepts::Avif, 100, Gif),
            (Named(Png), false, Accepts::Avif, 100, Png),
            (Named(Avif), false, Accepts::Neither, 100, Avif),
            (Negotiated, false, Accepts::Neither, 100, Gif),
            (Negotiated, false, Accepts::WebP, 100, WebP),
            (Negotiated, false, Accepts::Avif, 100, Avif),
            (Negotiated, true, Accepts::Avif, 100, WebP),
            (Negotiated, false, Accepts::Avif, 101, WebP),
            (Negotiated, false, Accepts::WebP, 16_384, Gif),
            (Named(Jpeg), true, Accepts::WebP, 16_384, Jpeg),
        ] {
            let size = Size {
                width: side,
                height: 100,
            };
            let chosen = choose(wanted, Gif, animated, accepts, size, &limits);
            assert_eq!(chosen.unwrap(), expected, "{wanted:?} {accepts:?} {side}");
        }
    }

    #[test]
    fn an_avif_that_is_too_large_is_refused_when_asked_for_by_name() {
        let size = Size {
            width: 4000,
            height: 3000,
        };
        let wanted = Wanted::Named(Format::Avif);
        let limits = Limits::default();
        let refused = choose(wanted, Format::Jpeg, false, Accepts::Avif, size, &limits);
        assert!(matches!(refused, Err(Error::ResultTooLarge { .. })));
    }
}
