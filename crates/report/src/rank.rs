//! The order in which gates are told: what fails the run first. Apart, because every report that must leave something
//! out leaves out from the end of this list.

use seatrial_types::{GateResult, Verdict};

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

/// `TARGET: METRIC [SLICE] at least LIMIT`: what a gate asks.
#[must_use]
pub fn question(gate: &GateResult) -> String {
    format!(
        "{}{} {} {}",
        gate.metric,
        slice(gate),
        gate.bound.replace('_', " "),
        crate::format::number(gate.limit, gate.unit)
    )
}

/// ` [column=value]`, or nothing.
#[must_use]
pub fn slice(gate: &GateResult) -> String {
    gate.slice
        .as_ref()
        .map(|slice| format!(" [{}={}]", slice.column, slice.value))
        .unwrap_or_default()
}
