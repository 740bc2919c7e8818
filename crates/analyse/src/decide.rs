//! Gates of a run, decided: what each found for each target, the correction over all of them, verdict and reason. Apart
//! from the findings' values, which need no suite to be right.

use crate::against::ContrastEvidence;
use crate::baseline::AgainstBaseline;
use crate::bounds;
use crate::collect::{Collector, TaskSeries};
use crate::findings::{RunFacts, RunState, cost_per_success};
use crate::gate::{Evidence, weigh};
use crate::per_success::CostPerSuccess;
use crate::series::to_f64;
use seatrial_config::{
    Bound, COST_PER_SUCCESS, Condition, DraftPlan, Gate, Margin, NoCritical, OnInconclusive, SEVERITY_COLUMN,
};
use seatrial_types::{BaselineStatus, GateBaseline, GateResult, Method, Pillar, Unit, Verdict};

/// What a gate found for one target.
struct Weighed<'a> {
    gate: &'a Gate,
    target: &'a str,
    answer: Answer,
    is_spoiled: bool,
}

enum Answer {
    Bound(Bound, Evidence),
    /// Why not, where nothing could be compared.
    Baseline(Result<AgainstBaseline, String>),
    Critical(Misses),
}

impl Answer {
    /// p-value of "the limit is met"; `None` where nothing is left to chance, and where there are too few values.
    fn p_fail(&self) -> Option<f64> {
        match self {
            Self::Bound(_, evidence) => evidence.p_fail,
            Self::Baseline(found) => found.as_ref().ok().and_then(|found| found.evidence.p_fail),
            Self::Critical(_) => None,
        }
    }
}

/// Whether a gate is asked of a target.
#[must_use]
pub(crate) fn is_asked(draft: &DraftPlan, gate: &Gate, target: &str) -> bool {
    let task = draft.tasks.get(gate.task_index);
    task.is_none_or(|task| task.asks(target)) && gate.target.as_ref().is_none_or(|wanted| wanted == target)
}

/// Gates × targets in suite order, those on load tasks behind the others, with the Holm correction over all that are left to chance.
pub(crate) fn decide_gates(draft: &DraftPlan, collector: &Collector, facts: &RunFacts) -> Vec<GateResult> {
    let mut weighed = Vec::new();
    for (number, gate) in draft.gates.iter().enumerate() {
        for (index, target) in draft.targets.iter().enumerate() {
            if is_asked(draft, gate, &target.name) {
                weighed.push(Weighed {
                    gate,
                    target: &target.name,
                    answer: answer(gate, collector, index, number, facts),
                    is_spoiled: is_spoiled(gate, collector, index, facts),
                });
            }
        }
    }
    let chance = weighed
        .iter()
        .filter(|weighed| !matches!(weighed.answer, Answer::Critical(_)));
    let p: Vec<f64> = chance
        .map(|weighed| weighed.answer.p_fail().unwrap_or(1.0))
        .collect();
    let loads = crate::load::weigh_all(draft, facts);
    let (adjusted, of_loads) = crate::load::holm(&p, &loads);
    let mut adjusted = adjusted.into_iter();
    let mut results: Vec<GateResult> = weighed
        .iter()
        .map(|weighed| match &weighed.answer {
            Answer::Critical(misses) => critical_result(weighed, misses, facts),
            Answer::Bound(bound, evidence) => {
                let adjusted = adjusted.next().filter(|_| evidence.p_fail.is_some());
                bound_result(weighed, *bound, evidence, adjusted, facts)
            }
            Answer::Baseline(found) => {
                let p_fail = weighed.answer.p_fail();
                let adjusted = adjusted.next().filter(|_| p_fail.is_some());
                baseline_result(weighed, found, adjusted, facts)
            }
        })
        .collect();
    let of_loads = loads.iter().zip(of_loads);
    results.extend(of_loads.map(|(weighed, adjusted)| crate::load::result(weighed, Some(adjusted))));
    results
}

fn answer(gate: &Gate, collector: &Collector, target: usize, number: usize, facts: &RunFacts) -> Answer {
    match &gate.condition {
        Condition::Bound(bound) => {
            let drawn = drawn_evidence(number, gate, *bound, collector, target);
            let evidence = drawn.unwrap_or_else(|| evidence_for(gate, *bound, collector, target));
            Answer::Bound(*bound, evidence)
        }
        Condition::Baseline(_) => {
            let baseline = facts.baseline.as_ref();
            let found = baseline.and_then(|baseline| baseline.evidence.get(&(number, target)));
            let drawn = collector.sequential.as_ref();
            let drawn = drawn.and_then(|sequential| sequential.contrast(number, gate, target));
            let found = found.cloned().map(|found| drawn_contrast(found, drawn));
            Answer::Baseline(found.ok_or_else(|| no_baseline(facts, (number, target))))
        }
        Condition::NoCritical(critical) => Answer::Critical(misses(gate, critical, collector, target)),
    }
}

