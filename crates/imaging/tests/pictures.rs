//! Whole pictures through the whole way, read back by the `image` crate, which shares no code with what wrote them here.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

use image::{AnimationDecoder, DynamicImage, GenericImageView, Rgb, RgbImage, Rgba, RgbaImage};
use image_url::{AcceptClass, Canonical, Target};
use imaging::{Check, Error, Limits, Picture, Request, Settings, transform};
use std::io::Cursor;
use std::sync::atomic::AtomicBool;

fn request(path: &str) -> Request {
    let target = Target::parse(&format!("{path}/name")).unwrap();
    let canonical = Canonical::parse(target.uri()).unwrap();
    Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts: AcceptClass::None,
    }
}

fn made(original: &[u8], path: &str) -> Picture {
    let settings = Settings::default();
    transform(original, &request(path), &settings, &Check::default()).unwrap()
}

fn seen(picture: &Picture) -> DynamicImage {
    let decoded = image::load_from_memory(&picture.bytes).unwrap();
    assert_eq!(decoded.dimensions(), (picture.width, picture.height));
    decoded
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// Red, green, blue, white in the corners, from the upper left as one reads.
fn corners(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        match (x * 2 < width, y * 2 < height) {
            (true, true) => Rgb([250, 5, 5]),
            (false, true) => Rgb([5, 250, 5]),
            (true, false) => Rgb([5, 5, 250]),
            (false, false) => Rgb([250, 250, 250]),
        }
    })
}

/// The letters of the four corners.
fn letters(picture: &DynamicImage) -> String {
    let (width, height) = picture.dimensions();
    let places = [(1, 1), (3, 1), (1, 3), (3, 3)];
    let letter = |(x, y): (u32, u32)| {
        let [r, g, b, _] = picture.get_pixel(width * x / 4, height * y / 4).0;
        match (r > 128, g > 128, b > 128) {
            (true, false, false) => 'r',
            (false, true, false) => 'g',
            (false, false, true) => 'b',
            (true, true, true) => 'w',
            _ => '?',
        }
    };
    places.into_iter().map(letter).collect()
}

fn jpeg(picture: &RgbImage, exif: Option<u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    if let Some(value) = exif {
        let mut block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
        block.extend(value.to_be_bytes());
        block.extend([0; 6]);
        encoder.add_app_segment(1, block).unwrap();
    }
    let (width, height) = picture.dimensions();
    encoder
        .encode(
            picture.as_raw(),
            width as u16,
            height as u16,
            jpeg_encoder::ColorType::Rgb,
        )
        .unwrap();
    bytes
}

