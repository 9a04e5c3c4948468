//! The inverse transforms (RFC 6386 §14.3, §14.4), and the adding of what they give to a prediction (§14.5).

use crate::residual::{Block, Content};

/// Bytes from a row of the workspace to the next one.
pub(crate) const STRIDE: usize = 32;

/// A 4x4 block of the workspace, with what is between its rows.
pub(crate) type Square = [u8; 3 * STRIDE + 4];

/// §14.3
pub(crate) fn inverse_walsh_hadamard(block: &[i32; 16]) -> [i32; 16] {
    let mut columns = [0; 16];
    for i in 0..4 {
        let (a, b) = (block[i] + block[12 + i], block[4 + i] + block[8 + i]);
        let (c, d) = (block[4 + i] - block[8 + i], block[i] - block[12 + i]);
        columns[i] = a + b;
        columns[4 + i] = c + d;
        columns[8 + i] = a - b;
        columns[12 + i] = d - c;
    }
    let mut output = [0; 16];
    for (to, from) in output
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip(columns.as_chunks::<4>().0)
    {
        let (a, b) = (from[0] + from[3], from[1] + from[2]);
        let (c, d) = (from[1] - from[2], from[0] - from[3]);
        *to = [a + b, c + d, a - b, d - c].map(|sum| (sum + 3) >> 3);
    }
    output
}

/// Adds a block to its prediction, and makes it zero again.
#[inline(always)]
pub(crate) fn add(block: &mut Block, square: &mut Square) {
    match block.content {
        Content::Nothing => {}
        Content::Dc => add_dc(block.dc, square),
        Content::Corner => add_corner(block, square),
        Content::Small => add_small(block, square),
        Content::Large => add_residue(&inverse(block), square),
    }
    block.ac = [0; 16];
}

fn add_dc(dc: i32, square: &mut Square) {
    let level = ((dc + 4) >> 3) as i16;
    for row in square.chunks_mut(STRIDE) {
        for pixel in row.iter_mut().take(4) {
            *pixel = (i16::from(*pixel) + level).clamp(0, 255) as u8;
        }
    }
}

fn add_residue(residue: &[i16; 16], square: &mut Square) {
    for (row, residue) in square.chunks_mut(STRIDE).zip(residue.as_chunks::<4>().0) {
        for (pixel, residue) in row.iter_mut().zip(residue) {
            *pixel = i16::from(*pixel).saturating_add(*residue).clamp(0, 255) as u8;
        }
    }
}

/// sqrt(2) * cos(pi / 8), less 1, and sqrt(2) * sin(pi / 8), with 16 bits of fraction.
const COS: i64 = 20_091;
const SIN: i64 = 35_468;

/// §14.4, for whatever a file may have.
#[cold]
#[inline(never)]
fn inverse(block: &Block) -> [i16; 16] {
    let factor = i64::from(block.factor);
    let mut coefficients = block.ac.map(|value| i64::from(value) * factor);
    coefficients[0] = i64::from(block.dc);
    let pass = |[a, b, c, d]: [i64; 4]| {
        let (sum, difference) = (a + c, a - c);
        let low = ((b * SIN) >> 16) - (d + ((d * COS) >> 16));
        let high = b + ((b * COS) >> 16) + ((d * SIN) >> 16);
        [sum + high, difference + low, difference - low, sum - high]
    };
    let mut columns = [[0; 4]; 4];
    for (i, column) in columns.iter_mut().enumerate() {
        *column = pass([0, 4, 8, 12].map(|row| coefficients[row + i]));
    }
    let mut residue = [0; 16];
    for (i, row) in residue.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *row = pass(columns.map(|column| column[i])).map(|value| {
            // No pixel can be changed by more.
            ((value + 4) >> 3).clamp(-256, 256) as i16
        });
    }
    residue
}

/// The same for blocks with which nothing leaves 16 bits.
#[inline(always)]
fn add_small(block: &Block, square: &mut Square) {
    let mut coefficients = block.ac.map(|value| value.wrapping_mul(block.factor));
    coefficients[0] = block.dc as i16;
    let rows: [[i16; 4]; 4] =
        std::array::from_fn(|row| std::array::from_fn(|column| coefficients[row * 4 + column]));
    let columns = pass(transposed(pass(rows)));
    for (row, residue) in square.chunks_mut(STRIDE).zip(transposed(columns)) {
        add_row(row, residue);
    }
}

