//! Equal jobs are one: requests for the same image at the same time share one admission, one original and one transform.
//!
//! Each request keeps its own deadline. A job goes on for as long as a request waits for it, and is cancelled when the last
//! has left. A job that was too slow is remembered for seconds, so that the next requests are answered at once.

use crate::coalesce::{Entered, Flights, Sealed};
use crate::failure::Failure;
use crate::source::SourceError;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a job that was too slow is remembered.
const MEMORY: Duration = Duration::from_secs(5);

/// Jobs that are remembered at most; the oldest give way.
const REMEMBERED: usize = 1024;

type Outcome<T> = Result<T, Arc<Failure>>;

/// The jobs that are under way, by what they give, and those that were too slow.
#[derive(Debug)]
pub(crate) struct Jobs<T: Clone> {
    flights: Flights<Outcome<T>>,
    slow: Slow,
}

/// A request's share in a job.
pub(crate) struct Share<'a, T: Clone> {
    jobs: &'a Jobs<T>,
    key: String,
    entered: Entered<Outcome<T>>,
}

impl<T: Clone> Default for Jobs<T> {
    fn default() -> Self {
        Self {
            flights: Flights::default(),
            slow: Slow::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Jobs<T> {
    /// A share in the job of a key for a request that can wait for `left`.
    ///
    /// # Errors
    /// When the same job has just taken longer than that.
    pub(crate) fn enter<F>(
        &self,
        key: &str,
        left: Duration,
        begin: impl FnOnce(Sealed) -> F,
    ) -> Result<Share<'_, T>, Arc<Failure>>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        if let Some(failure) = self.slow.recall(key, left) {
            return Err(Arc::new(Failure::Slow(failure)));
        }
        let entered = self.flights.enter(key, |sealed| {
            let work = begin(sealed);
            async { work.await.map_err(Arc::new) }
        });
        Ok(Share {
            jobs: self,
            key: key.to_owned(),
            entered,
        })
    }
}

impl<T: Clone + Send + Sync + 'static> Share<'_, T> {
    /// Whether another request had begun the job.
    pub(crate) fn joined(&self) -> bool {
        self.entered.joined
    }

    /// Whether the job had begun to read the original when it was joined, which may have changed since.
    pub(crate) fn late(&self) -> bool {
        self.entered.late
    }

    /// Waits for the result until `deadline`; `timeout` is what that was in all.
    pub(crate) async fn wait(self, deadline: Instant, timeout: Duration) -> Outcome<T> {
        let Self { jobs, key, entered } = self;
        let Ok(outcome) = timeout_at(deadline, entered.flight).await else {
            let failure = Arc::new(Failure::Timeout(timeout));
            // One that waited in the queue all the time may be quick next time.
            if entered.sealed.is_set() {
                jobs.slow.note(&key, entered.begun.elapsed(), &failure);
            }
            return Err(failure);
        };
        if let Err(failure) = &outcome
            && !entered.joined
            && matches!(**failure, Failure::Source(SourceError::Timeout(_)))
        {
            jobs.slow.note(&key, Duration::MAX, failure);
        }
        outcome
    }
}

/// Jobs that were too slow a moment ago.
#[derive(Debug, Default)]
struct Slow {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    failures: HashMap<String, TooSlow>,
    /// In the order of their ends.
    order: VecDeque<(Instant, String)>,
}

#[derive(Debug)]
struct TooSlow {
    end: Instant,
    /// The time that was not enough.
    given: Duration,
    failure: Arc<Failure>,
}

impl Slow {
    fn note(&self, key: &str, given: Duration, failure: &Arc<Failure>) {
        let end = Instant::now() + MEMORY;
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let too_slow = TooSlow {
            end,
            given,
            failure: failure.clone(),
        };
        table.failures.insert(key.to_owned(), too_slow);
        table.order.push_back((end, key.to_owned()));
        while table.order.len() > REMEMBERED {
            table.forget_oldest();
        }
    }

    /// Why a job was too slow, for a request that gives it hardly more time than it had.
    fn recall(&self, key: &str, left: Duration) -> Option<Arc<Failure>> {
        let now = Instant::now();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        while table.order.front().is_some_and(|(end, _)| *end <= now) {
            table.forget_oldest();
        }
        let too_slow = table.failures.get(key)?;
        let given = too_slow.given.saturating_add(too_slow.given / 4);
        (left <= given).then(|| too_slow.failure.clone())
    }
}

impl Table {
    fn forget_oldest(&mut self) {
        let Some((end, key)) = self.order.pop_front() else {
            return;
        };
        // A later failure of the same key stays.
        if self.failures.get(&key).is_some_and(|held| held.end == end) {
            self.failures.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const SECOND: Duration = Duration::from_secs(1);

    /// Work that takes a second after its seal, counted where it begins and where it ends.
    #[derive(Clone, Default)]
    struct Work(Arc<(AtomicUsize, AtomicUsize)>);

    impl Work {
        async fn run(self, sealed: Sealed) -> Result<usize, Failure> {
            let number = self.0.0.fetch_add(1, Ordering::Relaxed);
            sealed.set();
            tokio::time::sleep(SECOND).await;
            self.0.1.fetch_add(1, Ordering::Relaxed);
            Ok(number)
        }

        fn counts(&self) -> (usize, usize) {
            let (begun, ended) = &*self.0;
            (begun.load(Ordering::Relaxed), ended.load(Ordering::Relaxed))
        }
    }

    async fn ask(jobs: &Jobs<usize>, work: &Work, left: Duration) -> Outcome<usize> {
        let deadline = Instant::now() + left;
        let share = jobs.enter("cat", left, |sealed| work.clone().run(sealed))?;
        share.wait(deadline, left).await
    }

    #[tokio::test(start_paused = true)]
    async fn equal_jobs_are_one_and_each_request_keeps_its_deadline() {
        let (jobs, work) = (Jobs::default(), Work::default());
        let (early, late) =
            tokio::join!(ask(&jobs, &work, SECOND / 2), ask(&jobs, &work, SECOND * 2));
        assert!(matches!(*early.unwrap_err(), Failure::Timeout(_)));
        assert_eq!(late.unwrap(), 0);
        assert_eq!(work.counts(), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_nobody_waits_for_is_cancelled_and_remembered() {
        let (jobs, work) = (Jobs::default(), Work::default());
        let short = SECOND / 2;
        let (one, other) = tokio::join!(ask(&jobs, &work, short), ask(&jobs, &work, short));
        assert!(one.is_err() && other.is_err());
        assert_eq!(work.counts(), (1, 0));
        let remembered = ask(&jobs, &work, short).await.unwrap_err();
        assert!(matches!(*remembered, Failure::Slow(_)));
        assert_eq!(
            remembered.to_string(),
            "too slow a moment ago: took longer than 500ms"
        );
        assert_eq!(work.counts(), (1, 0));
        // Whoever gives it more time may try.
        assert_eq!(ask(&jobs, &work, SECOND * 2).await.unwrap(), 1);
        tokio::time::advance(MEMORY).await;
        assert!(ask(&jobs, &work, short).await.is_err());
        assert_eq!(work.counts(), (3, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_give_way() {
        let slow = Slow::default();
        let failure = Arc::new(Failure::Timeout(SECOND));
        for number in 0..=REMEMBERED {
            slow.note(&number.to_string(), SECOND, &failure);
        }
        assert!(slow.recall("0", SECOND).is_none());
        assert!(slow.recall("1", SECOND).is_some());
        assert!(slow.recall("1", SECOND * 2).is_none());
    }
}
