//! Writes originals of every kind that is read into a folder, to begin a corpus with: `seeds FOLDER`.
//!
//! Each is written once for every request that the target knows, with the request's two bytes behind it.

#[path = "../paths.rs"]
mod paths;

use image_url::AcceptClass;
use imaging::{Check, Settings, transform};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use paths::{PATHS, request};
use std::error::Error;
use std::path::PathBuf;

const WIDTH: u16 = 37;
const HEIGHT: u16 = 21;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("seeds FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let mut originals = Vec::new();
    jpegs(&mut originals)?;
    pngs(&mut originals)?;
    gifs(&mut originals)?;
    webps(&mut originals)?;
    let mut count = 0;
    for (name, original) in &originals {
        for path in 0..PATHS.len() as u8 {
            let mut input = original.clone();
            input.extend([path, path]);
            std::fs::write(folder.join(format!("{name}-{path}")), input)?;
            count += 1;
        }
    }
    println!("{count} inputs of {} originals", originals.len());
    Ok(())
}

type Originals = Vec<(String, Vec<u8>)>;

/// A gradient with an edge in it.
fn pixels(channels: usize) -> Vec<u8> {
    (0..usize::from(WIDTH) * usize::from(HEIGHT))
        .flat_map(|n| {
            let (x, y) = (n % usize::from(WIDTH), n / usize::from(WIDTH));
            let edge = if x > y { 90 } else { 0 };
            let pixel = [x * 5 + edge, y * 9, 200 - x * 2, 255 - edge * 2];
            let from = if channels == 2 { 2 } else { 0 };
            pixel
                .into_iter()
                .skip(from)
                .take(channels)
                .collect::<Vec<_>>()
        })
        .map(|value| value as u8)
        .collect()
}

fn jpegs(originals: &mut Originals) -> Result<(), Box<dyn Error>> {
    let kinds = [
        ("grey", ColorType::Luma, 1, SamplingFactor::F_1_1),
        ("444", ColorType::Rgb, 3, SamplingFactor::F_1_1),
        ("422", ColorType::Rgb, 3, SamplingFactor::F_2_1),
        ("420", ColorType::Rgb, 3, SamplingFactor::F_2_2),
        ("411", ColorType::Rgb, 3, SamplingFactor::F_4_1),
        ("cmyk", ColorType::Cmyk, 4, SamplingFactor::F_1_1),
        ("ycck", ColorType::CmykAsYcck, 4, SamplingFactor::F_2_2),
    ];
    let profile = moxcms::ColorProfile::new_display_p3().encode()?;
    for (name, colour, channels, sampling) in kinds {
        for progressive in [false, true] {
            for restarts in [0, 2] {
                let mut bytes = Vec::new();
                let mut encoder = Encoder::new(&mut bytes, 70);
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
                if restarts > 0 {
                    encoder.set_restart_interval(restarts);
                    encoder.add_app_segment(1, orientation(restarts + 4))?;
                    encoder.add_icc_profile(&profile)?;
                }
                encoder.encode(&pixels(channels), WIDTH, HEIGHT, colour)?;
                let kind = if progressive {
                    "progressive"
                } else {
                    "baseline"
                };
                originals.push((format!("jpeg-{name}-{kind}-{restarts}"), bytes));
            }
        }
    }
    Ok(())
}

/// An EXIF block that says nothing else.
fn orientation(value: u16) -> Vec<u8> {
    let [high, low] = value.to_be_bytes();
    let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, high, low, 0, 0];
    [&b"Exif\0\0MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat()
}

