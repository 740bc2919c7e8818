//! A candidate with what was measured of it, and its value on one axis.

use seatrial_stats::dist::binom_quantile;
use seatrial_stats::proportion;

/// Cases of one candidate at most.
pub const CASES_MAX: usize = 10_000_000;

/// Something that candidates are compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Axis {
    /// Mean score of a case.
    Quality,
    /// Mean cost of a case, dollars.
    Cost,
    /// Mean cost over mean success, dollars.
    CostPerSuccess,
    /// A percentile of latency, milliseconds; with summaries, the one latency that was given.
    Latency(f64),
    /// Mean safety score of a case.
    Safety,
}

impl Axis {
    /// Reads `quality`, `cost`, `cost_per_success`, `latency_p50` and so on, `safety`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "quality" => Self::Quality,
            "cost" => Self::Cost,
            "cost_per_success" => Self::CostPerSuccess,
            "safety" => Self::Safety,
            "latency" => Self::Latency(0.5),
            other => {
                let percent: f64 = other.strip_prefix("latency_p")?.parse().ok()?;
                if !(1.0..=99.9).contains(&percent) {
                    return None;
                }
                Self::Latency(percent / 100.0)
            }
        })
    }

    /// The word.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Quality => "quality".to_owned(),
            Self::Cost => "cost".to_owned(),
            Self::CostPerSuccess => "cost_per_success".to_owned(),
            Self::Safety => "safety".to_owned(),
            Self::Latency(q) => format!("latency_p{}", (q * 1000.0).round() / 10.0),
        }
    }

    /// Whether more is better.
    #[must_use]
    pub const fn higher_is_better(self) -> bool {
        matches!(self, Self::Quality | Self::Safety)
    }

    /// Unit of its values.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Quality | Self::Safety => "score",
            Self::Cost | Self::CostPerSuccess => "usd",
            Self::Latency(_) => "ms",
        }
    }

    /// A value so that less is better.
    #[must_use]
    pub fn loss(self, value: f64) -> f64 {
        if self.higher_is_better() { -value } else { value }
    }
}

/// What was measured of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// Case by case, in the same order for all candidates that are compared.
    Cases {
        /// Score of each case.
        quality: Vec<f64>,
        /// Dollars of each case; `None` where any is unknown.
        cost: Option<Vec<f64>>,
        /// Milliseconds of each case, where it has any.
        latency_ms: Option<Vec<Option<f64>>>,
        /// Safety score of each case.
        safety: Option<Vec<f64>>,
    },
    /// What somebody published.
    Summary {
        /// Share of cases that were right.
        quality: f64,
        /// Cases.
        n: f64,
        /// Dollars of a case; `None` where unknown.
        cost: Option<f64>,
        /// Milliseconds of a case; `None` where unknown.
        latency_ms: Option<f64>,
        /// Safety score; `None` where unknown.
        safety: Option<f64>,
    },
}

/// A candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// What was measured.
    pub evidence: Evidence,
    /// Cases in the order of their latency; empty where there is none. Kept, because every resample needs it.
    by_latency: Vec<usize>,
}

impl Candidate {
    /// A candidate with what was measured of it.
    #[must_use]
    pub fn new(name: String, evidence: Evidence) -> Self {
        let mut by_latency = Vec::new();
        if let Evidence::Cases {
            latency_ms: Some(latency),
            ..
        } = &evidence
        {
            by_latency = (0..latency.len())
                .filter(|case| latency[*case].is_some())
                .collect();
            by_latency.sort_by(|a, b| {
                let of = |case: &usize| latency[*case].unwrap_or(f64::INFINITY);
                of(a).total_cmp(&of(b))
            });
        }
        Self {
            name,
            evidence,
            by_latency,
        }
    }

    /// Cases, where it has them one by one.
    #[must_use]
    pub fn cases(&self) -> Option<usize> {
        match &self.evidence {
            Evidence::Cases { quality, .. } => Some(quality.len()),
            Evidence::Summary { .. } => None,
        }
    }

    /// Its value on an axis; `None` where unknown. Cost per success is infinite where nothing succeeded.
    #[must_use]
    pub fn value(&self, axis: Axis) -> Option<f64> {
        match self.cases() {
            Some(cases) => self.weighted(axis, &vec![1; cases]),
            None => self.summary(axis, None),
        }
    }

