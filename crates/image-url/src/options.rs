//! How options are spelt (`,q=80,f=webp`): one table row for each, in canonical order.
//!
//! A new option is a field of [`Options`] and a row of [`TABLE`]; what it goes with is said in `combine`.

use thiserror::Error;

use crate::{
    digits::{decimal, fixed, write_fixed},
    operation::{
        Colour, Flip, FocalPoint, Format, Gravity, Options, OutputFormat, Rotation, Sigma,
    },
};

/// What is wrong with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum OptionFault {
    /// No option has this name, or there is no `=`.
    #[error("is not known: there are {}", known())]
    Unknown,
    /// The option was given before; which of two would count is not for a reader to guess.
    #[error("is given twice")]
    Duplicate,
    /// The value is not one of those that the option takes, which are named.
    #[error("has a value that it does not take: it takes {0}")]
    BadValue(&'static str),
    /// Nothing that this operation does could heed the option.
    #[error("has no meaning with this operation")]
    Misplaced,
    /// A box has two sides.
    #[error("needs both sides in the geometry")]
    NeedsBothSides,
    /// Two options that cannot both be heeded.
    #[error("contradicts {0}=")]
    Contradicts(&'static str),
    /// A side beyond 65,535 pixels, or a blur beyond its range, once multiplied.
    #[error("makes a side or a blur larger than it may be")]
    TooLarge,
}

/// Options as they are written, each by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Given {
    /// What has a field of its own, but for `fit`.
    pub(crate) options: Options,
    pub(crate) fit: Option<GivenFit>,
    /// `dpr=`, in tenths.
    pub(crate) pixel_ratio: Option<u8>,
}

/// A word behind `fit=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenFit {
    Inside,
    Cover,
    Fill,
    Pad,
}

/// One option: how it is spelt, read and written.
struct Spec {
    key: &'static str,
    /// The values it takes, for whoever wrote another.
    takes: &'static str,
    /// Sets the field from the text behind `=`; `None` when the value is not taken.
    read: fn(&mut Given, &str) -> Option<()>,
    /// The text behind `=`, or `None` when the option is not set. Characters that stand for themselves in a path only.
    write: fn(&Options) -> Option<String>,
}

