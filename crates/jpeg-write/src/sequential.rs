//! Baseline: one scan of all components, MCU by MCU, and of their means alone where a progressive file begins.

use crate::component::Component;
use crate::symbols::{CHROMA, MEANS, OTHERS, Sink, magnitude};

/// A run of 16 zeros.
pub(crate) const ZEROS: u8 = 0xF0;
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

/// All coefficients, or with `MEANS_ONLY` the first of each block.
pub(crate) fn scan<const MEANS_ONLY: bool, S: Sink>(components: &[Component], mut sink: S) -> S {
    let mut before = [0_i32; 3];
    let Some(first) = components.first() else {
        return sink;
    };
    let mcus = first.stride / first.factor;
    let rows = first.means.len() / first.stride / first.factor;
    for row in 0..rows {
        // The lines of a component, one or two.
        let mut lines = [[Line::default(); 2]; 3];
        for (lines, component) in lines.iter_mut().zip(components) {
            for (index, line) in lines.iter_mut().take(component.factor).enumerate() {
                *line = Line::new(component, row * component.factor + index);
            }
        }
        for _ in 0..mcus {
            let parts = components.iter().zip(&mut lines).zip(&mut before);
            let tables = [0, CHROMA, CHROMA];
            for (((component, lines), before), table) in parts.zip(tables) {
                for line in lines.iter_mut().take(component.factor) {
                    for _ in 0..component.factor {
                        let Some((&mean, means)) = line.means.split_first() else {
                            continue;
                        };
                        line.means = means;
                        write_mean(i32::from(mean), before, table + MEANS, &mut sink);
                        if !MEANS_ONLY && let Some((&places, rest)) = line.places.split_first() {
                            line.places = rest;
                            write_others(places, &mut line.values, table + OTHERS, &mut sink);
                        }
                    }
                }
            }
        }
    }
    sink
}

#[inline(always)]
fn write_mean<S: Sink>(mean: i32, before: &mut i32, table: usize, sink: &mut S) {
    let (category, bits) = magnitude(mean - *before);
    *before = mean;
    sink.symbol(table, category as u8, bits, category);
}

#[inline(always)]
fn write_others<S: Sink>(mut places: u64, values: &mut &[i16], table: usize, sink: &mut S) {
    let mut next = 1;
    while places != 0 {
        let Some((&value, rest)) = values.split_first() else {
            break;
        };
        *values = rest;
        let place = places.trailing_zeros();
        places &= places - 1;
        let mut run = place - next;
        next = place + 1;
        while run > 15 {
            sink.symbol(table, ZEROS, 0, 0);
            run -= 16;
        }
        let (category, bits) = magnitude(i32::from(value));
        sink.symbol(table, (run << 4 | category) as u8, bits, category);
    }
    if next < 64 {
        sink.symbol(table, END_OF_BLOCK, 0, 0);
    }
}
