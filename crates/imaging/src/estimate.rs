//! What a job will need, from the header alone, so that a resizer can admit jobs by what they cost.
//!
//! Memory is an upper bound: the figures a pixel are those of the worst content, noise, with a margin, and
//! `tests/memory.rs` holds them against processes. Time is what to expect, see `time`.

mod time;

use crate::animate::stays_animated;
use crate::decode::{jpeg_limits, jpeg_scale, lossy_frame, shrinks, webp_scale};
use crate::encode::Target;
use crate::error::Error;
use crate::geometry::{Area, Size, plan};
use crate::info::shrink_for_info;
use crate::passthrough;
use crate::pixels::Layout;
use crate::probe::{Header, read_header};
use crate::shrink::{self, Shrink};
use crate::transform::{Request, Settings, choose};
use crate::wishes::{Gravity, Wishes};
use image_url::{Format, Operation};
use std::time::Duration;
use time::Work;

/// Tables, codecs' own buffers, the allocator's rounding.
const FIXED: u64 = 6 << 20;

/// What a job takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The bytes that [`transform`](crate::transform) holds at most beside the original.
    pub memory: u64,
    /// The CPU time to expect. Content may halve it or double it.
    pub time: Duration,
    /// The CPU time that it takes whatever the content. A job that has less than this left need not begin.
    pub least_time: Duration,
    /// The part of that time between two questions whether the job is still wanted: what cannot be stopped.
    pub longest_step: Duration,
}

impl Cost {
    /// What only reads a header, or copies bytes.
    fn small(memory: u64) -> Self {
        Self {
            memory,
            time: Duration::from_micros(100),
            least_time: Duration::ZERO,
            longest_step: Duration::from_micros(100),
        }
    }
}

/// What [`transform`](crate::transform) will take.
///
/// # Errors
/// As [`transform`](crate::transform) has them for a header.
pub fn estimate(original: &[u8], request: &Request, settings: &Settings) -> Result<Cost, Error> {
    let header = read_header(original, &settings.limits)?;
    let stored = header.stored;
    match request.operation {
        Operation::Size => return Ok(Cost::small(FIXED)),
        Operation::Original => return Ok(Cost::small(FIXED + original.len() as u64)),
        Operation::Info => {
            let shrink = if shrinks(original, &header) {
                shrink_for_info(stored)
            } else {
                Shrink::Full
            };
            let time = time::decoding(&header, shrink);
            return Ok(Cost {
                memory: FIXED + decoding(original, &header, shrink) + looked_at(&header, shrink),
                time,
                least_time: time / 2,
                longest_step: time,
            });
        }
        _ => {}
    }
    let wishes = Wishes::of(request.operation, request.options);
    let animated = stays_animated(&header, &wishes, request.accepts, settings)?;
    let lie = header.orientation.then(wishes.turn);
    let plan = plan(lie.size(stored), wishes.shape);
    let format = choose(
        &wishes,
        header.format,
        animated,
        request.accepts,
        &plan,
        settings,
    )?;
    let shrink = if wishes.trim.is_none() && shrinks(original, &header) {
        shrink::choose(Area::whole(stored), plan.scaled, lie)
    } else {
        Shrink::Full
    };
    let channels = header.layout.channels() as u64;
    let decoded = shrink.size(stored);
    let held = area(decoded) * channels;
    let scaled = lie.size(plan.scaled);
    // A pass across and one down, whichever comes first.
    let half_way = u64::from(scaled.width.min(decoded.width)) * u64::from(decoded.height);
    let target = area(plan.cut.size()).max(area(plan.size()));
    let looking = if wishes.gravity == Gravity::Smart {
        looked_at(&header, shrink)
    } else {
        0
    };
    let resizing = held + looking + (half_way + area(scaled)) * channels;
    let written = wishes.target(format, header.palette, settings.encoding, None);
    let steps = [
        decoding(original, &header, shrink),
        resizing,
        target * per_result_pixel(&written, header.layout),
    ];
    let peak = if animated {
        // Decoder, canvases and encoder live side by side, and the file grows beside them.
        let written = target * u64::from(header.frames) / 2;
        steps.iter().sum::<u64>() + held * 2 + written
    } else {
        steps.into_iter().max().unwrap_or_default()
    };
    // The original's own data are copied before it is known whether they are sound.
    let may_pass_through = passthrough::applies(&header, &wishes, &plan, format);
    let copied = if may_pass_through {
        original.len() as u64
    } else {
        0
    };
    let times = time::of(&Work {
        header: &header,
        shrink,
        decoded,
        target,
        written: &written,
        animated,
    });
    Ok(Cost {
        memory: FIXED + peak + copied,
        time: times.expected,
        least_time: if may_pass_through {
            Duration::ZERO
        } else {
            times.least
        },
        longest_step: times.longest_step,
    })
}

fn area(size: Size) -> u64 {
    u64::from(size.width) * u64::from(size.height)
}

/// Looking at a picture as a whole copies one with alpha, to multiply it.
fn looked_at(header: &Header, shrink: Shrink) -> u64 {
    let channels = header.layout.channels() as u64;
    if header.layout.has_alpha() {
        area(shrink.size(header.stored)) * channels
    } else {
        0
    }
}

fn decoding(original: &[u8], header: &Header, shrink: Shrink) -> u64 {
    let pixels = area(header.stored);
    let out = pixels * header.layout.channels() as u64;
    match header.format {
        Format::Jpeg => {
            jpeg_shrink::memory(original, jpeg_scale(shrink), &jpeg_limits(header)).unwrap_or(out)
        }
        // Rows are inflated and expanded one after another. A canvas for animations, and what a frame restores.
        Format::Png => {
            let canvas = if header.frames > 1 { pixels * 8 } else { 0 };
            out + canvas + u64::from(header.stored.width) * 64
        }
        // The canvas, what a frame restores, and its indices.
        Format::Gif => out * 2 + pixels,
        Format::WebP if lossy_frame(original, header).is_some() => webp_shrink::memory(
            header.stored.width,
            header.stored.height,
            webp_scale(shrink),
        ),
        // The alpha channel, which is decoded as RGBA, or the ARGB of a lossless picture beside what is given; a canvas
        // for animations.
        Format::WebP | Format::Avif => out + pixels * if header.frames > 1 { 9 } else { 5 },
    }
}

/// What an encoder holds for each pixel of noise, with the pixel itself and the file.
fn per_result_pixel(target: &Target, layout: Layout) -> u64 {
    let alpha = layout.has_alpha();
    match target.format {
        Format::Jpeg => 17,
        Format::Png => 16,
        Format::Gif => 48,
        Format::WebP if target.lossless => 88,
        Format::WebP if alpha => 56,
        Format::WebP => 40,
        // rav1e holds every plane in 16 bits several times over, and what it has written.
        Format::Avif if matches!(layout, Layout::Grey | Layout::GreyAlpha) => 120,
        Format::Avif if target.quality >= avif::FULL_CHROMA_QUALITY => 270,
        Format::Avif => 160,
    }
}
