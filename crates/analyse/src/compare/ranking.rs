//! Three and more systems in order: intervals that hold for all of them at once, the ranks that the differences leave
//! open, and groups that cannot be told apart. Apart from the comparison of two.
//!
//! The intervals are those of one system at a stricter level, which a multiplier bootstrap of the largest standardised
//! error over all systems gives ("max-t"; Chernozhukov, Chetverikov and Kato 2013): systems that are asked the same cases
//! err together, so this is narrower than Bonferroni's. The groups are Piepho's letters (2004): two systems share one
//! exactly where their difference does not stand after the correction over all pairs.

use super::estimates::mean_of;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use seatrial_stats::dist;
use seatrial_types::{MetricKind, RankedSystem, Ranking};
use std::collections::HashMap;

/// Steps that the bootstrap may take: units × systems × resamples.
const STEPS_MAX: usize = 200_000_000;
const RESAMPLES_MIN: usize = 500;
const RESAMPLES_MAX: usize = 4_000;
const BLOCK: usize = 32;
/// Groups that are looked for before only neighbours in the ranking are grouped.
const GROUPS_MAX: usize = 256;

/// The systems under one metric: one value for each case and system, over the cases that all have.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Field {
    pub(super) labels: Vec<String>,
    /// By system, then case.
    pub(super) values: Vec<Vec<f64>>,
    /// By case; empty where cases are independent.
    pub(super) clusters: Vec<u32>,
}

/// What decides a ranking beside the values.
#[derive(Clone, Copy)]
pub(super) struct RankOptions<'a> {
    pub(super) task: &'a str,
    pub(super) metric: &'a str,
    pub(super) kind: MetricKind,
    pub(super) higher_is_better: bool,
    pub(super) level: f64,
    pub(super) seed: u64,
    /// Whether the difference of two systems, by position, stands after the correction.
    pub(super) differs: &'a dyn Fn(usize, usize) -> bool,
}

/// Ranks the systems. There is at least one case.
pub(super) fn rank(field: &Field, options: &RankOptions<'_>) -> Ranking {
    let systems = field.labels.len();
    let cases = field.values.first().map_or(0, Vec::len);
    let (each, how) = match simultaneous_level(field, options) {
        Some(level) => (level, "max_t"),
        None => (
            1.0 - (1.0 - options.level) / crate::series::to_f64(systems.max(1) as u64),
            "bonferroni",
        ),
    };
    let estimates: Vec<_> = field
        .values
        .iter()
        .map(|values| mean_of(values, &field.clusters, options.kind, each))
        .collect();
    let better = |one: usize, other: usize| {
        let value = |system: usize| {
            estimates
                .get(system)
                .and_then(|estimate| estimate.value)
                .unwrap_or(0.0)
        };
        let difference = value(one) - value(other);
        if options.higher_is_better {
            difference
        } else {
            -difference
        }
    };
    let mut order: Vec<usize> = (0..systems).collect();
    order.sort_by(|&one, &other| better(other, one).total_cmp(&0.0).then(one.cmp(&other)));
    let differs: Vec<Vec<bool>> = order
        .iter()
        .map(|&one| {
            order
                .iter()
                .map(|&other| one != other && (options.differs)(one, other))
                .collect()
        })
        .collect();
    let groups = groups(&differs);
    let ranked = order.iter().enumerate().map(|(at, &system)| {
        let (surely_better, surely_worse) = certain(&differs[at], |place| better(order[place], system));
        let count = u32::try_from(systems).unwrap_or(u32::MAX);
        RankedSystem {
            label: field.labels[system].clone(),
            value: seatrial_types::Estimate {
                level: options.level,
                ..estimates[system]
            },
            rank_best: 1 + surely_better,
            rank_worst: count - surely_worse,
            groups: letters(&groups, at),
        }
    });
    Ranking {
        task: options.task.to_owned(),
        metric: options.metric.to_owned(),
        higher_is_better: options.higher_is_better,
        n_cases: cases as u64,
        n_clusters: (!field.clusters.is_empty()).then(|| units(field).1 as u64),
        level: options.level,
        simultaneous: how.to_owned(),
        systems: ranked.collect(),
        indistinguishable: groups
            .iter()
            .map(|group| group.iter().map(|&at| field.labels[order[at]].clone()).collect())
            .collect(),
    }
}

