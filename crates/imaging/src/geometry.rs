//! Output sizes, exactly as `ngx_http_image_filter_module` computes them: integers, truncated, never below 1.

use image_url::{Bounds, Operation, Rotation};

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}

/// How a picture comes to its size: scaled first, then cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The size to scale to; never larger than the picture.
    pub scaled: Size,
    /// Left edge of the cut within the scaled picture.
    pub left: u32,
    /// Upper edge of the cut within the scaled picture.
    pub top: u32,
    /// The size of the result before any turn.
    pub cut: Size,
}

/// The plan for a picture of this size, as it is to be looked at.
pub fn plan(size: Size, operation: Operation) -> Plan {
    match operation {
        Operation::Resize(bounds) => {
            let (width, height) = match bounds {
                Bounds::Both(width, height) => (u32::from(width.get()), u32::from(height.get())),
                Bounds::Width(width) => (u32::from(width.get()), u32::MAX),
                Bounds::Height(height) => (u32::MAX, u32::from(height.get())),
            };
            whole(to_height(to_width(size, width), height))
        }
        Operation::Crop { width, height } => {
            crop(size, u32::from(width.get()), u32::from(height.get()))
        }
        Operation::Rotate(_) | Operation::Size | Operation::Info | Operation::Original => {
            whole(size)
        }
    }
}

/// The size of the result of an operation.
pub fn output_size(size: Size, operation: Operation) -> Size {
    let cut = plan(size, operation).cut;
    match operation {
        Operation::Rotate(Rotation::Quarter | Rotation::ThreeQuarters) => Size {
            width: cut.height,
            height: cut.width,
        },
        _ => cut,
    }
}

fn crop(size: Size, width: u32, height: u32) -> Plan {
    // nginx compares the ratios as doubles, so do we.
    let narrower =
        f64::from(size.width) / f64::from(size.height) < f64::from(width) / f64::from(height);
    let scaled = if narrower {
        to_width(size, width)
    } else {
        to_height(size, height)
    };
    let over_width = scaled.width.saturating_sub(width);
    let over_height = scaled.height.saturating_sub(height);
    Plan {
        scaled,
        left: over_width / 2,
        top: over_height / 2,
        cut: Size {
            width: scaled.width - over_width,
            height: scaled.height - over_height,
        },
    }
}

fn whole(scaled: Size) -> Plan {
    Plan {
        scaled,
        left: 0,
        top: 0,
        cut: scaled,
    }
}

fn to_width(size: Size, width: u32) -> Size {
    if size.width <= width {
        return size;
    }
    Size {
        width,
        height: scale(size.height, width, size.width),
    }
}

fn to_height(size: Size, height: u32) -> Size {
    if size.height <= height {
        return size;
    }
    Size {
        width: scale(size.width, height, size.height),
        height,
    }
}

fn scale(side: u32, to: u32, from: u32) -> u32 {
    (u64::from(side) * u64::from(to) / u64::from(from)).max(1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_url::{Canonical, Target};

    /// What nginx 1.22 made of these sizes.
    #[test]
    fn sizes_are_nginx_s_in_every_row() {
        let mut rows = csv::Reader::from_path(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/geometry.csv"
        ))
        .unwrap();
        let mut count = 0;
        for row in rows.records() {
            let row = row.unwrap();
            let number = |column: usize| row[column].parse::<u32>().unwrap();
            let target = Target::parse(&format!("/{}/a.jpg", &row[2])).unwrap();
            let operation = Canonical::parse(target.uri()).unwrap().operation();
            let size = output_size(
                Size {
                    width: number(0),
                    height: number(1),
                },
                operation,
            );
            assert_eq!(
                size,
                Size {
                    width: number(3),
                    height: number(4)
                },
                "{row:?}"
            );
            count += 1;
        }
        assert_eq!(count, 294);
    }

    #[test]
    fn a_cut_lies_within_the_scaled_picture() {
        let side = |side: u16| side.try_into().unwrap();
        for (width, height) in [(1, 1), (1, 5000), (5000, 1), (4000, 3000), (99, 101)] {
            for (to_width, to_height) in [(1, 1), (100, 100), (300, 20), (20, 300), (65_535, 1)] {
                let operation = Operation::Crop {
                    width: side(to_width),
                    height: side(to_height),
                };
                let plan = plan(Size { width, height }, operation);
                assert!(plan.left + plan.cut.width <= plan.scaled.width);
                assert!(plan.top + plan.cut.height <= plan.scaled.height);
            }
        }
    }
}
