//! Animated PNGs: composed as the specification says, against a plain composition here and against Pillow, and written
//! again, read back by Pillow and by the `png` crate.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::png::{chunk, deflated, mended};
use common::{frames, go, go_within, info, pillow, pixels};
use image_url::AcceptClass;
use imaging::{Check, Limits, Picture, Request, Settings, transform};

/// A frame to be written.
#[derive(Clone, Debug)]
struct Frame {
    area: [u32; 4],
    delay: (u16, u16),
    dispose: u8,
    blend: u8,
    pixels: Vec<[u8; 4]>,
}

#[derive(Clone, Debug)]
struct Animation {
    width: u32,
    height: u32,
    /// 3 is a palette of the colours of `COLOURS`.
    colour: u8,
    plays: u32,
    /// The image that is no frame.
    default: Option<Vec<[u8; 4]>>,
    frames: Vec<Frame>,
    /// Bytes of data in a chunk.
    piece: usize,
}

const COLOURS: [[u8; 4]; 5] = [
    [0, 0, 0, 0],
    [255, 0, 0, 255],
    [0, 200, 30, 255],
    [9, 9, 240, 255],
    [250, 250, 250, 255],
];

impl Animation {
    fn data(&self, pixels: &[[u8; 4]], width: u32) -> Vec<u8> {
        let row = |row: &[[u8; 4]]| {
            let samples = row.iter().flat_map(|pixel| match self.colour {
                0 => vec![pixel[0]],
                2 => pixel[..3].to_vec(),
                3 => vec![COLOURS.iter().position(|own| own == pixel).unwrap() as u8],
                4 => vec![pixel[0], pixel[3]],
                _ => pixel.to_vec(),
            });
            std::iter::once(0).chain(samples).collect::<Vec<u8>>()
        };
        deflated(
            &pixels
                .chunks(width as usize)
                .flat_map(row)
                .collect::<Vec<u8>>(),
        )
    }

    fn file(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        header.extend([8, self.colour, 0, 0, 0]);
        file.extend(chunk(*b"IHDR", &header));
        let count = (self.frames.len() as u32).to_be_bytes();
        file.extend(chunk(*b"acTL", &[count, self.plays.to_be_bytes()].concat()));
        if self.colour == 3 {
            let palette: Vec<u8> = COLOURS.iter().flat_map(|c| c[..3].to_vec()).collect();
            file.extend(chunk(*b"PLTE", &palette));
            file.extend(chunk(*b"tRNS", &[0]));
        }
        if let Some(default) = &self.default {
            file.extend(chunk(*b"IDAT", &self.data(default, self.width)));
        }
        let mut sequence = 0_u32;
        let mut number = || {
            sequence += 1;
            (sequence - 1).to_be_bytes()
        };
        for (at, frame) in self.frames.iter().enumerate() {
            let [left, top, width, height] = frame.area;
            let mut control = number().to_vec();
            for side in [width, height, left, top] {
                control.extend(side.to_be_bytes());
            }
            control.extend(frame.delay.0.to_be_bytes());
            control.extend(frame.delay.1.to_be_bytes());
            control.extend([frame.dispose, frame.blend]);
            file.extend(chunk(*b"fcTL", &control));
            for piece in self.data(&frame.pixels, width).chunks(self.piece) {
                if at == 0 && self.default.is_none() {
                    file.extend(chunk(*b"IDAT", piece));
                } else {
                    file.extend(chunk(*b"fdAT", &[&number(), piece].concat()));
                }
            }
        }
        file.extend(chunk(*b"IEND", b""));
        file
    }

    /// What is seen, one canvas after another (PNG third edition, §11.3.6.2).
    fn seen(&self) -> Vec<Vec<[u8; 4]>> {
        let mut canvas = vec![[0; 4]; (self.width * self.height) as usize];
        let mut seen = Vec::new();
        for (at, frame) in self.frames.iter().enumerate() {
            let before = canvas.clone();
            let [left, top, width, height] = frame.area;
            let places: Vec<usize> = (top..top + height)
                .flat_map(|y| (left..left + width).map(move |x| (y, x)))
                .map(|(y, x)| (y * self.width + x) as usize)
                .collect();
            for (place, pixel) in places.iter().zip(&frame.pixels) {
                canvas[*place] = if frame.blend == 1 {
                    over(*pixel, canvas[*place])
                } else {
                    *pixel
                };
            }
            seen.push(canvas.clone());
            match frame.dispose {
                0 => {}
                2 if at > 0 => canvas = before,
                _ => places.iter().for_each(|place| canvas[*place] = [0; 4]),
            }
        }
        seen.iter()
            .map(|canvas| {
                canvas
                    .iter()
                    .map(|p| if p[3] == 0 { [0; 4] } else { *p })
                    .collect()
            })
            .collect()
    }
}

