//! Text of a stranger, as it may stand in a log.

use std::error::Error;
use std::fmt::{self, Write};

/// Bytes of it that are shown.
const MAX: usize = 256;

/// Bytes of a word in which credentials are looked for: a client can write `://` many times, and is not to make work.
const LONGEST: usize = 1024;

/// Shows text that a client chose: on one line, in the order in which it is written, and no more than 256 bytes of it,
/// with the whole length named. What moves the cursor, ends a line, turns the direction of writing or is not seen is
/// escaped, and the credentials of a URL are left out.
///
/// ```
/// use wire::shown::Shown;
/// assert_eq!(Shown("/a\u{202e}b\n").to_string(), "/a\\u{202e}b\\n");
/// assert!(Shown(&"x".repeat(1000)).to_string().ends_with("… (1000 bytes)"));
/// assert_eq!(Shown("http://user:pass@host/").to_string(), "http://…@host/");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = MAX;
        let mut rest = self.0;
        while let Some(character) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("://").and_then(after_credentials) {
                let shown = "://…@";
                let Some(less) = left.checked_sub(shown.len()) else {
                    break;
                };
                f.write_str(shown)?;
                (left, rest) = (less, after);
                continue;
            }
            let escaped = is_harmful(character).then(|| character.escape_default());
            let length = escaped
                .as_ref()
                .map_or(character.len_utf8(), ExactSizeIterator::len);
            let Some(less) = left.checked_sub(length) else {
                break;
            };
            match escaped {
                Some(escaped) => write!(f, "{escaped}")?,
                None => f.write_char(character)?,
            }
            (left, rest) = (less, &rest[character.len_utf8()..]);
        }
        if rest.is_empty() {
            Ok(())
        } else {
            write!(f, "… ({} bytes)", self.0.len())
        }
    }
}

/// What follows the credentials of an authority, if it has any. A password may hold what a URL has to escape and people
/// do not: a port that is no number is the beginning of one.
fn after_credentials(text: &str) -> Option<&str> {
    let authority = &text[..text.floor_char_boundary(LONGEST)];
    let ends =
        |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '`' | ',');
    let word = &authority[..authority.find(ends).unwrap_or(authority.len())];
    let host = &word[..word.find(['/', '?', '#']).unwrap_or(word.len())];
    let port = host
        .rsplit(':')
        .next()
        .filter(|port| port.len() < host.len());
    let no_port = port.is_some_and(|port| {
        !port.ends_with(']') && port.bytes().any(|byte| !byte.is_ascii_digit())
    });
    let at = host
        .rfind('@')
        .or_else(|| word.rfind('@').filter(|_| no_port))?;
    Some(&text[at + 1..])
}

/// Control characters, line and paragraph separators, what steers the direction of writing (Unicode TR 36 §3), and what is
/// not seen at all.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text without the credentials of URLs in it, whatever its length: for what an operator reads on standard error.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, authority) = rest.split_at(at + 3);
        out.push_str(before);
        rest = after_credentials(authority).map_or(authority, |after| {
            out.push_str("…@");
            after
        });
    }
    out + rest
}

/// An error with its causes, each said once: many errors have their cause's text in their own.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[test]
    fn ordinary_text_stays_and_harmful_text_is_escaped() {
        for (text, shown) in [
            ("/resize/300/größe.jpg", "/resize/300/größe.jpg"),
            ("a\r\nb", "a\\r\\nb"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{85}\u{2028}\u{2029}", "\\u{85}\\u{2028}\\u{2029}"),
            ("\u{200e}\u{202a}\u{2069}", "\\u{200e}\\u{202a}\\u{2069}"),
            ("\u{61c}\u{200b}\u{e0041}", "\\u{61c}\\u{200b}\\u{e0041}"),
        ] {
            assert_eq!(Shown(text).to_string(), shown);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters_and_its_length_named() {
        let text = "ü".repeat(30_000);
        let shown = Shown(&text).to_string();
        assert_eq!(shown, format!("{}… (60000 bytes)", "ü".repeat(MAX / 2)));
        let whole = "y".repeat(MAX);
        assert_eq!(Shown(&whole).to_string(), whole);
        let escaped = Shown(&"\u{202e}".repeat(1000)).to_string();
        assert!(escaped.len() <= MAX + 20, "{escaped}");
    }

    #[test]
    fn credentials_are_left_out_wherever_a_url_stands() {
        for (text, shown) in [
            ("http://user:pass@host/a@b", "http://…@host/a@b"),
            ("https://token@host:80", "https://…@host:80"),
            (
                "GET (http://u:p@ss@host/x) failed",
                "GET (http://…@host/x) failed",
            ),
            ("no: `s3://k:s@b`, s3://k2:s2@b", "no: `s3://…@b`, s3://…@b"),
            ("http://u:p/ss@host/x", "http://…@host/x"),
            ("http://host:80/a@b", "http://host:80/a@b"),
            ("http://[::1]/a@b", "http://[::1]/a@b"),
            ("http://host/@x and a@b", "http://host/@x and a@b"),
            ("://", "://"),
        ] {
            assert_eq!(Shown(text).to_string(), shown);
            assert_eq!(without_credentials(text), shown);
        }
    }

    #[derive(Debug, Error)]
    #[error("outer: {0}")]
    struct Repeats(#[from] std::io::Error);

    #[derive(Debug, Error)]
    #[error("outer")]
    struct Names(#[from] std::io::Error);

    #[test]
    fn causes_are_said_once() {
        let inner = || std::io::Error::other("no such file");
        assert_eq!(chain(&Repeats::from(inner())), "outer: no such file");
        assert_eq!(chain(&Names::from(inner())), "outer: no such file");
    }
}
