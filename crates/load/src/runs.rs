//! Several runs of one load: what differs between runs (clocks, caches, neighbours) is not seen within one, and is often
//! larger. Apart because its unit is the run.
//!
//! The interval is Student's t over the runs' values, so it holds whatever made them differ. Within-run errors tell how
//! much of that was chance and how much lies between runs.

use seatrial_stats::dist::t_isf;

/// Fewest runs from which an interval is given.
pub const RUNS_MIN: usize = 3;

/// One run's value of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunValue {
    /// The value.
    pub value: f64,
    /// Its interval within the run: half the width, over the quantile that made it. `None` where there is none.
    pub se: Option<f64>,
}

/// Several runs put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeated {
    /// Runs.
    pub runs: usize,
    /// Mean of the runs' values.
    pub value: f64,
    /// Lower end; `None` with fewer than three runs.
    pub low: Option<f64>,
    /// Upper end; `None` with fewer than three runs.
    pub high: Option<f64>,
    /// Standard deviation that lies between runs, after what chance within them explains; `None` with fewer than three
    /// runs or without errors within them.
    pub between_sd: Option<f64>,
    /// Standard error of one run, as runs see it themselves; `None` where they do not.
    pub within_se: Option<f64>,
}

impl Repeated {
    /// Half the interval's width over the value; `None` where there is none.
    #[must_use]
    pub fn relative_half_width(&self) -> Option<f64> {
        let half = 0.5 * (self.high? - self.low?);
        (self.value != 0.0).then(|| (half / self.value).abs())
    }
}

/// Puts runs together; `None` without any.
#[must_use]
pub fn repeated(runs: &[RunValue], level: f64) -> Option<Repeated> {
    if runs.is_empty() {
        return None;
    }
    let n = runs.len() as f64;
    let value = runs.iter().map(|run| run.value).sum::<f64>() / n;
    let within = runs
        .iter()
        .map(|run| run.se.map(|se| se * se))
        .sum::<Option<f64>>()
        .map(|sum| sum / n);
    let mut repeated = Repeated {
        runs: runs.len(),
        value,
        low: None,
        high: None,
        between_sd: None,
        within_se: within.map(f64::sqrt),
    };
    if runs.len() >= RUNS_MIN {
        let variance = runs.iter().map(|run| (run.value - value).powi(2)).sum::<f64>() / (n - 1.0);
        let half = t_isf(0.5 * (1.0 - level), n - 1.0) * (variance / n).sqrt();
        repeated.low = Some(value - half);
        repeated.high = Some(value + half);
        repeated.between_sd = within.map(|within| (variance - within).max(0.0).sqrt());
    }
    Some(repeated)
}

/// When to stop repeating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopRule {
    /// Half-width over value at which it is enough: 0.03 is usual for rates, 0.05 for a p99.
    pub target: f64,
    /// Level of the interval.
    pub level: f64,
    /// Fewest runs, at least three.
    pub runs_min: usize,
    /// Most runs.
    pub runs_max: usize,
}

impl StopRule {
    /// Whether to stop. Looking after every run and stopping when the interval happens to be narrow would cover less
    /// than it says; so an interval of twice the confidence must be narrow enough, and twice in a row. What is
    /// left of that price: a 95 % interval covers some 92 times in 100 (simulated below).
    #[must_use]
    pub fn is_enough(&self, runs: &[RunValue]) -> bool {
        if runs.len() >= self.runs_max {
            return true;
        }
        let is_narrow = |runs: &[RunValue]| {
            let stricter = 1.0 - 0.5 * (1.0 - self.level);
            let width = repeated(runs, stricter).and_then(|repeated| repeated.relative_half_width());
            width.is_some_and(|width| width <= self.target)
        };
        runs.len() > self.runs_min.max(RUNS_MIN) && is_narrow(runs) && is_narrow(&runs[..runs.len() - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::{Purpose, normal, stream};

    fn run(value: f64) -> RunValue {
        RunValue { value, se: Some(1.0) }
    }

    /// Protects: the interval by hand: 98, 100, 102 have sd 2, t(2) = 4.303.
    #[test]
    fn by_hand() {
        let found = repeated(&[98.0, 100.0, 102.0].map(run), 0.95).unwrap();
        let half = 4.302_653 * 2.0 / 3f64.sqrt();
        assert!((found.value - 100.0).abs() < 1e-12 && (found.high.unwrap() - 100.0 - half).abs() < 1e-5);
        assert!((found.between_sd.unwrap() - 3f64.sqrt()).abs() < 1e-12);
        assert!((found.relative_half_width().unwrap() - half / 100.0).abs() < 1e-7);
        let two = repeated(&[98.0, 100.0].map(run), 0.95).unwrap();
        assert_eq!((two.low, two.high, two.between_sd), (None, None, None));
        assert!(repeated(&[], 0.95).is_none());
    }

    /// Protects: stopping when it is narrow enough still covers about as often as it says.
    #[test]
    fn stopping_keeps_coverage() {
        let rule = StopRule {
            target: 0.03,
            level: 0.95,
            runs_min: 3,
            runs_max: 40,
        };
        let trials = 2_000;
        let (mut covered, mut runs_used) = (0, 0);
        for seed in 0..trials {
            let mut random = stream(seed, Purpose::Choice, 3);
            let mut runs = Vec::new();
            while !rule.is_enough(&runs) {
                runs.push(RunValue {
                    value: 100.0 + 4.0 * normal(&mut random),
                    se: None,
                });
            }
            let found = repeated(&runs, 0.95).unwrap();
            covered += u32::from(found.low.unwrap() <= 100.0 && 100.0 <= found.high.unwrap());
            runs_used += runs.len();
        }
        let share = f64::from(covered) / trials as f64;
        assert!(share >= 0.90, "{share}");
        let mean = runs_used as f64 / trials as f64;
        assert!((4.0..15.0).contains(&mean), "{mean}");
    }
}