/// Every option. The order is the canonical one, whatever order a URL has them in, so a new row goes last: a row put
/// in between would change the cache keys of URLs that are in use.
const TABLE: &[Spec] = &[
    // Quality of a lossy encoder, 1 to 100.
    Spec {
        key: "q",
        takes: "1 to 100",
        read: |given, value| {
            given.options.quality = Some(whole(value, 1, 100)?);
            Some(())
        },
        write: |options| options.quality.map(|quality| quality.to_string()),
    },
    // Output format: jpeg, png, gif, webp, avif, or auto for the best that the client accepts.
    Spec {
        key: "f",
        takes: "jpeg, png, gif, webp, avif or auto",
        read: |given, value| {
            given.options.format = Some(format_named(value)?);
            Some(())
        },
        write: |options| options.format.map(|format| format_name(format).to_owned()),
    },
    // Turn anticlockwise before the sides are looked at: 90, 180 or 270; 0 is none.
    Spec {
        key: "rot",
        takes: "0, 90, 180 or 270",
        read: |given, value| {
            given.options.turn = match value {
                "0" => None,
                _ => Some(rotation(value)?),
            };
            Some(())
        },
        write: |options| options.turn.map(|turn| rotation_name(turn).to_owned()),
    },
    // Mirror after the turn: h, v or hv.
    Spec {
        key: "flip",
        takes: "h, v or hv",
        read: |given, value| {
            given.options.flip = Some(FLIPS.iter().find(|(name, _)| *name == value)?.1);
            Some(())
        },
        write: |options| {
            let flip = options.flip?;
            let (name, _) = FLIPS.iter().find(|(_, other)| *other == flip)?;
            Some((*name).to_owned())
        },
    },
    // What a cut keeps: center, n, ne, e, se, s, sw, w, nw, smart, or fp:X:Y with fractions of the sides.
    Spec {
        key: "g",
        takes: "center, n, ne, e, se, s, sw, w, nw, smart or fp:X:Y with X and Y of 0 to 1",
        read: |given, value| {
            given.options.gravity = gravity(value)?;
            Some(())
        },
        write: |options| match options.gravity {
            Gravity::Centre => None,
            gravity => Some(gravity_name(gravity)),
        },
    },
    // How a resize comes to its box: inside, cover, fill or pad.
    Spec {
        key: "fit",
        takes: "inside, cover, fill or pad",
        read: |given, value| {
            given.fit = Some(match value {
                "inside" => GivenFit::Inside,
                "cover" => GivenFit::Cover,
                "fill" => GivenFit::Fill,
                "pad" => GivenFit::Pad,
                _ => return None,
            });
            Some(())
        },
        write: |options| match options.fit {
            crate::Fit::Inside => None,
            crate::Fit::Fill => Some("fill".to_owned()),
            crate::Fit::Pad => Some("pad".to_owned()),
        },
    },
    // Whether what is smaller is scaled up: 1, or 0 for not.
    Spec {
        key: "enlarge",
        takes: "0 or 1",
        read: |given, value| {
            given.options.enlarge = switch(value)?;
            Some(())
        },
        write: |options| options.enlarge.then(|| "1".to_owned()),
    },
    // Background: RRGGBB or RRGGBBAA, hex. A wholly transparent one is none.
    Spec {
        key: "bg",
        takes: "RRGGBB or RRGGBBAA",
        read: |given, value| {
            given.options.background = Some(colour(value)?).filter(|colour| colour.alpha > 0);
            Some(())
        },
        write: |options| options.background.map(colour_name),
    },
    // Gaussian blur: sigma in pixels, 0.1 to 100 in tenths; 0 is none.
    Spec {
        key: "blur",
        takes: "0, or 0.1 to 100 in tenths",
        read: |given, value| {
            given.options.blur = match u16::try_from(fixed(value, 1)?).ok()? {
                0 => None,
                tenths => Some(Sigma::from_tenths(tenths)?),
            };
            Some(())
        },
        write: |options| {
            let sigma = options.blur?;
            Some(write_fixed(sigma.tenths().into(), 1))
        },
    },
    // Sharpening, 0 to 100 (nginx: image_filter_sharpen); 0 is none.
    Spec {
        key: "sharpen",
        takes: "0 to 100",
        read: |given, value| {
            given.options.sharpen = whole(value, 0, 100)?;
            Some(())
        },
        write: |options| (options.sharpen > 0).then(|| options.sharpen.to_string()),
    },
    // Pixels of the screen to each pixel asked for, 0.5 to 4 in tenths: multiplies the sides and the blur, and is gone.
    Spec {
        key: "dpr",
        takes: "0.5 to 4 in tenths",
        read: |given, value| {
            let tenths = u8::try_from(fixed(value, 1)?).ok()?;
            given.pixel_ratio = Some(tenths).filter(|tenths| (5..=40).contains(tenths));
            given.pixel_ratio.map(|_| ())
        },
        write: |_| None,
    },
    // Borders of one colour are cut off: tolerance in percent, 0 to 100.
    Spec {
        key: "trim",
        takes: "0 to 100",
        read: |given, value| {
            given.options.trim = Some(whole(value, 0, 100)?);
            Some(())
        },
        write: |options| options.trim.map(|tolerance| tolerance.to_string()),
    },
    // Largest result in bytes, 100 to 100,000,000; k is a thousand, m a million.
    Spec {
        key: "bytes",
        takes: "100 to 100000000, 50k or 2m for example",
        read: |given, value| {
            given.options.max_bytes = Some(size(value)?);
            Some(())
        },
        write: |options| options.max_bytes.map(|bytes| bytes.to_string()),
    },
    // Without loss: 1, or 0 for not.
    Spec {
        key: "lossless",
        takes: "0 or 1",
        read: |given, value| {
            given.options.lossless = switch(value)?;
            Some(())
        },
        write: |options| options.lossless.then(|| "1".to_owned()),
    },
];

