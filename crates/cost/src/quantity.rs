//! Quantities that are not known exactly: a number, or how it is distributed. Apart because deployments, returns and risks
//! are all made of them.

use crate::fields::{BOUNDLESS, Fields, Problems, shown};
use seatrial_stats::dist::{beta_quantile, normal_quantile};
use serde_json::Value;

/// Values of an empirical distribution at most.
const VALUES_MAX: usize = 100_000;
/// Steps between which the quantiles of a beta distribution are interpolated: exact ones cost a root search each. Not in
/// the first step and the last, where a straight line to the end would put far too much into the tail.
const TABLE_STEPS: usize = 1024;
/// The 90 % quantile of the normal distribution.
const Z90: f64 = 1.281_551_565_544_600_4;
/// How far into a tail without an end a distribution must stay in its field's range.
const TAIL: f64 = 1e-4;
const SHAPES: &str = "a number, {low, high}, {low, mode, high}, {successes, trials}, {mean, sd}, {median, p90} or {values: […]}";

/// A quantity and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Quantity {
    /// Known exactly.
    Fixed(f64),
    /// Anywhere between two ends.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Between two ends with a most likely value: a beta distribution with the weight of four on it (PERT).
    Pert {
        /// Lower end.
        low: f64,
        /// Most likely value.
        mode: f64,
        /// Upper end.
        high: f64,
        /// Quantiles at equal steps.
        table: Vec<f64>,
    },
    /// The same with straight sides.
    Triangular {
        /// Lower end.
        low: f64,
        /// Most likely value.
        mode: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal, cut at 0 and at the greatest value that its field takes.
    Normal {
        /// Mean before the cut.
        mean: f64,
        /// Standard deviation before the cut.
        sd: f64,
        /// Greatest value.
        most: f64,
    },
    /// Lognormal, by its median and 90 % quantile.
    Lognormal {
        /// Median.
        median: f64,
        /// Quantile.
        p90: f64,
    },
    /// A share that was measured: the posterior under Jeffreys' prior.
    Share {
        /// Successes.
        successes: f64,
        /// Trials.
        trials: f64,
        /// Quantiles at equal steps.
        table: Vec<f64>,
    },
    /// As it was observed; sorted.
    Empirical(Vec<f64>),
}

impl Quantity {
    /// A measured share.
    #[must_use]
    pub fn share(successes: f64, trials: f64) -> Self {
        Self::Share {
            successes,
            trials,
            table: table(|u| share_quantile(u, successes, trials)),
        }
    }

    /// A PERT distribution; `low < high` and `mode` between them.
    #[must_use]
    pub fn pert(low: f64, mode: f64, high: f64) -> Self {
        Self::Pert {
            low,
            mode,
            high,
            table: table(|u| pert_quantile(u, (low, mode, high))),
        }
    }

