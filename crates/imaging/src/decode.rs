//! Pixels from an original: 8 bits a channel, grey kept grey, alpha kept only where something is transparent.

use crate::error::Error;
use crate::probe::Opened;
use image::{DynamicImage, ImageDecoder};

/// Pixels in 8 bits a channel.
#[derive(Clone, Debug)]
pub(crate) enum Pixels {
    Grey(image::GrayImage),
    GreyAlpha(image::GrayAlphaImage),
    Rgb(image::RgbImage),
    Rgba(image::RgbaImage),
}

/// A decoded original.
pub(crate) struct Decoded {
    pub(crate) pixels: Pixels,
    /// The ICC profile embedded in the original.
    pub(crate) profile: Option<Vec<u8>>,
}

pub(crate) fn decode(mut opened: Opened<'_>) -> Result<Decoded, Error> {
    let profile = opened.decoder.icc_profile().ok().flatten();
    let mut image = DynamicImage::from_decoder(BoxedDecoder(opened.decoder))?;
    image.apply_orientation(opened.orientation);
    Ok(Decoded {
        pixels: Pixels::from(image),
        profile,
    })
}

impl From<DynamicImage> for Pixels {
    fn from(image: DynamicImage) -> Self {
        let alpha = image.color().has_alpha();
        match (image.color().has_color(), alpha) {
            (false, false) => Self::Grey(image.into_luma8()),
            (true, false) => Self::Rgb(image.into_rgb8()),
            (false, true) => {
                let pixels = image.into_luma_alpha8();
                if pixels.pixels().all(|pixel| pixel.0[1] == 255) {
                    return Self::Grey(DynamicImage::ImageLumaA8(pixels).into_luma8());
                }
                Self::GreyAlpha(pixels)
            }
            (true, true) => {
                let pixels = image.into_rgba8();
                if pixels.pixels().all(|pixel| pixel.0[3] == 255) {
                    return Self::Rgb(DynamicImage::ImageRgba8(pixels).into_rgb8());
                }
                Self::Rgba(pixels)
            }
        }
    }
}

impl From<Pixels> for DynamicImage {
    fn from(pixels: Pixels) -> Self {
        match pixels {
            Pixels::Grey(pixels) => Self::ImageLuma8(pixels),
            Pixels::GreyAlpha(pixels) => Self::ImageLumaA8(pixels),
            Pixels::Rgb(pixels) => Self::ImageRgb8(pixels),
            Pixels::Rgba(pixels) => Self::ImageRgba8(pixels),
        }
    }
}

impl Pixels {
    pub(crate) fn dimensions(&self) -> (u32, u32) {
        match self {
            Self::Grey(pixels) => pixels.dimensions(),
            Self::GreyAlpha(pixels) => pixels.dimensions(),
            Self::Rgb(pixels) => pixels.dimensions(),
            Self::Rgba(pixels) => pixels.dimensions(),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Grey(pixels) => pixels.as_raw(),
            Self::GreyAlpha(pixels) => pixels.as_raw(),
            Self::Rgb(pixels) => pixels.as_raw(),
            Self::Rgba(pixels) => pixels.as_raw(),
        }
    }
}

/// `DynamicImage::from_decoder` wants a sized decoder.
struct BoxedDecoder<'a>(Box<dyn ImageDecoder + 'a>);

impl ImageDecoder for BoxedDecoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    fn color_type(&self) -> image::ColorType {
        self.0.color_type()
    }

    fn read_image(self, buffer: &mut [u8]) -> image::ImageResult<()> {
        self.0.read_image_boxed(buffer)
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> image::ImageResult<()> {
        self.0.read_image_boxed(buffer)
    }
}
