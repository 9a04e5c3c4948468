//! The way of an original to a picture, as a list of steps.

use crate::animate::{animate, stays_animated};
use crate::check::Check;
use crate::colour::to_srgb;
use crate::decode::decode;
use crate::encode::{Encoding, Target, encode, translucent_colours};
use crate::error::Error;
use crate::filter::{blur, flatten, on_canvas, sharpen};
use crate::geometry::{Area, Place, Plan, Size, plan};
use crate::info::info;
use crate::limits::Limits;
use crate::negotiate;
use crate::orient::{Orientation, orient};
use crate::passthrough;
use crate::pixels::Pixels;
use crate::probe::{Header, read_header};
use crate::resize::{Scaling, resize, thumbnail};
use crate::shrink::{self, Shrink};
use crate::smart;
use crate::trim::without_border;
use crate::wishes::{Gravity, Source, Wishes};
use image_url::{AcceptClass, Format, Operation, Options};
use serde::{Deserialize, Serialize};

/// What holds for all pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Bounds of originals and results.
    pub limits: Limits,
    /// Defaults of the encoders.
    pub encoding: Encoding,
}

/// What is asked for, by the URL and by the client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// The first segment of the path, with its geometry.
    pub operation: Operation,
    /// What follows the geometry.
    pub options: Options,
    /// For `f=auto`; without meaning otherwise.
    pub accepts: AcceptClass,
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The bytes to send.
    pub bytes: Vec<u8>,
    /// Their media type.
    pub media_type: &'static str,
    /// Width in pixels; for `/size/`, that of the original.
    pub width: u32,
    /// Height in pixels; for `/size/`, that of the original.
    pub height: u32,
    /// The original ends before its picture does, and was shown as far as it goes.
    pub truncated: bool,
}

/// Makes of an original what is asked for. Orientation is applied, colours become sRGB, metadata is stripped, and the
/// format is kept unless the options name another.
///
/// An image that is already what is asked for keeps its data, without its metadata. `/size/` reads the header only; `/original/` gives the bytes unchanged once their header has proved them an image.
///
/// # Errors
/// When the original is no usable image or beyond the limits, or when `check` says so between two steps.
pub fn transform(
    original: &[u8],
    request: &Request,
    settings: &Settings,
    check: &Check<'_>,
) -> Result<Picture, Error> {
    let header = read_header(original, &settings.limits)?;
    match request.operation {
        Operation::Size => return Ok(size(&header)),
        Operation::Info => return described(original, header, check),
        Operation::Original => return Ok(unchanged(original, &header)),
        _ => {}
    }
    let wishes = Wishes::of(request.operation, request.options);
    if stays_animated(&header, &wishes, request.accepts, settings)? {
        animate(original, &header, &wishes, request.accepts, settings, check)
    } else {
        still(original, header, &wishes, request.accepts, settings, check)
    }
}

fn still(
    original: &[u8],
    header: Header,
    wishes: &Wishes,
    accepts: AcceptClass,
    settings: &Settings,
    check: &Check<'_>,
) -> Result<Picture, Error> {
    let (stored, palette, format) = (header.stored, header.palette, header.format);
    let written = header.written;
    let lie = header.orientation.then(wishes.turn);
    let mut source = Area::whole(stored);
    let mut plan = plan(lie.size(stored), wishes.shape);
    let format = choose(wishes, format, false, accepts, &plan, settings)?;
    let shrink = match wishes.trim {
        // A border is judged by its own pixels.
        Some(_) => Shrink::Full,
        None => shrink::choose(source, plan.scaled, lie),
    };
    check.go_on()?;

    let stripped = if passthrough::applies(&header, wishes, &plan, format) {
        passthrough::strip(original, &header, false)
    } else {
        None
    };
    let decoded = decode(original, header, shrink)?;
    check.go_on()?;
    if let Some(bytes) = stripped
        && !decoded.truncated
        && wishes.max_bytes.is_none_or(|max| bytes.len() <= max)
    {
        return Ok(Picture {
            bytes,
            media_type: format.media_type(),
            width: stored.width,
            height: stored.height,
            truncated: false,
        });
    }
    if let Some(tolerance) = wishes.trim {
        source = without_border(&decoded.pixels, tolerance);
        plan = crate::geometry::plan(lie.size(source.size()), wishes.shape);
    }
    let colours = if palette && format == Format::Png {
        translucent_colours(&decoded.pixels)
    } else {
        None
    };
    let plan = placed(plan, wishes, &decoded.pixels, source, lie)?;
    let scaling = scaling(&plan, stored, source, lie, decoded.shrink);
    let pixels = resize(decoded.pixels, scaling)?;
    let pixels = to_srgb(pixels, decoded.profile.as_deref())?;
    let pixels = orient(pixels, lie)?;
    let pixels = finish(pixels, &plan, wishes, format)?;
    check.go_on()?;

    let (width, height) = (pixels.width(), pixels.height());
    let lossy = written.map(|written| Source {
        written,
        original: lie.size(source.size()),
        scaled: plan.scaled,
    });
    let target = Target {
        colours,
        ..wishes.target(format, palette, settings.encoding, lossy)
    };
    let bytes = encode(pixels, &target, check)?;
    Ok(Picture {
        bytes,
        media_type: format.media_type(),
        width,
        height,
        truncated: decoded.truncated,
    })
}

