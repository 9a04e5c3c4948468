//! Huffman tables: as they are sent (ITU-T T.81, B.2.4.2), and the look-ups made from them.

use crate::{
    Error,
    bits::{BitReader, extend},
};

/// Bits of the index of the look-up for symbols that are wanted.
const LOOK_BITS: u32 = 10;
/// Bits of the index of the look-up that steps over AC symbols. Two steps, each with up to 15 value bits outside the
/// index, must fit into what a refill guarantees: `2 * (SKIP_BITS + 15) <= 56`.
const SKIP_BITS: u32 = 12;
/// The entry of an index which does not hold even one code: an advance beyond all others.
const LONG_CODE: u16 = 0xFF00;
/// Added to the advance of a step which ends with the end-of-block symbol.
pub(crate) const END_OF_BLOCK: u32 = 128;

/// A table as the file sends it: how many codes of each length, and their symbols in order.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    counts: [u8; 16],
    symbols: Vec<u8>,
}

impl Spec {
    /// Reads one table from the front of `body`, which is moved on past it. Codes that no tree has are refused.
    pub(crate) fn parse(body: &mut &[u8]) -> Result<Self, Error> {
        let short = Error::Corrupt("Huffman table cut off");
        let (counts, rest) = body.split_first_chunk::<16>().ok_or(short)?;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        if total > 256 {
            return Err(Error::Corrupt("Huffman table with more than 256 symbols"));
        }
        let (symbols, rest) = rest.split_at_checked(total).ok_or(short)?;
        let mut code = 0_u32;
        for (length, &count) in (1..).zip(counts) {
            code += u32::from(count);
            if code > 1 << length {
                return Err(Error::Corrupt("Huffman table with too many codes"));
            }
            code <<= 1;
        }
        *body = rest;
        Ok(Self {
            counts: *counts,
            symbols: symbols.to_vec(),
        })
    }
}

/// Decodes any code, by comparing with the first code beyond each length.
#[derive(Debug)]
struct Canonical {
    /// For each length less one: the first 16 bits, as a number, which no code of this length or less begins.
    limit: [u32; 16],
    /// For each length less one: what is added to a code to give its place among the symbols.
    offset: [i32; 16],
    symbols: [u8; 256],
}

impl Canonical {
    fn new(spec: &Spec) -> Self {
        let mut table = Self {
            limit: [0; 16],
            offset: [0; 16],
            symbols: [0; 256],
        };
        for (to, &from) in table.symbols.iter_mut().zip(&spec.symbols) {
            *to = from;
        }
        let (mut code, mut index) = (0_i32, 0_i32);
        for (length, &count) in spec.counts.iter().enumerate() {
            table.offset[length] = index - code;
            code += i32::from(count);
            index += i32::from(count);
            table.limit[length] = (code as u32) << (15 - length);
            code <<= 1;
        }
        table
    }

    /// The length and symbol of the code at the front of 16 bits.
    #[inline(never)]
    fn find(&self, bits: u32) -> Option<(u32, u8)> {
        let length = self.limit.iter().position(|&limit| bits < limit)?;
        let place = (bits >> (15 - length)) as i32 + self.offset[length];
        let symbol = self.symbols.get(usize::try_from(place).ok()?)?;
        Some((length as u32 + 1, *symbol))
    }

    /// For each index of `bits` bits, the length and symbol of the code at its front; length 0 if it is longer.
    fn fronts<const N: usize>(spec: &Spec, bits: u32) -> [(u8, u8); N] {
        let mut fronts = [(0, 0); N];
        let mut at = 0;
        let mut symbols = spec.symbols.iter();
        for (length, &count) in (1..=bits).zip(&spec.counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                let span = 1 << (bits - length);
                if let Some(entries) = fronts.get_mut(at..at + span) {
                    entries.fill((length as u8, symbol));
                }
                at += span;
            }
        }
        fronts
    }
}

/// The look-up entry for a code of `length` bits and the `size` value bits behind it, if both are in the index:
/// value, advance and total length. Otherwise a hint of code length and symbol, or 0 for a longer code.
fn look_entry(index: u32, length: u8, symbol: u8, advance: u32) -> u32 {
    let size = u32::from(symbol & 15);
    let total = u32::from(length) + size;
    if length == 0 {
        0
    } else if total <= LOOK_BITS && advance > 0 {
        let bits = (index >> (LOOK_BITS - total)) & ((1 << size) - 1);
        let value = extend(bits, size) as u16;
        u32::from(value) << 16 | advance << 8 | total
    } else {
        u32::from(symbol) << 16 | u32::from(length) << 8
    }
}

