//! The AC scans of a progressive file (ITU-T T.81, G.1.2.2 and G.1.2.3).

use crate::{
    bits::BitReader,
    coefficients::Coefficients,
    huffman::{BandStep, BandTable},
    restarts::Restarts,
    scan::Scan,
};

/// A scan of a band of AC coefficients of one component.
pub(crate) fn ac_scan(
    reader: &mut BitReader<'_>,
    restarts: &mut Restarts,
    (columns, rows): (usize, usize),
    table: &BandTable,
    scan: &Scan,
    coefficients: &mut Coefficients<'_>,
) {
    let mut band = Band {
        table,
        first: scan.first as u32,
        last: scan.last as u32,
        shift: scan.shift,
        ended_blocks: 0,
    };
    let (mut row, mut column) = (0, 0);
    while row < rows {
        if restarts.before_mcu(reader) {
            band.ended_blocks = 0;
        }
        let mut further = 1;
        if restarts.alive() {
            let block = row * coefficients.wide + column;
            let read = if scan.refines {
                band.refine(reader, block, coefficients)
            } else if band.ended_blocks > 0 {
                // The whole run at once, as far as no restart marker is due.
                further += (band.ended_blocks as usize - 1).min(restarts.left());
                restarts.skip(further - 1);
                band.ended_blocks -= further as u32;
                Some(())
            } else {
                band.first_pass(reader, block, coefficients)
            };
            if read.is_none() || reader.overrun() {
                restarts.give_up();
            }
        } else {
            further += restarts.left().min(columns * rows);
            restarts.skip(further - 1);
        }
        column += further;
        row += column / columns;
        column %= columns;
    }
}

/// Reads one band, block by block.
#[derive(Debug)]
struct Band<'t> {
    table: &'t BandTable,
    first: u32,
    last: u32,
    shift: u32,
    /// Blocks, from the present one on, in which nothing new comes.
    ended_blocks: u32,
}

impl Band<'_> {
    /// The first scan of the band (G.1.2.2).
    #[inline(always)]
    fn first_pass(
        &mut self,
        reader: &mut BitReader<'_>,
        block: usize,
        of: &mut Coefficients<'_>,
    ) -> Option<()> {
        let mut next = self.first;
        let mut seen = 0_u64;
        while next <= self.last {
            match self.table.step(reader)? {
                BandStep::Value { run, value } => {
                    next += run;
                    if next > self.last {
                        return None;
                    }
                    seen |= 1 << next;
                    let slot = of.slot[next as usize & 63];
                    if let Some(kept) = of.block(block).get_mut(usize::from(slot)) {
                        *kept = (value << self.shift) as i16;
                    }
                    next += 1;
                }
                BandStep::Zeros => next += 16,
                BandStep::EndOfBand { blocks } => {
                    self.ended_blocks = blocks - 1;
                    break;
                }
            }
        }
        if let Some(history) = of.history.get_mut(block) {
            *history |= seen;
        }
        Some(())
    }

    /// A scan that adds one bit to the band (G.1.2.3).
    #[inline(always)]
    fn refine(
        &mut self,
        reader: &mut BitReader<'_>,
        block: usize,
        of: &mut Coefficients<'_>,
    ) -> Option<()> {
        let mut history = *of.history.get(block)?;
        let mut next = self.first;
        if self.ended_blocks == 0 {
            while next <= self.last {
                let (run, value) = match self.table.step(reader)? {
                    BandStep::Value { run, value } => (run, value),
                    BandStep::Zeros => (15, 0),
                    BandStep::EndOfBand { blocks } => {
                        self.ended_blocks = blocks;
                        break;
                    }
                };
                if value.abs() > 1 {
                    return None;
                }
                // The place is behind `run` zeros; whatever is not zero before it gets its bit first.
                let mut zeros = !history & (u64::MAX << next);
                for _ in 0..run {
                    zeros &= zeros.wrapping_sub(1);
                }
                let place = zeros.trailing_zeros().min(self.last + 1);
                self.correct(reader, history, next, place, block, of);
                if value != 0 {
                    if place > self.last {
                        return None;
                    }
                    history |= 1 << place;
                    let slot = of.slot[place as usize & 63];
                    if let Some(kept) = of.block(block).get_mut(usize::from(slot)) {
                        *kept = (value << self.shift) as i16;
                    }
                }
                next = place + 1;
            }
            if let Some(kept) = of.history.get_mut(block) {
                *kept = history;
            }
        }
        if self.ended_blocks > 0 {
            self.correct(reader, history, next, self.last + 1, block, of);
            self.ended_blocks -= 1;
        }
        Some(())
    }

    /// Reads the bits of the coefficients that are not zero in positions `from..to`. Those outside the corner are
    /// stepped over together.
    #[inline(always)]
    fn correct(
        &self,
        reader: &mut BitReader<'_>,
        history: u64,
        from: u32,
        to: u32,
        block: usize,
        of: &mut Coefficients<'_>,
    ) {
        if from >= to {
            return;
        }
        let mut set = history & (u64::MAX << from) & (u64::MAX >> (64 - to));
        let one = 1_i16 << self.shift;
        let slots = of.slot;
        let corner = of.reduction.last as u32;
        let values = of.block(block);
        while set != 0 {
            let position = set.trailing_zeros();
            if position > corner {
                break;
            }
            set &= set - 1;
            reader.ensure(1);
            if reader.bit()
                && let Some(kept) = values.get_mut(usize::from(slots[position as usize & 63]))
                && *kept & one == 0
            {
                *kept = kept.wrapping_add(if *kept < 0 { -one } else { one });
            }
        }
        let mut left = set.count_ones();
        while left > 0 {
            let bits = left.min(32);
            reader.ensure(bits);
            reader.consume(bits);
            left -= bits;
        }
    }
}
