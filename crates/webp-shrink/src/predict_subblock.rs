//! Prediction of 4x4 subblocks of luma (RFC 6386 §12.3).

use crate::{modes::SubblockMode, transform::STRIDE, workspace::LumaArea};

/// Predicts the subblock at a place of the area from the pixels around it.
#[inline]
pub(crate) fn predict(area: &mut LumaArea, place: usize, mode: SubblockMode) {
    // From the corner to the last pixel, in one piece whose length is known.
    const LENGTH: usize = 4 * STRIDE + 9;
    let Some(area) = area
        .get_mut(place - STRIDE - 1..)
        .and_then(|area| area.first_chunk_mut::<LENGTH>())
    else {
        return;
    };
    let corner = area[0];
    let above: [u8; 8] = std::array::from_fn(|i| area[1 + i]);
    let left: [u8; 4] = std::array::from_fn(|i| area[(1 + i) * STRIDE]);
    let rows = pixels(mode, corner, above, left);
    for (i, row) in rows.into_iter().enumerate() {
        for (x, pixel) in row.into_iter().enumerate() {
            area[(1 + i) * STRIDE + 1 + x] = pixel;
        }
    }
}

/// The average of three, the middle one twice.
fn three(a: u8, b: u8, c: u8) -> u8 {
    ((u16::from(a) + 2 * u16::from(b) + u16::from(c) + 2) >> 2) as u8
}

fn two(a: u8, b: u8) -> u8 {
    (u16::from(a) + u16::from(b)).div_ceil(2) as u8
}

fn pixels(mode: SubblockMode, corner: u8, above: [u8; 8], left: [u8; 4]) -> [[u8; 4]; 4] {
    // The edge from the last pixel to the left, around the corner, to the last one above.
    let [l0, l1, l2, l3] = left;
    let [a0, a1, a2, a3, a4, a5, a6, a7] = above;
    match mode {
        SubblockMode::Dc => {
            let sum: u16 = [l0, l1, l2, l3, a0, a1, a2, a3].map(u16::from).iter().sum();
            [[((sum + 4) >> 3) as u8; 4]; 4]
        }
        SubblockMode::Tm => left.map(|left| {
            let difference = i16::from(left) - i16::from(corner);
            [a0, a1, a2, a3].map(|above| (i16::from(above) + difference).clamp(0, 255) as u8)
        }),
        SubblockMode::Ve => {
            [[
                three(corner, a0, a1),
                three(a0, a1, a2),
                three(a1, a2, a3),
                three(a2, a3, a4),
            ]; 4]
        }
        SubblockMode::He => [
            [three(corner, l0, l1); 4],
            [three(l0, l1, l2); 4],
            [three(l1, l2, l3); 4],
            [three(l2, l3, l3); 4],
        ],
        SubblockMode::Ld => diagonal([
            three(a0, a1, a2),
            three(a1, a2, a3),
            three(a2, a3, a4),
            three(a3, a4, a5),
            three(a4, a5, a6),
            three(a5, a6, a7),
            three(a6, a7, a7),
        ]),
        SubblockMode::Rd => {
            let mut rows = diagonal([
                three(l3, l2, l1),
                three(l2, l1, l0),
                three(l1, l0, corner),
                three(l0, corner, a0),
                three(corner, a0, a1),
                three(a0, a1, a2),
                three(a1, a2, a3),
            ]);
            rows.reverse();
            rows
        }
        SubblockMode::Vr => {
            let (b, c) = (three(l1, l0, corner), three(l2, l1, l0));
            let first = [two(corner, a0), two(a0, a1), two(a1, a2), two(a2, a3)];
            let second = [
                three(l0, corner, a0),
                three(corner, a0, a1),
                three(a0, a1, a2),
                three(a1, a2, a3),
            ];
            [
                first,
                second,
                [b, first[0], first[1], first[2]],
                [c, second[0], second[1], second[2]],
            ]
        }
        SubblockMode::Vl => {
            let first = [two(a0, a1), two(a1, a2), two(a2, a3), two(a3, a4)];
            let second = [
                three(a0, a1, a2),
                three(a1, a2, a3),
                three(a2, a3, a4),
                three(a3, a4, a5),
            ];
            [
                first,
                second,
                [first[1], first[2], first[3], three(a4, a5, a6)],
                [second[1], second[2], second[3], three(a5, a6, a7)],
            ]
        }
        SubblockMode::Hd => {
            let pairs = [
                [two(l3, l2), three(l3, l2, l1)],
                [two(l2, l1), three(l2, l1, l0)],
                [two(l1, l0), three(l1, l0, corner)],
                [two(l0, corner), three(l0, corner, a0)],
            ];
            let end = [three(corner, a0, a1), three(a0, a1, a2)];
            [
                joined(pairs[3], end),
                joined(pairs[2], pairs[3]),
                joined(pairs[1], pairs[2]),
                joined(pairs[0], pairs[1]),
            ]
        }
        SubblockMode::Hu => {
            let pairs = [
                [two(l0, l1), three(l0, l1, l2)],
                [two(l1, l2), three(l1, l2, l3)],
                [two(l2, l3), three(l2, l3, l3)],
                [l3, l3],
            ];
            [
                joined(pairs[0], pairs[1]),
                joined(pairs[1], pairs[2]),
                joined(pairs[2], pairs[3]),
                joined(pairs[3], pairs[3]),
            ]
        }
    }
}

fn joined([a, b]: [u8; 2], [c, d]: [u8; 2]) -> [u8; 4] {
    [a, b, c, d]
}

/// Rows that each begin one further.
fn diagonal([a, b, c, d, e, f, g]: [u8; 7]) -> [[u8; 4]; 4] {
    [[a, b, c, d], [b, c, d, e], [c, d, e, f], [d, e, f, g]]
}
