//! Sharpening as libgd does it, so that nginx's `image_filter_sharpen` and this mean the same number.

use crate::error::Error;
use crate::pixels::Pixels;

/// Sharpens by `percent`, 0 to 100 (`gdImageSharpen`).
///
/// libgd convolves first down, then across, with [-p, 1 + 2p, -p] normalised to 1, where p = percent / 100 / 4 and the
/// pixel itself stands for what lies beyond an edge. It truncates after each, which darkens; we round. Alpha is left alone.
pub(crate) fn sharpen(mut pixels: Pixels, percent: u8) -> Result<Pixels, Error> {
    if percent == 0 {
        return Ok(pixels);
    }
    let (outer, inner) = weights(percent);
    let channels = pixels.layout().channels();
    let coloured = channels - usize::from(pixels.layout().has_alpha());
    let stride = pixels.stride();
    let height = pixels.height() as usize;
    // A row's neighbours are wanted as they were.
    let mut above = pixels.bytes().get(..stride).unwrap_or_default().to_vec();
    let mut down = vec![0; stride];
    let mut across = vec![0; stride];
    for y in 0..height {
        let bytes = pixels.bytes();
        let row = bytes.get(y * stride..(y + 1) * stride).unwrap_or_default();
        let below = bytes.get((y + 1) * stride..(y + 2) * stride).unwrap_or(row);
        for ((target, middle), (above, below)) in
            down.iter_mut().zip(row).zip(above.iter().zip(below))
        {
            *target = mix(outer, inner, *above, *middle, *below);
        }
        let last = stride - channels;
        for (at, target) in across.iter_mut().enumerate() {
            let middle = down.get(at).copied().unwrap_or_default();
            *target = if at % channels >= coloured {
                row.get(at).copied().unwrap_or_default()
            } else {
                let left = at.checked_sub(channels).and_then(|at| down.get(at));
                let right = (at < last).then(|| down.get(at + channels)).flatten();
                mix(
                    outer,
                    inner,
                    left.copied().unwrap_or(middle),
                    middle,
                    right.copied().unwrap_or(middle),
                )
            };
        }
        above.copy_from_slice(row);
        if let Some(row) = pixels.bytes_mut().get_mut(y * stride..(y + 1) * stride) {
            row.copy_from_slice(&across);
        }
    }
    Ok(pixels)
}

fn weights(percent: u8) -> (f32, f32) {
    let outer = -f32::from(percent.min(100)) / 400.0;
    (outer, 1.0 - 2.0 * outer)
}

fn mix(outer: f32, inner: f32, before: u8, middle: u8, after: u8) -> u8 {
    let sum = outer * (f32::from(before) + f32::from(after)) + inner * f32::from(middle);
    sum.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Layout;

    #[test]
    fn an_edge_becomes_steeper_and_a_plain_stays() {
        let row = [100, 100, 100, 160, 160, 160];
        let picture = Pixels::new(6, 2, Layout::Grey, row.repeat(2)).unwrap();
        // p = 1/4: 100 - 60/4 before the edge, 160 + 60/4 after it.
        let sharp = sharpen(picture.clone(), 100).unwrap();
        assert_eq!(sharp.bytes()[..6], [100, 100, 85, 175, 160, 160]);
        assert_eq!(sharpen(picture.clone(), 0).unwrap(), picture);
    }

    #[test]
    fn it_works_down_as_across_and_leaves_alpha() {
        let bytes = [[100, 7], [100, 8], [160, 9], [160, 10]].concat();
        let picture = Pixels::new(1, 4, Layout::GreyAlpha, bytes).unwrap();
        let sharp = sharpen(picture, 100).unwrap();
        assert_eq!(sharp.bytes(), [100, 7, 85, 8, 175, 9, 160, 10]);
    }
}
