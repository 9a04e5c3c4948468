//! Events that come by the thousand when something fails: one each interval is logged, with a count of the others.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::Problem;

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

/// How often the log says that an outage goes on.
pub const SAY_AGAIN: Duration = Duration::from_secs(10);

/// What is said of the server's own problems besides the line of each request: an outage is one event, not one for each
/// request that it meets. A defect of ours is always said.
#[derive(Debug)]
pub struct Outages {
    overloaded: Throttle,
    bad_gateway: Throttle,
    gateway_timeout: Throttle,
}

impl Default for Outages {
    fn default() -> Self {
        let [overloaded, bad_gateway, gateway_timeout] = [(); 3].map(|()| Throttle::new(SAY_AGAIN));
        Self {
            overloaded,
            bad_gateway,
            gateway_timeout,
        }
    }
}

impl Outages {
    /// How many requests met this problem since the log last said so, when it is to be said now.
    pub fn pass(&self, problem: Problem, now: Instant) -> Option<u64> {
        match problem {
            Problem::Overloaded { .. } => self.overloaded.pass(now),
            Problem::BadGateway => self.bad_gateway.pass(now),
            Problem::GatewayTimeout => self.gateway_timeout.pass(now),
            problem => problem.status().is_server_error().then_some(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_do_not_hide_each_other_nor_defects() {
        let (outages, now) = (Outages::default(), Instant::now());
        for (problem, passes) in [
            (Problem::BadGateway, Some(1)),
            (Problem::BadGateway, None),
            (Problem::OVERLOADED, Some(1)),
            (Problem::GatewayTimeout, Some(1)),
            (Problem::Internal, Some(1)),
            (Problem::Internal, Some(1)),
            (Problem::NotFound, None),
        ] {
            assert_eq!(outages.pass(problem, now), passes, "{problem:?}");
        }
        assert_eq!(outages.pass(Problem::BadGateway, now + SAY_AGAIN), Some(2));
    }

    #[test]
    fn one_event_each_interval_passes_with_the_number_of_the_others() {
        let throttle = Throttle::new(Duration::from_secs(10));
        let start = Instant::now();
        let passed = [0, 1, 9, 10, 11, 25]
            .map(|seconds| throttle.pass(start + Duration::from_secs(seconds)));
        assert_eq!(passed, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
