//! Who is let in to work: a queue bounded by the time that waiting will take, then a bounded number that hold an original, then a budget of memory, then
//! one picture a core.
//!
//! Waiting costs nothing, so the queue may be long. Originals are held by twice the workers, so that one is fetched
//! while another is decoded. What decoding takes is known from the header, and is waited for before a pixel is
//! allocated. Everybody waits in the order of arrival, so that a large picture is not passed over for ever.
//!
//! A request that ends while it waits leaves nothing behind: its work never begins. Work that has begun is told that
//! nobody waits any more, and keeps its core and its memory until it has ended.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is handed out; a semaphore gives at most `u32::MAX` of them at once, 4 TiB.
const MEMORY_UNIT: u64 = 1024;

/// How much work is done and waited for.
#[derive(Clone, Copy, Debug)]
pub struct GateConfig {
    /// Pictures worked on at once.
    pub workers: usize,
    /// Requests that may wait besides. They hold no original, so thousands cost little; what has no chance to be served in
    /// time is refused before.
    pub queue: usize,
    /// Bytes that all pictures under work may take together. One that needs more by itself runs alone.
    pub memory: u64,
}

/// Whoever asks would wait for longer than the time that is left.
#[derive(Clone, Copy, Debug, Error)]
#[error("the queue is full: it would take {wait:?}")]
pub struct Full {
    /// What the wait would be.
    pub wait: Duration,
}

/// A picture's work ended by a panic.
#[derive(Clone, Copy, Debug, Error)]
#[error("the work on a picture panicked")]
pub struct Panicked;

/// What the gate counts.
#[derive(Clone, Debug, Default)]
pub struct GateMetrics {
    /// Requests let in: those that wait and those that are worked on.
    pub depth: Gauge,
    /// Requests that wait for their turn, for memory or for a core.
    pub waiting: Gauge,
    /// Pictures worked on.
    pub working: Gauge,
    /// Bytes of the budget that are taken.
    pub memory: Gauge,
    /// Requests refused because the queue was full.
    pub refused: Counter,
    /// Requests that ended before their work began.
    pub dropped: Counter,
}

/// The gate. Shared by reference.
#[derive(Debug)]
pub struct Gate {
    queue: Arc<Semaphore>,
    holding: Arc<Semaphore>,
    budget: Budget,
    cores: Arc<Semaphore>,
    workers: u32,
    pace: Arc<Pace>,
    metrics: GateMetrics,
}

/// The right to hold an original. It ends when dropped.
#[derive(Debug)]
pub struct Admitted {
    _queue: OwnedSemaphorePermit,
    _holding: Option<OwnedSemaphorePermit>,
    _depth: Counted,
    budget: Budget,
    cores: Arc<Semaphore>,
    pace: Arc<Pace>,
    metrics: GateMetrics,
}

impl Gate {
    /// A gate with nobody in it.
    pub fn new(config: GateConfig) -> Self {
        let holding = config.workers.saturating_mul(2);
        let queue = config.queue.saturating_add(holding);
        Self {
            queue: Arc::new(Semaphore::new(queue.min(Semaphore::MAX_PERMITS))),
            holding: Arc::new(Semaphore::new(holding.min(Semaphore::MAX_PERMITS))),
            budget: Budget::new(config.memory),
            cores: Arc::new(Semaphore::new(config.workers.min(Semaphore::MAX_PERMITS))),
            workers: u32::try_from(config.workers).unwrap_or(u32::MAX).max(1),
            pace: Arc::default(),
            metrics: GateMetrics::default(),
        }
    }

    /// What the gate counts, for the registry.
    pub fn metrics(&self) -> GateMetrics {
        self.metrics.clone()
    }

    /// How long it will take until one more who asks is served, by what those before take and by how long pictures took
    /// of late.
    fn expected_wait(&self) -> Duration {
        let before = u32::try_from(self.metrics.depth.get()).unwrap_or(0);
        self.pace.of_late().saturating_mul(before) / self.workers
    }

