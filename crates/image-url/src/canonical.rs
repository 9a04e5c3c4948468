//! What a URL asks for, in the one spelling that all spellings of the same request share: the cache key.

use std::{
    fmt::Write as _,
    hash::{Hash, Hasher},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use crate::{
    combine::combine,
    digits::decimal,
    operation::{Bounds, Operation, Options, OutputFormat, Side},
    options::{Given, OptionFault, read_options, rotation, rotation_name, write_options},
    signature::SignedUrl,
    target::Uri,
};

/// Why a normalised path is not a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum UrlError {
    /// Not a path of this language: no such operation, or too few segments. A 404, as for any path that no nginx location
    /// matches.
    #[error(
        "no such path: write /resize/GEOMETRY/NAME, /crop/, /rotate/ or /preset/PRESET/NAME, or /size/NAME, /info/ or /original/"
    )]
    UnknownShape,
    /// A name that no original has: none at all, one that is not UTF-8, or one with a backslash or a control character. A 404.
    #[error("the name of the original {0}")]
    BadName(&'static str),
    /// The operation is known, its geometry is not understood: a side is not 1 to 65,535, a turn not 90, 180 or 270. A 400.
    #[error("the geometry {geometry:?} is not understood: write {expected}")]
    BadGeometry {
        /// The text between the operation and the first comma or slash.
        geometry: String,
        /// What the operation takes.
        expected: &'static str,
    },
    /// An option is unknown, given twice, out of range, or does not go with the rest. A 400.
    #[error("the option {option:?} {fault}")]
    BadOption {
        /// The name of the option, without its value.
        option: String,
        /// What is wrong with it.
        fault: OptionFault,
    },
    /// A preset that the site does not have. A 400.
    #[error("there is no preset {preset:?}")]
    UnknownPreset {
        /// The text between `/preset/` and the next slash.
        preset: String,
    },
    /// A site that serves presets only was asked for something else. A 400.
    #[error("only presets are served")]
    PresetsOnly,
}

impl UrlError {
    /// Whether there is no such path, a 404; else the path is known and something in it is wrong, a 400.
    pub fn is_no_path(&self) -> bool {
        matches!(self, Self::UnknownShape | Self::BadName(_))
    }
}

/// What stands for itself in a canonical path: the unreserved characters of RFC 3986 §2.3, the slash, and those of the
/// other `pchar` (§3.3) that no shell quoting, HTML or header needs escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// The geometries that each operation takes, for whoever wrote another.
const RESIZE: &str = "WIDTH, xHEIGHT or WIDTHxHEIGHT with sides of 1 to 65535";
const CROP: &str = "WIDTHxHEIGHT with sides of 1 to 65535";
const ROTATE: &str = "90, 180 or 270";

/// What is asked for, of whichever original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    operation: Operation,
    options: Options,
}

/// A request in its canonical spelling.
///
/// Two URLs ask for the same when their canonicals are equal: options are in one order and those that change nothing are
/// gone, numbers have no needless zeros, and everything is percent-encoded in one way. `==` and `Hash` look at [`path`](Self::path), which
/// says it all.
#[derive(Clone, Debug)]
pub struct Canonical {
    request: Request,
    path: Box<str>,
    /// Where the encoded name starts in `path`.
    name_at: usize,
    /// The name decoded, when it differs from what `path` has.
    decoded_name: Option<Box<str>>,
}

impl Canonical {
    /// Reads a normalised path, in the language without presets; with them see [`Language`](crate::Language).
    pub fn parse(uri: &Uri) -> Result<Self, UrlError> {
        let text =
            std::str::from_utf8(uri.as_bytes()).map_err(|_| UrlError::BadName("is not UTF-8"))?;
        let text = text.strip_prefix('/').unwrap_or(text);
        let (request, name) = read_request(text)?;
        Ok(Self::spell(request, name))
    }

    /// Reads the path of a URL whose signature was found right.
    pub fn from_signed(url: &SignedUrl<'_>) -> Result<Self, UrlError> {
        Self::parse(url.uri())
    }

    /// What is to be done.
    pub fn operation(&self) -> Operation {
        self.request.operation
    }

    /// How it is to be done; the default for `/size/`, `/info/` and `/original/`, which take no options.
    pub fn options(&self) -> Options {
        self.request.options
    }

