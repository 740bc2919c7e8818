//! Two numbers that were measured apart, each with an interval of its own: their difference and ratio. Apart from paired
//! blocks, because here whatever changed between the two measurements is part of what is seen.
//!
//! The intervals are put together by the method of variance estimates recovery (Zou and Donner 2008): each end of the
//! difference takes the arm of each interval that matters for it, so that the lopsided intervals of percentiles stay so.

use crate::effect::{Contrast, Effect};
use seatrial_stats::dist::normal_isf;

/// A number with its two-sided interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// The number.
    pub value: f64,
    /// Lower end; `None` where nothing bounds it.
    pub low: Option<f64>,
    /// Upper end; `None` where nothing bounds it.
    pub high: Option<f64>,
}

/// Degrees of freedom of a normal error: Student's t is the normal there.
const NORMAL_DF: f64 = 1e9;

/// Candidate against baseline, both with intervals at `level`; `None` where a number is none.
#[must_use]
pub fn contrast(baseline: Told, candidate: Told, level: f64) -> Option<Contrast> {
    if !(baseline.value.is_finite() && candidate.value.is_finite()) {
        return None;
    }
    let plain = |told: Told| arms(told.value, told.low, told.high);
    let log_ratio = (baseline.value > 0.0 && candidate.value > 0.0).then(|| {
        // An end at or below zero bounds no ratio.
        let end = |end: Option<f64>| end.filter(|end| *end > 0.0).map(f64::ln);
        let log = |told: Told| arms(told.value.ln(), end(told.low), end(told.high));
        difference(log(baseline), log(candidate), level)
    });
    Some(Contrast {
        baseline: baseline.value,
        candidate: candidate.value,
        difference: difference(plain(baseline), plain(candidate), level),
        log_ratio,
    })
}

/// A value and how far its interval reaches to each side.
#[derive(Clone, Copy)]
struct Arms {
    value: f64,
    down: f64,
    up: f64,
}

fn arms(value: f64, low: Option<f64>, high: Option<f64>) -> Arms {
    Arms {
        value,
        down: low.map_or(f64::INFINITY, |low| (value - low).max(0.0)),
        up: high.map_or(f64::INFINITY, |high| (high - value).max(0.0)),
    }
}

fn difference(baseline: Arms, candidate: Arms, level: f64) -> Effect {
    let z = normal_isf(0.5 * (1.0 - level));
    Effect {
        value: candidate.value - baseline.value,
        down: candidate.down.hypot(baseline.up) / z,
        up: candidate.up.hypot(baseline.down) / z,
        df: NORMAL_DF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::{Purpose, normal, stream};
    use crate::effect::{Decision, Question, judge};
    use crate::figure::{Figure, Margin};
    use crate::intervals::quantile_of;

    const fn told(value: f64, low: f64, high: f64) -> Told {
        Told {
            value,
            low: Some(low),
            high: Some(high),
        }
    }

    /// Protects the formula by hand: arms 3 and 4 make 5, each from the side that matters.
    #[test]
    fn by_hand() {
        let found = contrast(told(100.0, 90.0, 103.0), told(120.0, 116.0, 150.0), 0.95).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(close(found.difference.low(0.95).unwrap(), 20.0 - 5.0));
        assert!(close(
            found.difference.high(0.95).unwrap(),
            20.0 + 1_000f64.sqrt()
        ));
        let ratio = found.log_ratio.unwrap();
        assert!(close(ratio.value, 1.2f64.ln()));
        let down = (120.0f64 / 116.0).ln().hypot((103.0f64 / 100.0).ln());
        assert!(close(ratio.low(0.95).unwrap(), 1.2f64.ln() - down));
    }

    /// Protects: an end that is missing leaves the other; what is no number is no contrast.
    #[test]
    fn edges() {
        let open = Told {
            high: None,
            ..told(100.0, 90.0, 0.0)
        };
        let found = contrast(open, told(120.0, 116.0, 150.0), 0.95).unwrap();
        assert_eq!(found.difference.low(0.95), None);
        assert!(found.difference.high(0.95).is_some());
        assert!(contrast(told(f64::NAN, 0.0, 0.0), open, 0.95).is_none());
        let zero = contrast(told(0.0, 0.0, 0.0), told(0.01, 0.0, 0.02), 0.95).unwrap();
        assert_eq!(zero.log_ratio, None);
    }

    /// Protects against false alarms: p90s of two equal endpoints, from their own intervals, with no margin.
    #[test]
    fn equal_endpoints_rarely_fail() {
        let trials = 400;
        let run = |seed: u64| {
            let mut random = stream(seed, Purpose::Choice, 8);
            let values: Vec<f64> = (0..600)
                .map(|_| (4.0 + 0.5 * normal(&mut random)).exp())
                .collect();
            let found = quantile_of(&values, 0.9, 0.95).unwrap();
            Told {
                value: found.value,
                low: found.low,
                high: found.high,
            }
        };
        let alarms = (0..trials)
            .filter(|&seed| {
                let question = Question {
                    figure: Figure::USUAL[0],
                    margin: Margin::Share(0.0),
                    contrast: contrast(run(2 * seed), run(2 * seed + 1), 0.95),
                };
                judge(&[question], 0.05)[0].decision == Decision::Fail
            })
            .count();
        assert!(alarms as f64 / trials as f64 <= 0.083, "{alarms}");
    }
}
