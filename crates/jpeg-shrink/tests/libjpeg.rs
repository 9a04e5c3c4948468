//! Against libjpeg-turbo's `djpeg -scale`. Skipped where its programs are not installed.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Raw, SAMPLES, SCALES, cjpeg, djpeg, psnr, sample};
use jpeg_shrink::{Limits, Scale, decode};

/// How near, in dB, a decode is to libjpeg's: luma, and all channels.
fn distance(jpeg: &[u8], scale: Scale) -> Option<(f64, f64)> {
    let theirs = djpeg(jpeg, scale)?;
    let picture = decode(jpeg, scale, &Limits::default()).unwrap();
    assert!(!picture.truncated);
    let ours = Raw::of(picture);
    Some(distances(&ours, &theirs))
}

fn distances(ours: &Raw, theirs: &Raw) -> (f64, f64) {
    (psnr(&ours.luma(), &theirs.luma()), psnr(ours, theirs))
}

#[test]
fn photographs_are_within_45_db_in_luma_and_40_in_colour() {
    for name in SAMPLES {
        let jpeg = sample(name);
        for scale in SCALES {
            let Some((luma, colour)) = distance(&jpeg, scale) else {
                return;
            };
            println!("{name} {scale:?}: luma {luma:.1} dB, colour {colour:.1} dB");
            assert!(
                luma >= 45.0 && colour >= 40.0,
                "{name} {scale:?}: {luma:.1} {colour:.1}"
            );
        }
    }
}

/// Every way of sampling that cjpeg writes, with odd sizes, in each kind of file.
#[test]
fn all_samplings_and_kinds_of_file_are_near() {
    let samplings = [
        "1x1",
        "2x1",
        "1x2",
        "2x2",
        "4x1",
        "1x4",
        "4x2",
        "2x4",
        "3x1",
        "1x3",
        "3x2",
        "2x1,1x2",
        "1x1,2x2",
        "1x1,2x1",
        "2x2,2x1,1x2",
        "1x2,1x1,2x1",
    ];
    let odd = ["2x1,1x2", "1x1,2x2", "1x1,2x1", "1x2,1x1,2x1"];
    let kinds: [&[&str]; 5] = [
        &[],
        &["-progressive"],
        &["-restart", "3B"],
        &["-optimize", "-restart", "1"],
        &["-progressive", "-restart", "7B"],
    ];
    for sampling in samplings {
        for (index, kind) in kinds.iter().enumerate() {
            let scene = Raw::scene(211 + index * 5, 149 + index * 3);
            let mut arguments = vec!["-quality", "88", "-sample", sampling];
            arguments.extend(*kind);
            let Some(jpeg) = cjpeg(&scene, &arguments) else {
                return;
            };
            let Some(full) = djpeg(&jpeg, Scale::Full) else {
                return;
            };
            for scale in SCALES {
                let picture = decode(&jpeg, scale, &Limits::default()).unwrap();
                assert!(!picture.truncated);
                let ours = Raw::of(picture);
                let theirs = djpeg(&jpeg, scale).unwrap();
                let (mut luma, mut colour) = distances(&ours, &theirs);
                if odd.contains(&sampling) {
                    // libjpeg shrinks luma that is stored smaller than chroma below the size asked for in one
                    // direction; we do not, and are near the average of its full picture instead.
                    let (averaged, coloured) =
                        distances(&ours, &full.averaged(scale.denominator() as usize));
                    (luma, colour) = (luma.max(averaged), colour.max(coloured));
                }
                // Chroma of an eighth of the samples, of which libjpeg reads more.
                let coarse = matches!(sampling, "4x2" | "2x4") && scale == Scale::Eighth;
                let colour_bound = if coarse { 38.0 } else { 40.0 };
                println!("{sampling} {kind:?} {scale:?}: luma {luma:.1} dB, colour {colour:.1} dB");
                assert!(
                    luma >= 45.0 && colour >= colour_bound,
                    "{sampling} {kind:?} {scale:?}"
                );
            }
        }
    }
}