#[test]
fn all_eight_orientations_are_looked_at_upright() {
    // What is stored where, for each value, so that one sees `rgbw`.
    let upright = DynamicImage::from(corners(64, 48));
    for (exif, stored) in [
        (1, upright.clone()),
        (2, upright.fliph()),
        (3, upright.rotate180()),
        (4, upright.flipv()),
        (5, upright.rotate90().fliph()),
        (6, upright.rotate270()),
        (7, upright.rotate270().fliph()),
        (8, upright.rotate90()),
    ] {
        let original = jpeg(&stored.into_rgb8(), Some(exif));
        for (path, size) in [
            ("/resize/640x480", (64, 48)),
            ("/resize/32", (32, 24)),
            ("/resize/8", (8, 6)),
            ("/crop/24x24", (24, 24)),
            ("/resize/x12,rot=180,flip=hv", (16, 12)),
        ] {
            let picture = made(&original, path);
            assert_eq!((picture.width, picture.height), size, "{exif} {path}");
            assert_eq!(letters(&seen(&picture)), "rgbw", "{exif} {path}");
        }
        let turned = made(&original, "/rotate/90");
        assert_eq!((turned.width, turned.height), (48, 64));
        assert_eq!(letters(&seen(&turned)), "gwrb", "{exif}");
        assert_eq!(
            letters(&seen(&made(&original, "/resize/32,flip=h"))),
            "grwb"
        );
        let json = made(&original, "/size").bytes;
        assert_eq!(json, br#"{"img":{"width":64,"height":48,"type":"jpeg"}}"#);
    }
}

#[test]
fn inks_become_their_colours_at_every_scale() {
    // Each corner in inks, 255 for full ink: red is magenta and yellow.
    let inks: Vec<u8> = corners(256, 192)
        .pixels()
        .flat_map(|pixel| {
            let [r, g, b] = pixel.0;
            [255 - r, 255 - g, 255 - b, 0]
        })
        .collect();
    for kind in [
        jpeg_encoder::ColorType::Cmyk,
        jpeg_encoder::ColorType::CmykAsYcck,
    ] {
        let mut bytes = Vec::new();
        jpeg_encoder::Encoder::new(&mut bytes, 92)
            .encode(&inks, 256, 192, kind)
            .unwrap();
        for width in [256, 200, 60, 30, 12] {
            let picture = made(&bytes, &format!("/resize/{width}"));
            assert_eq!(letters(&seen(&picture)), "rgbw", "{kind:?} {width}");
        }
    }
}

#[test]
fn pngs_of_every_kind_are_read() {
    let interlaced = made(include_bytes!("data/interlaced.png"), "/resize/9");
    let interlaced = seen(&interlaced).into_rgb8();
    assert_eq!(interlaced.get_pixel(4, 0).0, [255, 0, 0]);
    assert_eq!(interlaced.get_pixel(4, 6).0, [0, 0, 255]);
    let wide = image::ImageBuffer::from_fn(20, 10, |x, _| Rgb([x as u16 * 3000, 65_535, 128]));
    let wide = seen(&made(&png(&wide.into()), "/resize/20")).into_rgb8();
    assert_eq!(wide.get_pixel(10, 5).0, [117, 255, 0]);
    let grey = DynamicImage::from(image::GrayImage::from_fn(40, 40, |x, _| {
        image::Luma([x as u8 * 6])
    }));
    let grey = made(&png(&grey), "/resize/20");
    assert!(!seen(&grey).color().has_color());
}

fn gif(frames: u32, times: Option<u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette = [250, 5, 5, 5, 250, 5, 5, 5, 250, 250, 250, 250];
    let mut encoder = gif::Encoder::new(&mut bytes, 40, 30, &palette).unwrap();
    if let Some(times) = times {
        encoder.set_repeat(gif::Repeat::Finite(times)).unwrap();
    }
    for turn in 0..frames {
        let pixels = (0..40 * 30u32)
            .map(|n| ((n % 40 / 20 + n / 600 * 2 + turn) % 4) as u8)
            .collect::<Vec<_>>();
        let mut frame = gif::Frame::from_indexed_pixels(40, 30, pixels, None);
        frame.delay = 10 + turn as u16;
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// Corners and delay in ms of every frame.
fn frames(picture: &Picture) -> Vec<(String, u32)> {
    let bytes = Cursor::new(&picture.bytes);
    let frames = if picture.media_type == "image/gif" {
        let decoder = image::codecs::gif::GifDecoder::new(bytes).unwrap();
        decoder.into_frames().collect_frames().unwrap()
    } else {
        let decoder = image::codecs::webp::WebPDecoder::new(bytes).unwrap();
        decoder.into_frames().collect_frames().unwrap()
    };
    frames
        .into_iter()
        .map(|frame| {
            let (delay, _) = frame.delay().numer_denom_ms();
            let picture = DynamicImage::from(frame.into_buffer());
            assert_eq!(picture.dimensions(), (20, 15));
            (letters(&picture), delay)
        })
        .collect()
}

#[test]
fn an_animation_stays_one_and_stills_show_its_first_frame() {
    let original = gif(5, Some(2));
    let turns = ["rgbw", "gbwr", "bwrg", "wrgb", "rgbw"];
    let expected: Vec<_> = turns
        .iter()
        .zip(100..)
        .map(|(t, n)| ((*t).to_owned(), n))
        .collect();
    let delays = |step: u32| {
        expected
            .iter()
            .map(move |(t, n)| (t.clone(), 100 + (n - 100) * step))
    };
    for path in [
        "/resize/20",
        "/resize/20,f=webp",
        "/crop/20x15",
        "/resize/20,f=webp,lossless=1",
    ] {
        let picture = made(&original, path);
        assert_eq!(frames(&picture), delays(10).collect::<Vec<_>>(), "{path}");
    }
    let webp = made(&original, "/resize/40,f=webp").bytes;
    assert_eq!(frames(&made(&webp, "/resize/20")).len(), 5);
    let back = made(&webp, "/resize/20,f=gif");
    assert_eq!(frames(&back), delays(10).collect::<Vec<_>>());
    for format in ["jpeg", "png", "avif"] {
        let still = made(&original, &format!("/resize/20,f={format}"));
        assert_eq!(still.media_type, format!("image/{format}"));
        if format != "avif" {
            assert_eq!(letters(&seen(&still)), "rgbw");
        }
    }
    let auto = Request {
        accepts: AcceptClass::Avif,
        ..request("/resize/20,f=auto")
    };
    let auto = transform(&original, &auto, &Settings::default(), &Check::default()).unwrap();
    assert_eq!(auto.media_type, "image/webp");
    assert_eq!(frames(&auto).len(), 5);
}

#[test]
fn animations_beyond_the_limits_become_stills() {
    let settings = Settings {
        limits: Limits {
            max_frames: 4,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let original = gif(5, None);
    let go = |path| transform(&original, &request(path), &settings, &Check::default());
    let still = go("/resize/20").unwrap();
    assert_eq!(still.media_type, "image/gif");
    assert_eq!(frames(&still).len(), 1);
    assert!(!still.truncated);
    assert!(go("/resize/20,f=png").is_ok());
    let info = String::from_utf8(go("/info").unwrap().bytes).unwrap();
    assert!(info.contains(r#""frames":5"#), "{info}");
}

#[test]
fn boxes_are_filled_as_the_url_says() {
    let original = png(&corners(80, 60).into());
    for (path, size) in [
        ("/resize/40x40", (40, 30)),
        ("/resize/40x40,fit=fill", (40, 40)),
        ("/resize/40x40,fit=pad", (40, 40)),
        ("/resize/40x40,fit=cover", (40, 40)),
        ("/resize/160x160", (80, 60)),
        ("/resize/160x160,enlarge=1", (160, 120)),
        ("/resize/20x20,dpr=2", (40, 30)),
        ("/resize/40x40,rot=90", (30, 40)),
    ] {
        let picture = made(&original, path);
        assert_eq!((picture.width, picture.height), size, "{path}");
        let _ = seen(&picture);
    }
    let padded = seen(&made(&original, "/resize/40x40,fit=pad,bg=336699")).into_rgba8();
    assert_eq!(padded.get_pixel(20, 2).0, [0x33, 0x66, 0x99, 255]);
    let padded = seen(&made(&original, "/resize/40x40,fit=pad")).into_rgba8();
    assert_eq!(padded.get_pixel(20, 2).0[3], 0);
    let padded = seen(&made(&original, "/resize/40x40,fit=pad,f=jpeg")).into_rgb8();
    assert!(padded.get_pixel(20, 2).0.iter().all(|&c| c > 250));
    let upper = seen(&made(&original, "/resize/40x40,fit=pad,g=n,bg=000000")).into_rgb8();
    assert_eq!(upper.get_pixel(20, 38).0, [0; 3]);
    let right = seen(&made(&original, "/crop/20x60,g=e")).into_rgb8();
    assert_eq!(right.get_pixel(10, 10).0, [5, 250, 5]);
    let left = seen(&made(&original, "/crop/20x60,g=fp:0.1:0.5")).into_rgb8();
    assert_eq!(left.get_pixel(10, 10).0, [250, 5, 5]);
}

#[test]
fn a_smart_cut_keeps_what_stands_out() {
    for (at, corner) in [(10u32, 0), (150, 80)] {
        let original = RgbImage::from_fn(200, 80, |x, y| {
            if (at..at + 30).contains(&x) && (20..60).contains(&y) {
                Rgb([230, 30, 40])
            } else {
                Rgb([130, 130, 130])
            }
        });
        for original in [png(&original.clone().into()), jpeg(&original, None)] {
            let cut = seen(&made(&original, "/crop/80x80,g=smart")).into_rgb8();
            let red = cut.pixels().filter(|pixel| pixel.0[0] > 200).count();
            assert!(red > 1000, "{at} {corner} {red}");
        }
    }
}

#[test]
fn borders_are_trimmed_and_sizes_kept_to() {
    let framed = RgbImage::from_fn(300, 200, |x, y| {
        if (50..250).contains(&x) && (60..160).contains(&y) {
            Rgb([(x * x * 31) as u8 / 2, (y * x * 17) as u8 / 2, 90])
        } else {
            Rgb([255; 3])
        }
    });
    let original = png(&framed.into());
    let trimmed = made(&original, "/resize/100,trim=10");
    assert_eq!((trimmed.width, trimmed.height), (100, 50));
    for format in ["jpeg", "webp", "png", "gif"] {
        let free = made(&original, &format!("/resize/300,f={format}"));
        let half = free.bytes.len() / 2;
        let small = made(&original, &format!("/resize/300,f={format},bytes={half}"));
        assert!(
            small.bytes.len() <= half,
            "{format}: {} of {half}",
            small.bytes.len()
        );
        let _ = seen(&small);
    }
}

#[test]
fn without_loss_is_without_loss() {
    let picture = RgbaImage::from_fn(60, 40, |x, y| {
        Rgba([
            (x * 4) as u8,
            (y * 6) as u8,
            (x * y) as u8,
            (x * 3) as u8 | 64,
        ])
    });
    let original = png(&picture.clone().into());
    for path in ["/resize/60", "/resize/60,f=webp,lossless=1"] {
        assert_eq!(seen(&made(&original, path)).into_rgba8(), picture, "{path}");
    }
}

#[test]
fn a_background_is_laid_below() {
    let clear = RgbaImage::from_pixel(20, 20, Rgba([9, 9, 9, 0]));
    let original = png(&clear.into());
    for (path, colour) in [
        ("/resize/10,f=jpeg", [255, 255, 255]),
        ("/resize/10,f=jpeg,bg=0000ff", [0, 0, 255]),
        ("/resize/10,bg=00ff00", [0, 255, 0]),
    ] {
        let pixel = seen(&made(&original, path)).into_rgb8().get_pixel(5, 5).0;
        assert!(
            pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 4),
            "{path} {pixel:?}"
        );
    }
}

#[test]
fn a_truncated_jpeg_is_shown_as_far_as_it_goes() {
    let whole = jpeg(&corners(400, 300), None);
    let half = &whole[..whole.len() * 6 / 10];
    for path in ["/resize/400", "/resize/60", "/resize/20"] {
        let picture = made(half, path);
        assert!(picture.truncated);
        let decoded = seen(&picture).into_rgb8();
        let pixel = decoded
            .get_pixel(decoded.width() / 4, decoded.height() / 8)
            .0;
        assert!(pixel[0] > 200 && pixel[1] < 60, "{path} {pixel:?}");
        assert!(!made(&whole, path).truncated);
    }
}

#[test]
fn a_truncated_webp_is_shown_as_far_as_it_goes() {
    let whole = made(&png(&corners(400, 300).into()), "/resize/400,f=webp").bytes;
    for path in ["/resize/400,f=png", "/resize/40,f=png"] {
        assert!(!made(&whole, path).truncated);
        let picture = made(&whole[..whole.len() * 9 / 10], path);
        assert!(picture.truncated);
        assert_eq!(
            letters(&seen(&picture))[..1],
            letters(&seen(&made(&whole, path)))[..1]
        );
    }
}

#[test]
fn what_is_known_of_a_picture_is_told() {
    let original = jpeg(
        &RgbImage::from_pixel(300, 200, Rgb([200, 100, 50])),
        Some(6),
    );
    let json = String::from_utf8(made(&original, "/info").bytes).unwrap();
    let (known, rest) = json.split_at(json.find(r#","thumbhash":""#).unwrap());
    assert_eq!(
        known,
        r#"{"type":"jpeg","width":200,"height":300,"frames":1,"orientation":6,"profile":null,"alpha":false"#
    );
    assert!(
        rest.ends_with(r##","color":"#c86432"}"##) || rest.contains(r##""color":"#c8"##),
        "{rest}"
    );
    let json = String::from_utf8(made(&gif(3, None), "/info").bytes).unwrap();
    assert!(
        json.starts_with(r#"{"type":"gif","width":40,"height":30,"frames":3,"#),
        "{json}"
    );
}

#[test]
fn work_that_nobody_wants_ends() {
    let gone = AtomicBool::new(true);
    let check = Check {
        cancelled: Some(&gone),
        deadline: None,
    };
    let original = gif(3, None);
    for path in ["/resize/20", "/resize/20,f=png", "/info"] {
        let ended = transform(&original, &request(path), &Settings::default(), &check);
        assert!(matches!(ended, Err(Error::Cancelled)), "{path}");
    }
}

#[test]
fn results_beyond_the_limit_are_refused_before_they_are_made() {
    let original = png(&corners(4, 3).into());
    for path in [
        "/resize/60000x60000,enlarge=1",
        "/resize/60000x60000,fit=pad",
        "/resize/60000x60000,fit=fill,enlarge=1",
        "/crop/60000x60000,enlarge=1",
        "/crop/9x60000,enlarge=1,rot=90",
    ] {
        let made = transform(
            &original,
            &request(path),
            &Settings::default(),
            &Check::default(),
        );
        let refused = matches!(made, Err(Error::ResultTooLarge { .. }));
        assert!(refused || path.contains("9x60000"), "{path}");
    }
}
