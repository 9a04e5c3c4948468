//! The estimate against what processes really hold, by way of the example, which has the allocator of the resizer, the system's.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use std::path::PathBuf;
use std::process::Command;

/// An estimate may be this many times the truth, and this many MB more, which is what small jobs are granted.
const FACTOR: f64 = 4.0;
const GRANTED: f64 = 8.0;

/// Built by `cargo test` beside this test.
fn example() -> Option<PathBuf> {
    let deps = std::env::current_exe().ok()?;
    let path = deps.parent()?.parent()?.join("examples/transform");
    path.exists().then_some(path)
}

/// Peak and estimate in MB.
fn measured(file: &std::path::Path, operation: &str) -> Option<(f64, f64)> {
    let output = Command::new(example()?)
        .args([file.as_os_str(), operation.as_ref(), "/dev/null".as_ref()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{operation}: {output:?}");
    let number = |before: &str| -> f64 {
        let rest = text.split_once(before).unwrap().1;
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    Some((number("peak "), number("estimated ")))
}

/// Five frames of noise with holes, each of which is restored after the next one.
fn animated_gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette: Vec<u8> = (0..=255)
        .flat_map(|n: u8| [n, n.wrapping_mul(7), !n])
        .collect();
    let mut encoder = gif::Encoder::new(&mut bytes, 600, 500, &palette).unwrap();
    for turn in 0..5_u32 {
        let noise = (0..600 * 500_u32).map(|n| ((n + turn).wrapping_mul(0x9e37_79b1) >> 24) as u8);
        let mut frame =
            gif::Frame::from_indexed_pixels(600, 500, noise.collect::<Vec<_>>(), Some(7));
        frame.dispose = gif::DisposalMethod::Previous;
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// The same as a PNG, opaque, each frame undone after it was seen.
fn animated_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 600, 500);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_animated(5, 0).unwrap();
    encoder.set_dispose_op(png::DisposeOp::Previous).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for turn in 0..5_u32 {
        let noise =
            (0..600 * 500 * 3_u32).map(|n| ((n + turn).wrapping_mul(0x9e37_79b1) >> 24) as u8);
        writer.write_image_data(&noise.collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn an_estimate_is_never_less_than_the_peak_and_not_far_above_it() {
    if !cfg!(target_os = "linux") || example().is_none() {
        eprintln!("skipped: needs /proc and the example `transform`");
        return;
    }
    let folder = std::env::temp_dir().join(format!("imaging-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let picture = image::RgbaImage::from_fn(1500, 1100, |x, y| {
        image::Rgba([
            (x * y) as u8,
            (x / 3) as u8,
            (y / 5) as u8,
            (x + y) as u8 | 3,
        ])
    });
    let samples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples"));
    let png = folder.join("picture.png");
    picture.save(&png).unwrap();
    let webp = folder.join("picture.webp");
    picture.save(&webp).unwrap();
    let lossy = folder.join("lossy.webp");
    let rgb = image::DynamicImage::from(picture.clone()).into_rgb8();
    let encoder = ::webp::Encoder::from_rgb(&rgb, rgb.width(), rgb.height());
    std::fs::write(&lossy, &*encoder.encode(80.0)).unwrap();
    // More than a power of two of coefficients, none of which are 0: the most that a list of symbols takes.
    let noise = folder.join("noise.png");
    image::RgbImage::from_fn(1100, 1000, |x, y| {
        let n = (y * 1100 + x).wrapping_mul(0x9e37_79b1);
        let n = (n ^ n >> 15).wrapping_mul(0x85eb_ca6b);
        let [a, b, c, _] = (n ^ n >> 13).wrapping_mul(0xc2b2_ae35).to_be_bytes();
        image::Rgb([a, b, c])
    })
    .save(&noise)
    .unwrap();
    // The worst content for every encoder, with alpha and in grey as well.
    let random = |n: u32| {
        let n = n.wrapping_mul(0x9e37_79b1);
        let n = (n ^ n >> 15).wrapping_mul(0x85eb_ca6b);
        (n ^ n >> 13).wrapping_mul(0xc2b2_ae35).to_be_bytes()
    };
    let noise_alpha = folder.join("noise-alpha.png");
    image::RgbaImage::from_fn(1100, 1000, |x, y| image::Rgba(random(y * 1100 + x)))
        .save(&noise_alpha)
        .unwrap();
    let noise_grey = folder.join("noise-grey.png");
    image::GrayImage::from_fn(1100, 1000, |x, y| image::Luma([random(y * 1100 + x)[0]]))
        .save(&noise_grey)
        .unwrap();
    // 16 bits, and light that is mapped to the screen's.
    let (wide, hdr) = (folder.join("wide.png"), folder.join("hdr.png"));
    let deep = image::ImageBuffer::from_fn(1100, 1000, |x, y| {
        let [a, b, c, d] = random(y * 1100 + x).map(|byte| u16::from(byte) * 251);
        image::Rgba([a, b, c, d])
    });
    image::DynamicImage::ImageRgba16(deep).save(&wide).unwrap();
    let mut bytes = std::fs::read(&wide).unwrap();
    bytes.splice(33..33, common::png::chunk(*b"cICP", &[9, 16, 0, 1]));
    std::fs::write(&hdr, bytes).unwrap();
    let gif = folder.join("picture.gif");
    image::imageops::thumbnail(&picture, 600, 440)
        .save(&gif)
        .unwrap();
    let (moving, moving_webp) = (folder.join("moving.gif"), folder.join("moving.webp"));
    std::fs::write(&moving, animated_gif()).unwrap();
    let output = Command::new(example().unwrap())
        .args([
            moving.as_os_str(),
            "/resize/600,f=webp".as_ref(),
            moving_webp.as_ref(),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let moving_png = folder.join("moving.png");
    std::fs::write(&moving_png, animated_png()).unwrap();
    let mut wrong = Vec::new();
    for (file, operation) in [
        (samples.join("umang.jpg"), "/resize/300"),
        (samples.join("umang.jpg"), "/resize/1200"),
        (samples.join("umang.jpg"), "/resize/3000,q=80"),
        (samples.join("umang.jpg"), "/info"),
        (samples.join("picos.jpg"), "/resize/300"),
        (samples.join("picos.jpg"), "/resize/1200,f=webp"),
        (samples.join("picos.jpg"), "/resize/500,f=avif"),
        (samples.join("sunset.jpg"), "/resize/1000"),
        (samples.join("sunset.jpg"), "/rotate/90"),
        (png.clone(), "/resize/300"),
        (png.clone(), "/resize/1200"),
        (png.clone(), "/resize/1200,f=jpeg"),
        (noise.clone(), "/resize/1100,f=jpeg,q=100"),
        (noise.clone(), "/resize/1100,f=jpeg,q=89"),
        (noise.clone(), "/resize/1100,f=avif,q=100"),
        (noise.clone(), "/resize/1100,f=avif,q=80"),
        (noise_alpha.clone(), "/resize/1100,f=avif,q=100"),
        (noise_grey.clone(), "/resize/1100,f=avif,q=100"),
        (noise.clone(), "/resize/1100,f=webp,q=100"),
        (noise.clone(), "/resize/1100,f=webp,q=80"),
        (noise_alpha.clone(), "/resize/1100,f=webp,q=100"),
        (noise.clone(), "/resize/1100,f=webp,lossless=1"),
        (noise_alpha.clone(), "/resize/1100,f=webp,lossless=1"),
        (noise_alpha.clone(), "/resize/1100"),
        (noise.clone(), "/resize/1100,f=gif"),
        (noise_alpha.clone(), "/resize/1100,f=gif"),
        (png.clone(), "/resize/800,f=webp,lossless=1"),
        (png.clone(), "/resize/800,f=gif"),
        (png.clone(), "/crop/400x400,g=smart,blur=3,sharpen=20"),
        (webp.clone(), "/resize/300"),
        (webp.clone(), "/resize/1400"),
        (lossy.clone(), "/resize/100,f=jpeg"),
        (lossy.clone(), "/resize/300"),
        (lossy.clone(), "/resize/1400"),
        (lossy.clone(), "/info"),
        (gif.clone(), "/resize/300"),
        (gif.clone(), "/resize/590"),
        (moving.clone(), "/resize/590"),
        (moving.clone(), "/resize/300,f=webp"),
        (moving.clone(), "/info"),
        (moving_webp.clone(), "/resize/590"),
        (moving_webp.clone(), "/resize/300,f=gif"),
        (moving_webp.clone(), "/resize/300,f=png"),
        (wide.clone(), "/resize/300"),
        (wide.clone(), "/resize/1100,f=jpeg"),
        (hdr.clone(), "/resize/1100"),
        (hdr.clone(), "/info"),
        (moving_png.clone(), "/resize/600"),
        (moving_png.clone(), "/resize/590"),
        (moving_png.clone(), "/resize/300,f=webp"),
        (moving_png.clone(), "/resize/600,f=gif"),
        (moving_png.clone(), "/info"),
    ] {
        let (peak, estimate) = measured(&file, operation).unwrap();
        let line = format!(
            "{} {operation}: {peak} MB, estimated {estimate}",
            file.display()
        );
        println!("{line}");
        if peak > estimate || estimate > FACTOR * peak + GRANTED {
            wrong.push(line);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
