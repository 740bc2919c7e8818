//! The samples of two systems matched by case, once for all metrics. Apart from [`pair`](super::pair), which takes the
//! rows of one metric: with hundred thousand cases and seven metrics, looking up ids seven times is most of the work.

use super::{CompareError, PairedScores, Side};
use crate::scored::{ScoredMetric, ScoredTask};
use seatrial_types::MetricKind;
use std::collections::HashMap;
use std::ops::Range;

/// Two systems on one task.
#[derive(Debug)]
pub(super) struct Matched<'a> {
    tasks: [&'a ScoredTask; 2],
    /// Samples of each side, grouped by case.
    rows: [Vec<u32>; 2],
    /// Cases that both have, by id.
    pub(super) cases: Vec<MatchedCase>,
    /// Cluster of each of [`Matched::cases`] by number; empty where cases are independent.
    clusters: Vec<u32>,
    /// Cases that one side alone has, as ranges of its rows.
    only: [Vec<Range<usize>>; 2],
}

/// A case: where its samples stand in the rows of A and of B.
#[derive(Debug, Clone)]
pub(super) struct MatchedCase {
    rows: [Range<usize>; 2],
}

/// Mean of the scores of one case on one side.
#[derive(Debug, Clone, Copy, Default)]
struct CaseMean {
    sum: f64,
    count: u32,
    missing: u32,
}

impl CaseMean {
    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl<'a> Matched<'a> {
    /// Matches by id.
    ///
    /// # Errors
    /// As [`pair`](super::pair): a case twice in one epoch, clusters that contradict each other or are missing.
    pub(super) fn of(a: &'a ScoredTask, b: &'a ScoredTask) -> Result<Self, CompareError> {
        let mut numbers: HashMap<&str, u32> = HashMap::with_capacity(a.samples.len());
        let mut ids: Vec<&str> = Vec::new();
        let grouped = [a, b].map(|task| {
            let of_rows: Vec<u32> = task
                .samples
                .iter()
                .map(|sample| {
                    *numbers.entry(&sample.id).or_insert_with(|| {
                        ids.push(&sample.id);
                        index(ids.len() - 1)
                    })
                })
                .collect();
            of_rows
        });
        let [(rows_a, starts_a), (rows_b, starts_b)] = grouped.map(|of_rows| group(&of_rows, ids.len()));
        let rows = [rows_a, rows_b];
        for (side, task, rows, starts) in [
            (Side::A, a, &rows[0], &starts_a),
            (Side::B, b, &rows[1], &starts_b),
        ] {
            check_epochs(side, task, rows, starts)?;
        }
        let mut order: Vec<u32> = (0..index(ids.len())).collect();
        order.sort_unstable_by_key(|&case| ids.get(case as usize).copied());
        let mut matched = Self {
            tasks: [a, b],
            rows,
            cases: Vec::new(),
            clusters: Vec::new(),
            only: [Vec::new(), Vec::new()],
        };
        for case in order {
            let of_case = |starts: &[usize]| starts[case as usize]..starts[case as usize + 1];
            let (of_a, of_b) = (of_case(&starts_a), of_case(&starts_b));
            match (of_a.is_empty(), of_b.is_empty()) {
                (false, false) => matched.cases.push(MatchedCase { rows: [of_a, of_b] }),
                (false, true) => matched.only[0].push(of_a),
                _ => matched.only[1].push(of_b),
            }
        }
        matched.clusters = matched.number_clusters()?;
        Ok(matched)
    }

    /// Whether any case is on both sides.
    pub(super) fn is_paired(&self) -> bool {
        !self.cases.is_empty()
    }

    fn number_clusters(&self) -> Result<Vec<u32>, CompareError> {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut of_cases: Vec<Option<u32>> = Vec::with_capacity(self.cases.len());
        for case in &self.cases {
            let found = self.cluster_of(case)?;
            of_cases.push(found.map(|cluster| {
                let next = index(numbers.len());
                *numbers.entry(cluster).or_insert(next)
            }));
        }
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let missing = of_cases.iter().position(Option::is_none);
        if let Some(case) = missing.and_then(|at| self.cases.get(at)) {
            // Where one side alone names clusters, it is the one that left this case out.
            let names_any = |side: usize| {
                self.tasks[side]
                    .samples
                    .iter()
                    .any(|sample| sample.cluster.is_some())
            };
            let (side, number) = if names_any(0) { (Side::A, 0) } else { (Side::B, 1) };
            let row = self.rows_of(case, number).next().unwrap_or_default();
            return Err(CompareError::ClusterMissing {
                side,
                id: self.tasks[number].samples[row].id.to_string(),
                index: row,
            });
        }
        Ok(of_cases.into_iter().flatten().collect())
    }

    /// The one cluster that the samples of a case name.
    fn cluster_of(&self, case: &MatchedCase) -> Result<Option<&'a str>, CompareError> {
        let mut known: Option<((Side, usize), &str)> = None;
        for (side, number) in [(Side::A, 0), (Side::B, 1)] {
            for row in self.rows_of(case, number) {
                let sample = &self.tasks[number].samples[row];
                let Some(cluster) = sample.cluster.as_deref() else {
                    continue;
                };
                match known {
                    Some((first, first_cluster)) if first_cluster != cluster => {
                        return Err(CompareError::ClusterConflict {
                            id: sample.id.to_string(),
                            first,
                            first_cluster: first_cluster.to_owned(),
                            second: (side, row),
                            second_cluster: cluster.to_owned(),
                        });
                    }
                    Some(_) => {}
                    None => known = Some(((side, row), cluster)),
                }
            }
        }
        Ok(known.map(|(_, cluster)| cluster))
    }

