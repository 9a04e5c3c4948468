//! Legal JPEGs of kinds that are rarely met, and damaged ones: pictures at every size, and the same one, or at none.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

use image::RgbImage;
use image::imageops::FilterType;
use image_url::{AcceptClass, Canonical, Target};
use imaging::{Check, Error, Request, Settings, transform};
use proptest::prelude::*;

fn shown(original: &[u8], path: &str) -> Result<(RgbImage, bool), Error> {
    let target = Target::parse(&format!("{path}/name")).unwrap();
    let canonical = Canonical::parse(target.uri()).unwrap();
    let request = Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts: AcceptClass::None,
    };
    let picture = transform(original, &request, &Settings::default(), &Check::default())?;
    let decoded = image::load_from_memory(&picture.bytes).unwrap();
    Ok((decoded.into_rgb8(), picture.truncated))
}

fn files() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../jpeg-shrink/tests/data");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Peak signal-to-noise ratio in dB of two pictures of one size.
fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let squares = a
        .iter()
        .zip(b.iter())
        .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2));
    let sum: u64 = squares.sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / sum.max(1) as f64).log10()
}

#[test]
fn a_rare_file_is_the_same_picture_at_every_size() {
    for (name, jpeg) in files() {
        let (full, truncated) = shown(&jpeg, "/resize/2000,f=png").unwrap();
        assert!(!truncated, "{name}");
        for part in [2, 5, 9, 15] {
            let path = format!("/resize/{},f=png", full.width() / part);
            let (small, truncated) = shown(&jpeg, &path).unwrap();
            assert!(!truncated, "{name} {path}");
            let (width, height) = small.dimensions();
            let expected = image::imageops::resize(&full, width, height, FilterType::Lanczos3);
            let distance = psnr(&small, &expected);
            println!("{name} {path}: {distance:.1} dB");
            assert!(distance > 25.0, "{name} {path}: {distance:.1} dB");
        }
    }
}

#[test]
fn inks_are_the_same_colours_with_and_without_adobes_marker() {
    let (_, plain) = files()
        .into_iter()
        .find(|(name, _)| name == "j-cmyk-noadobe.jpg")
        .unwrap();
    let mut marked = plain.clone();
    marked.splice(2..2, *b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0");
    for path in ["/resize/2000,f=png", "/resize/90,f=png", "/resize/20,f=png"] {
        assert_eq!(
            shown(&plain, path).unwrap(),
            shown(&marked, path).unwrap(),
            "{path}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_a_picture_at_every_size_or_at_none(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let files = files();
        let (name, mut jpeg) = files[file.index(files.len())].clone();
        for (index, byte) in changes {
            let at = index.index(jpeg.len());
            jpeg[at] = byte;
        }
        if let Some(cut) = cut {
            jpeg.truncate(cut.index(jpeg.len()));
        }
        // Not at the size that a changed header may claim.
        let paths = ["/resize/400x400,f=png", "/resize/40x40,f=png", "/resize/9x9,f=png", "/resize/3x3,f=png"];
        let seen = paths.map(|path| shown(&jpeg, path).map_err(|error| error.to_string()));
        for (path, picture) in paths.iter().zip(&seen) {
            prop_assert_eq!(
                picture.as_ref().err(),
                seen[0].as_ref().err(),
                "{} {}", name, path
            );
        }
    }
}
