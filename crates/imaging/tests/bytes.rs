//! Results of the same size or smaller take no more than 1.1 times the bytes of their original.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::{go, pixels};
use std::path::Path;

/// Originals that are more compact than what is written here, and why.
const EXCEPTIONS: [(&str, &str); 8] = [
    (
        "first-frame-small.webp",
        "324 bytes of flat colours, whose scaled edges are new ones",
    ),
    (
        "sprite.webp",
        "flat colours and hard edges, which scaling makes soft",
    ),
    ("unknown-chunk.webp", "152 bytes, most of them headers"),
    (
        "jpeg-luma-quartered-progressive.jpg",
        "brightness at a quarter is written in full",
    ),
    (
        "jpeg-sampling-3x1.jpg",
        "colour at a third is written at a half",
    ),
    (
        "jpeg-without-dht.jpg",
        "has no Huffman tables, which take 100 bytes",
    ),
    (
        "animated-3-frames.png",
        "an animation that is scaled is written in full colours",
    ),
    ("no-data.gif", "34 bytes: a palette is added"),
];

fn corpus() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/data", "../jpeg-shrink/tests/data", "../../samples"];
    let mut files = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if ["jpg", "png", "gif", "webp"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                files.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn no_result_is_larger_for_nothing() {
    let mut larger = Vec::new();
    for (name, original) in corpus() {
        let Ok(size) = go(&original, "/size") else {
            continue;
        };
        for (part, of) in [(1, 1), (99, 100), (1, 2), (1, 4)] {
            let width = (size.width * part / of).max(1);
            let width = if part < of {
                width.min(size.width - 1)
            } else {
                width
            };
            // Large originals are decoded whole at these sizes, which takes long here.
            if width == 0 || (size.width > 2000 && part * 4 > of && part != of) {
                continue;
            }
            let result = go(&original, &format!("/resize/{width}")).unwrap();
            let ratio = result.bytes.len() as f64 / original.len() as f64;
            println!(
                "{name} {width}: {} to {}, {ratio:.3}",
                original.len(),
                result.bytes.len()
            );
            if ratio > 1.1 && !EXCEPTIONS.iter().any(|(exception, _)| *exception == name) {
                larger.push(format!("{name} {width}: {ratio:.2}"));
            }
        }
    }
    assert!(larger.is_empty(), "{larger:#?}");
}

#[test]
fn a_palette_with_alpha_stays_one() {
    let original = include_bytes!("data/palette-with-alpha.png");
    for (width, most) in [(569, 6_279), (285, 5_708)] {
        let result = go(original, &format!("/resize/{width}")).unwrap();
        assert_eq!(result.bytes[25], 3, "a palette");
        assert!(
            result.bytes.len() <= most,
            "{width}: {}",
            result.bytes.len()
        );
        let full = pixels(&go(original, &format!("/resize/{width},f=webp,lossless=1")).unwrap());
        let error: f64 = full
            .iter()
            .zip(pixels(&result))
            .map(|(a, b)| {
                let seen = |p: [u8; 4], at: usize| f64::from(p[at]) * f64::from(p[3]) / 255.0;
                (0..3)
                    .map(|at| (seen(*a, at) - seen(b, at)).powi(2))
                    .sum::<f64>()
                    + (f64::from(a[3]) - f64::from(b[3])).powi(2)
            })
            .sum();
        let rms = (error / (full.len() as f64 * 4.0)).sqrt();
        assert!(rms < 3.0, "{width}: {rms}");
    }
}
