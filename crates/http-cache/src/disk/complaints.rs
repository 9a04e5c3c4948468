//! How often the log is told of a failing disk.

use std::time::{Duration, SystemTime};

/// Most a log says of a failing disk.
const INTERVAL: Duration = Duration::from_secs(60);

/// When the log was last told of a failing disk.
#[derive(Debug, Default)]
pub(super) struct Complaints(Option<SystemTime>);

impl Complaints {
    /// Whether the log is to be told again. A clock that was set back must not silence it.
    pub(super) fn are_due(&mut self, now: SystemTime) -> bool {
        let since = self.0.map(|last| now.duration_since(last));
        let due = !matches!(since, Some(Ok(since)) if since < INTERVAL);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_once_a_minute_even_when_the_clock_is_set_back() {
        let mut complaints = Complaints::default();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (seconds, due) in [
            (1000, true),
            (1000, false),
            (1059, false),
            (1060, true),
            (1100, false),
            (900, true),
            (959, false),
            (960, true),
        ] {
            assert_eq!(complaints.are_due(at(seconds)), due, "{seconds}");
        }
    }
}