    /// The same with each case counted so often. `None` too for candidates without cases.
    pub(super) fn weighted(&self, axis: Axis, weights: &[u32]) -> Option<f64> {
        let Evidence::Cases {
            quality,
            cost,
            latency_ms,
            safety,
        } = &self.evidence
        else {
            return None;
        };
        match axis {
            Axis::Quality => Some(mean(quality, weights)),
            Axis::Cost => cost.as_ref().map(|cost| mean(cost, weights)),
            Axis::CostPerSuccess => cost
                .as_ref()
                .map(|cost| ratio(mean(cost, weights), mean(quality, weights))),
            Axis::Safety => safety.as_ref().map(|safety| mean(safety, weights)),
            Axis::Latency(q) => self.percentile(latency_ms.as_ref()?, q, weights),
        }
    }

    /// The smallest latency that at least a share `q` of the weight does not pass.
    fn percentile(&self, latency: &[Option<f64>], q: f64, weights: &[u32]) -> Option<f64> {
        let total: u64 = self.by_latency.iter().map(|case| u64::from(weights[*case])).sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of cases"
        )]
        let wanted = ((total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        for case in &self.by_latency {
            seen += u64::from(weights[*case]);
            if seen >= wanted {
                return latency[*case];
            }
        }
        None
    }

    /// The value of a summary, perhaps with another share of right cases.
    pub(super) fn summary(&self, axis: Axis, drawn_quality: Option<f64>) -> Option<f64> {
        let Evidence::Summary {
            quality,
            cost,
            latency_ms,
            safety,
            ..
        } = &self.evidence
        else {
            return None;
        };
        let quality = drawn_quality.unwrap_or(*quality);
        match axis {
            Axis::Quality => Some(quality),
            Axis::Cost => *cost,
            Axis::CostPerSuccess => cost.map(|cost| ratio(cost, quality)),
            Axis::Latency(_) => *latency_ms,
            Axis::Safety => *safety,
        }
    }

    /// One-sided bounds that need no resampling, where the axis has such: lower and upper end, each with this confidence.
    /// Of a share the exact ones; of a percentile those of the order statistics, unknown where too few cases were
    /// measured for the confidence; of money per success those of the share, where resampling sees no spread in it.
    pub(super) fn bounds(&self, axis: Axis, confidence: f64) -> Option<(Option<f64>, Option<f64>)> {
        match (&self.evidence, axis) {
            (Evidence::Cases { .. }, Axis::Latency(q)) => {
                let latency = self.sorted_latency()?;
                Some((
                    lower_of_percentile(&latency, q, confidence),
                    upper_of_percentile(&latency, q, confidence),
                ))
            }
            (Evidence::Cases { quality, .. }, Axis::CostPerSuccess) => {
                let (right, n) = successes(quality)?;
                let is_without_spread = right <= 0.0 || right >= n;
                is_without_spread
                    .then(|| self.per_success_bounds(confidence))
                    .flatten()
            }
            (Evidence::Summary { .. }, Axis::CostPerSuccess) => self.per_success_bounds(confidence),
            _ => self
                .share_bounds(axis, confidence)
                .map(|(low, high)| (Some(low), Some(high))),
        }
    }

    /// The cost as it was, over the bounds of the share.
    fn per_success_bounds(&self, confidence: f64) -> Option<(Option<f64>, Option<f64>)> {
        let cost = self.value(Axis::Cost)?;
        let (low, high) = self.share_bounds(Axis::Quality, confidence)?;
        Some((Some(ratio(cost, high)), Some(ratio(cost, low))))
    }

    /// Latencies that were measured, least first.
    fn sorted_latency(&self) -> Option<Vec<f64>> {
        let Evidence::Cases {
            latency_ms: Some(latency),
            ..
        } = &self.evidence
        else {
            return None;
        };
        Some(self.by_latency.iter().filter_map(|case| latency[*case]).collect())
    }

    /// One-sided exact bounds of a share, where the axis is one: lower and upper end, each with this confidence.
    fn share_bounds(&self, axis: Axis, confidence: f64) -> Option<(f64, f64)> {
        let (right, n) = match (&self.evidence, axis) {
            (Evidence::Cases { quality, .. }, Axis::Quality) => successes(quality)?,
            (Evidence::Cases { safety, .. }, Axis::Safety) => successes(safety.as_ref()?)?,
            (Evidence::Summary { quality, n, .. }, Axis::Quality) => ((quality * n).round(), *n),
            _ => return None,
        };
        let low = proportion::clopper_pearson_lower(right, n, confidence).ok()?;
        let high = proportion::clopper_pearson_upper(right, n, confidence).ok()?;
        Some((low, high))
    }
}