    /// The quantile at `u` between 0 and 1.
    #[must_use]
    pub fn quantile(&self, u: f64) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Uniform { low, high } => low + (high - low) * u,
            Self::Pert {
                low,
                mode,
                high,
                table,
            } => interpolated(table, u).unwrap_or_else(|| pert_quantile(u, (*low, *mode, *high))),
            Self::Share {
                successes,
                trials,
                table,
            } => interpolated(table, u).unwrap_or_else(|| share_quantile(u, *successes, *trials)),
            Self::Triangular { low, mode, high } => {
                let width = high - low;
                let left = (mode - low) / width;
                if u < left {
                    low + (u * width * (mode - low)).sqrt()
                } else {
                    high - ((1.0 - u) * width * (high - mode)).sqrt()
                }
            }
            Self::Normal { mean, sd, most } => (mean + sd * normal_quantile(u)).max(0.0).min(*most),
            Self::Lognormal { median, p90 } => {
                median * ((p90 / median).ln() / Z90 * normal_quantile(u)).exp()
            }
            Self::Empirical(values) => {
                let place = (u * values.len() as f64) as usize;
                values
                    .get(place.min(values.len().saturating_sub(1)))
                    .copied()
                    .unwrap_or(0.0)
            }
        }
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The mean and the standard deviation.
    #[must_use]
    pub fn mean_sd(&self) -> (f64, f64) {
        if let Self::Lognormal { median, p90 } = self {
            let sigma2 = ((p90 / median).ln() / Z90).powi(2);
            let mean = median * (0.5 * sigma2).exp();
            return (mean, mean * sigma2.exp_m1().sqrt());
        }
        /// Points over which a distribution without a formula here is averaged.
        const POINTS: usize = 4096;
        let at = |i: usize| self.quantile((i as f64 + 0.5) / POINTS as f64);
        let mean = (0..POINTS).map(at).sum::<f64>() / POINTS as f64;
        let variance = (0..POINTS).map(|i| (at(i) - mean).powi(2)).sum::<f64>() / POINTS as f64;
        (mean, variance.sqrt())
    }

    /// Whether it is known exactly.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// Reads a quantity from `low` to `high`. `None` where something was reported or nothing is there.
    pub fn read(
        fields: &Fields<'_>,
        key: &str,
        (low, high): (f64, f64),
        problems: &mut Problems,
    ) -> Option<Self> {
        let value = fields.get(key)?;
        if value.is_number() {
            return fields.number(key, low, high, problems).map(Self::Fixed);
        }
        let pointer = fields.at(key);
        let mut read = Self::read_map(value, &pointer, key, problems)?;
        if let Self::Normal { mean, most, .. } = &mut read
            && *mean <= high
        {
            *most = high;
        }
        let mut ends = [read.quantile(0.0), read.quantile(1.0)];
        // Ranges that end far beyond all that is meant have no end.
        if ends[1].is_infinite() && high < BOUNDLESS {
            ends[1] = read.quantile(1.0 - TAIL);
        }
        let is_within = |end: f64| end >= low && (end <= high || end.is_infinite());
        if !ends.into_iter().all(is_within) {
            let message = format!(
                "`{key}` goes from {} to {}, expected within {low} and {high}",
                ends[0], ends[1]
            );
            problems.push(&pointer, message, None);
            return None;
        }
        Some(read)
    }

    /// The same where it must be there.
    pub fn required(
        fields: &Fields<'_>,
        key: &str,
        range: (f64, f64),
        what: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        if !fields.has(key) {
            fields.missing(key, what, problems);
        }
        Self::read(fields, key, range, problems)
    }

    fn read_map(value: &Value, pointer: &str, key: &str, problems: &mut Problems) -> Option<Self> {
        let known = [
            "low",
            "mode",
            "high",
            "successes",
            "trials",
            "mean",
            "sd",
            "median",
            "p90",
            "values",
            "shape",
        ];
        if !value.is_object() {
            let message = format!("`{key}` is {}, expected {SHAPES}", shown(value));
            problems.push(pointer, message, None);
            return None;
        }
        let map = Fields::read(value, pointer, key, &known, problems)?;
        if map.has("values") {
            return Self::read_values(&map, key, problems);
        }
        let mut number = |name: &str| map.number(name, f64::MIN, f64::MAX, problems);
        let numbers = known.map(&mut number);
        let [low, mode, high, successes, trials, mean, sd, median, p90, ..] = numbers;
        let is_triangular = map.choice("shape", &["pert", "triangular"], problems) == Some("triangular");
        let mut refuse = |message: String| {
            problems.push(pointer, message, None);
            None
        };
        match (low, mode, high, successes, trials, mean, sd, median, p90) {
            (Some(low), None, Some(high), None, None, None, None, None, None) if low <= high => {
                Some(if low < high {
                    Self::Uniform { low, high }
                } else {
                    Self::Fixed(low)
                })
            }
            (Some(low), Some(mode), Some(high), None, None, None, None, None, None)
                if low <= mode && mode <= high =>
            {
                Some(if low == high {
                    Self::Fixed(low)
                } else if is_triangular {
                    Self::Triangular { low, mode, high }
                } else {
                    Self::pert(low, mode, high)
                })
            }
            (Some(_), _, Some(_), None, None, None, None, None, None) => {
                refuse(format!("`{key}` is out of order, expected low ≤ mode ≤ high"))
            }
            (None, None, None, Some(successes), Some(trials), None, None, None, None) => {
                if trials >= 1.0 && (0.0..=trials).contains(&successes) {
                    Some(Self::share(successes, trials))
                } else {
                    refuse(format!(
                        "`{key}` has {successes} successes in {trials} trials, expected 0 ≤ successes ≤ trials"
                    ))
                }
            }
            (None, None, None, None, None, Some(mean), Some(sd), None, None) if sd >= 0.0 => {
                Some(if sd > 0.0 {
                    Self::Normal {
                        mean,
                        sd,
                        most: f64::INFINITY,
                    }
                } else {
                    Self::Fixed(mean)
                })
            }
            (None, None, None, None, None, None, None, Some(median), Some(p90))
                if median > 0.0 && p90 >= median =>
            {
                Some(if p90 > median {
                    Self::Lognormal { median, p90 }
                } else {
                    Self::Fixed(median)
                })
            }
            _ => refuse(format!("`{key}` is no distribution, expected {SHAPES}")),
        }
    }

    fn read_values(map: &Fields<'_>, key: &str, problems: &mut Problems) -> Option<Self> {
        let items = map.list("values", problems);
        let mut values = Vec::with_capacity(items.len().min(VALUES_MAX));
        for (pointer, item) in items.iter().take(VALUES_MAX) {
            match item.as_f64() {
                Some(value) => values.push(value),
                None => {
                    problems.push(
                        pointer,
                        format!("a value is {}, expected a number", shown(item)),
                        None,
                    );
                    return None;
                }
            }
        }
        if values.is_empty() || items.len() > VALUES_MAX {
            let message = format!("`{key}` has {} values, expected 1 to {VALUES_MAX}", items.len());
            problems.push(map.pointer(), message, None);
            return None;
        }
        values.sort_by(f64::total_cmp);
        Some(Self::Empirical(values))
    }
}

