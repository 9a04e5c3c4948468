//! WebP with libwebp, still and animated. The animation's container is written here, frame by frame, so that no more than
//! one frame is held as pixels.

use super::gif::changed;
use crate::error::Error;
use crate::geometry::Area;
use crate::pixels::{Layout, Pixels};
use std::time::Duration;
use webp::{Encoder, PixelLayout, WebPConfig, WebPEncodingError};

/// libwebp's effort, 0 to 6.
const METHOD: i32 = 4;

/// Lossless results of more pixels are written with the least effort: a photograph is a fifth larger and takes a quarter of
/// the CPU time and two thirds of the memory (cwebp 1.2.4: 8.3 MP in 0.85 s at effort 0, 3.45 s at 4).
const LARGE: u64 = 12_000_000;

/// Its longest side (RFC 6386 §9.1).
pub(crate) const MAX_SIDE: u32 = 16_383;

/// `pixels` are RGB or RGBA.
pub(super) fn encode(pixels: &Pixels, quality: u8, lossless: bool) -> Result<Vec<u8>, Error> {
    let (width, height) = (pixels.width(), pixels.height());
    let too_large = Error::ResultTooLarge {
        width,
        height,
        reason: "the sides of a WebP end at 16,383",
    };
    let layout = match pixels.layout() {
        Layout::Rgb => PixelLayout::Rgb,
        Layout::Rgba => PixelLayout::Rgba,
        other => return Err(Error::Encode(format!("{other:?} as WebP"))),
    };
    let mut config =
        WebPConfig::new().map_err(|()| Error::Encode("libwebp's configuration".to_owned()))?;
    config.lossless = lossless.into();
    config.quality = if lossless { 75.0 } else { quality.into() };
    config.method = if lossless && is_large(u64::from(width) * u64::from(height)) {
        0
    } else {
        METHOD
    };
    let encoded = Encoder::new(pixels.bytes(), layout, width, height).encode_advanced(&config);
    match encoded {
        Ok(bytes) => Ok(bytes.to_vec()),
        // Its first partition has 19 bits for its length, which a large picture of high quality can exceed.
        Err(WebPEncodingError::VP8_ENC_ERROR_PARTITION0_OVERFLOW) => Err(too_large),
        Err(error) => Err(Error::Encode(format!("WebP: {error:?}"))),
    }
}

/// Whether a lossless result of so many pixels is written with the least effort.
pub(crate) const fn is_large(pixels: u64) -> bool {
    pixels > LARGE
}

/// Writes an animation, one whole canvas after another.
pub(crate) struct WebPAnimation {
    quality: u8,
    lossless: bool,
    plays: Option<u32>,
    before: Option<Pixels>,
    /// The ANMF chunks so far.
    frames: Vec<u8>,
    alpha: bool,
}

impl WebPAnimation {
    pub(crate) fn new(quality: u8, lossless: bool, plays: Option<u32>) -> Self {
        Self {
            quality,
            lossless,
            plays,
            before: None,
            frames: Vec::new(),
            alpha: false,
        }
    }

    pub(crate) fn push(&mut self, canvas: Pixels, delay: Duration) -> Result<(), Error> {
        let canvas = canvas.into_rgba();
        let place = match &self.before {
            Some(before) => on_even_edges(changed(before, &canvas)),
            None => Area {
                left: 0,
                top: 0,
                width: canvas.width(),
                height: canvas.height(),
            },
        };
        let part = canvas.cut(place.left, place.top, place.width, place.height)?;
        let part = part.without_idle_alpha();
        self.alpha |= part.layout().has_alpha();
        let still = encode(&part, self.quality, self.lossless)?;
        let mut frame = Vec::with_capacity(still.len() + 16);
        for value in [
            place.left / 2,
            place.top / 2,
            place.width - 1,
            place.height - 1,
            u32::try_from((delay.as_micros() + 500) / 1000)
                .unwrap_or(u32::MAX)
                .min(0xff_ffff),
        ] {
            frame.extend(three_bytes(value));
        }
        frame.push(DO_NOT_BLEND);
        frame.extend_from_slice(bitstream(&still));
        chunk(&mut self.frames, *b"ANMF", &frame);
        self.before = Some(canvas);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        let Some(canvas) = self.before else {
            return Err(Error::Encode("an animation without a frame".to_owned()));
        };
        let mut extended = vec![ANIMATION | if self.alpha { ALPHA } else { 0 }, 0, 0, 0];
        extended.extend(three_bytes(canvas.width() - 1));
        extended.extend(three_bytes(canvas.height() - 1));
        // The background, transparent, and how often it is played, where 0 is without end.
        let mut animation = vec![0; 4];
        let plays = u16::try_from(self.plays.unwrap_or(0)).unwrap_or(u16::MAX);
        animation.extend(plays.to_le_bytes());
        let mut body = b"WEBP".to_vec();
        chunk(&mut body, *b"VP8X", &extended);
        chunk(&mut body, *b"ANIM", &animation);
        body.extend(self.frames);
        let mut file = Vec::with_capacity(body.len() + 8);
        chunk(&mut file, *b"RIFF", &body);
        Ok(file)
    }
}

