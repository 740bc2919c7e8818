//! What follows from quantities that are not known exactly: seeded draws by Latin hypercube, with rank correlations where
//! they are given, and what the draws say: quantiles, which input matters, what knowing it would be worth.

use crate::quantity::Quantity;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use seatrial_stats::dist::normal_quantile;
use std::sync::OnceLock;

/// Draws at most.
pub const DRAWS_MAX: usize = 1_000_000;
/// Draws where nobody says.
pub const DRAWS_DEFAULT: usize = 10_000;
/// Groups into which draws are put by the value of one input, to see what depends on it.
const BINS: usize = 40;

/// An input with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Name, unique in a study.
    pub name: String,
    /// What is known of it.
    pub quantity: Quantity,
}

/// Inputs, and how their ranks go together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Study {
    /// Inputs in the order in which models read them.
    pub inputs: Vec<Input>,
    /// Rank correlations of pairs of inputs by their places.
    pub correlations: Vec<(usize, usize, f64)>,
}

/// Draws of all inputs, column by column.
#[derive(Debug, Clone)]
pub struct Draws {
    columns: Vec<Vec<f64>>,
    n: usize,
    /// Columns by rank, found once: every outcome asks for them.
    ranked: Vec<OnceLock<Ranked>>,
}

/// Values by rank.
#[derive(Debug, Clone)]
struct Ranked {
    /// Places by rising value.
    order: Vec<usize>,
    /// Rank of each place; equal values share the mean of theirs.
    ranks: Vec<f64>,
}

impl Ranked {
    fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let mut ranks = vec![0.0; values.len()];
        let mut start = 0;
        for end in 1..=order.len() {
            if end < order.len() && values[order[end]] == values[order[start]] {
                continue;
            }
            let shared = f64::midpoint(start as f64, (end - 1) as f64);
            for place in &order[start..end] {
                ranks[*place] = shared;
            }
            start = end;
        }
        Self { order, ranks }
    }

    /// Places in groups of equal size by value.
    fn groups(&self) -> impl Iterator<Item = &[usize]> {
        let size = self.order.len().div_ceil(BINS).max(1);
        self.order.chunks(size)
    }
}

/// Correlations that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the correlations contradict each other: no joint distribution has them")]
pub struct Contradictory;

impl Study {
    /// `n` draws. Each input's range is cut into `n` parts of equal probability, of which each is drawn from once; a column
    /// has its own random stream, so that an input that is added leaves the others as they are.
    ///
    /// # Errors
    /// Correlations that no distribution has.
    pub fn draw(&self, n: usize, seed: u64) -> Result<Draws, Contradictory> {
        let n = n.clamp(1, DRAWS_MAX);
        let mut columns: Vec<Vec<f64>> = self
            .inputs
            .iter()
            .enumerate()
            .map(|(place, input)| {
                let mut rng = stream(seed, place);
                if input.quantity.is_fixed() {
                    return vec![input.quantity.median(); n];
                }
                let mut parts: Vec<usize> = (0..n).collect();
                parts.shuffle(&mut rng);
                let at = |part: usize| (part as f64 + rng.random::<f64>()) / n as f64;
                parts
                    .into_iter()
                    .map(at)
                    .map(|u| input.quantity.quantile(u))
                    .collect()
            })
            .collect();
        if !self.correlations.is_empty() {
            self.correlate(&mut columns, n, seed)?;
        }
        let ranked = columns.iter().map(|_| OnceLock::new()).collect();
        Ok(Draws { columns, n, ranked })
    }

