//! The URL language of Tandem and its signatures. No IO, no async, no clock: `now` is an argument.
//!
//! A request goes one way through this crate, and each step is a type which only the step before it can make:
//!
//! ```text
//! &str ── Target::parse ──▶ Target ── SecureLink::verify ──▶ SignedUrl ── Canonical::from_signed ──▶ Canonical
//! ```
//!
//! # Grammar
//!
//! | path | meaning |
//! | --- | --- |
//! | `/resize/{W}x{H}[,options]/{name}` | fit inside, keep the ratio, never enlarge |
//! | `/resize/{W}[,options]/{name}` | by width |
//! | `/resize/x{H}[,options]/{name}` | by height |
//! | `/crop/{W}x{H}[,options]/{name}` | cover, then cut the centre, never enlarge |
//! | `/rotate/{90\|180\|270}[,options]/{name}` | turn anticlockwise |
//! | `/size/{name}` | the dimensions as JSON |
//! | `/info/{name}` | what there is to know of a picture, as JSON |
//! | `/original/{name}` | the bytes as stored |
//! | `/preset/{preset}/{name}` | what the site gave this name to, see [`Language`] |
//!
//! `W` and `H` are 1 to 65,535. The options, in their canonical order:
//!
//! | option | meaning |
//! | --- | --- |
//! | `q=1` … `q=100` | quality of a lossy encoder |
//! | `f=jpeg`, `png`, `gif`, `webp`, `avif`, `auto` | output format |
//! | `rot=90`, `180`, `270` | turn anticlockwise, first |
//! | `flip=h`, `v`, `hv` | mirror after the turn |
//! | `g=center`, `n` … `nw`, `smart`, `fp:X:Y` | what a cut keeps, where a padded picture lies |
//! | `fit=inside`, `cover`, `fill`, `pad` | how a resize comes to its box |
//! | `enlarge=1` | scale up what is smaller |
//! | `bg=RRGGBB`, `RRGGBBAA` | background |
//! | `blur=0.1` … `blur=100` | Gaussian blur, sigma in pixels |
//! | `sharpen=1` … `sharpen=100` | sharpening |
//! | `trim=0` … `trim=100` | cut borders off, tolerance in percent |
//! | `bytes=100` … `bytes=100000000` | largest result |
//! | `lossless=1` | without loss |
//!
//! `dpr=0.5` … `dpr=4` is read as well and is gone from the canonical spelling: it is multiplied into the sides.
//!
//! A name is any UTF-8 without control characters and backslashes; it may hold slashes.
//!
//! # Example
//!
//! ```
//! use std::{net::Ipv4Addr, time::SystemTime};
//! use image_url::{Algorithm, Canonical, Secret, SecureLink, SecureLinkConfig, Target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let link = SecureLink::new(SecureLinkConfig {
//!     secrets: vec![Secret::from("your-secret-goes-here")],
//!     algorithm: Algorithm::Md5,
//!     expression: None,
//! })?;
//! let url = link.sign("/resize/300x200/cat.jpg", None)?;
//! assert_eq!(url, "/resize/300x200/cat.jpg?hash=wvFzVtGYmwMCPZanhb6kbA");
//!
//! let target = Target::parse(&url)?;
//! let signed = link.verify(&target, Ipv4Addr::LOCALHOST.into(), SystemTime::now())?;
//! let canonical = Canonical::from_signed(&signed)?;
//! assert_eq!(canonical.name(), "cat.jpg");
//! assert_eq!(canonical.path(), "/resize/300x200/cat.jpg");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod accept;
mod canonical;
mod combine;
mod digits;
mod expression;
mod hash;
mod normalise;
mod operation;
mod options;
mod preset;
mod secret;
mod sign;
mod signature;
mod target;

pub use accept::AcceptClass;
pub use canonical::{Canonical, UrlError, encoded_name_of};
pub use expression::{Expression, ExpressionError};
pub use hash::Algorithm;
pub use operation::{
    Bounds, Colour, Fit, Flip, FocalPoint, Format, Gravity, Operation, Options, OutputFormat,
    Rotation, Side, Sigma,
};
pub use options::OptionFault;
pub use preset::{Language, Preset, PresetError};
pub use secret::Secret;
pub use sign::SignError;
pub use signature::{Denied, SecureLink, SecureLinkConfig, SecureLinkError, SignedUrl};
pub use target::{Target, TargetError, Uri};