// RFC 9649 §2.7.
const ANIMATION: u8 = 0x02;
const ALPHA: u8 = 0x10;
/// A frame replaces what was in its place, its transparent pixels too, so that nothing ever has to be disposed of.
const DO_NOT_BLEND: u8 = 0x02;

/// Frames begin at even columns and rows.
fn on_even_edges(area: Area) -> Area {
    let (left, top) = (area.left & !1, area.top & !1);
    Area {
        left,
        top,
        width: area.width + (area.left - left),
        height: area.height + (area.top - top),
    }
}

fn three_bytes(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    out.extend(name);
    out.extend((content.len() as u32).to_le_bytes());
    out.extend_from_slice(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
}

/// A still's chunks without its own header: `VP8 ` or `VP8L`, with `ALPH` before it.
fn bitstream(still: &[u8]) -> &[u8] {
    let chunks = still.get(12..).unwrap_or_default();
    if chunks.starts_with(b"VP8X") {
        chunks.get(18..).unwrap_or_default()
    } else {
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::frames;
    use crate::limits::Limits;
    use crate::probe::read_header;

    fn canvas(hole: u32, colour: [u8; 3]) -> Pixels {
        let bytes = (0..33 * 21u32)
            .flat_map(|n| {
                let [r, g, b] = colour;
                let hidden = n % 33 == hole || n % 33 == hole + 1;
                if hidden { [0; 4] } else { [r, g, b, 255] }
            })
            .collect();
        Pixels::new(33, 21, Layout::Rgba, bytes).unwrap()
    }

    #[test]
    fn an_animation_comes_back_frame_by_frame() {
        let canvases = [
            canvas(3, [200, 0, 0]),
            canvas(3, [200, 0, 0]),
            canvas(7, [200, 0, 0]),
            canvas(90, [0, 100, 0]),
        ];
        for plays in [None, Some(1), Some(5)] {
            let mut animation = WebPAnimation::new(80, true, plays);
            for (turn, canvas) in (1..).zip(&canvases) {
                let delay = Duration::from_millis(turn * 33);
                animation.push(canvas.clone(), delay).unwrap();
            }
            let bytes = animation.finish().unwrap();
            let header = read_header(&bytes, &Limits::default()).unwrap();
            assert_eq!(header.frames, 4);
            let mut frames = frames(&bytes, &header).unwrap();
            for (turn, expected) in (1..).zip(&canvases) {
                let (seen, delay) = frames.next().unwrap().unwrap();
                assert_eq!((seen, delay), (expected, Duration::from_millis(turn * 33)));
            }
            assert!(frames.next().unwrap().is_none());
            assert_eq!(frames.plays(), plays);
        }
    }

    #[test]
    fn lossy_with_alpha_is_near() {
        let picture = canvas(5, [120, 60, 30]);
        let bytes = encode(&picture, 90, false).unwrap();
        let decoded = image::load_from_memory(&bytes).unwrap().into_rgba8();
        for (seen, wanted) in decoded.pixels().zip(picture.bytes().as_chunks::<4>().0) {
            assert_eq!(seen.0[3], wanted[3]);
            if wanted[3] == 255 {
                assert!(seen.0.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) < 24));
            }
        }
    }
}
