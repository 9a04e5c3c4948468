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
    left: Option<&mut Tile>,
    above: Option<&mut Tile>,
    filter: Filter,
) {
    let (luma_left, chroma_left) = left.map(|left| (&mut left.luma, &mut left.chroma)).unzip();
    let (luma_above, chroma_above) = above
        .map(|above| (&mut above.luma, &mut above.chroma))
        .unzip();
    filter_luma(&mut tile.luma, luma_left, luma_above, filter);
    if !filter.simple {
        filter_chroma(&mut tile.chroma, chroma_left, chroma_above, filter);
    }
}

type Rows<const COUNT: usize> = [[u8; 16]; COUNT];

fn filter_luma(
    tile: &mut Rows<16>,
    left: Option<&mut Rows<16>>,
    above: Option<&mut Rows<16>>,
    filter: Filter,
) {
    let mut rows = tile.map(Bytes::new);
    if left.is_some() || filter.inside {
        let mut turned = rotate(rotate(rotate(rotate(rows))));
        if let Some(left) = left {
            // Four columns of sixteen rows, in four vectors of four rows.
            let mut columns = [[0; 16]; 4];
            for (vector, rows) in columns.iter_mut().zip(left.as_chunks::<4>().0) {
                for (to, from) in vector.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
                    to.copy_from_slice(&from[12..]);
                }
            }
            let mut columns = rotate(rotate(rotate(rotate(columns.map(Bytes::new)))));
            first_luma_edge(&mut columns, &mut turned, filter);
            let columns = rotate(rotate(columns)).map(Bytes::get);
            for (vector, rows) in columns.iter().zip(left.as_chunks_mut::<4>().0) {
                for (from, to) in vector.as_chunks::<4>().0.iter().zip(rows) {
                    to[12..].copy_from_slice(from);
                }
            }
        }
        if filter.inside {
            luma_edges_inside(&mut turned, filter);
        }
        rows = rotate(rotate(rotate(rotate(turned))));
    }
    if let Some(last) = above.and_then(|above| above.last_chunk_mut::<4>()) {
        let mut before = last.map(Bytes::new);
        first_luma_edge(&mut before, &mut rows, filter);
        *last = before.map(Bytes::get);
    }
    if filter.inside {
        luma_edges_inside(&mut rows, filter);
    }
    *tile = rows.map(Bytes::get);
}

/// The edge between the last rows of one macroblock and another one, or between their columns, turned.
#[inline(always)]
fn first_luma_edge(before: &mut [Bytes; 4], behind: &mut [Bytes; 16], filter: Filter) {
    let [p3, p2, p1, p0] = before;
    let [q0, q1, q2, q3, ..] = behind;
    if filter.simple {
        let mut edge = [*p1, *p0, *q0, *q1];
        loop_filter::simple(&mut edge, filter.limits.macroblock);
        [*p1, *p0, *q0, *q1] = edge;
    } else {
        let mut edge = [*p3, *p2, *p1, *p0, *q0, *q1, *q2, *q3];
        loop_filter::macroblock(&mut edge, filter.limits);
        [*p3, *p2, *p1, *p0, *q0, *q1, *q2, *q3] = edge;
    }
}

#[inline(always)]
fn luma_edges_inside(rows: &mut [Bytes; 16], filter: Filter) {
    for first in [0, 4, 8] {
        let Some(rows) = rows
            .get_mut(first..)
            .and_then(|rows| rows.first_chunk_mut::<8>())
        else {
            return;
        };
        if filter.simple {
            let [_, _, p1, p0, q0, q1, ..] = rows;
            let mut edge = [*p1, *p0, *q0, *q1];
            loop_filter::simple(&mut edge, filter.limits.subblock);
            [*p1, *p0, *q0, *q1] = edge;
        } else {
            loop_filter::subblock(rows, filter.limits);
        }
    }
}

fn filter_chroma(
    tile: &mut Rows<8>,
    left: Option<&mut Rows<8>>,
    above: Option<&mut Rows<8>>,
    filter: Filter,
) {
    let mut rows = tile.map(Bytes::new);
    if left.is_some() || filter.inside {
        // A place of row, plane and column becomes one of column, row and plane: lanes may have any order.
        let mut turned = rotate(rotate(rotate(rotate(rows))));
        if let Some(left) = left {
            let mut columns = [[0; 16]; 4];
            for (vector, rows) in columns.iter_mut().zip(left.as_chunks::<2>().0) {
                for (to, from) in vector.as_chunks_mut::<8>().0.iter_mut().zip(rows) {
                    to[..4].copy_from_slice(&from[4..8]);
                    to[4..].copy_from_slice(&from[12..]);
                }
            }
            let mut columns = rotate(rotate(rotate(rotate(columns.map(Bytes::new)))));
            first_chroma_edge(&mut columns, &mut turned, filter);
            let columns = rotate(rotate(columns)).map(Bytes::get);
            for (vector, rows) in columns.iter().zip(left.as_chunks_mut::<2>().0) {
                for (from, to) in vector.as_chunks::<8>().0.iter().zip(rows) {
                    to[4..8].copy_from_slice(&from[..4]);
                    to[12..].copy_from_slice(&from[4..]);
                }
            }
        }
        if filter.inside {
            loop_filter::subblock(&mut turned, filter.limits);
        }
        rows = rotate(rotate(rotate(turned)));
    }
    if let Some(last) = above.and_then(|above| above.last_chunk_mut::<4>()) {
        let mut before = last.map(Bytes::new);
        first_chroma_edge(&mut before, &mut rows, filter);
        *last = before.map(Bytes::get);
    }
    if filter.inside {
        loop_filter::subblock(&mut rows, filter.limits);
    }
    *tile = rows.map(Bytes::get);
}

#[inline(always)]
fn first_chroma_edge(before: &mut [Bytes; 4], behind: &mut [Bytes; 8], filter: Filter) {
    let [p3, p2, p1, p0] = before;
    let [q0, q1, q2, q3, ..] = behind;
    let mut edge = [*p3, *p2, *p1, *p0, *q0, *q1, *q2, *q3];
    loop_filter::macroblock(&mut edge, filter.limits);
    [*p3, *p2, *p1, *p0, *q0, *q1, *q2, *q3] = edge;
}
