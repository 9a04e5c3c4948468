//! Prints size and CPU milliseconds of each file given as this crate, jpeg-encoder and, if it is installed, libjpeg's
//! `cjpeg` write it:
//! `cargo run --release -p jpeg-write --example compare -- [--quality N] [--full] [--runs N] [--only-ours]
//! PICTURE...`
//!
//! `--full` is 4:4:4 instead of 4:2:0. Times are the least of several runs; `cjpeg`'s hold its start and reading, and
//! are wall clock.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use jpeg_write::{Options, Pixels, Subsampling, encode};

type Failure = Box<dyn std::error::Error>;

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Bytes and milliseconds.
type Measured = (usize, f64);

fn least(
    runs: u32,
    mut encode: impl FnMut() -> Result<Vec<u8>, Failure>,
) -> Result<Measured, Failure> {
    let (mut size, mut best) = (0, Duration::MAX);
    for _ in 0..runs {
        let start = cpu();
        let file = std::hint::black_box(encode()?);
        best = best.min(cpu().saturating_sub(start));
        size = file.len();
    }
    Ok((size, best.as_secs_f64() * 1e3))
}

struct Picture {
    rgb: Vec<u8>,
    width: u32,
    height: u32,
}

fn ours(picture: &Picture, options: Options, runs: u32) -> Result<Measured, Failure> {
    least(runs, || {
        let pixels = Pixels::Rgb(&picture.rgb);
        Ok(encode(pixels, picture.width, picture.height, &options)?)
    })
}

fn before(picture: &Picture, options: Options, runs: u32) -> Result<Measured, Failure> {
    least(runs, || {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, options.quality);
        encoder.set_progressive(options.progressive);
        encoder.set_optimized_huffman_tables(true);
        encoder.set_sampling_factor(match options.subsampling {
            Subsampling::Full => SamplingFactor::F_1_1,
            Subsampling::Halved => SamplingFactor::F_2_2,
        });
        let (width, height) = (picture.width as u16, picture.height as u16);
        encoder.encode(&picture.rgb, width, height, ColorType::Rgb)?;
        Ok(file)
    })
}

/// Nothing if there is no `cjpeg`.
fn cjpeg(picture: &Picture, options: Options, runs: u32) -> Option<Measured> {
    let mut ppm = format!("P6 {} {} 255\n", picture.width, picture.height).into_bytes();
    ppm.extend(&picture.rgb);
    let (mut size, mut best) = (0, Duration::MAX);
    for _ in 0..runs.min(5) {
        let start = Instant::now();
        let mut child = Command::new("cjpeg")
            .args(["-quality", &options.quality.to_string(), "-sample"])
            .arg(match options.subsampling {
                Subsampling::Full => "1x1",
                Subsampling::Halved => "2x2",
            })
            .arg(if options.progressive {
                "-progressive"
            } else {
                "-optimize"
            })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut input = child.stdin.take()?;
        let ppm = ppm.clone();
        let writing = std::thread::spawn(move || input.write_all(&ppm));
        size = child.wait_with_output().ok()?.stdout.len();
        writing.join().ok()?.ok()?;
        best = best.min(start.elapsed());
    }
    Some((size, best.as_secs_f64() * 1e3))
}

fn main() -> Result<(), Failure> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let mut option = |name: &str| -> Result<Option<u32>, Failure> {
        let Some(at) = files.iter().position(|argument| argument == name) else {
            return Ok(None);
        };
        let value = files.get(at + 1).ok_or("an option wants a number")?;
        let value = value.parse()?;
        files.drain(at..at + 2);
        Ok(Some(value))
    };
    let quality = option("--quality")?.unwrap_or(80) as u8;
    let runs = option("--runs")?.unwrap_or(20);
    let full = files.iter().position(|argument| argument == "--full");
    let subsampling = match full.map(|at| files.remove(at)) {
        Some(_) => Subsampling::Full,
        None => Subsampling::Halved,
    };
    let only_ours = match files.iter().position(|argument| argument == "--only-ours") {
        Some(at) => files.remove(at) == "--only-ours",
        None => false,
    };
    println!(
        "| bytes, ms at q{quality} {subsampling:?} | baseline | progressive | jpeg-encoder baseline | progressive \
         | cjpeg -optimize | -progressive | progressive to cjpeg's | to baseline |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut ratios = Vec::new();
    for path in files {
        let rgb = image::open(&path)?.into_rgb8();
        let picture = Picture {
            width: rgb.width(),
            height: rgb.height(),
            rgb: rgb.into_raw(),
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        print!("| {name}");
        let mut sizes = Vec::new();
        for encoder in 0..3 {
            for progressive in [false, true] {
                let options = Options {
                    quality,
                    progressive,
                    subsampling,
                };
                let measured = match encoder {
                    0 => Some(ours(&picture, options, runs)?),
                    _ if only_ours => None,
                    1 => Some(before(&picture, options, runs)?),
                    _ => cjpeg(&picture, options, runs),
                };
                match measured {
                    Some((size, ms)) => print!(" | {size}, {ms:.2}"),
                    None => print!(" | -"),
                }
                sizes.push(measured.map_or(f64::NAN, |(size, _)| size as f64));
            }
        }
        let (to_cjpeg, to_baseline) = (sizes[1] / sizes[5], sizes[1] / sizes[0]);
        println!(" | {to_cjpeg:.4} | {to_baseline:.4} |");
        ratios.push([to_cjpeg, to_baseline]);
    }
    for (index, name) in ["cjpeg -progressive", "baseline"].iter().enumerate() {
        let of_all = ratios.iter().map(|ratios| ratios[index]);
        let mean = of_all.clone().map(f64::ln).sum::<f64>() / ratios.len() as f64;
        let most = of_all.fold(0.0, f64::max);
        println!(
            "progressive to {name}: {:.4}, at most {most:.4}",
            mean.exp()
        );
    }
    Ok(())
}
