//! Scores against a binary truth: area under the ROC curve with DeLong's interval, average precision, and the
//! operating points people quote.

use crate::dist::normal_quantile;
use crate::error::{StatsError, at_least, finite, open_unit, same_length};
use crate::ranks::{doubled_average, order};

/// What [`roc`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roc {
    /// Area under the ROC curve: the probability that a positive scores above a negative, ties half. `NaN`
    /// where a class is absent.
    pub auc: f64,
    /// Average precision: Σ (recall step) × precision, without interpolation; 0 without positives.
    pub average_precision: f64,
    /// Largest Youden J = TPR − FPR over all thresholds, 0 to 1; `NaN` where a class is absent.
    pub youden_j: f64,
    /// The threshold of that J: call positive from this score on (the highest, if several). `+∞` where calling
    /// nothing positive is as good; `NaN` with J.
    pub youden_threshold: f64,
    /// Positives.
    pub positives: usize,
    /// Negatives.
    pub negatives: usize,
}

/// Summary of the ROC and precision–recall curves of `score` for `truth`, in O(n log n).
///
/// # Errors
/// No items, lists of unequal length, scores that are not finite.
///
/// Source: Hanley and McNeil 1982 for the area.
///
/// ```
/// use seatrial_stats::classification::roc;
/// let r = roc(&[false, true, false, true], &[0.1, 0.4, 0.4, 0.9])?;
/// assert_eq!((r.auc, r.youden_j), (0.875, 0.5));
/// assert!(roc(&[true, true], &[0.1, 0.2])?.auc.is_nan());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn roc(truth: &[bool], score: &[f64]) -> Result<Roc, StatsError> {
    check(truth, score)?;
    let positives = truth.iter().filter(|&&t| t).count();
    let negatives = truth.len() - positives;
    let (p, n) = (positives as f64, negatives as f64);
    let mut result = Roc {
        auc: 0.0,
        average_precision: 0.0,
        youden_j: 0.0,
        youden_threshold: f64::INFINITY,
        positives,
        negatives,
    };
    let (mut tp, mut fp) = (0.0, 0.0);
    for step in Steps::new(truth, score) {
        let (more_tp, more_fp) = (step.positives as f64, step.negatives as f64);
        // Trapezium under this step of the curve, in counts.
        result.auc += more_fp * (tp + 0.5 * more_tp);
        tp += more_tp;
        fp += more_fp;
        if more_tp > 0.0 {
            result.average_precision += more_tp / p * (tp / (tp + fp));
        }
        let j = tp / p - fp / n;
        if j > result.youden_j {
            result.youden_j = j;
            result.youden_threshold = step.score;
        }
    }
    result.auc /= p * n;
    if positives == 0 || negatives == 0 {
        result.youden_j = f64::NAN;
        result.youden_threshold = f64::NAN;
    }
    Ok(result)
}

impl Roc {
    /// The largest true-positive rate of a threshold with a false-positive rate of at most `fpr_max`, without
    /// interpolation; 0 where only the empty alarm qualifies, `NaN` where a class is absent.
    ///
    /// # Errors
    /// As [`roc`]; also `fpr_max` outside [0, 1].
    ///
    /// ```
    /// use seatrial_stats::classification::Roc;
    /// let truth = [false, true, false, true];
    /// assert_eq!(Roc::tpr_at_fpr(&truth, &[0.1, 0.4, 0.5, 0.9], 0.1)?, 0.5);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    pub fn tpr_at_fpr(truth: &[bool], score: &[f64], fpr_max: f64) -> Result<f64, StatsError> {
        check(truth, score)?;
        crate::error::closed_unit("fpr_max", fpr_max)?;
        let p = truth.iter().filter(|&&t| t).count() as f64;
        let n = truth.len() as f64 - p;
        if p == 0.0 || n == 0.0 {
            return Ok(f64::NAN);
        }
        let (mut tp, mut fp, mut best) = (0.0, 0.0, 0.0);
        for step in Steps::new(truth, score) {
            tp += step.positives as f64;
            fp += step.negatives as f64;
            if fp / n > fpr_max {
                break;
            }
            best = tp / p;
        }
        Ok(best)
    }
}

/// What [`auc_interval`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AucInterval {
    /// Area under the ROC curve; `NaN` where a class is absent.
    pub auc: f64,
    /// DeLong's standard error; `NaN` with fewer than two items of either class.
    pub se: f64,
    /// Lower end, at least 0.
    pub low: f64,
    /// Upper end, at most 1.
    pub high: f64,
}