fn over(source: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    let alpha = f64::from(source[3]) / 255.0;
    let under = f64::from(below[3]) / 255.0 * (1.0 - alpha);
    let sum = alpha + under;
    if sum == 0.0 {
        return [0; 4];
    }
    let mix = |at: usize| {
        let mixed = f64::from(source[at]) * alpha + f64::from(below[at]) * under;
        (mixed / sum).round() as u8
    };
    [mix(0), mix(1), mix(2), (sum * 255.0).round() as u8]
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

/// Animations of every colour type, every disposal and blending, in odd places.
fn made(count: u64, shades: bool) -> Vec<Animation> {
    (0..count).map(|seed| one(seed, shades)).collect()
}

fn one(seed: u64, shades: bool) -> Animation {
    let mut random = Random(seed);
    let colour = if shades {
        [4, 6][random.below(2) as usize]
    } else {
        [0, 2, 3, 4, 6][random.below(5) as usize]
    };
    let (width, height) = (2 + random.below(15), 2 + random.below(12));
    let draw = |random: &mut Random, count: u32| -> Vec<[u8; 4]> {
        (0..count)
            .map(|_| {
                if colour == 3 {
                    return COLOURS[random.below(5) as usize];
                }
                let mut pixel: [u8; 4] = std::array::from_fn(|_| random.below(256) as u8);
                if matches!(colour, 0 | 4) {
                    pixel[1] = pixel[0];
                    pixel[2] = pixel[0];
                }
                if matches!(colour, 0 | 2) {
                    pixel[3] = 255;
                } else if !shades {
                    pixel[3] = if pixel[3] < 100 { 0 } else { 255 };
                }
                pixel
            })
            .collect()
    };
    let default = (random.below(3) == 0).then(|| draw(&mut random, width * height));
    let frames = (0..2 + random.below(6))
        .map(|at| {
            let area = if at == 0 && default.is_none() {
                [0, 0, width, height]
            } else {
                let (left, top) = (random.below(width), random.below(height));
                [
                    left,
                    top,
                    1 + random.below(width - left),
                    1 + random.below(height - top),
                ]
            };
            Frame {
                area,
                delay: (
                    random.below(200) as u16,
                    [0, 1, 30, 100, 1000][random.below(5) as usize],
                ),
                dispose: random.below(3) as u8,
                blend: random.below(2) as u8,
                pixels: draw(&mut random, area[2] * area[3]),
            }
        })
        .collect();
    Animation {
        width,
        height,
        colour,
        plays: random.below(4),
        default,
        frames,
        piece: [1, 7, 1 << 20][random.below(3) as usize],
    }
}

/// How often an animation is played, and its frames.
type Read = (u32, Vec<Vec<[u8; 4]>>);

/// APNGs by Pillow.
fn by_pillow(files: &[Vec<u8>]) -> Option<Vec<Read>> {
    let answers = pillow(
        files,
        "
for file in files:
    image = Image.open(io.BytesIO(file))
    out = b''
    first = 1 if getattr(image, 'default_image', False) else 0
    for at in range(first, getattr(image, 'n_frames', 1)):
        image.seek(at)
        shown = image.convert('RGBA').tobytes()
        out += struct.pack('<I', len(shown)) + shown
    answer(struct.pack('<I', image.info.get('loop', 0)) + out)
",
    )?;
    let read = |answer: Vec<u8>| {
        let (plays, mut rest) = answer.split_at(4);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let (head, behind) = rest.split_at(4);
            let length = u32::from_le_bytes(head.try_into().unwrap()) as usize;
            frames.push(common::rgba(&behind[..length]));
            rest = &behind[length..];
        }
        (u32::from_le_bytes(plays.try_into().unwrap()), frames)
    };
    Some(answers.into_iter().map(read).collect())
}

