//! What a URL asks for, in the words of the steps.

use crate::encode::{Encoding, Target};
use crate::geometry::{Box, Fit, Place, Shape, Size};
use crate::orient::Orientation;
use crate::quality::{Chroma, Written};
use image_url::{Bounds, Flip, Format, Operation, Options, OutputFormat, Rotation};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    pub(crate) shape: Shape,
    pub(crate) gravity: Gravity,
    /// Turns and flips beside that of the original itself.
    pub(crate) turn: Orientation,
    /// RGBA behind what is transparent, and around what is padded.
    pub(crate) background: Option<[u8; 4]>,
    /// Standard deviation in pixels of the result.
    pub(crate) blur: f32,
    /// nginx's 0 to 100.
    pub(crate) sharpen: u8,
    /// How far a border may be from one colour, 0 to 255.
    pub(crate) trim: Option<u8>,
    pub(crate) format: Option<OutputFormat>,
    pub(crate) quality: Option<u8>,
    pub(crate) lossless: bool,
    pub(crate) max_bytes: Option<usize>,
}

/// Where a cut is made, or a picture lies on its canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Gravity {
    At(Place),
    /// Where the eye goes.
    Smart,
}

/// A lossy original, and the size to which it, or a part of it, is scaled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) written: Written,
    pub(crate) original: Size,
    pub(crate) scaled: Size,
}

impl Source {
    /// The colour of a result is as sharp as the original's: at half of the size, halved colour is full again.
    fn chroma(self, bounded: bool) -> Chroma {
        let nearly_whole = self.scaled.width.saturating_mul(2) > self.original.width;
        match self.written.chroma {
            Chroma::Halved if nearly_whole => Chroma::Halved,
            Chroma::Full if !bounded => Chroma::Full,
            _ => Chroma::Other,
        }
    }
}

impl Wishes {
    pub(crate) fn of(operation: Operation, options: Options) -> Self {
        let (bounds, fit) = match operation {
            Operation::Resize(bounds) => (Some(bounds_of(bounds)), fit_of(options.fit)),
            Operation::Crop { width, height } => (
                Some(Box::Both(width.get().into(), height.get().into())),
                Fit::Cover,
            ),
            _ => (None, Fit::Inside),
        };
        let turn = match operation {
            Operation::Rotate(rotation) => Some(rotation),
            _ => options.turn,
        };
        Self {
            shape: Shape {
                bounds,
                fit,
                enlarge: options.enlarge,
            },
            gravity: gravity_of(options.gravity),
            turn: turn
                .map(turn_of)
                .unwrap_or_default()
                .then(options.flip.map(flip_of).unwrap_or_default()),
            background: options
                .background
                .map(|colour| [colour.red, colour.green, colour.blue, colour.alpha]),
            blur: options.blur.map_or(0.0, image_url::Sigma::pixels),
            sharpen: options.sharpen,
            trim: options
                .trim
                .map(|percent| (u16::from(percent.min(100)) * 255 / 100) as u8),
            format: options.format,
            quality: options.quality,
            lossless: options.lossless,
            max_bytes: options.max_bytes.map(|bytes| bytes as usize),
        }
    }

    /// How a result of this format is written.
    pub(crate) fn target(
        &self,
        format: Format,
        palette: bool,
        encoding: Encoding,
        source: Option<Source>,
    ) -> Target {
        let source = source.filter(|_| self.quality.is_none());
        let quality = self.quality.unwrap_or(match format {
            Format::Jpeg | Format::Png | Format::Gif => encoding.jpeg_quality,
            Format::WebP => encoding.webp_quality,
            Format::Avif => encoding.avif_quality,
        });
        let quality = source.map_or(quality, |source| {
            let Source {
                written,
                original,
                scaled,
            } = source;
            quality.min(written.quality_for(original, scaled, format))
        });
        Target {
            format,
            quality,
            progressive: encoding.progressive,
            chroma: source.map_or(Chroma::Other, |source| {
                source.chroma(self.max_bytes.is_some())
            }),
            lossless: self.lossless,
            max_bytes: self.max_bytes,
            palette,
            colours: None,
        }
    }
}

fn bounds_of(bounds: Bounds) -> Box {
    match bounds {
        Bounds::Both(width, height) => Box::Both(width.get().into(), height.get().into()),
        Bounds::Width(width) => Box::Width(width.get().into()),
        Bounds::Height(height) => Box::Height(height.get().into()),
    }
}

fn fit_of(fit: image_url::Fit) -> Fit {
    match fit {
        image_url::Fit::Inside => Fit::Inside,
        image_url::Fit::Fill => Fit::Fill,
        image_url::Fit::Pad => Fit::Pad,
    }
}

fn gravity_of(gravity: image_url::Gravity) -> Gravity {
    use image_url::Gravity as Named;
    let (across, down) = match gravity {
        Named::Smart => return Gravity::Smart,
        Named::FocalPoint(point) => {
            let part = |thousandths: u16| f64::from(thousandths) / 1000.0;
            return Gravity::At(Place::Point(
                part(point.x_thousandths()),
                part(point.y_thousandths()),
            ));
        }
        Named::NorthWest => (0, 0),
        Named::North => (1, 0),
        Named::NorthEast => (2, 0),
        Named::West => (0, 1),
        Named::Centre => (1, 1),
        Named::East => (2, 1),
        Named::SouthWest => (0, 2),
        Named::South => (1, 2),
        Named::SouthEast => (2, 2),
    };
    Gravity::At(Place::Anchor(across, down))
}

fn flip_of(flip: Flip) -> Orientation {
    Orientation {
        transpose: false,
        flip_horizontal: matches!(flip, Flip::Horizontal | Flip::Both),
        flip_vertical: matches!(flip, Flip::Vertical | Flip::Both),
    }
}

/// Anticlockwise, as nginx turns; EXIF's 8 is a quarter of that.
fn turn_of(rotation: Rotation) -> Orientation {
    let exif = match rotation {
        Rotation::Quarter => 8,
        Rotation::Half => 3,
        Rotation::ThreeQuarters => 6,
    };
    Orientation::from_exif(exif).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orient::orient;
    use crate::pixels::{Layout, Pixels};

    #[test]
    fn a_quarter_turn_brings_the_right_edge_up() {
        let picture = Pixels::new(2, 1, Layout::Grey, vec![0, 255]).unwrap();
        let turned = orient(picture, turn_of(Rotation::Quarter)).unwrap();
        assert_eq!((turned.width(), turned.bytes()), (1, &[255, 0][..]));
    }
}
