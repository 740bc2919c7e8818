//! `seatrial plan`: what a suite will take and what its gates will be able to see, before any call is made.

use crate::args::PlanArguments;
use crate::baselines::{self, BaselinesAt};
use crate::error::CliError;
use crate::materials;
use crate::output;
use crate::preflight;
use crate::session::{Resume, Session};
use crate::wiring;
use seatrial_analyse::design::{GateDesign, PlannedGate, design};
use seatrial_analyse::programme::{Circumstances, Phase, programme, total_usd};
use seatrial_analyse::{Forecast, forecast};
use seatrial_config::{Against, Condition, Gate, Margin};
use seatrial_engine::FinishedSet;
use seatrial_provider::Clock;
use seatrial_report::format;
use seatrial_stats::dist;
use seatrial_store::{Catalog, SqliteStore};
use seatrial_task::{Plan, TaskScorers};
use seatrial_types::{
    Estimate, ExitCode, Findings, Method, MetricKind, MetricResult, SliceKey, Statistic, TOOL_VERSION, Unit,
};
use serde_json::{Value, json};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// Difference that is asked about where the user states none, for shares.
const DIFFERENCE_OF_SHARES: f64 = 0.05;
/// Newest runs that are looked at for the spread of a metric.
const RUNS_LOOKED_AT_MAX: usize = 20;

pub(crate) fn plan(arguments: &PlanArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let (draft, warnings) = seatrial_config::read_suite(&arguments.suite, &wiring::vocabulary())
        .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
    let scorers = wiring::scorers(&draft, &Clock::start(), None)?;
    let mut session = Session {
        draft,
        warnings: warnings.iter().map(ToString::to_string).collect(),
        suite_path: Some(arguments.suite.display().to_string()),
        store: arguments.store.store.clone(),
        resume: Resume::No,
        retry_errors: false,
        ca_file: None,
        baselines: BaselinesAt::of(&arguments.baseline),
    };
    // Datasets are looked at as for a run; those of a hub are fetched, which asks no model.
    let _materials = materials::gather(&mut session)?;
    let plan = seatrial_task::freeze(session.draft, &scorers).map_err(CliError::usage)?;
    let baseline = baselines::for_plan(&plan, &session.baselines)?;
    // A record that is not there, or cannot be read, is as good as none: nothing is written here.
    let store = SqliteStore::open_read_only(&arguments.store.store).ok();
    let questions = preflight::questions(store.as_ref(), &plan, &FinishedSet::empty(&plan));
    let outlook = Outlook {
        forecast: forecast(&questions),
        gates: gates(arguments, &plan, store.as_ref())?,
        scorer_calls: scorer_calls(&plan, &scorers),
    };
    let mut warnings = session.warnings;
    warnings.extend(baseline.and_then(|baseline| baseline.problem("RUN")));
    warnings.extend(
        outlook
            .gates
            .iter()
            .filter(|gate| gate.can_never_pass())
            .map(never_passes),
    );
    let phases = arguments.programme.then(|| {
        let circumstances = Circumstances {
            questions,
            cases: plan.tasks.iter().map(|task| u64::from(task.cases)).sum(),
            has_judge: !outlook.scorer_calls.is_empty(),
            difference: arguments.difference.unwrap_or(DIFFERENCE_OF_SHARES).min(0.99),
            expected_share: arguments.expected,
            traffic_per_day: arguments.traffic,
            minutes_per_label: arguments.label_minutes,
            usd_per_label: arguments.label_usd,
        };
        programme(&circumstances, &outlook.gates)
    });
    let text = for_people(&plan, &outlook, phases.as_deref(), &warnings);
    let takes_stdout = arguments.json.as_deref().is_some_and(output::is_stdout);
    if takes_stdout {
        output::stderr(&text);
    } else {
        output::stdout(&text)?;
    }
    if let Some(path) = &arguments.json {
        let told = for_programs(&plan, &outlook, phases.as_deref(), &warnings);
        let told = serde_json::to_string_pretty(&told).map_err(CliError::infrastructure)? + "\n";
        if takes_stdout {
            output::stdout(&told)?;
        } else {
            output::write_whole(path, &told)?;
        }
    }
    Ok(ExitCode::Pass)
}

