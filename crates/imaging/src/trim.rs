//! Borders of one colour, found so that they can be left out.

use crate::geometry::{Area, Size};
use crate::pixels::Pixels;

/// What remains without the rows and columns at the edges whose every channel is within `tolerance` of the first pixel's.
/// A picture that is all border stays whole.
pub(crate) fn without_border(pixels: &Pixels, tolerance: u8) -> Area {
    let size = Size {
        width: pixels.width(),
        height: pixels.height(),
    };
    let channels = pixels.layout().channels();
    let alpha = pixels.layout().has_alpha().then(|| channels - 1);
    let border = pixels.bytes().get(..channels).unwrap_or_default();
    let is_border = |pixel: &[u8]| {
        // Colours that are not seen do not differ.
        let hidden = |pixel: &[u8]| alpha.is_some_and(|at| pixel.get(at) == Some(&0));
        (hidden(pixel) && hidden(border))
            || pixel
                .iter()
                .zip(border)
                .all(|(a, b)| a.abs_diff(*b) <= tolerance)
    };
    // The first and the last pixel of each row that is none.
    let mut found: Option<(u32, u32, u32, u32)> = None;
    for (y, row) in (0..).zip(pixels.rows()) {
        let inner = |pixel: &[u8]| !is_border(pixel);
        let Some(first) = row.chunks_exact(channels).position(inner) else {
            continue;
        };
        let last = row.chunks_exact(channels).rposition(inner).unwrap_or(first);
        let (first, last) = (first as u32, last as u32);
        found = Some(match found {
            None => (first, y, last, y),
            Some((left, top, right, _)) => (left.min(first), top, right.max(last), y),
        });
    }
    found.map_or(Area::whole(size), |(left, top, right, bottom)| Area {
        left,
        top,
        width: right - left + 1,
        height: bottom - top + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Layout;

    fn framed(border: u8) -> Pixels {
        let mut picture = Pixels::filled(10, 8, Layout::Grey, &[border]).unwrap();
        for (x, y) in [(3, 2), (6, 5)] {
            picture.bytes_mut()[y * 10 + x] = 90;
        }
        picture
    }

    #[test]
    fn the_border_ends_where_something_begins() {
        let area = Area {
            left: 3,
            top: 2,
            width: 4,
            height: 4,
        };
        assert_eq!(without_border(&framed(255), 10), area);
        // The first pixel's own noise is no content.
        let mut noisy = framed(250);
        noisy.bytes_mut()[57] = 255;
        assert_eq!(without_border(&noisy, 10), area);
    }

    #[test]
    fn a_picture_that_is_all_border_stays_whole() {
        let size = Size {
            width: 10,
            height: 8,
        };
        assert_eq!(without_border(&framed(95), 10), Area::whole(size));
    }

    #[test]
    fn hidden_colours_are_no_content() {
        let bytes = [[1, 2, 3, 0], [200, 2, 3, 0], [9, 9, 9, 255]].concat();
        let picture = Pixels::new(3, 1, Layout::Rgba, bytes).unwrap();
        let area = without_border(&picture, 0);
        assert_eq!((area.left, area.width), (2, 1));
    }
}