/// The names of all options.
fn known() -> String {
    let keys: Vec<&str> = TABLE.iter().map(|spec| spec.key).collect();
    keys.join(", ")
}

const AUTO: &str = "auto";

const FLIPS: &[(&str, Flip)] = &[
    ("h", Flip::Horizontal),
    ("v", Flip::Vertical),
    ("hv", Flip::Both),
];

const GRAVITIES: &[(&str, Gravity)] = &[
    ("center", Gravity::Centre),
    ("n", Gravity::North),
    ("ne", Gravity::NorthEast),
    ("e", Gravity::East),
    ("se", Gravity::SouthEast),
    ("s", Gravity::South),
    ("sw", Gravity::SouthWest),
    ("w", Gravity::West),
    ("nw", Gravity::NorthWest),
    ("smart", Gravity::Smart),
];

/// Thousandths of a side in which a focal point is kept.
const FOCAL_PLACES: usize = 3;

fn whole(text: &str, least: u8, most: u8) -> Option<u8> {
    let number = u8::try_from(decimal(text)?).ok()?;
    (least..=most).contains(&number).then_some(number)
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn format_named(name: &str) -> Option<OutputFormat> {
    if name == AUTO {
        return Some(OutputFormat::Auto);
    }
    let named = |format: &Format| format.name() == name;
    Format::ALL.into_iter().find(named).map(OutputFormat::Named)
}

fn format_name(format: OutputFormat) -> &'static str {
    match format {
        OutputFormat::Named(format) => format.name(),
        OutputFormat::Auto => AUTO,
    }
}

/// A turn by its degrees, without leading zeros, as the path segment of `/rotate/` has it too.
pub(crate) fn rotation(text: &str) -> Option<Rotation> {
    match text {
        "90" => Some(Rotation::Quarter),
        "180" => Some(Rotation::Half),
        "270" => Some(Rotation::ThreeQuarters),
        _ => None,
    }
}

/// What [`rotation`] reads.
pub(crate) fn rotation_name(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::Quarter => "90",
        Rotation::Half => "180",
        Rotation::ThreeQuarters => "270",
    }
}

fn gravity(text: &str) -> Option<Gravity> {
    let Some(point) = text.strip_prefix("fp:") else {
        let (_, gravity) = GRAVITIES.iter().find(|(name, _)| *name == text)?;
        return Some(*gravity);
    };
    let (x, y) = point.split_once(':')?;
    let part = |text| u16::try_from(fixed(text, FOCAL_PLACES)?).ok();
    match (part(x)?, part(y)?) {
        (500, 500) => Some(Gravity::Centre),
        (x, y) => FocalPoint::from_thousandths(x, y).map(Gravity::FocalPoint),
    }
}

fn gravity_name(gravity: Gravity) -> String {
    if let Gravity::FocalPoint(point) = gravity {
        let part = |thousandths: u16| write_fixed(thousandths.into(), FOCAL_PLACES);
        let (x, y) = (part(point.x_thousandths()), part(point.y_thousandths()));
        return format!("fp:{x}:{y}");
    }
    let named = GRAVITIES.iter().find(|(_, other)| *other == gravity);
    named
        .map(|(name, _)| (*name).to_owned())
        .unwrap_or_default()
}

fn colour(text: &str) -> Option<Colour> {
    let opaque = match text.len() {
        6 => "ff",
        8 => "",
        _ => return None,
    };
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(&format!("{text}{opaque}"), 16).ok()?;
    let [red, green, blue, alpha] = number.to_be_bytes();
    Some(Colour {
        red,
        green,
        blue,
        alpha,
    })
}

