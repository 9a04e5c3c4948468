//! The frame header (SOF, ITU-T T.81, B.2.2) and the geometry that follows from it.

use crate::{Error, Unsupported, header::Colour};

/// One component as the frame header declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    pub id: u8,
    /// Horizontal and vertical sampling factor, 1 to 4.
    pub h: usize,
    pub v: usize,
    /// Which of the four quantisation tables it uses.
    pub quantiser: usize,
    /// Its blocks in each direction, as a scan of this component alone has them.
    pub blocks: (usize, usize),
}

/// The frame header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub width: u32,
    /// 0 until a DNL marker tells it.
    pub height: u32,
    pub progressive: bool,
    pub components: Vec<Component>,
    /// The greatest sampling factors.
    pub h_max: usize,
    pub v_max: usize,
    /// MCUs in each direction, as a scan of several components has them.
    pub mcus: (usize, usize),
}

/// What the SOF marker `code` says about the kind of JPEG: whether it is progressive. `None`: not an SOF marker.
pub(crate) fn process(code: u8) -> Option<Result<bool, Unsupported>> {
    Some(match code {
        0xC0 | 0xC1 => Ok(false),
        0xC2 => Ok(true),
        0xC3 | 0xF7 => Err(Unsupported::Lossless),
        0xC5..=0xC7 => Err(Unsupported::Hierarchical),
        0xC9..=0xCB | 0xCD..=0xCF => Err(Unsupported::Arithmetic),
        _ => return None,
    })
}

