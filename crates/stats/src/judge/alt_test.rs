//! Alternative annotator test: does a judge agree with each human's colleagues at least about as well as that
//! human does?

use crate::dist::t_cdf;
use crate::error::{StatsError, at_least, finite_scalar, open_unit, same_length};
use crate::moments::{mean, squares};
use crate::multiplicity::{Correction, decide};

/// How close an annotation is to those of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AltTestScoring {
    /// Share of the others with the same annotation; for labels.
    Accuracy,
    /// Minus the root mean squared distance to the others; for numbers.
    NegativeRmse,
}

/// Parameters of [`alt_test`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AltTestOptions {
    /// How closeness is measured.
    pub scoring: AltTestScoring,
    /// How much worse the judge may be, as a share of items: 0.2 for experts, 0.15 for skilled annotators, 0.1 for
    /// crowd workers (the price difference it has to beat).
    pub epsilon: f64,
    /// False discovery rate over the humans, usually 0.05.
    pub q: f64,
    /// Items with fewer human annotations are left out, at least 2.
    pub min_humans_per_item: usize,
    /// Humans with fewer usable items are left out, at least 2; 30 for the t test.
    pub min_items_per_human: usize,
}

impl Default for AltTestOptions {
    /// Labels, ε 0.2, q 0.05, 2 humans per item, 30 items per human.
    fn default() -> Self {
        Self {
            scoring: AltTestScoring::Accuracy,
            epsilon: 0.2,
            q: 0.05,
            min_humans_per_item: 2,
            min_items_per_human: 30,
        }
    }
}

/// The comparison with one human.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnotatorResult {
    /// Place of the human in the input.
    pub human: usize,
    /// Items compared.
    pub items: usize,
    /// Share of items on which the judge is at least as close to the other humans as this one.
    pub advantage: f64,
    /// P-value of "the judge is worse by ε or more". With a constant difference, for which t is undefined, 0 or
    /// 1 by comparing it with ε.
    pub p_value: f64,
    /// Whether that was rejected, so that the judge beats this human.
    pub rejected: bool,
}

/// What [`alt_test`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct AltTest {
    /// ω: share of the humans that the judge beats; `NaN` where nobody has enough items. At least 0.5: the judge
    /// may be used instead of a human.
    pub winning_rate: f64,
    /// ρ: mean advantage over the humans; ranks judges. `NaN` where nobody has enough items.
    pub advantage_probability: f64,
    /// Per human with enough items.
    pub humans: Vec<AnnotatorResult>,
}

impl AltTest {
    /// Whether the judge passes: ω of at least one half.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.winning_rate >= 0.5
    }
}

/// Alternative annotator test of a judge (`judge[item]`) against humans (`humans[human][item]`); `None` is
/// missing.
///
/// Each human in turn is left out, and the human's and the judge's annotation of each item are scored against
/// the remaining humans. With W_judge and W_human the indicators that the one is at least as close as the other,
/// a one-sided t test of mean(W_human − W_judge) < ε decides, with the Benjamini–Yekutieli correction over
/// humans. Wants at least three humans and 50 to 100 items.
///
/// # Errors
/// No humans, lists of unequal length, annotations that are not finite, ε not finite, q outside (0, 1), minima
/// below 2.
///
/// Source: Calderon, Reichart, Dror 2025.
///
/// ```
/// use seatrial_stats::judge::{AltTestOptions, alt_test};
/// let truth: Vec<f64> = (0..60).map(|i| f64::from(i % 3)).collect();
/// let human = |slip: usize| -> Vec<Option<f64>> {
///     truth.iter().enumerate().map(|(i, &t)| Some(if i % 9 == slip { 9.0 } else { t })).collect()
/// };
/// let judge: Vec<_> = truth.iter().copied().map(Some).collect();
/// let result = alt_test(&[human(0), human(3), human(6)], &judge, AltTestOptions::default())?;
/// assert!(result.passed() && result.winning_rate == 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn alt_test(
    humans: &[Vec<Option<f64>>],
    judge: &[Option<f64>],
    options: AltTestOptions,
) -> Result<AltTest, StatsError> {
    at_least("humans", humans.len(), 1)?;
    at_least("min_humans_per_item", options.min_humans_per_item, 2)?;
    at_least("min_items_per_human", options.min_items_per_human, 2)?;
    finite_scalar("epsilon", options.epsilon)?;
    open_unit("q", options.q)?;
    for annotations in humans.iter().map(Vec::as_slice).chain([judge]) {
        same_length("annotations", annotations.len(), "judge", judge.len())?;
        for (index, value) in annotations.iter().enumerate() {
            if let Some(found) = *value
                && !found.is_finite()
            {
                return Err(StatsError::NotFinite {
                    what: "annotations",
                    index,
                    found,
                });
            }
        }
    }
    let mut compared: Vec<AnnotatorResult> = (0..humans.len())
        .filter_map(|human| compare(human, humans, judge, options))
        .collect();
    let p_values: Vec<f64> = compared.iter().map(|result| result.p_value).collect();
    let decisions = decide(&p_values, Correction::BenjaminiYekutieli, options.q)?;
    for (result, reject) in compared.iter_mut().zip(decisions.reject) {
        result.rejected = reject;
    }
    let n = compared.len() as f64;
    Ok(AltTest {
        winning_rate: compared.iter().filter(|result| result.rejected).count() as f64 / n,
        advantage_probability: compared.iter().map(|result| result.advantage).sum::<f64>() / n,
        humans: compared,
    })
}

