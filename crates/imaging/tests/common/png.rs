//! PNGs written sample by sample, of every kind that there is, and what they must show.

use std::io::Write;

/// A PNG to be written.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub colour: u8,
    pub depth: u8,
    pub interlaced: bool,
    /// With a `tRNS` chunk.
    pub transparent: bool,
}

impl Kind {
    /// All that are legal.
    pub fn all() -> Vec<Self> {
        let mut kinds = Vec::new();
        for (colour, depths, may_be_transparent) in [
            (0, &[1, 2, 4, 8, 16][..], true),
            (2, &[8, 16], true),
            (3, &[1, 2, 4, 8], true),
            (4, &[8, 16], false),
            (6, &[8, 16], false),
        ] {
            for &depth in depths {
                for interlaced in [false, true] {
                    for transparent in [false, true] {
                        if !transparent || may_be_transparent {
                            kinds.push(Self {
                                colour,
                                depth,
                                interlaced,
                                transparent,
                            });
                        }
                    }
                }
            }
        }
        kinds
    }

    fn samples(self) -> usize {
        [1, 0, 3, 1, 2, 0, 4][usize::from(self.colour)]
    }

    pub fn has_alpha(self) -> bool {
        self.transparent || self.colour >= 4
    }

    /// A sample of the picture: shades with some edges, so that every filter has something to do.
    pub fn sample(self, x: u32, y: u32, channel: usize) -> u16 {
        let most = u32::from(u16::MAX >> (16 - self.depth));
        let edge = if (x / 5 + y / 3).is_multiple_of(2) {
            most / 3
        } else {
            0
        };
        let shade = (x * 7 + y * 13 + x * y) * (channel as u32 + 1) * (most / 255).max(1);
        ((shade + edge + channel as u32 * 3) % (most + 1)) as u16
    }

    /// The transparent colour is that of the pixel at 2, 1.
    fn key(self) -> Vec<u16> {
        (0..self.samples()).map(|c| self.sample(2, 1, c)).collect()
    }

    fn palette(self) -> Vec<[u8; 4]> {
        (0..1_u32 << self.depth)
            .map(|n| {
                let alpha = if self.transparent {
                    (n * 37) as u8
                } else {
                    255
                };
                [(n * 101) as u8, (n * 7) as u8, 255 - n as u8, alpha]
            })
            .collect()
    }

    /// The pixel that must be seen, 16 bits rounded to 8.
    pub fn pixel(self, x: u32, y: u32) -> [u8; 4] {
        let stored: Vec<u16> = (0..self.samples()).map(|c| self.sample(x, y, c)).collect();
        let most = f64::from(u16::MAX >> (16 - self.depth));
        let byte = |sample: u16| (f64::from(sample) * 255.0 / most).round() as u8;
        let alpha = if self.transparent && stored == self.key() {
            0
        } else {
            255
        };
        let bytes: Vec<u8> = stored.iter().map(|sample| byte(*sample)).collect();
        let pixel = match (self.colour, &bytes[..]) {
            (3, _) => self.palette()[usize::from(stored[0])],
            (_, &[grey]) => [grey, grey, grey, alpha],
            (_, &[grey, alpha]) => [grey, grey, grey, alpha],
            (_, &[red, green, blue]) => [red, green, blue, alpha],
            (_, bytes) => bytes.try_into().unwrap(),
        };
        if pixel[3] == 0 { [0; 4] } else { pixel }
    }

    fn row(self, xs: &[u32], y: u32) -> Vec<u8> {
        let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
        for &x in xs {
            for channel in 0..self.samples() {
                held = held << self.depth | u32::from(self.sample(x, y, channel));
                bits += u32::from(self.depth);
                while bits >= 8 {
                    bytes.push((held >> (bits - 8)) as u8);
                    bits -= 8;
                    held &= (1 << bits) - 1;
                }
            }
        }
        if bits > 0 {
            bytes.push((held << (8 - bits)) as u8);
        }
        bytes
    }