/// Cases that a percentile needs before its upper bound with this confidence is a value that was measured; `None` where
/// no number of cases is enough. 59 for the 95th percentile at 95 %: 0.95^59 < 0.05.
#[must_use]
pub fn cases_needed(q: f64, confidence: f64) -> Option<u64> {
    let needed = (1.0 - confidence).ln() / q.ln();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a small number from 0"
    )]
    (0.0..1e15)
        .contains(&needed)
        .then(|| (needed.ceil() as u64).max(1))
}

/// The smallest measured value below which the percentile lies with this confidence: as many values as are below the
/// percentile, which is binomial, and one more.
fn upper_of_percentile(sorted: &[f64], q: f64, confidence: f64) -> Option<f64> {
    let below = binom_quantile(confidence, u64::try_from(sorted.len()).ok()?, q)?;
    sorted.get(usize::try_from(below).ok()?).copied()
}

/// The largest measured value above which the percentile lies with this confidence.
fn lower_of_percentile(sorted: &[f64], q: f64, confidence: f64) -> Option<f64> {
    let below = binom_quantile(1.0 - confidence, u64::try_from(sorted.len()).ok()?, q)?;
    sorted.get(usize::try_from(below).ok()?.checked_sub(1)?).copied()
}

/// Ones and cases, where all scores are 0 or 1.
#[expect(clippy::cast_precision_loss, reason = "at most CASES_MAX")]
fn successes(scores: &[f64]) -> Option<(f64, f64)> {
    let is_binary = scores.iter().all(|score| *score == 0.0 || *score == 1.0);
    (is_binary && !scores.is_empty()).then(|| (scores.iter().sum(), scores.len() as f64))
}

fn mean(values: &[f64], weights: &[u32]) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (value, weight) in values.iter().zip(weights) {
        let weight = f64::from(*weight);
        sum = value.mul_add(weight, sum);
        total += weight;
    }
    if total > 0.0 { sum / total } else { 0.0 }
}

fn ratio(cost: f64, success: f64) -> f64 {
    if success > 0.0 {
        cost / success
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    /// Protects the bounds of percentiles: 0.95^58 > 0.05 > 0.95^59, so that the 95th percentile has an upper bound from
    /// 59 cases on, which is the largest then; of 100 cases P(X ≤ 97) = 0.882 and P(X ≤ 98) = 0.963, so that it is the
    /// 99th; P(X ≤ 90) = 0.028 and P(X ≤ 91) = 0.063 make the 91st the lower one.
    #[test]
    fn percentiles_have_exact_bounds() {
        let sorted = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
        assert_eq!(cases_needed(0.95, 0.95), Some(59));
        assert_eq!(cases_needed(1.0, 0.95), None);
        assert_eq!(upper_of_percentile(&sorted(58), 0.95, 0.95), None);
        assert_eq!(upper_of_percentile(&sorted(59), 0.95, 0.95), Some(59.0));
        assert_eq!(upper_of_percentile(&sorted(100), 0.95, 0.95), Some(99.0));
        assert_eq!(lower_of_percentile(&sorted(100), 0.95, 0.95), Some(91.0));
        assert_eq!(lower_of_percentile(&sorted(1), 0.5, 0.95), None);
        assert_eq!(upper_of_percentile(&[], 0.5, 0.95), None);
    }

    /// Protects shares without a failure or a success: nothing in 100 is no proof of nothing. 1 − 0.05^(1/100) = 0.0295.
    #[test]
    fn none_in_a_hundred_has_a_bound() {
        let candidate = |quality| {
            Candidate::new(
                "x".to_owned(),
                Evidence::Summary {
                    quality,
                    n: 100.0,
                    cost: Some(2.0),
                    latency_ms: None,
                    safety: None,
                },
            )
        };
        let (low, high) = candidate(0.0).bounds(Axis::Quality, 0.95).unwrap();
        assert_eq!(low, Some(0.0));
        assert!((high.unwrap() - 0.029_513).abs() < 1e-6, "{high:?}");
        let (low, high) = candidate(0.0).bounds(Axis::CostPerSuccess, 0.95).unwrap();
        assert!((low.unwrap() - 2.0 / 0.029_513).abs() < 0.01, "{low:?}");
        assert_eq!(high, Some(f64::INFINITY));
        let (low, high) = candidate(1.0).bounds(Axis::CostPerSuccess, 0.95).unwrap();
        assert_eq!(low, Some(2.0));
        assert!((high.unwrap() - 2.0 / (1.0 - 0.029_513)).abs() < 1e-5, "{high:?}");
    }
}
