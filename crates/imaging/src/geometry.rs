//! Output sizes, exactly as `ngx_http_image_filter_module` computes them: integers, truncated, never below 1. What nginx
//! does not have (enlarging, other fits, gravity) is built on the same arithmetic.

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Width, at least 1.
    pub(crate) width: u32,
    /// Height, at least 1.
    pub(crate) height: u32,
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Area {
    /// All of a picture.
    pub(crate) const fn whole(size: Size) -> Self {
        Self {
            left: 0,
            top: 0,
            width: size.width,
            height: size.height,
        }
    }

    pub(crate) const fn size(self) -> Size {
        Size {
            width: self.width,
            height: self.height,
        }
    }

    /// The part of it that lies within a picture, if any does.
    pub(crate) fn within(self, width: u32, height: u32) -> Option<Self> {
        let right = self.left.saturating_add(self.width).min(width);
        let bottom = self.top.saturating_add(self.height).min(height);
        (self.left < right && self.top < bottom).then(|| Self {
            width: right - self.left,
            height: bottom - self.top,
            ..self
        })
    }
}

/// How a picture comes to its size: scaled first, then cut, then laid on a canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The size to scale to.
    pub(crate) scaled: Size,
    /// What remains of the scaled picture.
    pub(crate) cut: Area,
    /// The canvas that it is laid on, for [`Fit::Pad`].
    pub(crate) canvas: Option<Size>,
}

/// The size that is asked for, and how to come to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// Width and height of the box, of which one may be free; `None` keeps the size.
    pub(crate) bounds: Option<Box>,
    pub(crate) fit: Fit,
    /// Whether a picture smaller than the box becomes larger. nginx never enlarges.
    pub(crate) enlarge: bool,
}

/// The box, of which one side may be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Box {
    Both(u32, u32),
    Width(u32),
    Height(u32),
}

/// The plan for a picture of this size, as it is to be looked at. Cuts are centred, as nginx cuts; see [`Plan::placed`].
pub(crate) fn plan(size: Size, shape: Shape) -> Plan {
    let Some(bounds) = shape.bounds else {
        return whole(size);
    };
    let enlarge = shape.enlarge;
    let Box::Both(width, height) = bounds else {
        // There is nothing to cover, fill or pad on a side that is free.
        return whole(inside(size, bounds, enlarge));
    };
    match shape.fit {
        Fit::Inside => whole(inside(size, bounds, enlarge)),
        Fit::Cover => cover(size, width, height, enlarge),
        Fit::Fill => whole(Size {
            width: if enlarge {
                width
            } else {
                width.min(size.width)
            },
            height: if enlarge {
                height
            } else {
                height.min(size.height)
            },
        }),
        Fit::Pad => Plan {
            canvas: Some(Size { width, height }),
            ..whole(inside(size, bounds, enlarge))
        },
    }
}

impl Plan {
    /// The size of the result.
    pub(crate) fn size(&self) -> Size {
        self.canvas.unwrap_or(self.cut.size())
    }

    /// The same plan with its cut at another place.
    pub(crate) fn placed(mut self, place: Place) -> Self {
        let (left, top) = place.within(self.scaled, self.cut.size());
        (self.cut.left, self.cut.top) = (left, top);
        self
    }

    /// The part that one side of the scaled picture has left after the cut, 0 to 1, across and down.
    pub(crate) fn window(&self) -> (f64, f64) {
        (
            f64::from(self.cut.width) / f64::from(self.scaled.width),
            f64::from(self.cut.height) / f64::from(self.scaled.height),
        )
    }
}

/// Where a smaller rectangle lies in a larger one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// In halves of what is left over: 0 is the left or upper edge, 1 the middle, 2 the right or lower edge.
    Anchor(u32, u32),
    /// Around a point, 0 to 1 across and down, as near as the edges let it.
    Point(f64, f64),
}

impl Place {
    /// Left and upper edge.
    pub(crate) fn within(self, outer: Size, inner: Size) -> (u32, u32) {
        let over = |outer: u32, inner: u32| outer.saturating_sub(inner);
        let over_width = over(outer.width, inner.width);
        let over_height = over(outer.height, inner.height);
        match self {
            Self::Anchor(across, down) => (over_width * across / 2, over_height * down / 2),
            Self::Point(across, down) => {
                let start = |point: f64, outer: u32, inner: u32, over: u32| {
                    let start = point * f64::from(outer) - f64::from(inner) / 2.0;
                    start.round().clamp(0.0, f64::from(over)) as u32
                };
                (
                    start(across, outer.width, inner.width, over_width),
                    start(down, outer.height, inner.height, over_height),
                )
            }
        }
    }
}

fn whole(scaled: Size) -> Plan {
    Plan {
        scaled,
        cut: Area::whole(scaled),
        canvas: None,
    }
}

fn inside(size: Size, bounds: Box, enlarge: bool) -> Size {
    let (width, height) = match bounds {
        Box::Both(width, height) => (width, height),
        Box::Width(width) => (width, u32::MAX),
        Box::Height(height) => (u32::MAX, height),
    };
    if !enlarge || size.width > width || size.height > height {
        return to_height(to_width(size, width), height);
    }
    if narrower(size, width, height) {
        Size {
            width: scale(size.width, height, size.height),
            height,
        }
    } else {
        Size {
            width,
            height: scale(size.height, width, size.width),
        }
    }
}

