//! GIF: frames are drawn over each other as their disposal says, so that each is a whole picture. What is damaged or cut
//! short is shown as browsers show it.

use super::canvas::Canvas;
use super::lzw::{self, Ended};
use super::{Decoded, Frames};
use crate::container::gif::{Block, End, Gif, Image};
use crate::error::Error;
use crate::geometry::Area;
use crate::pixels::Pixels;
use crate::probe::Header;
use crate::shrink::Shrink;
use std::time::Duration;

/// How many pixels more than its canvas a frame may have, so that small pictures may have odd frames.
const BEYOND_CANVAS: u64 = 1 << 20;

pub(super) fn decode(original: &[u8], header: Header) -> Result<Decoded, Error> {
    let mut frames = GifFrames::new(original, &header)?;
    if frames.next()?.is_none() {
        return Err(Error::Corrupt("it has no frame".to_owned()));
    }
    let truncated = frames.truncated() || header.frames == 1 && frames.ends_early();
    Ok(Decoded {
        pixels: frames.canvas.into_pixels().without_idle_alpha(),
        profile: header.profile,
        shrink: Shrink::Full,
        truncated,
    })
}

/// The frames of a GIF, composited.
pub(crate) struct GifFrames<'a> {
    blocks: Gif<'a>,
    canvas: Canvas,
    plays: Option<u32>,
    profile: Option<Vec<u8>>,
    /// The palette's indices of one frame, in the order in which they are stored.
    indices: Vec<u8>,
    count: u32,
    truncated: bool,
}

impl<'a> GifFrames<'a> {
    pub(crate) fn new(original: &'a [u8], header: &Header) -> Result<Self, Error> {
        let blocks =
            Gif::read(original).ok_or_else(|| Error::Corrupt("no screen descriptor".to_owned()))?;
        Ok(Self {
            blocks,
            canvas: Canvas::new(header.stored)?,
            plays: header.plays,
            profile: header.profile.clone(),
            indices: Vec::new(),
            count: 0,
            truncated: false,
        })
    }

    /// Whether the file ends without a trailer.
    fn ends_early(&mut self) -> bool {
        self.blocks.by_ref().for_each(drop);
        self.blocks.end() == Some(End::Cut)
    }

    /// Draws a frame, as much of it as there is. Returns whether that is all.
    fn draw(&mut self, image: &Image<'_>) -> Result<bool, Error> {
        let canvas = self.canvas.pixels();
        let pixels = u64::from(image.area.width) * u64::from(image.area.height);
        if pixels > u64::from(canvas.width()) * u64::from(canvas.height()) + BEYOND_CANVAS {
            return Err(Error::Corrupt("a frame larger than its picture".to_owned()));
        }
        self.indices.clear();
        self.indices.resize(pixels as usize, 0);
        let (filled, ended) = lzw::decode(image.code_size, image.data.clone(), &mut self.indices);
        let all = match ended {
            Ended::Well => true,
            // Data that are whole, but too few, are what their writer wanted: placeholders have none at all.
            Ended::Early => !image.data.cut,
            Ended::Broken => false,
        };
        if !all && self.count > 0 {
            return Ok(false);
        }
        if !all && filled == 0 {
            return Err(Error::Corrupt("it ends before its first pixel".to_owned()));
        }
        self.indices.truncate(filled);
        let Some(seen) = self.canvas.begin(image.area, image.control.dispose)? else {
            return Ok(all);
        };
        let rows = Rows::new(image, &self.indices, !all);
        let palette = palette(image);
        for (row, y) in self.canvas.rows_mut(seen).zip(0..) {
            let pixels = row.as_chunks_mut::<4>().0.iter_mut();
            for (pixel, &index) in pixels.zip(rows.get(y)) {
                if Some(index) != image.control.transparent {
                    *pixel = palette[usize::from(index)];
                }
            }
        }
        Ok(all)
    }
}

impl Frames for GifFrames<'_> {
    fn next(&mut self) -> Result<Option<(&Pixels, Duration)>, Error> {
        if self.truncated {
            return Ok(None);
        }
        let image = loop {
            match self.blocks.next() {
                Some(Block::Image(image)) => break image,
                Some(_) => {}
                None => {
                    self.truncated |= self.blocks.end() == Some(End::Cut);
                    return Ok(None);
                }
            }
        };
        if !self.draw(&image)? {
            self.truncated = true;
            // Of an animation, what is whole is shown; where nothing is, what there is.
            if self.count > 0 {
                return Ok(None);
            }
        }
        self.count += 1;
        // Browsers show what asks for 0 or 10 ms for 100 ms; what is written keeps the file's own delay.
        let delay = Duration::from_millis(u64::from(image.control.delay) * 10);
        Ok(Some((self.canvas.pixels(), delay)))
    }

    fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    fn plays(&self) -> Option<u32> {
        self.plays
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// All colours that an index can mean. Those that the file does not name are black, also where it has no palette at all,
/// as in Chromium and Firefox.
fn palette(image: &Image<'_>) -> [[u8; 4]; 256] {
    let mut palette = [[0, 0, 0, 255]; 256];
    for (colour, &[r, g, b]) in palette.iter_mut().zip(image.palette.as_chunks::<3>().0) {
        *colour = [r, g, b, 255];
    }
    palette
}

/// The rows of a frame from the top, as far as they are there.
struct Rows<'a> {
    indices: &'a [u8],
    area: Area,
    interlaced: bool,
    /// Rows that are missing are taken from those above them.
    replicate: bool,
}

