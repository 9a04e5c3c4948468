//! Palettes with alpha for images that have more than 256 colours: boxes of colours, halved where they differ most, and
//! refined by k-means. Colours count as much as they are opaque.

use super::palette::Indexed;
use crate::pixels::{Layout, Pixels};
use std::collections::HashMap;

/// The mean squared error a channel, of 255, beyond which an image is not given a palette. Photographs of 256 colours
/// are within it.
const MAX_ERROR: f64 = 40.0;

/// More colours than this are rounded to fewer bits before they are sorted, which bounds the time.
const MAX_COLOURS: usize = 1 << 14;

/// The squared distance up to which a pixel takes the colour above or before it, which deflates better. Those whose
/// own colour is in the palette keep it.
const ALIKE: f32 = 64.0;

/// The squared distance within which a colour is the same.
const EXACT: f32 = 0.5;

/// Steps of k-means.
const STEPS: usize = 3;

/// Premultiplied red, green and blue, and alpha.
type Point = [f32; 4];

/// A colour with the pixels that have it.
#[derive(Clone, Copy)]
struct Entry {
    point: Point,
    count: f32,
}

/// The error up to which the colours of the original are used again.
const SMALL_ERROR: f64 = 8.0;

/// A palette of at most `colours` that suits an image with alpha, `known` where that does; `None` where the error would
/// be seen.
pub(super) fn quantised(
    pixels: &Pixels,
    colours: u16,
    known: Option<&[[u8; 4]]>,
) -> Option<Indexed> {
    let rgba = match pixels.layout() {
        Layout::GreyAlpha | Layout::Rgba => pixels.clone().into_rgba(),
        Layout::Grey | Layout::Rgb | Layout::Cmyk => return None,
    };
    let (bytes, _) = rgba.bytes().as_chunks::<4>();
    let (bits, entries) = histogram(bytes);
    let colours = usize::from(colours.clamp(2, 256));
    if let Some(known) = known.filter(|known| known.len() <= colours) {
        let (indexed, error) = mapped(&rgba, bits, known.to_vec());
        if error <= SMALL_ERROR {
            return Some(indexed);
        }
    }
    let mut means = cut(entries.clone(), colours);
    for _ in 0..STEPS {
        means = refined(&entries, &means);
    }
    let palette = means.iter().map(|&mean| colour(mean)).collect();
    let (indexed, error) = mapped(&rgba, bits, palette);
    (error <= MAX_ERROR).then_some(indexed)
}

/// Each pixel by the colour nearest to it, and the mean squared error a channel.
fn mapped(image: &Pixels, bits: u8, mut palette: Vec<[u8; 4]>) -> (Indexed, f64) {
    let (pixels, width) = (image.bytes().as_chunks::<4>().0, image.width() as usize);
    // Translucent colours first, so that `tRNS` is short.
    palette.sort_by_key(|&[r, g, b, alpha]| (alpha == 255, r, g, b, alpha));
    palette.dedup();
    let points: Vec<Point> = palette.iter().map(|&colour| point(colour)).collect();
    let mut found: HashMap<u32, u8> = HashMap::new();
    let mut indices: Vec<u8> = Vec::with_capacity(pixels.len());
    let mut error = 0.0;
    for (at, &pixel) in pixels.iter().enumerate() {
        let wanted = point(pixel);
        let away = |index: u8| {
            let chosen = points.get(usize::from(index)).copied();
            distance(wanted, chosen.unwrap_or_default())
        };
        let best = *found
            .entry(key(pixel, bits))
            .or_insert_with(|| nearest(&points, wanted) as u8);
        let neighbour = |back: usize| {
            let index = indices.get(at.checked_sub(back)?).copied()?;
            (away(index) <= ALIKE).then_some(index)
        };
        let index = if away(best) < EXACT {
            best
        } else {
            neighbour(width).or_else(|| neighbour(1)).unwrap_or(best)
        };
        error += f64::from(away(index));
        indices.push(index);
    }
    let error = error / (pixels.len() as f64 * 4.0);
    (Indexed { palette, indices }, error)
}

/// The colours of an image, of as many bits a channel as leave few enough.
fn histogram(pixels: &[[u8; 4]]) -> (u8, Vec<Entry>) {
    let mut bits = 8;
    loop {
        let mut sums: HashMap<u32, ([f64; 4], u32)> = HashMap::new();
        let fits = pixels.iter().all(|&pixel| {
            let (sum, count) = sums.entry(key(pixel, bits)).or_default();
            for (sum, value) in sum.iter_mut().zip(point(pixel)) {
                *sum += f64::from(value);
            }
            *count += 1;
            sums.len() <= MAX_COLOURS || bits <= 4
        });
        if fits {
            let mut keyed: Vec<_> = sums.into_iter().collect();
            // The same image has the same palette.
            keyed.sort_by_key(|(key, _)| *key);
            let entries = keyed.into_iter().map(|(_, (sum, count))| Entry {
                point: sum.map(|sum| (sum / f64::from(count)) as f32),
                count: count as f32,
            });
            return (bits, entries.collect());
        }
        bits -= 1;
    }
}

