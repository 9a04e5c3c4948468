//! Text of a stranger, as it may stand in a log.

use std::fmt::{self, Write};

/// Characters of it that are shown.
const MAX: usize = 256;

/// Shows text that a client chose: on one line, in the order in which it is written, and no more than 256 characters of
/// it, with the whole length named. What moves the cursor, ends a line or turns the direction of writing is escaped.
///
/// ```
/// use service::shown::Shown;
/// assert_eq!(Shown("/a\u{202e}b\n").to_string(), "/a\\u{202e}b\\n");
/// assert!(Shown(&"x".repeat(1000)).to_string().ends_with("… (1000 bytes)"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(MAX) {
            if is_harmful(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        if characters.next().is_some() {
            write!(f, "… ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

/// Control characters, line and paragraph separators, and what steers the direction of writing (Unicode TR 36 §3).
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_and_harmful_text_is_escaped() {
        for (text, shown) in [
            ("/resize/300/größe.jpg", "/resize/300/größe.jpg"),
            ("a\r\nb", "a\\r\\nb"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{85}\u{2028}\u{2029}", "\\u{85}\\u{2028}\\u{2029}"),
            ("\u{200e}\u{202a}\u{2069}", "\\u{200e}\\u{202a}\\u{2069}"),
        ] {
            assert_eq!(Shown(text).to_string(), shown);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters_and_its_length_named() {
        let text = "ü".repeat(30_000);
        let shown = Shown(&text).to_string();
        assert_eq!(shown, format!("{}… (60000 bytes)", "ü".repeat(MAX)));
        let whole = "y".repeat(MAX);
        assert_eq!(Shown(&whole).to_string(), whole);
    }
}
