//! Brings the lines of a component up to the size of the picture, by the same filters as libjpeg: a triangle filter
//! where a component has half the samples, otherwise the nearest sample.

use crate::plane::Plane;

/// How the lines of one component are brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upsampling {
    /// As many samples as the picture has.
    None,
    /// Half as many in a line (4:2:2).
    H2V1,
    /// Half as many lines (4:4:0).
    H1V2,
    /// Half as many in both directions (4:2:0).
    H2V2,
    /// `have` of every `want` samples, in each direction, as `(have, want)`.
    Nearest {
        h: (usize, usize),
        v: (usize, usize),
    },
}

impl Upsampling {
    /// For a component that has `have` of `want` samples along each axis, as `(have, want)`.
    pub(crate) fn new(h: (usize, usize), v: (usize, usize)) -> Self {
        let half = |(have, want): (usize, usize)| 2 * have == want;
        let same = |(have, want): (usize, usize)| have == want;
        if same(h) && same(v) {
            Self::None
        } else if half(h) && same(v) {
            Self::H2V1
        } else if same(h) && half(v) {
            Self::H1V2
        } else if half(h) && half(v) {
            Self::H2V2
        } else {
            Self::Nearest { h, v }
        }
    }

    /// Whether a line needs the lines above and below, so that the last line of a strip must wait for the next.
    pub(crate) fn looks_ahead(self) -> bool {
        matches!(self, Self::H1V2 | Self::H2V2)
    }

    /// Line `y` of the picture, `width` samples or more. `line` is room for it, `work` for what comes between.
    pub(crate) fn line<'a>(
        self,
        plane: &'a Plane,
        y: usize,
        width: usize,
        line: &'a mut Vec<u8>,
        work: &mut Vec<u16>,
    ) -> &'a [u8] {
        match self {
            Self::None => return plane.line(y),
            Self::H2V1 => {
                line.resize(2 * plane.width, 0);
                padded(work, plane.line(y).iter().map(|&sample| u16::from(sample)));
                double(
                    work,
                    line,
                    |near, far| (3 * near + far + 1) >> 2,
                    |near, far| (3 * near + far + 2) >> 2,
                );
            }
            Self::H1V2 => {
                line.resize(plane.width, 0);
                let (near, far) = near_and_far(plane, y);
                let bias = if y.is_multiple_of(2) { 1 } else { 2 };
                for ((to, &near), &far) in line.iter_mut().zip(near).zip(far) {
                    *to = ((3 * u16::from(near) + u16::from(far) + bias) >> 2) as u8;
                }
            }
            Self::H2V2 => {
                line.resize(2 * plane.width, 0);
                let (near, far) = near_and_far(plane, y);
                let sums = near
                    .iter()
                    .zip(far)
                    .map(|(&near, &far)| 3 * u16::from(near) + u16::from(far));
                padded(work, sums);
                double(
                    work,
                    line,
                    |near, far| (3 * near + far + 8) >> 4,
                    |near, far| (3 * near + far + 7) >> 4,
                );
            }
            Self::Nearest { h, v } => {
                let from = plane.line(y * v.0 / v.1);
                line.clear();
                line.extend((0..width).map(|x| {
                    let x = (x * h.0 / h.1).min(from.len().saturating_sub(1));
                    from.get(x).copied().unwrap_or_default()
                }));
            }
        }
        line
    }
}

/// The line that lies over line `y` of a picture with twice the lines, and the next nearest one.
fn near_and_far(plane: &Plane, y: usize) -> (&[u8], &[u8]) {
    let near = y / 2;
    let far = if y.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        near + 1
    };
    (plane.line(near), plane.line(far))
}

/// The values with the first and the last one doubled, so that each has two neighbours.
fn padded(work: &mut Vec<u16>, values: impl Iterator<Item = u16>) {
    work.clear();
    work.push(0);
    work.extend(values);
    if let (Some(&first), Some(&last)) = (work.get(1), work.last()) {
        work[0] = first;
        work.push(last);
    }
}

/// Two samples for each value: one towards the value before, one towards the value after.
#[inline(always)]
fn double(
    work: &[u16],
    line: &mut [u8],
    before: impl Fn(u16, u16) -> u16,
    after: impl Fn(u16, u16) -> u16,
) {
    let (Some(near), Some(next)) = (work.get(1..), work.get(2..)) else {
        return;
    };
    for (((to, &previous), &near), &next) in line
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(work)
        .zip(near)
        .zip(next)
    {
        *to = [before(near, previous) as u8, after(near, next) as u8];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, lines: &[&[u8]]) -> Plane {
        let mut plane = Plane::new(width, lines.len(), width, lines.len());
        for (y, line) in lines.iter().enumerate() {
            plane.from(0, y)[..width].copy_from_slice(line);
        }
        plane
    }

    fn lines(upsampling: Upsampling, plane: &Plane, width: usize, height: usize) -> Vec<Vec<u8>> {
        (0..height)
            .map(|y| {
                upsampling.line(plane, y, width, &mut Vec::new(), &mut Vec::new())[..width].to_vec()
            })
            .collect()
    }

    #[test]
    fn the_filter_follows_from_the_ratios() {
        let table = [
            ((2, 2), (1, 1), Upsampling::None),
            ((1, 2), (2, 2), Upsampling::H2V1),
            ((3, 3), (2, 4), Upsampling::H1V2),
            ((1, 2), (1, 2), Upsampling::H2V2),
            (
                (1, 4),
                (1, 1),
                Upsampling::Nearest {
                    h: (1, 4),
                    v: (1, 1),
                },
            ),
            (
                (2, 3),
                (1, 2),
                Upsampling::Nearest {
                    h: (2, 3),
                    v: (1, 2),
                },
            ),
        ];
        for (h, v, expected) in table {
            assert_eq!(Upsampling::new(h, v), expected);
        }
    }

    #[test]
    fn the_triangle_filters_are_those_of_libjpeg() {
        let row = plane(3, &[&[0, 100, 200]]);
        assert_eq!(
            lines(Upsampling::H2V1, &row, 6, 1),
            [[0, 25, 75, 125, 175, 200]]
        );
        let column = plane(1, &[&[0], &[100]]);
        assert_eq!(
            lines(Upsampling::H1V2, &column, 1, 4),
            [[0], [25], [75], [100]]
        );
        let square = plane(2, &[&[0, 160], &[160, 160]]);
        assert_eq!(
            lines(Upsampling::H2V2, &square, 4, 4),
            [
                [0, 40, 120, 160],
                [40, 70, 130, 160],
                [120, 130, 150, 160],
                [160, 160, 160, 160]
            ]
        );
    }

    #[test]
    fn other_ratios_take_the_nearest_sample() {
        let row = plane(2, &[&[10, 20]]);
        let thirds = Upsampling::Nearest {
            h: (1, 3),
            v: (1, 3),
        };
        assert_eq!(
            lines(thirds, &row, 5, 2),
            [[10, 10, 10, 20, 20], [10, 10, 10, 20, 20]]
        );
        let two_of_three = Upsampling::Nearest {
            h: (2, 3),
            v: (1, 1),
        };
        assert_eq!(lines(two_of_three, &row, 3, 1), [[10, 10, 20]]);
    }
}
