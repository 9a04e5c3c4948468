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

    /// Repeats the last pixels within the picture, of which this many are left from the tile on, up to the tile's end:
    /// an average shall not have part in what was only coded to fill the macroblock.
    pub(crate) fn extend(&mut self, width: usize, height: usize) {
        if width < 16 {
            let last = width.saturating_sub(1) & 15;
            for row in &mut self.luma {
                let pixel = row[last];
                row[last..].fill(pixel);
            }
            let last = last / 2;
            for row in &mut self.chroma {
                for plane in row.as_chunks_mut::<8>().0 {
                    let pixel = plane[last];
                    plane[last..].fill(pixel);
                }
            }
        }
        if height < 16 {
            let last = height.saturating_sub(1) & 15;
            let row = self.luma[last];
            self.luma[last..].fill(row);
            let row = self.chroma[last / 2];
            self.chroma[last / 2..].fill(row);
        }
    }
}
