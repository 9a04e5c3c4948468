//! Animations that stay so: each frame goes the way of a still, one at a time.

use crate::check::Check;
use crate::colour::to_srgb;
use crate::decode::{Frames, frames, moves};
use crate::encode::{GifAnimation, PngAnimation, Target, WebPAnimation};
use crate::error::Error;
use crate::geometry::{Area, plan};
use crate::orient::orient;
use crate::passthrough;
use crate::pixels::Pixels;
use crate::probe::Header;
use crate::resize::resize;
use crate::shrink::Shrink;
use crate::transform::{Picture, Settings, choose, finish, placed, scaling};
use crate::trim::without_border;
use crate::wishes::{Source, Wishes};
use image_url::{AcceptClass, Format};
use std::time::Duration;

/// Whether original and result are both of formats that move, and all frames are within the limits. Else the first frame
/// is shown; of an APNG, the image that it has for the purpose.
pub(crate) fn stays_animated(
    header: &Header,
    wishes: &Wishes,
    accepts: AcceptClass,
    settings: &Settings,
) -> Result<bool, Error> {
    if header.frames < 2 || !moves(header.format) {
        return Ok(false);
    }
    let lie = header.orientation.then(wishes.turn);
    let plan = plan(lie.size(header.stored), wishes.shape);
    let format = choose(wishes, header.format, true, accepts, &plan, settings)?;
    let result = plan.size();
    let limits = &settings.limits;
    // Enlarging costs as much for each frame as decoding one of that size.
    // A PNG of a GIF or a WebP is asked for as a still: many readers show no other, and it would be several times larger.
    let moving = moves(format) && (format != Format::Png || header.format == Format::Png);
    Ok(moving
        && limits.allow_frames(header.stored, header.frames)
        && limits.allow_frames(result, header.frames))
}

/// Every frame is trimmed and cut like the first, so that nothing jumps. `bytes` is for stills: an animation is written
/// with the quality asked for.
pub(crate) fn animate(
    original: &[u8],
    header: &Header,
    wishes: &Wishes,
    accepts: AcceptClass,
    settings: &Settings,
    check: &Check<'_>,
) -> Result<Picture, Error> {
    let stored = header.stored;
    let lie = header.orientation.then(wishes.turn);
    let mut source = Area::whole(stored);
    let mut plan = plan(lie.size(stored), wishes.shape);
    let format = choose(wishes, header.format, true, accepts, &plan, settings)?;
    if passthrough::applies(header, wishes, &plan, format)
        && let Some(bytes) = passthrough::strip(original, header, true)
        && is_sound(original, header, check)?
    {
        return Ok(Picture {
            bytes,
            media_type: format.media_type(),
            width: stored.width,
            height: stored.height,
            truncated: false,
        });
    }
    let lossy = header.written.map(|written| Source {
        written,
        original: lie.size(stored),
        scaled: plan.scaled,
    });
    let target = wishes.target(format, false, settings.encoding, lossy);
    let mut frames = frames(original, header)?;
    let mut writer: Option<Writer> = None;
    let (mut width, mut height, mut count) = (0, 0, 0);
    loop {
        check.go_on()?;
        let Some((canvas, delay)) = frames.next()? else {
            break;
        };
        // What the header's count has not promised was not checked either.
        if count == header.frames {
            break;
        }
        count += 1;
        if writer.is_none() {
            if let Some(tolerance) = wishes.trim {
                source = without_border(canvas, tolerance);
                plan = crate::geometry::plan(lie.size(source.size()), wishes.shape);
            }
            plan = placed(plan, wishes, canvas, source, lie)?;
        }
        let scaling = scaling(&plan, stored, source, lie, Shrink::Full);
        let pixels = resize(canvas.clone(), scaling)?;
        let pixels = to_srgb(pixels, frames.profile())?;
        let pixels = orient(pixels, lie)?;
        let pixels = finish(pixels, &plan, wishes, format)?;
        (width, height) = (pixels.width(), pixels.height());
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(Writer::new(&pixels, &target, frames.as_ref())?),
        };
        writer.push(pixels, delay)?;
    }
    let writer = writer.ok_or_else(|| Error::Corrupt("it has no frame".to_owned()))?;
    Ok(Picture {
        bytes: writer.finish()?,
        media_type: format.media_type(),
        width,
        height,
        truncated: frames.truncated(),
    })
}

/// Whether every frame can be decoded to its end.
fn is_sound(original: &[u8], header: &Header, check: &Check<'_>) -> Result<bool, Error> {
    let mut frames = frames(original, header)?;
    let mut count = 0;
    loop {
        check.go_on()?;
        match frames.next() {
            Ok(Some(_)) => count += 1,
            Ok(None) => return Ok(count == header.frames && !frames.truncated()),
            // The pipeline shows such an animation up to there, or says what is wrong.
            Err(_) => return Ok(false),
        }
        if count > header.frames {
            return Ok(false);
        }
    }
}

enum Writer {
    Gif(Box<GifAnimation>),
    Png(PngAnimation),
    WebP(WebPAnimation),
}

impl Writer {
    /// `first` is the first frame of the result.
    fn new(first: &Pixels, target: &Target, frames: &dyn Frames) -> Result<Self, Error> {
        let plays = frames.plays();
        Ok(match target.format {
            Format::Gif => Self::Gif(Box::new(GifAnimation::new(first, plays)?)),
            Format::Png => {
                // What is padded has the same place in every frame.
                let opaque =
                    frames.opaque() && !first.clone().without_idle_alpha().layout().has_alpha();
                Self::Png(PngAnimation::new(plays, opaque))
            }
            _ => Self::WebP(WebPAnimation::new(target.quality, target.lossless, plays)),
        })
    }

    fn push(&mut self, pixels: Pixels, delay: Duration) -> Result<(), Error> {
        match self {
            Self::Gif(animation) => animation.push(pixels, delay),
            Self::Png(animation) => animation.push(pixels, delay),
            Self::WebP(animation) => animation.push(pixels, delay),
        }
    }

    fn finish(self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Gif(animation) => animation.finish(),
            Self::Png(animation) => animation.finish(),
            Self::WebP(animation) => animation.finish(),
        }
    }
}
