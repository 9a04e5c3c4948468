//! Which format a result has.

use crate::encode::WEBP_MAX_SIDE;
use crate::error::Error;
use crate::geometry::Size;
use crate::limits::Limits;
use image_url::{AcceptClass, Format, OutputFormat};

/// The format of a result of this size. Animations are not written as AVIF, and large pictures take too long.
pub(crate) fn choose(
    wanted: Option<OutputFormat>,
    original: Format,
    animated: bool,
    accepts: AcceptClass,
    size: Size,
    limits: &Limits,
) -> Result<Format, Error> {
    let pixels = u64::from(size.width) * u64::from(size.height);
    let small_enough = pixels <= limits.max_avif_pixels;
    let fits_webp = size.width.max(size.height) <= WEBP_MAX_SIDE;
    let too_large = |reason| Error::ResultTooLarge {
        width: size.width,
        height: size.height,
        reason,
    };
    let format = match wanted {
        None => original,
        Some(OutputFormat::Named(format)) => format,
        Some(OutputFormat::Auto) => match accepts {
            AcceptClass::Avif if !animated && small_enough => Format::Avif,
            AcceptClass::Avif | AcceptClass::Webp if fits_webp => Format::WebP,
            _ => original,
        },
    };
    match format {
        Format::Avif if !small_enough => Err(too_large("more pixels than an AVIF may have")),
        Format::WebP if !fits_webp => Err(too_large("the sides of a WebP end at 16,383")),
        format => Ok(format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_is_taken_and_possible_is_chosen() {
        use Format::{Avif, Gif, Jpeg, Png, WebP};
        use OutputFormat::{Auto, Named};
        let limits = Limits {
            max_avif_pixels: 10_000,
            ..Limits::default()
        };
        for (wanted, animated, accepts, side, expected) in [
            (None, false, AcceptClass::Avif, 100, Gif),
            (Some(Named(Png)), false, AcceptClass::Avif, 100, Png),
            (Some(Named(Avif)), false, AcceptClass::None, 100, Avif),
            (Some(Auto), false, AcceptClass::None, 100, Gif),
            (Some(Auto), false, AcceptClass::Webp, 100, WebP),
            (Some(Auto), false, AcceptClass::Avif, 100, Avif),
            (Some(Auto), true, AcceptClass::Avif, 100, WebP),
            (Some(Auto), false, AcceptClass::Avif, 101, WebP),
            (Some(Auto), false, AcceptClass::Webp, 16_384, Gif),
            (Some(Named(Jpeg)), true, AcceptClass::Webp, 16_384, Jpeg),
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
    fn what_is_too_large_for_a_format_is_refused_when_asked_for_by_name() {
        for (format, width, height) in [
            (Format::Avif, 4000, 3000),
            (Format::WebP, 16_384, 10),
            (Format::WebP, 10, 16_384),
        ] {
            let (wanted, size) = (Some(OutputFormat::Named(format)), Size { width, height });
            let (accepts, limits) = (AcceptClass::Avif, Limits::default());
            let refused = choose(wanted, Format::Jpeg, false, accepts, size, &limits);
            assert!(matches!(refused, Err(Error::ResultTooLarge { .. })));
        }
    }
}
