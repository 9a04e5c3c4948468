//! The loop filter over the edges of a macroblock (RFC 6386 §15.1).
//!
//! Macroblocks come in the order of the frame, and each has four kinds of edge: its left one, those inside it that
//! stand, its upper one, those inside it that lie. Standing edges are filtered as lying ones of the tile turned by a
//! quarter.

use crate::{
    lanes::{Bytes, rotate},
    loop_filter::{self, Limits},
    tile::Tile,
};

/// How a macroblock is filtered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    pub simple: bool,
    pub limits: Limits,
    /// Whether the edges of the subblocks are filtered.
    pub inside: bool,
}

/// Filters a macroblock, and what it changes of those to its left and above.
pub(crate) fn filter(
    tile: &mut Tile,
    mut left: Option<&mut Tile>,
    mut above: Option<&mut Tile>,
    filter: Filter,
) {
    let Filter {
        simple,
        limits,
        inside,
    } = filter;
    let standing_left = left.as_deref_mut().map(|left| &mut left.luma);
    if standing_left.is_some() || inside {
        filter_standing_luma(&mut tile.luma, standing_left, filter);
    }
    if let Some(above) = above.as_deref_mut() {
        across_luma(&mut above.luma, &mut tile.luma, filter);
    }
    if inside {
        inside_luma(&mut tile.luma, filter);
    }
    if simple {
        return;
    }
    let standing_left = left.map(|left| &mut left.chroma);
    if standing_left.is_some() || inside {
        filter_standing_chroma(&mut tile.chroma, standing_left, filter);
    }
    if let Some(above) = above {
        let [.., p3, p2, p1, p0] = &mut above.chroma;
        let [q0, q1, q2, q3, ..] = &mut tile.chroma;
        edge([p3, p2, p1, p0, q0, q1, q2, q3], limits, true);
    }
    if inside {
        edge(tile.chroma.each_mut(), limits, false);
    }
}

/// The upper edge of a tile, which may be a turned one.
#[inline(always)]
fn across_luma(above: &mut [Bytes], tile: &mut [Bytes; 16], filter: Filter) {
    let [.., p3, p2, p1, p0] = above else {
        return;
    };
    let [q0, q1, q2, q3, ..] = tile;
    if filter.simple {
        simple_edge([p1, p0, q0, q1], filter.limits.macroblock);
    } else {
        edge([p3, p2, p1, p0, q0, q1, q2, q3], filter.limits, true);
    }
}

#[inline(always)]
fn inside_luma(tile: &mut [Bytes; 16], filter: Filter) {
    for first in [0, 4, 8] {
        let Some(rows) = tile
            .get_mut(first..)
            .and_then(|rows| rows.first_chunk_mut::<8>())
        else {
            return;
        };
        if filter.simple {
            let [_, _, p1, p0, q0, q1, ..] = rows;
            simple_edge([p1, p0, q0, q1], filter.limits.subblock);
        } else {
            edge(rows.each_mut(), filter.limits, false);
        }
    }
}

#[inline(always)]
fn edge(rows: [&mut Bytes; 8], limits: Limits, between_macroblocks: bool) {
    let mut lanes = [[0; 16]; 8];
    for (to, from) in lanes.iter_mut().zip(&rows) {
        *to = **from;
    }
    if between_macroblocks {
        loop_filter::macroblock(&mut lanes, limits);
    } else {
        loop_filter::subblock(&mut lanes, limits);
    }
    for (to, from) in rows.into_iter().zip(lanes) {
        *to = from;
    }
}

#[inline(always)]
fn simple_edge(rows: [&mut Bytes; 4], limit: u8) {
    let mut lanes = [[0; 16]; 4];
    for (to, from) in lanes.iter_mut().zip(&rows) {
        *to = **from;
    }
    loop_filter::simple(&mut lanes, limit);
    for (to, from) in rows.into_iter().zip(lanes) {
        *to = from;
    }
}

fn filter_standing_luma(tile: &mut [Bytes; 16], left: Option<&mut [Bytes; 16]>, filter: Filter) {
    let mut turned = rotate(rotate(rotate(rotate(*tile))));
    if let Some(left) = left {
        // Four columns of sixteen rows, in four vectors of four rows.
        let mut columns = [[0; 16]; 4];
        for (vector, rows) in columns.iter_mut().zip(left.as_chunks::<4>().0) {
            for (to, from) in vector.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
                to.copy_from_slice(&from[12..]);
            }
        }
        let mut columns = rotate(rotate(rotate(rotate(columns))));
        across_luma(&mut columns, &mut turned, filter);
        let columns = rotate(rotate(columns));
        for (vector, rows) in columns.iter().zip(left.as_chunks_mut::<4>().0) {
            for (from, to) in vector.as_chunks::<4>().0.iter().zip(rows) {
                to[12..].copy_from_slice(from);
            }
        }
    }
    if filter.inside {
        inside_luma(&mut turned, filter);
    }
    *tile = rotate(rotate(rotate(rotate(turned))));
}

fn filter_standing_chroma(tile: &mut [Bytes; 8], left: Option<&mut [Bytes; 8]>, filter: Filter) {
    // A place of row, plane and column becomes one of column, row and plane: lanes may have any order.
    let mut turned = rotate(rotate(rotate(rotate(*tile))));
    if let Some(left) = left {
        let mut columns = [[0; 16]; 4];
        for (vector, rows) in columns.iter_mut().zip(left.as_chunks::<2>().0) {
            for (to, from) in vector.as_chunks_mut::<8>().0.iter_mut().zip(rows) {
                to[..4].copy_from_slice(&from[4..8]);
                to[4..].copy_from_slice(&from[12..]);
            }
        }
        let mut columns = rotate(rotate(rotate(rotate(columns))));
        let [p3, p2, p1, p0] = &mut columns;
        let [q0, q1, q2, q3, ..] = &mut turned;
        edge([p3, p2, p1, p0, q0, q1, q2, q3], filter.limits, true);
        let columns = rotate(rotate(columns));
        for (vector, rows) in columns.iter().zip(left.as_chunks_mut::<2>().0) {
            for (from, to) in vector.as_chunks::<8>().0.iter().zip(rows) {
                to[4..8].copy_from_slice(&from[..4]);
                to[12..].copy_from_slice(&from[4..]);
            }
        }
    }
    if filter.inside {
        edge(turned.each_mut(), filter.limits, false);
    }
    *tile = rotate(rotate(rotate(turned)));
}