    /// Reorders columns so that their ranks correlate as wanted (Iman and Conover 1982).
    fn correlate(&self, columns: &mut [Vec<f64>], n: usize, seed: u64) -> Result<(), Contradictory> {
        let size = columns.len();
        let mut wanted = identity(size);
        for (a, b, rho) in &self.correlations {
            wanted[*a][*b] = *rho;
            wanted[*b][*a] = *rho;
        }
        let wanted = cholesky(&wanted).ok_or(Contradictory)?;
        let scores: Vec<Vec<f64>> = (0..size)
            .map(|place| {
                let mut column: Vec<f64> = (0..n)
                    .map(|i| normal_quantile((i as f64 + 1.0) / (n as f64 + 1.0)))
                    .collect();
                column.shuffle(&mut stream(seed ^ 0x5eed, place));
                column
            })
            .collect();
        let found: Vec<Vec<f64>> = (0..size)
            .map(|a| (0..size).map(|b| correlation(&scores[a], &scores[b])).collect())
            .collect();
        let found = cholesky(&found).ok_or(Contradictory)?;
        let mut targets = vec![vec![0.0; n]; size];
        let mut z = vec![0.0; size];
        for draw in 0..n {
            // z = Q⁻¹ m takes away the chance correlation of the scores, P z gives the wanted one.
            for i in 0..size {
                let known: f64 = (0..i).map(|j| found[i][j] * z[j]).sum();
                z[i] = (scores[i][draw] - known) / found[i][i];
            }
            for (target, row) in targets.iter_mut().zip(&wanted) {
                target[draw] = row.iter().zip(&z).map(|(p, z)| p * z).sum();
            }
        }
        for (column, target) in columns.iter_mut().zip(&targets) {
            reorder(column, target);
        }
        Ok(())
    }
}

impl Draws {
    /// Number of draws.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.n
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The values of an input.
    #[must_use]
    pub fn column(&self, place: usize) -> &[f64] {
        self.columns.get(place).map_or(&[], Vec::as_slice)
    }

    fn ranked(&self, place: usize) -> &Ranked {
        self.ranked[place].get_or_init(|| Ranked::of(&self.columns[place]))
    }

    /// Puts the inputs of one draw into `row`, in their order.
    pub fn row(&self, draw: usize, row: &mut [f64]) {
        for (value, column) in row.iter_mut().zip(&self.columns) {
            *value = column[draw];
        }
    }

    /// What a model makes of every draw. The model gets the inputs of one draw in their order.
    pub fn map(&self, mut model: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
        let mut row = vec![0.0; self.columns.len()];
        (0..self.n)
            .map(|draw| {
                self.row(draw, &mut row);
                model(&row)
            })
            .collect()
    }
}

/// What draws of an outcome say.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Mean.
    pub mean: f64,
    /// 10 % quantile.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// 90 % quantile.
    pub p90: f64,
    /// 2.5 % quantile.
    pub low: f64,
    /// 97.5 % quantile.
    pub high: f64,
    /// Draws.
    pub n: u64,
}

impl Outcome {
    /// Of draws; `None` where there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |q: f64| seatrial_stats::quantile::type7(&sorted, q).unwrap_or(f64::NAN);
        Some(Self {
            mean: mean(values),
            p10: at(0.1),
            p50: at(0.5),
            p90: at(0.9),
            low: at(0.025),
            high: at(0.975),
            n: values.len() as u64,
        })
    }
}

/// Shares of draws in bins of equal width over the middle 99 % of all `columns`: for each column the middles of the bins
/// with their shares. What lies outside counts in the first bin or the last.
#[must_use]
pub fn histograms(columns: &[Vec<f64>]) -> Vec<Vec<(f64, f64)>> {
    /// Bins.
    const BINS: usize = 40;
    let ends: Vec<(f64, f64)> = columns
        .iter()
        .filter(|column| !column.is_empty())
        .map(|column| {
            let mut sorted = column.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let last = sorted.len() - 1;
            let at = |share: f64| sorted[((last as f64 * share).round() as usize).min(last)];
            (at(0.005), at(0.995))
        })
        .collect();
    let low = ends.iter().map(|end| end.0).fold(f64::INFINITY, f64::min);
    let high = ends.iter().map(|end| end.1).fold(f64::NEG_INFINITY, f64::max);
    let width = (high - low) / BINS as f64;
    columns
        .iter()
        .map(|column| {
            if column.is_empty() || !width.is_finite() {
                return Vec::new();
            }
            if width <= 0.0 {
                return vec![(low, 1.0)];
            }
            let mut counts = [0_u64; BINS];
            for value in column {
                counts[(((value - low) / width).max(0.0) as usize).min(BINS - 1)] += 1;
            }
            let middle = |bin: usize| low + (bin as f64 + 0.5) * width;
            let share = |count: u64| count as f64 / column.len() as f64;
            (0..BINS).map(|bin| (middle(bin), share(counts[bin]))).collect()
        })
        .collect()
}

