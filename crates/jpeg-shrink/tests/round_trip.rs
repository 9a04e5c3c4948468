//! Against an encoder and a decoder which have nothing in common with this crate.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{Raw, SCALES, psnr, sample};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use jpeg_shrink::{Colour, Limits, Pixels, Scale, decode, memory, read_header};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

fn encode(scene: &Raw, colour: ColorType, set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 90);
    set(&mut encoder);
    encoder
        .encode(
            &scene.bytes,
            scene.width as u16,
            scene.height as u16,
            colour,
        )
        .unwrap();
    jpeg
}

/// What zune-jpeg makes of a file at full size.
fn full(jpeg: &[u8]) -> Raw {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    let bytes = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    Raw {
        width: usize::from(info.width),
        height: usize::from(info.height),
        channels: 3,
        bytes,
    }
}

#[test]
fn every_sampling_and_kind_of_file_comes_back_at_every_scale() {
    let scene = Raw::scene(203, 141);
    let samplings = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_1_4,
        SamplingFactor::F_4_2,
        SamplingFactor::F_2_4,
    ];
    let mut sequential_scans = BTreeSet::new();
    for sampling in samplings {
        for kind in 0..6 {
            let jpeg = encode(&scene, ColorType::Rgb, |encoder| {
                encoder.set_sampling_factor(sampling);
                match kind {
                    1 => encoder.set_optimized_huffman_tables(true), // one component after the other
                    2 => encoder.set_restart_interval(3),
                    3 => encoder.set_progressive(true),
                    4 => encoder.set_progressive_scans(9),
                    5 => {
                        encoder.set_progressive(true);
                        encoder.set_restart_interval(4);
                    }
                    _ => {}
                }
            });
            let scans = jpeg.windows(2).filter(|two| *two == [0xFF, 0xDA]).count();
            if kind < 3 {
                sequential_scans.insert(scans);
            }
            for scale in SCALES {
                let picture = decode(&jpeg, scale, &Limits::default()).unwrap();
                assert!(!picture.truncated, "{sampling:?} {kind} {scale:?}");
                let ours = Raw::of(picture);
                let source = scene.averaged(scale.denominator() as usize);
                let luma = psnr(&ours.luma(), &source.luma());
                assert!(luma > 33.0, "{sampling:?} {kind} {scale:?}: {luma:.1} dB");
            }
        }
    }
    // Components together, and one after the other.
    assert_eq!(sequential_scans.into_iter().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn photographs_are_near_the_average_of_a_full_decode() {
    // One progressive, one sequential.
    for name in ["picos.jpg", "umang.jpg"] {
        let jpeg = sample(name);
        let full = full(&jpeg);
        for scale in SCALES {
            let ours = Raw::of(decode(&jpeg, scale, &Limits::default()).unwrap());
            let theirs = full.averaged(scale.denominator() as usize);
            let luma = psnr(&ours.luma(), &theirs.luma());
            assert!(luma > 45.0, "{name} {scale:?}: {luma:.1} dB");
        }
    }
}

#[test]
fn grey_and_cmyk_keep_their_channels() {
    let scene = Raw::scene(120, 90);
    let grey = encode(&scene.luma(), ColorType::Luma, |_| {});
    let header = read_header(&grey, &Limits::default()).unwrap();
    assert_eq!((header.components, header.colour), (1, Colour::Grey));
    let ours = Raw::of(decode(&grey, Scale::Half, &Limits::default()).unwrap());
    assert!(psnr(&ours, &scene.luma().averaged(2)) > 35.0);

    // jpeg-encoder takes ink as 0 for none and stores it inverted, with Adobe's marker, as all do.
    let mut inks = scene.clone();
    inks.channels = 4;
    inks.bytes = scene
        .bytes
        .chunks_exact(3)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 200])
        .collect();
    for (colour, expected) in [
        (ColorType::Cmyk, Colour::Cmyk),
        (ColorType::CmykAsYcck, Colour::Ycck),
    ] {
        for progressive in [false, true] {
            let jpeg = encode(&inks, colour, |encoder| {
                encoder.set_progressive(progressive);
            });
            let header = read_header(&jpeg, &Limits::default()).unwrap();
            assert_eq!(
                (header.components, header.colour, header.adobe),
                (4, expected, true)
            );
            for scale in SCALES {
                let picture = decode(&jpeg, scale, &Limits::default()).unwrap();
                assert!(matches!(picture.pixels, Pixels::Cmyk(_)));
                let distance = psnr(
                    &Raw::of(picture),
                    &inks.averaged(scale.denominator() as usize),
                );
                assert!(distance > 27.0, "{colour:?} {scale:?}: {distance:.1} dB");
            }
        }
    }
}

#[test]
fn the_header_tells_size_kind_and_memory() {
    let scene = Raw::scene(100, 60);
    let jpeg = encode(&scene, ColorType::Rgb, |encoder| {
        encoder.set_progressive(true);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
    });
    let header = read_header(&jpeg, &Limits::default()).unwrap();
    assert_eq!(
        (header.width, header.height, header.components),
        (100, 60, 3)
    );
    assert!(header.progressive && header.subsampled && !header.adobe);
    assert_eq!(header.colour, Colour::YCbCr);
    let needed = SCALES.map(|scale| memory(&jpeg, scale, &Limits::default()).unwrap());
    assert!(needed.is_sorted_by(|a, b| a > b), "{needed:?}");
    // 7x4 MCUs of six blocks: pixels, two bytes for each mean, and a strip of means.
    assert_eq!(needed[3], 13 * 8 * 3 + 7 * 4 * 6 * 2 + 7 * 6);
}
