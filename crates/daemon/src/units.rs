//! The units of the command line: sizes, times, rates and pixel counts, as an operator writes them.
//!
//! Each function is a clap `value_parser`; its error is the line that the operator reads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use bytesize::ByteSize;

/// A duration such as `5s`, `500ms`, `1h 30m` or `30d`; a bare number is seconds, as in nginx.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is not a time such as 5s, 500ms, 1h or 30d"))
}

/// The same of a time that may not be zero: a limit of no time at all lets nothing through.
pub fn time_limit(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.is_zero() {
        return Err("a limit of no time lets nothing through".to_owned());
    }
    Ok(time)
}

/// A size such as `50MB` (10⁶), `64MiB` (2²⁰) or a bare number of bytes.
pub fn byte_size(text: &str) -> Result<ByteSize, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a size such as 512KB, 64MiB or 10GB"))
}

/// A number of pixels such as `100MP` (10⁶) or a bare number.
pub fn pixels(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a number of pixels such as 100MP");
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let scale = match &text[digits.len()..] {
        "" => 1.0,
        unit if unit.eq_ignore_ascii_case("mp") => 1e6,
        unit if unit.eq_ignore_ascii_case("kp") => 1e3,
        _ => return Err(wrong()),
    };
    let pixels = number * scale;
    if (1.0..=1e12).contains(&pixels) {
        Ok(pixels as u64)
    } else {
        Err(wrong())
    }
}

/// A value that can be switched off with the word `off`, as many of nginx's directives can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch<T> {
    /// The word `off`.
    Off,
    /// A value, which also switches the feature on.
    On(T),
}

impl<T> Switch<T> {
    /// The value, or `None` when switched off.
    pub fn on(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

/// `off`, or a duration as in [`duration`].
pub fn duration_or_off(text: &str) -> Result<Switch<Duration>, String> {
    switch(text, duration)
}

/// `off`, or a rate as in [`Rate`].
pub fn rate_or_off(text: &str) -> Result<Switch<Rate>, String> {
    switch(text, str::parse)
}

fn switch<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Switch<T>, String> {
    if text == "off" {
        Ok(Switch::Off)
    } else {
        parse(text)
            .map(Switch::On)
            .map_err(|error| format!("{error}, or off"))
    }
}

/// Requests per second or minute in nginx's words: `50r/s`, `30r/m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    per: Duration,
}

impl Rate {
    /// The time in which one request more is allowed: 20 ms for `50r/s`. Never zero.
    pub fn interval(self) -> Duration {
        (self.per / self.requests).max(Duration::from_nanos(1))
    }

    /// The number before `r/s` or `r/m`, at least 1.
    pub fn requests(self) -> u32 {
        self.requests
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let per_second = (text.strip_suffix("r/s"), Duration::from_secs(1));
        let per_minute = (text.strip_suffix("r/m"), Duration::from_secs(60));
        [per_second, per_minute]
            .into_iter()
            .find_map(|(number, per)| {
                let requests = number?.parse().ok().filter(|requests| *requests > 0)?;
                Some(Self { requests, per })
            })
            .ok_or_else(|| format!("`{text}` is not a rate such as 50r/s or 30r/m"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.per == Duration::from_secs(1) {
            "s"
        } else {
            "m"
        };
        write!(f, "{}r/{unit}", self.requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_in_nginx() {
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert!(duration("soon").is_err());
        assert_eq!(time_limit("1ms"), Ok(Duration::from_millis(1)));
        assert!(time_limit("0s").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(byte_size("10GB"), Ok(ByteSize::gb(10)));
        assert_eq!(byte_size("64MiB"), Ok(ByteSize::mib(64)));
        assert_eq!(byte_size("1024"), Ok(ByteSize::b(1024)));
        assert!(byte_size("many").is_err());
    }

    #[test]
    fn pixels_are_counted_in_millions() {
        assert_eq!(pixels("100MP"), Ok(100_000_000));
        assert_eq!(pixels("0.5mp"), Ok(500_000));
        assert_eq!(pixels("640"), Ok(640));
        for wrong in ["", "0", "-1MP", "12GP", "MP"] {
            assert!(pixels(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_says_how_often() {
        let rate: Rate = "50r/s".parse().unwrap();
        assert_eq!(rate.interval(), Duration::from_millis(20));
        assert_eq!(rate.to_string(), "50r/s");
        assert_eq!(
            "30r/m".parse::<Rate>().unwrap().interval(),
            Duration::from_secs(2)
        );
        for wrong in ["50", "0r/s", "r/s", "50r/h"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn off_switches_off() {
        assert_eq!(duration_or_off("off").unwrap().on(), None);
        assert_eq!(
            duration_or_off("30d").unwrap().on(),
            Some(Duration::from_secs(30 * 86_400))
        );
        assert!(rate_or_off("never").unwrap_err().ends_with("or off"));
    }
}
