//! The whole way: checks, coefficients, scans.

use crate::error::Error;
use crate::huffman::Table;
use crate::options::{Options, Pixels};
use crate::quantise::Quantisers;
use crate::symbols::{CHROMA, Codes, Counts, MEANS, OTHERS, Writer};
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
        let mut counts = Counts::new();
        sequential::scan::<false, _>(&components, &mut counts);
        let numbers = [
            (MEANS, 0x00),
            (OTHERS, 0x10),
            (CHROMA + MEANS, 0x01),
            (CHROMA + OTHERS, 0x11),
        ];
        let used = if components.len() == 1 { 2 } else { 4 };
        let all = counts.histograms.each_ref().map(Table::new);
        let tables: Vec<_> = numbers[..used]
            .iter()
            .map(|&(index, number)| (number, &all[index]))
            .collect();
        markers::tables(&mut file, &tables);
        let parts = [(0, 0x00), (1, 0x11), (2, 0x11)];
        markers::scan(&mut file, &parts[..components.len()], [0, 63, 0]);
        let codes = all.each_ref().map(Codes::new);
        file = sequential::scan::<false, _>(&components, Writer::new(file, &codes)).finish();
    }
    markers::end(&mut file);
    Ok(file)
}
