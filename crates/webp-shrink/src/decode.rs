//! The way of a decode: header, then macroblock after macroblock.

use crate::bool_decoder::BoolDecoder;
use crate::{
    Error, Limits, Picture, Scale,
    canvas::Canvas,
    filter_tiles::{self, Filter},
    frame_header::{FrameHeader, Tag},
    loop_filter,
    modes::{Luma, MacroblockHeader, ModeContext},
    partitions::{self, Partitions},
    residual::{Beside, Residual},
    shrunk_canvas::ShrunkCanvas,
    tile::Tile,
    tokens::{self, Positions},
    workspace::Workspace,
};

/// Decodes a frame at a fraction of its size.
///
/// At full size the pixels are those of libwebp, to the bit, for what its encoder writes. At a smaller size each is the average of those that it
/// stands for, as they are before the loop filter where that is a weak one.
///
/// A frame that ends early is no error, see [`Picture::truncated`]: what arrived is shown, and what is missing is taken
/// to be zeros.
pub fn decode(frame: &[u8], scale: Scale, limits: &Limits) -> Result<Picture, Error> {
    let tag = Tag::read(frame, limits)?;
    let mut macroblocks = Macroblocks::new(&tag);
    let (width, height) = (tag.header.width as usize, tag.header.height as usize);
    let rgb = match scale {
        Scale::Full => whole(&mut macroblocks, width, height),
        _ => shrunk(&mut macroblocks, width, height, scale),
    };
    Ok(Picture {
        width: scale.shrink(tag.header.width),
        height: scale.shrink(tag.header.height),
        rgb,
        truncated: macroblocks.ended(),
    })
}

/// The bytes that [`decode`] of a frame of this size holds at most, beside the frame itself and less than 20 kB of tables:
/// three for each pixel of the picture, and for each column what a row or two of macroblocks need.
pub fn memory(width: u32, height: u32, scale: Scale) -> u64 {
    let columns = u64::from(width.div_ceil(16));
    let pixels = u64::from(scale.shrink(width)) * u64::from(scale.shrink(height));
    // Tiles of two rows, if they are filtered; lines for their pixels; edges, modes and contexts of those above.
    let lines = match scale {
        Scale::Full => 16 * 6 + 8 * 6,
        _ => 3 * 64,
    };
    pixels * 3 + columns * (2 * size_of::<Tile>() as u64 + lines + 64)
}

fn whole(macroblocks: &mut Macroblocks<'_>, width: usize, height: usize) -> Vec<u8> {
    let mut canvas = Canvas::new(width, height);
    filtered_rows(macroblocks, height.div_ceil(16), |above, tiles, row| {
        canvas.paint(above, tiles, row);
    });
    canvas.into_rgb()
}

/// The level from which the loop filter is run for smaller pictures too, since what it smooths there would still be
/// seen: libwebp's encoder goes beyond it somewhere below quality 50. Without the filter the half of a photograph is 43
/// to 44 dB from the average of the filtered whole at quality 75, 41 to 42 at 50, 38 at 20; with it, above 50. It takes
/// a tenth of the time.
const FILTERED: u8 = 20;

fn shrunk(macroblocks: &mut Macroblocks<'_>, width: usize, height: usize, scale: Scale) -> Vec<u8> {
    let mut canvas = ShrunkCanvas::new(width, height, scale);
    let levels = macroblocks.header.filter.levels.as_flattened();
    if levels.iter().any(|&level| level >= FILTERED) {
        let mut paint = |tiles: &[Tile], row| {
            for (column, tile) in tiles.iter().enumerate() {
                canvas.put(tile, (column, row));
            }
            canvas.paint(row);
        };
        let rows = height.div_ceil(16);
        filtered_rows(macroblocks, rows, |above, tiles, row| {
            if row > 0 {
                paint(above, row - 1);
            }
            if row + 1 == rows {
                paint(tiles, row);
            }
        });
    } else {
        let mut tile = Tile::EMPTY;
        for row in 0..height.div_ceil(16) {
            macroblocks.start_row();
            for column in 0..macroblocks.columns {
                macroblocks.next(column, row);
                macroblocks.workspace.store(&mut tile);
                canvas.put(&tile, (column, row));
            }
            canvas.paint(row);
        }
    }
    canvas.into_rgb()
}

