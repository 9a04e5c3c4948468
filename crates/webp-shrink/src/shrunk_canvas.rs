//! The picture at a smaller size, growing macroblock by macroblock.

use crate::{colour, picture::Scale, tile::Tile};

#[derive(Debug)]
pub(crate) struct ShrunkCanvas {
    width: usize,
    /// Of the whole picture.
    whole: (usize, usize),
    /// Pixels that a macroblock becomes, along a side: 8, 4 or 2, in luma and in chroma.
    side: usize,
    rgb: Vec<u8>,
    /// Lines of one row of macroblocks: Y, U and V.
    planes: [Vec<u8>; 3],
}

impl ShrunkCanvas {
    pub(crate) fn new(width: usize, height: usize, scale: Scale) -> Self {
        let denominator = scale.denominator() as usize;
        let side = 16 / denominator;
        let (small_width, small_height) =
            (width.div_ceil(denominator), height.div_ceil(denominator));
        let plane = || vec![0; width.div_ceil(16) * side * side];
        Self {
            width: small_width,
            whole: (width, height),
            side,
            rgb: vec![0; small_width * small_height * 3],
            planes: [plane(), plane(), plane()],
        }
    }

    /// Takes a macroblock.
    pub(crate) fn put(&mut self, tile: &Tile, (column, row): (usize, usize)) {
        let (width, height) = self.whole;
        let (width, height) = (width - column * 16, height - row * 16);
        if width >= 16 && height >= 16 {
            self.put_whole(tile, column);
        } else {
            let mut tile = *tile;
            tile.extend(width, height, 16 / self.side);
            self.put_whole(&tile, column);
        }
    }

    fn put_whole(&mut self, tile: &Tile, column: usize) {
        match self.side {
            8 => self.put_sized::<8>(tile, column),
            4 => self.put_sized::<4>(tile, column),
            _ => self.put_sized::<2>(tile, column),
        }
    }

    fn put_sized<const SIDE: usize>(&mut self, tile: &Tile, column: usize) {
        let luma = averaged::<16, SIDE>(&tile.luma);
        let [u, v] = tile.planes();
        let (u, v) = (averaged::<8, SIDE>(&u), averaged::<8, SIDE>(&v));
        for (plane, rows) in self.planes.iter_mut().zip([luma, u, v]) {
            let length = plane.len() / SIDE;
            let lines = plane.chunks_exact_mut(length);
            for (line, row) in lines.zip(rows) {
                if let Some(to) = line.as_chunks_mut::<SIDE>().0.get_mut(column) {
                    *to = row;
                }
            }
        }
    }

    /// Makes the pixels of a row of macroblocks.
    pub(crate) fn paint(&mut self, row: usize) {
        let bytes = self.width * 3;
        let length = self.planes[0].len() / self.side;
        let [y, u, v] = self
            .planes
            .each_ref()
            .map(|plane| plane.chunks_exact(length));
        let pixels = self.rgb.chunks_exact_mut(bytes).skip(row * self.side);
        for (((y, u), v), rgb) in y.zip(u).zip(v).zip(pixels) {
            colour::line(y, u, v, rgb);
        }
    }

    pub(crate) fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }
}

/// A square of `FROM` pixels along a side, at `TO`.
#[inline(always)]
fn averaged<const FROM: usize, const TO: usize>(square: &[[u8; FROM]; FROM]) -> [[u8; TO]; TO] {
    let factor = FROM / TO;
    let mut small = [[0; TO]; TO];
    for (small, rows) in small.iter_mut().zip(square.chunks_exact(factor)) {
        let mut columns = [0_u16; FROM];
        for row in rows {
            for (column, &pixel) in columns.iter_mut().zip(row) {
                *column += u16::from(pixel);
            }
        }
        for (small, columns) in small.iter_mut().zip(columns.chunks_exact(factor)) {
            let pixels = (factor * factor) as u16;
            *small = ((columns.iter().sum::<u16>() + pixels / 2) / pixels) as u8;
        }
    }
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_averaged() {
        let square = std::array::from_fn(|y| std::array::from_fn(|x| (y * 16 + x) as u8));
        assert_eq!(averaged::<16, 2>(&square)[0], [60, 68]);
        assert_eq!(averaged::<16, 8>(&square)[0][..2], [9, 11]);
        assert_eq!(averaged::<8, 8>(&[[7; 8]; 8]), [[7; 8]; 8]);
    }
}