/// Why no verdict is given, whatever the numbers say.
fn withheld(weighed: &Weighed<'_>, facts: &RunFacts) -> Option<String> {
    if facts.state != RunState::Complete {
        return Some("the run is unfinished; continue it with --resume".to_owned());
    }
    weighed.is_spoiled.then(|| {
        "the measuring client was saturated, so the number is not the target's; lower `limits.concurrency`".to_owned()
    })
}

/// A result without numbers.
fn blank(weighed: &Weighed<'_>, verdict: Verdict, reason: String) -> GateResult {
    let gate = weighed.gate;
    GateResult {
        name: gate.name.clone(),
        target: weighed.target.to_owned(),
        metric: format!("{}.{}.{}", gate.task, gate.metric, gate.statistic.as_str()),
        slice: gate.slice.clone(),
        verdict,
        bound: gate.condition.as_str().to_owned(),
        inconclusive_fails: gate.on_inconclusive == OnInconclusive::Fail,
        value: None,
        low: None,
        high: None,
        limit: 0.0,
        risk: gate.risk,
        p_fail: None,
        p_fail_adjusted: None,
        n: 0,
        mde: None,
        method: Method::None,
        unit: gate.unit,
        reason,
        baseline: None,
        place: None,
    }
}

fn bound_result(
    weighed: &Weighed<'_>,
    bound: Bound,
    evidence: &Evidence,
    adjusted: Option<f64>,
    facts: &RunFacts,
) -> GateResult {
    let gate = weighed.gate;
    let (verdict, reason) = match withheld(weighed, facts) {
        Some(why) => (Verdict::Inconclusive, why),
        None => {
            let verdict = evidence.verdict(bound, gate.risk, adjusted);
            (verdict, reason_of(gate.risk, bound, evidence, verdict, adjusted))
        }
    };
    GateResult {
        value: evidence.value,
        low: evidence.low,
        high: evidence.high,
        limit: bound.limit(),
        p_fail: evidence.p_fail,
        p_fail_adjusted: adjusted,
        n: evidence.n,
        mde: evidence.mde,
        method: evidence.method,
        ..blank(weighed, verdict, reason)
    }
}

fn baseline_result(
    weighed: &Weighed<'_>,
    found: &Result<AgainstBaseline, String>,
    adjusted: Option<f64>,
    facts: &RunFacts,
) -> GateResult {
    let gate = weighed.gate;
    let (found, against) = match (found, &gate.condition) {
        (Ok(found), Condition::Baseline(against)) => (found, against),
        (Err(why), _) => return blank(weighed, Verdict::Inconclusive, why.clone()),
        (Ok(_), _) => return blank(weighed, Verdict::Inconclusive, String::new()),
    };
    let (evidence, contrast) = (&found.evidence, found.contrast);
    let (verdict, mut reason) = match withheld(weighed, facts) {
        Some(why) => (Verdict::Inconclusive, why),
        None => {
            let verdict = evidence.verdict(gate.risk, adjusted);
            (verdict, reason_against(gate, evidence, verdict, adjusted))
        }
    };
    if let Some(note) = &found.note {
        reason.push_str(&format!("; {note}"));
    }
    if !against.is_margin_given && against.margin != Margin::Absolute(0.0) {
        reason.push_str("; the margin is the default");
    }
    // Everything is told on the scale of this run's value: what it must reach is scale × baseline + limit.
    let scaled = evidence.baseline.map(|base| contrast.scale * base);
    let on_value = |end: Option<f64>| Some(end? + scaled?);
    let difference = |end: Option<f64>| Some(on_value(end)? - evidence.baseline?);
    let (margin, margin_share) = match against.margin {
        Margin::Absolute(margin) => (Some(margin), None),
        Margin::Relative(share) => (evidence.baseline.map(|base| (share * base).abs()), Some(share)),
    };
    GateResult {
        value: evidence.value,
        low: on_value(evidence.low),
        high: on_value(evidence.high),
        limit: on_value(Some(contrast.bound.limit())).unwrap_or_default(),
        p_fail: evidence.p_fail,
        p_fail_adjusted: adjusted,
        n: evidence.n,
        mde: evidence.mde,
        method: evidence.method,
        baseline: Some(GateBaseline {
            target: found.target.clone(),
            value: evidence.baseline,
            difference: evidence
                .value
                .zip(evidence.baseline)
                .map(|(new, base)| new - base),
            difference_low: difference(evidence.low),
            difference_high: difference(evidence.high),
            margin,
            margin_share,
            higher_is_better: against.higher_is_better,
            is_paired: !matches!(evidence.method, Method::OrderStatisticTwo | Method::RatioTwo),
            n: found.n_baseline,
            n_unpaired: found.n_unpaired,
            method: evidence.method,
            p_pass: evidence.p_pass,
        }),
        ..blank(weighed, verdict, reason)
    }
}

