//! Where the symbols of a scan go: first they are counted, then written with the codes made from the counts.

use crate::bits::BitWriter;
use crate::huffman::{Histogram, Table};

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

impl Sink for &mut Counts {
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

/// The code of each symbol, above its length in five bits.
#[derive(Debug, Clone)]
pub(crate) struct Codes([u32; 256]);

impl Codes {
    pub(crate) fn new(table: &Table) -> Self {
        let mut codes = [0; 256];
        for (symbol, length, code) in table.codes() {
            codes[usize::from(symbol)] = u32::from(code) << 5 | u32::from(length);
        }
        Self(codes)
    }

    pub(crate) const fn none() -> Self {
        Self([0; 256])
    }
}

/// Writes symbols. Is handed on by value, so that the waiting bits can stay in registers.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    bits: BitWriter,
    codes: &'a [Codes; 4],
    deferred: Vec<(u64, u32)>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(bytes: Vec<u8>, codes: &'a [Codes; 4]) -> Self {
        Self {
            bits: BitWriter::new(bytes),
            codes,
            deferred: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bits.finish()
    }
}

impl Sink for Writer<'_> {
    #[inline(always)]
    fn symbol(&mut self, table: usize, symbol: u8, bits: u32, count: u32) {
        let code = self.codes[table & 3].0[usize::from(symbol)];
        self.bits.put(code >> 5 << count | bits, (code & 31) + count);
    }

    #[inline(always)]
    fn raw(&mut self, bits: u64, count: u32) {
        if count > 32 {
            self.bits.put((bits >> 32) as u32, count - 32);
        }
        self.bits.put(bits as u32, count.min(32));
    }

    #[inline(always)]
    fn defer(&mut self, bits: u64, count: u32) {
        if count > 0 {
            self.deferred.push((bits, count));
        }
    }

    #[inline(always)]
    fn deferred(&mut self) {
        for index in 0..self.deferred.len() {
            let (bits, count) = self.deferred[index];
            self.raw(bits, count);
        }
        self.deferred.clear();
    }
}

/// The category of a value that is not 0 and the bits that say which of the category it is (T.81, F.1.2.1).
#[inline(always)]
pub(crate) fn magnitude(value: i32) -> (u32, u32) {
    let category = 32 - value.unsigned_abs().leading_zeros();
    let bits = (value + (value >> 31)).cast_unsigned() & ((1 << category) - 1);
    (category, bits)
}
