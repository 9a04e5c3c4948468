//! The picture formats.

/// The picture formats that Tandem reads and writes.
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

impl From<image_url::Format> for Format {
    fn from(format: image_url::Format) -> Self {
        match format {
            image_url::Format::Jpeg => Self::Jpeg,
            image_url::Format::Png => Self::Png,
            image_url::Format::Gif => Self::Gif,
            image_url::Format::WebP => Self::WebP,
        }
    }
}
