//! What is believed of the largest load that meets the objectives. Apart because it is the only place with a model.
//!
//! The chance of a miss rises with load along a logistic curve in log load that crosses the allowed share at λ*. How
//! steeply it rises is not known: several slopes are carried along and averaged over. A floor keeps a single miss far
//! below λ* from being impossible. Counts are divided by their design effect, because misses of one run come in clumps.

use super::probe::{ProbeOutcome, ProbeVerdict};

/// Points of the grid over log load for each factor e.
const POINTS_PER_E: f64 = 150.0;
/// Points of the grid at most.
const POINTS_MAX: usize = 6_000;
/// Slopes of the log odds of a miss against log load.
const SLOPES: [f64; 6] = [3.0, 5.0, 8.0, 12.0, 20.0, 32.0];
/// Share of the allowed misses that come whatever the load.
const FLOOR: f64 = 0.2;
/// A share of misses beyond this many times the allowed one says no more than this many times.
const SATURATION: f64 = 5.0;
/// Chance that a verdict without counts (a queue that only grows) is wrong.
const GROWTH_ERROR: f64 = 0.05;

/// What a probe says of the chance of a miss.
struct Seen {
    misses: f64,
    met: f64,
    /// Above this the probe does not tell chances apart; `None` where it always does.
    flat_from: Option<f64>,
}

impl Seen {
    fn of(outcome: &ProbeOutcome) -> Self {
        let effect = outcome.clumping.max(1.0);
        let n = outcome.n as f64 / effect;
        let misses = outcome.misses.min(outcome.n) as f64 / effect;
        let allowed = 1.0 - outcome.share;
        let share = if n > 0.0 { misses / n } else { 0.0 };
        if share <= allowed {
            return Self {
                misses,
                met: n - misses,
                flat_from: None,
            };
        }
        // Far above λ* the curve need not be the true one: some requests may never miss. All that is taken from such a
        // probe is that misses are at least so many.
        let at_least = share.min(SATURATION * allowed).min(0.5 * (1.0 + allowed));
        Self {
            misses: at_least * n,
            met: (1.0 - at_least) * n,
            flat_from: Some(at_least),
        }
    }

    fn ln_likelihood(&self, miss: f64) -> f64 {
        let miss = self.flat_from.map_or(miss, |flat_from| miss.min(flat_from));
        self.misses * miss.ln() + self.met * (1.0 - miss).max(1e-12).ln()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Posterior {
    ln_loads: Vec<f64>,
    /// Logarithms of the weights, point by point, slope by slope.
    ln_weights: Vec<[f64; SLOPES.len()]>,
}

impl Posterior {
    /// Every load between these alike, on a scale of ratios.
    pub(super) fn flat(low: f64, high: f64) -> Self {
        let (from, to) = (low.ln(), high.max(low * 1.001).ln());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and the number is clamped"
        )]
        let points = (((to - from) * POINTS_PER_E) as usize).clamp(2, POINTS_MAX);
        let step = (to - from) / (points - 1) as f64;
        Self {
            ln_loads: (0..points).map(|i| from + step * i as f64).collect(),
            ln_weights: vec![[0.0; SLOPES.len()]; points],
        }
    }

    /// Bayes' rule. That the probe stopped because of what it showed changes nothing in it.
    pub(super) fn learn(&mut self, outcome: &ProbeOutcome) {
        let ln_load = outcome.load.ln();
        let allowed = 1.0 - outcome.share;
        let seen = Seen::of(outcome);
        let floor = FLOOR * allowed;
        // logistic(shift) is what the curve adds to the floor at λ*.
        let share = (allowed - floor) / (1.0 - floor);
        let shift = (share / (1.0 - share)).ln();
        let grows = outcome.is_growing && outcome.verdict == ProbeVerdict::Fail;
        for (ln_candidate, weights) in self.ln_loads.iter().zip(&mut self.ln_weights) {
            for (slope, weight) in SLOPES.iter().zip(weights) {
                if grows {
                    let is_above = ln_load > *ln_candidate;
                    *weight += if is_above {
                        1.0 - GROWTH_ERROR
                    } else {
                        GROWTH_ERROR
                    }
                    .ln();
                }
                // Requests whose queue only grows have not missed yet: their counts would speak for the load.
                if !grows || seen.flat_from.is_some() {
                    let odds = shift + slope * (ln_load - ln_candidate);
                    *weight += seen.ln_likelihood(floor + (1.0 - floor) / (1.0 + (-odds).exp()));
                }
            }
        }
        // Only ratios count; keep the largest at 0 so that exponentials neither vanish nor overflow.
        let largest = self
            .ln_weights
            .iter()
            .flatten()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        for weight in self.ln_weights.iter_mut().flatten() {
            *weight -= largest;
        }
    }

    /// The load below which this share of belief lies.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let mass = |weights: &[f64; SLOPES.len()]| weights.iter().map(|weight| weight.exp()).sum::<f64>();
        let total: f64 = self.ln_weights.iter().map(mass).sum();
        let mut left = share * total;
        for (ln_load, weights) in self.ln_loads.iter().zip(&self.ln_weights) {
            left -= mass(weights);
            if left <= 0.0 {
                return ln_load.exp();
            }
        }
        self.ln_loads.last().map_or(1.0, |ln_load| ln_load.exp())
    }
}
