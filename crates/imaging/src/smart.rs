//! Where the eye goes: which part of a picture is worth keeping when the rest is cut off.
//!
//! Not recognition of anything. Detail, colour that stands out and the colours of skin draw attention; the window with
//! most of them wins (J. Wagner's smartcrop.js and libvips' `attention` go by the same signs). The same pixels always
//! give the same window.

use crate::pixels::{Layout, Pixels};

/// The longest side of the picture that is looked at; more detail would not change where it is.
pub(crate) const SIDE: u32 = 96;

const DETAIL: f32 = 0.2;
const SKIN: f32 = 1.8;
const SATURATION: f32 = 0.3;

/// The middle of the best window, 0 to 1 across and down, for a window of this part of the width and the height.
///
/// `pixels` are at most [`SIDE`] long.
pub(crate) fn focus(pixels: &Pixels, (across, down): (f64, f64)) -> (f64, f64) {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let sums = Sums::new(&energy(pixels), width, height);
    let part = |length: usize, part: f64| {
        ((length as f64 * part).round() as usize).clamp(1, length.max(1))
    };
    let (window_width, window_height) = (part(width, across), part(height, down));
    let (free_x, free_y) = (width - window_width, height - window_height);
    let pull = (f64::from(sums.total()) * 0.05).max(1e-3);
    let mut best = (f64::MIN, free_x / 2, free_y / 2);
    for y in 0..=free_y {
        for x in 0..=free_x {
            // A slight pull to the middle decides between windows that hold the same.
            let off =
                |at: usize, free: usize| (at as f64 - free as f64 / 2.0).abs() / free.max(1) as f64;
            let held = f64::from(sums.of(x, y, window_width, window_height));
            let score = held - (off(x, free_x) + off(y, free_y)) * pull;
            if score > best.0 + 1e-6 {
                best = (score, x, y);
            }
        }
    }
    let middle =
        |at: usize, window: usize, length: usize| (at as f64 + window as f64 / 2.0) / length as f64;
    (
        middle(best.1, window_width, width),
        middle(best.2, window_height, height),
    )
}

/// How much each pixel draws the eye.
fn energy(pixels: &Pixels) -> Vec<f32> {
    let rgb: Vec<[f32; 3]> = pixels
        .bytes()
        .chunks_exact(pixels.layout().channels())
        .map(|pixel| seen(pixels.layout(), pixel))
        .collect();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let luma: Vec<f32> = rgb
        .iter()
        .map(|[r, g, b]| 0.2126 * r + 0.7152 * g + 0.0722 * b)
        .collect();
    let at = |x: usize, y: usize| luma.get(y * width + x).copied().unwrap_or_default();
    let mut energy = Vec::with_capacity(luma.len());
    for (index, colour) in rgb.iter().enumerate() {
        let (x, y) = (index % width, index / width);
        let middle = at(x, y);
        let (right, below) = ((x + 1).min(width - 1), (y + 1).min(height - 1));
        let around =
            at(x.saturating_sub(1), y) + at(right, y) + at(x, y.saturating_sub(1)) + at(x, below);
        let detail = (4.0 * middle - around).abs();
        energy.push(
            DETAIL * detail
                + SKIN * skin(*colour, middle)
                + SATURATION * saturation(*colour, middle),
        );
    }
    energy
}

/// A pixel as RGB, 0 to 1; what is transparent is nothing to look at.
fn seen(layout: Layout, pixel: &[u8]) -> [f32; 3] {
    let unit = |value: u8| f32::from(value) / 255.0;
    match (layout, pixel) {
        (Layout::Grey, &[grey]) => [unit(grey); 3],
        (Layout::GreyAlpha, &[grey, alpha]) => [unit(grey) * unit(alpha); 3],
        (Layout::Rgb, &[r, g, b]) => [r, g, b].map(unit),
        (Layout::Rgba, &[r, g, b, alpha]) => [r, g, b].map(|c| unit(c) * unit(alpha)),
        (Layout::Cmyk, &[c, m, y, k]) => [c, m, y].map(|ink| unit(ink) * unit(k)),
        _ => [0.0; 3],
    }
}

