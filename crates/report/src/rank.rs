//! The order in which gates and slices are told: what fails the run first, what is weakest first. Apart, because every report that must leave something
//! out leaves out from the end of this list.

use seatrial_types::{GateResult, MetricResult, Pillar, TargetFindings, Unit, Verdict};

/// How much a gate's result matters, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Fails the run.
    Fail,
    /// Undecided, and the suite says that this fails the run.
    Undecided,
    /// Undecided, which the suite lets pass.
    Open,
    /// Met.
    Pass,
}

/// How much this result matters.
#[must_use]
pub const fn severity(gate: &GateResult) -> Severity {
    match (gate.verdict, gate.inconclusive_fails) {
        (Verdict::Fail, _) => Severity::Fail,
        (Verdict::Inconclusive, true) => Severity::Undecided,
        (Verdict::Inconclusive, false) => Severity::Open,
        (Verdict::Pass, _) => Severity::Pass,
    }
}

/// The gates, worst first: by severity, then by how unlikely it is that the limit is met, then in suite order.
#[must_use]
pub fn worst_first(gates: &[GateResult]) -> Vec<&GateResult> {
    let mut sorted: Vec<_> = gates.iter().collect();
    let p = |gate: &GateResult| gate.p_fail.unwrap_or(1.0);
    sorted.sort_by(|a, b| severity(a).cmp(&severity(b)).then(p(a).total_cmp(&p(b))));
    sorted
}

/// `METRIC [SLICE] at least LIMIT`, or what stands in the limit's place: what a gate asks.
#[must_use]
pub fn question(gate: &GateResult) -> String {
    let (metric, slice) = (&gate.metric, slice(gate));
    let bound = gate.bound.replace('_', " ");
    match gate.bound.as_str() {
        "not_worse_than" | "better_than" => {
            format!("{metric}{slice} {bound} baseline{}", crate::against::margin(gate))
        }
        "no_critical" => format!("{metric}{slice} without a miss"),
        _ => format!(
            "{metric}{slice} {bound} {}",
            crate::format::number(gate.limit, gate.unit)
        ),
    }
}

/// The name that the suite gives a gate; `None` where it is made of what the gate asks and would say it twice.
#[must_use]
pub fn own_name(gate: &GateResult) -> Option<&str> {
    let task = gate.metric.split('.').next().unwrap_or_default();
    let is_derived = gate.name.starts_with(task) && gate.name.contains(&format!(" {}", gate.bound));
    (!is_derived).then_some(gate.name.as_str())
}

/// Name and question, for a title.
#[must_use]
pub fn title(gate: &GateResult) -> String {
    match own_name(gate) {
        Some(name) => format!("{name}: {}", question(gate)),
        None => question(gate),
    }
}

/// ` [column=value]`, or nothing.
#[must_use]
pub fn slice(gate: &GateResult) -> String {
    gate.slice
        .as_ref()
        .map(|slice| format!(" [{}={}]", slice.column, slice.value))
        .unwrap_or_default()
}
/// Slices of quality, weakest first. Shares stand on one scale and are ordered by the lower end of their interval. Other
/// scores have scales of their own and come after them, by how far they lie below the value of their metric over all
/// cases, counted in half-widths of their interval; what has no interval comes last.
#[must_use]
pub fn weakest_slices<'a>(
    targets: impl IntoIterator<Item = &'a TargetFindings>,
) -> Vec<(&'a TargetFindings, &'a MetricResult)> {
    let all = targets
        .into_iter()
        .flat_map(|target| target.slices.iter().map(move |slice| (target, slice)));
    let mut ranked: Vec<_> = all
        .filter(|(_, slice)| slice.pillar == Pillar::Quality)
        .map(|(target, slice)| {
            let is_other = slice.unit != Unit::Share;
            let key = if is_other {
                below_its_metric(slice, target)
            } else {
                slice.low.or(slice.value)
            };
            (is_other, key.unwrap_or(f64::MAX), (target, slice))
        })
        .collect();
    ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    ranked.into_iter().map(|(_, _, slice)| slice).collect()
}

fn below_its_metric(slice: &MetricResult, target: &TargetFindings) -> Option<f64> {
    let overall = target.metrics.iter().find(|metric| {
        (&metric.task, &metric.metric, metric.statistic) == (&slice.task, &slice.metric, slice.statistic)
    })?;
    let half_width = (slice.high? - slice.low?) / 2.0;
    (half_width > 0.0).then_some((slice.value? - overall.value?) / half_width)
}