/// The comparison with one human; `None` with too few items.
fn compare(
    human: usize,
    humans: &[Vec<Option<f64>>],
    judge: &[Option<f64>],
    options: AltTestOptions,
) -> Option<AnnotatorResult> {
    let mut differences = Vec::new();
    let mut advantages = 0.0;
    let mut others = Vec::with_capacity(humans.len());
    for (item, judged) in judge.iter().enumerate() {
        let (Some(judged), Some(own)) = (*judged, humans[human][item]) else {
            continue;
        };
        others.clear();
        others.extend(
            humans
                .iter()
                .enumerate()
                .filter(|&(other, _)| other != human)
                .filter_map(|(_, row)| row[item]),
        );
        if others.len() + 1 < options.min_humans_per_item {
            continue;
        }
        let (judge_score, own_score) = (
            closeness(judged, &others, options.scoring),
            closeness(own, &others, options.scoring),
        );
        let judge_wins = f64::from(u8::from(judge_score >= own_score));
        let human_wins = f64::from(u8::from(own_score >= judge_score));
        advantages += judge_wins;
        differences.push(human_wins - judge_wins);
    }
    let items = differences.len();
    if items < options.min_items_per_human {
        return None;
    }
    Some(AnnotatorResult {
        human,
        items,
        advantage: advantages / items as f64,
        p_value: worse_by_epsilon(&differences, options.epsilon),
        rejected: false,
    })
}

/// Larger is closer. Sums instead of means and no root: both sides of a comparison have the same others, and so
/// no tie is lost to rounding.
fn closeness(value: f64, others: &[f64], scoring: AltTestScoring) -> f64 {
    match scoring {
        AltTestScoring::Accuracy => others.iter().filter(|&&other| other == value).count() as f64,
        AltTestScoring::NegativeRmse => -others
            .iter()
            .map(|other| (value - other) * (value - other))
            .sum::<f64>(),
    }
}

/// One-sided t test p-value of mean ≥ ε.
fn worse_by_epsilon(differences: &[f64], epsilon: f64) -> f64 {
    let n = differences.len() as f64;
    let centre = mean(differences);
    if differences.iter().all(|d| *d == differences[0]) {
        return if centre < epsilon { 0.0 } else { 1.0 };
    }
    let se = (squares(differences, centre) / (n - 1.0) / n).sqrt();
    t_cdf((centre - epsilon) / se, n - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrap(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    proptest! {
        /// Protects: rates are shares, and the order of the humans does not matter.
        #[test]
        fn shares_and_order(
            rows in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.9, 0u8..3), 20), 4),
        ) {
            let rows: Vec<Vec<Option<f64>>> =
                rows.iter().map(|row| row.iter().map(|v| v.map(f64::from)).collect()).collect();
            let (judge, humans) = (&rows[0], &rows[1..]);
            let reversed: Vec<_> = humans.iter().rev().cloned().collect();
            for scoring in [AltTestScoring::Accuracy, AltTestScoring::NegativeRmse] {
                let options = AltTestOptions { scoring, min_items_per_human: 5, ..AltTestOptions::default() };
                let a = alt_test(humans, judge, options).unwrap();
                let b = alt_test(&reversed, judge, options).unwrap();
                prop_assert_eq!(a.winning_rate.is_nan(), a.humans.is_empty());
                if !a.humans.is_empty() {
                    prop_assert!((0.0..=1.0).contains(&a.winning_rate));
                    prop_assert!((0.0..=1.0).contains(&a.advantage_probability));
                    prop_assert_eq!(a.winning_rate, b.winning_rate);
                    prop_assert!((a.advantage_probability - b.advantage_probability).abs() < 1e-12);
                }
            }
        }
    }

    /// Protects: a constant difference is decided by ε, nobody with enough items is `NaN`, bad input is an error.
    #[test]
    fn edges() {
        let same = wrap(&[1.0; 40]);
        let options = AltTestOptions::default();
        let equal = alt_test(&[same.clone(), same.clone()], &same, options).unwrap();
        assert_eq!((equal.winning_rate, equal.humans[0].p_value), (1.0, 0.0));
        let worse = alt_test(&[same.clone(), same.clone()], &wrap(&[2.0; 40]), options).unwrap();
        assert_eq!((worse.winning_rate, worse.humans[0].p_value), (0.0, 1.0));
        let short = wrap(&[1.0; 10]);
        assert!(
            alt_test(&[short.clone(), short.clone()], &short, options)
                .unwrap()
                .winning_rate
                .is_nan()
        );
        assert!(
            !alt_test(std::slice::from_ref(&same), &same, options)
                .unwrap()
                .passed()
        );
        assert!(alt_test(&[], &same, options).is_err());
        assert!(alt_test(&[short], &same, options).is_err());
        assert!(alt_test(&[wrap(&[f64::NAN; 40])], &same, options).is_err());
        assert!(
            alt_test(
                std::slice::from_ref(&same),
                &same,
                AltTestOptions { q: 1.0, ..options }
            )
            .is_err()
        );
        let tiny = AltTestOptions {
            min_items_per_human: 1,
            ..options
        };
        assert!(alt_test(std::slice::from_ref(&same), &same, tiny).is_err());
    }
}