/// The format of the result, once its size is found to be within the limits.
pub(crate) fn choose(
    wishes: &Wishes,
    original: Format,
    animated: bool,
    accepts: AcceptClass,
    plan: &Plan,
    settings: &Settings,
) -> Result<Format, Error> {
    let size = plan.size();
    let limits = &settings.limits;
    limits.check_result(size.width, size.height)?;
    limits.check_result(
        plan.scaled.width.min(size.width),
        plan.scaled.height.min(size.height),
    )?;
    negotiate::choose(wishes.format, original, animated, accepts, size, limits)
}

/// The plan with its cut where gravity wants it.
pub(crate) fn placed(
    plan: Plan,
    wishes: &Wishes,
    pixels: &Pixels,
    source: Area,
    lie: Orientation,
) -> Result<Plan, Error> {
    if plan.cut.size() == plan.scaled {
        return Ok(plan);
    }
    let place = match wishes.gravity {
        Gravity::At(place) => place,
        Gravity::Smart => {
            let whole = (source.width, source.height) == (pixels.width(), pixels.height());
            let small = if wishes.trim.is_some() && !whole {
                let part = pixels.cut(source.left, source.top, source.width, source.height)?;
                thumbnail(&part, smart::SIDE)?
            } else {
                thumbnail(pixels, smart::SIDE)?
            };
            let (across, down) = smart::focus(&orient(small, lie)?, plan.window());
            Place::Point(across, down)
        }
    };
    Ok(plan.placed(place))
}

/// A plan for the looked-at picture, as what is to be done to the stored one.
pub(crate) fn scaling(
    plan: &Plan,
    stored: Size,
    source: Area,
    lie: Orientation,
    shrink: Shrink,
) -> Scaling {
    let scaled = lie.size(plan.scaled);
    let cut = lie.area_before(plan.cut, scaled);
    Scaling::new(
        stored,
        source,
        scaled,
        cut,
        shrink.factor(),
        shrink.size(stored),
    )
}

/// What is done to a picture at its final size.
pub(crate) fn finish(
    pixels: Pixels,
    plan: &Plan,
    wishes: &Wishes,
    format: Format,
) -> Result<Pixels, Error> {
    let pixels = blur(pixels, wishes.blur)?;
    let pixels = sharpen(pixels, wishes.sharpen);
    let opaque = format == Format::Jpeg;
    // What has no alpha shows white where nothing else is asked for.
    let background = wishes.background.or(opaque.then_some([255; 4]));
    let pixels = match background {
        Some(colour) => flatten(pixels, colour)?,
        None => pixels,
    };
    let Some(canvas) = plan.canvas else {
        return Ok(pixels);
    };
    let place = match wishes.gravity {
        Gravity::At(place) => place,
        Gravity::Smart => Place::Anchor(1, 1),
    };
    let inner = Size {
        width: pixels.width(),
        height: pixels.height(),
    };
    let (left, top) = place.within(canvas, inner);
    on_canvas(pixels, canvas, left, top, background)
}

/// nginx: `image_filter size`.
fn size(header: &Header) -> Picture {
    let Size { width, height } = header.seen();
    let json = format!(
        r#"{{"img":{{"width":{width},"height":{height},"type":"{}"}}}}"#,
        header.format.name()
    );
    Picture {
        bytes: json.into_bytes(),
        media_type: "application/json",
        width,
        height,
        truncated: false,
    }
}

fn described(original: &[u8], header: Header, check: &Check<'_>) -> Result<Picture, Error> {
    check.go_on()?;
    let Size { width, height } = header.seen();
    let (bytes, truncated) = info(original, header)?;
    Ok(Picture {
        bytes,
        media_type: "application/json",
        width,
        height,
        truncated,
    })
}

fn unchanged(original: &[u8], header: &Header) -> Picture {
    let Size { width, height } = header.seen();
    Picture {
        bytes: original.to_vec(),
        media_type: header.format.media_type(),
        width,
        height,
        truncated: false,
    }
}
