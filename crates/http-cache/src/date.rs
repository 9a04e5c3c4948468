//! Dates in headers (RFC 9110 §5.6.7), by `httpdate`, with the leniency that caches owe them.

use http::HeaderMap;
use http::header::{DATE, HeaderName};
use std::time::{Duration, SystemTime};

/// Fifty years of the mean length.
const FIFTY_YEARS: Duration = Duration::from_secs(50 * 31_556_952);

/// The date of a header, read at `now`.
pub(crate) fn date_of(
    headers: &HeaderMap,
    name: HeaderName,
    now: SystemTime,
) -> Option<SystemTime> {
    parse(headers.get(name)?.to_str().ok()?, now)
}

/// The moment at which the dates of a stored response are read where no clock is at hand: its own `Date`, which the
/// cache adds where it is missing.
pub(crate) fn moment_of(stored: &HeaderMap) -> SystemTime {
    let date = stored.get(DATE).and_then(|date| date.to_str().ok());
    date.and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Reads one of the three forms, whatever its case: RFC 9111 §4.2 asks caches to ignore that. `now` tells the century of
/// a year of two digits.
pub fn parse(text: &str, now: SystemTime) -> Option<SystemTime> {
    let text = text.trim();
    let usual = usual_case(text);
    if let Some(parts) = Rfc850::split(&usual) {
        return parts.read(now);
    }
    httpdate::parse_http_date(text)
        .or_else(|_| httpdate::parse_http_date(&usual))
        .ok()
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`, in its parts. `httpdate` reads it with a fixed pivot for the century.
struct Rfc850<'a> {
    weekday: &'a str,
    day: &'a str,
    month: &'a str,
    year: &'a str,
    time: &'a str,
}

impl<'a> Rfc850<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (weekday, rest) = text.split_once(", ")?;
        let (date, time) = rest.split_once(' ')?;
        let (day, date) = date.split_once('-')?;
        let (month, year) = date.split_once('-')?;
        let whole = WEEKDAYS.contains(&weekday) && year.len() == 2;
        whole.then_some(Self {
            weekday,
            day,
            month,
            year,
            time,
        })
    }

    /// The year is one of this century, unless that is more than fifty years from now: then it is one of the last (RFC
    /// 9110 §5.6.7).
    fn read(&self, now: SystemTime) -> Option<SystemTime> {
        let year: u16 = self.year.parse().ok()?;
        let year = year_of(now) / 100 * 100 + year;
        // Which day of the week it was says nothing before the century is known.
        let moment = WEEKDAYS.iter().find_map(|weekday| self.at(weekday, year));
        let far = moment.map_or(year > year_of(now + FIFTY_YEARS), |moment| {
            moment > now + FIFTY_YEARS
        });
        self.at(self.weekday, if far { year - 100 } else { year })
    }

    fn at(&self, weekday: &str, year: u16) -> Option<SystemTime> {
        let weekday = weekday.get(..3)?;
        let (day, month, time) = (self.day, self.month, self.time);
        httpdate::parse_http_date(&format!("{weekday}, {day} {month} {year} {time}")).ok()
    }
}

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// The year of a time; a clock that is out of all reason counts as one of this century.
fn year_of(time: SystemTime) -> u16 {
    const LATEST: Duration = Duration::from_secs(253_402_300_799); // the end of 9999
    time.duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .filter(|since| *since <= LATEST)
        .and_then(|_| httpdate::fmt_http_date(time).get(12..16)?.parse().ok())
        .unwrap_or(2000)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: words begin with a capital, `GMT` is all of them.
fn usual_case(text: &str) -> String {
    let mut begins = true;
    let cased = text.chars().map(|letter| {
        let cased = if begins {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
        begins = !letter.is_ascii_alphabetic();
        cased
    });
    cased.collect::<String>().replace("Gmt", "GMT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn three_forms_are_read_in_any_case() {
        let expected = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "SUN, 06 NOV 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text, now()), Some(expected), "{text}");
        }
        for text in [
            "",
            "0",
            "yesterday",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
        ] {
            assert_eq!(parse(text, now()), None, "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_the_nearest_that_is_not_fifty_years_ahead() {
        // The end of May, near enough.
        let in_year =
            |year: u64| UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_556_952 + 150 * 86_400);
        for (text, now, year) in [
            ("Sunday, 06-Nov-94 08:49:37 GMT", 2026, Some(1994)),
            ("Friday, 06-Nov-26 08:49:37 GMT", 2026, Some(2026)),
            ("Wednesday, 06-Nov-75 08:49:37 GMT", 2026, Some(2075)),
            ("Saturday, 06-Nov-76 08:49:37 GMT", 2026, Some(1976)),
            ("wednesday, 06-nov-75 08:49:37 gmt", 2026, Some(2075)),
            ("Friday, 06-Nov-70 08:49:37 GMT", 1999, Some(1970)),
            ("Saturday, 06-Nov-10 08:49:37 GMT", 2090, Some(2010)),
            ("Sunday, 06-Nov-61 08:49:37 GMT", 2010, None),
        ] {
            let expected = year.map(|year: u16| year.to_string());
            let found = parse(text, in_year(now)).map(httpdate::fmt_http_date);
            let found = found.map(|date| date[12..16].to_owned());
            assert_eq!(found, expected, "{text} in {now}");
        }
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }
}
