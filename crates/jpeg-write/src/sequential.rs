//! Baseline: one scan of all components, MCU by MCU, and of their means alone where a progressive file begins.

use crate::bits::BitWriter;
use crate::component::Component;
use crate::symbols::{CHROMA, Codes, Counts, MEANS, OTHERS, Sink, Tokens, magnitude, put_value};

const END_OF_BLOCK: u8 = 0;

/// What is left of a line of blocks.
#[derive(Debug, Clone, Copy, Default)]
struct Line<'a> {
    means: &'a [i16],
    places: &'a [u64],
    values: &'a [i16],
}

impl<'a> Line<'a> {
    fn new(component: &'a Component, row: usize) -> Self {
        let blocks = row * component.stride..(row + 1) * component.stride;
        Self {
            means: component.means.get(blocks.clone()).unwrap_or_default(),
            places: component.places.get(blocks).unwrap_or_default(),
            values: component.values.get(row).map_or(&[], |values| values),
        }
    }
}

/// Goes through the MCUs, line by line.
#[derive(Debug)]
pub(crate) struct Scan<'a, const MEANS_ONLY: bool> {
    components: &'a [Component],
    /// The last mean of each component.
    before: [i32; 3],
    row: usize,
}

impl<'a, const MEANS_ONLY: bool> Scan<'a, MEANS_ONLY> {
    /// Of all coefficients, or with `MEANS_ONLY` the first of each block.
    pub(crate) fn new(components: &'a [Component]) -> Self {
        Self {
            components,
            before: [0; 3],
            row: 0,
        }
    }

    /// All lines.
    pub(crate) fn count(mut self) -> Counts {
        let mut counts = Counts::new();
        while self.next(&mut counts) {}
        counts
    }

    /// All lines. Symbols of one at a time are listed, which is quicker than to write them at once: what the writer and
    /// what the search for coefficients need has room in registers.
    pub(crate) fn write(mut self, file: Vec<u8>, codes: &Codes) -> Vec<u8> {
        let mut bits = BitWriter::new(file);
        let mut tokens = Tokens::default();
        while self.next(&mut tokens) {
            tokens.write(codes, &mut bits);
            tokens.clear();
        }
        bits.finish()
    }

    /// The next line of MCUs. False if there was none.
    fn next<S: Sink>(&mut self, sink: &mut S) -> bool {
        let Some(first) = self.components.first() else {
            return false;
        };
        if self.row * first.factor >= first.high {
            return false;
        }
        // The lines of blocks of a component, one or two.
        let mut lines = [[Line::default(); 2]; 3];
        for (lines, component) in lines.iter_mut().zip(self.components) {
            for (index, line) in lines.iter_mut().take(component.factor).enumerate() {
                *line = Line::new(component, self.row * component.factor + index);
            }
        }
        self.row += 1;
        for _ in 0..first.stride / first.factor {
            let parts = self.components.iter().zip(&mut lines);
            let tables = [0, CHROMA, CHROMA];
            for (((component, lines), before), table) in parts.zip(&mut self.before).zip(tables) {
                for line in lines.iter_mut().take(component.factor) {
                    for _ in 0..component.factor {
                        let Some((&mean, means)) = line.means.split_first() else {
                            continue;
                        };
                        line.means = means;
                        put_mean(i32::from(mean), before, table + MEANS, sink);
                        if !MEANS_ONLY && let Some((&places, rest)) = line.places.split_first() {
                            line.places = rest;
                            put_others(places, &mut line.values, table + OTHERS, sink);
                        }
                    }
                }
            }
        }
        true
    }
}

#[inline(always)]
fn put_mean<S: Sink>(mean: i32, before: &mut i32, table: usize, sink: &mut S) {
    let (category, bits) = magnitude(mean - *before);
    *before = mean;
    sink.symbol(table, category as u8, bits, category);
}

#[inline(always)]
fn put_others<S: Sink>(mut places: u64, values: &mut &[i16], table: usize, sink: &mut S) {
    let mut next = 1;
    while places != 0 {
        let Some((&value, rest)) = values.split_first() else {
            break;
        };
        *values = rest;
        let place = places.trailing_zeros();
        places &= places - 1;
        put_value(sink, table, place - next, value);
        next = place + 1;
    }
    if next < 64 {
        sink.symbol(table, END_OF_BLOCK, 0, 0);
    }
}