/// How an outcome depends on one input.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Sensitivity {
    /// Name of the input.
    pub input: String,
    /// Outcome with this input at its 10 % quantile, all others at their medians.
    pub at_p10: f64,
    /// Outcome with this input at its 90 % quantile.
    pub at_p90: f64,
    /// Rank correlation of input and outcome; `None` where one of them does not vary.
    pub spearman: Option<f64>,
    /// Share of the outcome's variance that the input alone explains, from groups of draws.
    pub variance_share: Option<f64>,
}

/// How an outcome depends on every input that is not known exactly: the tornado, widest first.
pub fn sensitivities(
    study: &Study,
    draws: &Draws,
    outcomes: &[f64],
    model: impl FnMut(&[f64]) -> f64,
) -> Vec<Sensitivity> {
    sensitivities_of(study, draws, outcomes, |_| true, model)
}

/// The same for the inputs that `is_asked` names by their places: others cannot move the outcome.
pub fn sensitivities_of(
    study: &Study,
    draws: &Draws,
    outcomes: &[f64],
    is_asked: impl Fn(usize) -> bool,
    mut model: impl FnMut(&[f64]) -> f64,
) -> Vec<Sensitivity> {
    let medians: Vec<f64> = study.inputs.iter().map(|input| input.quantity.median()).collect();
    let ranks = Ranked::of(outcomes).ranks;
    let mut all: Vec<Sensitivity> = study
        .inputs
        .iter()
        .enumerate()
        .filter(|(place, input)| !input.quantity.is_fixed() && is_asked(*place))
        .map(|(place, input)| {
            let mut at = |q: f64| {
                let mut row = medians.clone();
                row[place] = input.quantity.quantile(q);
                model(&row)
            };
            let ranked = draws.ranked(place);
            Sensitivity {
                input: input.name.clone(),
                at_p10: at(0.1),
                at_p90: at(0.9),
                spearman: correlation_of_ranks(&ranked.ranks, &ranks),
                variance_share: variance_share(ranked, outcomes),
            }
        })
        .collect();
    let width = |found: &Sensitivity| (found.at_p90 - found.at_p10).abs();
    all.sort_by(|a, b| width(b).total_cmp(&width(a)));
    all
}

/// Variance of the means of groups, by the variance of all, less what chance alone gives to groups.
fn variance_share(ranked: &Ranked, outcomes: &[f64]) -> Option<f64> {
    let all = variance(outcomes);
    if all <= 0.0 {
        return None;
    }
    let count = ranked.groups().count();
    if count < 2 {
        return None;
    }
    let n = outcomes.len() as f64;
    let overall = mean(outcomes);
    let between: f64 = ranked
        .groups()
        .map(|group| {
            let mean = group.iter().map(|i| outcomes[*i]).sum::<f64>() / group.len() as f64;
            group.len() as f64 * (mean - overall).powi(2)
        })
        .sum::<f64>()
        / n;
    let chance = (count - 1) as f64 / n;
    Some(((between / all - chance) / (1.0 - chance)).clamp(0.0, 1.0))
}

/// What perfect information would be worth for a choice between alternatives.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct InformationValue {
    /// The alternative with the best mean.
    pub best: usize,
    /// Its mean.
    pub best_mean: f64,
    /// Worth of knowing everything: the mean of the best in each draw, less the best mean.
    pub everything: f64,
    /// Worth of knowing one input alone, by the places of inputs, greatest first; those that are worth nothing are left
    /// out.
    pub inputs: Vec<(usize, f64)>,
}

