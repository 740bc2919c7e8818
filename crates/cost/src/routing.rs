//! Two models instead of one: which questions go to the strong one, what that gains and costs. From paired outcomes of a
//! weak and a strong model on the same cases. Definitions: RouteLLM (Ong et al. 2024) for PGR, APGR and CPT, RouterBench
//! (Hu et al. 2024) for AIQ.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

/// Resamples at most.
pub const RESAMPLES_MAX: u32 = 100_000;

/// Why outcomes cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RoutingError {
    /// Lists of different lengths.
    #[error("{what} has {found} values for {cases} cases")]
    Lengths {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Cases.
        cases: usize,
    },
    /// Nothing to route.
    #[error("there are no cases")]
    Empty,
    /// A value that is no number.
    #[error("{what} of case {case} is not a finite number")]
    NotFinite {
        /// Which list.
        what: &'static str,
        /// 0-based.
        case: usize,
    },
}

/// Outcomes of two models on the same cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcomes {
    weak: Vec<f64>,
    strong: Vec<f64>,
    weak_cost: Vec<f64>,
    strong_cost: Vec<f64>,
}

impl Outcomes {
    /// From scores and costs of each case; higher scores are better.
    ///
    /// # Errors
    /// No cases, lists of different lengths, or values that are not finite.
    pub fn try_new(
        weak: Vec<f64>,
        strong: Vec<f64>,
        weak_cost: Vec<f64>,
        strong_cost: Vec<f64>,
    ) -> Result<Self, RoutingError> {
        let cases = weak.len();
        if cases == 0 {
            return Err(RoutingError::Empty);
        }
        for (what, list) in [
            ("the weak model's score", &weak),
            ("the strong model's score", &strong),
            ("the weak model's cost", &weak_cost),
            ("the strong model's cost", &strong_cost),
        ] {
            check(what, list, cases)?;
        }
        Ok(Self {
            weak,
            strong,
            weak_cost,
            strong_cost,
        })
    }

    /// Cases.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.weak.len()
    }

    /// The same outcomes where the weak model is always asked first and its answer checked for `check` dollars, so that a
    /// case of the strong one costs all three: `cost(θ) = c_w + c_check + P(escalated | θ) · c_s`.
    ///
    /// # Errors
    /// A check that costs no finite number.
    pub fn tried_first(&self, check: f64) -> Result<Self, RoutingError> {
        let tried: Vec<f64> = self.weak_cost.iter().map(|cost| cost + check).collect();
        let both = tried
            .iter()
            .zip(&self.strong_cost)
            .map(|(tried, strong)| tried + strong)
            .collect();
        Self::try_new(self.weak.clone(), self.strong.clone(), tried, both)
    }

    /// Scores that send first to the strong model what gains most by it: nobody can route better.
    #[must_use]
    pub fn oracle(&self) -> Vec<f64> {
        self.weak
            .iter()
            .zip(&self.strong)
            .map(|(weak, strong)| strong - weak)
            .collect()
    }
}

fn check(what: &'static str, list: &[f64], cases: usize) -> Result<(), RoutingError> {
    if list.len() != cases {
        return Err(RoutingError::Lengths {
            what,
            found: list.len(),
            cases,
        });
    }
    match list.iter().position(|value| !value.is_finite()) {
        Some(case) => Err(RoutingError::NotFinite { what, case }),
        None => Ok(()),
    }
}

/// A point of a router's course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Share of cases that go to the strong model.
    pub strong_share: f64,
    /// Mean score.
    pub quality: f64,
    /// Mean cost.
    pub cost: f64,
}

/// What is said of a router.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    /// Its course from all weak to all strong; between two steps cases of equal score go by lot.
    pub course: Vec<Step>,
    /// Area under the recovered gap over the share of strong calls; 0.5 for a lot. `None` where both models are equally
    /// good.
    pub apgr: Option<f64>,
    /// Least share of strong calls that recovers half of the gap; `None` where none does.
    pub cpt_50: Option<f64>,
    /// The same for four fifths.
    pub cpt_80: Option<f64>,
    /// Mean quality of the best mixtures over the range of cost; `None` where both cost the same.
    pub aiq: Option<f64>,
}

/// Follows a router: cases in falling order of `score` go to the strong model.
///
/// # Errors
/// Scores for other than the cases, or that are not finite.
pub fn route(outcomes: &Outcomes, score: &[f64]) -> Result<Routing, RoutingError> {
    check("the router's score", score, outcomes.cases())?;
    let order = Order::of(score);
    Ok(followed(outcomes, &order, &vec![1; outcomes.cases()]))
}

/// Cases by falling score, and where scores change.
struct Order {
    cases: Vec<usize>,
    /// Ends of groups of equal score.
    ends: Vec<usize>,
}

impl Order {
    fn of(score: &[f64]) -> Self {
        let mut cases: Vec<usize> = (0..score.len()).collect();
        cases.sort_by(|a, b| score[*b].total_cmp(&score[*a]).then(a.cmp(b)));
        let ends = (1..=cases.len())
            .filter(|end| *end == cases.len() || score[cases[*end]] != score[cases[*end - 1]])
            .collect();
        Self { cases, ends }
    }
}