/// What is known before the run.
struct Outlook {
    forecast: Forecast,
    gates: Vec<GateDesign>,
    /// Calls that scorers make, by model.
    scorer_calls: BTreeMap<String, u64>,
}

fn never_passes(gate: &GateDesign) -> String {
    format!(
        "gate `{}` for {} can never pass: it needs {} independent answers, the plan has {}",
        gate.gate,
        gate.target,
        gate.n_to_pass.unwrap_or(0),
        gate.n_independent
    )
}

/// Every gate for every target that it is asked of.
fn gates(
    arguments: &PlanArguments,
    plan: &Plan,
    store: Option<&SqliteStore>,
) -> Result<Vec<GateDesign>, CliError> {
    let mut of_slices = SliceCounts::default();
    let past = store.map(|store| past_findings(store, plan)).unwrap_or_default();
    let mut designs = Vec::new();
    for gate in &plan.draft.gates {
        let (Some(task), Some(planned)) = (
            plan.draft.tasks.get(gate.task_index),
            plan.tasks.get(gate.task_index),
        ) else {
            continue;
        };
        let cases = match &gate.slice {
            None => u64::from(planned.cases),
            Some(slice) => of_slices.count(plan, gate.task_index, slice)?,
        };
        let mut metrics = task.scorers.iter().flat_map(|scorer| &scorer.metrics);
        let kind = match metrics.find(|metric| metric.name == gate.metric) {
            Some(metric) => metric.kind,
            None if gate.unit == Unit::Share => MetricKind::Binary,
            None => MetricKind::Real,
        };
        let margin = match &gate.condition {
            Condition::Baseline(Against {
                margin: Margin::Absolute(margin),
                ..
            }) => Some(*margin).filter(|margin| *margin > 0.0),
            _ => None,
        };
        let difference = arguments
            .difference
            .or(margin)
            .or_else(|| (kind != MetricKind::Real).then_some(DIFFERENCE_OF_SHARES));
        for target in &plan.draft.targets {
            if gate.target.as_ref().is_none_or(|wanted| *wanted == target.name) {
                let planned = PlannedGate {
                    gate,
                    target: &target.name,
                    kind,
                    n: cases.saturating_mul(u64::from(task.epochs)),
                    n_independent: cases,
                    spread: past
                        .iter()
                        .find_map(|findings| spread(findings, &target.name, gate)),
                };
                designs.push(design(&planned, difference));
            }
        }
    }
    Ok(designs)
}

/// Cases of every slice that a gate asks about, counted by reading the dataset once more.
#[derive(Default)]
struct SliceCounts(HashMap<usize, HashMap<SliceKey, u64>>);

impl SliceCounts {
    fn count(&mut self, plan: &Plan, task_index: usize, slice: &SliceKey) -> Result<u64, CliError> {
        let counts = match self.0.entry(task_index) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(count_slices(plan, task_index)?),
        };
        Ok(counts.get(slice).copied().unwrap_or(0))
    }
}

