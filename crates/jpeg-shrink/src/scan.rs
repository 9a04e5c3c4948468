//! The scan header (SOS, ITU-T T.81, B.2.3).

use crate::{Error, frame::Frame};

/// A component's part in a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Index of the component in the frame.
    pub component: usize,
    /// Numbers of its Huffman tables, 0 to 3.
    pub dc_table: usize,
    pub ac_table: usize,
}

/// One scan, and where its data begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    pub parts: Vec<Part>,
    /// First and last zigzag position of its band.
    pub first: usize,
    pub last: usize,
    /// Whether it adds one bit to coefficients sent before.
    pub refines: bool,
    /// How far its values are shifted.
    pub shift: u32,
    /// Where its entropy-coded data begin in the file.
    pub data: usize,
}

impl Scan {
    /// Reads a scan header; `data` is where its segment ends. The band of a sequential scan is always everything.
    pub(crate) fn parse(frame: &Frame, body: &[u8], data: usize) -> Result<Self, Error> {
        let short = Error::Corrupt("scan header cut off");
        let (&count, rest) = body.split_first().ok_or(short)?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(short)?;
        if !(1..=4).contains(&count) {
            return Err(Error::Corrupt("number of components in a scan"));
        }
        let mut parts: Vec<Part> = Vec::with_capacity(usize::from(count));
        for &[id, tables] in selectors.as_chunks::<2>().0 {
            let component = frame
                .components
                .iter()
                .enumerate()
                .position(|(index, component)| {
                    component.id == id && parts.iter().all(|part| part.component != index)
                })
                .ok_or(Error::Corrupt(
                    "scan of a component that is not in the frame",
                ))?;
            let (dc_table, ac_table) = (usize::from(tables >> 4), usize::from(tables & 15));
            if dc_table > 3 || ac_table > 3 {
                return Err(Error::Corrupt("Huffman table number"));
            }
            parts.push(Part {
                component,
                dc_table,
                ac_table,
            });
        }
        let mut scan = Self {
            parts,
            first: 0,
            last: 63,
            refines: false,
            shift: 0,
            data,
        };
        if frame.progressive {
            let &[first, last, approximation] = rest.first_chunk::<3>().ok_or(short)?;
            let (high, low) = (approximation >> 4, approximation & 15);
            let band_fits = if first == 0 {
                last == 0
            } else {
                first <= last && last < 64 && scan.parts.len() == 1
            };
            if !band_fits || low > 13 || (high != 0 && high != low + 1) {
                return Err(Error::Corrupt("parameters of a progressive scan"));
            }
            scan.first = usize::from(first);
            scan.last = usize::from(last);
            scan.refines = high != 0;
            scan.shift = u32::from(low);
        }
        Ok(scan)
    }

    /// How many blocks it goes over.
    pub(crate) fn blocks(&self, frame: &Frame) -> u64 {
        match self.parts.as_slice() {
            [part] => frame.components.get(part.component).map_or(0, |component| {
                component.blocks.0 as u64 * component.blocks.1 as u64
            }),
            parts => {
                let per_mcu: usize = parts
                    .iter()
                    .filter_map(|part| frame.components.get(part.component))
                    .map(|component| component.h * component.v)
                    .sum();
                frame.mcus.0 as u64 * frame.mcus.1 as u64 * per_mcu as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(progressive: bool) -> Frame {
        Frame::parse(
            progressive,
            &[8, 0, 20, 0, 20, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0],
        )
        .unwrap()
    }

    #[test]
    fn a_sequential_scan_covers_the_whole_band_whatever_it_says() {
        let scan = Scan::parse(&frame(false), &[2, 3, 0x12, 1, 0x00, 5, 5, 5], 99).unwrap();
        assert_eq!(
            (scan.first, scan.last, scan.refines, scan.data),
            (0, 63, false, 99)
        );
        assert_eq!(scan.parts[0].component, 2);
        assert_eq!((scan.parts[0].dc_table, scan.parts[0].ac_table), (1, 2));
        assert_eq!(scan.blocks(&frame(false)), 2 * 2 * 5);
    }

    #[test]
    fn a_progressive_scan_must_make_sense() {
        let parse =
            |tail: [u8; 3]| Scan::parse(&frame(true), &[1, 1, 0, tail[0], tail[1], tail[2]], 0);
        assert!(parse([0, 0, 0x01]).is_ok());
        assert!(parse([1, 63, 0x21]).unwrap().refines);
        assert_eq!(parse([1, 5, 0x02]).unwrap().blocks(&frame(true)), 9);
        for tail in [[0, 5, 0], [6, 5, 0], [1, 64, 0], [1, 5, 0x0E], [1, 5, 0x31]] {
            assert!(parse(tail).is_err(), "{tail:?}");
        }
        assert!(Scan::parse(&frame(true), &[2, 1, 0, 2, 0, 1, 5, 0], 0).is_err());
        assert!(Scan::parse(&frame(true), &[2, 1, 0, 1, 0, 0, 0, 0], 0).is_err());
    }
}
