//! What a server says about when to come back. Apart because two headers and two notations say the same thing.

use hyper::HeaderMap;
use hyper::header::{DATE, HeaderName, RETRY_AFTER};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds, as OpenAI and Azure send beside `Retry-After`; finer, so it goes first.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Milliseconds that the server asks to wait; `None` where it does not say or cannot be understood.
///
/// `Retry-After` is a number of seconds or an HTTP date (RFC 9110, 10.2.3). A date is compared with the answer's own
/// `Date`, so that a client with a wrong clock waits the right time; one in the past is 0.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(ms) = text(&RETRY_AFTER_MS).and_then(|text| non_negative(text, 1.0)) {
        return Some(ms);
    }
    let wish = text(&RETRY_AFTER)?;
    if let Some(ms) = non_negative(wish, 1000.0) {
        return Some(ms);
    }
    let due_s = http_date(wish)?;
    Some(due_s.saturating_sub(answered_at_s(headers)).saturating_mul(1000))
}

/// When the answer was given, by its own clock where it says; seconds since 1970.
pub(crate) fn answered_at_s(headers: &HeaderMap) -> u64 {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    date.and_then(http_date).unwrap_or_else(unix_s)
}

/// Seconds since 1970 of a moment such as `2026-01-31T12:00:00Z` or `…+01:00` (RFC 3339); fractions are cut.
pub(crate) fn rfc3339_s(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let separators = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    if separators
        .iter()
        .any(|(at, separator)| text.get(*at..at + 1) != Some(*separator))
    {
        return None;
    }
    let days = days_since_1970(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let local = days * 86_400 + seconds_of_day(number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    let zone = text
        .get(19..)?
        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if zone == "Z" || zone == "z" {
        return Some(local);
    }
    let offset_of = |zone: &str| {
        let (hours, minutes) = zone.split_once(':')?;
        Some(hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60)
    };
    match zone.split_at_checked(1)? {
        ("+", offset) => local.checked_sub(offset_of(offset)?),
        ("-", offset) => Some(local + offset_of(offset)?),
        _ => None,
    }
}

/// A number of at least 0, with or without fraction, times `scale`.
fn non_negative(text: &str, scale: f64) -> Option<u64> {
    let value = text.parse::<f64>().ok()? * scale;
    // `as` saturates, so that even 1e300 is a valid, very long wish.
    (value >= 0.0).then_some(value.ceil() as u64)
}

fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that RFC 9110 lets senders
/// write. The two older forms that receivers should also know have not been seen from model endpoints.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(',')?.1.split_ascii_whitespace();
    let day: u64 = words.next()?.parse().ok()?;
    let month_word = words.next()?;
    let month = MONTHS.iter().position(|month| *month == month_word)? as u64 + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if words.next()? != "GMT" {
        return None;
    }
    Some(days_since_1970(year, month, day)? * 86_400 + seconds_of_day(hour, minute, second)?)
}

fn seconds_of_day(hour: u64, minute: u64, second: u64) -> Option<u64> {
    (hour <= 23 && minute <= 59 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Days from civil, counted from March so that the leap day comes last (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn wish(pairs: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        retry_after_ms(&headers)
    }

    /// Protects both notations and the finer header's precedence.
    #[test]
    fn reads_every_notation() {
        assert_eq!(wish(&[]), None);
        assert_eq!(wish(&[("retry-after", "3")]), Some(3000));
        assert_eq!(wish(&[("retry-after", "0.25")]), Some(250));
        assert_eq!(wish(&[("retry-after", "3"), ("retry-after-ms", "40")]), Some(40));
        assert_eq!(wish(&[("retry-after", "-1")]), None);
        assert_eq!(wish(&[("retry-after", "soon")]), None);
        assert_eq!(wish(&[("retry-after", "NaN")]), None);
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = ("retry-after", "Sun, 06 Nov 1994 08:50:00 GMT");
        assert_eq!(wish(&[date, later]), Some(23_000));
        assert_eq!(wish(&[later]), Some(0));
    }

    /// Protects the calendar: epoch, leap day, the example of RFC 9110 (784111777 by `date -d`).
    #[test]
    fn reads_dates() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(http_date("Thu, 29 Feb 2024 00:00:00 CET"), None);
        assert_eq!(http_date("Sunday, 06-Nov-94 08:49:37 GMT"), None);
        assert_eq!(http_date("Sun, 06 Nov 0000 08:49:37 GMT"), None);
    }

    /// Protects the other calendar, with fractions and zones.
    #[test]
    fn reads_moments() {
        assert_eq!(rfc3339_s("1994-11-06T08:49:37Z"), Some(784_111_777));
        assert_eq!(rfc3339_s("1994-11-06T08:49:37.123Z"), Some(784_111_777));
        assert_eq!(rfc3339_s("1994-11-06T09:49:37+01:00"), Some(784_111_777));
        assert_eq!(rfc3339_s("1994-11-06T03:19:37-05:30"), Some(784_111_777));
        for broken in [
            "",
            "1994-11-06",
            "1994-13-06T08:49:37Z",
            "1994-11-06T08:49:37",
            "1994-11-06T08:49:37+1",
            "é994-11-06T08:49:37Z",
        ] {
            assert_eq!(rfc3339_s(broken), None, "{broken}");
        }
    }
}
