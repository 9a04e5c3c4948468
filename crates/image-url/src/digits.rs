//! Reads an unsigned decimal number as URLs spell it: digits only, so no sign and no blank, which `str::parse` would take.

/// The number, or `None` when `text` is empty, holds anything but ASCII digits, or is above `u64::MAX`. Leading zeros are fine.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_a_number() {
        for (text, expected) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("0000000000000000000000000000001", Some(1)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1e3", None),
            ("١", None),
        ] {
            assert_eq!(decimal(text), expected, "{text:?}");
        }
    }
}
