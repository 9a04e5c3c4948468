//! A Gaussian blur, as three box blurs after another, whose time does not depend on the radius.

use crate::error::Error;
use crate::pixels::Pixels;
use fast_image_resize::MulDiv;
use fast_image_resize::PixelType;
use fast_image_resize::images::Image;

/// Blurs with a standard deviation of `sigma` pixels. Transparent pixels give their neighbours no colour.
pub(crate) fn blur(mut pixels: Pixels, sigma: f32) -> Result<Pixels, Error> {
    if sigma <= 0.0 {
        return Ok(pixels);
    }
    premultiplied(&mut pixels, false)?;
    let radii = box_radii(sigma);
    let channels = pixels.layout().channels();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let stride = pixels.stride();
    let mut line = vec![0; width.max(height)];
    let bytes = pixels.bytes_mut();
    for channel in 0..channels {
        for row in bytes.chunks_exact_mut(stride) {
            blur_line(row, channel, channels, &mut line, radii);
        }
        for x in 0..width {
            let first = x * channels + channel;
            blur_line(bytes, first, stride, &mut line, radii);
        }
    }
    premultiplied(&mut pixels, true)?;
    Ok(pixels)
}

fn premultiplied(pixels: &mut Pixels, back: bool) -> Result<(), Error> {
    if !pixels.layout().has_alpha() {
        return Ok(());
    }
    let kind = match pixels.layout().channels() {
        2 => PixelType::U8x2,
        _ => PixelType::U8x4,
    };
    let (width, height) = (pixels.width(), pixels.height());
    let mut image =
        Image::from_slice_u8(width, height, pixels.bytes_mut(), kind).map_err(Error::encode)?;
    let multiply = MulDiv::new();
    if back {
        multiply.divide_alpha_inplace(&mut image)
    } else {
        multiply.multiply_alpha_inplace(&mut image)
    }
    .map_err(Error::encode)
}

/// Three radii whose boxes together have the variance of the Gaussian (W. Jarosz, "Fast Image Convolutions", 2001).
fn box_radii(sigma: f32) -> [usize; 3] {
    let ideal = (4.0 * sigma * sigma + 1.0).sqrt();
    let lower = ((ideal.floor() as usize).max(1) - 1) / 2 * 2 + 1;
    let narrow = lower as f32;
    let share = (12.0 * sigma * sigma - 3.0 * narrow * narrow - 12.0 * narrow - 9.0)
        / (-4.0 * narrow - 4.0);
    let narrow_ones = share.round().clamp(0.0, 3.0) as usize;
    [0, 1, 2].map(|turn| {
        if turn < narrow_ones {
            lower / 2
        } else {
            lower / 2 + 1
        }
    })
}

/// Blurs every `step`th byte from `first` on, with the last value standing for what lies beyond an end.
fn blur_line(bytes: &mut [u8], first: usize, step: usize, line: &mut [u32], radii: [usize; 3]) {
    let mut length = 0;
    for (slot, byte) in line.iter_mut().zip(bytes.iter().skip(first).step_by(step)) {
        // 8 bits of fraction, so that three roundings do not add up.
        *slot = u32::from(*byte) << 8;
        length += 1;
    }
    let Some(line) = line.get_mut(..length) else {
        return;
    };
    let mut before = vec![0; length];
    for radius in radii {
        if radius > 0 {
            before.copy_from_slice(line);
            box_blur(&before, line, radius);
        }
    }
    let targets = bytes.iter_mut().skip(first).step_by(step);
    for (byte, value) in targets.zip(line.iter()) {
        *byte = ((*value + 128) >> 8).min(255) as u8;
    }
}

fn box_blur(source: &[u32], target: &mut [u32], radius: usize) {
    let last = source.len().saturating_sub(1);
    let at = |index: usize| u64::from(source.get(index.min(last)).copied().unwrap_or_default());
    let width = 2 * radius as u64 + 1;
    // The window around the first value: it and what lies before it, `radius` + 1 times, and what follows.
    let mut sum = at(0) * (radius as u64 + 1);
    let ahead = radius.min(last);
    sum += (1..=ahead).map(at).sum::<u64>() + at(last) * (radius - ahead) as u64;
    for (index, slot) in target.iter_mut().enumerate() {
        *slot = ((sum + width / 2) / width) as u32;
        sum = sum + at(index + radius + 1) - at(index.saturating_sub(radius));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Layout;

    fn spot(side: u32) -> Pixels {
        let mut picture = Pixels::filled(side, side, Layout::Grey, &[0]).unwrap();
        let middle = (side / 2 * side + side / 2) as usize;
        picture.bytes_mut()[middle] = 255;
        picture
    }

    /// The standard deviation of a blurred line, against the one asked for.
    #[test]
    fn the_spread_is_the_one_asked_for() {
        for sigma in [1.0f32, 2.0, 3.5, 8.0] {
            let mut line = vec![0u8; 201];
            line[100] = 255;
            // A wide bar of rows, so that blurring down changes nothing.
            let picture = Pixels::new(201, 3, Layout::Grey, line.repeat(3)).unwrap();
            let blurred = blur(picture, sigma).unwrap();
            let row: Vec<f32> = blurred
                .rows()
                .next()
                .unwrap()
                .iter()
                .map(|&v| v.into())
                .collect();
            let sum: f32 = row.iter().sum();
            let spread: f32 = row
                .iter()
                .enumerate()
                .map(|(x, value)| (x as f32 - 100.0).powi(2) * value)
                .sum();
            let measured = (spread / sum).sqrt();
            assert!(
                (measured - sigma).abs() < 0.25 * sigma,
                "{measured} for {sigma}"
            );
        }
    }

    #[test]
    fn it_is_even_in_all_directions() {
        let blurred = blur(spot(41), 3.0).unwrap();
        let at = |x: usize, y: usize| blurred.bytes()[y * 41 + x];
        for step in 0..20 {
            assert_eq!(at(20 + step, 20), at(20 - step, 20));
            assert_eq!(at(20, 20 + step), at(20 + step, 20));
        }
    }

    #[test]
    fn a_plain_stays_plain_and_hidden_colours_hidden() {
        let plain = Pixels::filled(9, 5, Layout::Rgb, &[7, 70, 200]).unwrap();
        assert_eq!(blur(plain.clone(), 5.0).unwrap(), plain);
        let hidden = [[255, 0, 0, 0], [0, 0, 255, 255]].concat().repeat(8 * 16);
        let hidden = Pixels::new(16, 16, Layout::Rgba, hidden).unwrap();
        let blurred = blur(hidden, 2.0).unwrap();
        assert!(blurred.bytes().as_chunks::<4>().0.iter().all(|p| p[0] <= 4));
    }
}
