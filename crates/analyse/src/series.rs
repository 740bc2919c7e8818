//! Values of one metric as they stream in, and the estimates made of them. Apart from findings so that every metric,
//! overall or of a slice, is estimated by the same few rules.

use crate::bounds;
use crate::drawn;
use seatrial_types::{Estimate, Method, MetricKind, Outcome, Statistic, Unit};

/// Confidence level of every displayed interval.
pub const LEVEL: f64 = 0.95;
/// Below this many values, means of scores between 0 and 1 get a betting interval instead of Student's t, whose
/// coverage for such small and skewed samples cannot be relied on.
pub const BETTING_BELOW: u64 = 30;

/// What happens to samples that have no value of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// An unparsed answer counts as 0.
    pub unparsed_is_wrong: bool,
    /// A refused answer counts as 0.
    pub refused_is_wrong: bool,
}

impl Policy {
    /// Leaves out whatever has no value: for measurements.
    pub const EXCLUDE: Self = Self {
        unparsed_is_wrong: false,
        refused_is_wrong: false,
    };
}

/// All values of one metric.
#[derive(Debug, Clone)]
pub struct Series {
    kind: MetricKind,
    unit: Unit,
    policy: Policy,
    /// Values over which the metric is computed; for binary metrics without clusters only their number and sum are kept.
    values: Vec<f64>,
    /// Cluster of each value; empty where there are no clusters.
    clusters: Vec<u32>,
    clustered: bool,
    denominator: u64,
    sum: f64,
    /// Draws that were planned, where the values come from a draw that may have stopped anywhere.
    planned_draws: Option<u64>,
    /// Counts by class.
    pub counts: Counts,
}

/// Finished samples by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// With a value.
    pub scored: u64,
    /// Answer could not be read.
    pub unparsed: u64,
    /// Refused.
    pub refused: u64,
    /// No answer.
    pub error: u64,
}

impl Counts {
    /// All finished samples.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.scored + self.unparsed + self.refused + self.error
    }

    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Scored => self.scored += 1,
            Outcome::Unparsed => self.unparsed += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Error => self.error += 1,
        }
    }
}

impl Series {
    /// An empty series.
    #[must_use]
    pub fn new(kind: MetricKind, unit: Unit, policy: Policy, clustered: bool) -> Self {
        Self {
            kind,
            unit,
            policy,
            values: Vec::new(),
            clusters: Vec::new(),
            clustered,
            denominator: 0,
            sum: 0.0,
            planned_draws: None,
            counts: Counts::default(),
        }
    }

    /// Says that the values come from a draw of so many that may have stopped anywhere: then intervals are confidence
    /// sequences, which hold at every number of draws at once.
    pub fn set_planned_draws(&mut self, planned: Option<u64>) {
        self.planned_draws = planned;
    }

    pub(crate) const fn planned_draws(&self) -> Option<u64> {
        self.planned_draws
    }

    /// Adds one finished sample. A value that is not finite counts as unparsed.
    pub fn add(&mut self, outcome: Outcome, value: Option<f64>, cluster: u32) {
        let value = value.filter(|value| value.is_finite());
        let outcome = if outcome == Outcome::Scored && value.is_none() {
            Outcome::Unparsed
        } else {
            outcome
        };
        self.counts.add(outcome);
        let counted = match outcome {
            Outcome::Scored => value,
            Outcome::Unparsed => self.policy.unparsed_is_wrong.then_some(0.0),
            Outcome::Refused => self.policy.refused_is_wrong.then_some(0.0),
            Outcome::Error => None,
        };
        if let Some(value) = counted {
            self.push(value, cluster);
        }
    }

    /// Adds a sample that counts as an error and has the value all the same: for the error rate itself.
    pub fn add_error_indicator(&mut self, is_error: bool, cluster: u32) {
        self.counts
            .add(if is_error { Outcome::Error } else { Outcome::Scored });
        self.push(f64::from(u8::from(is_error)), cluster);
    }

    fn push(&mut self, value: f64, cluster: u32) {
        self.denominator += 1;
        self.sum += value;
        if self.kind != MetricKind::Binary || self.clustered {
            self.values.push(value);
        }
        if self.clustered {
            self.clusters.push(cluster);
        }
    }

    /// Samples that the value is computed over.
    #[must_use]
    pub const fn denominator(&self) -> u64 {
        self.denominator
    }

    /// Unit of the values.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Number of clusters; `None` where there are none.
    #[must_use]
    pub fn n_clusters(&self) -> Option<u64> {
        if !self.clustered {
            return None;
        }
        let mut clusters = self.clusters.clone();
        clusters.sort_unstable();
        clusters.dedup();
        Some(clusters.len() as u64)
    }

