//! The pixels of a reconstructed macroblock.

/// A macroblock, in rows that are each a vector of the loop filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile {
    pub luma: [[u8; 16]; 16],
    /// Eight of U, and eight of V, in each row.
    pub chroma: [[u8; 16]; 8],
}

impl Tile {
    pub(crate) const EMPTY: Self = Self {
        luma: [[0; 16]; 16],
        chroma: [[0; 16]; 8],
    };

    /// The rows of U and of V.
    pub(crate) fn planes(&self) -> [[[u8; 8]; 8]; 2] {
        [0, 8].map(|start| {
            let mut plane = [[0; 8]; 8];
            for (to, from) in plane.iter_mut().zip(&self.chroma) {
                to.copy_from_slice(&from[start..start + 8]);
            }
            plane
        })
    }

    /// Fills what is beyond the picture, of which this many pixels are left from the tile on, so that the averages of
    /// squares of `factor` are those of what is within: what was only coded to fill the macroblock has no part in them.
    pub(crate) fn extend(&mut self, width: usize, height: usize, factor: usize) {
        let [u, v] = self.planes();
        let mut planes = [u, v];
        extend(&mut self.luma, width, height, factor);
        for plane in &mut planes {
            extend(plane, width.div_ceil(2), height.div_ceil(2), factor / 2);
        }
        let [u, v] = planes;
        for (row, (u, v)) in self.chroma.iter_mut().zip(u.iter().zip(&v)) {
            row[..8].copy_from_slice(u);
            row[8..].copy_from_slice(v);
        }
    }
}

fn extend<const SIDE: usize>(
    plane: &mut [[u8; SIDE]; SIDE],
    width: usize,
    height: usize,
    factor: usize,
) {
    let (width, height) = (width.min(SIDE), height.min(SIDE));
    for row in plane.iter_mut() {
        let (inside, outside) = row.split_at_mut(width);
        outside.fill(average(inside.iter().copied(), width, factor));
    }
    let (inside, outside) = plane.split_at_mut(height);
    for row in outside {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = average(inside.iter().map(|row| row[x]), height, factor);
        }
    }
}

/// Of the pixels that are in the last square, which may not be whole.
fn average(pixels: impl Iterator<Item = u8>, count: usize, factor: usize) -> u8 {
    let before = count.saturating_sub(1) / factor * factor;
    let sum: usize = pixels.skip(before).map(usize::from).sum();
    let pixels = (count - before).max(1);
    ((sum + pixels / 2) / pixels) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_is_the_average_of_its_square() {
        let mut plane = [[9; 8]; 8];
        for row in &mut plane[..5] {
            row[..6].copy_from_slice(&[1, 2, 3, 4, 10, 20]);
        }
        extend(&mut plane, 6, 5, 4);
        assert_eq!(plane[..7], [[1, 2, 3, 4, 10, 20, 15, 15]; 7]);
    }
}