/// The same for blocks with none but the first coefficient and those beside and below it.
#[inline(always)]
fn add_corner(block: &Block, square: &mut Square) {
    let beside = block.ac[1].wrapping_mul(block.factor);
    let below = block.ac[4].wrapping_mul(block.factor);
    let dc = block.dc as i16;
    let (low, high) = (sin(beside), cos(beside));
    let (inner, outer) = (sin(below), cos(below));
    let column = [dc + outer, dc + inner, dc - inner, dc - outer];
    for (row, level) in square.chunks_mut(STRIDE).zip(column) {
        add_row(row, [level + high, level + low, level - low, level - high]);
    }
}

#[inline(always)]
fn add_row(row: &mut [u8], residue: [i16; 4]) {
    for (pixel, residue) in row.iter_mut().zip(residue) {
        *pixel = (i16::from(*pixel) + ((residue + 4) >> 3)).clamp(0, 255) as u8;
    }
}

/// One dimension of the transform, down the columns.
#[inline(always)]
fn pass([a, b, c, d]: [[i16; 4]; 4]) -> [[i16; 4]; 4] {
    let mut output = [[0; 4]; 4];
    for i in 0..4 {
        let (sum, difference) = (a[i].wrapping_add(c[i]), a[i].wrapping_sub(c[i]));
        let low = sin(b[i]).wrapping_sub(cos(d[i]));
        let high = cos(b[i]).wrapping_add(sin(d[i]));
        output[0][i] = sum.wrapping_add(high);
        output[1][i] = difference.wrapping_add(low);
        output[2][i] = difference.wrapping_sub(low);
        output[3][i] = sum.wrapping_sub(high);
    }
    output
}

#[inline(always)]
fn transposed(rows: [[i16; 4]; 4]) -> [[i16; 4]; 4] {
    std::array::from_fn(|row| std::array::from_fn(|column| rows[column][row]))
}

#[inline(always)]
fn cos(value: i16) -> i16 {
    value.wrapping_add(((i32::from(value) * COS as i32) >> 16) as i16)
}

/// The factor is above what 16 bits hold, by one whole.
#[inline(always)]
fn sin(value: i16) -> i16 {
    value.wrapping_add(((i32::from(value) * (SIN as i32 - 65_536)) >> 16) as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_blocks_come_out_as_by_the_large_way() {
        let mut state = 7_u32;
        for round in 0..20_000 {
            let bound = [4, 60, 400, 1023][round % 4];
            let mut ac: [i16; 16] = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 8) as i32 % (2 * bound + 1) - bound) as i16
            });
            if round % 8 == 7 {
                ac = ac.map(|level| level.signum() * 1023);
            }
            let block = Block {
                content: Content::Small,
                factor: 1,
                dc: i32::from(ac[0]) * 4,
                ac,
            };
            let all = [(round % 256) as u8; 100];
            let (mut short, mut long) = (all, all);
            add_small(&block, &mut short);
            add_residue(&inverse(&block), &mut long);
            assert_eq!(short, long);
            let corner = Block {
                ac: std::array::from_fn(|i| if i == 1 || i == 4 { ac[i] } else { 0 }),
                ..block
            };
            let (mut short, mut long) = (all, all);
            add_corner(&corner, &mut short);
            add_residue(&inverse(&corner), &mut long);
            assert_eq!(short, long);
        }
    }

    #[test]
    fn a_dc_alone_is_the_whole_transform_of_it() {
        for dc in [-4095, -5, -4, -1, 1, 3, 4, 12, 700, 4095] {
            let block = |content| Block {
                content,
                dc,
                ..Block::default()
            };
            let mut short = [100; 100];
            let mut long = short;
            add(&mut block(Content::Dc), &mut short);
            add(&mut block(Content::Large), &mut long);
            assert_eq!(short, long);
        }
    }
}