    /// Samples of a case on side 0 or 1.
    pub(super) fn rows_of(&self, case: &MatchedCase, side: usize) -> impl Iterator<Item = usize> + use<'_> {
        let range = case.rows[side].clone();
        self.rows[side][range].iter().map(|&row| row as usize)
    }

    /// The task of side 0 or 1.
    pub(super) const fn task(&self, side: usize) -> &'a ScoredTask {
        self.tasks[side]
    }

    /// The pairs of a metric, over all matched cases or those that `keep` (by position) takes. Cases of one side alone
    /// are counted only where all are asked for.
    pub(super) fn pair(
        &self,
        metrics: [&ScoredMetric; 2],
        keep: Option<&dyn Fn(usize) -> bool>,
    ) -> PairedScores {
        let mut paired = PairedScores::default();
        let mut is_binary = true;
        for (position, case) in self.cases.iter().enumerate() {
            if keep.is_some_and(|keep| !keep(position)) {
                continue;
            }
            let [a, b] =
                [0, 1].map(|side| self.mean_of(metrics[side], &case.rows[side], side, &mut is_binary));
            paired.missing_a += u64::from(a.missing);
            paired.missing_b += u64::from(b.missing);
            paired.epochs_max = paired.epochs_max.max(a.count).max(b.count);
            match (a.value(), b.value()) {
                (Some(a), Some(b)) => {
                    paired.a.push(a);
                    paired.b.push(b);
                    if let Some(&cluster) = self.clusters.get(position) {
                        paired.clusters.push(cluster);
                    }
                }
                (Some(_), None) => paired.only_a += 1,
                (None, Some(_)) => paired.only_b += 1,
                (None, None) => {}
            }
        }
        if keep.is_none() {
            let [only_a, only_b] = [0, 1].map(|side| self.only_with_score(metrics[side], side));
            paired.only_a += only_a;
            paired.only_b += only_b;
        }
        paired.kind = Some(kind(metrics, is_binary, paired.epochs_max));
        paired
    }

    fn only_with_score(&self, metric: &ScoredMetric, side: usize) -> u64 {
        let mut ignored = true;
        let with_score = self.only[side].iter();
        with_score
            .filter(|range| self.mean_of(metric, range, side, &mut ignored).count > 0)
            .count() as u64
    }

    fn mean_of(
        &self,
        metric: &ScoredMetric,
        range: &Range<usize>,
        side: usize,
        is_binary: &mut bool,
    ) -> CaseMean {
        let mut mean = CaseMean::default();
        for &row in &self.rows[side][range.clone()] {
            match metric.scores.get(row as usize).copied().flatten() {
                Some(score) => {
                    *is_binary &= score == 0.0 || score == 1.0;
                    mean.sum += score;
                    mean.count += 1;
                }
                None => mean.missing += 1,
            }
        }
        mean
    }

    /// Mean over its epochs of a case on one side.
    pub(super) fn case_mean(
        &self,
        metric: &ScoredMetric,
        case: &MatchedCase,
        side: usize,
    ) -> Option<(f64, u32)> {
        let mean = self.mean_of(metric, &case.rows[side], side, &mut true);
        mean.value().map(|value| (value, mean.count))
    }

    /// The unit of resampling of each sample of a side: its cluster, or its case. Samples of cases that the other side
    /// lacks have none.
    pub(super) fn units(&self, side: usize) -> (Vec<Option<u32>>, usize) {
        let mut units = vec![None; self.tasks[side].samples.len()];
        let mut count = 0;
        for (position, case) in self.cases.iter().enumerate() {
            let unit = self.clusters.get(position).copied().unwrap_or(index(position));
            count = count.max(unit as usize + 1);
            for row in self.rows_of(case, side) {
                units[row] = Some(unit);
            }
        }
        (units, count)
    }
}

/// The scale that both sides certainly keep to; means over epochs of right and wrong are shares of a case.
fn kind(metrics: [&ScoredMetric; 2], is_binary: bool, epochs_max: u32) -> MetricKind {
    let kinds = metrics.map(|metric| metric.kind);
    if kinds.contains(&MetricKind::Real) {
        MetricKind::Real
    } else if kinds == [MetricKind::Binary; 2] && is_binary && epochs_max <= 1 {
        MetricKind::Binary
    } else {
        MetricKind::Bounded
    }
}

