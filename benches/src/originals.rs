//! The originals of the misses bench, made of the bundled samples, so that they are the same everywhere. Where Debian's
//! `lomiri-wallpapers` are installed, the 20 MP photograph is the one that came so out of a camera.

use anyhow::Context;
use image::codecs::gif::{GifEncoder, Repeat};
use image::imageops::{FilterType, crop_imm, resize};
use image::{DynamicImage, Frame, ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::path::{Path, PathBuf};

/// Where `lomiri-wallpapers-16.04` puts its photographs.
const WALLPAPERS: &str = "/usr/share/backgrounds";

/// One original.
pub struct Original {
    /// What it is, for the table.
    pub label: &'static str,
    /// Its name in the folder.
    pub name: &'static str,
}

const fn original(label: &'static str, name: &'static str) -> Original {
    Original { label, name }
}

/// What is measured, in the order of the table.
pub const ALL: [Original; 8] = [
    original("12 MP baseline", "camera-12mp.jpg"),
    original("20 MP baseline", "camera-20mp.jpg"),
    original("13 MP progressive", "progressive-13mp.jpg"),
    original("2 MP web JPEG", "web-2mp.jpg"),
    original("PNG 1600", "rgb.png"),
    original("PNG 1600 with alpha", "rgba.png"),
    original("WebP 1600", "photo.webp"),
    original("GIF 480, 16 frames", "animation.gif"),
];

/// Makes them in a folder.
///
/// # Errors
/// When a sample cannot be read or the folder not be written.
pub fn make(dir: &Path) -> anyhow::Result<()> {
    let sunset = sample("sunset.jpg")?;
    let scaled = resize(&sunset, 4500, 3000, FilterType::Lanczos3);
    let camera = crop_imm(&scaled, 250, 0, 4000, 3000);
    jpeg(&camera.to_image(), 90, &dir.join("camera-12mp.jpg"))?;
    let kleiber = Path::new(WALLPAPERS).join("Kleiber_by_Lukas_Baubkus.jpg");
    if kleiber.exists() {
        std::fs::copy(kleiber, dir.join("camera-20mp.jpg"))?;
    } else {
        let large = resize(&sample("seeding.jpg")?, 6028, 3391, FilterType::Lanczos3);
        jpeg(&large, 92, &dir.join("camera-20mp.jpg"))?;
    }
    let dragonfly = Path::new(WALLPAPERS).join("Dragonfly_by_Bolly.jpg");
    let progressive = if dragonfly.exists() {
        dragonfly
    } else {
        path("sunset.jpg")
    };
    std::fs::copy(progressive, dir.join("progressive-13mp.jpg"))?;

    let umang = sample("umang.jpg")?;
    jpeg(
        &resize(&umang, 1920, 1080, FilterType::Lanczos3),
        82,
        &dir.join("web-2mp.jpg"),
    )?;
    let picos = resize(&sample("picos.jpg")?, 1600, 1200, FilterType::Lanczos3);
    let mut cut_out = DynamicImage::from(picos.clone()).into_rgba8();
    for (x, y, pixel) in cut_out.enumerate_pixels_mut() {
        // A round motif with a soft edge, as shops cut out their goods.
        let from_middle = (f64::from(x) - 800.0).hypot(f64::from(y) - 600.0);
        pixel.0[3] = ((580.0 - from_middle) * 8.0).clamp(0.0, 255.0) as u8;
    }
    cut_out.save_with_format(dir.join("rgba.png"), ImageFormat::Png)?;
    picos.save_with_format(dir.join("rgb.png"), ImageFormat::Png)?;
    web_p(&picos, 82.0, &dir.join("photo.webp"))?;

    let mut animation =
        GifEncoder::new_with_speed(std::fs::File::create(dir.join("animation.gif"))?, 10);
    animation.set_repeat(Repeat::Infinite)?;
    for step in 0..16 {
        let frame = crop_imm(&picos, step * 40, step * 20, 480, 360).to_image();
        animation.encode_frame(Frame::new(DynamicImage::from(frame).into_rgba8()))?;
    }
    Ok(())
}

/// Photographs 2,040 pixels wide, as the public comparison has them, each as JPEG, PNG and WebP named `0.jpg`, `0.png` …
///
/// `views` of each sample, at most three: the whole, and parts of it that show more detail a pixel. Gives how many.
///
/// # Errors
/// When a sample cannot be read or the folder not be written.
pub fn make_2k(dir: &Path, views: usize) -> anyhow::Result<usize> {
    let samples = ["sunset.jpg", "seeding.jpg", "picos.jpg", "umang.jpg"];
    let mut count = 0;
    for sample_name in samples {
        let photograph = sample(sample_name)?;
        let width = photograph.width();
        for part in [1.0, 0.8, 0.65].into_iter().take(views) {
            let size = |side: u32| (f64::from(side) * part) as u32;
            let (part_width, part_height) = (size(width), size(photograph.height()));
            let view =
                crop_imm(&photograph, width - part_width, 0, part_width, part_height).to_image();
            let height = (2040 * part_height).div_euclid(part_width);
            let small = resize(&view, 2040, height, FilterType::Lanczos3);
            jpeg(&small, 90, &dir.join(format!("{count}.jpg")))?;
            small.save_with_format(dir.join(format!("{count}.png")), ImageFormat::Png)?;
            web_p(&small, 90.0, &dir.join(format!("{count}.webp")))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Photographs of 12 MP under `count` names, `0.jpg` and so on. There are sixteen of them, parts of one sample that differ
/// in every pixel; the other names are links.
///
/// # Errors
/// When a sample cannot be read or the folder not be written.
pub fn make_many(dir: &Path, count: usize) -> anyhow::Result<()> {
    const DISTINCT: usize = 16;
    let scaled = resize(&sample("sunset.jpg")?, 4800, 3200, FilterType::Lanczos3);
    for number in 0..count {
        let name = dir.join(format!("{number}.jpg"));
        if number < DISTINCT {
            let number = u32::try_from(number)?;
            let part = crop_imm(&scaled, number * 50, number * 12, 4000, 3000);
            jpeg(&part.to_image(), 90, &name)?;
        } else {
            std::fs::hard_link(dir.join(format!("{}.jpg", number % DISTINCT)), name)?;
        }
    }
    Ok(())
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../samples")
        .join(name)
}

fn sample(name: &str) -> anyhow::Result<RgbImage> {
    Ok(image::open(path(name))
        .with_context(|| name.to_owned())?
        .into_rgb8())
}

/// As cameras write it: baseline, colour halved, the standard's own Huffman tables.
fn jpeg(picture: &RgbImage, quality: u8, path: &Path) -> anyhow::Result<()> {
    let mut encoder = Encoder::new_file(path, quality)?;
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = (picture.width().try_into()?, picture.height().try_into()?);
    encoder.encode(picture, width, height, ColorType::Rgb)?;
    Ok(())
}

fn web_p(picture: &RgbImage, quality: f32, path: &Path) -> anyhow::Result<()> {
    let encoded =
        webp::Encoder::from_rgb(picture, picture.width(), picture.height()).encode(quality);
    Ok(std::fs::write(path, &*encoded)?)
}
