//! What several tests need: pictures made in code, libjpeg-turbo's programs where they are installed, distances.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test uses its part, and may unwrap

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use jpeg_shrink::{Picture, Pixels, Scale};

pub const SCALES: [Scale; 4] = [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth];

/// A picture as other programs give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub bytes: Vec<u8>,
}

impl Raw {
    pub fn of(picture: Picture) -> Self {
        let (channels, bytes) = match picture.pixels {
            Pixels::Grey(bytes) => (1, bytes),
            Pixels::Rgb(bytes) => (3, bytes),
            Pixels::Cmyk(bytes) => (4, bytes),
        };
        Self {
            width: picture.width as usize,
            height: picture.height as usize,
            channels,
            bytes,
        }
    }

    /// Something like a photograph: shades, edges of all directions, some texture and strong colours.
    pub fn scene(width: usize, height: usize) -> Self {
        let mut bytes = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                let (fx, fy) = (x as f32 / 64.0, y as f32 / 64.0);
                let shade = 90.0 * (fx * 1.3).sin() * (fy * 0.9).cos();
                let ring = ((fx - 1.5).hypot(fy - 1.2) * 9.0).sin() * 18.0;
                let edge = if (x / 37 + y / 53) % 2 == 0 {
                    20.0
                } else {
                    -20.0
                };
                let grain = ((x * 7 + y * 13 + x * y) % 11) as f32 - 5.0;
                let luma = 128.0 + shade + ring + edge + grain;
                let warm = 45.0 * (fx * 0.7 + fy * 0.4).sin();
                let cool = 45.0 * (fy * 0.8 - fx * 0.3).cos();
                for level in [luma + warm, luma - 0.5 * (warm + cool), luma + cool] {
                    bytes.push(level.clamp(0.0, 255.0) as u8);
                }
            }
        }
        Self {
            width,
            height,
            channels: 3,
            bytes,
        }
    }

    pub fn to_pnm(&self) -> Vec<u8> {
        let kind = if self.channels == 1 { 5 } else { 6 };
        let mut pnm = format!("P{kind}\n{} {}\n255\n", self.width, self.height).into_bytes();
        pnm.extend(&self.bytes);
        pnm
    }

    fn from_pnm(pnm: &[u8]) -> Self {
        let mut fields = Vec::new();
        let mut at = 0;
        while fields.len() < 4 {
            let end = at + pnm[at..].iter().position(u8::is_ascii_whitespace).unwrap();
            fields.push(String::from_utf8(pnm[at..end].to_vec()).unwrap());
            at = end + 1;
        }
        Self {
            width: fields[1].parse().unwrap(),
            height: fields[2].parse().unwrap(),
            channels: if fields[0] == "P5" { 1 } else { 3 },
            bytes: pnm[at..].to_vec(),
        }
    }

    /// Inks as the colours that libjpeg-turbo's programs make of them; anything else as it is.
    pub fn seen(self) -> Self {
        if self.channels != 4 {
            return self;
        }
        let light = |ink: u8, black: u8| {
            ((u32::from(255 - ink) * u32::from(255 - black) + 127) / 255) as u8
        };
        let bytes = self.bytes.as_chunks::<4>().0.iter();
        Self {
            channels: 3,
            bytes: bytes
                .flat_map(|&[c, m, y, k]| [c, m, y].map(|ink| light(ink, k)))
                .collect(),
            ..self
        }
    }

    /// The luma of each pixel.
    pub fn luma(&self) -> Self {
        let bytes = self
            .bytes
            .chunks_exact(self.channels)
            .map(|pixel| match *pixel {
                [r, g, b] => {
                    ((u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 + 500) / 1000)
                        as u8
                }
                _ => pixel[0],
            })
            .collect();
        Self {
            channels: 1,
            bytes,
            ..*self
        }
    }

    /// The average over squares of `by`, the last ones cut off by the edge.
    pub fn averaged(&self, by: usize) -> Self {
        let (width, height) = (self.width.div_ceil(by), self.height.div_ceil(by));
        let mut bytes = Vec::with_capacity(width * height * self.channels);
        for y in 0..height {
            for x in 0..width {
                for channel in 0..self.channels {
                    let (mut sum, mut count) = (0, 0);
                    for line in y * by..((y + 1) * by).min(self.height) {
                        for column in x * by..((x + 1) * by).min(self.width) {
                            sum += u32::from(
                                self.bytes[(line * self.width + column) * self.channels + channel],
                            );
                            count += 1;
                        }
                    }
                    bytes.push(((sum + count / 2) / count) as u8);
                }
            }
        }
        Self {
            width,
            height,
            channels: self.channels,
            bytes,
        }
    }
}

/// Peak signal-to-noise ratio in dB. The pictures must be of one size.
pub fn psnr(a: &Raw, b: &Raw) -> f64 {
    assert_eq!(
        (a.width, a.height, a.channels, a.bytes.len()),
        (b.width, b.height, b.channels, b.bytes.len())
    );
    let sum: u64 = a
        .bytes
        .iter()
        .zip(&b.bytes)
        .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.bytes.len() as f64 / sum.max(1) as f64).log10()
}

/// Runs a program of libjpeg-turbo, `None` if it is not installed.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("skipped: {program} is not installed (package libjpeg-turbo-progs)");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output.stdout)
}

/// Encodes with libjpeg-turbo's cjpeg.
pub fn cjpeg(picture: &Raw, arguments: &[&str]) -> Option<Vec<u8>> {
    run("cjpeg", arguments, &picture.to_pnm())
}

/// Encodes with cjpeg in the scans of a script, as its `-scans` has it.
pub fn cjpeg_in_scans(picture: &Raw, arguments: &[&str], script: &str) -> Option<Vec<u8>> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("jpeg-shrink-{}-{number}.scans", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, script).unwrap();
    let jpeg = cjpeg(
        picture,
        &[arguments, &["-scans", path.to_str().unwrap()]].concat(),
    );
    std::fs::remove_file(&path).unwrap();
    jpeg
}

/// Decodes with libjpeg-turbo's djpeg at a scale.
pub fn djpeg(jpeg: &[u8], scale: Scale) -> Option<Raw> {
    let scale = format!("1/{}", scale.denominator());
    let pnm = run("djpeg", &["-scale", &scale, "-pnm"], jpeg)?;
    Some(Raw::from_pnm(&pnm))
}

/// A photograph of the repository.
pub fn sample(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../samples", name]
        .iter()
        .collect();
    std::fs::read(path).unwrap()
}

/// A small file of a legal kind that is rarely met.
pub fn rare(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/data", name]
        .iter()
        .collect();
    std::fs::read(path).unwrap()
}

/// Files of legal kinds that are rarely met, all whole.
pub const RARE: [&str; 11] = [
    "j-cmyk-noadobe.jpg",
    "j-jfif-adobe0.jpg",
    "jpeg-first-scan-chroma.jpg",
    "jpeg-luma-halved-across.jpg",
    "jpeg-luma-quartered-progressive.jpg",
    "jpeg-not-interleaved-420.jpg",
    "jpeg-not-interleaved-440.jpg",
    "jpeg-quality-50.jpg",
    "jpeg-sampling-3x1.jpg",
    "jpeg-without-dht.jpg",
    "nonint-88.jpg",
];

pub const SAMPLES: [&str; 4] = ["picos.jpg", "seeding.jpg", "sunset.jpg", "umang.jpg"];
