//! A burst is not an error: what can be made in time is waited for.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Stack, samples, sign};
use std::sync::Barrier;

/// More than the queue of 64 a worker that there was once, on any machine that runs this.
const THUMBNAILS: usize = 300;

#[test]
fn a_burst_of_distinct_thumbnails_is_answered_whole() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..THUMBNAILS {
        let name = folder.path().join(format!("{number}.jpg"));
        std::fs::hard_link(samples().join("umang.jpg"), &name)
            .or_else(|_| std::fs::copy(samples().join("umang.jpg"), &name).map(drop))
            .unwrap();
    }
    let source = format!("file://{}", folder.path().display());
    let stack = Stack::on(&source, &[], &["--workers", "2"]);
    let together = Barrier::new(THUMBNAILS);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..THUMBNAILS)
            .map(|number| {
                let (stack, together) = (&stack, &together);
                scope.spawn(move || {
                    let target = sign(&format!("/resize/100/{number}.jpg"), None);
                    together.wait();
                    stack.send("GET", &target, "")
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.image().width(), 100);
    }
    assert_eq!(stack.resizer_metric("gate_refused_total"), 0);
}

#[test]
fn who_has_no_chance_is_told_when_to_come_again() {
    // Two hold an original, nobody else may wait.
    let source = format!("file://{}", samples().display());
    let stack = Stack::on(
        &source,
        &[],
        &["--workers", "1", "--queue", "0", "--timeout", "20s"],
    );
    let refused = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|number| {
                let stack = &stack;
                scope.spawn(move || {
                    let width = 1500 + number;
                    stack.get(&format!("/resize/{width},f=webp,lossless=1/umang.jpg"))
                })
            })
            .collect();
        let answers: Vec<_> = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect();
        answers.into_iter().find(|answer| answer.status == 503)
    })
    .unwrap();
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
}
