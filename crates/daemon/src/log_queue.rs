//! The queue between those who log and the thread that writes: bounded in bytes, so that a log nobody reads costs lines,
//! never memory and never a request's time.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wire::shown::without_credentials;

/// Lines are kept in blocks of this size, which are freed as they are written.
const BLOCK: usize = 64 << 10;

/// How long the end of the process waits for lines to be written.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How much a line matters when room is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Finds room in three quarters of the queue, so that a flood of requests does not push out what matters.
    Ordinary,
    /// A warning or an error: finds room in all of it.
    Important,
}

/// Lines that wait to be written.
#[derive(Debug)]
pub(crate) struct LogQueue {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes that are held, for metrics.
    held: AtomicUsize,
    /// Lines dropped since the start, for metrics.
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    blocks: VecDeque<Vec<u8>>,
    /// The capacity of all blocks, and of the one that is being written.
    held: usize,
    /// Lines dropped for want of room that the log does not say yet.
    unreported: u64,
    closing: bool,
    written: bool,
}

impl LogQueue {
    /// An empty queue that holds at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            changed: Condvar::new(),
            held: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Bytes that are held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Lines dropped since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Queues a line, or drops it when there is no room.
    pub(crate) fn push(&self, line: &[u8], weight: Weight) {
        let mut state = self.lock();
        let limit = match weight {
            Weight::Ordinary => self.limit / 4 * 3,
            Weight::Important => self.limit,
        };
        let fits = |block: &&mut Vec<u8>| block.capacity() - block.len() >= line.len();
        if let Some(block) = state.blocks.back_mut().filter(fits) {
            block.extend_from_slice(line);
        } else {
            let size = line.len().max(BLOCK.min(self.limit / 8));
            if state.held + size > limit {
                state.unreported += 1;
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let mut block = Vec::with_capacity(size);
            block.extend_from_slice(line);
            state.held += block.capacity();
            self.held.store(state.held, Ordering::Relaxed);
            state.blocks.push_back(block);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Writes what is queued until [`LogQueue::close`]. `report` is called with the number of lines that were dropped, once
    /// the queue has drained, and may log.
    pub(crate) fn write_to(&self, mut out: impl Write, mut report: impl FnMut(u64)) {
        let mut state = self.lock();
        loop {
            if let Some(block) = state.blocks.pop_front() {
                drop(state);
                // The reader of the log may have gone, or its disk be full; that is no reason to stop.
                if out.write_all(&block).and_then(|()| out.flush()).is_err() {
                    let lines = block.split(|byte| *byte == b'\n').count() - 1;
                    self.dropped.fetch_add(lines as u64, Ordering::Relaxed);
                }
                let freed = block.capacity();
                drop(block);
                state = self.lock();
                state.held -= freed;
                self.held.store(state.held, Ordering::Relaxed);
            } else if state.unreported > 0 {
                let dropped = std::mem::take(&mut state.unreported);
                drop(state);
                report(dropped);
                state = self.lock();
            } else if state.closing {
                state.written = true;
                drop(state);
                self.changed.notify_all();
                return;
            } else {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Waits until all is written, but no longer than a second: nobody may be reading.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        self.changed.notify_all();
        let _ = self
            .changed
            .wait_timeout_while(state, LAST_WAIT, |state| !state.written);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues whatever is written at once as one line, which is how `tracing` writes.
#[derive(Debug)]
pub(crate) struct LineWriter {
    pub(crate) queue: Arc<LogQueue>,
    pub(crate) weight: Weight,
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // What libraries log, at debug and below, may hold URLs with credentials.
        if line.windows(3).any(|part| part == b"://") && line.contains(&b'@') {
            let text = without_credentials(&String::from_utf8_lossy(line));
            self.queue.push(text.as_bytes(), self.weight);
        } else {
            self.queue.push(line, self.weight);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the writer to the end of what is queued.
    fn drain(queue: &LogQueue) -> (String, Vec<u64>) {
        let (mut out, mut reports) = (Vec::new(), Vec::new());
        queue.lock().closing = true;
        queue.write_to(&mut out, |dropped| reports.push(dropped));
        (String::from_utf8(out).unwrap(), reports)
    }

    #[test]
    fn lines_are_written_whole_and_in_order() {
        let queue = LogQueue::new(1 << 20);
        let lines: Vec<String> = (0..20_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        for line in &lines {
            queue.push(line.as_bytes(), Weight::Ordinary);
        }
        assert_eq!(drain(&queue), (lines.concat(), vec![]));
        assert_eq!((queue.held(), queue.dropped()), (0, 0));
    }

    #[test]
    fn a_full_queue_drops_lines_and_reports_once_how_many() {
        let queue = LogQueue::new(64 << 10);
        for _ in 0..10_000 {
            queue.push(&[b'x'; 100], Weight::Ordinary);
            assert!(queue.held() <= 64 << 10);
        }
        let dropped = queue.dropped();
        let (text, reports) = drain(&queue);
        assert_eq!(reports, [dropped]);
        assert_eq!(text.len() as u64, (10_000 - dropped) * 100);
        assert!(text.len() > 32 << 10, "{}", text.len());
        assert_eq!(queue.held(), 0);
    }

    #[test]
    fn warnings_find_room_behind_a_flood() {
        let queue = LogQueue::new(64 << 10);
        for _ in 0..10_000 {
            queue.push(&[b'x'; 100], Weight::Ordinary);
        }
        queue.push(b"important\n", Weight::Important);
        assert!(drain(&queue).0.ends_with("important\n"));
    }

    #[test]
    fn a_line_larger_than_the_queue_is_dropped() {
        let queue = LogQueue::new(4096);
        queue.push(&[b'x'; 5000], Weight::Important);
        assert_eq!((queue.held(), queue.dropped()), (0, 1));
    }

    #[test]
    fn lines_that_cannot_be_written_count_as_dropped() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let queue = LogQueue::new(4096);
        queue.push(b"one\n", Weight::Ordinary);
        queue.push(b"two\n", Weight::Ordinary);
        queue.lock().closing = true;
        queue.write_to(Full, |_| unreachable!());
        assert_eq!((queue.held(), queue.dropped()), (0, 2));
    }

    #[test]
    fn no_line_holds_credentials() {
        let queue = Arc::new(LogQueue::new(4096));
        let mut writer = LineWriter {
            queue: queue.clone(),
            weight: Weight::Ordinary,
        };
        let line = b"connecting to http://user:pass@host/ as me\n";
        assert_eq!(writer.write(line).unwrap(), line.len());
        assert_eq!(
            drain(&queue).0,
            "connecting to http://\u{2026}@host/ as me\n"
        );
    }

    #[test]
    fn the_end_does_not_wait_for_ever() {
        let queue = LogQueue::new(4096);
        queue.push(b"nobody writes this\n", Weight::Ordinary);
        queue.close();
    }
}
