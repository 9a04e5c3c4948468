//! Prints the CPU milliseconds of a decode at each scale, the least of several, beside those of image-webp and libwebp,
//! for each file given: `cargo run --release -p webp-shrink --example decode-time -- [--runs N] [--scale 1|2|4|8] FILE...`
//!
//! CPU time, not wall clock, so that other work on the machine counts little.

use std::io::Cursor;
use std::time::Duration;

use image_webp::WebPDecoder;
use webp_shrink::{Limits, Scale, decode, find_frame};

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The least of several runs.
fn best<T, E>(runs: u32, mut run: impl FnMut() -> Result<T, E>) -> Result<f64, E> {
    let mut best = Duration::MAX;
    for _ in 0..runs {
        let start = cpu();
        let result = std::hint::black_box(run()?);
        best = best.min(cpu().saturating_sub(start));
        drop(result);
    }
    Ok(best.as_secs_f64() * 1e3)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let mut option = |name: &str| -> Result<Option<u32>, Box<dyn std::error::Error>> {
        let Some(at) = files.iter().position(|argument| argument == name) else {
            return Ok(None);
        };
        let value = files
            .get(at + 1)
            .ok_or("an option wants a number")?
            .parse()?;
        files.drain(at..at + 2);
        Ok(Some(value))
    };
    let runs = option("--runs")?.unwrap_or(10);
    let only = option("--scale")?;
    let scales: Vec<Scale> = [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth]
        .into_iter()
        .filter(|scale| only.is_none_or(|only| only == scale.denominator()))
        .collect();
    print!("{:<40}", "CPU ms");
    for scale in &scales {
        print!("      1/{}", scale.denominator());
    }
    println!("  image-webp     libwebp");
    for file in files {
        let webp = std::fs::read(&file)?;
        let frame = find_frame(&webp)?;
        let name = file.rsplit('/').next().unwrap_or_default();
        print!("{name:<40}");
        for &scale in &scales {
            let time = best(runs, || decode(frame, scale, &Limits::default()))?;
            print!(" {time:>8.2}");
        }
        let theirs = best(runs, || {
            let mut decoder = WebPDecoder::new(Cursor::new(&webp))?;
            let mut rgb = vec![0; decoder.output_buffer_size().unwrap_or_default()];
            decoder.read_image(&mut rgb)?;
            Ok::<_, image_webp::DecodingError>(rgb)
        })?;
        let libwebp = best(runs, || webp::Decoder::new(&webp).decode().ok_or("libwebp"))?;
        println!("  {theirs:>10.2}  {libwebp:>10.2}");
    }
    Ok(())
}
