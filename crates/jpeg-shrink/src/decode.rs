//! The way of a decode: opening, plan, scans.

use crate::{
    Error, Limits, Picture, Scale,
    colour::Conversion,
    header::Opening,
    picture::{self, Plan},
    progressive, sequential,
};

/// Decodes a file at its size or a fraction of it, doing only the work which that size needs.
///
/// The picture is the same on every machine, to the bit. It holds at most the output, one row of blocks of each
/// component and, for progressive files, the coefficients that the size needs; see [`memory`].
///
/// Damaged or missing picture data are no error, see [`Picture::truncated`]: what arrived is shown, the rest is grey.
pub fn decode(jpeg: &[u8], scale: Scale, limits: &Limits) -> Result<Picture, Error> {
    let opening = Opening::read(jpeg, limits)?;
    let conversion = conversion(&opening);
    let plan = Plan::new(&opening.frame, conversion.colour, scale);
    if opening.frame.progressive {
        progressive::decode(jpeg, opening, &plan, conversion, limits)
    } else {
        sequential::decode(jpeg, opening, &plan, conversion, limits)
    }
}

/// The bytes that [`decode`] of this file at this scale holds at most, beside the file itself and about 100 kB of
/// tables: the picture, and what it is made from.
pub fn memory(jpeg: &[u8], scale: Scale, limits: &Limits) -> Result<u64, Error> {
    let opening = Opening::read(jpeg, limits)?;
    let conversion = conversion(&opening);
    let plan = Plan::new(&opening.frame, conversion.colour, scale);
    let single_scan = opening.scan.parts.len() == opening.frame.components.len();
    Ok(picture::memory(
        &opening.frame,
        &plan,
        conversion,
        single_scan,
    ))
}

fn conversion(opening: &Opening<'_>) -> Conversion {
    Conversion {
        colour: opening.header().colour,
    }
}
