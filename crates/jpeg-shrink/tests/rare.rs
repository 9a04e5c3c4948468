//! Legal files of kinds that are rarely met, against libjpeg-turbo's `djpeg -scale`: a file is a picture, and the same one,
//! at every size. Skipped where its programs are not installed.

#![allow(clippy::unwrap_used)]

mod common;

use common::{RARE, Raw, SCALES, cjpeg_in_scans, djpeg, psnr, rare};
use jpeg_shrink::{Limits, Scale, decode};

/// How near, in dB, a decode is at least to libjpeg's. Smaller ones leave out high frequencies, of which one file here is
/// full.
fn bound(scale: Scale) -> f64 {
    match scale {
        Scale::Full => 50.0,
        _ => 36.0,
    }
}

/// The distance to libjpeg's picture at this scale or to the average of its full one, whichever is nearer: libjpeg
/// shrinks luma that is stored smaller than chroma below the size asked for. At 1/8 the distance is that of luma, see
/// [`Scale::Eighth`]. `None` if djpeg is not installed.
fn distance(jpeg: &[u8], scale: Scale) -> Option<f64> {
    let ours = decode(jpeg, scale, &Limits::default()).unwrap();
    assert!(!ours.truncated, "{scale:?}");
    let compared = |picture: Raw| match scale {
        Scale::Eighth => picture.luma(),
        _ => picture,
    };
    let ours = compared(Raw::of(ours).seen());
    let averaged = djpeg(jpeg, Scale::Full)?.averaged(scale.denominator() as usize);
    let (near, averaged) = (compared(djpeg(jpeg, scale)?), compared(averaged));
    Some(psnr(&ours, &near).max(psnr(&ours, &averaged)))
}

#[test]
fn rare_files_are_the_pictures_that_libjpeg_makes_of_them() {
    for name in RARE {
        let jpeg = rare(name);
        for scale in SCALES {
            let Some(distance) = distance(&jpeg, scale) else {
                return;
            };
            println!("{name} {scale:?}: {distance:.1} dB");
            assert!(
                distance >= bound(scale),
                "{name} {scale:?}: {distance:.1} dB"
            );
        }
    }
}

/// Components together, apart, in any order, and refined, with and without restart markers.
#[test]
fn scans_in_any_order_make_the_same_picture() {
    let scripts = [
        "0; 1; 2;",
        "2; 1; 0;",
        "1 2; 0;",
        "0 2; 1;",
        "2; 0 1;",
        "0-2: 0-0, 0, 0; 0: 1-63, 0, 0; 1: 1-63, 0, 0; 2: 1-63, 0, 0;",
        "2: 0-0, 0, 1; 0: 0-0, 0, 1; 1: 0-0, 0, 1; 1: 1-63, 0, 1; 2: 1-63, 0, 0; 0: 1-5, 0, 2; 0: 6-63, 0, 2; \
         0: 1-63, 2, 1; 0 1 2: 0-0, 1, 0; 0: 1-63, 1, 0; 1: 1-63, 1, 0;",
    ];
    let samplings = [
        "1x1",
        "2x1",
        "1x2",
        "2x2",
        "4x1",
        "3x1",
        "3x2",
        "1x1,2x1,2x1",
        "1x1,1x1,2x2",
        "1x2,2x1,1x1",
    ];
    let restarts: [&[&str]; 2] = [&[], &["-restart", "3B"]];
    for (number, script) in scripts.into_iter().enumerate() {
        for (sampling, restarts) in samplings
            .into_iter()
            .flat_map(|sampling| restarts.map(|restarts| (sampling, restarts)))
        {
            let scene = Raw::scene(89 + 8 * number, 75 + 5 * number);
            let arguments = [&["-quality", "88", "-sample", sampling], restarts].concat();
            let script = script.replace("0-2:", "0 1 2:");
            let Some(jpeg) = cjpeg_in_scans(&scene, &arguments, &script) else {
                return;
            };
            assert!(jpeg.len() > 1000, "{script} {sampling}: cjpeg refuses");
            for scale in [Scale::Full, Scale::Half, Scale::Quarter] {
                let Some(distance) = distance(&jpeg, scale) else {
                    return;
                };
                println!("{script} {sampling} {restarts:?} {scale:?}: {distance:.1} dB");
                assert!(
                    distance >= bound(scale),
                    "{script} {sampling} {scale:?}: {distance:.1} dB"
                );
            }
        }
    }
}
