//! Bytes in, bytes out: probe, decode, geometry, resize, colour, orient, filter, encode. No IO, no async.
//!
//! [`transform`] reads like the list of the steps; each is a module named after what it does.
#![forbid(unsafe_code)]

mod animate;
mod check;
mod colour;
mod container;
mod decode;
mod encode;
mod error;
mod estimate;
mod exif;
mod filter;
mod geometry;
mod info;
mod limits;
mod negotiate;
mod orient;
mod passthrough;
mod pixels;
mod probe;
mod quality;
mod resize;
mod shrink;
mod smart;
mod transform;
mod trim;
mod wishes;

pub use check::Check;
pub use encode::Encoding;
pub use error::Error;
pub use estimate::{Cost, estimate};
pub use limits::Limits;
pub use probe::{Probe, format, probe};
pub use transform::{Picture, Request, Settings, transform};

/// Part of the resizer's entity tags. It changes whenever the same original gives other bytes.
pub const ENCODER_VERSION: &str = "5";
