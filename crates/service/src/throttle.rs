//! Events that come by the thousand when something fails: one each interval is logged, with a count of the others.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one event through each interval and counts those between.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl Throttle {
    /// One that has seen no event yet.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            state: Mutex::default(),
        }
    }

    /// Takes note of an event: how many there were since the last that was logged, this one included, when it is to be
    /// logged; `None` when not.
    pub fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held_back += 1;
        let due = |last| now.saturating_duration_since(last) >= self.interval;
        if !state.last.is_none_or(due) {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_each_interval_passes_with_the_number_of_the_others() {
        let throttle = Throttle::new(Duration::from_secs(10));
        let start = Instant::now();
        let passed = [0, 1, 9, 10, 11, 25]
            .map(|seconds| throttle.pass(start + Duration::from_secs(seconds)));
        assert_eq!(passed, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
