//! The seven passes of an interlaced PNG (§8.1).

use crate::geometry::Size;
use crate::pixels::Pixels;

/// A pass: every pixel that it has is the corner of a block, which shows it until later passes fill the block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    left: u32,
    top: u32,
    across: u32,
    down: u32,
    block: (u32, u32),
}

impl Pass {
    const fn new(left: u32, top: u32, across: u32, down: u32, block: (u32, u32)) -> Self {
        Self {
            left,
            top,
            across,
            down,
            block,
        }
    }

    /// How many columns and rows of it a picture has; none, if either is 0.
    pub(super) const fn size(&self, size: Size) -> Size {
        Size {
            width: size.width.saturating_sub(self.left).div_ceil(self.across),
            height: size.height.saturating_sub(self.top).div_ceil(self.down),
        }
    }

    /// Puts a row of the pass to its place.
    pub(super) fn scatter(&self, pixels: &mut Pixels, row: u32, from: &[u8]) {
        let channels = pixels.layout().channels();
        let stride = pixels.stride();
        let y = (self.top + row * self.down) as usize;
        let Some(target) = pixels.bytes_mut().get_mut(y * stride..(y + 1) * stride) else {
            return;
        };
        let targets = target
            .chunks_exact_mut(channels)
            .skip(self.left as usize)
            .step_by(self.across as usize);
        for (to, from) in targets.zip(from.chunks_exact(channels)) {
            to.copy_from_slice(from);
        }
    }

    /// The pixel whose block holds this one.
    fn origin(&self, x: u32, y: u32) -> Option<(u32, u32)> {
        let (x, y) = (x.checked_sub(self.left)?, y.checked_sub(self.top)?);
        let inside = x % self.across < self.block.0 && y % self.down < self.block.1;
        inside.then(|| {
            (
                self.left + x - x % self.across,
                self.top + y - y % self.down,
            )
        })
    }
}

pub(super) const PASSES: [Pass; 7] = [
    Pass::new(0, 0, 8, 8, (8, 8)),
    Pass::new(4, 0, 8, 8, (4, 8)),
    Pass::new(0, 4, 4, 8, (4, 4)),
    Pass::new(2, 0, 4, 4, (2, 4)),
    Pass::new(0, 2, 2, 4, (2, 2)),
    Pass::new(1, 0, 2, 2, (1, 2)),
    Pass::new(0, 1, 1, 2, (1, 1)),
];

/// Fills what later passes would have filled, where the data end within one of them after some of its rows: each pixel
/// shows that of the smallest block that holds it, as libpng and browsers show a picture while it comes. What no block
/// holds becomes `missing`.
pub(super) fn fill_blocks(pixels: &mut Pixels, pass: usize, rows: u32, missing: u8) {
    let channels = pixels.layout().channels();
    let (width, height, stride) = (pixels.width(), pixels.height(), pixels.stride());
    let known = |y: u32, at: usize, of: &Pass| at < pass || y < of.top + rows * of.down;
    for y in 0..height {
        for x in 0..width {
            let origin = PASSES
                .iter()
                .enumerate()
                .take(pass + 1)
                .rev()
                .find_map(|(at, of)| of.origin(x, y).filter(|&(_, y)| known(y, at, of)));
            let to = y as usize * stride + x as usize * channels;
            match origin {
                Some((left, top)) if (left, top) == (x, y) => {}
                Some((left, top)) => {
                    let from = top as usize * stride + left as usize * channels;
                    pixels.bytes_mut().copy_within(from..from + channels, to);
                }
                None => {
                    if let Some(pixel) = pixels.bytes_mut().get_mut(to..to + channels) {
                        pixel.fill(missing);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_in_one_pass() {
        for (width, height) in [(1, 1), (3, 2), (5, 9), (8, 8), (17, 13)] {
            let size = Size { width, height };
            let pixels: u32 = PASSES
                .iter()
                .map(|pass| pass.size(size))
                .map(|size| size.width * size.height)
                .sum();
            assert_eq!(pixels, width * height);
        }
    }
}
