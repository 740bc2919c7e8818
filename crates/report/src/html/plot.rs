//! Intervals as pictures: one axis for all rows that are compared, a line from low to high, a dot at the value, a dashed
//! line at a gate's limit. Inline SVG with classes alone, so that light and dark are one file and the page needs no
//! style of its own on an element.

use super::escape::esc;
use crate::format;
use seatrial_types::Unit;
use std::fmt::Write;

/// Width of a plot in pixels; ticks and rows share it.
const WIDTH: f64 = 260.0;
/// Room left and right for dots and labels.
const MARGIN: f64 = 14.0;
/// Ticks that are aimed at.
const TICKS: f64 = 4.0;
/// Room that a character of a tick's label takes in pixels, and room between two labels.
const LABEL_CHAR: f64 = 6.5;
const LABEL_GAP: f64 = 6.0;

/// A scale that several rows share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    unit: Unit,
}

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub(crate) value: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// Limit of a gate.
    pub(crate) limit: Option<f64>,
}

impl Axis {
    /// Wide enough for all of these; `None` where there is no number at all.
    pub(crate) fn over(marks: &[Mark], unit: Unit) -> Option<Self> {
        let numbers = marks
            .iter()
            .flat_map(|mark| [mark.value, mark.low, mark.high, mark.limit]);
        let (low, high) = numbers
            .flatten()
            .filter(|number| number.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| {
                (low.min(number), high.max(number))
            });
        if low > high {
            return None;
        }
        // A single number still gets a scale around it.
        let span = if high > low {
            high - low
        } else {
            (high.abs() * 0.2).max(0.02)
        };
        let (mut low, mut high) = (low - span * 0.08, high + span * 0.08);
        if unit == Unit::Share {
            (low, high) = (low.max(0.0), high.min(1.0));
        } else if low < 0.0
            && marks
                .iter()
                .all(|mark| mark.low.or(mark.value).is_none_or(|low| low >= 0.0))
        {
            low = 0.0;
        }
        if high <= low {
            high = low + span;
        }
        Some(Self { low, high, unit })
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        MARGIN + share.clamp(0.0, 1.0) * (WIDTH - 2.0 * MARGIN)
    }

    fn ticks(&self) -> Vec<f64> {
        ticks(self.low, self.high)
    }

    /// The scale itself, for the row above.
    pub(crate) fn head(&self) -> String {
        let mut svg = format!("<svg class=\"axis\" width=\"{WIDTH}\" height=\"18\" aria-hidden=\"true\">");
        let mut taken = f64::NEG_INFINITY;
        for tick in self.ticks() {
            let label = tick_label(tick, self.high - self.low, self.unit);
            // Labels of tiny sums are long: one that would run into its neighbour is left out, its grid line stays.
            let chars = u32::try_from(label.chars().count()).unwrap_or(u32::MAX);
            let (x, half) = (self.x(tick), 0.5 * LABEL_CHAR * f64::from(chars));
            if x - half < taken {
                continue;
            }
            taken = x + half + LABEL_GAP;
            let _ = write!(svg, "<text x=\"{x:.1}\" y=\"12\">{}</text>", esc(&label));
        }
        svg + "</svg>"
    }