/// The look-up for DC differences.
#[derive(Debug)]
pub(crate) struct DcTable {
    look: Box<[u32; 1 << LOOK_BITS]>,
    codes: Canonical,
}

impl DcTable {
    /// Refuses sizes of more than 15 bits, which no process in Huffman coding has.
    pub(crate) fn new(spec: &Spec) -> Result<Self, Error> {
        if spec.symbols.iter().any(|&symbol| symbol > 15) {
            return Err(Error::Corrupt("DC table with a size above 15"));
        }
        let fronts = Canonical::fronts::<{ 1 << LOOK_BITS }>(spec, LOOK_BITS);
        let mut look = Box::new([0; 1 << LOOK_BITS]);
        for ((entry, index), &(length, symbol)) in look.iter_mut().zip(0..).zip(fronts.iter()) {
            *entry = look_entry(index, length, symbol, 1);
        }
        Ok(Self {
            look,
            codes: Canonical::new(spec),
        })
    }

    /// Decodes a difference from a reader with at least 31 bits available. `None`: no such code.
    #[inline(always)]
    pub(crate) fn difference(&self, reader: &mut BitReader<'_>) -> Option<i32> {
        let entry = self.look[reader.peek(LOOK_BITS) as usize];
        let total = entry & 0xFF;
        if total != 0 {
            reader.consume(total);
            return Some(entry as i32 >> 16);
        }
        let (length, symbol) = long_code(&self.codes, entry, reader)?;
        reader.consume(length);
        Some(reader.signed(u32::from(symbol)))
    }
}

#[inline(always)]
fn long_code(codes: &Canonical, entry: u32, reader: &BitReader<'_>) -> Option<(u32, u8)> {
    if entry == 0 {
        codes.find(reader.peek(16))
    } else {
        Some((entry >> 8 & 0xFF, (entry >> 16) as u8))
    }
}

/// A step through a block of a sequential scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// How many positions it goes on; the value belongs to the last of them. [`END_OF_BLOCK`] at the end.
    pub advance: u32,
    /// The quantised coefficient; 0 when the step ends the block or only skips.
    pub value: i32,
}

/// The look-ups for the AC coefficients of sequential scans.
#[derive(Debug)]
pub(crate) struct AcTable {
    look: Box<[u32; 1 << LOOK_BITS]>,
    /// Low byte: bits consumed by one or several whole symbols with their value bits. High byte: the sum of their
    /// advances. [`LONG_CODE`] where not even the first code is in the index.
    skip: Box<[u16; 1 << SKIP_BITS]>,
    codes: Canonical,
}

impl AcTable {
    pub(crate) fn new(spec: &Spec) -> Self {
        let fronts = Canonical::fronts::<{ 1 << SKIP_BITS }>(spec, SKIP_BITS);
        let mut look = Box::new([0; 1 << LOOK_BITS]);
        for (entry, index) in look.iter_mut().zip(0_u32..) {
            let (length, symbol) = fronts[(index << (SKIP_BITS - LOOK_BITS)) as usize];
            let length = if u32::from(length) > LOOK_BITS {
                0
            } else {
                length
            };
            *entry = look_entry(index, length, symbol, sequential_advance(symbol));
        }
        let mut skip = Box::new([0; 1 << SKIP_BITS]);
        for (entry, index) in skip.iter_mut().zip(0..) {
            *entry = chain(&fronts, index);
        }
        Self {
            look,
            skip,
            codes: Canonical::new(spec),
        }
    }

    /// Decodes one symbol with its value. `None`: no such code.
    #[inline(always)]
    pub(crate) fn step(&self, reader: &mut BitReader<'_>) -> Option<Step> {
        reader.ensure(LOOK_BITS);
        let entry = self.look[reader.peek(LOOK_BITS) as usize];
        let total = entry & 0xFF;
        if total != 0 {
            reader.consume(total);
            return Some(Step {
                advance: entry >> 8 & 0xFF,
                value: entry as i32 >> 16,
            });
        }
        reader.ensure(32);
        let (length, symbol) = long_code(&self.codes, entry, reader)?;
        reader.consume(length);
        Some(Step {
            advance: sequential_advance(symbol),
            value: reader.signed(u32::from(symbol & 15)),
        })
    }

