//! Quarter turns, anticlockwise as nginx turns.

use crate::decode::Pixels;
use image::DynamicImage;
use image_url::Rotation;

pub(crate) fn rotate(pixels: Pixels, rotation: Rotation) -> Pixels {
    let image = DynamicImage::from(pixels);
    // `image` turns clockwise.
    Pixels::from(match rotation {
        Rotation::Quarter => image.rotate270(),
        Rotation::Half => image.rotate180(),
        Rotation::ThreeQuarters => image.rotate90(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_brings_the_right_edge_up() {
        let mut picture = image::GrayImage::new(2, 1);
        picture.put_pixel(1, 0, image::Luma([255]));
        let Pixels::Grey(turned) = rotate(Pixels::Grey(picture), Rotation::Quarter) else {
            panic!("not grey")
        };
        assert_eq!(turned.into_raw(), [255, 0]);
    }
}