    /// One row. `what` begins its text alternative.
    pub(crate) fn row(&self, mark: &Mark, what: &str, class: &str) -> String {
        const MIDDLE: f64 = 11.0;
        let text = format!(
            "{what}: {}",
            format::interval(mark.value, mark.low, mark.high, self.unit)
        );
        let mut svg = format!(
            "<svg class=\"plot {class}\" width=\"{WIDTH}\" height=\"22\" role=\"img\" aria-label=\"{}\">",
            esc(&text)
        );
        for tick in self.ticks() {
            let x = self.x(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"22\"/>"
            );
        }
        if let Some(limit) = mark.limit {
            let x = self.x(limit);
            let _ = write!(
                svg,
                "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"22\"/>"
            );
        }
        if let Some(value) = mark.value {
            // An end that cannot be given runs to the edge, and fades there.
            let (left, right) = (
                mark.low.map_or(MARGIN / 2.0, |low| self.x(low)),
                mark.high.map_or(WIDTH - MARGIN / 2.0, |high| self.x(high)),
            );
            let open = |end: Option<f64>| if end.is_none() { " open" } else { "" };
            let x = self.x(value);
            if mark.low.is_some() || mark.high.is_some() {
                for (from, to, end) in [(left, x, mark.low), (x, right, mark.high)] {
                    let _ = write!(
                        svg,
                        "<line class=\"ci{}\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{MIDDLE}\" y2=\"{MIDDLE}\"/>",
                        open(end)
                    );
                }
            }
            let _ = write!(
                svg,
                "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{MIDDLE}\" r=\"4\"/>"
            );
        }
        svg + "</svg>"
    }
}

/// Round numbers inside a range, about [`TICKS`] of them.
pub(crate) fn ticks(low: f64, high: f64) -> Vec<f64> {
    /// A bound against ranges that no step fits.
    const TICKS_MAX: usize = 12;
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return vec![low];
    }
    let rough = span / TICKS;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough);
    let first = (low / step).ceil();
    (0..TICKS_MAX)
        .map(|index| (first + f64::from(u32::try_from(index).unwrap_or(0))) * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        .collect()
}

/// A tick with as many digits as tell it from its neighbours, and the unit where it is short.
pub(crate) fn tick_label(tick: f64, span: f64, unit: Unit) -> String {
    let decimals = if span > 0.0 {
        (1.3 - (span / TICKS).log10()).floor().clamp(0.0, 12.0)
    } else {
        2.0
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=12"
    )]
    let text = format!("{tick:.*}", decimals as usize);
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let text = if text == "-0" { "0" } else { text };
    match unit {
        Unit::Usd => format!("${text}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(value: f64, low: f64, high: f64) -> Mark {
        Mark {
            value: Some(value),
            low: Some(low),
            high: Some(high),
            limit: None,
        }
    }

    /// Protects scales: shares stay in [0, 1], one number gets a scale, none gets none, ticks are round and inside.
    #[test]
    fn axes_hold_what_they_show() {
        let share = Axis::over(&[mark(0.99, 0.97, 1.0)], Unit::Share).unwrap();
        assert!(share.low >= 0.0 && share.high <= 1.0 && share.low < 0.97);
        let one = Axis::over(&[mark(5.0, 5.0, 5.0)], Unit::Ms).unwrap();
        assert!(one.low < 5.0 && one.high > 5.0);
        let none = Mark {
            value: None,
            low: None,
            high: None,
            limit: None,
        };
        assert_eq!(Axis::over(&[none], Unit::Ms), None);
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.5, 1.0]);
        assert_eq!(ticks(95.0, 305.0), [100.0, 200.0, 300.0]);
        assert_eq!(ticks(1.0, 1.0), [1.0]);
        assert_eq!(tick_label(0.9, 0.08, Unit::Share), "0.9");
        assert_eq!(tick_label(200.0, 400.0, Unit::Ms), "200");
        assert_eq!(tick_label(0.0012, 0.0008, Unit::Usd), "$0.0012");
    }

    /// Protects readers without eyes or colours: each picture says its numbers, an open end is marked as open.
    #[test]
    fn plots_have_a_text_alternative() {
        let mut open = mark(100.0, 90.0, 0.0);
        open.high = None;
        let axis = Axis::over(&[open], Unit::Ms).unwrap();
        let svg = axis.row(&open, "tier <1>, p99", "");
        assert!(
            svg.contains("role=\"img\" aria-label=\"tier &lt;1&gt;, p99: 100 ms [90, …]\""),
            "{svg}"
        );
        assert_eq!(svg.matches("ci open").count(), 1);
        assert!(!svg.contains("style="), "{svg}");
    }
}