    /// The rows with their filters, each filter in its turn, not yet compressed.
    pub fn filtered(self, width: u32, height: u32) -> Vec<u8> {
        const PASSES: [(usize, usize, usize, usize); 7] = [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ];
        let passes: &[_] = if self.interlaced {
            &PASSES
        } else {
            &[(0, 0, 1, 1)]
        };
        let step = (self.samples() * usize::from(self.depth) / 8).max(1);
        let mut out = Vec::new();
        let mut turn = 0;
        for &(left, top, across, down) in passes {
            let xs: Vec<u32> = (0..width).skip(left).step_by(across).collect();
            if xs.is_empty() {
                continue;
            }
            let mut above = Vec::new();
            for y in (0..height).skip(top).step_by(down) {
                let row = self.row(&xs, y);
                above.resize(row.len(), 0);
                let filter = turn % 5;
                turn += 1;
                out.push(filter);
                for at in 0..row.len() {
                    let left = if at >= step { row[at - step] } else { 0 };
                    let corner = if at >= step { above[at - step] } else { 0 };
                    let (a, b, c) = (i32::from(left), i32::from(above[at]), i32::from(corner));
                    let predicted = match filter {
                        0 => 0,
                        1 => a,
                        2 => b,
                        3 => a.midpoint(b),
                        _ => {
                            let p = a + b - c;
                            let (pa, pb, pc) = ((p - a).abs(), (p - b).abs(), (p - c).abs());
                            if pa <= pb && pa <= pc {
                                a
                            } else if pb <= pc {
                                b
                            } else {
                                c
                            }
                        }
                    };
                    out.push(row[at].wrapping_sub(predicted as u8));
                }
                above = row;
            }
        }
        out
    }

    /// The chunks before the pixels.
    pub fn head(self, width: u32, height: u32) -> Vec<u8> {
        let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
        header.extend([self.depth, self.colour, 0, 0, self.interlaced.into()]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend(chunk(*b"IHDR", &header));
        file
    }

    /// The palette and what is transparent.
    pub fn palette_chunks(self) -> Vec<u8> {
        let mut chunks = Vec::new();
        if self.colour == 3 {
            let colours: Vec<u8> = self
                .palette()
                .iter()
                .flat_map(|c| [c[0], c[1], c[2]])
                .collect();
            chunks.extend(chunk(*b"PLTE", &colours));
            if self.transparent {
                let alphas: Vec<u8> = self.palette().iter().map(|colour| colour[3]).collect();
                chunks.extend(chunk(*b"tRNS", &alphas));
            }
        } else if self.transparent {
            let key: Vec<u8> = self.key().iter().flat_map(|s| s.to_be_bytes()).collect();
            chunks.extend(chunk(*b"tRNS", &key));
        }
        chunks
    }

    /// The whole file, its data in chunks of `piece` bytes at most, behind other chunks.
    pub fn file(self, width: u32, height: u32, before: &[u8], piece: usize) -> Vec<u8> {
        let mut file = self.head(width, height);
        file.extend(before);
        file.extend(self.palette_chunks());
        for data in deflated(&self.filtered(width, height)).chunks(piece) {
            file.extend(chunk(*b"IDAT", data));
        }
        file.extend(chunk(*b"IEND", b""));
        file
    }
}

/// A chunk with its checksum.
pub fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let sum = crc32fast::hash(&[&name, content].concat());
    let length = content.len() as u32;
    [
        &length.to_be_bytes()[..],
        &name,
        content,
        &sum.to_be_bytes(),
    ]
    .concat()
}

/// A zlib stream.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A PNG of RGBA pixels, 8 or 16 bits.
pub fn of_samples(colour: u8, depth: u8, width: u32, before: &[u8], samples: &[u16]) -> Vec<u8> {
    let kind = Kind {
        colour,
        depth,
        interlaced: false,
        transparent: false,
    };
    let channels = kind.samples();
    let mut raw = Vec::new();
    for row in samples.chunks(width as usize * channels) {
        raw.push(0);
        for sample in row {
            if depth == 16 {
                raw.extend(sample.to_be_bytes());
            } else {
                raw.push(*sample as u8);
            }
        }
    }
    let height = (samples.len() / channels) as u32 / width;
    let mut file = kind.head(width, height);
    file.extend(before);
    file.extend(chunk(*b"IDAT", &deflated(&raw)));
    file.extend(chunk(*b"IEND", b""));
    file
}

/// The file with all of its checksums right, as far as chunks follow each other.
pub fn mended(mut file: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(head) = file.get(at..at + 4) {
        let length = u32::from_be_bytes(head.try_into().unwrap()) as usize;
        let end = at.saturating_add(8).saturating_add(length);
        let Some(named) = file.get(at + 4..end) else {
            break;
        };
        let sum = crc32fast::hash(named).to_be_bytes();
        let Some(place) = file.get_mut(end..end + 4) else {
            break;
        };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
    file
}
