//! Load tasks in findings: their figures as metrics, and gates on them. Apart from the gates of the evaluation, because the
//! bounds were made when the load was measured, from requests that depend on each other; here they are only looked up.
//!
//! A figure has one-sided bounds at falling risks. A gate takes the bound of the largest of these risks that is not above
//! its own, and its p-value is the smallest risk at which the limit lies beyond the bound: both err on the safe side, by
//! as much as the risks are apart.

use crate::bounds;
use crate::findings::{RunFacts, RunState};
use crate::gate::Evidence;
use seatrial_config::{Bound, DraftPlan, LoadGate, OnInconclusive};
use seatrial_types::{
    ExitCode, GateResult, LoadFigure, LoadOutcome, LoadStatus, Method, MetricResult, Pillar, Verdict,
};

/// A gate on a load task, for one target.
pub(crate) struct WeighedLoad<'a> {
    gate: &'a LoadGate,
    target: &'a str,
    evidence: Evidence,
    /// Why no verdict is given.
    withheld: Option<String>,
}

impl WeighedLoad<'_> {
    /// p-value of "the limit is met"; `None` where nothing was measured.
    pub(crate) const fn p_fail(&self) -> Option<f64> {
        self.evidence.p_fail
    }
}

/// The measured load of a task on a target.
fn outcome<'a>(facts: &'a RunFacts, task: &str, target: &str) -> Option<&'a LoadOutcome> {
    let mut of_task = facts.loads.iter().rev();
    of_task.find(|load| load.is_whole && load.task == task && load.target == target)
}

/// Gates × targets in suite order.
pub(crate) fn weigh_all<'a>(draft: &'a DraftPlan, facts: &RunFacts) -> Vec<WeighedLoad<'a>> {
    let mut weighed = Vec::new();
    for gate in &draft.load_gates {
        for target in &draft.targets {
            let is_loaded = draft
                .loads
                .get(gate.load_index)
                .is_some_and(|load| load.asks(&target.name));
            if is_loaded && gate.target.as_ref().is_none_or(|wanted| *wanted == target.name) {
                weighed.push(weigh(gate, &target.name, facts));
            }
        }
    }
    weighed
}

fn weigh<'a>(gate: &'a LoadGate, target: &'a str, facts: &RunFacts) -> WeighedLoad<'a> {
    let measured = outcome(facts, &gate.task, target);
    let figure = measured.and_then(|load| {
        let mut figures = load.figures.iter();
        figures.find(|figure| figure.metric == gate.metric && figure.statistic == gate.statistic)
    });
    let withheld = match (measured, figure) {
        (None, _) if facts.state != RunState::Complete => {
            Some("the run is unfinished; continue it with --resume".to_owned())
        }
        (None, _) => Some("the load was not measured".to_owned()),
        (Some(_), None) => Some("the load has no such figure".to_owned()),
        (Some(_), Some(figure)) => match figure.status {
            LoadStatus::Ok | LoadStatus::Degraded if figure.value.is_none() => {
                Some(format!("{} requests are too few to tell it", figure.n))
            }
            LoadStatus::Ok | LoadStatus::Degraded => None,
            LoadStatus::Withheld | LoadStatus::Unavailable => Some(why(figure)),
        },
    };
    WeighedLoad {
        gate,
        target,
        evidence: figure.map_or_else(Evidence::none, |figure| evidence(figure, gate.bound, gate.risk)),
        withheld,
    }
}

fn why(figure: &LoadFigure) -> String {
    let reason = figure.reason.as_deref().unwrap_or("nothing was measured");
    match &figure.remedy {
        Some(remedy) => format!("{}: {reason}; {remedy}", figure.status.as_str()),
        None => format!("{}: {reason}", figure.status.as_str()),
    }
}

/// What a figure says of a limit.
fn evidence(figure: &LoadFigure, bound: Bound, risk: f64) -> Evidence {
    if figure.value.is_none() {
        return Evidence {
            n: figure.n,
            ..Evidence::none()
        };
    }
    let ends = figure
        .ends
        .iter()
        .filter(|ends| ends.risk <= risk * (1.0 + 1e-9))
        .max_by(|one, other| one.risk.total_cmp(&other.risk));
    let is_beyond = |ends: &&seatrial_types::LoadEnds| match bound {
        Bound::AtLeast(limit) => ends.high.is_some_and(|high| high < limit),
        Bound::AtMost(limit) => ends.low.is_some_and(|low| low > limit),
    };
    let beyond = figure.ends.iter().filter(is_beyond).map(|ends| ends.risk);
    Evidence {
        value: figure.value,
        low: ends.and_then(|ends| ends.low),
        high: ends.and_then(|ends| ends.high),
        p_fail: Some(beyond.reduce(f64::min).unwrap_or(1.0)),
        mde: None,
        method: figure.method,
        n: figure.n,
    }
}

