//! Prints the CPU milliseconds of a decode at each scale, the least of several, for each file given:
//! `cargo run --release -p jpeg-shrink --example decode-time -- [--runs N] FILE...`
//!
//! CPU time, not wall clock, so that other work on the machine counts little.

use std::time::Duration;

use jpeg_shrink::{Limits, Scale, decode};

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let mut runs = 10;
    if files.first().is_some_and(|first| first == "--runs") {
        runs = files.get(1).ok_or("--runs wants a number")?.parse()?;
        files.drain(..2);
    }
    println!(
        "{:<40} {:>8} {:>8} {:>8} {:>8}",
        "CPU ms", "1/1", "1/2", "1/4", "1/8"
    );
    for file in files {
        let jpeg = std::fs::read(&file)?;
        let name = file.rsplit('/').next().unwrap_or_default();
        print!("{name:<40}");
        for scale in [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth] {
            let mut best = Duration::MAX;
            for _ in 0..runs {
                let start = cpu();
                let picture = std::hint::black_box(decode(&jpeg, scale, &Limits::default())?);
                best = best.min(cpu().saturating_sub(start));
                drop(picture);
            }
            print!(" {:>8.2}", best.as_secs_f64() * 1e3);
        }
        println!();
    }
    Ok(())
}
