//! `at_least` and `at_most`: bounds that make pass or fail of a number. Apart because every scorer that yields a number
//! takes them, and because what the number was must not get lost.

use crate::ScorerError;
use crate::options::{Options, shown};
use seatrial_config::MetricEntry;
use seatrial_types::{MetricKind, Unit};
use std::ops::RangeInclusive;

/// Names of the two options.
pub(crate) const LIMITS: &[&str] = &["at_least", "at_most"];

/// Bounds of a number, at least one of them; both belong to what passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    at_least: Option<f64>,
    at_most: Option<f64>,
}

impl Limits {
    /// From the options; `None` where neither is given.
    pub(crate) fn parse(options: &Options<'_>, metric: &MetricEntry) -> Result<Option<Self>, ScorerError> {
        let range = range_of(metric);
        let at_least = bound(options, "at_least", &range)?;
        let at_most = bound(options, "at_most", &range)?;
        if let (Some(low), Some(high)) = (at_least, at_most)
            && low > high
        {
            let found = format!("the number `{high}`, below `at_least: {low}`");
            let hint = "no number is within; exchange them";
            return Err(options.invalid_text("at_most", found, format!("at least {low}"), hint));
        }
        let limits = Self { at_least, at_most };
        Ok((at_least.is_some() || at_most.is_some()).then_some(limits))
    }

    /// Whether a number is within.
    pub(crate) fn hold(&self, value: f64) -> bool {
        self.at_least.is_none_or(|bound| value >= bound) && self.at_most.is_none_or(|bound| value <= bound)
    }

    /// The number, the bound and what was read, for the reader of a report.
    pub(crate) fn told(&self, value: f64, read: &str) -> String {
        let bounds = match (self.at_least, self.at_most) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("at least {low}"),
            (None, Some(high)) => format!("at most {high}"),
            (None, None) => String::new(),
        };
        let value = rounded(value);
        if read.is_empty() {
            format!("{value}, wanted {bounds}")
        } else {
            format!("{value}, wanted {bounds}: {read}")
        }
    }
}

/// A number with at most six decimals: enough to see on which side of a bound it lies.
pub(crate) fn rounded(value: f64) -> String {
    let text = format!("{value:.6}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    // Amounts of money can be smaller than that.
    if value != 0.0 && matches!(short, "0" | "-0") {
        format!("{value:e}")
    } else {
        short.to_owned()
    }
}

fn range_of(metric: &MetricEntry) -> RangeInclusive<f64> {
    match (metric.kind, metric.unit) {
        (MetricKind::Binary | MetricKind::Bounded, _) => 0.0..=1.0,
        (MetricKind::Real, Unit::Score) => 0.0..=100.0,
        (MetricKind::Real, _) => 0.0..=f64::MAX,
    }
}

fn bound(
    options: &Options<'_>,
    option: &'static str,
    range: &RangeInclusive<f64>,
) -> Result<Option<f64>, ScorerError> {
    let Some(value) = options.value(option) else {
        return Ok(None);
    };
    let number = value.as_f64().filter(|number| range.contains(number));
    number.map(Some).ok_or_else(|| {
        let expected = if *range.end() == f64::MAX {
            "a number of at least 0".to_owned()
        } else {
            format!("a number from {} to {}", range.start(), range.end())
        };
        options.invalid_text(
            option,
            shown(value),
            expected,
            "write it without quotes and units",
        )
    })
}
