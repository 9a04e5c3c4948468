//! GIF: frames are laid over each other as their disposal says, so that each is a whole picture.

use super::{Decoded, Frames};
use crate::error::Error;
use crate::geometry::Area;
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use crate::shrink::Shrink;
use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, MemoryLimit, Repeat};
use std::io::Cursor;
use std::num::NonZeroU64;
use std::time::Duration;

pub(super) fn decode(original: &[u8], header: &Header) -> Result<Decoded, Error> {
    let mut frames = GifFrames::new(original, header)?;
    let profile = frames.decoder.icc_profile().map(<[u8]>::to_vec);
    if frames.next()?.is_none() {
        return Err(Error::Corrupt("it has no frame".to_owned()));
    }
    Ok(Decoded {
        pixels: frames.canvas.without_idle_alpha(),
        profile,
        shrink: Shrink::Full,
        truncated: false,
    })
}

/// The frames of a GIF, composited.
pub(crate) struct GifFrames<'a> {
    decoder: Decoder<Cursor<&'a [u8]>>,
    canvas: Pixels,
    /// What to do to the canvas before the next frame.
    disposal: Disposal,
    /// The decoder's RGBA of one frame.
    frame: Vec<u8>,
    count: u32,
}

enum Disposal {
    Keep,
    Clear(Area),
    /// The pixels that were in this place.
    Restore(Area, Pixels),
}

impl<'a> GifFrames<'a> {
    pub(crate) fn new(original: &'a [u8], header: &Header) -> Result<Self, Error> {
        let (width, height) = (header.stored.width, header.stored.height);
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        // A frame as large as the canvas, and the decoder's own needs.
        let bytes = u64::from(width) * u64::from(height) * 4 + (1 << 20);
        if let Some(bytes) = NonZeroU64::new(bytes) {
            options.set_memory_limit(MemoryLimit::Bytes(bytes));
        }
        let decoder = options
            .read_info(Cursor::new(original))
            .map_err(Error::corrupt)?;
        Ok(Self {
            decoder,
            canvas: Pixels::filled(width, height, Layout::Rgba, &[0; 4])?,
            disposal: Disposal::Keep,
            frame: Vec::new(),
            count: 0,
        })
    }

    fn dispose(&mut self) {
        match std::mem::replace(&mut self.disposal, Disposal::Keep) {
            Disposal::Keep => {}
            Disposal::Clear(area) => {
                for row in rows_mut(&mut self.canvas, area) {
                    row.fill(0);
                }
            }
            Disposal::Restore(area, before) => {
                for (row, before) in rows_mut(&mut self.canvas, area).zip(before.rows()) {
                    row.copy_from_slice(before);
                }
            }
        }
    }
}

impl Frames for GifFrames<'_> {
    fn next(&mut self) -> Result<Option<(&Pixels, Duration)>, Error> {
        let info = match self.decoder.next_frame_info() {
            Ok(Some(info)) => info,
            Ok(None) => return Ok(None),
            // What arrived of a file cut short is shown.
            Err(_) if self.count > 0 => return Ok(None),
            Err(error) => return Err(Error::corrupt(error)),
        };
        let place = Area {
            left: info.left.into(),
            top: info.top.into(),
            width: info.width.into(),
            height: info.height.into(),
        };
        let (disposal, delay) = (info.dispose, info.delay);
        let size = self.decoder.buffer_size();
        if size > self.canvas.bytes().len() + (1 << 20) {
            return Err(Error::Corrupt("a frame larger than its picture".to_owned()));
        }
        self.frame.clear();
        self.frame.resize(size, 0);
        match self.decoder.read_into_buffer(&mut self.frame) {
            Ok(()) => {}
            Err(_) if self.count > 0 => return Ok(None),
            Err(error) => return Err(Error::corrupt(error)),
        }
        self.count += 1;
        self.dispose();
        let seen = place.within(self.canvas.width(), self.canvas.height());
        if let Some(seen) = seen {
            self.disposal = match disposal {
                DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
                DisposalMethod::Background => Disposal::Clear(seen),
                DisposalMethod::Previous => Disposal::Restore(
                    seen,
                    self.canvas
                        .cut(seen.left, seen.top, seen.width, seen.height)?,
                ),
            };
            let stride = place.width as usize * 4;
            for (row, source) in
                rows_mut(&mut self.canvas, seen).zip(self.frame.chunks_exact(stride.max(4)))
            {
                let pixels = row.as_chunks_mut::<4>().0.iter_mut();
                for (pixel, source) in pixels.zip(source.as_chunks::<4>().0) {
                    if source[3] != 0 {
                        *pixel = *source;
                    }
                }
            }
        }
        Ok(Some((&self.canvas, delay_of(delay))))
    }

    fn plays(&self) -> Option<u16> {
        match self.decoder.repeat() {
            Repeat::Infinite => None,
            // The extension counts repetitions after the first play.
            Repeat::Finite(again) => Some(again.saturating_add(1)),
        }
    }
}

/// Browsers show what asks for 0 or 10 ms for 100 ms; what is written keeps the file's own words.
fn delay_of(hundredths: u16) -> Duration {
    Duration::from_millis(u64::from(hundredths) * 10)
}

fn rows_mut(canvas: &mut Pixels, area: Area) -> impl Iterator<Item = &mut [u8]> {
    let stride = canvas.stride();
    let (start, length) = (area.left as usize * 4, area.width as usize * 4);
    canvas
        .bytes_mut()
        .chunks_exact_mut(stride)
        .skip(area.top as usize)
        .take(area.height as usize)
        .filter_map(move |row| row.get_mut(start..start + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::probe::read_header;

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
            frame(2, 4, 1, DisposalMethod::Background),
            frame(9, 3, 2, DisposalMethod::Keep),
        ]);
        assert_eq!(shown, ["..rr", "...."]);
    }
}
