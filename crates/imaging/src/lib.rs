//! Bytes in, bytes out: probe, decode, orient, geometry, resize, colour, encode. No IO, no async.
//!
//! [`transform`] reads like the list of the steps; each is a module named after what it does.
#![forbid(unsafe_code)]

mod colour;
mod decode;
mod encode;
mod error;
pub mod geometry;
mod limits;
mod probe;
mod resize;
mod rotate;
mod transform;

pub use encode::Encoding;
pub use error::Error;
pub use limits::Limits;
pub use probe::{Probe, probe};
pub use transform::{Picture, Settings, transform};

/// Part of the resizer's entity tags. It changes whenever the same original gives other bytes.
pub const ENCODER_VERSION: &str = "1";