fn no_baseline(facts: &RunFacts, place: (usize, usize)) -> String {
    let Some(baseline) = &facts.baseline else {
        return "nothing was compared with a baseline".to_owned();
    };
    let name = &baseline.summary.name;
    match baseline.misfits.by_gate.get(&place) {
        Some(why) => format!("baseline `{name}` cannot be compared with: {why}"),
        None if baseline.summary.status == BaselineStatus::Missing => {
            format!("there is no baseline `{name}`")
        }
        None => format!("baseline `{name}` has nothing of it"),
    }
}

fn reason_against(
    gate: &Gate,
    evidence: &ContrastEvidence,
    verdict: Verdict,
    adjusted: Option<f64>,
) -> String {
    let claim = match &gate.condition {
        Condition::Baseline(against) => against.relation.as_str().replace('_', " "),
        Condition::Bound(_) | Condition::NoCritical(_) => String::new(),
    };
    if evidence.n == 0 {
        return "there is no pair of values to judge".to_owned();
    }
    match verdict {
        Verdict::Pass => format!(
            "p = {:.2e} that it is not {claim} the baseline, risk {}",
            evidence.p_pass.unwrap_or(1.0),
            gate.risk
        ),
        Verdict::Fail => format!(
            "p = {:.2e} that it is {claim} the baseline (Holm-adjusted), risk {}",
            adjusted.unwrap_or(1.0),
            gate.risk
        ),
        Verdict::Inconclusive => {
            let visible = evidence.mde.map_or_else(String::new, |mde| {
                format!(
                    "; with {} pairs a distance of {} from the limit is visible",
                    evidence.n,
                    short(mde)
                )
            });
            format!("neither shown{visible}{}", needed_pairs(evidence))
        }
    }
}

/// The pairs that would decide if the difference stayed as it is.
fn needed_pairs(evidence: &ContrastEvidence) -> String {
    let (Some(value), Some(base)) = (evidence.value, evidence.baseline) else {
        return String::new();
    };
    needed(value - base - evidence.bound.limit(), evidence.mde, evidence.n)
}

/// Answers that a gate without tolerance looks at.
struct Misses {
    misses: u64,
    /// Answers that could be judged.
    judged: u64,
    /// Samples that could not: without an answer, or left out by the scorer's rules.
    unjudged: u64,
}

fn misses(gate: &Gate, critical: &NoCritical, collector: &Collector, target: usize) -> Misses {
    let mut found = Misses {
        misses: 0,
        judged: 0,
        unjudged: 0,
    };
    let mut add = |series: &TaskSeries| {
        if let Some(named) = series.series(&gate.metric) {
            let series = &named.series;
            let (judged, ones) = (series.denominator(), series.ones());
            found.judged += judged;
            found.misses += if critical.higher_is_better {
                judged.saturating_sub(ones)
            } else {
                ones
            };
            found.unjudged += series.counts.n().saturating_sub(judged);
        }
    };
    let key = (to_u16(target), to_u16(gate.task_index));
    let slices = || collector.slices.get(&key).into_iter().flatten();
    match &gate.slice {
        Some(slice) => slices()
            .filter(|(known, _)| *known == slice)
            .for_each(|(_, series)| add(series)),
        None if critical.severities.is_empty() => {
            let overall = collector
                .overall
                .get(target)
                .and_then(|tasks| tasks.get(gate.task_index));
            overall.into_iter().for_each(add);
        }
        None => slices()
            .filter(|(known, _)| {
                known.column == SEVERITY_COLUMN && critical.severities.contains(&known.value)
            })
            .for_each(|(_, series)| add(series)),
    }
    found
}