/// What knowing would be worth: `payoffs[k]` are the draws of alternative k, larger is better. `None` without draws.
#[must_use]
pub fn information_value(study: &Study, draws: &Draws, payoffs: &[Vec<f64>]) -> Option<InformationValue> {
    let means: Vec<f64> = payoffs.iter().map(|values| mean(values)).collect();
    let (best, best_mean) = means
        .iter()
        .copied()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let n = draws.len();
    let best_of = |draw: usize| payoffs.iter().map(|values| values[draw]).fold(f64::MIN, f64::max);
    let everything = (0..n).map(best_of).sum::<f64>() / n as f64 - best_mean;
    let mut inputs: Vec<(usize, f64)> = study
        .inputs
        .iter()
        .enumerate()
        .filter(|(_, input)| !input.quantity.is_fixed())
        .map(|(place, _)| {
            let informed: f64 = draws
                .ranked(place)
                .groups()
                .map(|group| {
                    let sum = |values: &Vec<f64>| group.iter().map(|i| values[*i]).sum::<f64>();
                    payoffs.iter().map(sum).fold(f64::MIN, f64::max)
                })
                .sum();
            (place, informed / n as f64 - best_mean)
        })
        .collect();
    // Groups see a little of chance; nothing is worth more than everything.
    let least = 1e-9 * best_mean.abs().max(1e-9);
    inputs.retain(|(_, worth)| *worth > least);
    for (_, worth) in &mut inputs {
        *worth = worth.min(everything);
    }
    inputs.sort_by(|a, b| b.1.total_cmp(&a.1));
    Some(InformationValue {
        best,
        best_mean,
        everything: everything.max(0.0),
        inputs,
    })
}

/// The random stream of an input.
pub(crate) fn stream(seed: u64, place: usize) -> Xoshiro256PlusPlus {
    let place = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Xoshiro256PlusPlus::seed_from_u64(seed ^ place.rotate_left(17))
}

/// Puts the values of a column into the order of the ranks of another.
fn reorder(column: &mut [f64], target: &[f64]) {
    let mut sorted = column.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut order: Vec<usize> = (0..target.len()).collect();
    order.sort_by(|a, b| target[*a].total_cmp(&target[*b]));
    for (value, place) in sorted.into_iter().zip(order) {
        column[place] = value;
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64
}

/// Spearman's, from ranks; `None` where one of them does not vary.
fn correlation_of_ranks(a: &[f64], b: &[f64]) -> Option<f64> {
    Some(correlation(a, b)).filter(|rho| rho.is_finite())
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product: f64 = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
    product / (variance(a) * variance(b)).sqrt() / a.len() as f64
}

fn identity(size: usize) -> Vec<Vec<f64>> {
    (0..size)
        .map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect())
        .collect()
}

