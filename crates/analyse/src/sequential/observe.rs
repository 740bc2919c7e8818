//! What of a sample a gate looks at while the data come in: one number, or nothing where the sample has none. Apart from
//! the decision, because only this part knows scorers, times and money.

use super::contest::Scale;
use crate::baseline::Base;
use crate::per_success::success_at;
use crate::series::Policy;
use seatrial_config::{Bound, COST_PER_SUCCESS, Gate};
use seatrial_types::{MetricKind, MetricSpec, Money, Outcome, SampleFigures, SliceKey, Statistic};
use std::collections::HashMap;
use std::sync::Arc;

/// What a gate looks at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observed {
    source: Source,
    slice: Option<SliceKey>,
    /// The baseline's value of each case, and by what it is multiplied before it is taken off.
    base: Option<(Arc<HashMap<String, f64>>, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    /// A metric of a scorer.
    Score(Scored),
    LatencyMs,
    TtftMs,
    CostUsd,
    InputTokens,
    OutputTokens,
    TotalTokens,
    IsError,
    /// Cost − limit × success: "cost per success is at most the limit" says that its mean is at most 0.
    CostOverSuccess {
        success: Scored,
        limit: f64,
    },
}

/// A metric of a scorer, and what answers without a value count as.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scored {
    scorer: u16,
    metric: u16,
    policy: Policy,
}

impl Scored {
    fn of(scorer: usize, metric: usize, spec: &MetricSpec) -> Self {
        Self {
            scorer: u16::try_from(scorer).unwrap_or(u16::MAX),
            metric: u16::try_from(metric).unwrap_or(u16::MAX),
            policy: Policy {
                unparsed_is_wrong: spec.unparsed_is_wrong,
                refused_is_wrong: spec.refused_is_wrong,
            },
        }
    }

    fn value(self, sample: &SampleFigures) -> Option<f64> {
        let mut records = sample.scores.iter();
        let score = &records
            .find(|record| record.scorer == self.scorer && record.score.metric == self.metric)?
            .score;
        let value = score.value.filter(|value| value.is_finite());
        match (score.outcome, value) {
            (Outcome::Scored, Some(value)) => Some(value),
            (Outcome::Scored | Outcome::Unparsed, _) => self.policy.unparsed_is_wrong.then_some(0.0),
            (Outcome::Refused, _) => self.policy.refused_is_wrong.then_some(0.0),
            (Outcome::Error, _) => None,
        }
    }
}

impl Observed {
    /// What this gate looks at, on which scale, and which bound its observations are held against; `None` for a metric
    /// that no task has.
    pub(crate) fn of(
        gate: &Gate,
        bound: Bound,
        scorers: &[Vec<MetricSpec>],
        named_success: Option<&str>,
    ) -> Option<(Self, Scale, Bound)> {
        let named = find(scorers, |spec| spec.name == gate.metric.as_str());
        let mut bound = bound;
        let (source, kind) = match (gate.metric.as_str(), named) {
            (_, Some((scored, kind))) => (Source::Score(scored), kind),
            ("latency_ms", _) => (Source::LatencyMs, MetricKind::Real),
            ("ttft_ms", _) => (Source::TtftMs, MetricKind::Real),
            ("cost_usd", _) => (Source::CostUsd, MetricKind::Real),
            ("input_tokens", _) => (Source::InputTokens, MetricKind::Real),
            ("output_tokens", _) => (Source::OutputTokens, MetricKind::Real),
            ("total_tokens", _) => (Source::TotalTokens, MetricKind::Real),
            ("error_rate", _) => (Source::IsError, MetricKind::Binary),
            (COST_PER_SUCCESS, _) => {
                let (scorer, metric) = success_at(scorers, named_success)?;
                let success = Scored::of(scorer, metric, scorers.get(scorer)?.get(metric)?);
                let limit = bound.limit();
                bound = match bound {
                    Bound::AtLeast(_) => Bound::AtLeast(0.0),
                    Bound::AtMost(_) => Bound::AtMost(0.0),
                };
                (Source::CostOverSuccess { success, limit }, MetricKind::Real)
            }
            _ => return None,
        };
        let scale = match (gate.statistic, kind) {
            (Statistic::P50, _) => Scale::Quantile(0.50),
            (Statistic::P95, _) => Scale::Quantile(0.95),
            (Statistic::P99, _) => Scale::Quantile(0.99),
            (Statistic::Mean | Statistic::Rate, MetricKind::Binary) => Scale::Binary,
            (Statistic::Mean | Statistic::Rate, MetricKind::Bounded) => Scale::Between(0.0, 1.0),
            (Statistic::Mean | Statistic::Rate, MetricKind::Real) => Scale::Real,
        };
        let slice = gate.slice.clone();
        let observed = Self {
            source,
            slice,
            base: None,
        };
        Some((observed, scale, bound))
    }

    /// Has the difference from the baseline observed instead of the value.
    pub(crate) fn against(&mut self, base: &Base) {
        self.base = Some((Arc::clone(&base.values), base.contrast.scale));
    }

    /// Whether the observations are not values of the metric itself.
    pub(crate) const fn is_derived(&self) -> bool {
        matches!(self.source, Source::CostOverSuccess { .. })
    }

    /// The number; `None` for a sample without one, and for a case that the baseline has no value of. Errors have none,
    /// except where they are asked about.
    pub(crate) fn value(&self, sample: &SampleFigures) -> Option<f64> {
        let own = self.own_value(sample)?;
        match &self.base {
            None => Some(own),
            Some((values, scale)) => Some(scale.mul_add(-*values.get(&*sample.case_id)?, own)),
        }
    }

    fn own_value(&self, sample: &SampleFigures) -> Option<f64> {
        if self
            .slice
            .as_ref()
            .is_some_and(|slice| !sample.slices.contains(slice))
        {
            return None;
        }
        if self.source == Source::IsError {
            return Some(f64::from(u8::from(sample.error.is_some())));
        }
        if sample.error.is_some() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "tokens and nanoseconds far below 2^53")]
        match self.source {
            Source::Score(scored) => scored.value(sample),
            Source::LatencyMs => sample.latency_ns.map(|ns| ns as f64 / 1e6),
            Source::TtftMs => sample.ttft_ns.map(|ns| ns as f64 / 1e6),
            Source::CostUsd => sample.cost.map(Money::to_usd_f64),
            Source::InputTokens => sample.usage.input_tokens.map(|tokens| tokens as f64),
            Source::OutputTokens => sample.usage.output_tokens.map(|tokens| tokens as f64),
            Source::TotalTokens => sample.usage.total_tokens().map(|tokens| tokens as f64),
            Source::IsError => None,
            Source::CostOverSuccess { success, limit } => {
                let cost = sample.cost.map(Money::to_usd_f64)?;
                Some(limit.mul_add(-success.value(sample).unwrap_or(0.0), cost))
            }
        }
    }
}

fn find(scorers: &[Vec<MetricSpec>], is_it: impl Fn(&MetricSpec) -> bool) -> Option<(Scored, MetricKind)> {
    scorers.iter().enumerate().find_map(|(scorer, metrics)| {
        let index = metrics.iter().position(&is_it)?;
        let spec = metrics.get(index)?;
        Some((Scored::of(scorer, index, spec), spec.kind))
    })
}