/// What is not seen has no colour of its own.
fn key(pixel: [u8; 4], bits: u8) -> u32 {
    let seen = if pixel[3] == 0 { [0; 4] } else { pixel };
    u32::from_be_bytes(seen.map(|value| value >> (8 - bits)))
}

fn point([r, g, b, alpha]: [u8; 4]) -> Point {
    let part = f32::from(alpha) / 255.0;
    [
        f32::from(r) * part,
        f32::from(g) * part,
        f32::from(b) * part,
        f32::from(alpha),
    ]
}

fn colour([r, g, b, alpha]: Point) -> [u8; 4] {
    let alpha = alpha.round();
    if alpha < 1.0 {
        return [0; 4];
    }
    let whole = |value: f32| (value * 255.0 / alpha).round().clamp(0.0, 255.0) as u8;
    [whole(r), whole(g), whole(b), alpha.min(255.0) as u8]
}

fn distance(a: Point, b: Point) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn nearest(points: &[Point], wanted: Point) -> usize {
    let mut best = (f32::INFINITY, 0);
    for (index, &point) in points.iter().enumerate() {
        let distance = distance(point, wanted);
        if distance < best.0 {
            best = (distance, index);
        }
    }
    best.1
}

/// The mean of some colours, and their summed squared distance from it along each axis.
fn moments(entries: &[Entry]) -> (Point, [f32; 4]) {
    let count: f32 = entries.iter().map(|entry| entry.count).sum();
    let mean = std::array::from_fn(|axis| {
        let sum: f32 = entries.iter().map(|e| e.point[axis] * e.count).sum();
        sum / count.max(1.0)
    });
    let spread = std::array::from_fn(|axis| {
        let off = |entry: &Entry| entry.point[axis] - mean[axis];
        entries.iter().map(|e| off(e) * off(e) * e.count).sum()
    });
    (mean, spread)
}

/// The means of boxes, of which the one that differs most is cut at its mean until there are enough.
fn cut(entries: Vec<Entry>, colours: usize) -> Vec<Point> {
    let mut boxes = vec![(moments(&entries), entries)];
    while boxes.len() < colours {
        let widest = |spread: &[f32; 4]| spread.iter().copied().fold(0.0, f32::max);
        let most = boxes
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| widest(&a.0.1).total_cmp(&widest(&b.0.1)));
        let Some((index, ((mean, spread), _))) = most else {
            break;
        };
        let (mean, axis) = (
            *mean,
            (0..4).max_by(|&a, &b| spread[a].total_cmp(&spread[b])),
        );
        let Some(axis) = axis.filter(|&axis| spread[axis] > 0.0) else {
            break;
        };
        let (_, whole) = boxes.swap_remove(index);
        let (low, high): (Vec<Entry>, Vec<Entry>) = whole
            .into_iter()
            .partition(|entry| entry.point[axis] <= mean[axis]);
        if low.is_empty() || high.is_empty() {
            // Rounding: it cannot be cut, and counts as one colour.
            let rest = if low.is_empty() { high } else { low };
            boxes.push(((mean, [0.0; 4]), rest));
            continue;
        }
        boxes.push((moments(&low), low));
        boxes.push((moments(&high), high));
    }
    boxes.into_iter().map(|((mean, _), _)| mean).collect()
}

/// A step of k-means.
fn refined(entries: &[Entry], means: &[Point]) -> Vec<Point> {
    let mut sums = vec![([0.0f32; 4], 0.0f32); means.len()];
    for entry in entries {
        if let Some((sum, count)) = sums.get_mut(nearest(means, entry.point)) {
            for (sum, value) in sum.iter_mut().zip(entry.point) {
                *sum += value * entry.count;
            }
            *count += entry.count;
        }
    }
    let new = |((sum, count), &old): (([f32; 4], f32), &Point)| {
        if count > 0.0 {
            sum.map(|sum| sum / count)
        } else {
            old
        }
    };
    sums.into_iter().zip(means).map(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_edges_keep_their_alpha() {
        let bytes: Vec<u8> = (0..64u8)
            .flat_map(|y| (0..64u8).flat_map(move |x| [200, y, 30, x * 4]))
            .collect();
        let image = Pixels::new(64, 64, Layout::Rgba, bytes).unwrap();
        let made = quantised(&image, 256, None).unwrap();
        assert!(made.palette.len() <= 256);
        assert_eq!(quantised(&image, 256, None).unwrap(), made);
        for (&pixel, &index) in image.bytes().as_chunks::<4>().0.iter().zip(&made.indices) {
            let chosen = made.palette[usize::from(index)];
            assert!(
                distance(point(pixel), point(chosen)) < 400.0,
                "{pixel:?} {chosen:?}"
            );
        }
    }

    #[test]
    fn an_image_that_would_be_seen_to_suffer_has_no_palette() {
        let bytes: Vec<u8> = (0..64 * 64u32)
            .flat_map(|n| (n.wrapping_mul(0x9e37_79b1) ^ n << 7).to_be_bytes())
            .collect();
        let image = Pixels::new(64, 64, Layout::Rgba, bytes).unwrap();
        assert!(quantised(&image, 4, None).is_none());
    }
}