fn table(quantile: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..=TABLE_STEPS)
        .map(|step| quantile(step as f64 / TABLE_STEPS as f64))
        .collect()
}

/// `None` in the first step and the last.
fn interpolated(table: &[f64], u: f64) -> Option<f64> {
    let place = u.clamp(0.0, 1.0) * TABLE_STEPS as f64;
    let below = (place as usize).min(TABLE_STEPS - 1);
    if below == 0 || below == TABLE_STEPS - 1 {
        return None;
    }
    let (low, high) = (table[below], table[below + 1]);
    Some(low + (high - low) * (place - below as f64))
}

/// Jeffreys' posterior of a share.
fn share_quantile(u: f64, successes: f64, trials: f64) -> f64 {
    beta_quantile(u.clamp(0.0, 1.0), successes + 0.5, trials - successes + 0.5)
}

fn pert_quantile(u: f64, (low, mode, high): (f64, f64, f64)) -> f64 {
    let width = high - low;
    let (a, b) = (
        1.0 + 4.0 * (mode - low) / width,
        1.0 + 4.0 * (high - mode) / width,
    );
    low + width * beta_quantile(u.clamp(0.0, 1.0), a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Quantity, String> {
        read_to(value, f64::MAX)
    }

    fn read_to(value: &Value, most: f64) -> Result<Quantity, String> {
        let document = json!({"x": value});
        let mut problems = Problems::default();
        let fields = Fields::read(&document, "", "a file", &["x"], &mut problems).unwrap();
        let read = Quantity::read(&fields, "x", (0.0, most), &mut problems);
        let problem = problems.into_vec().first().map(|problem| problem.message.clone());
        read.ok_or_else(|| problem.unwrap_or_default())
    }

    /// Protects the shapes: what is written is what is drawn, by medians and means that are known otherwise.
    #[test]
    fn quantities_are_what_they_say() {
        for (value, median, mean) in [
            (json!(3), 3.0, 3.0),
            (json!({"low": 2, "high": 6}), 4.0, 4.0),
            (json!({"low": 0, "mode": 5, "high": 10}), 5.0, 5.0),
            (
                json!({"low": 0, "mode": 0, "high": 6, "shape": "triangular"}),
                6.0 - 18_f64.sqrt(),
                2.0,
            ),
            // Mean of PERT: (0 + 4 · 1 + 11) / 6.
            (json!({"low": 0, "mode": 1, "high": 11}), f64::NAN, 2.5),
            (json!({"successes": 50, "trials": 100}), 0.5, 0.5),
            (json!({"mean": 10, "sd": 1}), 10.0, 10.0),
            (json!({"values": [3, 1, 2]}), 2.0, 2.0),
        ] {
            let quantity = read(&value).unwrap();
            assert!(
                median.is_nan() || (quantity.median() - median).abs() < 1e-3,
                "{value} {}",
                quantity.median()
            );
            assert!(
                (quantity.mean_sd().0 - mean).abs() < 2e-3,
                "{value} {}",
                quantity.mean_sd().0
            );
        }
        let lognormal = read(&json!({"median": 10, "p90": 100})).unwrap();
        assert!((lognormal.quantile(0.9) - 100.0).abs() < 1e-6);
        // σ = ln 10 / 1.2816; the mean is the median · exp(σ²/2).
        assert!((lognormal.mean_sd().0 - 10.0 * (0.5 * (10_f64.ln() / Z90).powi(2)).exp()).abs() < 1e-9);
    }

    /// Protects tails: a share of 80 in 100 is hardly ever below a half, though its posterior reaches down to 0.
    #[test]
    fn tails_are_not_straight() {
        let share = Quantity::share(80.0, 100.0);
        for (u, least, most) in [(1e-6, 0.55, 0.65), (1e-9, 0.45, 0.6), (1.0 - 1e-6, 0.9, 0.97)] {
            let found = share.quantile(u);
            assert!((least..most).contains(&found), "{u} {found}");
        }
        assert_eq!((share.quantile(0.0), share.quantile(1.0)), (0.0, 1.0));
        let step = 1.0 / TABLE_STEPS as f64;
        let jump = share.quantile(step * (1.0 + 1e-9)) - share.quantile(step * (1.0 - 1e-9));
        assert!((0.0..1e-6).contains(&jump), "{jump}");
    }

    /// Protects shares from more than all: a normal one is cut, a lognormal one that leaves the range is refused.
    #[test]
    fn shares_stay_below_one() {
        let cut = read_to(&json!({"mean": 0.9, "sd": 0.2}), 1.0).unwrap();
        assert_eq!((cut.quantile(0.99), cut.median()), (1.0, 0.9));
        assert!(read_to(&json!({"median": 0.01, "p90": 0.02}), 1.0).is_ok());
        let refused = read_to(&json!({"median": 0.5, "p90": 0.9}), 1.0).unwrap_err();
        assert!(refused.contains("expected within 0 and 1"), "{refused}");
        assert!(read_to(&json!({"mean": 3, "sd": 1}), 1.0).is_err());
    }

    /// Protects people from distributions that are none.
    #[test]
    fn nonsense_is_refused() {
        for (value, said) in [
            (json!("x"), "expected a number, {low, high}"),
            (json!({"low": 3, "high": 2}), "out of order"),
            (json!({"low": 1, "mode": 9, "high": 2}), "out of order"),
            (
                json!({"successes": 3, "trials": 2}),
                "expected 0 ≤ successes ≤ trials",
            ),
            (
                json!({"successes": 0, "trials": 0}),
                "expected 0 ≤ successes ≤ trials",
            ),
            (json!({"median": 3, "p90": 2}), "no distribution"),
            (json!({"low": 3}), "no distribution"),
            (json!({"values": []}), "0 values"),
            (json!({"low": -3, "high": 2}), "goes from -3 to 2"),
            (json!(-1), "expected a number from 0"),
        ] {
            let error = read(&value).unwrap_err();
            assert!(error.contains(said), "{value}: {error}");
        }
    }
}
