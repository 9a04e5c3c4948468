//! `/info/`: what a page wants to know of a picture before it loads it.

use crate::colour;
use crate::container::png::Png;
use crate::decode::decode;
use crate::error::Error;
use crate::geometry::{Area, Size};
use crate::orient::{Orientation, orient};
use crate::pixels::Pixels;
use crate::probe::Header;
use crate::resize::thumbnail;
use crate::shrink::{self, Shrink};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image_url::Format;
use std::fmt::Write;

/// `ThumbHash` takes no more.
const SIDE: u32 = 100;

/// How far an original may be shrunk while it is decoded to be looked at.
pub(crate) fn shrink_for_info(stored: Size) -> Shrink {
    let small = Size {
        width: stored.width.min(SIDE),
        height: stored.height.min(SIDE),
    };
    shrink::choose(Area::whole(stored), small, Orientation::default())
}

/// The JSON: type, size, frames, orientation, profile, alpha, `ThumbHash`, main colour.
///
/// `width` and `height` are those of the picture as it is to be looked at, `orientation` is EXIF's value. `profile` is
/// the name that the embedded profile gives itself, or that of the colours that a PNG signals otherwise, or null. `thumbhash` is Evan Wallace's, in Base64; `color` is the
/// colour that most of the picture is near to. Beside it, whether the original is truncated.
pub(crate) fn info(original: &[u8], header: Header) -> Result<(Vec<u8>, bool), Error> {
    let Size { width, height } = header.seen();
    let (format, frames, lie) = (header.format, header.frames, header.orientation);
    let shrink = shrink_for_info(header.stored);
    // A PNG has more ways than a profile, and may be decoded to sRGB.
    let signalled = match format {
        Format::Png => Png::read(original)
            .ok()
            .and_then(|png| colour::space_name(&png.signals)),
        _ => None,
    };
    let decoded = decode(original, header, shrink)?;
    let alpha = decoded.pixels.layout().has_alpha();
    let small = thumbnail(&decoded.pixels, SIDE)?;
    let small = colour::to_srgb(small, decoded.profile.as_deref())?;
    let small = orient(small, lie)?.into_rgba();
    let hash = thumbhash::rgba_to_thumb_hash(
        small.width() as usize,
        small.height() as usize,
        small.bytes(),
    );
    let profile = signalled.or_else(|| decoded.profile.as_deref().and_then(colour::name));
    let json = format!(
        r#"{{"type":"{}","width":{width},"height":{height},"frames":{frames},"orientation":{},"profile":{},"alpha":{alpha},"thumbhash":"{}","color":"{}"}}"#,
        format.name(),
        lie.to_exif(),
        profile.map_or_else(|| "null".to_owned(), |name| quoted(&name)),
        STANDARD.encode(hash),
        main_colour(&small),
    );
    Ok((json.into_bytes(), decoded.truncated))
}

/// The average of the fullest of 4,096 boxes of colours; black where nothing is seen.
fn main_colour(pixels: &Pixels) -> String {
    let mut boxes = vec![[0u32; 4]; 4096];
    for &[r, g, b, alpha] in pixels.bytes().as_chunks::<4>().0 {
        if alpha < 128 {
            continue;
        }
        let index = usize::from(r >> 4) << 8 | usize::from(g >> 4) << 4 | usize::from(b >> 4);
        if let Some([count, red, green, blue]) = boxes.get_mut(index) {
            *count += 1;
            *red += u32::from(r);
            *green += u32::from(g);
            *blue += u32::from(b);
        }
    }
    // The first of equals, so that the same picture has the same colour.
    let [count, sums @ ..] = boxes
        .into_iter()
        .reduce(|best, next| if next[0] > best[0] { next } else { best })
        .unwrap_or_default();
    let [r, g, b] = sums.map(|sum| (sum + count / 2) / count.max(1));
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A JSON string (RFC 8259 §7).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter < ' ' => {
                // Writing to a `String` cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Layout;

    #[test]
    fn the_main_colour_is_what_most_of_the_picture_has() {
        let mut bytes = [[250, 3, 3, 255], [252, 5, 5, 255], [0, 0, 255, 255]].concat();
        bytes.extend([9, 9, 9, 0].repeat(5));
        let picture = Pixels::new(8, 1, Layout::Rgba, bytes).unwrap();
        assert_eq!(main_colour(&picture), "#fb0404");
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a\"b\\c\nd é"), r#""a\"b\\c\u000ad é""#);
    }
}
