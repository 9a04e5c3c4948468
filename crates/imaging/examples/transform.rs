//! Makes one picture and says what it cost: `transform FILE OPERATION-PATH OUT [--repeat N] [--accepts avif|webp]`.
//!
//! OPERATION-PATH is what comes before the name in a URL, such as `/resize/300x200,q=80`. The CPU time is the least of
//! the repetitions, in ms; the peak is what the first of them had resident at most, over what was so before it, in MB,
//! beside what was estimated for it.

use image_url::{AcceptClass, Canonical, Target};
use imaging::{Check, Request, Settings, estimate, transform};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let repeat = option(&mut arguments, "--repeat")
        .map(|text| text.parse::<u32>())
        .transpose()?
        .unwrap_or(1);
    let accepts = match option(&mut arguments, "--accepts").as_deref() {
        Some("avif") => AcceptClass::Avif,
        Some("webp") => AcceptClass::Webp,
        _ => AcceptClass::None,
    };
    let [file, path, out] = &arguments[..] else {
        return Err("transform FILE OPERATION-PATH OUT [--repeat N] [--accepts avif|webp]".into());
    };
    let original = std::fs::read(file)?;
    let target = Target::parse(&format!("{path}/name"))?;
    let canonical = Canonical::parse(target.uri())?;
    let request = Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts,
    };
    let settings = Settings::default();
    let estimated = estimate(&original, &request, &settings)?;
    let idle = resident("VmRSS:")?;
    let mut least = Duration::MAX;
    let mut peak = 0;
    for turn in 0..repeat {
        let before = cpu();
        let picture = transform(&original, &request, &settings, &Check::default())?;
        least = least.min(cpu().saturating_sub(before));
        if turn == 0 {
            peak = resident("VmHWM:")?;
            std::fs::write(out, &picture.bytes)?;
            print!(
                "{}x{} {} bytes, ",
                picture.width,
                picture.height,
                picture.bytes.len()
            );
        }
    }
    println!(
        "{:.1} ms, expected {:.1} ms, peak {:.1} MB over {:.1} MB, estimated {:.1} MB",
        least.as_secs_f64() * 1e3,
        estimated.time.as_secs_f64() * 1e3,
        peak.saturating_sub(idle) as f64 / 1024.0,
        idle as f64 / 1024.0,
        estimated.memory as f64 / 1024.0 / 1024.0,
    );
    Ok(())
}

fn option(arguments: &mut Vec<String>, name: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument == name)?;
    let mut taken = arguments.drain(at..(at + 2).min(arguments.len()));
    taken.nth(1)
}

/// User and system time of this process.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}

/// A line of `/proc/self/status`, in KB.
fn resident(line: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let value = status
        .lines()
        .find_map(|text| text.strip_prefix(line))
        .and_then(|text| text.split_whitespace().next())
        .ok_or("no such line")?;
    Ok(value.parse()?)
}
