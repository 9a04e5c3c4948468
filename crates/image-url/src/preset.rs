//! Presets: requests that a site has given names, so that its URLs say what a picture is for and not how it is made.
//!
//! A preset is gone once a URL is read: `/preset/thumb/cat.jpg` and what `thumb` stands for have one canonical spelling,
//! and so one cache entry.

use std::{collections::BTreeMap, str::FromStr};

use thiserror::Error;

use crate::{
    canonical::{Canonical, Request, UrlError, read_request},
    target::Uri,
};

/// Longest name of a preset, in bytes.
const LONGEST_NAME: usize = 64;

/// Why a definition is no preset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum PresetError {
    /// There is no `=`.
    #[error("write NAME=OPERATION, such as thumb=resize/300x200,q=80")]
    Form,
    /// Not 1 to 64 letters, digits, `-`, `_`, `.` and `@`, beginning with a letter or digit.
    #[error(
        "the name {0:?} is not made of ASCII letters, digits, `-`, `_`, `.` and `@`, beginning with a letter or digit"
    )]
    Name(String),
    /// The operation is not one of the language, or not whole.
    #[error("the preset {name:?}: {cause}")]
    Operation {
        /// The preset's name.
        name: String,
        /// What a URL with this operation would be told.
        cause: UrlError,
    },
    /// A name that is defined already.
    #[error("the preset {0:?} is defined twice")]
    Duplicate(String),
}

/// One preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    name: String,
    request: Request,
}

impl FromStr for Preset {
    type Err = PresetError;

    /// Reads `NAME=OPERATION[/GEOMETRY[,OPTIONS]]`, such as `thumb=resize/300x200,q=80` or `full=original`.
    fn from_str(text: &str) -> Result<Self, PresetError> {
        let (name, operation) = text.split_once('=').ok_or(PresetError::Form)?;
        if !is_name(name) {
            return Err(PresetError::Name(name.to_owned()));
        }
        let fault = |cause| PresetError::Operation {
            name: name.to_owned(),
            cause,
        };
        // Any name of an original will do; what is left over would be the beginning of one.
        let path = format!("{operation}/x");
        let (request, rest) = read_request(&path).map_err(fault)?;
        if rest != "x" {
            return Err(fault(UrlError::UnknownShape));
        }
        Ok(Self {
            name: name.to_owned(),
            request,
        })
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
}

/// The language as one site speaks it: with its presets, and perhaps with nothing else. The default has none and takes
/// all the rest.
#[derive(Clone, Debug, Default)]
pub struct Language {
    presets: BTreeMap<String, Request>,
    presets_only: bool,
}

impl Language {
    /// A language with presets. With `presets_only` every other operation is refused, so that no key that leaks and no
    /// script that errs can ask for sizes which the site does not use; a site that needs `/size/` or `/original/` then
    /// gives them a name as well.
    pub fn new(
        presets: impl IntoIterator<Item = Preset>,
        presets_only: bool,
    ) -> Result<Self, PresetError> {
        let mut named = BTreeMap::new();
        for Preset { name, request } in presets {
            if named.insert(name.clone(), request).is_some() {
                return Err(PresetError::Duplicate(name));
            }
        }
        Ok(Self {
            presets: named,
            presets_only,
        })
    }

