//! Where the symbols of a scan go: they are counted, and listed to be written when codes are made from the counts.

use crate::bits::BitWriter;
use crate::component::Component;
use crate::huffman::{Histogram, Table};

/// A run of 16 zeros.
pub(crate) const ZEROS: u8 = 0xF0;

/// The table of a component's means.
pub(crate) const MEANS: usize = 0;
/// The table of a component's other coefficients.
pub(crate) const OTHERS: usize = 1;
/// Added to both for the colour components.
pub(crate) const CHROMA: usize = 2;

/// Takes the symbols of a scan.
pub(crate) trait Sink {
    /// A symbol of one of four tables, with the `count` bits that follow it; less than 16, the others are 0.
    fn symbol(&mut self, table: usize, symbol: u8, bits: u32, count: u32);

    /// Bits without a symbol, up to 64.
    fn raw(&mut self, bits: u64, count: u32);

    /// Bits that are to be written by the next [`Sink::deferred`].
    fn defer(&mut self, bits: u64, count: u32);

    /// Writes the bits that were deferred.
    fn deferred(&mut self);
}

/// Counts symbols.
#[derive(Debug)]
pub(crate) struct Counts {
    pub histograms: [Histogram; 4],
    /// Bits that are written without a symbol or after it.
    pub bits: u64,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            histograms: [[0; 256]; 4],
            bits: 0,
        }
    }
}

impl Sink for Counts {
    #[inline(always)]
    fn symbol(&mut self, table: usize, symbol: u8, _: u32, count: u32) {
        self.histograms[table & 3][usize::from(symbol)] += 1;
        self.bits += u64::from(count);
    }

    #[inline(always)]
    fn raw(&mut self, _: u64, count: u32) {
        self.bits += u64::from(count);
    }

    #[inline(always)]
    fn defer(&mut self, _: u64, count: u32) {
        self.bits += u64::from(count);
    }

    #[inline(always)]
    fn deferred(&mut self) {}
}

/// Lists symbols. Going through a scan's coefficients once more to write them takes longer than reading this list.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    list: Vec<Token>,
    deferred: Vec<Token>,
}

/// From the lowest bit on: 16 bits that follow the symbol, five with their number, two with the table, eight with the
/// symbol; [`NO_SYMBOL`] instead of both if there is none.
type Token = u32;

const NO_SYMBOL: u32 = 1 << 10;

impl Tokens {
    /// With room for the symbols of a whole component, so that the list is not copied while it grows.
    pub(crate) fn with_room(component: &Component) -> Self {
        let values: usize = component.values.iter().map(|values| values.len()).sum();
        Self {
            list: Vec::with_capacity(values + component.places.len()),
            deferred: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn write(&self, codes: &Codes, bits: &mut BitWriter) {
        for &token in &self.list {
            let code = codes.0[(token >> 21) as usize];
            let count = token >> 16 & 31;
            bits.put(code >> 5 << count | token & 0xFFFF, (code & 31) + count);
        }
    }
}

#[inline(always)]
fn list_raw(list: &mut Vec<Token>, bits: u64, mut count: u32) {
    while count > 0 {
        let part = count.min(16);
        count -= part;
        let bits = (bits >> count) as u32 & ((1 << part) - 1);
        list.push(NO_SYMBOL << 21 | part << 16 | bits);
    }
}

impl Sink for Tokens {
    #[inline(always)]
    fn symbol(&mut self, table: usize, symbol: u8, bits: u32, count: u32) {
        let index = (table << 8) as u32 | u32::from(symbol);
        self.list.push(index << 21 | count << 16 | bits);
    }

    #[inline(always)]
    fn raw(&mut self, bits: u64, count: u32) {
        list_raw(&mut self.list, bits, count);
    }

    #[inline(always)]
    fn defer(&mut self, bits: u64, count: u32) {
        list_raw(&mut self.deferred, bits, count);
    }

    #[inline(always)]
    fn deferred(&mut self) {
        if !self.deferred.is_empty() {
            self.list.append(&mut self.deferred);
        }
    }
}

/// Counts and lists.
impl Sink for (&mut Counts, &mut Tokens) {
    #[inline(always)]
    fn symbol(&mut self, table: usize, symbol: u8, bits: u32, count: u32) {
        self.0.symbol(table, symbol, bits, count);
        self.1.symbol(table, symbol, bits, count);
    }

    #[inline(always)]
    fn raw(&mut self, bits: u64, count: u32) {
        self.0.raw(bits, count);
        self.1.raw(bits, count);
    }

    #[inline(always)]
    fn defer(&mut self, bits: u64, count: u32) {
        self.0.defer(bits, count);
        self.1.defer(bits, count);
    }

    #[inline(always)]
    fn deferred(&mut self) {
        self.1.deferred();
    }
}

/// The code of each symbol of all tables, above its length in five bits. No code where there is no symbol.
#[derive(Debug)]
pub(crate) struct Codes(Box<[u32; 2048]>);

impl Codes {
    /// The codes of tables with their numbers.
    pub(crate) fn new(tables: &[(usize, &Table)]) -> Self {
        let mut all = Box::new([0; 2048]);
        for (number, table) in tables {
            for (symbol, length, code) in table.codes() {
                all[(number & 3) << 8 | usize::from(symbol)] =
                    u32::from(code) << 5 | u32::from(length);
            }
        }
        Self(all)
    }
}

/// The category of a value that is not 0 and the bits that say which of the category it is (T.81, F.1.2.1).
#[inline(always)]
pub(crate) fn magnitude(value: i32) -> (u32, u32) {
    let category = 32 - value.unsigned_abs().leading_zeros();
    let bits = (value + (value >> 31)).cast_unsigned() & ((1 << category) - 1);
    (category, bits)
}

/// A coefficient that is not 0, behind `run` that are (T.81, F.1.2.2).
#[inline(always)]
pub(crate) fn put_value<S: Sink>(sink: &mut S, table: usize, mut run: u32, value: i16) {
    while run > 15 {
        sink.symbol(table, ZEROS, 0, 0);
        run -= 16;
    }
    let (category, bits) = magnitude(i32::from(value));
    sink.symbol(table, (run << 4 | category) as u8, bits, category);
}
