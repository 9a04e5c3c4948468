//! The scans of a progressive file that follow the means: bands of one component's other coefficients (T.81, G.1.2).

use crate::component::Component;
use crate::symbols::{OTHERS, Sink, ZEROS, put_value};

/// The longest run of blocks that one symbol can end.
const LONGEST_RUN: u32 = 0x7FFF;

/// A part of the coefficients of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Band {
    /// The first and last place in the zigzag.
    pub first: u32,
    pub last: u32,
    /// The bits that are left for later scans.
    pub low: u32,
    /// Whether scans before have all places and all bits but the lowest of these.
    pub refines: bool,
}

impl Band {
    /// The places, as bits.
    fn places(self) -> u64 {
        u64::MAX >> (63 - self.last) & u64::MAX << self.first
    }

    /// The symbols of the band in these lines of blocks of `component`.
    pub(crate) fn scan<S: Sink>(
        self,
        component: &Component,
        rows: impl Iterator<Item = usize>,
        sink: &mut S,
    ) {
        if self.refines {
            refine(self.low, component, rows, sink);
        } else if self.low == 0 {
            begin::<true, S>(self, component, rows, sink);
        } else {
            begin::<false, S>(self, component, rows, sink);
        }
    }
}

/// One block more has nothing more.
#[inline(always)]
fn end_block<S: Sink>(run: &mut u32, sink: &mut S) {
    *run += 1;
    if *run == LONGEST_RUN {
        end_blocks(run, sink);
    }
}

/// Writes that the last `run` blocks have nothing more, with the bits which their coefficients from before get.
#[inline(always)]
fn end_blocks<S: Sink>(run: &mut u32, sink: &mut S) {
    if *run > 0 {
        let count = run.ilog2();
        sink.symbol(OTHERS, (count << 4) as u8, *run - (1 << count), count);
        sink.deferred();
        *run = 0;
    }
}

/// Of the `values` at `places`, those which are not 0 without their `low` lowest bits: their places, and they without
/// those bits in front of `kept`. Without a branch for each, which nobody could predict.
#[inline(always)]
pub(crate) fn keep(mut places: u64, values: &[i16], low: u32, kept: &mut [i16; 64]) -> u64 {
    let (mut kept_places, mut count) = (0, 0);
    for &value in values {
        let place = places & places.wrapping_neg();
        places ^= place;
        // Towards zero, where a shift would go down.
        let value = (value + (value >> 15 & ((1 << low) - 1))) >> low;
        kept[count & 63] = value;
        count += usize::from(value != 0);
        kept_places |= place & u64::from(value != 0).wrapping_neg();
    }
    kept_places
}

/// The first scan of a band. `WHOLE` if it leaves no bits.
fn begin<const WHOLE: bool, S: Sink>(
    band: Band,
    component: &Component,
    rows: impl Iterator<Item = usize>,
    sink: &mut S,
) {
    let in_band = band.places();
    let below = !(u64::MAX << band.first);
    let mut ended = 0;
    let mut kept = [0; 64];
    for row in rows {
        let (_, places, mut values) = component.row(row);
        for &all in places {
            let count = all.count_ones() as usize;
            let (mut block, rest) = values.split_at_checked(count).unwrap_or_default();
            values = rest;
            let mut places = all & in_band;
            if places == 0 {
                end_block(&mut ended, sink);
                continue;
            }
            if band.first > 1 {
                let skipped = (all & below).count_ones() as usize;
                block = block.get(skipped..).unwrap_or_default();
            }
            if !WHOLE {
                if band.last < 63 {
                    let inside = places.count_ones() as usize;
                    block = block.get(..inside).unwrap_or_default();
                }
                places = keep(places, block, band.low, &mut kept);
                block = &kept;
            }
            let mut next = band.first;
            if places != 0 {
                end_blocks(&mut ended, sink);
            }
            for &value in block {
                if places == 0 {
                    break;
                }
                let place = places.trailing_zeros();
                places &= places - 1;
                put_value(sink, OTHERS, place - next, value);
                next = place + 1;
            }
            if next <= band.last {
                end_block(&mut ended, sink);
            }
        }
    }
    end_blocks(&mut ended, sink);
}

/// A scan with one more bit of each coefficient.
fn refine<S: Sink>(
    low: u32,
    component: &Component,
    rows: impl Iterator<Item = usize>,
    sink: &mut S,
) {
    let mut ended = 0;
    for row in rows {
        let (_, places, mut values) = component.row(row);
        for &places in places {
            let count = places.count_ones() as usize;
            let (block, rest) = values.split_at_checked(count).unwrap_or_default();
            values = rest;
            refine_block(low, places, block, &mut ended, sink);
        }
    }
    end_blocks(&mut ended, sink);
}

#[inline(always)]
fn refine_block<S: Sink>(low: u32, mut places: u64, block: &[i16], ended: &mut u32, sink: &mut S) {
    // Places that were not 0 before, those which are not from now on, and those with a 1 or sign; the bits of the old.
    let (mut old, mut new, mut ones, mut positive) = (0_u64, 0_u64, 0_u64, 0_u64);
    for &value in block {
        let place = places & places.wrapping_neg();
        places ^= place;
        let magnitude = u32::from(value.unsigned_abs()) >> low;
        old |= place & u64::from(magnitude > 1).wrapping_neg();
        new |= place & u64::from(magnitude == 1).wrapping_neg();
        ones |= place & u64::from(magnitude & 1).wrapping_neg();
        positive |= place & u64::from(value > 0).wrapping_neg();
    }
    let mut next = 1;
    while new != 0 {
        end_blocks(ended, sink);
        let place = new.trailing_zeros();
        let bit = new & new.wrapping_neg();
        new ^= bit;
        let (mut bits, mut count, mut run) = (0, 0, 0);
        let mut between = old & (bit - 1);
        old ^= between;
        while between != 0 {
            let old = between.trailing_zeros();
            run += old - next;
            next = old + 1;
            while run > 15 {
                sink.symbol(OTHERS, ZEROS, 0, 0);
                sink.raw(bits, count);
                (bits, count) = (0, 0);
                run -= 16;
            }
            bits = bits << 1 | (ones >> old & 1);
            count += 1;
            between &= between - 1;
        }
        run += place - next;
        next = place + 1;
        while run > 15 {
            sink.symbol(OTHERS, ZEROS, 0, 0);
            sink.raw(bits, count);
            (bits, count) = (0, 0);
            run -= 16;
        }
        let sign = u32::from(positive & bit != 0);
        sink.symbol(OTHERS, (run << 4 | 1) as u8, sign, 1);
        sink.raw(bits, count);
    }
    if next < 64 {
        let (mut bits, mut count) = (0, 0);
        while old != 0 {
            bits = bits << 1 | (ones >> old.trailing_zeros() & 1);
            count += 1;
            old &= old - 1;
        }
        sink.defer(bits, count);
        end_block(ended, sink);
    }
}
