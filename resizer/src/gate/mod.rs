//! Admission of work: a queue ordered by `schedule`, then a bounded number of requests that hold an original, then a
//! budget of memory, then the workers.
//!
//! A request in the queue holds no original, so thousands cost little. Originals are held by twice the workers, so that one
//! is fetched while another is decoded. What the work takes is known from the original's header, and is waited for before a
//! pixel is allocated.
//!
//! A request that ends while it waits leaves nothing behind: its work never begins. Work that has begun sees by a flag that
//! its request has ended, and keeps its worker and its memory until it has ended.

mod pace;
mod schedule;

pub(crate) use pace::Kind;

use pace::Pace;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use schedule::{Arrival, Id, Schedule, Turns};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::oneshot;

/// How much is worked on, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateConfig {
    /// Images worked on at once. As many of short work again may run beside long work that occupies them all.
    pub workers: usize,
    /// Requests that may wait besides. They hold no original, so thousands cost little; what has no chance to be served in
    /// time is refused before.
    pub queue: usize,
    /// Bytes that all images under work may take together. One that needs more by itself runs alone.
    pub memory: u64,
}

/// A request as it asks for admission.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    /// Whose request it is: requests of one client wait behind each other, not behind those of others.
    pub client: u64,
    /// What is asked for.
    pub kind: Kind,
    /// How long the response is of use.
    pub left: Duration,
}

/// What work takes, as it is estimated from the header of an original.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// Bytes, at most.
    pub memory: u64,
    /// CPU time on the machine that estimates are made for; the gate learns how this one compares.
    pub time: Duration,
    /// The same for the content that is quickest.
    pub least_time: Duration,
}

/// The request would wait for longer than its response is of use.
#[derive(Clone, Copy, Debug, Error)]
#[error("the queue is full: it would take {wait:?}")]
pub(crate) struct Full {
    /// What the wait would be.
    pub wait: Duration,
}

/// The work cannot end while its response is of use, however quick the content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the image would take at least {needed:.1?} of the {left:.1?} that are left")]
pub(crate) struct TooLong {
    /// CPU time that the work takes at least on this machine.
    pub needed: Duration,
    /// Time until the response is of no use any more.
    pub left: Duration,
}

/// The work on an image ended by a panic.
#[derive(Clone, Copy, Debug, Error)]
#[error("the work on an image panicked")]
pub(crate) struct Panicked;

/// What the gate counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct GateMetrics {
    /// Requests let in: those that wait and those that are worked on.
    pub depth: Gauge,
    /// Requests that wait for their turn, for memory or for a worker.
    pub waiting: Gauge,
    /// Images worked on.
    pub working: Gauge,
    /// Bytes of the budget that are taken.
    pub memory: Gauge,
    /// Requests refused because they could not be served in time.
    pub refused: Counter,
    /// Requests that ended before their work began.
    pub dropped: Counter,
}

/// The gate. Shared by reference.
#[derive(Debug)]
pub(crate) struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    begun: Instant,
    queue: Mutex<Queue>,
    pace: Pace,
    metrics: GateMetrics,
}

#[derive(Debug)]
struct Queue {
    schedule: Schedule,
    /// Requests that wait for a turn.
    waiting: HashMap<Id, oneshot::Sender<()>>,
}

/// The right to hold an original. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    place: Place,
    kind: Kind,
    /// When the response is of no use any more.
    deadline: Instant,
}