/// How many of the systems that differ for certain are better, and how many worse; `by` says by how much one is better.
fn certain(differs: &[bool], by: impl Fn(usize) -> f64) -> (u32, u32) {
    let places = differs.iter().enumerate().filter(|(_, differs)| **differs);
    places.fold((0, 0), |(better, worse), (place, _)| {
        if by(place) > 0.0 {
            (better + 1, worse)
        } else {
            (better, worse + 1)
        }
    })
}

/// Unit of each case, and how many there are.
fn units(field: &Field) -> (Vec<usize>, usize) {
    if field.clusters.is_empty() {
        let cases = field.values.first().map_or(0, Vec::len);
        return ((0..cases).collect(), cases);
    }
    let mut numbers: HashMap<u32, usize> = HashMap::new();
    let units = field.clusters.iter().map(|cluster| {
        let next = numbers.len();
        *numbers.entry(*cluster).or_insert(next)
    });
    let units = units.collect();
    (units, numbers.len())
}

/// The level at which each interval must stand so that all hold at once; `None` where no system varies, or too few
/// units do.
fn simultaneous_level(field: &Field, options: &RankOptions<'_>) -> Option<f64> {
    /// Below this many units the bootstrap of a maximum is worth nothing.
    const UNITS_MIN: usize = 10;
    let (unit_of_case, units) = units(field);
    if units < UNITS_MIN {
        return None;
    }
    // Standardised contributions of each unit, by unit, of the systems that vary at all.
    let columns: Vec<Vec<f64>> = field
        .values
        .iter()
        .filter_map(|values| contributions(values, &unit_of_case, units))
        .collect();
    if columns.is_empty() {
        return None;
    }
    let (width, seed) = (columns.len(), options.seed);
    let mut rows = vec![0.0; units * width];
    for (system, column) in columns.iter().enumerate() {
        for (unit, value) in column.iter().enumerate() {
            rows[unit * width + system] = *value;
        }
    }
    let resamples = (STEPS_MAX / (units * width)).clamp(RESAMPLES_MIN, RESAMPLES_MAX);
    let mut maxima: Vec<f64> = (0..resamples.div_ceil(BLOCK))
        .into_par_iter()
        .flat_map_iter(|block| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(block as u64);
            let count = BLOCK.min(resamples - block * BLOCK);
            (0..count)
                .map(|_| largest(&mut rng, &rows, width))
                .collect::<Vec<_>>()
        })
        .collect();
    maxima.sort_unstable_by(f64::total_cmp);
    let critical = crate::bounds::quantile(&maxima, options.level)?;
    // Never wider than Bonferroni's, never narrower than one interval alone.
    let bonferroni = dist::normal_isf(0.5 * (1.0 - options.level) / crate::series::to_f64(width as u64));
    let alone = dist::normal_isf(0.5 * (1.0 - options.level));
    Some(1.0 - dist::normal_two_sided(critical.clamp(alone, bonferroni)))
}

/// Sums of deviations by unit over their standard error; `None` without spread.
fn contributions(values: &[f64], unit_of_case: &[usize], units: usize) -> Option<Vec<f64>> {
    let n = crate::series::to_f64(values.len() as u64);
    let mean = values.iter().sum::<f64>() / n;
    let mut sums = vec![0.0; units];
    for (value, &unit) in values.iter().zip(unit_of_case) {
        sums[unit] += value - mean;
    }
    let scale = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    (scale > 0.0 && scale.is_finite()).then(|| sums.iter().map(|sum| sum / scale).collect())
}

