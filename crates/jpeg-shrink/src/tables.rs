//! What the segments between scans set: quantisers, Huffman tables, restart interval, and the signs of the colour space.

use crate::{Error, huffman::Spec, markers, standard};

/// Quantisers, in zigzag order. 16 bits each where the file says so (Pq = 1).
pub(crate) type Quantiser = [u16; 64];

/// The tables in force at one place of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub quantisers: [Option<Box<Quantiser>>; 4],
    pub dc: [Option<Spec>; 4],
    pub ac: [Option<Spec>; 4],
    /// MCUs between restart markers; 0 if there are none.
    pub restart_interval: usize,
    pub jfif: bool,
    /// The transform byte of Adobe's APP14 marker.
    pub adobe: Option<u8>,
}

impl Tables {
    /// Takes in a segment; those which mean nothing here are ignored.
    pub(crate) fn apply(&mut self, code: u8, body: &[u8]) -> Result<(), Error> {
        match code {
            markers::DQT => self.quantisers(body),
            markers::DHT => self.huffman(body),
            markers::DRI => {
                let interval = body
                    .first_chunk()
                    .ok_or(Error::Corrupt("restart interval cut off"))?;
                self.restart_interval = usize::from(u16::from_be_bytes(*interval));
                Ok(())
            }
            markers::APP0 => {
                self.jfif |= body.starts_with(b"JFIF\0") && body.len() >= 14;
                Ok(())
            }
            markers::APP14 => {
                if let (true, Some(&transform)) = (body.starts_with(b"Adobe"), body.get(11)) {
                    self.adobe = Some(transform);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Puts the tables of Annex K where a sequential file has none at its first scan, as libjpeg does: Motion JPEG leaves
    /// them out.
    pub(crate) fn complete(&mut self) {
        for (number, table) in self.dc.iter_mut().enumerate() {
            if table.is_none() {
                *table = standard::dc(number);
            }
        }
        for (number, table) in self.ac.iter_mut().enumerate() {
            if table.is_none() {
                *table = standard::ac(number);
            }
        }
    }

    fn quantisers(&mut self, mut body: &[u8]) -> Result<(), Error> {
        let short = Error::Corrupt("quantisation table cut off");
        while let Some((&selector, rest)) = body.split_first() {
            let mut table = Box::new([0; 64]);
            body = match selector >> 4 {
                0 => {
                    let (values, rest) = rest.split_first_chunk::<64>().ok_or(short)?;
                    *table = values.map(u16::from);
                    rest
                }
                1 => {
                    let (values, rest) = rest.split_first_chunk::<128>().ok_or(short)?;
                    for (to, &from) in table.iter_mut().zip(values.as_chunks().0) {
                        *to = u16::from_be_bytes(from);
                    }
                    rest
                }
                _ => return Err(Error::Corrupt("quantisation table precision")),
            };
            *self
                .quantisers
                .get_mut(usize::from(selector & 15))
                .ok_or(Error::Corrupt("quantisation table number"))? = Some(table);
        }
        Ok(())
    }

    fn huffman(&mut self, mut body: &[u8]) -> Result<(), Error> {
        while let Some((&selector, rest)) = body.split_first() {
            body = rest;
            let spec = Spec::parse(&mut body)?;
            let tables = match selector >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(Error::Corrupt("Huffman table class")),
            };
            *tables
                .get_mut(usize::from(selector & 15))
                .ok_or(Error::Corrupt("Huffman table number"))? = Some(spec);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_segment_may_set_several_quantisers_of_either_precision() {
        let mut body = vec![0x01];
        body.extend([7; 64]);
        body.push(0x12);
        body.extend([1, 2].repeat(64));
        let mut tables = Tables::default();
        tables.apply(markers::DQT, &body).unwrap();
        assert_eq!(tables.quantisers[1].as_deref(), Some(&[7; 64]));
        assert_eq!(tables.quantisers[2].as_deref(), Some(&[0x102; 64]));
        assert!(tables.apply(markers::DQT, &body[..100]).is_err());
        assert!(tables.apply(markers::DQT, &[0x04; 65]).is_err());
        assert!(tables.apply(markers::DQT, &[0x20; 65]).is_err());
    }

    #[test]
    fn adobe_and_jfif_are_known_by_their_names() {
        let mut tables = Tables::default();
        tables.apply(markers::APP0, b"JFXX\0").unwrap();
        tables
            .apply(markers::APP14, b"Adobe\0\x64\0\0\0\0")
            .unwrap();
        assert_eq!((tables.jfif, tables.adobe), (false, None));
        // As libjpeg, which takes no shorter one for JFIF's.
        tables.apply(markers::APP0, b"JFIF\0\x01\x02").unwrap();
        assert!(!tables.jfif);
        tables
            .apply(markers::APP0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0")
            .unwrap();
        tables
            .apply(markers::APP14, b"Adobe\0\x64\0\0\0\0\x02")
            .unwrap();
        assert_eq!((tables.jfif, tables.adobe), (true, Some(2)));
    }
}
