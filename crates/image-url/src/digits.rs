//! Reads numbers as URLs spell them: digits and at most one point, so no sign and no blank, which `str::parse` would take.

/// The number, or `None` when `text` is empty, holds anything but ASCII digits, or is above `u64::MAX`. Leading zeros are fine.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A number with a fraction, such as `1.5`, as so many units of 10 to the power of minus `places`. What is finer is
/// rounded, half of a unit up: a script that divides writes as many digits as it has.
pub(crate) fn fixed(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    decimal(fraction.get(..1)?)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut digits = fraction.bytes().chain(std::iter::repeat(b'0'));
    let mut units = decimal(whole)?;
    for digit in digits.by_ref().take(places) {
        units = units
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    let up = digits.next().is_some_and(|digit| digit >= b'5');
    units.checked_add(u64::from(up))
}

/// Writes what [`fixed`] reads, without zeros at the end.
pub(crate) fn write_fixed(units: u64, places: usize) -> String {
    let digits = format!("{units:0width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
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

    #[test]
    fn a_fraction_is_rounded_to_its_places() {
        for (text, places, expected) in [
            ("1", 1, Some(10)),
            ("1.5", 1, Some(15)),
            ("01.50", 1, Some(15)),
            ("0.04999", 1, Some(0)),
            ("0.05", 1, Some(1)),
            ("0.3333333333333333333333333", 3, Some(333)),
            ("0.6666", 3, Some(667)),
            ("0.9995", 3, Some(1000)),
            ("1.", 1, None),
            (".5", 1, None),
            (".", 1, None),
            ("", 1, None),
            ("1.5.5", 1, None),
            ("1.٥", 1, None),
            ("1.5x", 1, None),
            ("-1.5", 1, None),
            ("1.-5", 1, None),
            ("18446744073709551615", 1, None),
        ] {
            assert_eq!(fixed(text, places), expected, "{text:?}");
        }
    }

    #[test]
    fn a_fraction_is_written_without_zeros_at_its_end() {
        for (units, places, expected) in [
            (0, 1, "0"),
            (5, 1, "0.5"),
            (10, 1, "1"),
            (15, 1, "1.5"),
            (1000, 1, "100"),
            (5, 3, "0.005"),
            (120, 3, "0.12"),
            (1000, 3, "1"),
        ] {
            assert_eq!(write_fixed(units, places), expected);
            assert_eq!(fixed(expected, places), Some(units));
        }
    }
}
