//! A picture on a larger canvas, for `fit=pad`.

use crate::error::Error;
use crate::geometry::{Area, Size};
use crate::pixels::{Layout, Pixels};

/// Lays a picture at its place on a canvas of the given size and colour, RGBA. Without a colour the canvas is transparent.
pub(crate) fn on_canvas(
    pixels: Pixels,
    size: Size,
    left: u32,
    top: u32,
    colour: Option<[u8; 4]>,
) -> Result<Pixels, Error> {
    let place = Area {
        left,
        top,
        width: pixels.width(),
        height: pixels.height(),
    };
    if place.within(size.width, size.height) != Some(place) {
        return Err(Error::Encode("a picture larger than its canvas".to_owned()));
    }
    let (pixels, pixel) = match (colour, pixels.layout()) {
        (Some([red, green, blue, 255]), Layout::Grey) if red == green && green == blue => {
            (pixels, vec![red])
        }
        (Some([red, green, blue, 255]), Layout::Grey | Layout::Rgb) => {
            (pixels.into_colour(), vec![red, green, blue])
        }
        (Some(colour), _) => (pixels.into_rgba(), colour.to_vec()),
        (None, _) => (pixels.into_rgba(), vec![0; 4]),
    };
    let mut canvas = Pixels::filled(size.width, size.height, pixels.layout(), &pixel)?;
    let (stride, start) = (canvas.stride(), left as usize * pixel.len());
    let rows = canvas
        .bytes_mut()
        .chunks_exact_mut(stride)
        .skip(top as usize);
    for (row, source) in rows.zip(pixels.rows()) {
        if let Some(row) = row.get_mut(start..start + source.len()) {
            row.copy_from_slice(source);
        }
    }
    Ok(canvas)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        width: 3,
        height: 2,
    };

    #[test]
    fn a_picture_lies_at_its_place() {
        let pixel = Pixels::new(1, 1, Layout::Grey, vec![9]).unwrap();
        let grey = on_canvas(pixel.clone(), SIZE, 1, 1, Some([5, 5, 5, 255])).unwrap();
        assert_eq!(grey.bytes(), [5, 5, 5, 5, 9, 5]);
        let clear = on_canvas(pixel.clone(), SIZE, 2, 0, None).unwrap();
        assert_eq!(clear.bytes()[8..12], [9, 9, 9, 255]);
        assert_eq!(clear.bytes()[..8], [0; 8]);
        assert!(on_canvas(pixel, SIZE, 3, 0, None).is_err());
    }
}