/// A gate's result, given its p-value after the correction over all gates.
pub(crate) fn result(weighed: &WeighedLoad<'_>, adjusted: Option<f64>) -> GateResult {
    let WeighedLoad {
        gate,
        target,
        evidence,
        withheld,
    } = weighed;
    let (verdict, reason) = match withheld {
        Some(why) => (Verdict::Inconclusive, why.clone()),
        None => {
            let verdict = evidence.verdict(gate.bound, gate.risk, adjusted);
            (verdict, reason_of(gate, evidence, verdict, adjusted))
        }
    };
    GateResult {
        name: gate.name.clone(),
        target: (*target).to_owned(),
        metric: format!("{}.{}.{}", gate.task, gate.metric, gate.statistic.as_str()),
        slice: None,
        verdict,
        bound: gate.bound.as_str().to_owned(),
        inconclusive_fails: gate.on_inconclusive == OnInconclusive::Fail,
        value: evidence.value,
        low: evidence.low,
        high: evidence.high,
        limit: gate.bound.limit(),
        risk: gate.risk,
        p_fail: evidence.p_fail,
        p_fail_adjusted: adjusted.filter(|_| evidence.p_fail.is_some()),
        n: evidence.n,
        mde: None,
        method: evidence.method,
        unit: gate.unit,
        reason,
        baseline: None,
        place: None,
    }
}

fn reason_of(gate: &LoadGate, evidence: &Evidence, verdict: Verdict, adjusted: Option<f64>) -> String {
    let limit = gate.bound.limit();
    let confidence = 100.0 * (1.0 - gate.risk);
    match (verdict, gate.bound) {
        (Verdict::Pass, Bound::AtLeast(_)) => format!(
            "the lower bound at {confidence}% confidence, {:.4}, reaches {limit}",
            evidence.low.unwrap_or(limit)
        ),
        (Verdict::Pass, Bound::AtMost(_)) => format!(
            "the upper bound at {confidence}% confidence, {:.4}, is within {limit}",
            evidence.high.unwrap_or(limit)
        ),
        (Verdict::Fail, _) => format!(
            "p ≤ {} that the limit is met (Holm-adjusted), risk {}",
            adjusted.unwrap_or(1.0),
            gate.risk
        ),
        (Verdict::Inconclusive, _) => {
            "the requests of this load decide neither; a longer `duration` would".to_owned()
        }
    }
}

/// The figures of a target's load tasks as metrics, in suite order.
pub(crate) fn metrics(draft: &DraftPlan, facts: &RunFacts, target: &str) -> Vec<MetricResult> {
    let loads = draft.loads.iter().filter(|load| load.asks(target));
    let mut results = Vec::new();
    for (load, measured) in loads.filter_map(|load| Some((load, outcome(facts, &load.name, target)?))) {
        // Where answers are samples, their task tells the rate of errors.
        let is_told = |figure: &&LoadFigure| {
            figure.status != LoadStatus::Unavailable
                && !(figure.metric == "error_rate" && load.task_index().is_some())
        };
        results.extend(
            measured
                .figures
                .iter()
                .filter(is_told)
                .map(|figure| metric(figure, measured)),
        );
    }
    results
}

fn metric(figure: &LoadFigure, load: &LoadOutcome) -> MetricResult {
    let is_told = figure.value.is_some();
    MetricResult {
        task: load.task.clone(),
        metric: figure.metric.clone(),
        statistic: figure.statistic,
        pillar: if figure.metric == "error_rate" {
            Pillar::Reliability
        } else {
            Pillar::Performance
        },
        slice: None,
        value: figure.value,
        low: figure.low,
        high: figure.high,
        level: figure.level,
        unit: figure.unit,
        method: if is_told { figure.method } else { Method::None },
        n: load.requests,
        denominator: if is_told { figure.n } else { 0 },
        n_scored: load.requests.saturating_sub(load.failed),
        n_unparsed: 0,
        n_refused: 0,
        n_error: load.failed,
        n_clusters: None,
        value_worst: None,
        value_best: None,
        status: (figure.status != LoadStatus::Ok).then(|| figure.status.as_str().to_owned()),
    }
}

