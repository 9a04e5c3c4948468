//! Dequantisation factors (RFC 6386 §9.6, §14.1).

use crate::bool_decoder::BoolDecoder;

/// `dc_qlookup` (RFC 6386 §14.1)
const DC: [u8; 128] = [
    4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 17, 18, 19, 20, 20, 21, 21, 22, 22, 23,
    23, 24, 25, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 37, 38, 39, 40, 41, 42, 43, 44,
    45, 46, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67,
    68, 69, 70, 71, 72, 73, 74, 75, 76, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 91,
    93, 95, 96, 98, 100, 101, 102, 104, 106, 108, 110, 112, 114, 116, 118, 122, 124, 126, 128, 130,
    132, 134, 136, 138, 140, 143, 145, 148, 151, 154, 157,
];

/// `ac_qlookup`
const AC: [u16; 128] = [
    4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
    53, 54, 55, 56, 57, 58, 60, 62, 64, 66, 68, 70, 72, 74, 76, 78, 80, 82, 84, 86, 88, 90, 92, 94,
    96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 119, 122, 125, 128, 131, 134, 137, 140,
    143, 146, 149, 152, 155, 158, 161, 164, 167, 170, 173, 177, 181, 185, 189, 193, 197, 201, 205,
    209, 213, 217, 221, 225, 229, 234, 239, 245, 249, 254, 259, 264, 269, 274, 279, 284,
];

/// The factors of a type of block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Factors {
    pub dc: i32,
    pub ac: i32,
}

/// The factors of a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quantizer {
    pub y: Factors,
    pub y2: Factors,
    pub uv: Factors,
}

/// The indices that a frame gives: one, and what the others differ by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuantIndices {
    pub y_ac: u8,
    y_dc: i8,
    y2_dc: i8,
    y2_ac: i8,
    uv_dc: i8,
    uv_ac: i8,
}

impl QuantIndices {
    pub(crate) fn read(first: &mut BoolDecoder<'_>) -> Self {
        let y_ac = first.literal(7);
        let mut delta = || first.optional_signed(4).unwrap_or_default();
        Self {
            y_ac,
            y_dc: delta(),
            y2_dc: delta(),
            y2_ac: delta(),
            uv_dc: delta(),
            uv_ac: delta(),
        }
    }

    /// The factors of a segment with this index.
    pub(crate) fn quantizer(self, index: i32) -> Quantizer {
        let place = |delta: i8| (index + i32::from(delta)).clamp(0, 127) as usize;
        let dc = |delta| i32::from(DC[place(delta)]);
        let ac = |delta| i32::from(AC[place(delta)]);
        Quantizer {
            y: Factors {
                dc: dc(self.y_dc),
                ac: ac(0),
            },
            y2: Factors {
                dc: dc(self.y2_dc) * 2,
                ac: (ac(self.y2_ac) * 155 / 100).max(8),
            },
            uv: Factors {
                dc: dc(self.uv_dc).min(132),
                ac: ac(self.uv_ac),
            },
        }
    }
}
