//! The segments between which the scans lie (T.81, annex B).

use crate::component::Component;
use crate::huffman::Table;
use crate::quantise::Quantisers;
use crate::zigzag::NATURAL;

/// Start of image, and the header of JFIF 1.01 without a density or thumbnail.
pub(crate) fn start(file: &mut Vec<u8>) {
    file.extend(b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
}

/// DQT, with one table after the other.
pub(crate) fn quantisers(file: &mut Vec<u8>, tables: &[&Quantisers]) {
    segment(file, 0xDB, 65 * tables.len());
    for (index, table) in (0..).zip(tables) {
        file.push(index);
        file.extend(NATURAL.map(|at| table.steps[usize::from(at) & 63]));
    }
}

/// SOF0 or SOF2.
pub(crate) fn frame(
    file: &mut Vec<u8>,
    (width, height): (u16, u16),
    progressive: bool,
    components: &[Component],
) {
    segment(
        file,
        if progressive { 0xC2 } else { 0xC0 },
        6 + 3 * components.len(),
    );
    file.push(8);
    file.extend(height.to_be_bytes());
    file.extend(width.to_be_bytes());
    file.push(components.len() as u8);
    for (index, component) in (0..).zip(components) {
        let factor = component.factor as u8;
        file.extend([index + 1, factor << 4 | factor, index.min(1)]);
    }
}

/// DHT. With each table its class, in the upper four bits, and number.
pub(crate) fn tables(file: &mut Vec<u8>, tables: &[(u8, &Table)]) {
    let size = tables.iter().map(|(_, table)| table.size()).sum();
    segment(file, 0xC4, size);
    for (number, table) in tables {
        file.push(*number);
        file.extend(table.counts);
        file.extend(&table.symbols);
    }
}

/// SOS. `components` are their indices with the numbers of their tables, that of means in the upper four bits; `band`
/// the first and last place, and the bits that were there before and are not written yet, in four each.
pub(crate) fn scan(file: &mut Vec<u8>, components: &[(u8, u8)], band: [u8; 3]) {
    segment(file, 0xDA, 4 + 2 * components.len());
    file.push(components.len() as u8);
    for &(index, tables) in components {
        file.extend([index + 1, tables]);
    }
    file.extend(band);
}

/// End of image.
pub(crate) fn end(file: &mut Vec<u8>) {
    file.extend([0xFF, 0xD9]);
}

/// A marker and the length of what follows, which is `size` without its own two bytes.
fn segment(file: &mut Vec<u8>, marker: u8, size: usize) {
    file.extend([0xFF, marker]);
    file.extend(((size + 2) as u16).to_be_bytes());
}
