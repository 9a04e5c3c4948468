//! Rows of a PNG: inflated as far as the data go, and their filters undone (PNG §9 and §10).

use super::unfilter::unfilter;
use crate::container::png::Data;
use flate2::{Decompress, FlushDecompress, Status};

/// How much is inflated at once, unless a row takes more.
const BATCH: usize = 64 << 10;

/// The rows of an image from the first on.
pub(super) struct Rows<'a> {
    inflate: Inflate<'a>,
    /// Inflated rows from `at` to `filled`, each behind its filter's number.
    batch: Vec<u8>,
    at: usize,
    filled: usize,
    /// The row before, which the filters refer to.
    before: Vec<u8>,
    /// Bytes of a pixel, 1 where it has fewer bits.
    step: usize,
    broken: bool,
}

impl<'a> Rows<'a> {
    /// `row` is the length of the longest row.
    pub(super) fn new(data: Data<'a>, row: usize, step: usize) -> Self {
        Self {
            inflate: Inflate::new(data),
            batch: vec![0; BATCH.max(row + 1)],
            at: 0,
            filled: 0,
            before: vec![0; row],
            step,
            broken: false,
        }
    }

    /// The next row refers to none before it: a pass begins.
    pub(super) fn begin_pass(&mut self) {
        self.before.fill(0);
    }

    /// The next row, of so many bytes; `None` where it is missing.
    pub(super) fn next(&mut self, length: usize) -> Option<&[u8]> {
        if self.broken || self.filled - self.at <= length && !self.refill(length + 1) {
            return None;
        }
        let stored = self.batch.get_mut(self.at..self.at + length + 1)?;
        self.at += length + 1;
        let (filter, row) = stored.split_first_mut()?;
        let before = self.before.get_mut(..length)?;
        if !unfilter(*filter, self.step, row, before) {
            self.broken = true;
            return None;
        }
        before.copy_from_slice(row);
        Some(before)
    }

    /// Whether so many bytes are there now.
    fn refill(&mut self, wanted: usize) -> bool {
        self.batch.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.at = 0;
        let room = self.batch.get_mut(self.filled..).unwrap_or_default();
        self.filled += self.inflate.fill(room);
        self.filled >= wanted
    }

    /// Whether the data end as they should, once all rows have been read, and what is behind them.
    pub(super) fn end(mut self) -> (bool, Data<'a>) {
        // What is compressed beyond the last row is let pass, as in libpng.
        let more = self.inflate.fill(&mut [0; 64]) > 0 || self.at < self.filled;
        let whole = more || self.inflate.ended == Some(Ended::Well);
        (whole && !self.broken, self.inflate.data)
    }
}

/// How compressed data end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Early,
    Broken,
}

struct Inflate<'a> {
    state: Decompress,
    data: Data<'a>,
    piece: &'a [u8],
    ended: Option<Ended>,
}

impl<'a> Inflate<'a> {
    fn new(data: Data<'a>) -> Self {
        Self {
            state: Decompress::new(true),
            data,
            piece: &[],
            ended: None,
        }
    }

    /// Fills as much of `out` as there is. Where the data are damaged, that is what comes before the damage.
    fn fill(&mut self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        let mut last = false;
        while filled < out.len() && self.ended.is_none() {
            if self.piece.is_empty() {
                match self.data.next() {
                    Some(piece) => self.piece = piece,
                    None => last = true,
                }
            }
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let room = out.get_mut(filled..).unwrap_or_default();
            let status = self
                .state
                .decompress(self.piece, room, FlushDecompress::None);
            let read = (self.state.total_in() - read) as usize;
            let written = (self.state.total_out() - written) as usize;
            self.piece = self.piece.get(read..).unwrap_or_default();
            filled += written;
            self.ended = match status {
                Ok(Status::StreamEnd) => Some(Ended::Well),
                Err(_) => Some(Ended::Broken),
                Ok(_) if last && written == 0 => Some(Ended::Early),
                // No progress, though there are both data and room.
                Ok(_) if !self.piece.is_empty() && read == 0 && written == 0 => Some(Ended::Broken),
                Ok(_) => None,
            };
        }
        filled
    }
}