    /// Whether the answer depends on the request's `Accept` (`f=auto`): then its
    /// [`AcceptClass`](crate::AcceptClass) belongs to the cache key, and `Vary: Accept` to every answer.
    pub fn varies_on_accept(&self) -> bool {
        self.request.options.format == Some(OutputFormat::Auto)
    }

    /// The name of the original, decoded: never empty, no leading slash, no `//`, no `.` or `..` segment, no backslash, no
    /// control character. It may end in a slash.
    pub fn name(&self) -> &str {
        self.decoded_name
            .as_deref()
            .unwrap_or_else(|| self.encoded_name())
    }

    /// The name of the original as it stands in [`path`](Self::path), percent-encoded.
    pub fn encoded_name(&self) -> &str {
        self.path.get(self.name_at..).unwrap_or_default()
    }

    /// The canonical path, percent-encoded, for example `/resize/300x200,q=80/cats/tom%20cat.jpg`.
    ///
    /// All but ASCII letters and digits, `-._~`, `/` and `!$()*+,:;=@` is escaped, with upper-case hex digits. Parsing
    /// it again gives an equal `Canonical`.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn spell(request: Request, name: &str) -> Self {
        let mut path = String::with_capacity(32 + name.len());
        write_operation(request.operation, &mut path);
        write_options(request.options, &mut path);
        path.push('/');
        let name_at = path.len();
        path.extend(utf8_percent_encode(name, ESCAPED));
        // Escapes only add, so an equal length is an equal text.
        let decoded_name = (path.len() - name_at != name.len()).then(|| name.into());
        Self {
            request,
            path: path.into(),
            name_at,
            decoded_name,
        }
    }
}

