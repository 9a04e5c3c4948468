//! How long requests take, learnt from those that were served.

use image_url::{Canonical, Fit, Operation, OutputFormat};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Kinds that are told apart. Two kinds that share a slot share a mean.
const KINDS: usize = 256;

/// What is known of a request's work before its original is there: what is made, in which format, about how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(usize);

impl Kind {
    /// The kind of a URL.
    pub(crate) fn of(canonical: &Canonical) -> Self {
        let options = canonical.options();
        let format = options.format.map(|format| match format {
            OutputFormat::Named(format) => Some(format),
            OutputFormat::Auto => None,
        });
        let mut hasher = DefaultHasher::new();
        std::mem::discriminant(&canonical.operation()).hash(&mut hasher);
        magnitude(canonical.operation()).hash(&mut hasher);
        format.hash(&mut hasher);
        (
            options.lossless,
            options.max_bytes.is_some(),
            options.fit == Fit::Inside,
        )
            .hash(&mut hasher);
        Self(usize::try_from(hasher.finish() % KINDS as u64).unwrap_or(0))
    }
}

/// The longer side asked for, as a power of two.
fn magnitude(operation: Operation) -> u32 {
    use image_url::Bounds::{Both, Height, Width};
    let side = match operation {
        Operation::Resize(Width(side) | Height(side)) => side.get(),
        Operation::Resize(Both(width, height)) | Operation::Crop { width, height } => {
            width.max(height).get()
        }
        _ => 0,
    };
    side.checked_ilog2().unwrap_or(0)
}

/// Means that forget, of each kind and of all.
#[derive(Debug)]
pub(super) struct Pace {
    kinds: [Mean; KINDS],
    all: Mean,
    /// What work took, as thousandths of what was estimated from the headers of originals.
    ratio: Mean,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            kinds: std::array::from_fn(|_| Mean::default()),
            all: Mean::default(),
            ratio: Mean::default(),
        }
    }
}

impl Pace {
    /// Work of a kind took so long, estimated at so much.
    pub(super) fn note(&self, kind: Kind, estimated: Duration, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.all.note(nanos);
        if let Some(mean) = self.kinds.get(kind.0) {
            mean.note(nanos);
        }
        // Of very short work the clock and the scheduler are the larger part.
        if estimated > Duration::from_millis(1) {
            let ratio = took.as_nanos() * 1000 / estimated.as_nanos();
            self.ratio.note(u64::try_from(ratio).unwrap_or(u64::MAX));
        }
    }

    /// The work to expect of a kind; zero as long as nothing is known.
    pub(super) fn expected(&self, kind: Kind) -> Duration {
        let of_kind = self.kinds.get(kind.0).map_or(0, Mean::get);
        let nanos = if of_kind > 0 { of_kind } else { self.all.get() };
        Duration::from_nanos(nanos)
    }

    /// What an estimate comes to on this machine.
    pub(super) fn scaled(&self, estimated: Duration) -> Duration {
        match self.ratio.get() {
            0 => estimated,
            // An estimate is off by the content too; one that is off by more is an estimate of something else.
            ratio => estimated * u32::try_from(ratio.clamp(100, 10_000)).unwrap_or(1000) / 1000,
        }
    }

    /// What a lower bound comes to on this machine. A machine that seems slow may only have been busy, so that a bound is
    /// never raised.
    pub(super) fn at_least(&self, bound: Duration) -> Duration {
        self.scaled(bound).min(bound)
    }
}

/// An exponentially weighted mean.
#[derive(Debug, Default)]
struct Mean(AtomicU64);

impl Mean {
    /// The part of the mean that each value replaces, 1 of so many.
    const WEIGHT: u64 = 16;

    fn note(&self, value: u64) {
        let mean = |old: u64| match old {
            0 => value,
            old => old - old / Self::WEIGHT + value / Self::WEIGHT,
        };
        let update = |old| Some(mean(old).max(1));
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    /// Zero as long as there is no value.
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str) -> Kind {
        Kind::of(&Canonical::parse(image_url::Target::parse(path).unwrap().uri()).unwrap())
    }

    #[test]
    fn kinds_differ_by_what_decides_the_work() {
        let thumbnail = kind("/resize/100/a.jpg");
        assert_eq!(thumbnail, kind("/resize/120/b.jpg"));
        for other in [
            "/resize/1000/a.jpg",
            "/crop/100x100/a.jpg",
            "/resize/100,f=avif/a.jpg",
            "/resize/100,f=webp,lossless=1/a.jpg",
            "/size/a.jpg",
        ] {
            assert_ne!(thumbnail, kind(other), "{other}");
        }
    }

    #[test]
    fn the_pace_follows_what_work_takes() {
        let ms = Duration::from_millis;
        let (pace, kind) = (Pace::default(), kind("/resize/100/a.jpg"));
        assert_eq!(pace.expected(kind), Duration::ZERO);
        assert_eq!(
            (pace.scaled(ms(50)), pace.at_least(ms(50))),
            (ms(50), ms(50))
        );
        pace.note(kind, ms(50), ms(100));
        assert_eq!(
            (pace.expected(kind), pace.scaled(ms(50))),
            (ms(100), ms(100))
        );
        assert_eq!(
            pace.at_least(ms(50)),
            ms(50),
            "a busy machine is no slow one"
        );
        for _ in 0..200 {
            pace.note(kind, ms(50), ms(20));
        }
        let expected = pace.expected(kind).as_millis();
        assert!((19..=21).contains(&expected), "{expected} ms");
        assert!(pace.at_least(ms(50)) < ms(25));
    }

    #[test]
    fn a_kind_that_was_never_seen_is_expected_to_be_like_the_others() {
        let pace = Pace::default();
        pace.note(
            kind("/resize/100/a.jpg"),
            Duration::ZERO,
            Duration::from_millis(30),
        );
        assert_eq!(
            pace.expected(kind("/crop/900x900/a.jpg")),
            Duration::from_millis(30)
        );
    }
}
