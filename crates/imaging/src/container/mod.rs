//! The containers of GIF, PNG and WebP, read in place: what comes one after another, as far as the file goes.

mod cursor;
pub(crate) mod gif;
pub(crate) mod png;
pub(crate) mod webp;

pub(crate) use cursor::Cursor;
