//! Reads JPEG headers, and decodes at full, 1/2, 1/4 or 1/8 size doing only the work which that size needs.
//!
//! Baseline, extended sequential and progressive files with Huffman coding, 8 bits a sample, and 1, 3 or 4 components
//! of any sampling factors, in scans together or one after the other. A file is a picture at each of the sizes or at none.
//! Other kinds are an [`Error::Unsupported`]. Metadata, profiles and orientation are not looked at.
//!
//! A smaller picture needs the low frequencies of each 8x8 block only (`reduce`). In a sequential file the others are
//! stepped over, several symbols a table look-up (`huffman`, `sequential`); in a progressive file whole scans are
//! passed over by looking for the next marker (`markers`, `progressive`).
//!
//! ```
//! use jpeg_shrink::{Limits, Scale, decode, read_header};
//!
//! # fn main() -> Result<(), jpeg_shrink::Error> {
//! let jpeg = include_bytes!("../../../samples/umang.jpg");
//! let limits = Limits::default();
//! let header = read_header(jpeg, &limits)?;
//! let picture = decode(jpeg, Scale::Eighth, &limits)?;
//! assert_eq!((header.width, picture.width), (3840, 480));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
// The few instructions of the bit reader and the look-ups are to stay in the loops around them, with their state in
// registers: with a mere hint the compiler calls some of them, and a decode at 1/2 takes a quarter longer.
#![allow(clippy::inline_always)]
// Bits become signed values all the time, and wrapping is what the shifts are for.
#![allow(clippy::cast_possible_wrap)]

mod bands;
mod bits;
mod coefficients;
mod colour;
mod decode;
mod error;
mod frame;
mod header;
mod huffman;
mod idct;
mod limits;
mod markers;
mod picture;
mod plane;
mod progressive;
mod reduce;
mod restarts;
mod scan;
mod sequential;
mod standard;
mod survey;
mod tables;
mod upsample;

pub use decode::{decode, memory};
pub use error::{Error, Unsupported};
pub use header::{Colour, Header, read_header};
pub use limits::Limits;
pub use picture::{Picture, Pixels, Scale};
