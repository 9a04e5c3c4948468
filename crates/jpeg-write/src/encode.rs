//! The whole way: checks, coefficients, scans.

use crate::error::Error;
use crate::huffman::Table;
use crate::options::{Options, Pixels};
use crate::quantise::Quantisers;
use crate::script::room;
use crate::symbols::{CHROMA, Codes, MEANS, OTHERS};
use crate::{markers, picture, script, sequential};

/// Writes a JPEG file. The same input gives the same bytes, on every machine.
///
/// # Errors
/// If a side, the number of bytes or the quality is not what it can be.
pub fn encode(
    pixels: Pixels<'_>,
    width: u32,
    height: u32,
    options: &Options,
) -> Result<Vec<u8>, Error> {
    let size = Error::Size { width, height };
    let columns = u16::try_from(width).map_err(|_| size)?;
    let rows = u16::try_from(height).map_err(|_| size)?;
    if columns == 0 || rows == 0 {
        return Err(size);
    }
    if !(1..=100).contains(&options.quality) {
        return Err(Error::Quality(options.quality));
    }
    let (bytes, channels) = pixels.parts();
    let expected = u64::from(width) * u64::from(height) * channels as u64;
    if bytes.len() as u64 != expected {
        return Err(Error::Length {
            expected,
            actual: bytes.len(),
        });
    }
    let luma = Quantisers::luma(options.quality);
    let chroma = Quantisers::chroma(options.quality);
    let sides = (usize::from(columns), usize::from(rows));
    let components = picture::components(pixels, sides, options.subsampling, &luma, &chroma);

    let mut file = Vec::new();
    markers::start(&mut file);
    markers::quantisers(&mut file, &[&luma, &chroma][..components.len().min(2)]);
    markers::frame(&mut file, (columns, rows), options.progressive, &components);
    if options.progressive {
        file = script::write(&components, file);
    } else {
        let counts = sequential::Scan::<false>::new(&components).count();
        let all = counts.histograms.each_ref().map(Table::new);
        let [means, others, chroma_means, chroma_others] = &all;
        let tables = [
            (0x00, means),
            (0x10, others),
            (0x01, chroma_means),
            (0x11, chroma_others),
        ];
        let used = if components.len() == 1 { 2 } else { 4 };
        markers::tables(&mut file, &tables[..used]);
        let parts = [(0, 0x00), (1, 0x11), (2, 0x11)];
        markers::scan(&mut file, &parts[..components.len()], [0, 63, 0]);
        let bits = all.iter().zip(&counts.histograms);
        let bits: u64 = bits.map(|(table, histogram)| table.bits(histogram)).sum();
        file.reserve(room(bits + counts.bits));
        let codes = Codes::new(&[
            (MEANS, means),
            (OTHERS, others),
            (CHROMA + MEANS, chroma_means),
            (CHROMA + OTHERS, chroma_others),
        ]);
        file = sequential::Scan::<false>::new(&components).write(file, &codes);
    }
    markers::end(&mut file);
    Ok(file)
}
