//! Prints the CPU milliseconds of a decode at each scale, the least of several, for each file given, beside zune-jpeg at full size:
//! `cargo run --release -p jpeg-shrink --example decode-time -- [--runs N] [--scale 1|2|4|8] FILE...`
//!
//! CPU time, not wall clock, so that other work on the machine counts little.

use std::time::Duration;

use jpeg_shrink::{Limits, Scale, decode};
use zune_core::bytestream::ZCursor;
use zune_jpeg::JpegDecoder;

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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
    println!("  zune-jpeg");
    for file in files {
        let jpeg = std::fs::read(&file)?;
        let name = file.rsplit('/').next().unwrap_or_default();
        print!("{name:<40}");
        for &scale in &scales {
            let mut best = Duration::MAX;
            for _ in 0..runs {
                let start = cpu();
                let picture = std::hint::black_box(decode(&jpeg, scale, &Limits::default())?);
                best = best.min(cpu().saturating_sub(start));
                drop(picture);
            }
            print!(" {:>8.2}", best.as_secs_f64() * 1e3);
        }
        let mut best = Duration::MAX;
        for _ in 0..runs {
            let start = cpu();
            drop(std::hint::black_box(
                JpegDecoder::new(ZCursor::new(&jpeg)).decode(),
            ));
            best = best.min(cpu().saturating_sub(start));
        }
        println!("   {:>8.2}", best.as_secs_f64() * 1e3);
    }
    Ok(())
}
