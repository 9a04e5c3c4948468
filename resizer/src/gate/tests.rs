//! The gate as tasks meet it.
#![allow(clippy::unwrap_used)]

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

fn kind() -> Kind {
    Kind::of(
        &image_url::Canonical::parse(image_url::Target::parse("/resize/100/a.jpg").unwrap().uri())
            .unwrap(),
    )
}

fn asker(left: Duration) -> Asker {
    Asker {
        client: 0,
        kind: kind(),
        left,
    }
}

fn demand(memory: u64) -> Demand {
    Demand {
        memory,
        time: Duration::ZERO,
        least_time: Duration::ZERO,
    }
}

#[tokio::test]
async fn work_that_cannot_end_in_time_does_not_begin() {
    let gate = gate(1, 8, MB);
    let admitted = gate.admit(asker(Duration::from_secs(10))).await.unwrap();
    let takes = |seconds| Demand {
        least_time: Duration::from_secs(seconds),
        ..demand(MB)
    };
    assert_eq!(admitted.judge(&takes(5)), Ok(()));
    let too_long = admitted.judge(&takes(11)).unwrap_err();
    assert_eq!(too_long.needed, Duration::from_secs(11));
    assert!(too_long.left <= Duration::from_secs(10));
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
            let admitted = gate.admit(asker(LONG)).await.unwrap();
            let work = move |abandoned: &AtomicBool| {
                begun.send(()).unwrap();
                wait.recv().unwrap();
                let _ = tell.send(abandoned.load(Ordering::Relaxed));
            };
            admitted.work(demand(bytes), work).await.unwrap();
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
        gate.admit(asker(LONG)).await.unwrap(),
        gate.admit(asker(LONG)).await.unwrap(),
    ];
    assert!(gate.admit(asker(LONG)).await.is_err());
    assert_eq!(
        (
            gate.shared.metrics.refused.get(),
            gate.shared.metrics.depth.get()
        ),
        (1, 2)
    );
    drop(held);
    assert!(gate.admit(asker(LONG)).await.is_ok());
    assert_eq!(gate.shared.metrics.depth.get(), 0);
}

#[tokio::test]
async fn work_that_has_begun_keeps_its_core_and_is_told_that_its_request_is_gone() {
    let gate = gate(1, 0, MB);
    let mut picture = Picture::ask(&gate, 1000);
    picture.began().await;
    picture.request.abort();
    settle().await;
    assert_eq!(gate.shared.metrics.working.get(), 1);
    assert!(picture.end().await);
    assert_eq!(
        gate.admit(asker(LONG))
            .await
            .unwrap()
            .work(demand(0), |_| 7)
            .await
            .unwrap(),
        7
    );
    assert_eq!(gate.shared.metrics.working.get(), 0);
    assert_eq!(gate.shared.metrics.dropped.get(), 0);
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
    assert_eq!(gate.shared.metrics.waiting.get(), 2);
    for other in &others {
        other.request.abort();
    }
    settle().await;
    assert_eq!(gate.shared.metrics.waiting.get(), 0);
    assert_eq!(gate.shared.metrics.dropped.get(), 2);
    first.end().await;
    for other in &mut others {
        assert!((&mut other.began).await.is_err());
    }
    assert_eq!(gate.shared.metrics.depth.get(), 0);
}

#[tokio::test]
async fn pictures_wait_for_memory_though_there_are_cores() {
    let gate = gate(4, 8, 10 * MB);
    let mut first = Picture::ask(&gate, 6 * MB);
    first.began().await;
    let mut second = Picture::ask(&gate, 6 * MB);
    settle().await;
    assert!(second.began.try_recv().is_err());
    assert_eq!(gate.shared.metrics.memory.get(), 6_000_000);
    // Small enough, but it came later: else the large one might wait for ever.
    let mut third = Picture::ask(&gate, 1000);
    settle().await;
    assert!(third.began.try_recv().is_err());
    first.end().await;
    second.began().await;
    third.began().await;
    assert_eq!(gate.shared.metrics.memory.get(), 6_001_000);
    second.end().await;
    third.end().await;
    assert_eq!(gate.shared.metrics.memory.get(), 0);
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

#[tokio::test]
async fn who_cannot_be_served_in_time_is_refused_with_the_wait_and_others_wait() {
    let gate = gate(2, 100_000, MB);
    gate.shared
        .pace
        .note(kind(), Duration::ZERO, Duration::from_secs(1));
    let mut admitted = Vec::new();
    // Two workers: 19 before take nine seconds and a half.
    for _ in 0..4 {
        admitted.push(gate.admit(asker(Duration::from_secs(10))).await.unwrap());
    }
    let waiting: Vec<_> = (0..15)
        .map(|_| {
            let gate = gate.clone();
            tokio::spawn(async move { gate.admit(asker(Duration::from_secs(10))).await.map(drop) })
        })
        .collect();
    settle().await;
    assert_eq!(gate.shared.metrics.depth.get(), 19);
    let refused = gate
        .admit(asker(Duration::from_secs(10)))
        .await
        .unwrap_err();
    assert_eq!(refused.wait, Duration::from_millis(9500));
    assert_eq!(gate.shared.metrics.refused.get(), 1);
    admitted.clear();
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    assert!(gate.admit(asker(Duration::from_secs(10))).await.is_ok());
}

#[tokio::test]
async fn a_panic_ends_one_picture_only() {
    let gate = gate(1, 0, MB);
    let work = |_: &AtomicBool| panic!("a picture");
    assert!(
        gate.admit(asker(LONG))
            .await
            .unwrap()
            .work(demand(MB), work)
            .await
            .is_err()
    );
    let again = gate
        .admit(asker(LONG))
        .await
        .unwrap()
        .work(demand(MB), |_| 7)
        .await;
    assert_eq!(again.unwrap(), 7);
    assert_eq!(gate.shared.metrics.memory.get(), 0);
}