/// A place in the schedule, left when dropped.
#[derive(Debug)]
struct Place {
    id: Id,
    shared: Arc<Shared>,
    _depth: Counted,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.change(|queue| {
            queue.waiting.remove(&self.id);
            queue.schedule.leave(self.id);
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the schedule and wakes the requests whose turn has come by that.
    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.lock();
        let changed = change(&mut queue);
        let Turns { fetch, start } = queue.schedule.turns(self.begun.elapsed());
        for id in fetch.iter().chain(&start) {
            // One that has just ended leaves its place by itself.
            if let Some(waiting) = queue.waiting.remove(id) {
                let _ = waiting.send(());
            }
        }
        let memory = i64::try_from(queue.schedule.memory_taken()).unwrap_or(i64::MAX);
        self.metrics.memory.set(memory);
        changed
    }
}

impl Gate {
    /// A gate with no request in it.
    pub(crate) fn new(config: GateConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                begun: Instant::now(),
                queue: Mutex::new(Queue {
                    schedule: Schedule::new(&config),
                    waiting: HashMap::new(),
                }),
                pace: Pace::default(),
                metrics: GateMetrics::default(),
            }),
        }
    }

    /// What the gate counts, for the registry.
    pub(crate) fn metrics(&self) -> GateMetrics {
        self.shared.metrics.clone()
    }

    /// Waits for the right to hold an original.
    ///
    /// # Errors
    /// At once when the request could not be served in time, or the queue is full.
    pub(crate) async fn admit(&self, asker: Asker) -> Result<Admitted, Full> {
        let shared = &self.shared;
        let deadline = Instant::now() + asker.left;
        let arrival = Arrival {
            client: asker.client,
            expected: shared.pace.expected(asker.kind),
            left: asker.left,
        };
        let (turn, come) = oneshot::channel();
        let entered = shared.change(|queue| {
            let id = queue.schedule.enter(shared.begun.elapsed(), &arrival)?;
            queue.waiting.insert(id, turn);
            Ok(id)
        });
        let id = entered.map_err(|wait| {
            shared.metrics.refused.inc();
            Full { wait }
        })?;
        let place = Place {
            id,
            shared: shared.clone(),
            _depth: Counted::new(&shared.metrics.depth),
        };
        let waiting = Waiting::new(&shared.metrics);
        // The sender is dropped only after it has sent.
        let _ = come.await;
        waiting.over();
        Ok(Admitted {
            place,
            kind: asker.kind,
            deadline,
        })
    }
}

impl Admitted {
    /// Judges what is known of the work now that its original is there.
    ///
    /// # Errors
    /// When it cannot be done in the time that is left: such work would only hold a worker until its deadline.
    pub(crate) fn judge(&self, demand: &Demand) -> Result<(), TooLong> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let needed = self.place.shared.pace.at_least(demand.least_time);
        if needed > left {
            return Err(TooLong { needed, left });
        }
        Ok(())
    }

    /// Runs work on a thread of its own, once its memory and a worker are free. The work is given a flag that is set when
    /// its request has ended.
    ///
    /// # Errors
    /// When the work panics.
    pub(crate) async fn work<T: Send + 'static>(
        self,
        demand: Demand,
        work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let shared = self.place.shared.clone();
        let waiting = Waiting::new(&shared.metrics);
        let (turn, come) = oneshot::channel();
        shared.change(|queue| {
            let expected = shared.pace.scaled(demand.time);
            queue.waiting.insert(self.place.id, turn);
            queue
                .schedule
                .is_ready(self.place.id, expected, demand.memory);
        });
        let _ = come.await;
        waiting.over();
        let working = Counted::new(&shared.metrics.working);
        let abandoned = Abandoned::default();
        let flag = abandoned.0.clone();
        let held = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let result = work(&flag);
            // What was given up says nothing of what the next one takes.
            if !flag.load(Ordering::Relaxed) {
                shared.pace.note(self.kind, demand.time, begun.elapsed());
            }
            drop((working, self));
            result
        });
        let result = held.await.map_err(|_| Panicked);
        drop(abandoned);
        result
    }
}

/// One more in a gauge for as long as this lives.
#[derive(Debug)]
struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A request that waits; one that ends before its wait is over counts as dropped.
struct Waiting {
    _waiting: Counted,
    dropped: Option<Counter>,
}

impl Waiting {
    fn new(metrics: &GateMetrics) -> Self {
        Self {
            _waiting: Counted::new(&metrics.waiting),
            dropped: Some(metrics.dropped.clone()),
        }
    }

    fn over(mut self) {
        self.dropped = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(dropped) = &self.dropped {
            dropped.inc();
        }
    }
}

/// Sets its flag when the request that waits for the work ends.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