/// Rows in the order of their cases, and where each case starts; one start more than there are cases.
fn group(case_of_row: &[u32], cases: usize) -> (Vec<u32>, Vec<usize>) {
    let mut starts = vec![0_usize; cases + 1];
    for &case in case_of_row {
        starts[case as usize + 1] += 1;
    }
    for case in 0..cases {
        starts[case + 1] += starts[case];
    }
    let mut next = starts.clone();
    let mut rows = vec![0_u32; case_of_row.len()];
    for (row, &case) in case_of_row.iter().enumerate() {
        let at = &mut next[case as usize];
        rows[*at] = index(row);
        *at += 1;
    }
    (rows, starts)
}

fn check_epochs(side: Side, task: &ScoredTask, rows: &[u32], starts: &[usize]) -> Result<(), CompareError> {
    let mut epochs: Vec<(u32, u32)> = Vec::new();
    for bounds in starts.windows(2) {
        let of_case = &rows[bounds[0]..bounds[1]];
        if of_case.len() < 2 {
            continue;
        }
        epochs.clear();
        epochs.extend(of_case.iter().map(|&row| (task.samples[row as usize].epoch, row)));
        epochs.sort_unstable();
        for two in epochs.windows(2) {
            if two[0].0 == two[1].0 {
                let (first, second) = (two[0].1 as usize, two[1].1 as usize);
                return Err(CompareError::Duplicate {
                    side,
                    id: task.samples[second].id.to_string(),
                    epoch: two[0].0,
                    first,
                    second,
                });
            }
        }
    }
    Ok(())
}

/// An index that fits: no task has as many samples as a `u32` can count.
fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::pair;
    use crate::compare::testing::{metric, sample, task};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Protects agreement of the two ways: pairs, counts, clusters and refusals are those of `pair`.
        #[test]
        fn agrees_with_pairing_row_by_row(
            rows in prop::collection::vec((any::<bool>(), 0u8..6, 0u32..2, prop::option::of(0u8..2)), 1..24),
            clustered: bool,
        ) {
            let side = |wanted: bool| {
                let rows: Vec<_> = rows.iter().filter(|row| row.0 == wanted).collect();
                let samples = rows.iter().map(|row| {
                    sample(&format!("q{}", row.1), row.2, clustered.then(|| format!("k{}", row.1 / 2)).as_deref())
                });
                let scores = rows.iter().map(|row| row.3.map(f64::from)).collect();
                task("t", samples.collect(), vec![metric("m", MetricKind::Binary, scores)])
            };
            let (a, b) = (side(true), side(false));
            let by_rows = pair(&a.rows(&a.metrics[0]), &b.rows(&b.metrics[0]));
            let matched = Matched::of(&a, &b);
            match (by_rows, matched) {
                (Ok(expected), Ok(matched)) => {
                    let found = matched.pair([&a.metrics[0], &b.metrics[0]], None);
                    prop_assert_eq!((&found.a, &found.b), (&expected.a, &expected.b));
                    prop_assert_eq!((found.only_a, found.only_b), (expected.only_a, expected.only_b));
                    // Cases of one side alone say nothing of the pairs.
                    prop_assert!(found.epochs_max <= expected.epochs_max);
                    prop_assert_eq!(found.clusters.len(), expected.clusters.len());
                    for (i, j) in (0..found.clusters.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
                        let same = |clusters: &[u32]| clusters[i] == clusters[j];
                        prop_assert_eq!(same(&found.clusters), same(&expected.clusters));
                    }
                }
                (Err(CompareError::NoPairs { .. }), Ok(matched)) => {
                    let found = matched.pair([&a.metrics[0], &b.metrics[0]], None);
                    prop_assert!(found.a.is_empty());
                }
                (Err(CompareError::Duplicate { .. }), Err(CompareError::Duplicate { .. })) => {}
                (expected, found) => prop_assert!(false, "{:?} and {:?}", expected, found.map(|_| ())),
            }
        }
    }

    /// Protects the refusals that need two sides: clusters that contradict, clusters on some cases only.
    #[test]
    fn contradicting_clusters_are_refused() {
        let one = |cluster: Option<&str>| {
            let samples = vec![sample("x", 0, cluster), sample("y", 0, Some("k"))];
            task(
                "t",
                samples,
                vec![metric("m", MetricKind::Binary, vec![Some(1.0), Some(0.0)])],
            )
        };
        let found = Matched::of(&one(Some("k")), &one(Some("l"))).map(|_| ());
        assert!(
            matches!(
                &found,
                Err(CompareError::ClusterConflict {
                    first: (Side::A, 0),
                    second: (Side::B, 0),
                    ..
                })
            ),
            "{found:?}"
        );
        let found = Matched::of(&one(None), &one(None)).map(|_| ());
        assert!(
            matches!(found, Err(CompareError::ClusterMissing { index: 0, .. })),
            "{found:?}"
        );
        assert!(Matched::of(&one(None), &one(Some("l"))).is_ok());
    }
}
