//! The scans of a progressive file that follow the means: bands of one component's other coefficients (T.81, G.1.2).

use crate::component::Component;
use crate::sequential::ZEROS;
use crate::symbols::{OTHERS, Sink, magnitude};

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
    /// Whether a scan before has all bits but the lowest.
    pub refines: bool,
}

impl Band {
    /// The places, as bits.
    fn places(self) -> u64 {
        u64::MAX >> (63 - self.last) & u64::MAX << self.first
    }

    /// Writes the band of `component`.
    pub(crate) fn scan<S: Sink>(self, component: &Component, sink: S) -> S {
        self.scan_rows(component, 0..component.high, sink)
    }

    /// Writes the band of these lines of blocks.
    pub(crate) fn scan_rows<S: Sink>(
        self,
        component: &Component,
        rows: impl Iterator<Item = usize>,
        sink: S,
    ) -> S {
        if self.refines {
            refine(self, component, rows, sink)
        } else if self.low == 0 {
            begin::<true, S>(self, component, rows, sink)
        } else {
            begin::<false, S>(self, component, rows, sink)
        }
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

/// The first scan of a band. `WHOLE` if it leaves no bits.
fn begin<const WHOLE: bool, S: Sink>(
    band: Band,
    component: &Component,
    rows: impl Iterator<Item = usize>,
    mut sink: S,
) -> S {
    let in_band = band.places();
    let below = !(u64::MAX << band.first);
    let mut ended = 0;
    for row in rows {
        let (_, places, mut values) = component.row(row);
        for &all in places {
            let count = all.count_ones() as usize;
            let (block, rest) = values.split_at_checked(count).unwrap_or_default();
            values = rest;
            let mut places = all & in_band;
            let mut next = band.first;
            let skipped = (all & below).count_ones() as usize;
            let mut block = block.get(skipped..).unwrap_or_default().iter();
            while places != 0
                && let Some(&value) = block.next()
            {
                let place = places.trailing_zeros();
                places &= places - 1;
                let mut value = i32::from(value);
                if !WHOLE {
                    // Towards zero, where a shift would go down.
                    value = (value + (value >> 31 & ((1 << band.low) - 1))) >> band.low;
                    if value == 0 {
                        continue;
                    }
                }
                end_blocks(&mut ended, &mut sink);
                let mut run = place - next;
                next = place + 1;
                while run > 15 {
                    sink.symbol(OTHERS, ZEROS, 0, 0);
                    run -= 16;
                }
                let (category, bits) = magnitude(value);
                sink.symbol(OTHERS, (run << 4 | category) as u8, bits, category);
            }
            if next <= band.last {
                ended += 1;
                if ended == LONGEST_RUN {
                    end_blocks(&mut ended, &mut sink);
                }
            }
        }
    }
    end_blocks(&mut ended, &mut sink);
    sink
}

/// A scan with one more bit of each coefficient.
fn refine<S: Sink>(
    band: Band,
    component: &Component,
    rows: impl Iterator<Item = usize>,
    mut sink: S,
) -> S {
    let in_band = band.places();
    let below = !(u64::MAX << band.first);
    let mut ended = 0;
    for row in rows {
        let (_, places, mut values) = component.row(row);
        for &all in places {
            let count = all.count_ones() as usize;
            let (block, rest) = values.split_at_checked(count).unwrap_or_default();
            values = rest;
            let places = all & in_band;
            let skipped = (all & below).count_ones() as usize;
            let block = block.get(skipped..).unwrap_or_default();
            refine_block(band, places, block, &mut ended, &mut sink);
        }
    }
    end_blocks(&mut ended, &mut sink);
    sink
}

#[inline(always)]
fn refine_block<S: Sink>(
    band: Band,
    places: u64,
    block: &[i16],
    ended: &mut u32,
    sink: &mut S,
) {
    let magnitudes = || {
        let mut places = places;
        block.iter().map_while(move |&value| {
            (places != 0).then(|| {
                let place = places.trailing_zeros();
                places &= places - 1;
                (place, u32::from(value.unsigned_abs()) >> band.low, value < 0)
            })
        })
    };
    // Behind the last coefficient that is new, zeros need not be counted.
    let new = magnitudes().filter(|&(_, magnitude, _)| magnitude == 1);
    let last_new = new.last().map_or(0, |(place, ..)| place);
    let (mut bits, mut count) = (0_u64, 0);
    let mut next = band.first;
    let mut run = 0;
    for (place, magnitude, negative) in magnitudes() {
        if magnitude == 0 {
            continue;
        }
        run += place - next;
        next = place + 1;
        while run > 15 && place <= last_new {
            end_blocks(ended, sink);
            sink.symbol(OTHERS, ZEROS, 0, 0);
            sink.raw(bits, count);
            (bits, count) = (0, 0);
            run -= 16;
        }
        if magnitude > 1 {
            bits = bits << 1 | u64::from(magnitude & 1);
            count += 1;
        } else {
            end_blocks(ended, sink);
            sink.symbol(OTHERS, (run << 4 | 1) as u8, u32::from(!negative), 1);
            sink.raw(bits, count);
            (bits, count) = (0, 0);
            run = 0;
        }
    }
    if run > 0 || count > 0 || next <= band.last {
        *ended += 1;
        sink.defer(bits, count);
        if *ended == LONGEST_RUN {
            end_blocks(ended, sink);
        }
    }
}