/// Area under the ROC curve with DeLong's standard error and a normal interval at level `confidence`, clipped
/// to [0, 1], in O(n log n).
///
/// The variance adds, over positives and over negatives, the sample variance of an item's share of items of the
/// other class on its right side, divided by the number of items. A perfect separation has standard error 0:
/// the interval then says less than it seems to.
///
/// # Errors
/// As [`roc`]; also a confidence outside (0, 1).
///
/// Source: DeLong, DeLong, Clarke-Pearson 1988; fast form by Sun and Xu 2014.
///
/// ```
/// use seatrial_stats::classification::auc_interval;
/// let truth = [false, false, false, true, true, true];
/// let a = auc_interval(&truth, &[0.1, 0.2, 0.6, 0.4, 0.7, 0.9], 0.95)?;
/// assert!((a.auc - 8.0 / 9.0).abs() < 1e-12);
/// assert!(a.low < a.auc && a.high == 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn auc_interval(truth: &[bool], score: &[f64], confidence: f64) -> Result<AucInterval, StatsError> {
    check(truth, score)?;
    open_unit("confidence", confidence)?;
    let of_class = |class: bool| -> Vec<f64> {
        truth
            .iter()
            .zip(score)
            .filter(|&(&t, _)| t == class)
            .map(|(_, &s)| s)
            .collect()
    };
    let all = doubled_average(score);
    let within = [
        doubled_average(&of_class(false)),
        doubled_average(&of_class(true)),
    ];
    let sizes = [within[0].len() as f64, within[1].len() as f64];
    let (mut next, mut placements) = ([0, 0], [Vec::new(), Vec::new()]);
    for (&t, &rank) in truth.iter().zip(&all) {
        let class = usize::from(t);
        // Rank among all minus rank within the class: how many of the other class lie below, ties half.
        let below = (rank - within[class][next[class]]) as f64 / 2.0 / sizes[1 - class];
        placements[class].push(below);
        next[class] += 1;
    }
    let variance = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0) / n
    };
    let auc = placements[1].iter().sum::<f64>() / sizes[1];
    let se = (variance(&placements[0]) + variance(&placements[1])).sqrt();
    let half = normal_quantile(0.5 + 0.5 * confidence) * se;
    let interval = crate::Interval::around(auc, half).clamped(0.0, 1.0);
    Ok(AucInterval {
        auc: if sizes[0] == 0.0 { f64::NAN } else { auc },
        se,
        low: interval.low,
        high: interval.high,
    })
}

fn check(truth: &[bool], score: &[f64]) -> Result<(), StatsError> {
    same_length("truth", truth.len(), "score", score.len())?;
    at_least("truth", truth.len(), 1)?;
    finite("score", score)
}

/// One distinct score with its items.
struct Step {
    score: f64,
    positives: usize,
    negatives: usize,
}

/// The distinct scores from the highest down: the steps of the curve.
struct Steps<'a> {
    truth: &'a [bool],
    score: &'a [f64],
    /// Places of the items not yet passed, ascending by score.
    rest: Vec<usize>,
}

impl<'a> Steps<'a> {
    fn new(truth: &'a [bool], score: &'a [f64]) -> Self {
        Self {
            truth,
            score,
            rest: order(score),
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let score = self.score[*self.rest.last()?];
        let mut step = Step {
            score,
            positives: 0,
            negatives: 0,
        };
        while let Some(&item) = self.rest.last()
            && self.score[item] == score
        {
            self.rest.pop();
            if self.truth[item] {
                step.positives += 1;
            } else {
                step.negatives += 1;
            }
        }
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the areas lie in [0, 1], are the pairwise definition, and turn over with the scores.
        #[test]
        fn area_is_the_definition(items in prop::collection::vec((any::<bool>(), 0u8..6), 1..40)) {
            let (truth, score): (Vec<bool>, Vec<f64>) =
                items.iter().map(|&(t, s)| (t, f64::from(s))).unzip();
            let (r, d) = (roc(&truth, &score).unwrap(), auc_interval(&truth, &score, 0.9).unwrap());
            let (mut sum, mut pairs) = (0.0, 0.0);
            for (i, &a) in truth.iter().enumerate() {
                for (j, &b) in truth.iter().enumerate() {
                    if a && !b {
                        pairs += 1.0;
                        sum += if score[i] > score[j] { 1.0 } else if score[i] == score[j] { 0.5 } else { 0.0 };
                    }
                }
            }
            if pairs == 0.0 {
                prop_assert!(r.auc.is_nan() && d.auc.is_nan() && r.youden_j.is_nan());
            } else {
                prop_assert!((r.auc - sum / pairs).abs() < 1e-12 && (d.auc - r.auc).abs() < 1e-12);
                prop_assert!((0.0..=1.0).contains(&r.youden_j));
                prop_assert!((0.0..=1.0 + 1e-12).contains(&r.average_precision));
                let minus: Vec<f64> = score.iter().map(|s| -s).collect();
                prop_assert!((roc(&truth, &minus).unwrap().auc + r.auc - 1.0).abs() < 1e-12);
                let tpr = Roc::tpr_at_fpr(&truth, &score, 0.3).unwrap();
                prop_assert!((0.0..=1.0).contains(&tpr));
                prop_assert_eq!(Roc::tpr_at_fpr(&truth, &score, 1.0).unwrap(), 1.0);
            }
        }
    }

    /// Protects: absent classes are `NaN`, bad input is an error.
    #[test]
    fn edges() {
        assert!(roc(&[], &[]).is_err());
        assert!(roc(&[true], &[f64::NAN]).is_err());
        assert!(roc(&[false], &[1.0]).unwrap().average_precision == 0.0);
        let one_each = auc_interval(&[true, false], &[1.0, 0.0], 0.95).unwrap();
        assert!(one_each.auc == 1.0 && one_each.se.is_nan() && one_each.low.is_nan());
        assert!(Roc::tpr_at_fpr(&[true, false], &[1.0, 0.0], 1.5).is_err());
        assert!(Roc::tpr_at_fpr(&[true], &[1.0], 0.5).unwrap().is_nan());
    }
}
