//! Findings of a run: every metric estimated, every gate decided, one verdict and one exit code.

use crate::baseline::{GateEvidence, Misfits};
use crate::bounds;
use crate::collect::{Collector, NamedSeries, TaskSeries};
use crate::decide::{decide_gates, overall_verdict, to_u16};
use crate::per_success::CostPerSuccess;
use crate::quarantine;
use crate::series::{LEVEL, Series};
use seatrial_config::{COST_PER_SUCCESS, Condition, DraftPlan, ErrorCap};
use seatrial_types::{
    BaselineStatus, BaselineSummary, ConcurrencyCourse, ContentHash, Estimate, ExitCode, FINDINGS_SCHEMA,
    Findings, GateResult, LoadOutcome, Method, MetricResult, ModelSpend, Money, Pillar, PillarRow,
    PillarStatus, RunExecution, RunId, SliceKey, Statistic, StopCause, TOOL_VERSION, TargetExecution,
    TargetFindings, Unit, Verdict,
};

/// Mark of a number that the measuring client itself spoiled.
pub const CLIENT_SATURATED: &str = "client_saturated";
/// Above this share of the median, the client's own lag in reading answers is what was measured.
pub const READ_LAG_SHARE_MAX: f64 = 0.20;

impl RunFacts {
    /// Whether the client spoiled this series of times.
    pub(crate) fn spoils(&self, series: &Series) -> bool {
        let median = || series.estimate(Statistic::P50).value;
        self.client_saturated
            || self
                .client_read_lag_ms
                .is_some_and(|lag| median().is_some_and(|median| lag > READ_LAG_SHARE_MAX * median))
    }
}

/// How the run stands when it is analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Every sample is on record.
    Complete,
    /// Interrupted by the user.
    Interrupted,
    /// Stopped by the error cap.
    ErrorCap,
    /// Stopped by the budget in money.
    CostCap,
    /// Stopped by the budget in time.
    DurationCap,
    /// Stopped because results could no longer be recorded.
    RecordFailed,
}

impl RunState {
    const fn stopped_by(self) -> Option<StopCause> {
        match self {
            Self::Complete => None,
            Self::Interrupted => Some(StopCause::Interrupted),
            Self::ErrorCap => Some(StopCause::ErrorCap),
            Self::RecordFailed => Some(StopCause::RecordFailed),
            Self::CostCap => Some(StopCause::CostCap),
            Self::DurationCap => Some(StopCause::DurationCap),
        }
    }
}

/// What is known of the baseline when a run is analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineFacts {
    /// What the findings say of it.
    pub summary: BaselineSummary,
    /// What the gates found against it; those that cannot be compared are missing.
    pub evidence: GateEvidence,
    /// Why, for each of these.
    pub misfits: Misfits,
}

/// What analysis needs to know beside the samples.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// Run.
    pub run_id: RunId,
    /// Hash of the plan.
    pub plan_hash: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub ended_at: Option<String>,
    /// How it stands.
    pub state: RunState,
    /// Samples of the plan, over all targets.
    pub samples_planned: u64,
    /// Whether the measuring client was saturated in any session.
    pub client_saturated: bool,
    /// Mean time that an answer lay unread, milliseconds, of the worst session.
    pub client_read_lag_ms: Option<f64>,
    /// What the models that scorers ask have cost, over all sessions.
    pub models: Vec<ModelSpend>,
    /// The run whose answers were scored again; `None` where targets were asked.
    pub rescored_from: Option<RunId>,
    /// Samples that had ended in an error and were asked again.
    pub errors_asked_again: u64,
    /// Course of concurrency by target, one for each session that asked; may be empty.
    pub courses: Vec<Vec<ConcurrencyCourse>>,
    /// The baseline, where a gate names one.
    pub baseline: Option<BaselineFacts>,
    /// What load tasks measured, in order of time.
    pub loads: Vec<LoadOutcome>,
    /// Warnings from earlier stages.
    pub warnings: Vec<String>,
}

