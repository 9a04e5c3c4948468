//! Who is let in to work: a bounded queue, then a bounded number that hold an original, then one picture a core.
//!
//! Waiting costs nothing, so the queue may be long; memory is bounded by those that hold an original: twice the
//! workers, so that one is fetched while another is decoded.

use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// How much work is done and waited for.
#[derive(Clone, Copy, Debug)]
pub struct GateConfig {
    /// Pictures worked on at once.
    pub workers: usize,
    /// Requests that may wait besides.
    pub queue: usize,
}

/// The queue is full.
#[derive(Clone, Copy, Debug, Error)]
#[error("the queue is full")]
pub struct Full;

/// The gate. Shared by reference.
#[derive(Debug)]
pub struct Gate {
    waiting: Arc<Semaphore>,
    holding: Arc<Semaphore>,
    cores: Arc<Semaphore>,
}

/// The right to hold an original. It ends when dropped.
#[derive(Debug)]
pub struct Admitted {
    _waiting: OwnedSemaphorePermit,
    _holding: Option<OwnedSemaphorePermit>,
    cores: Arc<Semaphore>,
}

/// A picture's work ended by a panic.
#[derive(Clone, Copy, Debug, Error)]
#[error("the work on a picture panicked")]
pub struct Panicked;

impl Gate {
    /// A gate with nobody in it.
    pub fn new(config: GateConfig) -> Self {
        let holding = config.workers * 2;
        Self {
            waiting: Arc::new(Semaphore::new(config.queue + holding)),
            holding: Arc::new(Semaphore::new(holding)),
            cores: Arc::new(Semaphore::new(config.workers)),
        }
    }

    /// Waits for the right to hold an original.
    ///
    /// # Errors
    /// At once when the queue is full.
    pub async fn admit(&self) -> Result<Admitted, Full> {
        let waiting = self
            .waiting
            .clone()
            .try_acquire_owned()
            .map_err(|error| match error {
                TryAcquireError::NoPermits | TryAcquireError::Closed => Full,
            })?;
        let holding = self.holding.clone().acquire_owned().await.ok();
        Ok(Admitted {
            _waiting: waiting,
            _holding: holding,
            cores: self.cores.clone(),
        })
    }
}

impl Admitted {
    /// Runs the work on a thread of its own, once a core is free. Work whose request is dropped before that never
    /// begins; work that has begun keeps its place until it ends.
    ///
    /// # Errors
    /// When the work panics.
    pub async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let core = self.cores.clone().acquire_owned().await.ok();
        let held = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((core, self));
            result
        });
        held.await.map_err(|_| Panicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn who_finds_the_queue_full_is_refused_at_once() {
        let gate = Gate::new(GateConfig {
            workers: 1,
            queue: 0,
        });
        let held = [gate.admit().await.unwrap(), gate.admit().await.unwrap()];
        assert!(gate.admit().await.is_err());
        drop(held);
        assert!(gate.admit().await.is_ok());
    }

    #[tokio::test]
    async fn work_that_has_begun_keeps_its_core_though_its_request_is_gone() {
        let gate = Gate::new(GateConfig {
            workers: 1,
            queue: 0,
        });
        let (finish, wait) = mpsc::channel::<()>();
        let (begun, began) = tokio::sync::oneshot::channel();
        let admitted = gate.admit().await.unwrap();
        let request = tokio::spawn(admitted.work(move || {
            begun.send(()).unwrap();
            wait.recv().unwrap();
        }));
        began.await.unwrap();
        request.abort();
        let _ = request.await;
        assert_eq!(gate.cores.available_permits(), 0);
        finish.send(()).unwrap();
        assert_eq!(gate.admit().await.unwrap().work(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_ends_one_picture_only() {
        let gate = Gate::new(GateConfig {
            workers: 1,
            queue: 0,
        });
        assert!(
            gate.admit()
                .await
                .unwrap()
                .work(|| panic!("a picture"))
                .await
                .is_err()
        );
        assert_eq!(gate.admit().await.unwrap().work(|| 7).await.unwrap(), 7);
    }
}
