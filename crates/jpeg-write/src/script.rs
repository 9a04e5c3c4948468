//! Writes the scans of a progressive file: all means, then bands of each component as [`crate::trial`] finds best.

use crate::bits::BitWriter;
use crate::component::Component;
use crate::huffman::{Histogram, Table, cost, merged};
use crate::progressive::Band;
use crate::symbols::{CHROMA, Codes, Counts, MEANS, OTHERS, Tokens};
use crate::{markers, sequential, trial};

/// Bits that may be left to later scans, of brightness and of colours: more gains less than 0.1 %.
const DEEPEST: [u32; 3] = [2, 1, 1];

/// Scans of fewer symbols wait for the next, which may share their table. More gain nothing by it, and would take memory.
const FEW: usize = 1 << 16;

/// A scan of one component, ready to be written.
#[derive(Debug)]
struct Scan {
    component: u8,
    band: Band,
    tokens: Tokens,
}

/// Scans that share a table.
#[derive(Debug)]
struct Group {
    scans: Vec<Scan>,
    histogram: Histogram,
    /// Those without codes.
    bits: u64,
}

impl Group {
    /// The symbols with those of one more scan, where a table for both is smaller than two.
    fn shared(&self, histogram: &Histogram) -> Option<Histogram> {
        let both = merged(&self.histogram, histogram);
        (size(&both) < size(&self.histogram) + size(histogram)).then_some(both)
    }

    fn tokens(&self) -> usize {
        self.scans.iter().map(|scan| scan.tokens.len()).sum()
    }
}

/// Appends the scans of `components` to `file`.
pub(crate) fn write(components: &[Component], file: Vec<u8>) -> Vec<u8> {
    let mut order = Vec::new();
    for ((index, component), deepest) in (0..).zip(components).zip(DEEPEST) {
        let bands = trial::bands(component, deepest);
        order.extend(bands.into_iter().map(|band| (index, component, band)));
    }
    // What shows most comes first: low places before high ones, then bit after bit.
    order.sort_by_key(|&(index, _, band)| {
        let part = if band.refines {
            2 - band.low
        } else {
            u32::from(band.first > 1)
        };
        (band.refines, part, (index == 0) == band.refines)
    });
    let mut file = write_means(components, file);
    let mut waiting: Option<Group> = None;
    for (index, component, band) in order {
        let (mut counts, mut tokens) = (Counts::new(), Tokens::with_room(component));
        band.scan(
            component,
            0..component.high,
            &mut (&mut counts, &mut tokens),
        );
        let histogram = counts.histograms[OTHERS];
        let scan = Scan {
            component: index,
            band,
            tokens,
        };
        let shared = waiting.as_ref().and_then(|group| group.shared(&histogram));
        let group = match (waiting.take(), shared) {
            (Some(mut group), Some(both)) => {
                group.histogram = both;
                group.bits += counts.bits;
                group.scans.push(scan);
                group
            }
            (before, _) => {
                if let Some(before) = before {
                    file = write_group(&before, file);
                }
                Group {
                    scans: vec![scan],
                    histogram,
                    bits: counts.bits,
                }
            }
        };
        if group.tokens() > FEW {
            file = write_group(&group, file);
        } else {
            waiting = Some(group);
        }
    }
    match waiting {
        Some(last) => write_group(&last, file),
        None => file,
    }
}

fn write_group(group: &Group, mut file: Vec<u8>) -> Vec<u8> {
    let table = Table::new(&group.histogram);
    let codes = Codes::new(&[(OTHERS, &table)]);
    markers::tables(&mut file, &[(0x10, &table)]);
    file.reserve(room(table.bits(&group.histogram) + group.bits) + 10 * group.scans.len());
    for scan in &group.scans {
        let band = scan.band;
        let approximation = if band.refines {
            (band.low + 1) << 4 | band.low
        } else {
            band.low
        };
        let parameters = [band.first, band.last, approximation].map(|value| value as u8);
        markers::scan(&mut file, &[(scan.component, 0x00)], parameters);
        let mut bits = BitWriter::new(file);
        scan.tokens.write(&codes, &mut bits);
        file = bits.finish();
    }
    file
}

/// The bits of a scan's codes and its table.
fn size(histogram: &Histogram) -> u64 {
    let symbols = histogram.iter().filter(|&&count| count > 0).count() as u64;
    cost(histogram) + 8 * (21 + symbols)
}

/// Bytes for so many bits, of which some are stuffed.
pub(crate) fn room(bits: u64) -> usize {
    (bits / 8 + bits / 1024) as usize + 64
}

/// One scan with the first coefficient of all blocks of all components. A bit that is left to a later scan is no gain
/// there: differences lose what it costs.
fn write_means(components: &[Component], mut file: Vec<u8>) -> Vec<u8> {
    let counts = sequential::Scan::<true>::new(components).count();
    let luma = Table::new(&counts.histograms[MEANS]);
    let chroma = Table::new(&counts.histograms[CHROMA + MEANS]);
    let used = components.len().min(2);
    markers::tables(&mut file, &[(0, &luma), (1, &chroma)][..used]);
    let parts = [(0, 0x00), (1, 0x10), (2, 0x10)];
    markers::scan(&mut file, &parts[..components.len()], [0, 0, 0]);
    let codes = Codes::new(&[(MEANS, &luma), (CHROMA + MEANS, &chroma)]);
    sequential::Scan::<true>::new(components).write(file, &codes)
}