    /// The value if every excluded sample had scored 0, and if every one had scored 1. `None` when nothing is
    /// excluded or the scale is not bounded.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub fn worst_and_best(&self) -> Option<(f64, f64)> {
        let n = self.counts.n();
        let excluded = n.saturating_sub(self.denominator);
        if excluded == 0 || self.kind == MetricKind::Real {
            return None;
        }
        Some((self.sum / n as f64, (self.sum + excluded as f64) / n as f64))
    }

    /// The displayed estimate of a statistic. Without any value, or with too few for an interval, the parts that
    /// cannot be given are `None`.
    #[must_use]
    pub fn estimate(&self, statistic: Statistic) -> Estimate {
        self.estimate_at(statistic, LEVEL)
    }

    /// The same at another confidence level, between 0 and 1.
    #[must_use]
    pub fn estimate_at(&self, statistic: Statistic, level: f64) -> Estimate {
        let (value, interval, method) = match statistic {
            Statistic::Mean | Statistic::Rate => self.mean(level),
            Statistic::P50 => self.percentile(0.50, level),
            Statistic::P95 => self.percentile(0.95, level),
            Statistic::P99 => self.percentile(0.99, level),
        };
        let (low, high) = interval;
        let method = if low.is_none() && high.is_none() {
            Method::None
        } else {
            method
        };
        Estimate {
            value,
            low,
            high,
            level,
            n: self.denominator,
            method,
            unit: self.unit,
        }
    }

    fn mean(&self, level: f64) -> Measured {
        if self.denominator == 0 {
            return (None, (None, None), Method::None);
        }
        if let Some(planned) = self.planned_draws {
            let (ends, method) = drawn::mean(self, planned, 1.0 - level);
            return (Some(self.mean_value()), ends, method);
        }
        let (interval, method) = match (self.kind, self.clustered) {
            (MetricKind::Binary, false) => {
                (bounds::wilson(self.sum, self.denominator, level), Method::Wilson)
            }
            (MetricKind::Binary, true) if self.is_constant() => {
                // No cluster differs, so no variance can be estimated: as if each cluster were one answer.
                let clusters = self.n_clusters().unwrap_or(1);
                let ones = self.mean_value() * to_f64(clusters);
                (bounds::wilson(ones, clusters, level), Method::Wilson)
            }
            (_, true) => {
                let interval = bounds::cluster_t(&self.values, &self.clusters, level);
                (self.clamp(interval), Method::ClusterT)
            }
            (MetricKind::Bounded, false) if self.denominator < BETTING_BELOW || self.is_constant() => {
                (bounds::betting(&self.values, level), Method::Betting)
            }
            (_, false) => (
                self.clamp(bounds::student_t(&self.values, level)),
                Method::StudentT,
            ),
        };
        (Some(self.mean_value()), interval, method)
    }

    fn percentile(&self, q: f64, level: f64) -> Measured {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        if let Some(planned) = self.planned_draws {
            let ends = drawn::percentile(self, &sorted, q, planned, 1.0 - level);
            return (bounds::quantile(&sorted, q), ends, Method::OrderStatisticCs);
        }
        (
            bounds::quantile(&sorted, q),
            bounds::quantile_interval(&sorted, q, level),
            Method::OrderStatistic,
        )
    }

    pub(crate) fn mean_value(&self) -> f64 {
        self.sum / to_f64(self.denominator)
    }

    /// Whether all values are equal.
    pub(crate) fn is_constant(&self) -> bool {
        if self.kind == MetricKind::Binary {
            return self.sum == 0.0 || self.sum == to_f64(self.denominator);
        }
        self.values.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// How many of the values of a binary series are 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of zeros and ones"
    )]
    pub(crate) fn ones(&self) -> u64 {
        self.sum.max(0.0).round() as u64
    }

    /// The values that a mean of this unit can have, cut to them: money, tokens, times and counts are never negative.
    fn clamp(&self, ends: bounds::Ends) -> bounds::Ends {
        bounds::clamp_to_unit(self.unit, bounds::clamp_to(self.kind, ends))
    }

    pub(crate) const fn kind(&self) -> MetricKind {
        self.kind
    }

    pub(crate) const fn is_clustered(&self) -> bool {
        self.clustered
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn clusters(&self) -> &[u32] {
        &self.clusters
    }
}

type Measured = (Option<f64>, bounds::Ends, Method);

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}
