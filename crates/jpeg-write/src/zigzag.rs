//! The order in which a block's coefficients are written (T.81, figure A.6).

/// Row and column, `8 * row + column`, of each place in the order.
pub(crate) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// `8 * column + row` for each place: where it is in a transposed block.
pub(crate) const TRANSPOSED: [u8; 64] = {
    let mut table = [0; 64];
    let mut place = 0;
    while place < 64 {
        table[place] = NATURAL[place] % 8 * 8 + NATURAL[place] / 8;
        place += 1;
    }
    table
};

/// For each line of a transposed block and each set of its eight coefficients, as bits: their places, as bits.
pub(crate) static PLACES: [[u64; 256]; 8] = {
    let mut table = [[0; 256]; 8];
    let mut place = 0;
    while place < 64 {
        let (line, bit) = (TRANSPOSED[place] / 8, TRANSPOSED[place] % 8);
        let mut set = 0;
        while set < 256 {
            if set >> bit & 1 == 1 {
                table[line as usize][set] |= 1 << place;
            }
            set += 1;
        }
        place += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_visits_each_coefficient_once_and_neighbours_in_turn() {
        let mut seen = [false; 64];
        for &at in &NATURAL {
            assert!(!std::mem::replace(&mut seen[usize::from(at)], true));
        }
        for pair in NATURAL.windows(2) {
            let place = |at: u8| (i32::from(at / 8), i32::from(at % 8));
            let ((row, column), (next_row, next_column)) = (place(pair[0]), place(pair[1]));
            assert!((row - next_row).abs() <= 1 && (column - next_column).abs() <= 1);
        }
    }

    #[test]
    fn the_sets_of_all_lines_are_all_places() {
        let all = PLACES.iter().fold(0, |all, sets| all ^ sets[255]);
        assert_eq!(all, u64::MAX);
        // The first coefficient of the second line of a transposed block is to the right of the mean.
        assert_eq!(PLACES[1][1], 1 << 1);
    }
}