    /// Waits for the right to hold an original; `left` is the time until an answer is of no use any more.
    ///
    /// # Errors
    /// At once when the wait would be longer than that, or the queue is full.
    pub async fn admit(&self, left: Duration) -> Result<Admitted, Full> {
        let wait = self.expected_wait();
        let queue = self.queue.clone().try_acquire_owned();
        let (Ok(queue), true) = (queue, wait <= left) else {
            self.metrics.refused.inc();
            return Err(Full { wait });
        };
        let depth = Counted::new(&self.metrics.depth, 1);
        let waiting = Waiting::new(&self.metrics);
        let holding = self.holding.clone().acquire_owned().await.ok();
        waiting.over();
        Ok(Admitted {
            _queue: queue,
            _holding: holding,
            _depth: depth,
            budget: self.budget.clone(),
            cores: self.cores.clone(),
            pace: self.pace.clone(),
            metrics: self.metrics.clone(),
        })
    }
}

impl Admitted {
    /// Runs work that takes so many bytes on a thread of its own, once the memory and a core are free. The work is
    /// given a flag that is set when nobody waits for it any more.
    ///
    /// # Errors
    /// When the work panics.
    pub async fn work<T: Send + 'static>(
        self,
        bytes: u64,
        work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let waiting = Waiting::new(&self.metrics);
        let memory = self.budget.take(bytes).await;
        let taken = Counted::new(&self.metrics.memory, memory.bytes);
        let core = self.cores.clone().acquire_owned().await.ok();
        waiting.over();
        let working = Counted::new(&self.metrics.working, 1);
        let abandoned = Abandoned::default();
        let flag = abandoned.0.clone();
        let held = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let result = work(&flag);
            // What was given up says nothing of what the next one takes.
            if !flag.load(Ordering::Relaxed) {
                self.pace.note(begun.elapsed());
            }
            drop((core, taken, memory, working, self));
            result
        });
        let result = held.await.map_err(|_| Panicked);
        drop(abandoned);
        result
    }
}

/// How long a picture takes a worker, of late: a mean that forgets.
#[derive(Debug, Default)]
struct Pace {
    nanos: AtomicU64,
}

