//! Which scans a progressive file has.

use crate::component::Component;
use crate::huffman::Table;
use crate::markers;
use crate::progressive::Band;
use crate::sequential;
use crate::symbols::{CHROMA, Codes, Counts, MEANS, OTHERS, Writer};

fn band(first: u32, last: u32, low: u32, refines: bool) -> Band {
    Band {
        first,
        last,
        low,
        refines,
    }
}

pub(crate) fn write(components: &[Component], mut file: Vec<u8>) -> Vec<u8> {
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
    file = sequential::scan::<true, _>(components, Writer::new(file, &codes)).finish();
    let spec = std::env::var("SCRIPT").unwrap_or("0:1-63,0;1:1-63,0;2:1-63,0".into());
    let debug = std::env::var("DEBUG").is_ok();
    for item in spec.split(';') {
        let (c, rest) = item.split_once(':').unwrap();
        let c: usize = c.parse().unwrap();
        let (b, r) = rest.split_once(',').unwrap();
        let (f, l) = b.split_once('-').unwrap();
        let refines = r.ends_with('r');
        let low: u32 = r.trim_end_matches('r').parse().unwrap();
        let band = band(f.parse().unwrap(), l.parse().unwrap(), low, refines);
        let Some(component) = components.get(c) else { continue };
        let mut counts = Counts::new();
        band.scan(component, &mut counts);
        let table = Table::new(&counts.histograms[OTHERS]);
        markers::tables(&mut file, &[(0x10, &table)]);
        let approximation = (if refines { low + 1 } else { 0 }) << 4 | low;
        markers::scan(
            &mut file,
            &[(c as u8, 0x00)],
            [band.first as u8, band.last as u8, approximation as u8],
        );
        let codes = [
            Codes::none(),
            Codes::new(&table),
            Codes::none(),
            Codes::none(),
        ];
        let before = file.len();
        file = band.scan(component, Writer::new(file, &codes)).finish();
        if debug {
            eprintln!("{item}: {} (tables {})", file.len() - before, table.size() + 14);
        }
    }
    file
}
