//! An original that is already what is asked for: its own data, without its metadata, instead of a new encoding.
//!
//! Pixels, and what decides how they are shown, are kept; text, EXIF, XMP, previews and what follows the image are not.
//! A profile that the pipeline would convert is kept, since a browser converts it then; one that says sRGB, or that the
//! pipeline ignores, is dropped. An original that is not plain is encoded anew: `None` never is an error.

mod gif;
mod jpeg;
mod png;
mod webp;

use crate::colour::is_srgb;
use crate::geometry::{Area, Plan};
use crate::orient::Orientation;
use crate::pixels::Layout;
use crate::probe::Header;
use crate::wishes::Wishes;
use image_url::Format;
use moxcms::{ColorProfile, DataColorSpace};

/// Whether the request leaves the pixels of an original as they are. The original must have been decoded without
/// damage as well.
pub(crate) fn applies(header: &Header, wishes: &Wishes, plan: &Plan, format: Format) -> bool {
    let lossy = matches!(format, Format::Jpeg | Format::WebP);
    format == header.format
        && header.layout != Layout::Cmyk
        && header.orientation.then(wishes.turn) == Orientation::default()
        && plan.scaled == header.stored
        && plan.cut == Area::whole(header.stored)
        && plan.canvas.is_none_or(|canvas| canvas == header.stored)
        && wishes.trim.is_none()
        && wishes.blur <= 0.0
        && wishes.sharpen == 0
        && (wishes.background.is_none() || !header.layout.has_alpha())
        // A quality has a meaning for these only.
        && (wishes.quality.is_none() || !lossy)
}

/// The original without its metadata. `animated` is whether the result may have more than one frame.
pub(crate) fn strip(original: &[u8], header: &Header, animated: bool) -> Option<Vec<u8>> {
    if !animated && header.frames > 1 {
        return None;
    }
    match header.format {
        Format::Jpeg => jpeg::strip(original, header),
        Format::Png => png::strip(original, animated),
        Format::Gif => gif::strip(original, header),
        Format::WebP => webp::strip(original, header),
        Format::Avif => None,
    }
}

/// The profile, where the pipeline would convert from it.
fn converted(header: &Header) -> Option<&[u8]> {
    let bytes = header.profile.as_deref()?;
    let profile = ColorProfile::new_from_slice(bytes).ok()?;
    let fits = match header.layout {
        Layout::Grey | Layout::GreyAlpha => {
            matches!(
                profile.color_space,
                DataColorSpace::Gray | DataColorSpace::Rgb
            )
        }
        Layout::Rgb | Layout::Rgba => profile.color_space == DataColorSpace::Rgb,
        Layout::Cmyk => false,
    };
    (fits && !is_srgb(&profile)).then_some(bytes)
}
