//! What a URL asks for, in the words of the steps.

use crate::encode::{Encoding, Target};
use crate::format::Format;
use crate::geometry::{Box, Fit, Place, Shape};
use crate::negotiate::Wanted;
use crate::orient::Orientation;
use image_url::{Bounds, Operation, Options, Rotation};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    pub(crate) shape: Shape,
    pub(crate) gravity: Gravity,
    /// Turns and flips beside that of the original itself.
    pub(crate) turn: Orientation,
    /// Behind what is transparent, and around what is padded.
    pub(crate) background: Option<[u8; 3]>,
    /// Standard deviation in pixels of the result.
    pub(crate) blur: f32,
    /// nginx's 0 to 100.
    pub(crate) sharpen: u8,
    /// How far a border may be from one colour.
    pub(crate) trim: Option<u8>,
    pub(crate) format: Wanted,
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

impl Wishes {
    pub(crate) fn of(operation: Operation, options: Options) -> Self {
        let (bounds, fit) = match operation {
            Operation::Resize(bounds) => (Some(bounds_of(bounds)), Fit::Inside),
            Operation::Crop { width, height } => (
                Some(Box::Both(width.get().into(), height.get().into())),
                Fit::Cover,
            ),
            _ => (None, Fit::Inside),
        };
        let turn = match operation {
            Operation::Rotate(rotation) => turn_of(rotation),
            _ => Orientation::default(),
        };
        Self {
            shape: Shape {
                bounds,
                fit,
                enlarge: false,
            },
            gravity: Gravity::At(Place::Anchor(1, 1)),
            turn,
            background: None,
            blur: 0.0,
            sharpen: 0,
            trim: None,
            format: options
                .format
                .map_or(Wanted::AsItIs, |format| Wanted::Named(format.into())),
            quality: options.quality,
            lossless: false,
            max_bytes: None,
        }
    }

    /// How a result of this format is written.
    pub(crate) fn target(&self, format: Format, palette: bool, encoding: Encoding) -> Target {
        let quality = self.quality.unwrap_or(match format {
            Format::Jpeg | Format::Png | Format::Gif => encoding.jpeg_quality,
            Format::WebP => encoding.webp_quality,
            Format::Avif => encoding.avif_quality,
        });
        Target {
            format,
            quality,
            progressive: encoding.progressive,
            lossless: self.lossless,
            max_bytes: self.max_bytes,
            palette,
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