impl<'a> Rows<'a> {
    /// `cut` is whether rows may be missing. Where they can be seen through nothing is put in their place.
    fn new(image: &Image<'_>, indices: &'a [u8], cut: bool) -> Self {
        Self {
            indices,
            area: image.area,
            interlaced: image.interlaced,
            replicate: cut && image.interlaced && image.control.transparent.is_none(),
        }
    }

    fn get(&self, y: u32) -> &'a [u8] {
        let row = self.stored(y);
        if !self.replicate || row.len() == self.area.width as usize {
            return row;
        }
        // As browsers show an interlaced picture while it comes.
        [y & !1, y & !3, y & !7]
            .into_iter()
            .map(|above| self.stored(above))
            .find(|row| row.len() == self.area.width as usize)
            .unwrap_or(row)
    }

    fn stored(&self, y: u32) -> &'a [u8] {
        let place = if self.interlaced {
            interlaced(y, self.area.height)
        } else {
            y
        };
        let width = self.area.width as usize;
        let start = place as usize * width;
        let end = (start + width).min(self.indices.len());
        self.indices.get(start..end).unwrap_or_default()
    }
}

/// Where the row `y` is stored: first every eighth row, then those half-way between, and so on (`GIF89a` appendix E).
const fn interlaced(y: u32, height: u32) -> u32 {
    let (first, second, third) = (height.div_ceil(8), (height + 3) / 8, (height + 1) / 4);
    match y % 8 {
        0 => y / 8,
        4 => first + y / 8,
        2 | 6 => first + second + y / 4,
        _ => first + second + third + y / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::probe::read_header;
    use gif::DisposalMethod;

    const PALETTE: &[u8] = &[0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255];

    fn frame(left: u16, width: u16, colour: u8, dispose: DisposalMethod) -> gif::Frame<'static> {
        let mut frame =
            gif::Frame::from_indexed_pixels(width, 1, vec![colour; width.into()], Some(0));
        (frame.left, frame.dispose, frame.delay) = (left, dispose, 7);
        frame
    }

    /// A row of four, each pixel by the initial of its colour.
    fn seen(frames: &[gif::Frame<'_>]) -> Vec<String> {
        let mut bytes = Vec::new();
        let mut encoder = gif::Encoder::new(&mut bytes, 4, 1, PALETTE).unwrap();
        for frame in frames {
            encoder.write_frame(frame).unwrap();
        }
        drop(encoder);
        let header = read_header(&bytes, &Limits::default()).unwrap();
        let mut frames = GifFrames::new(&bytes, &header).unwrap();
        let mut rows = Vec::new();
        while let Some((canvas, delay)) = frames.next().unwrap() {
            assert_eq!(delay, Duration::from_millis(70));
            let pixels = canvas.bytes().as_chunks::<4>().0;
            rows.push(
                pixels
                    .iter()
                    .map(|pixel| match pixel {
                        [255, 0, 0, 255] => 'r',
                        [0, 255, 0, 255] => 'g',
                        [0, 0, 255, 255] => 'b',
                        _ => '.',
                    })
                    .collect(),
            );
        }
        rows
    }

    #[test]
    fn frames_are_disposed_of_as_they_say() {
        use DisposalMethod::{Background, Keep, Previous};
        let shown = seen(&[
            frame(0, 4, 1, Keep),
            frame(1, 2, 2, Previous),
            frame(2, 1, 3, Background),
            frame(0, 1, 0, Keep), // transparent
            frame(3, 1, 2, Keep),
        ]);
        assert_eq!(shown, ["rrrr", "rggr", "rrbr", "rr.r", "rr.g"]);
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let shown = seen(&[
            frame(0, 4, 2, DisposalMethod::Keep),
            frame(2, 4, 1, DisposalMethod::Background),
            frame(9, 3, 2, DisposalMethod::Keep),
        ]);
        assert_eq!(shown, ["gggg", "ggrr", "gg.."]);
    }

    #[test]
    fn rows_of_an_interlaced_picture_are_all_found() {
        for height in 1..40 {
            let mut places: Vec<u32> = (0..height).map(|y| interlaced(y, height)).collect();
            let stored: Vec<u32> = [(0, 8), (4, 8), (2, 4), (1, 2)]
                .into_iter()
                .flat_map(|(start, step)| (start..height).step_by(step))
                .collect();
            for (place, &y) in stored.iter().enumerate() {
                assert_eq!(places[y as usize], place as u32, "{y} of {height}");
            }
            places.sort_unstable();
            assert_eq!(places, (0..height).collect::<Vec<_>>());
        }
    }
}
