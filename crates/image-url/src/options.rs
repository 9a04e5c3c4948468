//! The options behind a geometry (`,q=80,f=webp`): one table row for each, in canonical order.
//!
//! A new option is a field of [`Options`] and a row of [`TABLE`].

use thiserror::Error;

use crate::{
    digits::decimal,
    operation::{Format, Options},
};

/// What is wrong with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum OptionFault {
    /// No option has this name, or there is no `=`.
    #[error("is not known")]
    Unknown,
    /// The option was given before; which of two would count is not for a reader to guess.
    #[error("is given twice")]
    Duplicate,
    /// The value is not one of those that the option takes.
    #[error("has a value that it does not take")]
    BadValue,
}

/// One option: how it is spelt, read and written.
struct Spec {
    key: &'static str,
    /// Sets the field from the text behind `=`; `None` when the value is not taken.
    read: fn(&mut Options, &str) -> Option<()>,
    /// The text behind `=`, or `None` when the option is not set. Characters that stand for themselves in a path only.
    write: fn(&Options) -> Option<String>,
}

/// Every option. The order is the canonical one, whatever order a URL has them in, so a new row goes last: a row put
/// in between would change the cache keys of URLs that are in use.
const TABLE: &[Spec] = &[
    Spec {
        key: "q",
        read: |options, value| {
            let quality = decimal(value).filter(|quality| (1..=100).contains(quality))?;
            options.quality = Some(u8::try_from(quality).ok()?);
            Some(())
        },
        write: |options| options.quality.map(|quality| quality.to_string()),
    },
    Spec {
        key: "f",
        read: |options, value| {
            options.format = Some(format_named(value)?);
            Some(())
        },
        write: |options| options.format.map(|format| format.name().to_owned()),
    },
];

fn format_named(name: &str) -> Option<Format> {
    [Format::Jpeg, Format::Png, Format::Gif, Format::WebP]
        .into_iter()
        .find(|format| format.name() == name)
}

/// Reads comma-separated options; the error has the name of the first one that is wrong beside what is wrong with it.
pub(crate) fn read_options(text: &str) -> Result<Options, (String, OptionFault)> {
    let mut options = Options::default();
    let mut seen = vec![false; TABLE.len()];
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
        (spec.read)(&mut options, value).ok_or_else(|| fault(OptionFault::BadValue))?;
    }
    Ok(options)
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
        write_options(read_options(text)?, &mut out);
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
        ] {
            assert_eq!(canonical(text).unwrap(), expected, "{text}");
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
            ("q", "q", BadValue),
            ("q=", "q", BadValue),
            ("q=0", "q", BadValue),
            ("q=101", "q", BadValue),
            ("q=+5", "q", BadValue),
            ("q=8=0", "q", BadValue),
            ("f=jpg", "f", BadValue),
            ("f=JPEG", "f", BadValue),
            ("q=1,f=", "f", BadValue),
        ] {
            assert_eq!(
                canonical(text).unwrap_err(),
                (name.to_owned(), fault),
                "{text}"
            );
        }
    }
}