/// Warnings of loads, and the exit codes that they ask for: figures withheld, too many failed requests.
pub(crate) fn conclude(
    draft: &DraftPlan,
    facts: &RunFacts,
    codes: &mut Vec<ExitCode>,
    warnings: &mut Vec<String>,
) {
    for load in &draft.loads {
        for target in draft.targets.iter().filter(|target| load.asks(&target.name)) {
            let Some(measured) = outcome(facts, &load.name, &target.name) else {
                if facts.state == RunState::Complete {
                    warnings.push(format!(
                        "load task `{}` was not measured on target `{}`",
                        load.name, target.name
                    ));
                }
                continue;
            };
            let place = format!("load task `{}` on target `{}`", load.name, target.name);
            warnings.extend(
                measured
                    .warnings
                    .iter()
                    .map(|warning| format!("{place}: {warning}")),
            );
            let of = |status| {
                let mut names: Vec<&str> = Vec::new();
                for figure in measured.figures.iter().filter(|figure| figure.status == status) {
                    if !names.contains(&figure.metric.as_str()) {
                        names.push(&figure.metric);
                    }
                }
                names
            };
            for (status, told) in [
                (LoadStatus::Withheld, "withheld"),
                (LoadStatus::Degraded, "degraded"),
            ] {
                let names = of(status);
                if let Some(first) = measured.figures.iter().find(|figure| figure.status == status) {
                    warnings.push(format!(
                        "{place}: {} are {told}: {}",
                        names.join(", "),
                        why(first)
                    ));
                }
            }
            if !of(LoadStatus::Withheld).is_empty() {
                codes.push(ExitCode::Saturated);
            }
            if load.task_index().is_none()
                && crate::findings::is_above(draft.error_cap, measured.failed, measured.requests)
            {
                codes.push(ExitCode::Errors);
                warnings.push(format!(
                    "{place}: {} of {} requests failed, more than the suite allows",
                    measured.failed, measured.requests
                ));
            }
        }
    }
}

/// Adjusted p-values over gates of the evaluation and of loads together, each in its place.
pub(crate) fn holm(evaluation: &[f64], loads: &[WeighedLoad<'_>]) -> (Vec<f64>, Vec<f64>) {
    let mut p = evaluation.to_vec();
    p.extend(loads.iter().map(|weighed| weighed.p_fail().unwrap_or(1.0)));
    let mut adjusted = bounds::holm(&p);
    let of_loads = adjusted.split_off(evaluation.len());
    (adjusted, of_loads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::{LoadEnds, Statistic, Unit};

    fn figure(ends: &[(f64, f64, f64)]) -> LoadFigure {
        LoadFigure {
            metric: "ttft".to_owned(),
            statistic: Statistic::P99,
            unit: Unit::Ms,
            status: LoadStatus::Ok,
            reason: None,
            remedy: None,
            n: 500,
            value: Some(100.0),
            low: Some(90.0),
            high: Some(110.0),
            level: 0.95,
            method: Method::OrderStatistic,
            ends: ends
                .iter()
                .map(|&(risk, low, high)| LoadEnds {
                    risk,
                    low: Some(low),
                    high: Some(high),
                })
                .collect(),
        }
    }

    /// Protects the stated risks: a gate takes a bound at no more than its risk, and a p-value that is never too small.
    #[test]
    fn bounds_err_on_the_safe_side() {
        let figure = figure(&[(0.1, 95.0, 105.0), (0.05, 93.0, 107.0), (0.01, 90.0, 110.0)]);
        let found = evidence(&figure, Bound::AtMost(108.0), 0.05);
        assert_eq!(
            (found.low, found.high, found.p_fail),
            (Some(93.0), Some(107.0), Some(1.0))
        );
        assert_eq!(
            found.verdict(Bound::AtMost(108.0), 0.05, Some(1.0)),
            Verdict::Pass
        );
        // Between two risks the smaller one counts.
        assert_eq!(evidence(&figure, Bound::AtMost(108.0), 0.04).high, Some(110.0));
        // Below all of them there is no bound, and so no pass.
        let none = evidence(&figure, Bound::AtMost(200.0), 0.001);
        assert_eq!(
            none.verdict(Bound::AtMost(200.0), 0.001, none.p_fail),
            Verdict::Inconclusive
        );
        let failing = evidence(&figure, Bound::AtMost(92.0), 0.05);
        assert_eq!(failing.p_fail, Some(0.05));
        assert_eq!(
            failing.verdict(Bound::AtMost(92.0), 0.05, Some(0.05)),
            Verdict::Fail
        );
        assert_eq!(
            failing.verdict(Bound::AtMost(92.0), 0.05, Some(0.1)),
            Verdict::Inconclusive
        );
        assert_eq!(evidence(&figure, Bound::AtLeast(111.0), 0.05).p_fail, Some(0.01));
    }
}