impl Pace {
    /// The part of the mean that each picture replaces, 1 of so many.
    const WEIGHT: u64 = 16;

    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mean = |old: u64| match old {
            0 => took,
            old => old - old / Self::WEIGHT + took / Self::WEIGHT,
        };
        let _ = self
            .nanos
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
                Some(mean(old).max(1))
            });
    }

    /// Zero as long as nothing is known.
    fn of_late(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

/// Memory that is handed out in the order of asking.
#[derive(Clone, Debug)]
struct Budget {
    units: Arc<Semaphore>,
    total: u32,
}

/// A part of the budget. It goes back when dropped.
#[derive(Debug)]
struct Taken {
    bytes: u64,
    _units: Option<OwnedSemaphorePermit>,
}

impl Budget {
    fn new(bytes: u64) -> Self {
        let total = u32::try_from(bytes / MEMORY_UNIT)
            .unwrap_or(u32::MAX)
            .max(1);
        let permits = usize::try_from(total).unwrap_or(usize::MAX);
        Self {
            units: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            total,
        }
    }

    /// Waits for so many bytes; who needs more than there is takes all, and so is alone.
    async fn take(&self, bytes: u64) -> Taken {
        let wanted = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        let units = self.units.clone();
        Taken {
            bytes: bytes.min(u64::from(self.total) * MEMORY_UNIT),
            _units: units.acquire_many_owned(wanted.min(self.total)).await.ok(),
        }
    }
}

/// An amount in a gauge for as long as this lives.
#[derive(Debug)]
struct Counted {
    gauge: Gauge,
    amount: i64,
}

impl Counted {
    fn new(gauge: &Gauge, amount: u64) -> Self {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        gauge.inc_by(amount);
        Self {
            gauge: gauge.clone(),
            amount,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.dec_by(self.amount);
    }
}

/// A request that waits; one that ends before it is over counts as dropped.
struct Waiting {
    _waiting: Counted,
    dropped: Option<Counter>,
}

impl Waiting {
    fn new(metrics: &GateMetrics) -> Self {
        Self {
            _waiting: Counted::new(&metrics.waiting, 1),
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
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::sync::oneshot;
    use tokio::task::{JoinHandle, yield_now};

    const MB: u64 = 1_000_000;
    const LONG: Duration = Duration::from_secs(3600);

    fn gate(workers: usize, queue: usize, memory: u64) -> Arc<Gate> {
        Arc::new(Gate::new(GateConfig {
            workers,
            queue,
            memory,
        }))
    }

    /// A picture under work until it is let go, or its request is dropped.
    struct Picture {
        request: JoinHandle<()>,
        began: oneshot::Receiver<()>,
        finish: mpsc::Sender<()>,
        flag: oneshot::Receiver<bool>,
    }

    impl Picture {
        fn ask(gate: &Arc<Gate>, bytes: u64) -> Self {
            let gate = gate.clone();
            let (begun, began) = oneshot::channel();
            let (finish, wait) = mpsc::channel();
            let (tell, flag) = oneshot::channel();
            let request = tokio::spawn(async move {
                let admitted = gate.admit(LONG).await.unwrap();
                let work = move |abandoned: &AtomicBool| {
                    begun.send(()).unwrap();
                    wait.recv().unwrap();
                    let _ = tell.send(abandoned.load(Ordering::Relaxed));
                };
                admitted.work(bytes, work).await.unwrap();
            });
            Self {
                request,
                began,
                finish,
                flag,
            }
        }

        async fn began(&mut self) {
            (&mut self.began).await.unwrap();
        }

        async fn end(self) -> bool {
            self.finish.send(()).unwrap();
            let abandoned = self.flag.await.unwrap();
            let _ = self.request.await;
            abandoned
        }
    }

    /// Lets every task run until all of them wait; the runtime of a test has one thread.
    async fn settle() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_refused_at_once() {
        let gate = gate(1, 0, MB);
        let held = [
            gate.admit(LONG).await.unwrap(),
            gate.admit(LONG).await.unwrap(),
        ];
        assert!(gate.admit(LONG).await.is_err());
        assert_eq!(
            (gate.metrics.refused.get(), gate.metrics.depth.get()),
            (1, 2)
        );
        drop(held);
        assert!(gate.admit(LONG).await.is_ok());
        assert_eq!(gate.metrics.depth.get(), 0);
    }

    #[tokio::test]
    async fn work_that_has_begun_keeps_its_core_and_is_told_that_its_request_is_gone() {
        let gate = gate(1, 0, MB);
        let mut picture = Picture::ask(&gate, 1000);
        picture.began().await;
        picture.request.abort();
        settle().await;
        assert_eq!(gate.cores.available_permits(), 0);
        assert_eq!(gate.metrics.working.get(), 1);
        assert!(picture.end().await);
        assert_eq!(
            gate.admit(LONG)
                .await
                .unwrap()
                .work(0, |_| 7)
                .await
                .unwrap(),
            7
        );
        assert_eq!(gate.metrics.working.get(), 0);
        assert_eq!(gate.metrics.dropped.get(), 0);
    }

    #[tokio::test]
    async fn work_whose_request_waits_is_not_told_to_stop() {
        let gate = gate(1, 0, MB);
        let mut picture = Picture::ask(&gate, 1000);
        picture.began().await;
        assert!(!picture.end().await);
    }

    #[tokio::test]
    async fn work_whose_request_is_gone_before_its_turn_never_begins() {
        let gate = gate(1, 8, MB);
        let mut first = Picture::ask(&gate, 0);
        first.began().await;
        // One waits for the core, the next for a place to hold its original.
        let mut others = [Picture::ask(&gate, 0), Picture::ask(&gate, 0)];
        settle().await;
        assert_eq!(gate.metrics.waiting.get(), 2);
        for other in &others {
            other.request.abort();
        }
        settle().await;
        assert_eq!(gate.metrics.waiting.get(), 0);
        assert_eq!(gate.metrics.dropped.get(), 2);
        first.end().await;
        for other in &mut others {
            assert!((&mut other.began).await.is_err());
        }
        assert_eq!(gate.metrics.depth.get(), 0);
    }

    #[tokio::test]
    async fn pictures_wait_for_memory_though_there_are_cores() {
        let gate = gate(4, 8, 10 * MB);
        let mut first = Picture::ask(&gate, 6 * MB);
        first.began().await;
        let mut second = Picture::ask(&gate, 6 * MB);
        settle().await;
        assert!(second.began.try_recv().is_err());
        assert_eq!(gate.metrics.memory.get(), 6_000_000);
        // Small enough, but it came later: else the large one might wait for ever.
        let mut third = Picture::ask(&gate, 1000);
        settle().await;
        assert!(third.began.try_recv().is_err());
        first.end().await;
        second.began().await;
        third.began().await;
        assert_eq!(gate.metrics.memory.get(), 6_001_000);
        second.end().await;
        third.end().await;
        assert_eq!(gate.metrics.memory.get(), 0);
    }

    #[tokio::test]
    async fn a_picture_larger_than_the_budget_runs_alone() {
        let gate = gate(4, 8, 10 * MB);
        let mut small = Picture::ask(&gate, MB);
        small.began().await;
        let mut huge = Picture::ask(&gate, u64::MAX);
        settle().await;
        assert!(huge.began.try_recv().is_err());
        small.end().await;
        huge.began().await;
        let mut next = Picture::ask(&gate, 1);
        settle().await;
        assert!(next.began.try_recv().is_err());
        huge.end().await;
        next.began().await;
        next.end().await;
    }

    #[test]
    fn the_pace_follows_what_pictures_take() {
        let pace = Pace::default();
        assert_eq!(pace.of_late(), Duration::ZERO);
        pace.note(Duration::from_millis(100));
        assert_eq!(pace.of_late(), Duration::from_millis(100));
        for _ in 0..200 {
            pace.note(Duration::from_millis(20));
        }
        let of_late = pace.of_late().as_millis();
        assert!((19..=21).contains(&of_late), "{of_late} ms");
    }

    #[tokio::test]
    async fn who_cannot_be_served_in_time_is_refused_with_the_wait_and_others_wait() {
        let gate = gate(2, 100_000, MB);
        gate.pace.note(Duration::from_secs(1));
        let mut admitted = Vec::new();
        // Two workers: 21 before take ten seconds and a half.
        for _ in 0..4 {
            admitted.push(gate.admit(Duration::from_secs(10)).await.unwrap());
        }
        let waiting: Vec<_> = (0..17)
            .map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move { gate.admit(Duration::from_secs(10)).await.map(drop) })
            })
            .collect();
        settle().await;
        assert_eq!(gate.metrics.depth.get(), 21);
        let refused = gate.admit(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(refused.wait, Duration::from_millis(10_500));
        assert_eq!(gate.metrics.refused.get(), 1);
        admitted.clear();
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        assert!(gate.admit(Duration::from_secs(10)).await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_ends_one_picture_only() {
        let gate = gate(1, 0, MB);
        let work = |_: &AtomicBool| panic!("a picture");
        assert!(
            gate.admit(LONG)
                .await
                .unwrap()
                .work(MB, work)
                .await
                .is_err()
        );
        let again = gate.admit(LONG).await.unwrap().work(MB, |_| 7).await;
        assert_eq!(again.unwrap(), 7);
        assert_eq!(gate.metrics.memory.get(), 0);
    }
}
