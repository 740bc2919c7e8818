//! Moments that prices depend on: dates, hours of the day in UTC, days of the week. As plain numbers, so that pricing a
//! million answers reads no calendar.

use jiff::civil::Date;

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;
/// Characters of `2026-01-31`.
const DATE_CHARS: usize = 10;
/// 1970-01-01 was a Thursday; days of the week count from Monday = 0.
const FIRST_WEEKDAY: i64 = 3;

/// A moment in seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// From seconds since 1970.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Reads an RFC 3339 time or a date, which is its midnight in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date = text.parse::<Date>().ok().filter(|_| text.len() == DATE_CHARS);
        let time = match date {
            Some(date) => format!("{date}T00:00:00Z").parse(),
            None => text.parse::<jiff::Timestamp>(),
        };
        time.ok().map(|time| Self(time.as_second()))
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The date in UTC, `2026-01-31`.
    #[must_use]
    pub fn date(self) -> String {
        let text =
            jiff::Timestamp::from_second(self.0).map_or_else(|_| self.0.to_string(), |time| time.to_string());
        text.split('T').next().unwrap_or_default().to_owned()
    }

    /// The same time of the day on another day, UTC.
    #[must_use]
    pub const fn on_the_day_of(self, day: Self) -> Self {
        Self(day.0 - day.second_of_day() + self.second_of_day())
    }

    /// Whether a text begins as dates do. Cheaper than reading it, for the many rows whose price asks for no time.
    #[must_use]
    pub fn is_written_like_one(text: &str) -> bool {
        let begins = text.as_bytes().get(..DATE_CHARS);
        begins.is_some_and(|begins| {
            begins.iter().enumerate().all(|(place, byte)| match place {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            })
        })
    }

    /// Seconds since midnight, UTC.
    const fn second_of_day(self) -> i64 {
        self.0.rem_euclid(DAY_SECONDS)
    }

    /// 0 for Monday to 6 for Sunday, UTC.
    const fn weekday(self) -> u8 {
        let day = (self.0.div_euclid(DAY_SECONDS) + FIRST_WEEKDAY).rem_euclid(7);
        day as u8
    }
}

/// Hours of the day, on days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First second of the day.
    from: i64,
    /// Second of the day behind the last; below `from` where the window goes over midnight.
    until: i64,
    /// Bit 0 is Monday.
    weekdays: u8,
}

impl Window {
    /// Reads `00:30-16:30` on these days (1 is Monday, 7 is Sunday); none named are all. Equal ends are the whole day.
    #[must_use]
    pub fn parse(hours: &str, weekdays: &[u64]) -> Option<Self> {
        let (from, until) = hours.split_once('-')?;
        let mut mask = 0_u8;
        for day in weekdays {
            if !(1..=7).contains(day) {
                return None;
            }
            mask |= 1 << (day - 1);
        }
        Some(Self {
            from: clock(from)?,
            until: clock(until)?,
            weekdays: if mask == 0 { 0x7f } else { mask },
        })
    }

    /// Whether a moment lies in it. After midnight a window still belongs to the day on which it began.
    #[must_use]
    pub const fn contains(self, moment: Moment) -> bool {
        let second = moment.second_of_day();
        let today = moment.weekday();
        let yesterday = (today + 6) % 7;
        if self.from < self.until {
            second >= self.from && second < self.until && self.weekdays & (1 << today) != 0
        } else if self.from == self.until {
            self.weekdays & (1 << today) != 0
        } else {
            (second >= self.from && self.weekdays & (1 << today) != 0)
                || (second < self.until && self.weekdays & (1 << yesterday) != 0)
        }
    }
}

/// `HH:MM`, `HH:MM:SS`, with or without `Z`.
fn clock(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches('Z');
    let mut parts = text.split(':');
    let mut next = |most: i64| {
        let part = parts.next()?;
        let number: i64 = (part.len() == 2).then(|| part.parse().ok())??;
        (0..=most).contains(&number).then_some(number)
    };
    let (hours, minutes) = (next(24)?, next(59)?);
    let seconds = if text.len() > 5 { next(59)? } else { 0 };
    let all = hours * 3600 + minutes * 60 + seconds;
    (parts.next().is_none() && all <= DAY_SECONDS).then_some(all % DAY_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    /// Protects replays on another day: the time of the day stays, because prices of the night depend on it.
    #[test]
    fn the_time_of_the_day_moves_along() {
        let moved = at("2026-03-04T17:30:00Z").on_the_day_of(at("2026-01-31T09:00:00Z"));
        assert_eq!(moved, at("2026-01-31T17:30:00Z"));
        assert_eq!(
            at("1969-12-31T23:00:00Z").on_the_day_of(at("1970-01-01")),
            at("1970-01-01T23:00:00Z")
        );
        for (text, expected) in [
            ("2026-01-31", true),
            ("2026-01-31T00:00:00Z", true),
            ("nonsense", false),
            ("31.01.2026 12:00", false),
            ("2026-1-31T00", false),
        ] {
            assert_eq!(Moment::is_written_like_one(text), expected, "{text}");
        }
    }

    /// Protects off-peak prices: ends, midnight, and days of the week, all in UTC.
    #[test]
    fn windows_hold_their_moments() {
        let day = Window::parse("00:30-16:30", &[]).unwrap();
        assert!(day.contains(at("2026-11-23T00:30:00Z")) && !day.contains(at("2026-11-23T16:30:00Z")));
        assert!(day.contains(at("2026-11-23T18:00:00+02:00")));
        // 2026-11-23 is a Monday.
        let night = Window::parse("22:00-06:00", &[1]).unwrap();
        assert!(night.contains(at("2026-11-23T23:00:00Z")) && night.contains(at("2026-11-24T05:59:59Z")));
        assert!(!night.contains(at("2026-11-24T23:00:00Z")) && !night.contains(at("2026-11-23T05:00:00Z")));
        let weekend = Window::parse("00:00-00:00", &[6, 7]).unwrap();
        assert!(weekend.contains(at("2026-11-22")) && !weekend.contains(at("2026-11-23")));
        let evening = Window::parse("10:00-24:00", &[]).unwrap();
        assert!(
            evening.contains(at("2026-11-23T23:59:59Z")) && !evening.contains(at("2026-11-23T09:00:00Z"))
        );
        for wrong in [
            "",
            "1:00-2:00",
            "10:00",
            "25:00-26:00",
            "10:60-11:00",
            "a-b",
            "10:00-11:00:00:00",
        ] {
            assert_eq!(Window::parse(wrong, &[]), None, "{wrong}");
        }
        assert_eq!(Window::parse("10:00-11:00", &[8]), None);
    }

    /// Protects dates: a bare one is midnight in UTC, and before 1970 counts too.
    #[test]
    fn reads_moments() {
        assert_eq!(at("1970-01-02").unix(), DAY_SECONDS);
        assert_eq!(at("1969-12-31T23:00:00Z").unix(), -3600);
        assert_eq!(at("1970-01-02T00:30:00+00:30").date(), "1970-01-02");
        assert_eq!(Moment::parse("yesterday"), None);
    }
}