    /// Steps over the coefficients from zigzag position `next`, below 64, to the end of the block, several a look-up.
    /// `None`: no such code, or a run beyond the block.
    #[inline(always)]
    pub(crate) fn skip_block(&self, reader: &mut BitReader<'_>, next: u32) -> Option<()> {
        let mut next = next;
        reader.ensure(SKIP_BITS + 15);
        loop {
            let mut entry = self.skip(reader);
            // A refill is good for two look-ups.
            if next + (entry >> 8) < 64 {
                reader.consume(entry & 0xFF);
                next += entry >> 8;
                reader.refill();
                entry = self.skip(reader);
                if next + (entry >> 8) < 64 {
                    reader.consume(entry & 0xFF);
                    next += entry >> 8;
                    continue;
                }
            }
            let after = next + (entry >> 8);
            if after == 64 || after.wrapping_sub(END_OF_BLOCK) < 64 {
                reader.consume(entry & 0xFF);
                return Some(());
            }
            // The index reaches into the next block, or the code is long: go symbol by symbol.
            next += self.step(reader)?.advance;
            if next >= 64 {
                return (next == 64 || next >= END_OF_BLOCK).then_some(());
            }
            reader.ensure(SKIP_BITS + 15);
        }
    }

    #[inline(always)]
    fn skip(&self, reader: &BitReader<'_>) -> u32 {
        u32::from(self.skip[reader.peek(SKIP_BITS) as usize])
    }
}

/// How far a symbol of a sequential scan goes: the run and the coefficient, 16 zeros, or the end of the block.
fn sequential_advance(symbol: u8) -> u32 {
    match (symbol >> 4, symbol & 15) {
        (15, 0) => 16,
        (_, 0) => END_OF_BLOCK,
        (run, _) => u32::from(run) + 1,
    }
}

/// As many symbols as have their whole code within an index of [`SKIP_BITS`] bits. The value bits of the last one
/// may lie outside, since they are not looked at.
fn chain(fronts: &[(u8, u8); 1 << SKIP_BITS], index: u32) -> u16 {
    let (mut used, mut advance) = (0, 0);
    while used < SKIP_BITS {
        let (length, symbol) = fronts[(index << used & ((1 << SKIP_BITS) - 1)) as usize];
        if length == 0 || used + u32::from(length) > SKIP_BITS {
            break;
        }
        let further = advance + sequential_advance(symbol);
        if (64..END_OF_BLOCK).contains(&further) || further >= END_OF_BLOCK + 64 {
            break;
        }
        advance = further;
        used += u32::from(length) + u32::from(symbol & 15);
        if advance >= END_OF_BLOCK {
            break;
        }
    }
    if used == 0 {
        return LONG_CODE;
    }
    (advance << 8 | used) as u16
}

/// What a symbol of a progressive AC scan says (ITU-T T.81, G.1.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BandStep {
    /// A coefficient after `run` zeros.
    Value { run: u32, value: i32 },
    /// Sixteen zeros.
    Zeros,
    /// The band has ended in this block, and is empty in the `blocks - 1` after it.
    EndOfBand { blocks: u32 },
}

/// The look-up for the AC scans of progressive files, whose symbols also stand for runs of ended blocks.
#[derive(Debug)]
pub(crate) struct BandTable {
    look: Box<[u32; 1 << LOOK_BITS]>,
    codes: Canonical,
}

impl BandTable {
    pub(crate) fn new(spec: &Spec) -> Self {
        let fronts = Canonical::fronts::<{ 1 << LOOK_BITS }>(spec, LOOK_BITS);
        let mut look = Box::new([0; 1 << LOOK_BITS]);
        for ((entry, index), &(length, symbol)) in look.iter_mut().zip(0..).zip(fronts.iter()) {
            let advance = if symbol.trailing_zeros() >= 4 {
                0
            } else {
                u32::from(symbol >> 4) + 1
            };
            *entry = look_entry(index, length, symbol, advance);
        }
        Self {
            look,
            codes: Canonical::new(spec),
        }
    }

    /// Decodes a symbol, and its value if it has one. `None`: no such code.
    #[inline(always)]
    pub(crate) fn step(&self, reader: &mut BitReader<'_>) -> Option<BandStep> {
        reader.ensure(LOOK_BITS);
        let entry = self.look[reader.peek(LOOK_BITS) as usize];
        let total = entry & 0xFF;
        if total != 0 {
            reader.consume(total);
            return Some(BandStep::Value {
                run: (entry >> 8 & 0xFF) - 1,
                value: entry as i32 >> 16,
            });
        }
        reader.ensure(32);
        let (length, symbol) = long_code(&self.codes, entry, reader)?;
        reader.consume(length);
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        Some(match (run, size) {
            (15, 0) => BandStep::Zeros,
            (run, 0) => BandStep::EndOfBand {
                blocks: (1 << run) + reader.take(run),
            },
            (run, size) => BandStep::Value {
                run,
                value: reader.signed(size),
            },
        })
    }
}