/// One miss is enough, also in an unfinished run. Without any it takes every case to be judged.
fn critical_result(weighed: &Weighed<'_>, found: &Misses, facts: &RunFacts) -> GateResult {
    let Misses {
        misses,
        judged,
        unjudged,
    } = *found;
    let risk = weighed.gate.risk;
    let n = to_f64(judged);
    let (low, high) = bounds::clopper_pearson_one_sided(to_f64(misses), n, risk);
    let (verdict, reason) = if misses > 0 {
        (
            Verdict::Fail,
            format!("{misses} of {judged} answers miss, none may"),
        )
    } else if let Some(why) = withheld(weighed, facts) {
        (Verdict::Inconclusive, why)
    } else if judged == 0 {
        (Verdict::Inconclusive, "there is no value to judge".to_owned())
    } else if unjudged > 0 {
        let why = format!("none of {judged} answers misses, but {unjudged} samples could not be judged");
        (Verdict::Inconclusive, why)
    } else {
        let confidence = format!("{:.4}", (1.0 - risk) * 100.0);
        let confidence = confidence.trim_end_matches('0').trim_end_matches('.');
        let most = high.map_or_else(String::new, |high| {
            format!("; the true share is below {high:.4} with {confidence}% confidence")
        });
        (Verdict::Pass, format!("none of {judged} answers misses{most}"))
    };
    GateResult {
        value: (judged > 0).then(|| to_f64(misses) / n),
        low: low.filter(|_| judged > 0),
        high: high.filter(|_| judged > 0),
        n: judged,
        // What would come up at least once with probability 0.8.
        mde: (judged > 0).then(|| 1.0 - (1.0 - crate::gate::POWER).powf(1.0 / n)),
        method: if judged > 0 {
            Method::ClopperPearson
        } else {
            Method::None
        },
        unit: Unit::Share,
        ..blank(weighed, verdict, reason)
    }
}

/// Whether the client spoiled what the gate asks about.
fn is_spoiled(gate: &Gate, collector: &Collector, target: usize, facts: &RunFacts) -> bool {
    let series = collector
        .overall
        .get(target)
        .and_then(|tasks| tasks.get(gate.task_index));
    let named = series.and_then(|series| series.series(&gate.metric));
    named.is_some_and(|named| named.pillar == Pillar::Performance && facts.spoils(&named.series))
}

/// What pairs say that were drawn one by one, in the place of what they say at a number that was fixed before.
fn drawn_contrast(found: AgainstBaseline, drawn: Option<(Evidence, f64)>) -> AgainstBaseline {
    let Some((drawn, p_missed)) = drawn else {
        return found;
    };
    AgainstBaseline {
        evidence: ContrastEvidence {
            low: drawn.low,
            high: drawn.high,
            p_fail: drawn.p_fail,
            p_pass: Some(p_missed.min(1.0)),
            mde: drawn.mde,
            method: drawn.method,
            n: drawn.n,
            ..found.evidence
        },
        note: (drawn.n > 0).then(|| format!("decided case by case, on {} pairs", drawn.n)),
        ..found
    }
}

/// Evidence of a gate that was decided while its task was asked, or that could have been.
fn drawn_evidence(
    gate_index: usize,
    gate: &Gate,
    bound: Bound,
    collector: &Collector,
    target: usize,
) -> Option<Evidence> {
    let sequential = collector.sequential.as_ref()?;
    let drawn = sequential.evidence(gate_index, gate, target)?;
    if !sequential.is_derived(gate_index, gate, target) {
        return Some(drawn);
    }
    // The draws decided on cost − limit × success; what people read is the ratio, whose own bounds know of no stop.
    let ratio = evidence_for(gate, bound, collector, target);
    let limit = bound.limit();
    let is_passed = drawn.verdict(
        match bound {
            Bound::AtLeast(_) => Bound::AtLeast(0.0),
            Bound::AtMost(_) => Bound::AtMost(0.0),
        },
        gate.risk,
        None,
    ) == Verdict::Pass;
    let (low, high) = match bound {
        Bound::AtLeast(_) => (is_passed.then_some(limit), None),
        Bound::AtMost(_) => (None, is_passed.then_some(limit)),
    };
    Some(Evidence {
        value: ratio.value,
        low,
        high,
        ..drawn
    })
}