fn as_webp(file: &[u8]) -> Picture {
    go(file, "/resize/100,f=webp,lossless=1").unwrap()
}

#[test]
fn frames_are_composed_as_the_specification_says() {
    for (shades, tolerance) in [(false, 0), (true, 1)] {
        for (seed, animation) in made(150, shades).iter().enumerate() {
            let picture = as_webp(&animation.file());
            assert!(!picture.truncated);
            let shown = frames(&picture);
            let expected = animation.seen();
            assert_eq!(shown.len(), expected.len(), "{seed}");
            for (at, (frame, expected)) in shown.iter().zip(&expected).enumerate() {
                for (a, b) in frame.pixels.iter().zip(expected) {
                    // Rounding adds up, and colours of what is hardly seen say little.
                    let near = a[3].abs_diff(b[3]) <= tolerance
                        && a.iter().zip(b).take(3).all(|(x, y)| {
                            let weight = u32::from(x.abs_diff(*y)) * u32::from(a[3]);
                            weight <= u32::from(tolerance) * 3 * 255
                        });
                    assert!(near, "{seed}, frame {at}: {a:?} for {b:?}");
                }
            }
        }
    }
}

#[test]
fn pillow_sees_the_same_frames() {
    // Pillow 13 forgets what was below a frame that is blended and undone, leaves a default image on the canvas, and
    // clears to black where there is no alpha channel.
    let forgotten = |frame: &Frame| (frame.dispose, frame.blend) == (2, 1);
    let made: Vec<Animation> = made(600, false)
        .into_iter()
        .filter(|made| made.default.is_none() && made.colour > 2)
        .filter(|made| !made.frames.iter().any(forgotten))
        .collect();
    assert!(made.len() > 60);
    let files: Vec<Vec<u8>> = made.iter().map(Animation::file).collect();
    let Some(theirs) = by_pillow(&files) else {
        return;
    };
    for (seed, (file, (_, theirs))) in files.iter().zip(theirs).enumerate() {
        let ours = frames(&as_webp(file));
        assert_eq!(ours.len(), theirs.len(), "{seed}");
        for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert_eq!(ours.pixels, theirs, "{seed}, frame {at}");
        }
    }
}

/// Turned, so that they are written anew.
#[test]
fn what_is_written_comes_back() {
    let mut expected = Vec::new();
    let mut files = Vec::new();
    for animation in made(60, false).into_iter().chain(made(60, true)) {
        let original = animation.file();
        let picture = go(&original, "/rotate/180").unwrap();
        assert_eq!(picture.media_type, "image/png");
        let webp = go(&original, "/rotate/180,f=webp,lossless=1").unwrap();
        let shown: Vec<_> = frames(&webp)
            .into_iter()
            .map(|frame| frame.pixels)
            .collect();
        // With the `png` crate's check of checksums and sequence numbers.
        let decoder = png::Decoder::new(std::io::Cursor::new(&picture.bytes));
        let mut reader = decoder.read_info().unwrap();
        let control = reader.info().animation_control.unwrap();
        assert_eq!(control.num_frames as usize, shown.len());
        assert_eq!(control.num_plays, animation.plays);
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        for frame in &animation.frames {
            reader.next_frame(&mut buffer).unwrap();
            let own = reader.info().frame_control.unwrap();
            let (n, d) = frame.delay;
            let wanted = f64::from(n) / f64::from(if d == 0 { 100 } else { d });
            let delay = f64::from(own.delay_num) / f64::from(own.delay_den);
            assert!((delay - wanted).abs() < 2e-6, "{n}/{d}: {own:?}");
        }
        assert_eq!(as_webp(&picture.bytes).width, animation.width);
        let again = frames(&as_webp(&picture.bytes));
        for (again, shown) in again.iter().zip(&shown) {
            assert_eq!(&again.pixels, shown);
        }
        expected.push((animation.plays, shown));
        files.push(picture.bytes);
    }
    let Some(theirs) = by_pillow(&files) else {
        return;
    };
    for ((expected, shown), (plays, theirs)) in expected.iter().zip(&theirs) {
        assert_eq!(expected, plays);
        assert_eq!(shown.len(), theirs.len());
        for (shown, theirs) in shown.iter().zip(theirs) {
            assert_eq!(shown, theirs);
        }
    }
}