/// Largest absolute sum over the systems, with a random sign for each unit.
fn largest(rng: &mut ChaCha8Rng, rows: &[f64], width: usize) -> f64 {
    let mut sums = vec![0.0; width];
    for chunk in rows.chunks(64 * width) {
        let mut signs = rng.next_u64();
        for row in chunk.chunks_exact(width) {
            let sign = if signs & 1 == 0 { 1.0 } else { -1.0 };
            signs >>= 1;
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += sign * value);
        }
    }
    sums.iter().fold(0.0, |most: f64, sum| most.max(sum.abs()))
}

/// Groups of places in the ranking of which no two differ, as large as they can be, each ascending; every place is in
/// one at least.
fn groups(differs: &[Vec<bool>]) -> Vec<Vec<usize>> {
    let places = differs.len();
    let mut groups: Vec<Vec<usize>> = vec![(0..places).collect()];
    for one in 0..places {
        for other in one + 1..places {
            if !differs[one][other] {
                continue;
            }
            let (split, mut kept): (Vec<_>, Vec<_>) = groups
                .into_iter()
                .partition(|group| group.contains(&one) && group.contains(&other));
            for group in split {
                for out in [one, other] {
                    let rest: Vec<usize> = group.iter().copied().filter(|&place| place != out).collect();
                    if !kept.iter().any(|larger| is_within(&rest, larger)) {
                        kept.retain(|smaller| !is_within(smaller, &rest));
                        kept.push(rest);
                    }
                }
            }
            groups = kept;
            if groups.len() > GROUPS_MAX {
                return neighbours(differs);
            }
        }
    }
    groups.sort();
    groups
}

/// Both ascending.
fn is_within(part: &[usize], whole: &[usize]) -> bool {
    part.iter().all(|place| whole.binary_search(place).is_ok())
}

/// Stretches of the ranking in which no two differ.
fn neighbours(differs: &[Vec<bool>]) -> Vec<Vec<usize>> {
    let places = differs.len();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for start in 0..places {
        let stretch = |end: usize| (start..end).all(|place| !differs[place][end]);
        let end = (start..places)
            .take_while(|&end| stretch(end))
            .last()
            .unwrap_or(start);
        if groups
            .last()
            .is_none_or(|group| group.last().is_none_or(|&last| end > last))
        {
            groups.push((start..=end).collect());
        }
    }
    groups
}

/// The letters of a place's groups: a to z, then aa, ab, …
fn letters(groups: &[Vec<usize>], place: usize) -> String {
    let mut all = Vec::new();
    for (at, _) in groups
        .iter()
        .enumerate()
        .filter(|(_, group)| group.binary_search(&place).is_ok())
    {
        all.push(letter(at));
    }
    // Letters of one character need nothing between them.
    let separator = if all.iter().any(|name| name.len() > 1) {
        " "
    } else {
        ""
    };
    all.join(separator)
}

