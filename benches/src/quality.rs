//! How good a picture looks: SSIMULACRA2 against a reference that spares nothing, the whole original decoded and scaled
//! with Lanczos3.

use anyhow::{Context, bail};
use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};
use std::path::Path;

/// What the numbers of a pixel mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Amounts of light, the right thing to average.
    Linear,
    /// sRGB as it is coded, which image servers average since it is cheaper.
    Coded,
}

/// A picture of three floats a pixel, on white where it is transparent.
pub struct Raster {
    width: u32,
    height: u32,
    pixels: Vec<[f32; 3]>,
    light: Light,
}

impl Raster {
    /// Decodes a file whole; an animation's first frame.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn open(path: &Path, light: Light) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path)?;
        let picture =
            image::load_from_memory(&bytes).with_context(|| path.display().to_string())?;
        let table: Vec<f32> = (0..=255).map(|value| light.of(value)).collect();
        let rgba = picture.into_rgba8();
        let pixels = rgba.pixels().map(|pixel| {
            let alpha = f32::from(pixel.0[3]) / 255.0;
            let [red, green, blue, _] = pixel.0;
            [red, green, blue].map(|value| table[usize::from(value)] * alpha + 1.0 - alpha)
        });
        Ok(Self {
            width: rgba.width(),
            height: rgba.height(),
            pixels: pixels.collect(),
            light,
        })
    }

    /// Scaled with Lanczos3.
    ///
    /// # Errors
    /// When a side is 0.
    pub fn scaled(&self, width: u32, height: u32) -> anyhow::Result<Self> {
        let bytes = self
            .pixels
            .iter()
            .flatten()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        let source = Image::from_vec_u8(self.width, self.height, bytes, PixelType::F32x3)?;
        let mut target = Image::new(width, height, PixelType::F32x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
        Resizer::new().resize(&source, &mut target, &options)?;
        let values: Vec<f32> = target
            .buffer()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_ne_bytes(*bytes))
            .collect();
        Ok(Self {
            width,
            height,
            pixels: values.as_chunks().0.to_vec(),
            light: self.light,
        })
    }

    /// The score of a picture beside this one: 100 is the same, 90 cannot be told apart when looking from one to the other,
    /// 70 is high quality.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn score(&self, picture: &Self) -> anyhow::Result<f64> {
        if (self.width, self.height) != (picture.width, picture.height) {
            bail!(
                "{}x{} beside {}x{}",
                picture.width,
                picture.height,
                self.width,
                self.height
            );
        }
        Ok(compute_frame_ssimulacra2(
            self.as_rgb()?,
            picture.as_rgb()?,
        )?)
    }

    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn as_rgb(&self) -> anyhow::Result<Rgb> {
        let pixels = self
            .pixels
            .iter()
            .map(|pixel| pixel.map(|value| value.clamp(0.0, 1.0)));
        let transfer = match self.light {
            Light::Linear => TransferCharacteristic::Linear,
            Light::Coded => TransferCharacteristic::SRGB,
        };
        let primaries = ColorPrimaries::BT709;
        let (width, height) = (self.width as usize, self.height as usize);
        Ok(Rgb::new(
            pixels.collect(),
            width,
            height,
            transfer,
            primaries,
        )?)
    }
}

impl Light {
    fn of(self, value: u8) -> f32 {
        let value = f32::from(value) / 255.0;
        match self {
            Self::Coded => value,
            // IEC 61966-2-1.
            Self::Linear if value <= 0.04045 => value / 12.92,
            Self::Linear => ((value + 0.055) / 1.055).powf(2.4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_100_and_less_is_less() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/umang.jpg");
        let whole = Raster::open(&sample, Light::Linear).unwrap();
        let reference = whole.scaled(192, 108).unwrap();
        assert!(reference.score(&reference).unwrap() > 99.9);
        let after = |width, height| {
            let small = reference.scaled(width, height).unwrap();
            reference.score(&small.scaled(192, 108).unwrap()).unwrap()
        };
        let (half, quarter) = (after(96, 54), after(48, 27));
        assert!(half < 95.0 && quarter < half - 10.0, "{half} {quarter}");
    }
}
