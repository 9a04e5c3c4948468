//! What PNGs say of their colours, against the formulas of the specifications in 64 bits.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::png::{chunk, of_samples};
use common::{go, info, pixels};

type Matrix = [[f64; 3]; 3];

const SRGB: [f64; 8] = [0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06];
const P3: [f64; 8] = [0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06];
const BT2020: [f64; 8] = [0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046];

fn inverse(m: Matrix) -> Matrix {
    let minor = |r: usize, c: usize| {
        let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    std::array::from_fn(|r| std::array::from_fn(|c| minor(c, r) / determinant))
}

fn times(m: Matrix, v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
}

/// Linear RGB to XYZ, by white and primaries.
fn to_xyz([wx, wy, rx, ry, gx, gy, bx, by]: [f64; 8]) -> Matrix {
    let column = |x: f64, y: f64| [x / y, 1.0, (1.0 - x - y) / y];
    let (r, g, b) = (column(rx, ry), column(gx, gy), column(bx, by));
    let primaries: Matrix = std::array::from_fn(|row| [r[row], g[row], b[row]]);
    let scale = times(inverse(primaries), column(wx, wy));
    primaries.map(|row| std::array::from_fn(|at| row[at] * scale[at]))
}

/// The sRGB of linear light of these primaries, whose white is that of sRGB.
fn to_srgb(primaries: [f64; 8], linear: [f64; 3]) -> [u8; 3] {
    let xyz = times(to_xyz(primaries), linear);
    times(inverse(to_xyz(SRGB)), xyz).map(|value| {
        let value = value.clamp(0.0, 1.0);
        let encoded = if value <= 0.003_130_8 {
            value * 12.92
        } else {
            1.055 * value.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    })
}

fn from_srgb(signal: f64) -> f64 {
    if signal <= 0.040_45 {
        signal / 12.92
    } else {
        ((signal + 0.055) / 1.055).powf(2.4)
    }
}

fn from_bt709(signal: f64) -> f64 {
    if signal < 0.081_243 {
        signal / 4.5
    } else {
        ((signal + 0.099_296_8) / 1.099_296_8).powf(1.0 / 0.45)
    }
}

fn cicp(points: [u8; 4]) -> Vec<u8> {
    chunk(*b"cICP", &points)
}

fn gamma(gamma: u32) -> Vec<u8> {
    chunk(*b"gAMA", &gamma.to_be_bytes())
}

fn chromaticities(points: [f64; 8]) -> Vec<u8> {
    let points = points.map(|point| ((point * 100_000.0).round() as u32).to_be_bytes());
    chunk(*b"cHRM", &points.concat())
}

fn profile(profile: &moxcms::ColorProfile) -> Vec<u8> {
    let compressed = common::png::deflated(&profile.encode().unwrap());
    chunk(*b"iCCP", &[&b"name\0\0"[..], &compressed].concat())
}

/// Colours of all lightnesses, some of them strong, in parts of 255.
fn colours() -> Vec<[u16; 3]> {
    let levels = [0, 3, 20, 64, 128, 200, 255];
    let mut colours = Vec::new();
    for r in levels {
        for g in levels {
            for b in levels {
                colours.push([r, g, b]);
            }
        }
    }
    colours
}

/// Asserts that RGB, RGBA and grey of 8 and 16 bits become what is expected.
fn check(before: &[u8], tolerance: u8, expected: impl Fn([f64; 3]) -> [u8; 3]) {
    let colours = colours();
    for depth in [8_u8, 16] {
        let scale = if depth == 16 { 257 } else { 1 };
        let signals = |colour: [u16; 3]| colour.map(|sample| f64::from(sample) / 255.0);
        for alpha in [false, true] {
            let samples: Vec<u16> = colours
                .iter()
                .flat_map(|colour| {
                    let alpha = alpha.then_some(77);
                    colour.iter().copied().chain(alpha).map(|s| s * scale)
                })
                .collect();
            let kind = if alpha { 6 } else { 2 };
            let file = of_samples(kind, depth, 7, before, &samples);
            let shown = pixels(&go(&file, "/resize/7,f=webp,lossless=1").unwrap());
            for (shown, colour) in shown.iter().zip(&colours) {
                let expected = expected(signals(*colour));
                let near = shown
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| a.abs_diff(b) <= tolerance);
                assert!(
                    near,
                    "{depth} bits of {colour:?}: {shown:?} for {expected:?}"
                );
                assert_eq!(shown[3], if alpha { 77 } else { 255 });
            }
        }
        let greys: Vec<u16> = (0..=255).map(|grey| grey * scale).collect();
        let file = of_samples(0, depth, 16, before, &greys);
        let shown = pixels(&go(&file, "/resize/16,f=webp,lossless=1").unwrap());
        for (shown, grey) in shown.iter().zip(0..) {
            let expected = expected(signals([grey; 3]));
            let near = shown
                .iter()
                .zip(expected)
                .all(|(a, b)| a.abs_diff(b) <= tolerance);
            assert!(
                near,
                "{depth} bits of grey {grey}: {shown:?} for {expected:?}"
            );
        }
    }
    // A palette of the same colours.
    let kind = common::png::Kind {
        colour: 3,
        depth: 8,
        interlaced: false,
        transparent: false,
    };
    let some = &colours[..240];
    let mut file = kind.head(16, 15);
    file.extend(before);
    let palette: Vec<u8> = some.iter().flatten().map(|sample| *sample as u8).collect();
    file.extend(chunk(*b"PLTE", &palette));
    let rows: Vec<u8> = (0..240_u8)
        .collect::<Vec<_>>()
        .chunks(16)
        .flat_map(|row| [&[0], row].concat())
        .collect();
    file.extend(chunk(*b"IDAT", &common::png::deflated(&rows)));
    file.extend(chunk(*b"IEND", b""));
    let shown = pixels(&go(&file, "/resize/16,f=webp,lossless=1").unwrap());
    for (shown, colour) in shown.iter().zip(some) {
        let expected = expected(colour.map(|sample| f64::from(sample) / 255.0));
        let near = shown
            .iter()
            .zip(expected)
            .all(|(a, b)| a.abs_diff(b) <= tolerance);
        assert!(near, "a palette's {colour:?}: {shown:?} for {expected:?}");
    }
}

fn as_they_are(signals: [f64; 3]) -> [u8; 3] {
    signals.map(|signal| (signal * 255.0).round() as u8)
}

fn by(primaries: [f64; 8], curve: impl Fn(f64) -> f64) -> impl Fn([f64; 3]) -> [u8; 3] {
    move |signals| to_srgb(primaries, signals.map(&curve))
}

#[test]
fn code_points_are_heeded() {
    check(&cicp([1, 13, 0, 1]), 0, as_they_are);
    check(&cicp([12, 13, 0, 1]), 1, by(P3, from_srgb));
    check(&cicp([9, 13, 0, 1]), 2, by(BT2020, from_srgb));
    check(&cicp([1, 8, 0, 1]), 1, by(SRGB, |signal| signal));
    check(&cicp([9, 8, 0, 1]), 2, by(BT2020, |signal| signal));
    check(&cicp([9, 14, 0, 1]), 2, by(BT2020, from_bt709));
    check(&cicp([9, 1, 0, 1]), 2, by(BT2020, from_bt709));
    check(&cicp([12, 4, 0, 1]), 2, by(P3, |signal| signal.powf(2.2)));
}

#[test]
fn gamma_and_chromaticities_are_heeded() {
    let power = |exponent: f64| move |signal: f64| signal.powf(exponent);
    check(&gamma(100_000), 1, by(SRGB, |signal| signal));
    check(&gamma(45_455), 0, as_they_are);
    check(&gamma(55_556), 2, by(SRGB, power(100_000.0 / 55_556.0)));
    check(&gamma(35_000), 2, by(SRGB, power(100_000.0 / 35_000.0)));
    let both = |own: u32, points| [gamma(own), chromaticities(points)].concat();
    check(&both(45_455, SRGB), 0, as_they_are);
    check(&both(100_000, P3), 1, by(P3, |signal| signal));
    check(&both(45_455, P3), 2, by(P3, power(2.2)));
    check(&both(50_000, BT2020), 2, by(BT2020, power(2.0)));
    // Without `gAMA` the curve is sRGB's, as in Chromium.
    check(&chromaticities(P3), 1, by(P3, from_srgb));
    check(&chromaticities(SRGB), 0, as_they_are);
}

#[test]
fn the_first_of_the_signals_that_can_be_used_counts() {
    let p3 = profile(&moxcms::ColorProfile::new_display_p3());
    let linear = gamma(100_000);
    let srgb = chunk(*b"sRGB", &[0]);
    let all = |chunks: &[&[u8]]| chunks.concat();
    let as_p3 = || by(P3, from_srgb);
    check(&all(&[&p3, &linear]), 1, as_p3());
    check(&all(&[&linear, &p3]), 1, as_p3());
    check(&all(&[&srgb, &p3]), 1, as_p3());
    check(&all(&[&srgb, &linear]), 0, as_they_are);
    check(&all(&[&linear, &chromaticities(P3), &srgb]), 0, as_they_are);
    check(&all(&[&linear, &p3, &cicp([1, 13, 0, 1])]), 0, as_they_are);
    check(&all(&[&srgb, &linear, &cicp([12, 13, 0, 1])]), 1, as_p3());
    // Those that mean nothing, are not RGB, or use a part of the range.
    for points in [
        [2, 13, 0, 1],
        [12, 2, 0, 1],
        [0, 0, 0, 1],
        [12, 13, 1, 1],
        [12, 13, 0, 0],
    ] {
        check(&all(&[&cicp(points), &p3]), 1, as_p3());
        check(&cicp(points), 0, as_they_are);
    }
    let broken = chunk(*b"iCCP", b"name\0\0not compressed");
    check(&all(&[&broken, &linear]), 1, by(SRGB, |signal| signal));
    check(&all(&[&broken, &srgb, &linear]), 0, as_they_are);
    for nonsense in [
        gamma(0),
        gamma(u32::MAX),
        chunk(*b"gAMA", &[1, 2]),
        chunk(*b"cICP", &[1, 2]),
        chunk(*b"cHRM", &[0; 32]),
        chunk(*b"cHRM", &[9; 32]),
        chromaticities([0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]),
    ] {
        check(&nonsense, 0, as_they_are);
    }
}

fn pq_light(signal: f64) -> f64 {
    let root = signal.powf(32.0 / 2523.0);
    let light = (root - 107.0 / 128.0).max(0.0) / (2413.0 / 128.0 - 2392.0 / 128.0 * root);
    light.powf(16_384.0 / 2610.0) * 10_000.0
}

fn pq_signal(light: f64) -> f64 {
    let root = (light / 10_000.0).powf(2610.0 / 16_384.0);
    ((107.0 / 128.0 + 2413.0 / 128.0 * root) / (1.0 + 2392.0 / 128.0 * root)).powf(2523.0 / 32.0)
}

/// ITU-R BT.2390-10 §5.4.1, with black at 0.
fn eetf(light: f64, peak: f64) -> f64 {
    let top = pq_signal(peak);
    let e1 = pq_signal(light.min(peak)) / top;
    let most = pq_signal(203.0) / top;
    let knee = 1.5 * most - 0.5;
    if e1 < knee || knee >= 1.0 {
        return light;
    }
    let t = (e1 - knee) / (1.0 - knee);
    let e2 = (2.0 * t.powi(3) - 3.0 * t.powi(2) + 1.0) * knee
        + (t.powi(3) - 2.0 * t.powi(2) + t) * (1.0 - knee)
        + (-2.0 * t.powi(3) + 3.0 * t.powi(2)) * most;
    pq_light(e2 * top)
}

fn shown_light(light: [f64; 3], peak: f64) -> [u8; 3] {
    let light = light.map(|light| light.min(peak));
    let most = light.into_iter().fold(0.0, f64::max);
    let scale = if most > 0.0 {
        eetf(most, peak) / most / 203.0
    } else {
        0.0
    };
    to_srgb(BT2020, light.map(|light| light * scale))
}

#[test]
fn pq_is_mapped_to_what_a_screen_shows() {
    let by = |peak: f64| move |signals: [f64; 3]| shown_light(signals.map(pq_light), peak);
    let points = cicp([9, 16, 0, 1]);
    check(&points, 2, by(1000.0));
    let light = |nits: u32| (nits * 10_000).to_be_bytes();
    let lightest = |nits: u32| chunk(*b"cLLI", &[light(nits), light(100)].concat());
    check(&[&points[..], &lightest(4000)].concat(), 2, by(4000.0));
    check(&[&points[..], &lightest(203)].concat(), 2, by(203.0));
    check(&[&points[..], &lightest(0)].concat(), 2, by(1000.0));
    let mastering = chunk(*b"mDCV", &[&[0; 16][..], &light(600), &light(0)].concat());
    check(&[&points[..], &mastering].concat(), 2, by(600.0));
    check(
        &[&points[..], &mastering, &lightest(2000)].concat(),
        2,
        by(2000.0),
    );
    // Reference white is light, and not grey.
    let white = (pq_signal(203.0) * 65_535.0).round() as u16;
    let file = of_samples(2, 16, 1, &points, &[white; 3]);
    let shown = pixels(&go(&file, "/resize/1,f=webp,lossless=1").unwrap());
    assert!(shown[0][0] > 215, "{shown:?}");
}

#[test]
fn hlg_is_mapped_to_what_a_screen_shows() {
    let scene = |signal: f64| {
        let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
        if signal <= 0.5 {
            signal * signal / 3.0
        } else {
            (((signal - c) / a).exp() + b) / 12.0
        }
    };
    check(&cicp([9, 18, 0, 1]), 2, |signals| {
        let light = signals.map(scene);
        let luminance = 0.2627 * light[0] + 0.678 * light[1] + 0.0593 * light[2];
        shown_light(light.map(|e| 1000.0 * luminance.powf(0.2) * e), 1000.0)
    });
}

/// In 8 bits of linear light the first step after black is that of sRGB's 13.
#[test]
fn shadows_of_wide_linear_light_are_kept() {
    let samples: Vec<u16> = (0..256).flat_map(|n| [n * 4; 3]).collect();
    let file = of_samples(2, 16, 16, &gamma(100_000), &samples);
    let shown = pixels(&go(&file, "/resize/16,f=webp,lossless=1").unwrap());
    for (n, shown) in shown.iter().enumerate() {
        let expected = to_srgb(SRGB, [n as f64 * 4.0 / 65_535.0; 3]);
        assert!(
            shown[0].abs_diff(expected[0]) <= 1,
            "{n}: {shown:?} {expected:?}"
        );
    }
}

fn mean(file: &[u8]) -> f64 {
    let shown = pixels(&go(file, "/resize/2000,f=webp,lossless=1").unwrap());
    let sum: u64 = shown
        .iter()
        .flat_map(|p| &p[..3])
        .map(|v| u64::from(*v))
        .sum();
    sum as f64 / (shown.len() * 3) as f64
}

#[test]
fn files_as_they_are_found_are_shown_as_browsers_show_them() {
    let linear = include_bytes!("data/gama-1.0.png");
    // The same without its `gAMA`.
    let at = linear.windows(4).position(|name| name == b"gAMA").unwrap() - 4;
    let plain = [&linear[..at], &linear[at + 16..]].concat();
    let lighter = mean(linear) - mean(&plain);
    assert!((lighter - 58.0).abs() < 3.0, "{lighter}");
    assert!(info(include_bytes!("data/cicp-display-p3.png")).contains(r#""profile":"Display P3""#));
    let p3 = mean(include_bytes!("data/cicp-display-p3.png"));
    assert!((p3 - mean(&plain)).abs() > 0.2);
}

#[test]
fn colours_have_their_names() {
    let named = |before: &[u8], depth: u8| {
        let file = of_samples(2, depth, 1, before, &[1, 2, 3]);
        let info = info(&file);
        let (_, rest) = info.split_once(r#""profile":"#).unwrap();
        rest.split_once(r#","alpha"#).unwrap().0.to_owned()
    };
    let p3 = profile(&moxcms::ColorProfile::new_display_p3());
    for depth in [8, 16] {
        for (before, name) in [
            (vec![], "null"),
            (chunk(*b"sRGB", &[0]), "null"),
            (cicp([1, 13, 0, 1]), r#""sRGB""#),
            (cicp([12, 13, 0, 1]), r#""Display P3""#),
            (cicp([9, 16, 0, 1]), r#""BT.2100 PQ""#),
            (cicp([9, 18, 0, 1]), r#""BT.2100 HLG""#),
            (cicp([12, 8, 0, 1]), r#""H.273 12/8""#),
            (cicp([2, 2, 0, 1]), "null"),
            (gamma(100_000), r#""gAMA 1""#),
            (gamma(45_455), "null"),
            (
                [gamma(45_455), chromaticities(P3)].concat(),
                r#""gAMA 0.45455, cHRM""#,
            ),
            (p3.clone(), r#""Display P3""#),
        ] {
            assert_eq!(named(&before, depth), name, "{depth} bits");
        }
    }
}
