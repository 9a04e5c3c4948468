//! Pixels to bytes in a format, without any metadata.

use crate::decode::Pixels;
use crate::error::Error;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageEncoder};
use image_url::{Format, Options};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// From this quality on colour keeps its full resolution, 4:4:4; below it is halved, 4:2:0.
const FULL_CHROMA_QUALITY: u8 = 90;

/// Speed of the palette's search for GIF, 1 (best) to 30 (fastest).
const GIF_SPEED: i32 = 10;

/// Defaults of the encoders, where the URL is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Quality of JPEG, 1 to 100 (nginx: `image_filter_jpeg_quality`).
    pub jpeg_quality: u8,
    /// Quality of WebP, 1 to 100 (nginx: `image_filter_webp_quality`).
    pub webp_quality: u8,
    /// Whether JPEG is progressive (nginx: `image_filter_interlace`).
    pub progressive: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            jpeg_quality: 95,
            webp_quality: 80,
            progressive: true,
        }
    }
}

pub(crate) fn encode(
    pixels: Pixels,
    format: Format,
    options: Options,
    encoding: Encoding,
) -> Result<Vec<u8>, Error> {
    match format {
        Format::Jpeg => jpeg(
            pixels,
            options.quality.unwrap_or(encoding.jpeg_quality),
            encoding.progressive,
        ),
        Format::Png => png(&pixels),
        Format::Gif => gif(pixels),
        Format::WebP => webp(pixels, options.quality.unwrap_or(encoding.webp_quality)),
        Format::Avif => Err(Error::Encode("AVIF is not written yet".to_owned())),
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Encode(error.to_string())
}

fn jpeg(pixels: Pixels, quality: u8, progressive: bool) -> Result<Vec<u8>, Error> {
    let pixels = on_white(pixels);
    let (width, height) = pixels.dimensions();
    let side = |side: u32| {
        u16::try_from(side).map_err(|_| Error::Encode("JPEG sides end at 65,535".to_owned()))
    };
    let colour = if matches!(pixels, Pixels::Grey(_)) {
        ColorType::Luma
    } else {
        ColorType::Rgb
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_progressive(progressive);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_sampling_factor(if quality >= FULL_CHROMA_QUALITY {
        SamplingFactor::F_1_1
    } else {
        SamplingFactor::F_2_2
    });
    encoder
        .encode(pixels.bytes(), side(width)?, side(height)?, colour)
        .map_err(failed)?;
    Ok(bytes)
}

/// JPEG has no alpha: what is transparent shows white.
fn on_white(pixels: Pixels) -> Pixels {
    let over = |channel: u8, alpha: u8| {
        let (channel, alpha) = (u32::from(channel), u32::from(alpha));
        ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    match pixels {
        Pixels::GreyAlpha(image) => Pixels::Grey(image::GrayImage::from_fn(
            image.width(),
            image.height(),
            |x, y| {
                let [grey, alpha] = image.get_pixel(x, y).0;
                image::Luma([over(grey, alpha)])
            },
        )),
        Pixels::Rgba(image) => Pixels::Rgb(image::RgbImage::from_fn(
            image.width(),
            image.height(),
            |x, y| {
                let [red, green, blue, alpha] = image.get_pixel(x, y).0;
                image::Rgb([over(red, alpha), over(green, alpha), over(blue, alpha)])
            },
        )),
        opaque => opaque,
    }
}

fn png(pixels: &Pixels) -> Result<Vec<u8>, Error> {
    let (width, height) = pixels.dimensions();
    let colour = match pixels {
        Pixels::Grey(_) => image::ExtendedColorType::L8,
        Pixels::GreyAlpha(_) => image::ExtendedColorType::La8,
        Pixels::Rgb(_) => image::ExtendedColorType::Rgb8,
        Pixels::Rgba(_) => image::ExtendedColorType::Rgba8,
    };
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(pixels.bytes(), width, height, colour)
        .map_err(failed)?;
    Ok(bytes)
}

fn gif(pixels: Pixels) -> Result<Vec<u8>, Error> {
    let mut image = DynamicImage::from(pixels).into_rgba8();
    let side = |side: u32| {
        u16::try_from(side).map_err(|_| Error::Encode("GIF sides end at 65,535".to_owned()))
    };
    let (width, height) = (side(image.width())?, side(image.height())?);
    // GIF knows no half transparency.
    for pixel in image.pixels_mut() {
        pixel.0[3] = if pixel.0[3] < 128 { 0 } else { 255 };
    }
    let frame = gif::Frame::from_rgba_speed(width, height, &mut image, GIF_SPEED);
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[]).map_err(failed)?;
    encoder.write_frame(&frame).map_err(failed)?;
    drop(encoder);
    Ok(bytes)
}

fn webp(pixels: Pixels, quality: u8) -> Result<Vec<u8>, Error> {
    let alpha = matches!(pixels, Pixels::GreyAlpha(_) | Pixels::Rgba(_));
    let image = DynamicImage::from(pixels);
    let (width, height) = (image.width(), image.height());
    let bytes = if alpha {
        image.into_rgba8().into_raw()
    } else {
        image.into_rgb8().into_raw()
    };
    let layout = if alpha {
        webp::PixelLayout::Rgba
    } else {
        webp::PixelLayout::Rgb
    };
    let encoded =
        webp::Encoder::new(&bytes, layout, width, height).encode_simple(false, f32::from(quality));
    // libwebp's sides end at 16,383.
    Ok(encoded
        .map_err(|error| Error::Encode(format!("WebP: {error:?}")))?
        .to_vec())
}
