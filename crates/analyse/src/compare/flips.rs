//! Which cases flipped between two systems, for a metric that is right or wrong. Apart from the test, which only counts
//! them: this names them, and says which epochs a reader should look at.

use super::matching::{Matched, MatchedCase};
use crate::scored::ScoredMetric;
use seatrial_types::{Flip, Flips};

/// Cases of each kind that are named; all are counted.
pub const FLIPS_LISTED_MAX: usize = 1_000;

/// Right and wrong are 1 and 0 where higher is better, else the reverse. `listed` cases of each kind are named.
pub(super) fn flips(matched: &Matched<'_>, metrics: [&ScoredMetric; 2], listed: usize) -> Flips {
    let mut flips = Flips::default();
    for case in &matched.cases {
        let of = |side: usize| {
            let (mean, epochs) = matched.case_mean(metrics[side], case, side)?;
            let right = if metrics[0].higher_is_better {
                mean
            } else {
                1.0 - mean
            };
            Some((right, epochs))
        };
        let (Some((a, epochs_a)), Some((b, epochs_b))) = (of(0), of(1)) else {
            continue;
        };
        let is_mixed = |share: f64| share > 0.0 && share < 1.0;
        let (count, list, wants_wrong) = if is_mixed(a) || is_mixed(b) {
            (&mut flips.n_flaky, &mut flips.flaky, true)
        } else if a == b {
            continue;
        } else if a > b {
            (&mut flips.n_newly_failing, &mut flips.newly_failing, false)
        } else {
            (&mut flips.n_newly_passing, &mut flips.newly_passing, false)
        };
        *count += 1;
        if list.len() < listed {
            let epoch = |side: usize| epoch_to_show(matched, metrics, case, side, wants_wrong);
            list.push(Flip {
                id: id_of(matched, case),
                a,
                epochs_a,
                b,
                epochs_b,
                epoch_a: epoch(0),
                epoch_b: epoch(1),
                texts: None,
            });
        }
    }
    flips
}

fn id_of(matched: &Matched<'_>, case: &MatchedCase) -> String {
    let row = matched.rows_of(case, 0).next();
    let sample = row.and_then(|row| matched.task(0).samples.get(row));
    sample.map(|sample| sample.id.to_string()).unwrap_or_default()
}

/// The first epoch with a score; of a flaky case the first wrong one, where there is one.
fn epoch_to_show(
    matched: &Matched<'_>,
    metrics: [&ScoredMetric; 2],
    case: &MatchedCase,
    side: usize,
    wants_wrong: bool,
) -> u32 {
    let wrong = if metrics[0].higher_is_better { 0.0 } else { 1.0 };
    let mut scored: Vec<(u32, f64)> = matched
        .rows_of(case, side)
        .filter_map(|row| {
            let score = metrics[side].scores.get(row).copied().flatten()?;
            Some((matched.task(side).samples.get(row)?.epoch, score))
        })
        .collect();
    scored.sort_unstable_by_key(|(epoch, _)| *epoch);
    let first_wrong = scored.iter().find(|(_, score)| wants_wrong && *score == wrong);
    first_wrong.or(scored.first()).map_or(0, |(epoch, _)| *epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::{metric, sample, task};
    use seatrial_types::MetricKind;

    /// Protects the three kinds: all epochs turned, either way; epochs that disagree; and the epoch that a reader sees.
    #[test]
    fn names_the_kinds() {
        let side = |scores: [[Option<f64>; 2]; 5]| {
            let ids = ["down", "up", "mixed", "same", "unscored"];
            let samples = ids
                .iter()
                .flat_map(|id| [sample(id, 0, None), sample(id, 1, None)]);
            task(
                "t",
                samples.collect(),
                vec![metric("m", MetricKind::Binary, scores.as_flattened().to_vec())],
            )
        };
        let (one, zero) = (Some(1.0), Some(0.0));
        let a = side([[one, one], [zero, None], [one, one], [one, one], [None, None]]);
        let b = side([[zero, zero], [one, one], [one, zero], [one, one], [one, one]]);
        let matched = Matched::of(&a, &b).unwrap();
        let found = flips(&matched, [&a.metrics[0], &b.metrics[0]], 9);
        assert_eq!(
            (found.n_newly_failing, found.n_newly_passing, found.n_flaky),
            (1, 1, 1)
        );
        assert_eq!(
            (
                found.newly_failing[0].id.as_str(),
                found.newly_passing[0].id.as_str()
            ),
            ("down", "up")
        );
        let flaky = &found.flaky[0];
        assert_eq!(
            (flaky.id.as_str(), flaky.b, flaky.epoch_a, flaky.epoch_b),
            ("mixed", 0.5, 0, 1)
        );
        assert_eq!(
            (found.newly_passing[0].epochs_a, found.newly_passing[0].epochs_b),
            (1, 2)
        );
        // A metric of which less is better turns the sides round.
        let mut worse = [a.metrics[0].clone(), b.metrics[0].clone()];
        worse
            .iter_mut()
            .for_each(|metric| metric.higher_is_better = false);
        let found = flips(&matched, [&worse[0], &worse[1]], 0);
        assert_eq!(
            (
                found.n_newly_failing,
                found.n_newly_passing,
                found.newly_failing.len()
            ),
            (1, 1, 0)
        );
    }
}
