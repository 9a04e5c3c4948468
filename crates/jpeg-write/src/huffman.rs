//! Huffman tables made for a scan (T.81, annex K.2).

/// How often each symbol occurs.
pub(crate) type Histogram = [u64; 256];

/// A table as the file has it: the number of codes of each length from 1 to 16, and their symbols in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub counts: [u8; 16],
    pub symbols: Vec<u8>,
}

impl Table {
    /// The best table for these symbols, or nearly so where codes above 16 bits had to be shortened.
    pub(crate) fn new(histogram: &Histogram) -> Self {
        let mut leaves: Vec<(u64, u8)> = (0..=255)
            .zip(histogram)
            .filter(|&(_, &count)| count > 0)
            .map(|(symbol, &count)| (count, symbol))
            .collect();
        if leaves.is_empty() {
            leaves.push((1, 0));
        }
        leaves.sort_unstable();
        let counts = shorten(&lengths(&leaves));
        Self {
            counts,
            symbols: leaves.iter().rev().map(|&(_, symbol)| symbol).collect(),
        }
    }

    /// Bytes in the file, less those of the segment around tables.
    pub(crate) fn size(&self) -> usize {
        17 + self.symbols.len()
    }

    /// Each symbol's length and code, in the order of [`Table::symbols`].
    pub(crate) fn codes(&self) -> impl Iterator<Item = (u8, u8, u16)> {
        let mut code = 0_u16;
        let mut before = 1;
        let lengths = (1..=16).zip(self.counts);
        let lengths = lengths.flat_map(|(length, count)| (0..count).map(move |_| length));
        self.symbols
            .iter()
            .zip(lengths)
            .map(move |(&symbol, length)| {
                code <<= length - before;
                before = length;
                let this = code;
                code = code.wrapping_add(1);
                (symbol, length, this)
            })
    }

    /// The bits of all codes for symbols that occur so often.
    pub(crate) fn bits(&self, histogram: &Histogram) -> u64 {
        self.codes()
            .map(|(symbol, length, _)| u64::from(length) * histogram[usize::from(symbol)])
            .sum()
    }
}

/// The bits of all symbols in their shortest codes. Those of a [`Table`] are a few more.
pub(crate) fn cost(histogram: &Histogram) -> u64 {
    let mut leaves: Vec<u64> = histogram
        .iter()
        .copied()
        .filter(|&count| count > 0)
        .collect();
    leaves.push(1);
    leaves.sort_unstable();
    // Each node of the tree adds a bit to all that is below.
    let mut nodes = Vec::with_capacity(leaves.len());
    let (mut leaf, mut node, mut bits) = (0, 0, 0);
    for _ in 1..leaves.len() {
        let mut sum = 0;
        for _ in 0..2 {
            let of_leaf = leaves.get(leaf).copied().unwrap_or(u64::MAX);
            let of_node = nodes.get(node).copied().unwrap_or(u64::MAX);
            if of_leaf <= of_node {
                leaf += 1;
                sum += of_leaf;
            } else {
                node += 1;
                sum += of_node;
            }
        }
        nodes.push(sum);
        bits += sum;
    }
    bits
}

/// The symbols of both.
pub(crate) fn merged(one: &Histogram, other: &Histogram) -> Histogram {
    std::array::from_fn(|symbol| one[symbol] + other[symbol])
}

/// How many codes of each length a tree for `leaves`, which are sorted, has. A leaf that occurs least is added: its
/// code, in the end that of ones only, is not to be used (T.81, K.2).
fn lengths(leaves: &[(u64, u8)]) -> [u16; 256] {
    // Nodes are made in the order of their counts, so that the next is always at the front of one of two queues.
    let count = leaves.len() + 1;
    let weights: Vec<u64> = std::iter::once(1)
        .chain(leaves.iter().map(|&(count, _)| count))
        .collect();
    let mut nodes: Vec<u64> = Vec::with_capacity(count);
    // Of each leaf, then each node, the node above.
    let mut parents = vec![0_usize; 2 * count];
    let (mut leaf, mut node) = (0, 0);
    while nodes.len() + 1 < count {
        let mut sum = 0;
        for _ in 0..2 {
            let of_leaf = weights.get(leaf).copied().unwrap_or(u64::MAX);
            let of_node = nodes.get(node).copied().unwrap_or(u64::MAX);
            let (weight, from) = if of_leaf <= of_node {
                leaf += 1;
                (of_leaf, leaf - 1)
            } else {
                node += 1;
                (of_node, count + node - 1)
            };
            sum += weight;
            parents[from] = nodes.len();
        }
        nodes.push(sum);
    }
    let mut counts = [0; 256];
    let mut depths = vec![0_u8; nodes.len()];
    for node in (0..nodes.len().saturating_sub(1)).rev() {
        depths[node] = depths[parents[count + node]].saturating_add(1);
    }
    for &parent in &parents[..count] {
        let depth = depths[parent].saturating_add(1);
        counts[usize::from(depth)] += 1;
    }
    counts
}

/// Makes codes of more than 16 bits shorter (T.81, figure K.3), and takes the one away that is not to be used.
fn shorten(counts: &[u16; 256]) -> [u8; 16] {
    let mut counts = *counts;
    for length in (17..256).rev() {
        while counts[length] > 0 {
            // Two siblings are gone: one takes their parent's place, the other goes below a shorter leaf.
            let Some(shorter) = (1..length - 1).rev().find(|&shorter| counts[shorter] > 0) else {
                break;
            };
            counts[length] -= 2;
            counts[length - 1] += 1;
            counts[shorter + 1] += 2;
            counts[shorter] -= 1;
        }
    }
    if let Some(longest) = (1..=16).rev().find(|&length| counts[length] > 0) {
        counts[longest] -= 1;
    }
    std::array::from_fn(|index| counts[index + 1] as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that codes are a prefix code which leaves the one of ones out, and returns each symbol's length.
    fn checked(histogram: &Histogram) -> [u8; 256] {
        let table = Table::new(histogram);
        let mut lengths = [0; 256];
        let mut room = 0_u32;
        for (symbol, length, code) in table.codes() {
            assert!((1..=16).contains(&length));
            assert!(u32::from(code) < (1 << length) - 1, "{code:b} in {length}");
            room += 1 << (16 - length);
            lengths[usize::from(symbol)] = length;
        }
        assert!(room < 1 << 16);
        for (length, &count) in lengths.iter().zip(histogram) {
            assert_eq!(*length > 0, count > 0);
        }
        lengths
    }

    #[test]
    fn frequent_symbols_have_short_codes() {
        let mut histogram = [0; 256];
        histogram[3] = 8;
        histogram[200] = 4;
        histogram[7] = 2;
        let lengths = checked(&histogram);
        assert_eq!((lengths[3], lengths[200], lengths[7]), (1, 2, 3));
    }

    #[test]
    fn one_symbol_alone_and_all_alike_have_codes() {
        let mut histogram = [0; 256];
        histogram[9] = 1;
        assert_eq!(checked(&histogram)[9], 1);
        assert!(checked(&[1; 256]).iter().all(|&length| length <= 9));
        assert_eq!(Table::new(&[0; 256]).symbols, [0]);
    }

    #[test]
    fn long_codes_are_shortened() {
        let mut histogram = [0; 256];
        let (mut last, mut next) = (1, 1);
        for count in histogram.iter_mut().take(60) {
            *count = last;
            (last, next) = (next, last + next);
        }
        checked(&histogram);
        let mut histogram = [0; 256];
        for (index, count) in histogram.iter_mut().enumerate() {
            *count = 1 << (index / 5).min(55);
        }
        checked(&histogram);
    }
}