fn colour_name(colour: Colour) -> String {
    let Colour {
        red,
        green,
        blue,
        alpha,
    } = colour;
    let alpha = match alpha {
        255 => String::new(),
        alpha => format!("{alpha:02x}"),
    };
    format!("{red:02x}{green:02x}{blue:02x}{alpha}")
}

fn size(text: &str) -> Option<u32> {
    let (number, unit) = match text.strip_suffix('k') {
        Some(number) => (number, 1_000),
        None => match text.strip_suffix('m') {
            Some(number) => (number, 1_000_000),
            None => (text, 1),
        },
    };
    let bytes = u32::try_from(decimal(number)?.checked_mul(unit)?).ok()?;
    (100..=100_000_000).contains(&bytes).then_some(bytes)
}

/// Reads comma-separated options; the error has the name of the first one that is wrong beside what is wrong with it.
pub(crate) fn read_options(text: &str) -> Result<Given, (String, OptionFault)> {
    let mut given = Given::default();
    let mut seen = [false; TABLE.len()];
    for option in text.split(',') {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let fault = |fault| (key.to_owned(), fault);
        let (spec, seen) = TABLE
            .iter()
            .zip(&mut seen)
            .find(|(spec, _)| spec.key == key)
            .ok_or_else(|| fault(OptionFault::Unknown))?;
        if std::mem::replace(seen, true) {
            return Err(fault(OptionFault::Duplicate));
        }
        (spec.read)(&mut given, value).ok_or_else(|| fault(OptionFault::BadValue(spec.takes)))?;
    }
    Ok(given)
}