fn followed(outcomes: &Outcomes, order: &Order, weights: &[u32]) -> Routing {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let (mut quality, mut cost, mut strong) = (0.0, 0.0, 0.0);
    for (case, weight) in weights.iter().enumerate() {
        quality += outcomes.weak[case] * f64::from(*weight);
        cost += outcomes.weak_cost[case] * f64::from(*weight);
    }
    let mut course = vec![Step {
        strong_share: 0.0,
        quality: quality / total,
        cost: cost / total,
    }];
    let mut start = 0;
    for end in &order.ends {
        for case in &order.cases[start..*end] {
            let weight = f64::from(weights[*case]);
            quality += (outcomes.strong[*case] - outcomes.weak[*case]) * weight;
            cost += (outcomes.strong_cost[*case] - outcomes.weak_cost[*case]) * weight;
            strong += weight;
        }
        start = *end;
        course.push(Step {
            strong_share: strong / total,
            quality: quality / total,
            cost: cost / total,
        });
    }
    let (apgr, cpt_50, cpt_80) = recovered(&course);
    Routing {
        aiq: aiq(&course),
        apgr,
        cpt_50,
        cpt_80,
        course,
    }
}

/// Area and thresholds of the performance gap that is recovered.
fn recovered(course: &[Step]) -> (Option<f64>, Option<f64>, Option<f64>) {
    /// Gaps that are all rounding are none.
    const GAP_MIN: f64 = 1e-12;
    let (Some(first), Some(last)) = (course.first(), course.last()) else {
        return (None, None, None);
    };
    let gap = last.quality - first.quality;
    if gap.abs() < GAP_MIN {
        return (None, None, None);
    }
    let pgr = |step: &Step| (step.quality - first.quality) / gap;
    let area = course
        .windows(2)
        .map(|pair| {
            f64::midpoint(pgr(&pair[0]), pgr(&pair[1])) * (pair[1].strong_share - pair[0].strong_share)
        })
        .sum();
    let reaches = |wanted: f64| {
        course.windows(2).find_map(|pair| {
            let (a, b) = (pgr(&pair[0]), pgr(&pair[1]));
            let width = pair[1].strong_share - pair[0].strong_share;
            (b >= wanted).then(|| {
                if a >= wanted || b <= a {
                    pair[0].strong_share
                } else {
                    width.mul_add((wanted - a) / (b - a), pair[0].strong_share)
                }
            })
        })
    };
    (Some(area), reaches(0.5), reaches(0.8))
}

/// Area under the non-decreasing convex hull of quality over cost, over the range of cost: what mixtures of the steps
/// reach on average.
fn aiq(course: &[Step]) -> Option<f64> {
    let mut points: Vec<(f64, f64)> = course.iter().map(|step| (step.cost, step.quality)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let (low, high) = (points.first()?.0, points.last()?.0);
    if high <= low {
        return None;
    }
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for point in points {
        // Dearer and not better is never on it.
        if hull.last().is_some_and(|last| point.1 <= last.1) {
            continue;
        }
        while let [.., a, b] = hull.as_slice() {
            let is_below = (b.1 - a.1) * (point.0 - a.0) <= (point.1 - a.1) * (b.0 - a.0);
            if !is_below {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    // Beyond the best one, quality stays.
    let best = hull.last()?.1;
    hull.push((high, best));
    let area: f64 = hull
        .windows(2)
        .map(|pair| f64::midpoint(pair[0].1, pair[1].1) * (pair[1].0 - pair[0].0))
        .sum();
    Some(area / (high - low))
}

/// A check of the weak model's answers before the strong one is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verifier {
    /// Dollars of a check.
    pub cost: f64,
    /// Share of wrong answers that it sends on.
    pub catches: f64,
    /// Share of right answers that it sends on.
    pub false_alarms: f64,
}

/// What asking the weak model, checking, and then perhaps asking the strong one comes to. Scores are taken as shares of
/// being right.
#[must_use]
pub fn escalate(outcomes: &Outcomes, verifier: Verifier) -> Step {
    let (mut quality, mut cost, mut strong) = (0.0, 0.0, 0.0);
    for case in 0..outcomes.cases() {
        let right = outcomes.weak[case].clamp(0.0, 1.0);
        let sent = right * verifier.false_alarms + (1.0 - right) * verifier.catches;
        strong += sent;
        quality += right * (1.0 - verifier.false_alarms) + sent * outcomes.strong[case];
        cost += outcomes.weak_cost[case] + verifier.cost + sent * outcomes.strong_cost[case];
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of cases")]
    let n = outcomes.cases() as f64;
    Step {
        strong_share: strong / n,
        quality: quality / n,
        cost: cost / n,
    }
}

/// Interval of a figure over paired resamples of the cases, percentiles of this level; `None` where a resample has none.
#[must_use]
pub fn interval(
    outcomes: &Outcomes,
    score: &[f64],
    figure: impl Fn(&Routing) -> Option<f64> + Sync,
    (level, resamples, seed): (f64, u32, u64),
) -> Option<(f64, f64)> {
    check("the router's score", score, outcomes.cases()).ok()?;
    let order = Order::of(score);
    let cases = outcomes.cases();
    let resamples = resamples.clamp(1, RESAMPLES_MAX);
    let found: Option<Vec<f64>> = (0..resamples)
        .into_par_iter()
        .map(|resample| {
            let seed = seed
                ^ (u64::from(resample) + 1)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(17);
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut weights = vec![0; cases];
            for _ in 0..cases {
                weights[rng.random_range(0..cases)] += 1;
            }
            figure(&followed(outcomes, &order, &weights))
        })
        .collect();
    let mut found = found?;
    found.sort_unstable_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "at most RESAMPLES_MAX"
    )]
    let at = |q: f64| found[((q * found.len() as f64) as usize).min(found.len() - 1)];
    Some((at((1.0 - level) / 2.0), at(f64::midpoint(1.0, level))))
}