impl Frame {
    pub(crate) fn parse(progressive: bool, body: &[u8]) -> Result<Self, Error> {
        let short = Error::Corrupt("frame header cut off");
        let (&[precision, y1, y0, x1, x0, count], rest) =
            body.split_first_chunk::<6>().ok_or(short)?;
        if precision != 8 {
            return Err(Error::Unsupported(Unsupported::Precision(precision)));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(Error::Unsupported(Unsupported::Components(count)));
        }
        let width = u32::from(u16::from_be_bytes([x1, x0]));
        if width == 0 {
            return Err(Error::Corrupt("no width"));
        }
        let mut components = Vec::with_capacity(usize::from(count));
        for fields in rest.as_chunks::<3>().0.iter().take(usize::from(count)) {
            let &[id, sampling, quantiser] = fields;
            let (h, v) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err(Error::Corrupt("sampling factor"));
            }
            if quantiser > 3 {
                return Err(Error::Corrupt("quantisation table number"));
            }
            // A picture of one component has no other to be sampled against, and is never interleaved.
            let (h, v) = if count == 1 { (1, 1) } else { (h, v) };
            components.push(Component {
                id,
                h,
                v,
                quantiser: usize::from(quantiser),
                blocks: (0, 0),
            });
        }
        if components.len() < usize::from(count) {
            return Err(short);
        }
        let mut frame = Self {
            width,
            height: 0,
            progressive,
            h_max: components
                .iter()
                .map(|component| component.h)
                .max()
                .unwrap_or(1),
            v_max: components
                .iter()
                .map(|component| component.v)
                .max()
                .unwrap_or(1),
            components,
            mcus: (0, 0),
        };
        frame.set_height(u32::from(u16::from_be_bytes([y1, y0])));
        Ok(frame)
    }

    /// Sets the height, from the frame header or from DNL, and what follows from it.
    pub(crate) fn set_height(&mut self, height: u32) {
        self.height = height;
        let (width, height) = (self.width as usize, height as usize);
        self.mcus = (
            width.div_ceil(8 * self.h_max),
            height.div_ceil(8 * self.v_max),
        );
        for component in &mut self.components {
            component.blocks = (
                (width * component.h).div_ceil(8 * self.h_max),
                (height * component.v).div_ceil(8 * self.v_max),
            );
        }
    }

    /// All blocks of all components, as interleaved scans have them.
    pub(crate) fn total_blocks(&self) -> u64 {
        let per_mcu: usize = self
            .components
            .iter()
            .map(|component| component.h * component.v)
            .sum();
        self.mcus.0 as u64 * self.mcus.1 as u64 * per_mcu as u64
    }

    /// What the components stand for, decided as libjpeg does: JFIF means YCbCr, then Adobe's marker, then the
    /// component identifiers.
    pub(crate) fn colour(&self, jfif: bool, adobe_transform: Option<u8>) -> Colour {
        match (self.components.as_slice(), adobe_transform) {
            ([_], _) => Colour::Grey,
            ([_, _, _, _], None | Some(0)) => Colour::Cmyk,
            ([_, _, _, _], Some(_)) => Colour::Ycck,
            _ if jfif => Colour::YCbCr,
            (_, Some(0)) => Colour::Rgb,
            ([r, g, b], None) if [r.id, g.id, b.id] == *b"RGB" => Colour::Rgb,
            _ => Colour::YCbCr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(ids: &[u8], sampling: &[u8]) -> Vec<u8> {
        let mut body = vec![8, 0, 33, 0, 50, ids.len() as u8];
        for (&id, &factors) in ids.iter().zip(sampling) {
            body.extend([id, factors, 0]);
        }
        body
    }

    #[test]
    fn blocks_and_mcus_follow_from_size_and_sampling() {
        let frame = Frame::parse(false, &body(&[1, 2, 3], &[0x22, 0x11, 0x12])).unwrap();
        assert_eq!((frame.width, frame.height), (50, 33));
        assert_eq!(frame.mcus, (4, 3));
        let blocks: Vec<_> = frame
            .components
            .iter()
            .map(|component| component.blocks)
            .collect();
        assert_eq!(blocks, [(7, 5), (4, 3), (4, 5)]);
        assert_eq!(frame.total_blocks(), 12 * 7);
    }

    #[test]
    fn a_single_component_is_not_sampled_against_anything() {
        let frame = Frame::parse(false, &body(&[1], &[0x42])).unwrap();
        assert_eq!((frame.h_max, frame.v_max, frame.mcus), (1, 1, (7, 5)));
    }

    #[test]
    fn frames_that_cannot_be_are_refused() {
        for (index, value) in [
            (0, 12),
            (3, 0),
            (5, 2),
            (5, 0),
            (7, 0x51),
            (7, 0x10),
            (8, 4),
        ] {
            let mut bad = body(&[1, 2, 3], &[0x11; 3]);
            bad[index] = value;
            if index == 3 {
                bad[4] = 0;
            }
            assert!(Frame::parse(false, &bad).is_err(), "{index}");
        }
        let cut = body(&[1, 2, 3], &[0x11; 3]);
        for length in 0..cut.len() {
            assert!(Frame::parse(false, &cut[..length]).is_err());
        }
    }

    #[test]
    fn colour_is_decided_as_libjpeg_does() {
        let table = [
            (&[1][..], false, None, Colour::Grey),
            (&[1, 2, 3], false, None, Colour::YCbCr),
            (&[82, 71, 66], false, None, Colour::Rgb),
            (&[82, 71, 66], true, None, Colour::YCbCr),
            (&[1, 2, 3], false, Some(0), Colour::Rgb),
            (&[1, 2, 3], true, Some(0), Colour::YCbCr),
            (&[82, 71, 66], false, Some(1), Colour::YCbCr),
            (&[1, 2, 3, 4], false, None, Colour::Cmyk),
            (&[1, 2, 3, 4], true, Some(0), Colour::Cmyk),
            (&[1, 2, 3, 4], false, Some(2), Colour::Ycck),
        ];
        for (ids, jfif, adobe, expected) in table {
            let frame = Frame::parse(false, &body(ids, &[0x11; 4])).unwrap();
            assert_eq!(
                frame.colour(jfif, adobe),
                expected,
                "{ids:?} {jfif} {adobe:?}"
            );
        }
    }
}
