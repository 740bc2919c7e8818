//! Numbers as people read them: always with unit and interval, never with more digits than the interval supports.

use seatrial_types::{MetricResult, PillarStatus, Unit};
use std::fmt::Write;

/// `value [low, high]` with the unit's digits; `–` for what is unknown.
#[must_use]
pub fn estimate(metric: &MetricResult) -> String {
    interval(metric.value, metric.low, metric.high, metric.unit)
}

/// The same for any three numbers. An open end is `…`; without any interval the words say so.
#[must_use]
pub fn interval(value: Option<f64>, low: Option<f64>, high: Option<f64>, unit: Unit) -> String {
    let Some(value) = value else {
        return "– (no value)".to_owned();
    };
    let scale = Scale::of(
        unit,
        [Some(value), low, high]
            .into_iter()
            .flatten()
            .fold(0.0, |a: f64, b| a.max(b.abs())),
    );
    let value = scale.show(value);
    match (low, high) {
        (None, None) => format!("{value} (n too small for an interval)"),
        (low, high) => {
            let end = |end: Option<f64>| end.map_or_else(|| "…".to_owned(), |end| scale.show_bare(end));
            format!("{value} [{}, {}]", end(low), end(high))
        }
    }
}

/// One number with its unit.
#[must_use]
pub fn number(value: f64, unit: Unit) -> String {
    Scale::of(unit, value.abs()).show(value)
}

/// The samples of a metric that have no score, by class; empty where all have one.
#[must_use]
pub fn classes(metric: &MetricResult) -> String {
    let mut text = String::new();
    for (count, word) in [
        (metric.n_unparsed, "unparsed"),
        (metric.n_refused, "refused"),
        (metric.n_error, "errors"),
    ] {
        if count > 0 {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{count} {word}");
        }
    }
    text
}

/// How a pillar stands, in words.
#[must_use]
pub const fn pillar_status(status: PillarStatus) -> &'static str {
    match status {
        PillarStatus::Pass => "pass",
        PillarStatus::Fail => "fail",
        PillarStatus::Inconclusive => "inconclusive",
        PillarStatus::Measured => "measured",
        PillarStatus::NotAssessed => "not assessed",
    }
}

/// Digits and unit for numbers up to some size.
struct Scale {
    decimals: usize,
    prefix: &'static str,
    suffix: &'static str,
}

impl Scale {
    fn of(unit: Unit, largest: f64) -> Self {
        let (decimals, prefix, suffix) = match unit {
            Unit::Share => (3, "", ""),
            Unit::Ms if largest >= 100.0 => (0, "", " ms"),
            Unit::Ms if largest >= 10.0 => (1, "", " ms"),
            Unit::Ms => (2, "", " ms"),
            Unit::Usd => (digits_for(largest, 4), "$", ""),
            Unit::Tokens => (1, "", " tokens"),
            Unit::PerS => (2, "", "/s"),
            Unit::Count => (0, "", ""),
            Unit::Score => (digits_for(largest, 4), "", ""),
        };
        Self {
            decimals,
            prefix,
            suffix,
        }
    }

    fn show(&self, value: f64) -> String {
        format!("{}{}{}", self.prefix, self.show_bare(value), self.suffix)
    }

    fn show_bare(&self, value: f64) -> String {
        let text = format!("{value:.*}", self.decimals);
        if text
            .trim_start_matches('-')
            .bytes()
            .all(|b| b == b'0' || b == b'.')
        {
            text.replace('-', "")
        } else {
            text
        }
    }
}

/// Decimals that leave `significant` digits of a number of this size, at most 12.
fn digits_for(largest: f64, significant: usize) -> usize {
    /// Finest unit of money.
    const MOST: usize = 12;
    if largest <= 0.0 || !largest.is_finite() {
        return 2;
    }
    let magnitude = largest.log10().floor();
    let wanted = f64::from(u32::try_from(significant).unwrap_or(4)) - 1.0 - magnitude;
    (0..=MOST)
        .find(|digits| f64::from(u32::try_from(*digits).unwrap_or(0)) >= wanted)
        .unwrap_or(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects readability: units, intervals, open ends, no minus zero, digits that fit the size.
    #[test]
    fn numbers_carry_unit_and_interval() {
        let cases = [
            (
                interval(Some(0.93), Some(0.91), Some(0.95), Unit::Share),
                "0.930 [0.910, 0.950]",
            ),
            (
                interval(Some(203.4), Some(199.0), None, Unit::Ms),
                "203 ms [199, …]",
            ),
            (
                interval(Some(0.000_012_34), Some(0.000_012), Some(0.000_013), Unit::Usd),
                "$0.00001234 [0.00001200, 0.00001300]",
            ),
            (
                interval(Some(5.0), None, None, Unit::Share),
                "5.000 (n too small for an interval)",
            ),
            (interval(None, None, None, Unit::Share), "– (no value)"),
            (number(-0.000_01, Unit::Share), "0.000"),
            (number(12.5, Unit::Tokens), "12.5 tokens"),
            (number(1234.0, Unit::Usd), "$1234"),
        ];
        for (got, want) in cases {
            assert_eq!(got, want);
        }
    }
}