/// Nearness of the direction of a colour to that of skin, which is much the same for light and dark skin.
fn skin(colour: [f32; 3], luma: f32) -> f32 {
    const DIRECTION: [f32; 3] = [0.78, 0.57, 0.44];
    const THRESHOLD: f32 = 0.8;
    let length = colour.iter().map(|c| c * c).sum::<f32>().sqrt();
    if !(0.2..=0.95).contains(&luma) || length == 0.0 {
        return 0.0;
    }
    let apart: f32 = colour
        .iter()
        .zip(DIRECTION)
        .map(|(c, skin)| (c / length - skin).powi(2))
        .sum();
    let near = 1.0 - apart.sqrt();
    // Greys are within reach of the direction; skin is not grey.
    let coloured = saturation_of(colour) > 0.15;
    if near > THRESHOLD && coloured {
        (near - THRESHOLD) / (1.0 - THRESHOLD)
    } else {
        0.0
    }
}

fn saturation(colour: [f32; 3], luma: f32) -> f32 {
    const THRESHOLD: f32 = 0.4;
    let value = saturation_of(colour);
    if (0.05..=0.9).contains(&luma) && value > THRESHOLD {
        (value - THRESHOLD) / (1.0 - THRESHOLD)
    } else {
        0.0
    }
}

fn saturation_of([r, g, b]: [f32; 3]) -> f32 {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    if high == low {
        return 0.0;
    }
    let lightness = f32::midpoint(high, low);
    if lightness > 0.5 {
        (high - low) / (2.0 - high - low)
    } else {
        (high - low) / (high + low)
    }
}

/// A table of sums, so that each window costs four look-ups.
struct Sums {
    table: Vec<f32>,
    width: usize,
}

impl Sums {
    fn new(energy: &[f32], width: usize, height: usize) -> Self {
        let mut table = vec![0.0; (width + 1) * (height + 1)];
        for (y, row) in energy.chunks_exact(width.max(1)).enumerate() {
            let mut sum = 0.0;
            for (x, value) in row.iter().enumerate() {
                sum += value;
                let above = table
                    .get(y * (width + 1) + x + 1)
                    .copied()
                    .unwrap_or_default();
                if let Some(slot) = table.get_mut((y + 1) * (width + 1) + x + 1) {
                    *slot = above + sum;
                }
            }
        }
        Self { table, width }
    }

    fn of(&self, x: usize, y: usize, width: usize, height: usize) -> f32 {
        let at = |x: usize, y: usize| {
            let index = y * (self.width + 1) + x;
            self.table.get(index).copied().unwrap_or_default()
        };
        at(x + width, y + height) + at(x, y) - at(x + width, y) - at(x, y + height)
    }

    fn total(&self) -> f32 {
        self.table.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey plain with a square of something at a place.
    fn scene(at: (usize, usize), paint: impl Fn(usize, usize) -> [u8; 3]) -> Pixels {
        let mut picture = Pixels::filled(90, 60, Layout::Rgb, &[120, 120, 120]).unwrap();
        for y in at.1..at.1 + 16 {
            for x in at.0..at.0 + 16 {
                let start = (y * 90 + x) * 3;
                picture.bytes_mut()[start..start + 3].copy_from_slice(&paint(x, y));
            }
        }
        picture
    }

    fn checks(x: usize, y: usize) -> [u8; 3] {
        [if (x + y) % 2 == 0 { 255 } else { 0 }; 3]
    }

    #[test]
    fn detail_colour_and_skin_are_found() {
        let square = (1.0 / 3.0 * 2.0, 1.0); // 60 of 90
        for paint in [
            checks as fn(usize, usize) -> [u8; 3],
            |_, _| [230, 30, 40],
            |_, _| [200, 150, 120],
        ] {
            let left = focus(&scene((2, 20), paint), square);
            let right = focus(&scene((72, 20), paint), square);
            assert!(left.0 < 0.45, "{left:?}");
            assert!(right.0 > 0.55, "{right:?}");
            assert!((left.1 - 0.5).abs() < 0.01);
        }
    }

    #[test]
    fn skin_weighs_more_than_detail() {
        let mut both = scene((2, 20), checks);
        let face = scene((72, 20), |_, _| [200, 150, 120]);
        for (to, from) in both.bytes_mut().iter_mut().zip(face.bytes()) {
            if *from != 120 {
                *to = *from;
            }
        }
        assert!(focus(&both, (0.5, 1.0)).0 > 0.6);
    }

    #[test]
    fn where_nothing_stands_out_the_middle_stays() {
        let plain = Pixels::filled(90, 60, Layout::Rgb, &[120, 120, 120]).unwrap();
        assert_eq!(focus(&plain, (0.5, 1.0)), (0.5, 0.5));
        let speck = Pixels::filled(1, 1, Layout::Grey, &[1]).unwrap();
        assert_eq!(focus(&speck, (0.2, 0.3)), (0.5, 0.5));
    }
}
