//! How long responses are fresh that do not say so themselves (nginx: `proxy_cache_valid`).

use http::StatusCode;
use std::str::FromStr;
use std::time::Duration;

/// Rules in the order in which they are tried. None at all leaves it to the heuristic of RFC 9111 §4.2.2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheValid(Vec<ValidRule>);

/// One rule: `30d` is for 200, 301 and 302; `404=1m` for one status; `any=1m` for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidRule {
    statuses: Statuses,
    lifetime: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statuses {
    Usual,
    One(StatusCode),
    Any,
}

impl CacheValid {
    /// Rules in the order in which they are tried.
    pub fn new(rules: Vec<ValidRule>) -> Self {
        Self(rules)
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lifetime for a status, `None` when no rule speaks of it.
    pub fn lifetime(&self, status: StatusCode) -> Option<Duration> {
        let applies = |rule: &&ValidRule| match rule.statuses {
            Statuses::Usual => matches!(status.as_u16(), 200 | 301 | 302),
            Statuses::One(one) => one == status,
            Statuses::Any => true,
        };
        self.0.iter().find(applies).map(|rule| rule.lifetime)
    }
}

impl ValidRule {
    /// Reads `30d`, `404=1m` or `any=1m`; `duration` reads the part that is a time.
    ///
    /// # Errors
    /// A line for the operator.
    pub fn parse(
        text: &str,
        duration: impl Fn(&str) -> Result<Duration, String>,
    ) -> Result<Self, String> {
        let (statuses, time) = match text.split_once('=') {
            None => (Statuses::Usual, text),
            Some(("any", time)) => (Statuses::Any, time),
            Some((status, time)) => {
                let status = StatusCode::from_str(status).map_err(|_| {
                    format!("`{status}` is not a status; write 30d, 404=1m or any=1m")
                })?;
                (Statuses::One(status), time)
            }
        };
        Ok(Self {
            statuses,
            lifetime: duration(time)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Result<Duration, String> {
        let seconds = text.parse().map_err(|_| text.to_owned())?;
        Ok(Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_rule_that_speaks_of_a_status_counts() {
        let rules = ["100", "404=10", "any=1"].map(|rule| ValidRule::parse(rule, seconds).unwrap());
        let valid = CacheValid::new(rules.to_vec());
        for (status, lifetime) in [(200, 100), (302, 100), (404, 10), (206, 1), (500, 1)] {
            let found = valid.lifetime(StatusCode::from_u16(status).unwrap());
            assert_eq!(found, Some(Duration::from_secs(lifetime)), "{status}");
        }
        assert_eq!(CacheValid::default().lifetime(StatusCode::OK), None);
    }

    #[test]
    fn a_rule_that_is_none_is_refused() {
        assert!(ValidRule::parse("4040=1", seconds).is_err());
        assert!(ValidRule::parse("404=soon", seconds).is_err());
    }
}
