//! What a URL asks to be done with an original. Plain values: no text is read or written here.

use std::num::NonZeroU16;

/// A side in pixels, 1 to 65,535. nginx takes any unsigned number; a picture cannot be larger than this in JPEG.
pub type Side = NonZeroU16;

/// The first path segment and its geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `/resize/…`: fit inside the bounds, keep the ratio, never enlarge (nginx: `image_filter resize`).
    Resize(Bounds),
    /// `/crop/{W}x{H}/`: cover the box, cut its centre, never enlarge (nginx: `image_filter crop`).
    Crop {
        /// Width of the box.
        width: Side,
        /// Height of the box.
        height: Side,
    },
    /// `/rotate/{90|180|270}/`: anticlockwise (nginx: `image_filter rotate`).
    Rotate(Rotation),
    /// `/size/`: the dimensions as JSON (nginx: `image_filter size`).
    Size,
    /// `/info/`: what there is to know of a picture, as JSON.
    Info,
    /// `/original/`: the bytes as stored.
    Original,
}

/// The bounds of a resize; at least one side is given, so the two-sided and one-sided forms cannot be confused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bounds {
    /// `{W}x{H}`
    Both(Side, Side),
    /// `{W}`
    Width(Side),
    /// `x{H}`
    Height(Side),
}

/// A turn anticlockwise, as nginx turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// 90 degrees.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    ThreeQuarters,
}

/// What follows the geometry, comma-separated: `/resize/300x200,q=80,f=webp/…`. The default of each field is that of a
/// URL without the option.
///
/// The steps go in this order, whatever the order in the URL: trim, turn, flip, scale, cut or pad, blur, sharpen, encode.
///
/// Two options of a URL have no field, since they are gone once it is read: `dpr=` is in the sides, and `fit=cover` of
/// a resize is a [`Operation::Crop`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// `q=1` to `q=100`: quality of a lossy encoder; the resizer's default when absent.
    pub quality: Option<u8>,
    /// `f=`: output format; the original's when absent.
    pub format: Option<OutputFormat>,
    /// `rot=`: a turn before the sides are looked at. Never on [`Operation::Rotate`]; never half or three quarters
    /// together with a flip, since the same can be said with less.
    pub turn: Option<Rotation>,
    /// `flip=`: a mirroring after the turn.
    pub flip: Option<Flip>,
    /// `g=`: what a cut keeps, or where a picture lies on its canvas; on [`Operation::Crop`] and with [`Fit::Pad`] only,
    /// and there neither a focal point nor [`Gravity::Smart`].
    pub gravity: Gravity,
    /// `fit=`: how a resize comes to its box. Other than [`Fit::Inside`] only on [`Bounds::Both`].
    pub fit: Fit,
    /// `enlarge=1`: a picture that is smaller than asked for is scaled up.
    pub enlarge: bool,
    /// `bg=`: laid below what is transparent, and around what is padded. Never wholly transparent: that is `None`.
    pub background: Option<Colour>,
    /// `blur=`: a Gaussian blur of the result.
    pub blur: Option<Sigma>,
    /// `sharpen=0` to `100`: of the result (nginx: `image_filter_sharpen`); 0 leaves it as it is.
    pub sharpen: u8,
    /// `trim=0` to `100`: cuts borders of one colour off, before all else; how far a pixel may be from that colour, in
    /// percent.
    pub trim: Option<u8>,
    /// `bytes=100` to `100000000`: the largest size of the result, in bytes.
    pub max_bytes: Option<u32>,
    /// `lossless=1`: where the format can be without loss. Never together with a quality or a largest size, nor with a
    /// named format that cannot.
    pub lossless: bool,
}

/// `f=`: what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// `f=jpeg` and so on.
    Named(Format),
    /// `f=auto`: what the client accepts, see [`AcceptClass`](crate::AcceptClass).
    Auto,
}

/// A mirroring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flip {
    /// `h`: left becomes right.
    Horizontal,
    /// `v`: top becomes bottom.
    Vertical,
    /// `hv`: both, which is half a turn; it stays only on `/rotate/180/`, which it undoes.
    Both,
}

/// How a resize comes to its box. `fit=cover` is a [`Operation::Crop`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Inside the box, ratio kept: nginx's resize.
    #[default]
    Inside,
    /// Exactly the box, ratio not kept. Without `enlarge` no side becomes longer than it was.
    Fill,
    /// Inside the box, ratio kept, then laid on a canvas of exactly the box.
    Pad,
}

/// What a cut keeps, or where a picture lies on a canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gravity {
    /// `g=center`
    #[default]
    Centre,
    /// `g=n`
    North,
    /// `g=ne`
    NorthEast,
    /// `g=e`
    East,
    /// `g=se`
    SouthEast,
    /// `g=s`
    South,
    /// `g=sw`
    SouthWest,
    /// `g=w`
    West,
    /// `g=nw`
    NorthWest,
    /// `g=smart`: where the eye goes.
    Smart,
    /// `g=fp:X:Y`: this point of the picture is as near to the middle of the cut as the edges let it.
    FocalPoint(FocalPoint),
}

/// A point of a picture as it is seen, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FocalPoint {
    x: u16,
    y: u16,
}

impl FocalPoint {
    /// A point in thousandths of the sides; each 0 to 1,000.
    pub fn from_thousandths(x: u16, y: u16) -> Option<Self> {
        (x <= 1000 && y <= 1000).then_some(Self { x, y })
    }

    /// Thousandths of the width, 0 to 1,000.
    pub fn x_thousandths(self) -> u16 {
        self.x
    }

    /// Thousandths of the height, 0 to 1,000.
    pub fn y_thousandths(self) -> u16 {
        self.y
    }
}

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
    /// 0 is transparent, 255 opaque; the colours are not multiplied with it.
    pub alpha: u8,
}

/// The standard deviation of a Gaussian blur, 0.1 to 100 pixels of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sigma(u16);

impl Sigma {
    /// A deviation in tenths of a pixel, 1 to 1,000.
    pub fn from_tenths(tenths: u16) -> Option<Self> {
        (1..=1000).contains(&tenths).then_some(Self(tenths))
    }

    /// In tenths of a pixel, 1 to 1,000.
    pub fn tenths(self) -> u16 {
        self.0
    }

    /// In pixels, 0.1 to 100.
    pub fn pixels(self) -> f32 {
        f32::from(self.0) / 10.0
    }
}

/// The picture formats that Tandem writes; all but AVIF it reads as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/gif`
    Gif,
    /// `image/webp`
    WebP,
    /// `image/avif`
    Avif,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Gif, Self::WebP, Self::Avif];

    /// The name used in URLs (`f=`) and in the answer of `/size/`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Avif => "avif",
        }
    }

    /// The media type of RFC 9110 §8.3.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
        }
    }
}
