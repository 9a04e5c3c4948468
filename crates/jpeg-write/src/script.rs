//! Writes the scans of a progressive file: all means, then bands of each component as [`crate::trial`] finds best.

use crate::component::Component;
use crate::huffman::{Histogram, Table, cost, merged};
use crate::progressive::Band;
use crate::symbols::{CHROMA, Codes, Counts, MEANS, OTHERS, Writer};
use crate::{markers, sequential, trial};

/// Bits that may be left to later scans, of brightness and of colours: more gains less than 0.1 %.
const DEEPEST: [u32; 3] = [2, 1, 1];

/// A scan of one component.
#[derive(Debug)]
struct Scan {
    component: usize,
    band: Band,
    histogram: Histogram,
    /// Those without codes.
    bits: u64,
}

/// Appends the scans of `components` to `file`.
pub(crate) fn write(components: &[Component], file: Vec<u8>) -> Vec<u8> {
    let mut scans = Vec::new();
    for (index, (component, deepest)) in components.iter().zip(DEEPEST).enumerate() {
        for band in trial::bands(component, deepest) {
            let mut counts = Counts::new();
            band.scan(component, &mut counts);
            scans.push(Scan {
                component: index,
                band,
                histogram: counts.histograms[OTHERS],
                bits: counts.bits,
            });
        }
    }
    // What shows most comes first: low places before high ones, then bit after bit.
    scans.sort_by_key(|scan| {
        let luma = scan.component == 0;
        let Band { first, low, refines, .. } = scan.band;
        (refines, if refines { 2 - low } else { u32::from(first > 1) }, luma == refines)
    });
    let mut file = write_means(components, file);
    let mut rest = &*scans;
    while let Some(first) = rest.first() {
        // Scans with much the same symbols share a table.
        let mut histogram = first.histogram;
        let mut count = 1;
        for scan in &rest[1..] {
            let both = merged(&histogram, &scan.histogram);
            if size(&both) >= size(&histogram) + size(&scan.histogram) {
                break;
            }
            histogram = both;
            count += 1;
        }
        let table = Table::new(&histogram);
        markers::tables(&mut file, &[(0x10, &table)]);
        let codes = [
            Codes::none(),
            Codes::new(&table),
            Codes::none(),
            Codes::none(),
        ];
        let (group, others) = rest.split_at(count);
        rest = others;
        for scan in group {
            let band = scan.band;
            let approximation = if band.refines {
                (band.low + 1) << 4 | band.low
            } else {
                band.low
            };
            let parameters = [band.first, band.last, approximation].map(|value| value as u8);
            markers::scan(&mut file, &[(scan.component as u8, 0x00)], parameters);
            file.reserve(room(table.bits(&scan.histogram) + scan.bits));
            if let Some(component) = components.get(scan.component) {
                file = band.scan(component, Writer::new(file, &codes)).finish();
            }
        }
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
    let mut counts = Counts::new();
    sequential::scan::<true, _>(components, &mut counts);
    let luma = Table::new(&counts.histograms[MEANS]);
    let chroma = Table::new(&counts.histograms[CHROMA + MEANS]);
    let used = components.len().min(2);
    markers::tables(&mut file, &[(0, &luma), (1, &chroma)][..used]);
    let parts = [(0, 0x00), (1, 0x10), (2, 0x10)];
    markers::scan(&mut file, &parts[..components.len()], [0, 0, 0]);
    let codes = [
        Codes::new(&luma),
        Codes::none(),
        Codes::new(&chroma),
        Codes::none(),
    ];
    sequential::scan::<true, _>(components, Writer::new(file, &codes)).finish()
}