fn letter(at: usize) -> String {
    let char_of = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    match at / 26 {
        0 => char_of(at).to_string(),
        more => format!("{}{}", letter(more - 1), char_of(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options<'a>(kind: MetricKind, differs: &'a dyn Fn(usize, usize) -> bool) -> RankOptions<'a> {
        RankOptions {
            task: "t",
            metric: "m",
            kind,
            higher_is_better: true,
            level: 0.95,
            seed: 1,
            differs,
        }
    }

    /// Right answers to every case whose scrambled number is below a share.
    fn field(shares: &[f64], cases: u32) -> Field {
        let column = |share: &f64| {
            let right = |case: u32| f64::from(case * 7919 % cases) < share * f64::from(cases);
            (0..cases).map(|case| f64::from(u8::from(right(case)))).collect()
        };
        Field {
            labels: (0..shares.len()).map(|system| format!("s{system}")).collect(),
            values: shares.iter().map(column).collect(),
            clusters: Vec::new(),
        }
    }

    /// Protects the order, the open ranks and the letters of a small field with a known pattern of differences.
    #[test]
    fn ranks_and_letters() {
        let field = field(&[0.5, 0.9, 0.6, 0.55], 200);
        // Best first: 1, 2, 3, 0. Only 1 differs from 3 and 0, and 2 from 0.
        let certain =
            |one: usize, other: usize| matches!((one.min(other), one.max(other)), (1, 3) | (0, 1) | (0, 2));
        let ranking = rank(&field, &options(MetricKind::Binary, &certain));
        let rows: Vec<_> = ranking
            .systems
            .iter()
            .map(|system| {
                (
                    system.label.as_str(),
                    system.rank_best,
                    system.rank_worst,
                    system.groups.as_str(),
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("s1", 1, 2, "a"),
                ("s2", 1, 3, "ab"),
                ("s3", 2, 4, "bc"),
                ("s0", 3, 4, "c")
            ]
        );
        assert_eq!(
            ranking.indistinguishable,
            [vec!["s1", "s2"], vec!["s2", "s3"], vec!["s3", "s0"]]
        );
        assert_eq!((ranking.n_cases, ranking.simultaneous.as_str()), (200, "max_t"));
        let lower = RankOptions {
            higher_is_better: false,
            ..options(MetricKind::Binary, &certain)
        };
        assert_eq!(rank(&field, &lower).systems[0].label, "s0");
    }

    /// Protects the width of simultaneous intervals: between one alone and Bonferroni's, and close to one alone where
    /// the systems are copies of each other.
    #[test]
    fn intervals_are_simultaneous() {
        let never = |_: usize, _: usize| false;
        let width = |field: &Field| {
            let ranking = rank(field, &options(MetricKind::Binary, &never));
            let value = ranking.systems[0].value;
            (value.high.unwrap() - value.low.unwrap(), value.level)
        };
        let alone = mean_of(&field(&[0.5], 400).values[0], &[], MetricKind::Binary, 0.95);
        let alone = alone.high.unwrap() - alone.low.unwrap();
        let (copies, level) = width(&field(&[0.5; 8], 400));
        assert!(
            (copies / alone - 1.0).abs() < 0.03 && level == 0.95,
            "{copies} {alone}"
        );
        // Independent answers, by a generator that has nothing to do with the code.
        let mut state = 1_u64;
        let mut coin = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from(u8::from(state >> 63 == 1))
        };
        let mut independent = field(&[0.5; 8], 400);
        independent
            .values
            .iter_mut()
            .flatten()
            .for_each(|value| *value = coin());
        let (wide, _) = width(&independent);
        let ratio = wide / alone;
        // The normal quantiles of 1 − 0.05/16 and of (1 + 0.95^(1/8))/2 over 1.96 are 1.395 and 1.391.
        assert!((1.30..=1.42).contains(&ratio), "{ratio}");
    }

    /// Protects small and constant fields: no bootstrap, but still an interval and a rank.
    #[test]
    fn edges() {
        let never = |_: usize, _: usize| false;
        for field in [field(&[1.0, 1.0, 1.0], 50), field(&[0.5, 1.0, 0.0], 4)] {
            let ranking = rank(&field, &options(MetricKind::Binary, &never));
            assert_eq!(
                (ranking.simultaneous.as_str(), ranking.systems.len()),
                ("bonferroni", 3)
            );
            assert!(
                ranking
                    .systems
                    .iter()
                    .all(|system| system.value.low.is_some() && system.groups == "a")
            );
        }
        assert_eq!([0, 25, 26, 27, 52].map(letter), ["a", "z", "aa", "ab", "ba"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Protects the meaning of letters: two systems share one exactly where they do not differ.
        #[test]
        fn letters_mean_what_they_say(size in 1_usize..9, seed: u64) {
            let differs = |one: usize, other: usize| {
                let (low, high) = (one.min(other), one.max(other));
                one != other && (seed >> ((low * 9 + high) % 61)) & 1 == 1
            };
            let table: Vec<Vec<bool>> = (0..size).map(|one| (0..size).map(|other| differs(one, other)).collect()).collect();
            let groups = groups(&table);
            for one in 0..size {
                prop_assert!(groups.iter().any(|group| group.contains(&one)));
                for other in 0..one {
                    let share = groups.iter().any(|group| group.contains(&one) && group.contains(&other));
                    prop_assert_eq!(share, !differs(one, other));
                }
            }
        }
    }
}