fn cover(size: Size, width: u32, height: u32, enlarge: bool) -> Plan {
    let mut scaled = if narrower(size, width, height) {
        if enlarge && size.width < width {
            Size {
                width,
                height: scale(size.height, width, size.width).max(height),
            }
        } else {
            to_width(size, width)
        }
    } else if enlarge && size.height < height {
        Size {
            width: scale(size.width, height, size.height).max(width),
            height,
        }
    } else {
        to_height(size, height)
    };
    if enlarge {
        // Truncation must not leave a box that is one pixel short.
        scaled.width = scaled.width.max(width);
        scaled.height = scaled.height.max(height);
    }
    let over_width = scaled.width.saturating_sub(width);
    let over_height = scaled.height.saturating_sub(height);
    Plan {
        scaled,
        cut: Area {
            left: over_width / 2,
            top: over_height / 2,
            width: scaled.width - over_width,
            height: scaled.height - over_height,
        },
        canvas: None,
    }
}

/// nginx compares the ratios as doubles, so do we.
fn narrower(size: Size, width: u32, height: u32) -> bool {
    f64::from(size.width) / f64::from(size.height) < f64::from(width) / f64::from(height)
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
    let scaled = u64::from(side) * u64::from(to) / u64::from(from);
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

/// How a picture and its box go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Within the box.
    Inside,
    /// Over the box, and what hangs out cut off.
    Cover,
    /// Exactly the box, whatever becomes of the ratio.
    Fill,
    /// Within the box, on a canvas of its size.
    Pad,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wishes::Wishes;
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
            let canonical = Canonical::parse(target.uri()).unwrap();
            let wishes = Wishes::of(canonical.operation(), canonical.options());
            let size = Size {
                width: number(0),
                height: number(1),
            };
            let size = plan(wishes.turn.size(size), wishes.shape).size();
            assert_eq!((size.width, size.height), (number(3), number(4)), "{row:?}");
            count += 1;
        }
        assert_eq!(count, 294);
    }

    fn planned(size: (u32, u32), to: (u32, u32), fit: Fit, enlarge: bool) -> Plan {
        let size = Size {
            width: size.0,
            height: size.1,
        };
        let shape = Shape {
            bounds: Some(Box::Both(to.0, to.1)),
            fit,
            enlarge,
        };
        plan(size, shape)
    }

    #[test]
    fn a_cut_lies_within_the_scaled_picture() {
        let places = [
            Place::Anchor(0, 0),
            Place::Anchor(1, 2),
            Place::Point(0.0, 0.0),
            Place::Point(1.0, 0.3),
        ];
        for size in [(1, 1), (1, 5000), (5000, 1), (4000, 3000), (99, 101)] {
            for to in [(1, 1), (100, 100), (300, 20), (20, 300), (65_535, 1)] {
                for enlarge in [false, true] {
                    for place in places {
                        let plan = planned(size, to, Fit::Cover, enlarge).placed(place);
                        assert!(plan.cut.left + plan.cut.width <= plan.scaled.width);
                        assert!(plan.cut.top + plan.cut.height <= plan.scaled.height);
                        assert!(!enlarge || (plan.cut.width, plan.cut.height) == to);
                    }
                }
            }
        }
    }

    #[test]
    fn every_fit_has_its_size() {
        use Fit::{Cover, Fill, Inside, Pad};
        for (size, to, fit, enlarge, expected) in [
            ((400, 300), (200, 200), Inside, false, (200, 150)),
            ((400, 300), (200, 200), Cover, false, (200, 200)),
            ((400, 300), (200, 200), Fill, false, (200, 200)),
            ((400, 300), (200, 200), Pad, false, (200, 200)),
            ((100, 50), (200, 200), Inside, false, (100, 50)),
            ((100, 50), (200, 200), Inside, true, (200, 100)),
            ((100, 50), (200, 200), Cover, false, (100, 50)),
            ((100, 50), (200, 200), Cover, true, (200, 200)),
            ((100, 50), (200, 20), Fill, false, (100, 20)),
            ((100, 50), (200, 20), Fill, true, (200, 20)),
            ((100, 50), (200, 200), Pad, false, (200, 200)),
            ((300, 50), (200, 200), Inside, true, (200, 33)),
        ] {
            let plan = planned(size, to, fit, enlarge);
            let got = (plan.size().width, plan.size().height);
            assert_eq!(got, expected, "{size:?} {to:?} {fit:?} {enlarge}");
        }
    }

    #[test]
    fn gravity_says_where_the_rest_goes() {
        let outer = Size {
            width: 100,
            height: 80,
        };
        let inner = Size {
            width: 40,
            height: 80,
        };
        for (place, left) in [
            (Place::Anchor(0, 0), 0),
            (Place::Anchor(1, 1), 30),
            (Place::Anchor(2, 2), 60),
            (Place::Point(0.5, 0.9), 30),
            (Place::Point(0.25, 0.0), 5),
            (Place::Point(0.1, 0.0), 0),
            (Place::Point(0.95, 0.0), 60),
        ] {
            assert_eq!(place.within(outer, inner), (left, 0), "{place:?}");
        }
    }
}