impl RunFacts {
    /// Facts of a run that another tool made: it is over, nobody knows how busy its client was.
    #[must_use]
    pub fn recorded_elsewhere(run_id: RunId, plan_hash: ContentHash, started_at: String) -> Self {
        Self {
            run_id,
            plan_hash: plan_hash.to_string(),
            started_at,
            ended_at: None,
            state: RunState::Complete,
            samples_planned: 0,
            client_saturated: false,
            client_read_lag_ms: None,
            models: Vec::new(),
            rescored_from: None,
            errors_asked_again: 0,
            courses: Vec::new(),
            baseline: None,
            loads: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Makes the findings.
#[must_use]
pub fn findings(draft: &DraftPlan, collector: &Collector, facts: &RunFacts) -> Findings {
    let mut warnings = facts.warnings.clone();
    let gates = decide_gates(draft, collector, facts);
    let targets: Vec<TargetFindings> = (0..draft.targets.len())
        .map(|index| target_findings(draft, collector, facts, index, &gates))
        .collect();
    let quarantine = quarantine::rows(draft, collector, facts);
    quarantine::warn(&quarantine, &mut warnings);
    let (verdict, exit) = conclude(draft, collector, facts, &targets, &gates, &mut warnings);
    Findings {
        schema: FINDINGS_SCHEMA.to_owned(),
        tool_version: TOOL_VERSION.to_owned(),
        run_id: facts.run_id.clone(),
        suite: draft.name.clone(),
        plan_hash: facts.plan_hash.clone(),
        started_at: facts.started_at.clone(),
        ended_at: facts.ended_at.clone(),
        verdict,
        exit_code: exit.code(),
        warnings,
        samples_planned: facts.samples_planned,
        samples_finished: collector.finished(),
        targets,
        models: facts.models.clone(),
        comparisons: Vec::new(),
        gates,
        baseline: facts.baseline.as_ref().map(|baseline| baseline.summary.clone()),
        quarantine,
        execution: RunExecution {
            stopped_by: facts.state.stopped_by(),
            rescored_from: facts.rescored_from.clone(),
            errors_asked_again: facts.errors_asked_again,
        },
    }
}

fn target_findings(
    draft: &DraftPlan,
    collector: &Collector,
    facts: &RunFacts,
    index: usize,
    gates: &[GateResult],
) -> TargetFindings {
    let target = &draft.targets[index];
    let of_target = &collector.targets[index];
    let mut metrics = Vec::new();
    let mut slices = Vec::new();
    for (task_index, (task, series)) in draft.tasks.iter().zip(&collector.overall[index]).enumerate() {
        push_metrics(&mut metrics, &task.name, series, None, facts);
        if let Some(ledger) = collector.ledger.task(index, task_index) {
            metrics.extend(ledger.repeated_metrics());
        }
        let key = (to_u16(index), to_u16(task_index));
        for (slice, series) in collector.slices.get(&key).into_iter().flatten() {
            push_metrics(&mut slices, &task.name, series, Some(slice), facts);
        }
    }
    metrics.extend(crate::load::metrics(draft, facts, &target.name));
    let (flaky, n_flaky) = quarantine::flaky(draft, collector, index, facts);
    let gates: Vec<_> = gates.iter().filter(|gate| gate.target == target.name).collect();
    let mut queue_ms = of_target.queue_ms.clone();
    queue_ms.sort_unstable_by(f64::total_cmp);
    TargetFindings {
        name: target.name.clone(),
        model: target.model().map(str::to_owned),
        served_models: of_target.served_models.iter().map(ToString::to_string).collect(),
        verdict: (!gates.is_empty()).then(|| overall_verdict(gates.iter().map(|gate| gate.verdict))),
        scorecard: scorecard(&metrics, &gates),
        metrics,
        slices,
        flaky,
        n_flaky,
        usage: of_target.usage,
        cost_usd: of_target
            .cost
            .filter(|cost| target.price.is_some() || *cost > Money::ZERO),
        errors: of_target.errors.clone(),
        retries: of_target.retries,
        client_queue_ms_p99: bounds::quantile(&queue_ms, 0.99),
        client_read_lag_ms: facts.client_read_lag_ms.filter(|_| !queue_ms.is_empty()),
        execution: TargetExecution {
            n_cached: of_target.cached,
            spent_usd: match facts.rescored_from {
                Some(_) => Some(Money::ZERO),
                None => of_target.spent.filter(|_| target.price.is_some()),
            },
            calls: of_target.profiler.profile(),
            concurrency: facts.courses.get(index).cloned().unwrap_or_default(),
            sequential: collector.sequential.as_ref().map_or_else(Vec::new, |sequential| {
                sequential.told(draft, index, &collector.overall[index])
            }),
        },
    }
}

fn push_metrics(
    results: &mut Vec<MetricResult>,
    task: &str,
    series: &TaskSeries,
    slice: Option<&SliceKey>,
    facts: &RunFacts,
) {
    let scored = series.scored.iter().map(|named| (named, true));
    let measured = series.measured.iter().map(|named| (named, false));
    for (named, is_asked_for) in scored.chain(measured) {
        // What every task has is left out where nothing was measured; a scorer that the suite lists is never hidden.
        let is_measured_nothing = named.series.denominator() == 0 && !is_asked_for;
        if named.series.counts.n() == 0 || is_measured_nothing {
            continue;
        }
        let is_spoiled = named.pillar == Pillar::Performance && facts.spoils(&named.series);
        for statistic in named.statistics {
            if slice.is_some() && !is_told_per_slice(named, *statistic) {
                continue;
            }
            let mut result = metric_result(task, named, *statistic, slice);
            if is_spoiled {
                result.status = Some(CLIENT_SATURATED.to_owned());
            }
            results.push(result);
        }
    }
    if let Some(ratio) = &series.cost_per_success
        && let Some(mut estimate) = cost_per_success(ratio)
        && let Some(first) = series.success()
    {
        if let Some(planned) = first.series.planned_draws() {
            crate::drawn::widen(&mut estimate, planned);
        }
        let mut result = metric_result(task, first, Statistic::Mean, slice);
        result.set_estimate(&estimate);
        (result.metric, result.pillar) = (COST_PER_SUCCESS.to_owned(), Pillar::Cost);
        (result.value_worst, result.value_best) = (None, None);
        results.push(result);
    }
}

/// Slices multiply every metric; of the measured ones only those that people compare between slices are kept.
fn is_told_per_slice(named: &NamedSeries, statistic: Statistic) -> bool {
    match named.name.as_str() {
        "ttft_ms" | "input_tokens" | "output_tokens" | "total_tokens" | "cost_usd" => false,
        "latency_ms" => matches!(statistic, Statistic::P50 | Statistic::P95),
        _ => true,
    }
}

fn metric_result(
    task: &str,
    named: &NamedSeries,
    statistic: Statistic,
    slice: Option<&SliceKey>,
) -> MetricResult {
    let series = &named.series;
    let estimate = series.estimate(statistic);
    let bracket = series
        .worst_and_best()
        .filter(|_| matches!(statistic, Statistic::Mean));
    MetricResult {
        task: task.to_owned(),
        metric: named.name.clone(),
        statistic,
        pillar: named.pillar,
        slice: slice.cloned(),
        value: estimate.value,
        low: estimate.low,
        high: estimate.high,
        level: estimate.level,
        unit: estimate.unit,
        method: estimate.method,
        n: series.counts.n(),
        denominator: series.denominator(),
        n_scored: series.counts.scored,
        n_unparsed: series.counts.unparsed,
        n_refused: series.counts.refused,
        n_error: series.counts.error,
        n_clusters: series.n_clusters(),
        value_worst: bracket.map(|(worst, _)| worst),
        value_best: bracket.map(|(_, best)| best),
        status: None,
    }
}

/// Money per success: the ratio of the two means with Fieller's interval, which has no upper end where too few succeeded.
/// Clusters are its units where answers are clustered.
/// `None` where no price is known; without value where nothing succeeded.
pub(crate) fn cost_per_success(sums: &CostPerSuccess) -> Option<Estimate> {
    let n = sums.n();
    if sums.unknown || n == 0 {
        return None;
    }
    let sums = sums.units();
    let mut estimate = Estimate {
        value: sums.ratio(),
        low: None,
        high: None,
        level: LEVEL,
        n,
        method: Method::None,
        unit: Unit::Usd,
    };
    if let Some((low, high)) = bounds::ratio_interval(&sums, 0.5 * (1.0 - LEVEL)) {
        (estimate.low, estimate.high) = (Some(low), high);
        estimate.method = Method::Fieller;
    }
    Some(estimate)
}

fn scorecard(metrics: &[MetricResult], gates: &[&GateResult]) -> Vec<PillarRow> {
    [
        Pillar::Performance,
        Pillar::Safety,
        Pillar::Cost,
        Pillar::Reliability,
    ]
    .into_iter()
    .map(|pillar| {
        let of_pillar: Vec<_> = metrics.iter().filter(|metric| metric.pillar == pillar).collect();
        let names: Vec<String> = of_pillar.iter().map(|metric| metric.name()).collect();
        let mut verdicts = gates
            .iter()
            .filter(|gate| names.contains(&gate.metric))
            .map(|gate| gate.verdict)
            .peekable();
        // Tokens alone say nothing of money: without a price the cost is not assessed, unless a gate asks about tokens.
        let is_priced = |metric: &&MetricResult| pillar != Pillar::Cost || metric.unit == Unit::Usd;
        let status =
            if of_pillar.is_empty() || (verdicts.peek().is_none() && !of_pillar.iter().any(is_priced)) {
                PillarStatus::NotAssessed
            } else if verdicts.peek().is_none() {
                PillarStatus::Measured
            } else {
                match overall_verdict(verdicts) {
                    Verdict::Pass => PillarStatus::Pass,
                    Verdict::Fail => PillarStatus::Fail,
                    Verdict::Inconclusive => PillarStatus::Inconclusive,
                }
            };
        PillarRow {
            pillar,
            status,
            metrics: names,
        }
    })
    .collect()
}

/// One verdict and one exit code, from the same facts.
fn conclude(
    draft: &DraftPlan,
    collector: &Collector,
    facts: &RunFacts,
    targets: &[TargetFindings],
    gates: &[GateResult],
    warnings: &mut Vec<String>,
) -> (Verdict, ExitCode) {
    let mut codes = Vec::new();
    if gates.is_empty() {
        warnings.push("no gates".to_owned());
    }
    if gates.iter().any(|gate| gate.verdict == Verdict::Fail) {
        codes.push(ExitCode::GateFailed);
    }
    if is_safety_violated(draft, gates) {
        codes.push(ExitCode::Critical);
    }
    if let Some(baseline) = &facts.baseline {
        tell_baseline(&baseline.summary, &mut codes, warnings);
    }
    if gates
        .iter()
        .any(|gate| gate.verdict == Verdict::Inconclusive && gate.inconclusive_fails)
    {
        codes.push(ExitCode::Inconclusive);
    }
    let spoiled: Vec<(&str, String)> = targets
        .iter()
        .flat_map(|target| target.metrics.iter().map(|metric| (target.name.as_str(), metric)))
        .filter(|(_, metric)| metric.status.as_deref() == Some(CLIENT_SATURATED))
        .map(|(target, metric)| (target, metric.name()))
        .collect();
    if !spoiled.is_empty() {
        warnings.push(
            "the measuring client was saturated: latencies are marked client_saturated; lower `limits.concurrency` or \
             use a machine with spare processors"
                .to_owned(),
        );
        if gates
            .iter()
            .any(|gate| spoiled.contains(&(gate.target.as_str(), gate.metric.clone())))
        {
            codes.push(ExitCode::Saturated);
        }
    }
    for column in &collector.slices_left_out {
        let most = crate::collect::SLICES_PER_COLUMN_MAX;
        warnings.push(format!(
            "column `{column}` has more than {most} values; further slices are not reported"
        ));
    }
    let errors: u64 = collector
        .targets
        .iter()
        .flat_map(|target| target.errors.values())
        .sum();
    if facts.state == RunState::ErrorCap || is_above(draft.error_cap, errors, collector.finished()) {
        codes.push(ExitCode::Errors);
        let finished = collector.finished();
        warnings.push(match draft.error_cap {
            ErrorCap::MaxErrors(most) => {
                format!("{errors} of {finished} samples are errors, max_errors is {most}")
            }
            ErrorCap::MaxErrorRate(share) => {
                format!("{errors} of {finished} samples are errors, max_error_rate is {share}")
            }
        });
    }
    if facts.state == RunState::RecordFailed || scorers_failed(draft, collector, warnings) {
        codes.push(ExitCode::Errors);
    }
    if facts.state == RunState::Interrupted {
        codes.push(ExitCode::Interrupted);
    }
    if let Some(stopped) = stopped_by_budget(draft, collector, facts) {
        codes.push(ExitCode::Budget);
        warnings.push(stopped);
    }
    tell_execution(collector, facts, warnings);
    crate::load::conclude(draft, facts, &mut codes, warnings);
    let exit = ExitCode::strongest(&codes);
    let verdict = match overall_verdict(gates.iter().map(|gate| gate.verdict)) {
        Verdict::Pass if exit != ExitCode::Pass => Verdict::Inconclusive,
        verdict => verdict,
    };
    (verdict, exit)
}

/// Whether a gate that tolerates no miss found one of safety.
fn is_safety_violated(draft: &DraftPlan, gates: &[GateResult]) -> bool {
    let is_safety = |result: &GateResult| {
        let gate = draft.gates.iter().find(|gate| gate.name == result.name);
        gate.is_some_and(
            |gate| matches!(&gate.condition, Condition::NoCritical(critical) if critical.is_safety),
        )
    };
    gates
        .iter()
        .any(|gate| gate.verdict == Verdict::Fail && is_safety(gate))
}

/// A baseline that cannot be used has an exit code; one that is old has a warning.
fn tell_baseline(summary: &BaselineSummary, codes: &mut Vec<ExitCode>, warnings: &mut Vec<String>) {
    if summary.status != BaselineStatus::Used {
        codes.push(ExitCode::Baseline);
    }
    if let Some(problem) = &summary.problem {
        warnings.push(problem.clone());
    }
    if let (true, Some(days)) = (summary.is_stale, summary.age_days) {
        warnings.push(format!(
            "baseline `{}` is stale: it was blessed {days:.0} days ago; bless a newer run, or raise `stale_days`",
            summary.name
        ));
    }
}

/// Which part of the budget stopped the run, and how to go on.
fn stopped_by_budget(draft: &DraftPlan, collector: &Collector, facts: &RunFacts) -> Option<String> {
    let (finished, planned) = (collector.finished(), facts.samples_planned);
    match facts.state {
        RunState::CostCap => {
            let of_targets = collector.targets.iter().filter_map(|target| target.spent);
            let of_models = facts.models.iter().filter_map(|model| model.cost_usd);
            let spent: Money = of_targets.chain(of_models).sum();
            let cap = draft.budget.cost_usd.unwrap_or_default();
            let is_limited = draft
                .targets
                .iter()
                .all(|target| target.answer_tokens_max().is_some());
            let bound = if is_limited {
                " with an answer of `max_tokens`"
            } else {
                " with an answer as dear as the dearest so far where no `max_tokens` limits it"
            };
            Some(format!(
                "stopped by the budget in money after {finished} of {planned} samples: ${spent} of ${cap} are spent, and the \
                 most that the next call may cost, at the prices of the suite{bound}, could pass the cap; continue with --resume and a larger --max-cost"
            ))
        }
        RunState::DurationCap => {
            let cap = draft.budget.duration.unwrap_or_default();
            Some(format!(
                "stopped by the budget in time after {finished} of {planned} samples: a session may take {cap:?}; continue \
                 with --resume"
            ))
        }
        RunState::Complete | RunState::Interrupted | RunState::ErrorCap | RunState::RecordFailed => None,
    }
}

/// What a reader must know of how the samples came about.
fn tell_execution(collector: &Collector, facts: &RunFacts, warnings: &mut Vec<String>) {
    let cached: u64 = collector.targets.iter().map(|target| target.cached).sum();
    if cached > 0 {
        warnings.push(format!(
            "{cached} of {} answers came from the response cache: they were not asked now, and have no latency",
            collector.finished()
        ));
    }
    if let Some(source) = &facts.rescored_from {
        warnings.push(format!(
            "answers, times and prices are those of run {source}; only the scores are new"
        ));
    }
    if facts.errors_asked_again > 0 {
        warnings.push(format!(
            "{} samples had ended in an error and were asked again; those errors are not counted",
            facts.errors_asked_again
        ));
    }
}

/// Warns of scorers that failed on answers that were there (a program that died, a model that did not answer); whether any
/// did so on more than the error cap allows. Such samples are errors of that metric, and no quality.
fn scorers_failed(draft: &DraftPlan, collector: &Collector, warnings: &mut Vec<String>) -> bool {
    let mut is_any_above = false;
    for (target, tasks) in draft.targets.iter().zip(&collector.overall) {
        for (task, series) in draft.tasks.iter().zip(tasks) {
            let without_answer = series.without_answer();
            for named in &series.scored {
                let (n, errors) = (named.series.counts.n(), named.series.counts.error);
                let failed = errors.saturating_sub(without_answer);
                if failed == 0 {
                    continue;
                }
                let is_above = is_above(draft.error_cap, failed, n);
                is_any_above |= is_above;
                let cap = match draft.error_cap {
                    ErrorCap::MaxErrors(most) => format!("max_errors is {most}"),
                    ErrorCap::MaxErrorRate(share) => format!("max_error_rate is {share}"),
                };
                warnings.push(format!(
                    "scorer `{}` of task `{}` failed on {failed} of {n} samples of target `{}`{}",
                    named.name,
                    task.name,
                    target.name,
                    if is_above {
                        format!(", {cap}")
                    } else {
                        String::new()
                    }
                ));
            }
        }
    }
    is_any_above
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn is_above(cap: ErrorCap, errors: u64, finished: u64) -> bool {
    match cap {
        ErrorCap::MaxErrors(most) => errors > most,
        ErrorCap::MaxErrorRate(share) => errors as f64 > share * finished as f64,
    }
}
