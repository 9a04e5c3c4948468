//! The alpha channel of a lossy picture (RFC 9649 §2.7.1.2): raw or lossless, and filtered.

use super::lossless;
use crate::error::Error;
use crate::geometry::Size;

/// The channel, a byte a pixel.
///
/// An `ALPH` chunk is whole where a picture follows it, so that one that ends early is damaged: libwebp shows nothing
/// of such a picture either.
pub(super) fn decode(chunk: &[u8], size: Size) -> Result<Vec<u8>, Error> {
    let broken = || Error::Corrupt("a damaged alpha channel".to_owned());
    let (&flags, data) = chunk.split_first().ok_or_else(broken)?;
    let pixels = size.width as usize * size.height as usize;
    // Bits 4 and 5 are what the encoder did beforehand, 6 and 7 are reserved.
    let mut alpha = match flags & 3 {
        0 => data.get(..pixels).ok_or_else(broken)?.to_vec(),
        1 => lossless::decode_green(data, size)?,
        method => return Err(Error::Corrupt(format!("alpha of method {method}"))),
    };
    unfilter(&mut alpha, size.width as usize, flags >> 2 & 3);
    Ok(alpha)
}

/// Undoes a filter: 0 none, 1 horizontal, 2 vertical, 3 gradient.
fn unfilter(alpha: &mut [u8], width: usize, filter: u8) {
    if filter == 0 {
        return;
    }
    // The first row is predicted from the left, the first of all from 0.
    let (first, mut rest) = alpha.split_at_mut(width.min(alpha.len()));
    from_left(first, 0);
    let mut above = first;
    while !rest.is_empty() {
        let (row, behind) = rest.split_at_mut(width.min(rest.len()));
        match filter {
            1 => from_left(row, above.first().copied().unwrap_or_default()),
            2 => {
                for (pixel, above) in row.iter_mut().zip(above.iter()) {
                    *pixel = pixel.wrapping_add(*above);
                }
            }
            _ => gradient(row, above),
        }
        above = row;
        rest = behind;
    }
}

fn from_left(row: &mut [u8], mut left: u8) {
    for pixel in row {
        *pixel = pixel.wrapping_add(left);
        left = *pixel;
    }
}

fn gradient(row: &mut [u8], above: &[u8]) {
    // The first pixel of a row is predicted from the one above it.
    let mut left = above.first().copied().unwrap_or_default();
    let mut above_left = left;
    for (pixel, &above) in row.iter_mut().zip(above) {
        let predicted = i16::from(left) + i16::from(above) - i16::from(above_left);
        *pixel = pixel.wrapping_add(predicted.clamp(0, 255) as u8);
        left = *pixel;
        above_left = above;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_undone() {
        let size = Size {
            width: 3,
            height: 2,
        };
        let plain = [10, 20, 250, 200, 30, 7];
        for (filter, filtered) in [
            (0, plain),
            (1, [10, 10, 230, 190, 86, 233]),
            (2, [10, 10, 230, 190, 10, 13]),
            // 30 from 200 + 20 - 10, 7 from 30 + 250 - 20 = 260, taken as 255.
            (3, [10, 10, 230, 190, 76, 8]),
        ] {
            let chunk = [&[filter << 2 | 0xf0][..], &filtered].concat();
            assert_eq!(decode(&chunk, size).unwrap(), plain, "{filter}");
        }
    }

    #[test]
    fn what_is_too_short_is_refused() {
        let size = Size {
            width: 3,
            height: 2,
        };
        for chunk in [&[][..], &[0], &[0, 1, 2, 3, 4, 5], &[2, 1, 2, 3, 4, 5, 6]] {
            assert!(decode(chunk, size).is_err(), "{chunk:?}");
        }
    }
}
