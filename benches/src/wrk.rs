//! Load by `wrk`, and what it cost the server.

use crate::procfs::cpu_time;
use anyhow::{Context, bail};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What one run gave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// CPU time of the server for each request, in microseconds.
    pub cpu: f64,
    /// Requests answered in a second.
    pub rate: f64,
    /// Half of the requests were answered in this time, in microseconds.
    pub p50: f64,
    /// 99 of 100 requests were.
    pub p99: f64,
}

/// Whether there is a `wrk`; says how to get it otherwise.
pub fn is_there() -> bool {
    let there = Command::new("wrk").arg("-v").output().is_ok();
    if !there {
        eprintln!("no wrk here: apt-get install wrk");
    }
    there
}

/// Asks for the targets of a file in random order, or for one alone.
///
/// # Errors
/// When wrk cannot be run or an answer is an error.
pub fn load(
    address: SocketAddr,
    targets: &Path,
    connections: usize,
    time: Duration,
    server: &[u32],
) -> anyhow::Result<Run> {
    let script = tempfile::Builder::new().suffix(".lua").tempfile()?;
    std::fs::write(script.path(), script_for(targets))?;
    let before = cpu_time(server);
    let output = Command::new("wrk")
        .args(["-t1", "--latency", &format!("-c{connections}")])
        .arg(format!("-d{}s", time.as_secs()))
        .arg("-s")
        .arg(script.path())
        .arg(format!("http://{address}/"))
        .output()?;
    let cpu = cpu_time(server).saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("not every request was answered well:\n{text}");
    }
    let number = |label: &str| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(label));
        line.and_then(|line| line.split_whitespace().find_map(micros))
    };
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .and_then(|(count, _)| count.parse::<f64>().ok())
        .with_context(|| text.clone())?;
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .and_then(|rate| rate.trim().parse().ok())
        .with_context(|| text.clone())?;
    Ok(Run {
        cpu: cpu.as_secs_f64() * 1e6 / requests,
        rate,
        p50: number("50%").unwrap_or_default(),
        p99: number("99%").unwrap_or_default(),
    })
}

/// A time as wrk writes it, in microseconds.
fn micros(word: &str) -> Option<f64> {
    for (unit, scale) in [("us", 1.0), ("ms", 1e3), ("s", 1e6)] {
        if let Some(number) = word.strip_suffix(unit) {
            return Some(number.parse::<f64>().ok()? * scale);
        }
    }
    None
}

/// A Lua script that walks through a file of targets in strides, so that neighbours are far apart.
fn script_for(targets: &Path) -> String {
    format!(
        r#"
local targets = {{}}
for line in io.lines("{}") do targets[#targets + 1] = line end
local at = 0
request = function()
  at = (at + 7919) % #targets
  return wrk.format("GET", targets[at + 1])
end
"#,
        targets.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_wrk_writes_them() {
        assert_eq!(micros("823.00us"), Some(823.0));
        assert_eq!(micros("1.50ms"), Some(1500.0));
        assert_eq!(micros("2.00s"), Some(2_000_000.0));
        assert_eq!(micros("50%"), None);
    }
}