impl PartialEq for Canonical {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Canonical {}

impl Hash for Canonical {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

/// Percent-encodes a path as [`Canonical::path`] does.
pub(crate) fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// The first words of paths: the grammar's only list of them.
enum Word {
    /// The name follows.
    Bare(Operation),
    /// `geometry[,options]/` and the name follow.
    Shaped {
        geometry: fn(&str) -> Option<Operation>,
        expected: &'static str,
    },
}

impl Word {
    fn of(text: &str) -> Option<Self> {
        let shaped = |geometry, expected| Self::Shaped { geometry, expected };
        Some(match text {
            "size" => Self::Bare(Operation::Size),
            "info" => Self::Bare(Operation::Info),
            "original" => Self::Bare(Operation::Original),
            "resize" => shaped(resize, RESIZE),
            "crop" => shaped(crop, CROP),
            "rotate" => shaped(rotate, ROTATE),
            _ => return None,
        })
    }
}

/// Cuts a path without its first slash into its word, what stands before the name, and the name.
fn split(text: &str) -> Option<(Word, &str, &str)> {
    let (word, rest) = text.split_once('/')?;
    let word = Word::of(word)?;
    let (segment, name) = match word {
        Word::Bare(_) => ("", rest),
        Word::Shaped { .. } => rest.split_once('/')?,
    };
    Some((word, segment, name))
}

/// The name of the original in a canonical path, percent-encoded as it stands there; `None` for text that is no such path.
///
/// ```
/// assert_eq!(image_url::encoded_name_of("/resize/300x200,q=80/a%20b.jpg"), Some("a%20b.jpg"));
/// ```
pub fn encoded_name_of(path: &str) -> Option<&str> {
    let (_, _, name) = split(path.strip_prefix('/')?)?;
    Some(name)
}

/// Reads a path without its first slash, up to the name, which comes back.
pub(crate) fn read_request(text: &str) -> Result<(Request, &str), UrlError> {
    let (word, segment, name) = split(text).ok_or(UrlError::UnknownShape)?;
    check_name(name)?; // before the geometry, so that what is no path at all is a 404 in any case
    let request = match word {
        Word::Bare(operation) => Request {
            operation,
            options: Options::default(),
        },
        Word::Shaped { geometry, expected } => read_segment(segment, geometry, expected)?,
    };
    Ok((request, name))
}

/// Reads `geometry[,options]`.
fn read_segment(
    segment: &str,
    geometry: fn(&str) -> Option<Operation>,
    expected: &'static str,
) -> Result<Request, UrlError> {
    let (shape, options) = match segment.split_once(',') {
        Some((shape, options)) => (shape, Some(options)),
        None => (segment, None),
    };
    let operation = geometry(shape).ok_or_else(|| UrlError::BadGeometry {
        geometry: shape.to_owned(),
        expected,
    })?;
    let bad_option = |option: String, fault| UrlError::BadOption { option, fault };
    let given = match options {
        Some(text) => read_options(text).map_err(|(option, fault)| bad_option(option, fault))?,
        None => Given::default(),
    };
    let (operation, options) =
        combine(operation, given).map_err(|(option, fault)| bad_option(option.into(), fault))?;
    Ok(Request { operation, options })
}

pub(crate) fn check_name(name: &str) -> Result<(), UrlError> {
    if name.is_empty() {
        return Err(UrlError::BadName("is missing"));
    }
    if name.contains(|character: char| character == '\\' || character.is_control()) {
        return Err(UrlError::BadName(
            "holds a backslash or a control character",
        ));
    }
    Ok(())
}

fn resize(text: &str) -> Option<Operation> {
    Some(Operation::Resize(match text.split_once('x') {
        None => Bounds::Width(side(text)?),
        Some(("", height)) => Bounds::Height(side(height)?),
        Some((width, height)) => Bounds::Both(side(width)?, side(height)?),
    }))
}

fn crop(text: &str) -> Option<Operation> {
    let (width, height) = text.split_once('x')?;
    Some(Operation::Crop {
        width: side(width)?,
        height: side(height)?,
    })
}

fn rotate(text: &str) -> Option<Operation> {
    rotation(text).map(Operation::Rotate)
}

fn side(text: &str) -> Option<Side> {
    Side::new(u16::try_from(decimal(text)?).ok()?)
}

fn write_operation(operation: Operation, out: &mut String) {
    // Writing to a `String` cannot fail.
    let _ = match operation {
        Operation::Resize(Bounds::Both(width, height)) => write!(out, "/resize/{width}x{height}"),
        Operation::Resize(Bounds::Width(width)) => write!(out, "/resize/{width}"),
        Operation::Resize(Bounds::Height(height)) => write!(out, "/resize/x{height}"),
        Operation::Crop { width, height } => write!(out, "/crop/{width}x{height}"),
        Operation::Rotate(turn) => write!(out, "/rotate/{}", rotation_name(turn)),
        Operation::Size => write!(out, "/size"),
        Operation::Info => write!(out, "/info"),
        Operation::Original => write!(out, "/original"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        operation::{Format, Rotation},
        target::Target,
    };

    fn canonical(raw: &str) -> Result<Canonical, UrlError> {
        Canonical::parse(Target::parse(raw).unwrap().uri())
    }

    fn px(side: u16) -> Side {
        Side::new(side).unwrap()
    }

    #[test]
    fn every_operation_is_read() {
        for (raw, operation, name) in [
            (
                "/resize/300x200/cat.jpg",
                Operation::Resize(Bounds::Both(px(300), px(200))),
                "cat.jpg",
            ),
            (
                "/resize/300/cat.jpg",
                Operation::Resize(Bounds::Width(px(300))),
                "cat.jpg",
            ),
            (
                "/resize/x200/cat.jpg",
                Operation::Resize(Bounds::Height(px(200))),
                "cat.jpg",
            ),
            (
                "/crop/1x65535/a/b",
                Operation::Crop {
                    width: px(1),
                    height: px(65535),
                },
                "a/b",
            ),
            ("/rotate/90/a/", Operation::Rotate(Rotation::Quarter), "a/"),
            ("/rotate/180/a", Operation::Rotate(Rotation::Half), "a"),
            (
                "/rotate/270/a",
                Operation::Rotate(Rotation::ThreeQuarters),
                "a",
            ),
            ("/size/300x200,q=80/a", Operation::Size, "300x200,q=80/a"),
            ("/info/a/b", Operation::Info, "a/b"),
            ("/original/a%20b", Operation::Original, "a b"),
        ] {
            let canonical = canonical(raw).unwrap();
            assert_eq!(
                (canonical.operation(), canonical.name(), canonical.path()),
                (operation, name, raw)
            );
            assert_eq!(canonical.options(), Options::default());
        }
    }

    #[test]
    fn many_spellings_have_one_canonical() {
        for (raw, path) in [
            (
                "/resize/0300x00200,f=webp,q=080//cats/./tom cat.jpg",
                "/resize/300x200,q=80,f=webp/cats/tom%20cat.jpg",
            ),
            (
                "/%72esize/300%78200%2Cq=1/cat.jpg",
                "/resize/300x200,q=1/cat.jpg",
            ),
            ("/rotate/90,q=80/%63at.jpg", "/rotate/90,q=80/cat.jpg"),
            ("/size/кот.jpg", "/size/%D0%BA%D0%BE%D1%82.jpg"),
            (
                "/size/100%25%3f%23&'\"<>[]^`{|}",
                "/size/100%25%3F%23%26%27%22%3C%3E%5B%5D%5E%60%7B%7C%7D",
            ),
            (
                "/size/%2D%2E%5F%7E%21%24%28%29%2A%2B%2C%3A%3B%3D%40",
                "/size/-._~!$()*+,:;=@",
            ),
            ("/x/../size/a/", "/size/a/"),
        ] {
            assert_eq!(canonical(&raw.replace(' ', "%20")).unwrap().path(), path);
            assert_eq!(canonical(path).unwrap().path(), path);
        }
    }

    #[test]
    fn options_are_read() {
        let canonical = canonical("/resize/300x200,q=80,f=webp/cats/tom.jpg").unwrap();
        assert_eq!(
            canonical.options(),
            Options {
                quality: Some(80),
                format: Some(OutputFormat::Named(Format::WebP)),
                ..Options::default()
            }
        );
    }

    #[test]
    fn what_is_no_path_of_the_language_is_unknown() {
        for raw in [
            "/",
            "/resize",
            "/resize/",
            "/resize/300x200",
            "/resize/300x200/",
            "/resize/abc/",
            "/resize/cat.jpg",
            "/Resize/300x200/a",
            "/resized/300x200/a",
            "/size",
            "/size/",
            "/original/",
            "/original",
            "/cat.jpg",
            "/favicon.ico/x",
            "/size/%ff",
            "/size/a%5Cb",
            "/size/a%0Ab",
            "/size/a%7F",
            "/size/a%C2%85",
            "/resize/0x0/a%5Cb",
        ] {
            assert!(canonical(raw).unwrap_err().is_no_path(), "{raw}");
        }
    }

    #[test]
    fn a_geometry_that_is_not_understood_is_named() {
        for (raw, geometry) in [
            ("/resize/abc/x.jpg", "abc"),
            ("/resize/x/x.jpg", "x"),
            ("/resize/300x/x.jpg", "300x"),
            ("/resize/300X200/x.jpg", "300X200"),
            ("/resize/300x200x100/x.jpg", "300x200x100"),
            ("/resize/0x200/x.jpg", "0x200"),
            ("/resize/300x0/x.jpg", "300x0"),
            ("/resize/0/x.jpg", "0"),
            ("/resize/65536/x.jpg", "65536"),
            (
                "/resize/99999999999999999999999x1/x.jpg",
                "99999999999999999999999x1",
            ),
            ("/resize/-1x1/x.jpg", "-1x1"),
            ("/resize/+1x1/x.jpg", "+1x1"),
            ("/resize/,q=80/x.jpg", ""),
            ("/resize/cats/tom,q=1/x.jpg", "cats"),
            ("/crop/300/x.jpg", "300"),
            ("/crop/x200/x.jpg", "x200"),
            ("/rotate/45,q=80/x.jpg", "45"),
            ("/rotate/090/x.jpg", "090"),
        ] {
            let error = canonical(raw).unwrap_err();
            assert!(
                matches!(&error, UrlError::BadGeometry { geometry: named, .. } if named == geometry),
                "{raw}: {error}"
            );
        }
    }

    #[test]
    fn a_wrong_option_is_told_with_its_name() {
        let error = canonical("/crop/1x1,q=80,zoom=3/a").unwrap_err();
        assert_eq!(
            error,
            UrlError::BadOption {
                option: "zoom".into(),
                fault: OptionFault::Unknown
            }
        );
        assert_eq!(
            error.to_string(),
            "the option \"zoom\" is not known: there are q, f, rot, flip, g, fit, enlarge, bg, blur, sharpen, dpr, trim, \
             bytes, lossless"
        );
        assert_eq!(
            canonical("/crop/1x1,/a").unwrap_err(),
            UrlError::BadOption {
                option: String::new(),
                fault: OptionFault::Unknown
            }
        );
    }
}