fn evidence_for(gate: &Gate, bound: Bound, collector: &Collector, target: usize) -> Evidence {
    let series = match &gate.slice {
        None => collector
            .overall
            .get(target)
            .and_then(|tasks| tasks.get(gate.task_index)),
        Some(slice) => collector
            .slices
            .get(&(to_u16(target), to_u16(gate.task_index)))
            .and_then(|slices| slices.get(slice)),
    };
    let Some(series) = series else {
        return Evidence::none();
    };
    if gate.metric == COST_PER_SUCCESS {
        return series
            .cost_per_success
            .as_ref()
            .map_or_else(Evidence::none, |sums| weigh_ratio(sums, bound, gate.risk));
    }
    series.series(&gate.metric).map_or_else(Evidence::none, |named| {
        weigh(&named.series, gate.statistic, bound, gate.risk)
    })
}

fn weigh_ratio(sums: &CostPerSuccess, bound: Bound, risk: f64) -> Evidence {
    let Some(estimate) = cost_per_success(sums) else {
        return Evidence::none();
    };
    let Some(value) = estimate.value else {
        return Evidence {
            n: estimate.n,
            ..Evidence::none()
        };
    };
    // "Cost ≤ limit × success" is linear, so the gate tests the mean of cost − limit × success against zero; the bounds are
    // the limits at which that test turns.
    let (sums, limit) = (sums.units(), bound.limit());
    let mean = (sums.y - limit * sums.x) / sums.n;
    let squares = limit.mul_add(limit * sums.xx - 2.0 * sums.xy, sums.yy);
    let interval = bounds::ratio_interval(&sums, risk.min(0.499));
    Evidence {
        value: Some(value),
        low: interval.map(|(low, _)| low),
        high: interval.and_then(|(_, high)| high),
        p_fail: bounds::p_of_mean_beyond(mean, squares, sums.n, bound),
        mde: None,
        method: Method::Fieller,
        n: estimate.n,
    }
}

fn reason_of(
    risk: f64,
    bound: Bound,
    evidence: &Evidence,
    verdict: Verdict,
    adjusted: Option<f64>,
) -> String {
    let confidence = (1.0 - risk) * 100.0;
    let limit = bound.limit();
    let (side, end) = match bound {
        Bound::AtLeast(_) => ("lower", evidence.low),
        Bound::AtMost(_) => ("upper", evidence.high),
    };
    match verdict {
        _ if evidence.n == 0 => "there is no value to judge".to_owned(),
        Verdict::Pass => match end {
            Some(end) => {
                let confidence = format!("{confidence:.4}%").replace(".0000%", "%");
                let end = if end == 0.0 || end.abs() >= 0.01 {
                    format!("{end:.4}")
                } else {
                    short(end)
                };
                format!("{side} {confidence} bound {end} meets {limit}")
            }
            None => format!("meets {limit}"),
        },
        Verdict::Fail => match adjusted {
            Some(p) => format!("p = {p:.2e} that {limit} is met (Holm-adjusted), risk {risk}"),
            None => format!("misses {limit}"),
        },
        Verdict::Inconclusive => {
            let wanted = evidence.value.map_or_else(String::new, |value| {
                needed(value - bound.limit(), evidence.mde, evidence.n)
            });
            let visible = evidence.mde.map(|mde| {
                format!(
                    "; with n = {} a distance of {} from the limit is visible",
                    evidence.n,
                    short(mde)
                )
            });
            format!("neither shown{}{}", visible.unwrap_or_default(), wanted)
        }
    }
}

/// A number of any size with three digits that say something: money is often a small part of one.
fn short(x: f64) -> String {
    if x == 0.0 || x.abs() >= 0.01 {
        format!("{x:.3}")
    } else {
        format!("{x:.2e}")
    }
}

/// The n that would decide if the distance from the limit stayed as it is: what is visible shrinks with the square root of
/// n. Empty where that is not known.
fn needed(distance: f64, mde: Option<f64>, n: u64) -> String {
    let distance = distance.abs();
    let Some(mde) = mde.filter(|mde| distance > 0.0 && *mde > distance) else {
        return String::new();
    };
    let needed = ((mde / distance).powi(2) * to_f64(n)).ceil();
    if needed < 1e9 {
        format!(", about n = {needed} would decide")
    } else {
        String::new()
    }
}

/// Fail before inconclusive before pass.
pub(crate) fn overall_verdict(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.fold(Verdict::Pass, |so_far, verdict| match (so_far, verdict) {
        (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
        (Verdict::Inconclusive, _) | (_, Verdict::Inconclusive) => Verdict::Inconclusive,
        _ => Verdict::Pass,
    })
}

pub(crate) fn to_u16(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