/// Decodes and filters row after row. The last lines of the newest row are not yet what they will be.
fn filtered_rows(
    macroblocks: &mut Macroblocks<'_>,
    rows: usize,
    mut done: impl FnMut(&[Tile], &[Tile], usize),
) {
    let mut above = vec![Tile::EMPTY; macroblocks.columns];
    let mut tiles = above.clone();
    for row in 0..rows {
        macroblocks.start_row();
        for column in 0..macroblocks.columns {
            let filter = macroblocks.next(column, row);
            let Some((left, [tile, ..])) = tiles.split_at_mut_checked(column) else {
                continue;
            };
            macroblocks.workspace.store(tile);
            if let Some(filter) = filter {
                let above = above.get_mut(column).filter(|_| row > 0);
                filter_tiles::filter(tile, left.last_mut(), above, filter);
            }
        }
        done(&above, &tiles, row);
        std::mem::swap(&mut above, &mut tiles);
    }
}

/// The macroblocks of a frame, decoded one after the other.
#[derive(Debug)]
struct Macroblocks<'a> {
    columns: usize,
    header: FrameHeader,
    first: BoolDecoder<'a>,
    partitions: Partitions<'a>,
    cut: bool,
    modes: ModeContext,
    tables: Box<[Positions; 4]>,
    above: Vec<Beside>,
    left: Beside,
    residual: Box<Residual>,
    workspace: Workspace,
    /// For each segment, of macroblocks as a whole and by subblocks; none where they are not filtered.
    filters: [[Option<loop_filter::Limits>; 2]; 4],
}

impl<'a> Macroblocks<'a> {
    fn new(tag: &Tag<'a>) -> Self {
        let columns = tag.header.width.div_ceil(16) as usize;
        let (mut first, rest) = partitions::first(tag);
        let header = FrameHeader::read(&mut first);
        let filters = header.filter.levels.map(|levels| {
            levels.map(|level| {
                (level > 0).then(|| loop_filter::Limits::new(level, header.filter.sharpness))
            })
        });
        Self {
            columns,
            partitions: Partitions::new(rest, header.partitions),
            cut: tag.first_partition > tag.data.len(),
            modes: ModeContext::new(columns),
            tables: tokens::positions(&header.token_probs),
            above: vec![Beside::default(); columns],
            left: Beside::default(),
            residual: Residual::new(),
            workspace: Workspace::new(columns),
            filters,
            header,
            first,
        }
    }

    fn start_row(&mut self) {
        self.modes.start_row();
        self.left = Beside::default();
    }

    /// Reconstructs the macroblock in the workspace, and says how it is to be filtered.
    #[inline]
    fn next(&mut self, column: usize, row: usize) -> Option<Filter> {
        let macroblock = self.modes.read(&mut self.first, &self.header, column);
        let coded = self.read_residual(&macroblock, column, row);
        self.workspace
            .reconstruct((column, row), &macroblock, &mut self.residual, coded);
        let by_subblocks = matches!(macroblock.luma, Luma::Subblocks(_));
        let limits = self.filters[macroblock.segment & 3][usize::from(by_subblocks)];
        limits.map(|limits| Filter {
            simple: self.header.filter.simple,
            limits,
            inside: coded || by_subblocks,
        })
    }

    fn read_residual(&mut self, macroblock: &MacroblockHeader, column: usize, row: usize) -> bool {
        let (Some(decoder), Some(above)) =
            (self.partitions.of_row(row), self.above.get_mut(column))
        else {
            return false;
        };
        let whole = matches!(macroblock.luma, Luma::Whole(_));
        if macroblock.skip {
            above.skip(whole);
            self.left.skip(whole);
            return false;
        }
        let quantizer = &self.header.quantizers[macroblock.segment & 3];
        self.residual.read(
            decoder,
            &self.tables,
            quantizer,
            whole,
            above,
            &mut self.left,
        )
    }

    /// Whether anything is missing that was read or declared.
    fn ended(&self) -> bool {
        self.cut || self.first.ended() || self.partitions.ended()
    }
}