/// Appends `,key=value` for every option that is set, in canonical order.
pub(crate) fn write_options(options: Options, out: &mut String) {
    for spec in TABLE {
        if let Some(value) = (spec.write)(&options) {
            out.push(',');
            out.push_str(spec.key);
            out.push('=');
            out.push_str(&value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, (String, OptionFault)> {
        let mut out = String::new();
        write_options(read_options(text)?.options, &mut out);
        Ok(out)
    }

    #[test]
    fn options_come_out_in_one_order_and_spelling() {
        for (text, expected) in [
            ("q=80", ",q=80"),
            ("f=webp,q=080", ",q=80,f=webp"),
            ("q=1,f=jpeg", ",q=1,f=jpeg"),
            ("f=gif,q=100", ",q=100,f=gif"),
            ("f=png", ",f=png"),
            ("f=avif", ",f=avif"),
            ("f=auto", ",f=auto"),
            ("rot=270", ",rot=270"),
            ("flip=h", ",flip=h"),
            ("flip=v", ",flip=v"),
            ("flip=hv", ",flip=hv"),
            ("g=n", ",g=n"),
            ("g=se", ",g=se"),
            ("g=smart", ",g=smart"),
            ("g=fp:0.250:0.33333", ",g=fp:0.25:0.333"),
            ("g=fp:0:1.0", ",g=fp:0:1"),
            ("g=fp:00.1:0.9996", ",g=fp:0.1:1"),
            ("enlarge=1", ",enlarge=1"),
            ("bg=FfA07a", ",bg=ffa07a"),
            ("bg=FFA07AFF", ",bg=ffa07a"),
            ("bg=ffa07a80", ",bg=ffa07a80"),
            ("blur=0.1", ",blur=0.1"),
            ("blur=2.0", ",blur=2"),
            ("blur=100", ",blur=100"),
            ("sharpen=07", ",sharpen=7"),
            ("trim=0", ",trim=0"),
            ("trim=100", ",trim=100"),
            ("bytes=50k", ",bytes=50000"),
            ("bytes=2m", ",bytes=2000000"),
            ("bytes=0100", ",bytes=100"),
            ("lossless=1", ",lossless=1"),
            (
                "lossless=0,bytes=1k,trim=1,sharpen=2,blur=3,bg=000000,enlarge=1,g=s,flip=h,rot=90,f=auto,q=4",
                ",q=4,f=auto,rot=90,flip=h,g=s,enlarge=1,bg=000000,blur=3,sharpen=2,trim=1,bytes=1000",
            ),
        ] {
            assert_eq!(canonical(text).unwrap(), expected, "{text}");
            assert_eq!(canonical(&expected[1..]).unwrap(), expected, "{expected}");
        }
    }

    #[test]
    fn an_option_that_changes_nothing_is_gone() {
        for text in [
            "rot=0",
            "g=center",
            "g=fp:0.5:0.5",
            "g=fp:0.4999:0.50",
            "fit=inside",
            "enlarge=0",
            "bg=12345600",
            "blur=0",
            "blur=0.0",
            "sharpen=0",
            "dpr=1",
            "dpr=1.00",
            "lossless=0",
        ] {
            assert_eq!(canonical(text).unwrap(), "", "{text}");
        }
    }

    #[test]
    fn a_wrong_option_is_named() {
        use OptionFault::{BadValue, Duplicate, Unknown};
        for (text, name, fault) in [
            ("", "", Unknown),
            ("q=80,", "", Unknown),
            ("x=1", "x", Unknown),
            ("Q=1", "Q", Unknown),
            ("300x200", "300x200", Unknown),
            ("q=80,q=80", "q", Duplicate),
            ("f=png,q=1,f=gif", "f", Duplicate),
            ("dpr=1,dpr=1", "dpr", Duplicate),
            ("g=center,g=n", "g", Duplicate),
            ("q", "q", BadValue("")),
            ("q=", "q", BadValue("")),
            ("q=0", "q", BadValue("")),
            ("q=101", "q", BadValue("")),
            ("q=+5", "q", BadValue("")),
            ("q=8=0", "q", BadValue("")),
            ("f=jpg", "f", BadValue("")),
            ("f=JPEG", "f", BadValue("")),
            ("q=1,f=", "f", BadValue("")),
            ("rot=45", "rot", BadValue("")),
            ("rot=090", "rot", BadValue("")),
            ("rot=360", "rot", BadValue("")),
            ("flip=", "flip", BadValue("")),
            ("flip=vh", "flip", BadValue("")),
            ("g=north", "g", BadValue("")),
            ("g=fp", "g", BadValue("")),
            ("g=fp:0.5", "g", BadValue("")),
            ("g=fp:0.5:", "g", BadValue("")),
            ("g=fp:1.001:0", "g", BadValue("")),
            ("g=fp:0:-0", "g", BadValue("")),
            ("g=fp:0:0:0", "g", BadValue("")),
            ("fit=contain", "fit", BadValue("")),
            ("enlarge=2", "enlarge", BadValue("")),
            ("enlarge", "enlarge", BadValue("")),
            ("bg=fff", "bg", BadValue("")),
            ("bg=+fffff", "bg", BadValue("")),
            ("bg=ффф", "bg", BadValue("")),
            ("bg=red", "bg", BadValue("")),
            ("blur=100.1", "blur", BadValue("")),
            ("blur=-1", "blur", BadValue("")),
            ("sharpen=101", "sharpen", BadValue("")),
            ("sharpen=1.5", "sharpen", BadValue("")),
            ("dpr=0.4", "dpr", BadValue("")),
            ("dpr=4.1", "dpr", BadValue("")),
            ("dpr=0", "dpr", BadValue("")),
            ("trim=101", "trim", BadValue("")),
            ("bytes=99", "bytes", BadValue("")),
            ("bytes=101m", "bytes", BadValue("")),
            ("bytes=k", "bytes", BadValue("")),
            ("bytes=50K", "bytes", BadValue("")),
            ("bytes=18446744073709551615m", "bytes", BadValue("")),
            ("lossless=yes", "lossless", BadValue("")),
        ] {
            let (named, found) = canonical(text).unwrap_err();
            let same = match (found, fault) {
                (BadValue(takes), BadValue(_)) => !takes.is_empty(),
                _ => found == fault,
            };
            assert!(same && named == name, "{text}: {named} {found}");
        }
    }
}