/// Lower triangular root of a symmetric matrix; `None` where it is not positive definite.
fn cholesky(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    let mut root = vec![vec![0.0; size]; size];
    for i in 0..size {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| root[i][k] * root[j][k]).sum();
            if i == j {
                let square = matrix[i][i] - sum;
                if square <= 1e-12 {
                    return None;
                }
                root[i][j] = square.sqrt();
            } else {
                root[i][j] = (matrix[i][j] - sum) / root[j][j];
            }
        }
    }
    Some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Study {
        let input = |name: &str, quantity| Input {
            name: name.to_owned(),
            quantity,
        };
        Study {
            inputs: vec![
                input("a", Quantity::Uniform { low: 0.0, high: 1.0 }),
                input("b", Quantity::Uniform { low: 0.0, high: 2.0 }),
                input("c", Quantity::Fixed(3.0)),
            ],
            correlations: Vec::new(),
        }
    }

    /// Protects the hypercube: every part of a range is drawn from exactly once, by the same seed the same.
    #[test]
    fn every_part_is_drawn_once() {
        let draws = study().draw(1000, 7).unwrap();
        let mut parts: Vec<usize> = draws.column(0).iter().map(|x| (x * 1000.0) as usize).collect();
        parts.sort_unstable();
        assert!(parts.iter().copied().eq(0..1000));
        assert_eq!(draws.column(1), study().draw(1000, 7).unwrap().column(1));
        assert_ne!(draws.column(1), study().draw(1000, 8).unwrap().column(1));
        assert!(draws.column(2).iter().all(|x| *x == 3.0));
        let between = correlation_of_ranks(&draws.ranked(0).ranks, &draws.ranked(1).ranks).unwrap();
        assert!(between.abs() < 0.1, "{between}");
    }

    /// Protects correlations: ranks go together as wanted, the values stay those of the hypercube.
    #[test]
    fn ranks_correlate() {
        let mut study = study();
        study.correlations = vec![(0, 1, -0.8)];
        let draws = study.draw(4000, 1).unwrap();
        let found = correlation_of_ranks(&draws.ranked(0).ranks, &draws.ranked(1).ranks).unwrap();
        assert!((found + 0.8).abs() < 0.03, "{found}");
        let mut parts: Vec<usize> = draws.column(0).iter().map(|x| (x * 4000.0) as usize).collect();
        parts.sort_unstable();
        assert!(parts.iter().copied().eq(0..4000));
        study.correlations = vec![(0, 1, 0.9), (1, 2, 0.9), (0, 2, -0.9)];
        assert!(study.draw(10, 1).is_err());
    }

    /// Protects the tornado and shares of variance: y = a + 3b + c has variances 1/12 and 9 · 4/12.
    #[test]
    fn what_varies_most_comes_first() {
        let study = study();
        let draws = study.draw(20_000, 3).unwrap();
        let model = |row: &[f64]| row[0] + 3.0 * row[1] + row[2];
        let outcomes = draws.map(model);
        let found = sensitivities(&study, &draws, &outcomes, model);
        assert_eq!((found.len(), found[0].input.as_str()), (2, "b"));
        assert!(
            (found[0].at_p90 - found[0].at_p10 - 4.8).abs() < 1e-9,
            "{found:?}"
        );
        assert!(
            (found[0].variance_share.unwrap() - 36.0 / 37.0).abs() < 0.02,
            "{found:?}"
        );
        assert!(
            (found[1].variance_share.unwrap() - 1.0 / 37.0).abs() < 0.02,
            "{found:?}"
        );
        let outcome = Outcome::of(&outcomes).unwrap();
        assert!((outcome.mean - 6.5).abs() < 1e-3, "{outcome:?}");
    }

    /// Protects the rank correlation by that of `stats`, ties among them.
    #[test]
    fn ranks_are_those_of_stats() {
        let a = [3.0, 1.0, 2.0, 2.0, 5.0, 4.0, 2.0];
        let b = [1.0, 1.0, 4.0, 2.0, 6.0, 3.0, 5.0];
        let wanted = seatrial_stats::correlation::spearman(&a, &b, 0.95).unwrap().rho;
        let found = correlation_of_ranks(&Ranked::of(&a).ranks, &Ranked::of(&b).ranks).unwrap();
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        assert_eq!(correlation_of_ranks(&Ranked::of(&[1.0; 7]).ranks, &a), None);
    }

    /// Protects histograms: nothing is lost, bins are shared, and what does not vary is one bin.
    #[test]
    fn histograms_count_every_draw() {
        let columns = vec![
            (0..1000).map(f64::from).collect(),
            (500..600).map(f64::from).collect(),
        ];
        let found = histograms(&columns);
        for histogram in &found {
            assert!((histogram.iter().map(|bin| bin.1).sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert_eq!(found[0][7].0, found[1][7].0);
        assert_eq!(histograms(&[vec![3.0; 5]]), [vec![(3.0, 1.0)]]);
        assert_eq!(histograms(&[Vec::new()]), [Vec::new()]);
    }

    /// Protects the value of information by a case that can be worked out: payoffs 0 and a − ½ with a uniform. Knowing a
    /// gives E max(0, a − ½) = 1/8; knowing b gives nothing.
    #[test]
    fn knowing_is_worth_what_it_changes() {
        let study = study();
        let draws = study.draw(20_000, 3).unwrap();
        let payoffs = vec![vec![0.0; draws.len()], draws.map(|row| row[0] - 0.5)];
        let worth = information_value(&study, &draws, &payoffs).unwrap();
        assert!((worth.everything - 0.125).abs() < 1e-3, "{worth:?}");
        assert_eq!(worth.inputs[0].0, 0);
        assert!((worth.inputs[0].1 - 0.125).abs() < 2e-3, "{worth:?}");
        assert!(
            worth.inputs.iter().skip(1).all(|(_, worth)| *worth < 0.01),
            "{worth:?}"
        );
    }
}