fn pngs(originals: &mut Originals) -> Result<(), Box<dyn Error>> {
    use png::{BitDepth, ColorType};
    // Depths as in PNG's table of allowed ones (§11.2.1), most of them.
    let kinds = [
        ("grey", ColorType::Grayscale, 1, &[1, 2, 4, 8, 16][..]),
        ("grey-alpha", ColorType::GrayscaleAlpha, 2, &[8, 16]),
        ("rgb", ColorType::Rgb, 3, &[8, 16]),
        ("rgba", ColorType::Rgba, 4, &[8, 16]),
        ("palette", ColorType::Indexed, 1, &[1, 4, 8]),
    ];
    for (name, colour, channels, depths) in kinds {
        for &bits in depths {
            let depth = BitDepth::from_u8(bits).ok_or("no such depth")?;
            let bits = usize::from(bits);
            let samples = if bits == 16 { 2 } else { 1 };
            let row = (usize::from(WIDTH) * channels * bits).div_ceil(8);
            let data: Vec<u8> = pixels(channels * samples)
                .into_iter()
                .cycle()
                .take(row * usize::from(HEIGHT))
                .collect();
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, WIDTH.into(), HEIGHT.into());
            encoder.set_color(colour);
            encoder.set_depth(depth);
            if colour == ColorType::Indexed {
                encoder.set_palette((0..3 << bits).map(|n| n as u8).collect::<Vec<u8>>());
                encoder.set_trns(vec![0, 128]);
            }
            let mut writer = encoder.write_header()?;
            writer.write_image_data(&data)?;
            writer.finish()?;
            originals.push((format!("png-{name}-{bits}"), bytes));
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH.into(), HEIGHT.into());
    encoder.set_color(ColorType::Rgba);
    encoder.set_animated(2, 0)?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels(4))?;
    writer.write_image_data(&pixels(4))?;
    writer.finish()?;
    originals.push(("png-animated".to_owned(), bytes));
    Ok(())
}

fn gifs(originals: &mut Originals) -> Result<(), Box<dyn Error>> {
    use gif::DisposalMethod::{Any, Background, Keep, Previous};
    let palette: Vec<u8> = (0..48).map(|n| n * 5).collect();
    for (name, disposals) in [
        ("still", &[Any][..]),
        ("animated", &[Keep, Background, Previous, Any, Keep]),
    ] {
        let mut bytes = Vec::new();
        let mut encoder = gif::Encoder::new(&mut bytes, WIDTH, HEIGHT, &palette)?;
        encoder.set_repeat(gif::Repeat::Finite(3))?;
        for (number, dispose) in (0..).zip(disposals) {
            // The first is the whole, the others hang over an edge.
            let (width, height) = (WIDTH - number * 2, HEIGHT - number * 3);
            let indices = (0..width * height).map(|n| ((n + number) % 16) as u8);
            let mut frame = gif::Frame::from_indexed_pixels(
                width,
                height,
                indices.collect::<Vec<u8>>(),
                (number > 0).then_some(3),
            );
            (frame.left, frame.top) = (number * 5, number * 2);
            (frame.dispose, frame.delay) = (*dispose, number);
            frame.interlaced = false;
            encoder.write_frame(&frame)?;
        }
        drop(encoder);
        originals.push((format!("gif-{name}"), bytes));
    }
    Ok(())
}

/// Out of the others, by the crate itself.
fn webps(originals: &mut Originals) -> Result<(), Box<dyn Error>> {
    for (name, of, path) in [
        ("lossy", "jpeg-420-baseline-0", "/resize/40,f=webp"),
        ("lossless", "png-rgb-8", "/resize/40,f=webp,lossless=1"),
        ("alpha", "png-rgba-8", "/resize/40,f=webp"),
        (
            "alpha-lossless",
            "png-rgba-8",
            "/resize/40,f=webp,lossless=1",
        ),
        ("animated", "gif-animated", "/resize/40,f=webp"),
        (
            "animated-lossless",
            "gif-animated",
            "/resize/40,f=webp,lossless=1",
        ),
    ] {
        let (_, original) = originals
            .iter()
            .find(|(name, _)| name == of)
            .ok_or("no such original")?;
        let request = request(path, AcceptClass::None);
        let picture = transform(original, &request, &Settings::default(), &Check::default())?;
        originals.push((format!("webp-{name}"), picture.bytes));
    }
    Ok(())
}
