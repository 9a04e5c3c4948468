//! Writes JPEGs: baseline or progressive, 4:4:4 or 4:2:0 or grey, with Huffman tables made for the picture.
#![forbid(unsafe_code)]
#![allow(clippy::inline_always)]

mod bits;
mod colour;
mod component;
mod encode;
mod error;
mod huffman;
mod markers;
mod options;
mod picture;
mod progressive;
mod quantise;
mod script;
mod sequential;
mod symbols;
mod transform;
mod trial;
mod zigzag;

pub use encode::encode;
pub use error::Error;
pub use options::{Options, Pixels, Subsampling};
