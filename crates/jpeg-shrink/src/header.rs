//! From the start of a file to its first scan: everything that can be known before entropy-coded data are read.

use crate::{
    Error, Limits, Unsupported,
    frame::{self, Frame},
    markers::{self, Markers},
    scan::Scan,
    tables::Tables,
};

/// What the components of a file stand for, as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colour {
    /// One component.
    Grey,
    /// Luma and chroma of BT.601 in full range, as JFIF has it.
    YCbCr,
    /// Red, green and blue themselves.
    Rgb,
    /// Four inks.
    Cmyk,
    /// Four inks, of which the first three are stored as luma and chroma.
    Ycck,
}

/// What a file says about itself before its first scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Width in pixels, 1 to 65,535.
    pub width: u32,
    /// Height in pixels, 1 to 65,535.
    pub height: u32,
    /// 1, 3 or 4.
    pub components: u8,
    /// Whether the file is progressive (SOF2), otherwise it is sequential.
    pub progressive: bool,
    /// What the components stand for.
    pub colour: Colour,
    /// Whether the file has Adobe's APP14 marker.
    pub adobe: bool,
    /// Whether some component has fewer samples than another (4:2:0 and the like).
    pub subsampled: bool,
}

/// Reads the header of a file, and no picture data.
///
/// A height of 0 in the frame header means that a DNL marker behind the first scan tells it (ITU-T T.81, B.2.5). The
/// scan is passed over for that, as fast as memory is read; a file without the marker is [`Error::Corrupt`].
pub fn read_header(jpeg: &[u8], limits: &Limits) -> Result<Header, Error> {
    let opening = Opening::read(jpeg, limits)?;
    Ok(opening.header())
}

/// A file read up to its first scan header.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    /// Behind the first scan header.
    pub markers: Markers<'a>,
    pub tables: Tables,
    pub frame: Frame,
    pub scan: Scan,
}

impl<'a> Opening<'a> {
    pub(crate) fn read(jpeg: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut markers = Markers::new(jpeg).ok_or(Error::NotJpeg)?;
        let mut tables = Tables::default();
        let mut frame: Option<Frame> = None;
        let scan = loop {
            let segment = markers.next_segment().ok_or(Error::NoPicture)?;
            if let Some(process) = frame::process(segment.code) {
                if frame.is_some() {
                    return Err(Error::Corrupt("second frame header"));
                }
                let progressive = process.map_err(Error::Unsupported)?;
                let parsed = Frame::parse(progressive, segment.body)?;
                limits.check_size(parsed.width, parsed.height)?;
                frame = Some(parsed);
                continue;
            }
            match segment.code {
                markers::SOS => {
                    let frame = frame
                        .as_ref()
                        .ok_or(Error::Corrupt("scan before the frame header"))?;
                    break Scan::parse(frame, segment.body, segment.end)?;
                }
                markers::EOI => return Err(Error::NoPicture),
                markers::DAC => return Err(Error::Unsupported(Unsupported::Arithmetic)),
                markers::DHP | markers::EXP => {
                    return Err(Error::Unsupported(Unsupported::Hierarchical));
                }
                code => tables.apply(code, segment.body)?,
            }
        };
        let mut frame = frame.ok_or(Error::NoPicture)?;
        if frame.height == 0 {
            frame.set_height(height_behind(jpeg, scan.data)?);
            limits.check_size(frame.width, frame.height)?;
        }
        Ok(Self {
            markers,
            tables,
            frame,
            scan,
        })
    }

    pub(crate) fn header(&self) -> Header {
        let frame = &self.frame;
        Header {
            width: frame.width,
            height: frame.height,
            components: frame.components.len() as u8,
            progressive: frame.progressive,
            colour: frame.colour(self.tables.jfif, self.tables.adobe),
            adobe: self.tables.adobe.is_some(),
            subsampled: frame
                .components
                .iter()
                .any(|component| (component.h, component.v) != (frame.h_max, frame.v_max)),
        }
    }
}

/// The height told by the DNL marker behind the scan data at `data`.
fn height_behind(jpeg: &[u8], data: usize) -> Result<u32, Error> {
    let mut markers = Markers::new(jpeg).ok_or(Error::NotJpeg)?;
    markers.seek(markers::end_of_scan(jpeg, data));
    match markers.next_segment() {
        Some(segment) if segment.code == markers::DNL => {
            let lines = segment
                .body
                .first_chunk()
                .copied()
                .map_or(0, u16::from_be_bytes);
            if lines == 0 {
                return Err(Error::Corrupt("no height in DNL"));
            }
            Ok(u32::from(lines))
        }
        _ => Err(Error::Corrupt("no height")),
    }
}
