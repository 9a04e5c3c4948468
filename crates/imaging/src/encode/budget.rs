//! The largest quality whose file is within a number of bytes.

use crate::error::Error;

/// The lowest quality that is tried.
const LOWEST: u8 = 1;

/// Encodes at most this often beside the first time.
const STEPS: u32 = 6;

/// Encodings of a picture with a budget, at most.
pub(crate) const TRIES: u32 = STEPS + 1;

/// A file so many times too large is not searched between before the lowest quality is known to fit: a large picture with
/// a small budget is done after two tries.
const HOPELESS: usize = 16;

/// Tries the quality asked for, then halves the range between what fits and what does not. When not even the lowest that
/// is tried fits, the smallest file is given: a picture is worth more than a rule.
pub(crate) fn by_quality(
    quality: u8,
    max_bytes: Option<usize>,
    mut encode: impl FnMut(u8) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    let first = encode(quality)?;
    let Some(max_bytes) = max_bytes.filter(|max| first.len() > *max) else {
        return Ok(first);
    };
    let (mut fits, mut too_much) = (0, quality);
    let (mut best, mut smallest) = (None, first);
    let mut steps = STEPS;
    if smallest.len() / HOPELESS > max_bytes && quality > LOWEST {
        let lowest = encode(LOWEST)?;
        if lowest.len() > max_bytes {
            return Ok(lowest);
        }
        (fits, steps) = (LOWEST, steps - 1);
        best = Some(lowest);
    }
    for _ in 0..steps {
        let middle = u8::midpoint(fits, too_much);
        if middle == fits {
            break;
        }
        let bytes = encode(middle)?;
        if bytes.len() <= max_bytes {
            (fits, best) = (middle, Some(bytes));
        } else {
            too_much = middle;
            if bytes.len() < smallest.len() {
                smallest = bytes;
            }
        }
    }
    Ok(best.unwrap_or(smallest))
}

/// The same for formats without quality, which are given fewer colours. 0 colours leaves them as they are.
pub(crate) fn by_colours(
    colours: u16,
    max_bytes: Option<usize>,
    mut encode: impl FnMut(u16) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    let mut smallest = encode(colours)?;
    let Some(max_bytes) = max_bytes else {
        return Ok(smallest);
    };
    for fewer in [256, 64, 16, 4] {
        if smallest.len() <= max_bytes {
            break;
        }
        if colours == 0 || fewer < colours {
            let bytes = encode(fewer)?;
            if bytes.len() < smallest.len() {
                smallest = bytes;
            }
        }
    }
    Ok(smallest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten bytes for each step of quality; counts how often it is asked.
    fn search(quality: u8, max_bytes: usize) -> (usize, u32) {
        let mut calls = 0;
        let bytes = by_quality(quality, Some(max_bytes), |quality| {
            calls += 1;
            Ok(vec![0; usize::from(quality) * 10])
        });
        (bytes.unwrap().len() / 10, calls)
    }

    #[test]
    fn what_fits_is_not_searched() {
        assert_eq!(search(80, 800), (80, 1));
    }

    #[test]
    fn the_best_that_fits_is_found_in_few_steps() {
        for max_bytes in [790, 500, 333, 20] {
            let (quality, calls) = search(80, max_bytes);
            assert!(
                quality * 10 <= max_bytes && quality + 2 >= max_bytes / 10,
                "{quality}"
            );
            assert!(calls <= 1 + STEPS);
        }
    }

    #[test]
    fn a_budget_out_of_reach_takes_two_tries() {
        assert_eq!(search(80, 9), (1, 2));
        let (quality, calls) = search(80, 45);
        assert!(
            (3..=4).contains(&quality) && calls <= 1 + STEPS,
            "{quality} {calls}"
        );
    }

    #[test]
    fn what_cannot_fit_is_as_small_as_it_gets() {
        assert_eq!(search(80, 3).0, 1);
        let bytes = by_colours(0, Some(3), |colours| {
            Ok(vec![0; if colours == 0 { 999 } else { colours.into() }])
        });
        assert_eq!(bytes.unwrap().len(), 4);
    }
}