fn count_slices(plan: &Plan, task_index: usize) -> Result<HashMap<SliceKey, u64>, CliError> {
    let mut counts: HashMap<SliceKey, u64> = HashMap::new();
    if let Some(task) = plan.tasks.get(task_index) {
        for case in task.open_cases().map_err(CliError::usage)? {
            let (_, case) = case.map_err(CliError::usage)?;
            for key in task.slices_of(&case) {
                *counts.entry(key).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

/// Findings of runs of this suite, newest first, those of the same plan before others.
fn past_findings(store: &SqliteStore, plan: &Plan) -> Vec<Findings> {
    let runs = store.runs(RUNS_LOOKED_AT_MAX).unwrap_or_default();
    let (same, others): (Vec<_>, Vec<_>) = runs
        .into_iter()
        .filter(|run| run.header.suite == plan.draft.name)
        .partition(|run| run.header.plan_hash == plan.hash);
    let runs = same.into_iter().chain(others);
    runs.filter_map(|run| serde_json::from_str(&store.findings(&run.header.id).ok()??).ok())
        .collect()
}

/// Standard deviation of one value, back from the interval of its mean.
fn spread(findings: &Findings, target: &str, gate: &Gate) -> Option<f64> {
    let found = findings.targets.iter().find(|found| found.name == target)?;
    let is_asked = |metric: &&MetricResult| {
        metric.task == gate.task && metric.metric == gate.metric && metric.statistic == Statistic::Mean
    };
    let metric = found.metrics.iter().find(is_asked)?;
    if metric.method != Method::StudentT || metric.denominator < 2 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let n = metric.denominator as f64;
    let half = 0.5 * (metric.high? - metric.low?);
    let sd = half / dist::t_isf(0.5 * (1.0 - metric.level), n - 1.0) * n.sqrt();
    (sd.is_finite() && sd > 0.0).then_some(sd)
}

/// Calls that scorers make of models of their own.
fn scorer_calls(plan: &Plan, scorers: &TaskScorers) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    let targets = plan.draft.targets.len() as u64;
    for ((task, planned), scorers) in plan.draft.tasks.iter().zip(&plan.tasks).zip(scorers) {
        // How many answers a load brings, only the load knows.
        if task.under_load {
            continue;
        }
        let samples = u64::from(planned.cases) * u64::from(task.epochs) * targets;
        for model in scorers.iter().filter_map(|scorer| scorer.asks()) {
            *calls.entry(model.to_owned()).or_default() += samples;
        }
    }
    calls
}

/// Load tasks with the targets that they load, and the calls that are known beforehand.
fn loads(plan: &Plan) -> impl Iterator<Item = Value> {
    plan.draft.loads.iter().flat_map(|load| {
        let targets = plan.draft.targets.iter().filter(|target| load.asks(&target.name));
        targets.map(|target| {
            json!({
                "task": load.name, "target": target.name, "calls": super::load::calls_of(load),
                "duration_s": load.duration.map(|duration| duration.as_secs_f64()),
            })
        })
    })
}

fn for_programs(plan: &Plan, outlook: &Outlook, phases: Option<&[Phase]>, warnings: &[String]) -> Value {
    let mut told = json!({
        "schema": "seatrial.plan/1", "tool_version": TOOL_VERSION, "exit_code": ExitCode::Pass.code(),
        "warnings": warnings, "suite": plan.draft.name, "plan_hash": plan.hash, "samples": plan.samples(),
        "forecast": outlook.forecast, "scorer_calls": outlook.scorer_calls, "gates": outlook.gates,
    });
    if !plan.draft.loads.is_empty() {
        told["loads"] = loads(plan).collect();
    }
    if let Some(phases) = phases {
        told["programme"] = json!({"phases": phases, "total_usd": total_usd(phases),
                                   "labels": phases.iter().map(|phase| phase.labels).sum::<u64>()});
    }
    told
}

fn for_people(plan: &Plan, outlook: &Outlook, phases: Option<&[Phase]>, warnings: &[String]) -> String {
    let mut text = format!(
        "plan of {}: {} samples, no call is made\n\n",
        plan.draft.name,
        plan.samples()
    );
    for target in &outlook.forecast.targets {
        let _ = writeln!(text, "{}", target.target);
        let _ = writeln!(text, "  calls       {}", target.calls);
        let quantities: [(&str, &Estimate); 4] = [
            ("tokens in", &target.input_tokens),
            ("tokens out", &target.output_tokens),
            ("cost", &target.cost_usd),
            ("time", &target.duration_ms),
        ];
        for (name, quantity) in quantities {
            let _ = writeln!(text, "  {name:<11} {}", preflight::quantity(quantity));
        }
    }
    for load in loads(plan) {
        let calls = load["calls"].as_u64().map_or_else(
            || "as many calls as it answers".to_owned(),
            |calls| format!("{calls} calls"),
        );
        let (task, target) = (&load["task"], &load["target"]);
        let _ = writeln!(
            text,
            "load task {task} on {target}: {calls}, which are not in the figures above"
        );
    }
    for (model, calls) in &outlook.scorer_calls {
        let _ = writeln!(
            text,
            "scorers ask {model} up to {calls} times; what that costs is not in the figures above"
        );
    }
    if !outlook.gates.is_empty() {
        let _ = writeln!(
            text,
            "\ngates, at {:.0}% power",
            100.0 * seatrial_analyse::gate::POWER
        );
    }
    outlook.gates.iter().for_each(|gate| gate_lines(&mut text, gate));
    if let Some(phases) = phases {
        phase_lines(&mut text, phases);
    }
    for warning in warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn gate_lines(text: &mut String, gate: &GateDesign) {
    let show = |number: f64| format::number(number, gate.unit);
    let slice = gate.slice.as_ref().map_or_else(String::new, |slice| {
        format!(" where {}={}", slice.column, slice.value)
    });
    let bound = gate.bound.replace('_', " ");
    let asked = match (gate.bound, gate.margin_share) {
        ("no_critical", _) => bound,
        ("at_least" | "at_most", _) => format!("{bound} {}", show(gate.limit)),
        (_, Some(share)) => format!("{bound} baseline by {:.4}%", share * 100.0).replace(".0000%", "%"),
        (_, None) if gate.limit == 0.0 => format!("{bound} baseline"),
        (_, None) => format!("{bound} baseline by {}", show(gate.limit)),
    };
    let _ = writeln!(text, "  {}  {}{slice} {asked}", gate.target, gate.metric);
    let visible = gate.mde.map_or_else(
        || format!("unknown ({})", gate.note),
        |mde| format!("{} from the limit", show(mde)),
    );
    let _ = writeln!(
        text,
        "      n {}, smallest visible difference {visible}",
        gate.n_independent
    );
    if let Some(difference) = gate.difference {
        let needed = match (gate.n_for_difference, gate.mde) {
            (Some(n), _) => format!("n {n}"),
            (None, Some(_)) => "more answers than can be planned".to_owned(),
            (None, None) => "unknown".to_owned(),
        };
        let _ = writeln!(text, "      to see {}: {needed}", show(difference));
    }
    if let Some(n) = gate.n_to_pass {
        let _ = writeln!(text, "      can pass from n {n}");
    }
}

fn phase_lines(text: &mut String, phases: &[Phase]) {
    let _ = writeln!(text, "\nprogramme until a release decision");
    for (number, phase) in (1..).zip(phases) {
        let _ = writeln!(text, "  {number}. {:<12} {}", phase.name, phase.purpose);
        if phase.calls > 0 {
            let _ = writeln!(
                text,
                "     {} calls, cost {}, time {}",
                phase.calls,
                preflight::quantity(&phase.calls_cost_usd),
                preflight::quantity(&phase.duration_ms)
            );
        }
        if phase.labels > 0 {
            let money = phase.labels_cost_usd.map_or_else(
                || "price unknown".to_owned(),
                |usd| format::number(usd, Unit::Usd),
            );
            let _ = writeln!(
                text,
                "     {} labels, {:.1} hours of people, {money}",
                phase.labels, phase.label_hours
            );
        }
        if let Some(interactions) = phase.interactions {
            let days = phase.traffic_days.map_or_else(
                || "days unknown without --traffic".to_owned(),
                |days| format!("{days:.1} days"),
            );
            let _ = writeln!(text, "     {interactions} interactions, {days}");
        }
        let _ = writeln!(text, "     {}", phase.command);
    }
    let total = total_usd(phases).map_or_else(
        || "unknown: a price, a size of answers or the price of labels is not known".to_owned(),
        |usd| format::number(usd, Unit::Usd),
    );
    let _ = writeln!(text, "  money in all  {total}");
}