fn small() -> Animation {
    let frame = |area: [u32; 4], colour: usize, delay| Frame {
        area,
        delay,
        dispose: 0,
        blend: 0,
        pixels: vec![COLOURS[colour]; (area[2] * area[3]) as usize],
    };
    Animation {
        width: 6,
        height: 4,
        colour: 6,
        plays: 3,
        default: None,
        frames: vec![
            frame([0, 0, 6, 4], 1, (1, 10)),
            frame([1, 1, 4, 2], 2, (7, 0)),
            frame([2, 0, 1, 4], 3, (1, 30)),
        ],
        piece: 1 << 20,
    }
}

#[test]
fn an_apng_moves_as_gif_and_webp_too() {
    let animation = small();
    let file = animation.file();
    let webp = as_webp(&file).bytes;
    let at = webp.windows(4).position(|name| name == b"ANIM").unwrap();
    assert_eq!(webp[at + 12..at + 14], [3, 0]);
    let decoded = ::webp::AnimDecoder::new(&webp).decode().unwrap();
    let stamps: Vec<i32> = (&decoded).into_iter().map(|f| f.get_time_ms()).collect();
    assert_eq!(stamps, [100, 170, 203]);
    let gif = go(&file, "/resize/6,f=gif").unwrap();
    assert_eq!(gif.media_type, "image/gif");
    let shown: Vec<_> = frames(&gif).into_iter().map(|frame| frame.pixels).collect();
    assert_eq!(shown, animation.seen());
    let options = gif::DecodeOptions::new();
    let mut decoder = options.read_info(&gif.bytes[..]).unwrap();
    let mut delays = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    assert_eq!(delays, [10, 7, 3]);
    assert_eq!(decoder.repeat(), gif::Repeat::Finite(2));
    for (accepts, media_type) in [
        (AcceptClass::None, "image/png"),
        (AcceptClass::Webp, "image/webp"),
        (AcceptClass::Avif, "image/webp"),
    ] {
        let request = Request {
            accepts,
            ..common::request("/resize/5,f=auto")
        };
        let picture = transform(&file, &request, &Settings::default(), &Check::default()).unwrap();
        assert_eq!(picture.media_type, media_type);
        assert!(info(&picture.bytes).contains(r#""frames":3"#));
    }
    assert!(info(&file).contains(r#""frames":3"#));
    for format in ["jpeg", "avif"] {
        assert!(go(&file, &format!("/resize/5,f={format}")).is_ok());
    }
    // The others become stills of PNG.
    for original in [&webp, &gif.bytes] {
        let still = go(original, "/resize/5,f=png").unwrap();
        assert!(info(&still.bytes).contains(r#""frames":1"#));
    }
}

#[test]
fn an_apng_beyond_the_limits_is_its_default_image() {
    let mut animation = small();
    for default in [None, Some(vec![COLOURS[4]; 24])] {
        animation.default = default;
        let file = animation.file();
        let first = if animation.default.is_some() { 4 } else { 1 };
        for (limits, moves) in [
            (Limits::default(), true),
            (
                Limits {
                    max_frames: 3,
                    max_animation_pixels: 72,
                    ..Limits::default()
                },
                true,
            ),
            (
                Limits {
                    max_frames: 2,
                    ..Limits::default()
                },
                false,
            ),
            (
                Limits {
                    max_animation_pixels: 71,
                    ..Limits::default()
                },
                false,
            ),
        ] {
            let picture = go_within(&file, "/resize/6,f=webp,lossless=1", limits).unwrap();
            assert!(!picture.truncated);
            if moves {
                assert_eq!(frames(&picture).len(), 3);
            } else {
                assert_eq!(pixels(&picture), vec![COLOURS[first]; 24]);
            }
        }
    }
}

#[test]
fn a_fault_in_a_frame_shows_the_default_image() {
    let shown = |animation: &Animation| {
        let picture = as_webp(&animation.file());
        let known = info(&animation.file());
        assert!(known.contains(r#""frames":1,"#), "{known}");
        pixels(&picture)
    };
    let red = vec![COLOURS[1]; 24];
    let faults: [fn(&mut Animation); 6] = [
        |a| a.frames[1].area = [3, 1, 4, 2],
        |a| a.frames[1].area = [1, 3, 4, 2],
        |a| a.frames[2].dispose = 3,
        |a| a.frames[1].blend = 2,
        |a| a.frames[2].area[0] = u32::MAX,
        |a| {
            a.default = Some(a.frames[0].pixels.clone());
            a.frames[0].area = [0, 0, 7, 4];
            a.frames[0].pixels = vec![COLOURS[2]; 28];
        },
    ];
    for fault in faults {
        let mut animation = small();
        fault(&mut animation);
        assert_eq!(shown(&animation), red);
    }
    // One frame that is not the default image is shown, as in browsers.
    let mut one = small();
    one.default = Some(vec![COLOURS[4]; 24]);
    one.frames.truncate(1);
    assert_eq!(shown(&one), red);
}

#[test]
fn an_apng_that_is_cut_has_its_whole_frames() {
    for seed in 0..12 {
        let animation = one(seed, false);
        let (file, expected) = (animation.file(), animation.seen());
        let mut before = 0;
        for end in 0..file.len() {
            let Ok(picture) = go(&file[..end], "/resize/100,f=webp,lossless=1") else {
                assert_eq!(before, 0, "{seed} at {end}");
                continue;
            };
            assert!(picture.truncated, "{seed} at {end}");
            let known = info(&file[..end]);
            if known.contains(r#""frames":1,"#) {
                continue;
            }
            let shown = frames(&picture);
            let listed = format!("{seed} at {end}, {} frames", shown.len());
            assert!(shown.len() >= before.max(1), "{listed}");
            before = shown.len();
            for (shown, expected) in shown.iter().zip(&expected) {
                // Of the first what there is is shown.
                if before > 1 {
                    assert_eq!(&shown.pixels, expected, "{listed}");
                }
            }
        }
        assert_eq!(before, expected.len(), "{seed}");
    }
}

/// Each byte changed, with the checksums left as they were and with right ones: an image or a refusal.
#[test]
fn damage_anywhere_never_panics() {
    let limits = Limits {
        max_pixels: 5_000,
        max_frames: 50,
        ..Limits::default()
    };
    for seed in [1, 3] {
        let file = one(seed, true).file();
        for at in 8..file.len() {
            for change in [0x01, 0xff] {
                let mut wrong = file.clone();
                wrong[at] ^= change;
                for file in [mended(wrong.clone()), wrong] {
                    let picture = go_within(&file, "/resize/100,f=webp,lossless=1", limits);
                    if let Ok(picture) = picture {
                        assert!(image::load_from_memory(&picture.bytes).is_ok());
                    }
                }
            }
        }
    }
}

#[test]
fn colours_of_all_frames_are_converted() {
    let mut file = small().file();
    let at = file.windows(4).position(|name| name == b"acTL").unwrap() - 4;
    let points = chunk(*b"cICP", &[12, 13, 0, 1]);
    file.splice(at..at, points);
    let shown = frames(&as_webp(&file));
    // Display P3's green of 0, 200, 30 lies outside of sRGB; red as well.
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0].pixels[0], [255, 0, 0, 255]);
    let still = pixels(&go(&file, "/resize/6,f=png,flip=h").unwrap());
    assert_eq!(still.len(), 24);
    let green = shown[1].pixels[7];
    assert!(green[1] > 200 && green[0] == 0, "{green:?}");
}

#[test]
fn a_file_as_it_is_found_moves() {
    let original = include_bytes!("data/animated-3-frames.png");
    for (path, media_type) in [
        ("/resize/80", "image/png"),
        ("/resize/80,f=webp", "image/webp"),
        ("/resize/80,f=gif", "image/gif"),
        ("/crop/50x50", "image/png"),
        ("/resize/121,flip=h", "image/png"),
    ] {
        let picture = go(original, path).unwrap();
        assert_eq!(picture.media_type, media_type);
        assert!(info(&picture.bytes).contains(r#""frames":3"#), "{path}");
        assert!(picture.bytes.len() * 10 < original.len() * 11, "{path}");
    }
}