    /// Reads a normalised path: one of the language, or `/preset/{preset}/{name}`.
    pub fn parse(&self, uri: &Uri) -> Result<Canonical, UrlError> {
        let text =
            std::str::from_utf8(uri.as_bytes()).map_err(|_| UrlError::BadName("is not UTF-8"))?;
        let text = text.strip_prefix('/').unwrap_or(text);
        let Some(rest) = text.strip_prefix("preset/") else {
            let (request, name) = read_request(text)?;
            if self.presets_only {
                return Err(UrlError::PresetsOnly);
            }
            return Ok(Canonical::spell(request, name));
        };
        let (preset, name) = rest.split_once('/').ok_or(UrlError::UnknownShape)?;
        crate::canonical::check_name(name)?;
        match self.presets.get(preset) {
            Some(request) => Ok(Canonical::spell(*request, name)),
            None => Err(UrlError::UnknownPreset {
                preset: preset.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    fn preset(text: &str) -> Result<Preset, PresetError> {
        text.parse()
    }

    fn language(presets: &[&str], presets_only: bool) -> Language {
        let presets = presets.iter().map(|text| preset(text).unwrap());
        Language::new(presets, presets_only).unwrap()
    }

    fn path(language: &Language, raw: &str) -> Result<String, UrlError> {
        let target = Target::parse(raw).unwrap();
        Ok(language.parse(target.uri())?.path().to_owned())
    }

    #[test]
    fn a_preset_is_what_it_stands_for() {
        let site = language(
            &[
                "thumb=resize/300x200,f=webp,q=080",
                "thumb@2x=resize/300x200,q=80,f=webp,dpr=2",
                "full=original",
                "0.a-b_c=info",
                "turned=rotate/90,f=auto",
            ],
            false,
        );
        for (raw, expected) in [
            (
                "/preset/thumb/cats/tom%20cat.jpg",
                "/resize/300x200,q=80,f=webp/cats/tom%20cat.jpg",
            ),
            ("/preset/thumb/a/", "/resize/300x200,q=80,f=webp/a/"),
            ("/preset/thumb@2x/a", "/resize/600x400,q=80,f=webp/a"),
            ("/preset/full/preset/full/a", "/original/preset/full/a"),
            ("/preset/0.a-b_c/a", "/info/a"),
            ("/preset/turned/a", "/rotate/90,f=auto/a"),
            ("/resize/9/preset/thumb/a", "/resize/9/preset/thumb/a"),
        ] {
            assert_eq!(path(&site, raw).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn what_is_no_preset_of_the_site_is_told_apart_from_what_is_no_path() {
        let site = language(&["thumb=resize/300x200"], false);
        for raw in ["/preset/large/a", "/preset/thumb,q=80/a", "/preset/Thumb/a"] {
            assert!(
                matches!(path(&site, raw), Err(UrlError::UnknownPreset { .. })),
                "{raw}"
            );
        }
        for raw in [
            "/preset",
            "/preset/",
            "/preset/thumb",
            "/preset/thumb/",
            "/preset/thumb/a%0Ab",
            "/preset/large/a%5Cb",
            "/presets/thumb/a",
            "/thumb/a",
        ] {
            assert!(path(&site, raw).unwrap_err().is_no_path(), "{raw}");
        }
        let plain = Language::default();
        assert!(matches!(
            path(&plain, "/preset/thumb/a"),
            Err(UrlError::UnknownPreset { .. })
        ));
    }

    #[test]
    fn where_only_presets_are_served_nothing_else_is() {
        let site = language(&["thumb=resize/300x200", "size=size"], true);
        assert_eq!(path(&site, "/preset/thumb/a").unwrap(), "/resize/300x200/a");
        assert_eq!(path(&site, "/preset/size/a").unwrap(), "/size/a");
        for raw in ["/resize/300x200/a", "/size/a", "/original/a", "/info/a"] {
            assert_eq!(path(&site, raw), Err(UrlError::PresetsOnly), "{raw}");
        }
        assert_eq!(path(&site, "/favicon.ico"), Err(UrlError::UnknownShape));
    }

    #[test]
    fn a_definition_that_is_none_is_refused() {
        assert_eq!(preset("thumb"), Err(PresetError::Form));
        for name in ["", "a b", "a/b", ".", "..", "-a", "кот", &"a".repeat(65)] {
            assert_eq!(
                preset(&format!("{name}=size")),
                Err(PresetError::Name(name.to_owned()))
            );
        }
        for operation in [
            "",
            "resize",
            "resize/",
            "resize/300/",
            "resize/300x200/a",
            "/resize/300",
            "size/",
            "preset/thumb",
            "resize/0",
            "resize/300,zoom=1",
            "crop/300x200,fit=pad",
        ] {
            assert!(
                matches!(
                    preset(&format!("thumb={operation}")),
                    Err(PresetError::Operation { .. })
                ),
                "{operation:?}"
            );
        }
        let twice = ["a=size", "a=info"].map(|text| preset(text).unwrap());
        assert_eq!(
            Language::new(twice, false).unwrap_err(),
            PresetError::Duplicate("a".to_owned())
        );
    }
}
