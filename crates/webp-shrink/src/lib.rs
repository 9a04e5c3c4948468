//! Decodes lossy WebP (VP8 key frames, RFC 6386), whole or at 1/2, 1/4 or 1/8 size, doing only the work which that
//! size needs.
//!
//! The whole is that of libwebp to the bit. A smaller picture has to be predicted at full size too, for each
//! macroblock is predicted from those beside it; but from their pixels before the loop filter (§15), which can be left
//! out, as can the upsampling of chroma and most of the conversion to RGB.
//!
//! ```
//! use webp_shrink::{Limits, Scale, decode, find_frame, read_header};
//!
//! # fn main() -> Result<(), webp_shrink::Error> {
//! # let webp = webp::Encoder::from_rgb(&[90; 40 * 30 * 3], 40, 30).encode(80.0);
//! let frame = find_frame(&webp)?;
//! let limits = Limits::default();
//! let header = read_header(frame, &limits)?;
//! let picture = decode(frame, Scale::Half, &limits)?;
//! assert_eq!((header.width, picture.width), (40, 20));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
// The few instructions of the bool decoder are to stay in the loops around them, with their state in registers, and
// those of the filter between the vectors that they work on.
#![allow(clippy::inline_always)]
// Bits become signed values all the time.
#![allow(clippy::cast_possible_wrap)]
// The RFC's, and places in a row.
#![allow(clippy::many_single_char_names)]

mod bool_decoder;
mod canvas;
mod colour;
mod decode;
mod default_probs;
mod error;
mod filter_tiles;
mod frame_header;
mod lanes;
mod limits;
mod loop_filter;
mod mode_probs;
mod modes;
mod partitions;
mod picture;
mod predict;
mod predict_subblock;
mod quantizer;
mod residual;
mod riff;
mod shrunk_canvas;
mod tile;
mod tokens;
mod transform;
mod upsample;
mod workspace;

pub use decode::{decode, memory};
pub use error::Error;
pub use frame_header::{Header, mean_quantizer, read_header};
pub use limits::Limits;
pub use picture::{Picture, Scale};
pub use riff::find_frame;
