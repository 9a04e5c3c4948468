//! Whether work is still wanted: asked between steps and between frames, so that a job ends soon after its reason.

use crate::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A deadline and a flag, either of which ends a job at its next step. The default never does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Check<'a> {
    /// When the time is over.
    pub deadline: Option<Instant>,
    /// Set by whoever finds that nobody waits for the picture any more.
    pub cancelled: Option<&'a AtomicBool>,
}

impl Check<'_> {
    /// Fails once the job is not wanted any more.
    ///
    /// # Errors
    /// [`Error::Cancelled`] or [`Error::DeadlineExceeded`].
    pub fn go_on(&self) -> Result<(), Error> {
        if self
            .cancelled
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
        {
            return Err(Error::Cancelled);
        }
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(Error::DeadlineExceeded);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_and_a_deadline_end_a_job() {
        assert!(Check::default().go_on().is_ok());
        let flag = AtomicBool::new(false);
        let check = Check {
            cancelled: Some(&flag),
            deadline: None,
        };
        assert!(check.go_on().is_ok());
        flag.store(true, Ordering::Relaxed);
        assert!(matches!(check.go_on(), Err(Error::Cancelled)));
        let over = Check {
            deadline: Some(Instant::now()),
            cancelled: None,
        };
        assert!(matches!(over.go_on(), Err(Error::DeadlineExceeded)));
    }
}
