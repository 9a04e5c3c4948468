//! The header of a key frame (RFC 6386 §9, §19.2): the tag outside the entropy coding, and what comes before the
//! macroblocks in the first partition.

use crate::{
    Error, Limits,
    bool_decoder::BoolDecoder,
    default_probs::{DEFAULT, TokenProbs, UPDATE},
    quantizer::{QuantIndices, Quantizer},
};

/// What a frame says of itself before its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Width in pixels, 1 to 16,383. The scale that VP8 stores beside it is for players of video; pictures ignore it.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Reads the size of a frame, and holds it against the limits.
pub fn read_header(frame: &[u8], limits: &Limits) -> Result<Header, Error> {
    Tag::read(frame, limits).map(|tag| tag.header)
}

/// The mean index of the quantisers of a frame's segments, 0 (fine) to 127 (RFC 6386 §9.6).
///
/// # Errors
/// When it is no key frame.
pub fn mean_quantizer(frame: &[u8], limits: &Limits) -> Result<f64, Error> {
    let tag = Tag::read(frame, limits)?;
    let first = tag.data.get(..tag.first_partition).unwrap_or(tag.data);
    let indices = FrameHeader::read(&mut BoolDecoder::new(first)).indices;
    Ok(f64::from(indices.iter().map(|&index| u32::from(index)).sum::<u32>()) / 4.0)
}

/// The uncompressed ten bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag<'a> {
    pub header: Header,
    /// What the first partition should have.
    pub first_partition: usize,
    /// All partitions.
    pub data: &'a [u8],
}

impl<'a> Tag<'a> {
    pub(crate) fn read(frame: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let Some((&[b0, b1, b2, 0x9d, 0x01, 0x2a, w0, w1, h0, h1], data)) =
            frame.split_first_chunk()
        else {
            return Err(Error::NotKeyFrame);
        };
        let tag = u32::from_le_bytes([b0, b1, b2, 0]);
        if tag & 1 != 0 {
            return Err(Error::NotKeyFrame);
        }
        let version = (tag >> 1 & 7) as u8;
        if version > 3 {
            return Err(Error::Version(version));
        }
        if tag >> 4 & 1 == 0 {
            return Err(Error::Hidden);
        }
        let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
        let header = Header {
            width: side([w0, w1]),
            height: side([h0, h1]),
        };
        limits.check_size(header.width, header.height)?;
        if data.is_empty() {
            return Err(Error::NoPicture);
        }
        Ok(Self {
            header,
            first_partition: (tag >> 5) as usize,
            data,
        })
    }
}

/// How macroblocks are told apart (§9.3).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Segmentation {
    /// Whether the macroblocks say their segment; else all are in the first.
    pub map: bool,
    pub probabilities: [u8; 3],
}

/// What the loop filter is told (§9.6).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FilterHeader {
    pub simple: bool,
    pub sharpness: u8,
    /// For each segment, that of macroblocks predicted as a whole, and of those predicted by subblocks.
    pub levels: [[u8; 2]; 4],
}

/// What holds for the whole frame.
#[derive(Debug)]
pub(crate) struct FrameHeader {
    pub segmentation: Segmentation,
    pub filter: FilterHeader,
    pub quantizers: [Quantizer; 4],
    /// The indices that they come from, 0 to 127.
    pub indices: [u8; 4],
    pub partitions: usize,
    pub token_probs: Box<TokenProbs>,
    /// The probability that a macroblock has coefficients, where some say that they have none.
    pub no_skip: Option<u8>,
}

impl FrameHeader {
    pub(crate) fn read(first: &mut BoolDecoder<'_>) -> Self {
        // Colour space and clamping: with one value in use, all decoders clamp.
        first.literal(2);
        let mut segmentation = Segmentation {
            map: false,
            probabilities: [255; 3],
        };
        let mut segments = None;
        if first.flag() {
            segmentation.map = first.flag();
            if first.flag() {
                segments = Some(Segments::read(first));
            }
            if segmentation.map {
                for probability in &mut segmentation.probabilities {
                    if first.flag() {
                        *probability = first.literal(8);
                    }
                }
            }
            segments.get_or_insert_default();
        }
        let filter = read_filter(first, segments.as_ref());
        let partitions = 1 << first.literal(2);
        let indices = QuantIndices::read(first);
        let bases: [i32; 4] = std::array::from_fn(|segment| {
            let base = i32::from(indices.y_ac);
            match &segments {
                Some(Segments {
                    absolute,
                    quantizers,
                    ..
                }) => i32::from(quantizers[segment]) + if *absolute { 0 } else { base },
                None => base,
            }
        });
        let quantizers = bases.map(|base| indices.quantizer(base));
        // Whether the probabilities outlive the frame.
        first.flag();
        let mut token_probs = Box::new(DEFAULT);
        let probabilities = token_probs.as_flattened_mut().as_flattened_mut();
        let updates = UPDATE.as_flattened().as_flattened();
        for (probability, &update) in probabilities
            .as_flattened_mut()
            .iter_mut()
            .zip(updates.as_flattened())
        {
            if first.bit(update) {
                *probability = first.literal(8);
            }
        }
        let no_skip = first.flag().then(|| first.literal(8));
        Self {
            segmentation,
            filter,
            quantizers,
            indices: bases.map(|base| base.clamp(0, 127) as u8),
            partitions,
            token_probs,
            no_skip,
        }
    }
}

/// What segments have of their own, instead of the frame's or beside it.
#[derive(Debug, Clone, Copy)]
struct Segments {
    absolute: bool,
    quantizers: [i8; 4],
    levels: [i8; 4],
}

impl Default for Segments {
    /// What holds where a key frame has segments but says nothing of them: as libwebp has it.
    fn default() -> Self {
        Self {
            absolute: true,
            quantizers: [0; 4],
            levels: [0; 4],
        }
    }
}

impl Segments {
    fn read(first: &mut BoolDecoder<'_>) -> Self {
        let absolute = first.flag();
        let mut of = |bits| {
            let mut values = [0; 4];
            for value in &mut values {
                *value = first.optional_signed(bits).unwrap_or_default();
            }
            values
        };
        Self {
            absolute,
            quantizers: of(7),
            levels: of(6),
        }
    }
}

fn read_filter(first: &mut BoolDecoder<'_>, segments: Option<&Segments>) -> FilterHeader {
    let simple = first.flag();
    let frame_level = i32::from(first.literal(6));
    let sharpness = first.literal(3);
    let mut intra = 0;
    let mut by_subblocks = 0;
    if first.flag() && first.flag() {
        // Of four reference frames the first is the frame itself; of four modes the first is B_PRED.
        let mut deltas = [0; 8];
        for delta in &mut deltas {
            *delta = i32::from(first.optional_signed(6).unwrap_or_default());
        }
        [intra, _, _, _, by_subblocks, ..] = deltas;
    }
    let levels = std::array::from_fn(|segment| {
        if frame_level == 0 {
            // libwebp and libvpx: off for the frame is off for its segments.
            return [0; 2];
        }
        let base = match segments {
            Some(segments) => {
                let own = i32::from(segments.levels[segment]);
                own + if segments.absolute { 0 } else { frame_level }
            }
            None => frame_level,
        };
        // libwebp leaves this bound out; the RFC's decoder has it.
        let base = base.clamp(0, 63);
        [base + intra, base + intra + by_subblocks].map(|level| level.clamp(0, 63) as u8)
    });
    FilterHeader {
        simple,
        sharpness,
        levels,
    }
}
