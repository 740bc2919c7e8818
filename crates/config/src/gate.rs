//! Gates: names resolved against tasks, metrics, targets and slices; limits checked against what the metric can be.

use crate::against;
use crate::diagnostics::{Location, shown};
use crate::nearest::{self, list};
use crate::plan::{Bound, Condition, Gate, Margin, OnInconclusive, Target, Task};
use crate::suite::Reader;
use crate::task::VARIANT_MARK;
use crate::value::share_hint;
use crate::yaml::{Entry, Node};
use seatrial_types::{MetricKind, Pillar, SliceKey, Statistic, Unit};
use std::collections::HashMap;

/// Risk of a gate that gives none.
pub const DEFAULT_RISK: f64 = 0.05;

/// A metric that every task has, whatever its scorers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunMetric {
    /// Name.
    pub name: &'static str,
    /// Unit of its value.
    pub unit: Unit,
    /// Pillar that it speaks for.
    pub pillar: Pillar,
    /// Which summaries of it there are.
    pub statistics: &'static [Statistic],
    /// What it is, in one line.
    pub what: &'static str,
}

/// Metric that is a ratio: the money of all answers by the successes among them.
pub const COST_PER_SUCCESS: &str = "cost_per_success_usd";

const TIMES: &[Statistic] = &[Statistic::P50, Statistic::P95, Statistic::P99, Statistic::Mean];

/// The metrics that every task has; scorers may not take their names.
pub const RUN_METRICS: &[RunMetric] = &[
    RunMetric {
        name: "latency_ms",
        unit: Unit::Ms,
        pillar: Pillar::Performance,
        statistics: TIMES,
        what: "time to the complete answer",
    },
    RunMetric {
        name: "ttft_ms",
        unit: Unit::Ms,
        pillar: Pillar::Performance,
        statistics: TIMES,
        what: "time to the first token",
    },
    RunMetric {
        name: "cost_usd",
        unit: Unit::Usd,
        pillar: Pillar::Cost,
        statistics: &[Statistic::Mean],
        what: "US dollars per answer",
    },
    RunMetric {
        name: COST_PER_SUCCESS,
        unit: Unit::Usd,
        pillar: Pillar::Cost,
        statistics: &[Statistic::Mean],
        what: "US dollars per successful answer",
    },
    RunMetric {
        name: "output_tokens",
        unit: Unit::Tokens,
        pillar: Pillar::Cost,
        statistics: &[Statistic::Mean],
        what: "generated tokens per answer",
    },
    RunMetric {
        name: "input_tokens",
        unit: Unit::Tokens,
        pillar: Pillar::Cost,
        statistics: &[Statistic::Mean],
        what: "prompt tokens per answer",
    },
    RunMetric {
        name: "total_tokens",
        unit: Unit::Tokens,
        pillar: Pillar::Cost,
        statistics: &[Statistic::Mean],
        what: "prompt and generated tokens per answer",
    },
    RunMetric {
        name: "error_rate",
        unit: Unit::Share,
        pillar: Pillar::Reliability,
        statistics: &[Statistic::Rate],
        what: "share of samples without an answer",
    },
];

/// Summaries of a scorer's metric.
const SCORER_STATISTICS: &[Statistic] = &[Statistic::Mean];

/// Targets and tasks as far as they could be read, with the names of those that could not: a gate on a broken task
/// is not wrong itself.
pub(crate) struct Known<'a> {
    pub(crate) targets: &'a [Option<Target>],
    pub(crate) target_names: &'a [String],
    pub(crate) tasks: &'a [Option<Task>],
    pub(crate) task_names: &'a [String],
    /// Names of load tasks.
    pub(crate) load_names: &'a [String],
}

/// What a gate asks about.
pub(crate) struct Asked<'a> {
    pub(crate) task_index: usize,
    pub(crate) task: &'a Task,
    pub(crate) metric: String,
    pub(crate) statistic: Statistic,
    pub(crate) unit: Unit,
    pub(crate) kind: MetricKind,
    pub(crate) pillar: Pillar,
    /// The lowest and highest value that there can be.
    pub(crate) range: (f64, f64),
}

/// What a metric is.
struct Found {
    unit: Unit,
    kind: MetricKind,
    pillar: Pillar,
    range: (f64, f64),
    statistics: &'static [Statistic],
}

/// One gate for each variant of a task that has several prompts, where a gate names the task alone; the others as
/// they are.
pub(crate) fn expand(gates: &[Node], known: &Known<'_>) -> Vec<Node> {
    let mut expanded = Vec::with_capacity(gates.len());
    for gate in gates {
        let metric = gate.text("metric").unwrap_or_default();
        let (task, rest) = metric.split_once('.').unwrap_or((metric, ""));
        let is_task = known.task_names.iter().any(|name| name == task);
        let variants: Vec<&str> = known
            .task_names
            .iter()
            .filter_map(|name| name.strip_prefix(task)?.strip_prefix(VARIANT_MARK))
            .collect();
        if is_task || variants.is_empty() {
            expanded.push(gate.clone());
            continue;
        }
        for variant in variants {
            let mut gate = gate.clone();
            gate.set_text("metric", &format!("{task}{VARIANT_MARK}{variant}.{rest}"));
            if let Some(name) = gate.text("name").map(str::to_owned) {
                gate.set_text("name", &format!("{name}{VARIANT_MARK}{variant}"));
            }
            expanded.push(gate);
        }
    }
    expanded
}

/// Lowers all gates; those with errors are left out.
pub(crate) fn read_all(gates: &[Node], known: &Known<'_>, reader: &mut Reader<'_>) -> Vec<Gate> {
    let mut read: Vec<Gate> = Vec::new();
    let mut seen: HashMap<String, Location> = HashMap::new();
    for node in gates {
        let Some(gate) = read_one(node, known, reader) else {
            continue;
        };
        let at = node.entry("name").map_or(&node.span, |entry| &entry.value.span);
        let place = reader.errors.locate(&node.span);
        if let Some(first) = seen.insert(gate.name.clone(), place) {
            let first = reader.errors.before(&first, at);
            let message = format!(
                "the gate {} is there twice; the first is {first}",
                shown(&gate.name)
            );
            reader.errors.push(
                at,
                message,
                Some("remove one, or give it another `name`".to_owned()),
            );
        }
        read.push(gate);
    }
    read
}

fn read_one(node: &Node, known: &Known<'_>, reader: &mut Reader<'_>) -> Option<Gate> {
    let target = read_target(node, known, reader);
    let asked = read_metric(node, known, reader)?;
    check_asks(node, &asked, reader);
    let slice = read_slice(node, &asked, reader);
    let condition = read_condition(node, &asked, reader)?;
    warn_of_unknown_price(node, &asked, known, reader);
    let mut gate = Gate {
        name: String::new(),
        task_index: asked.task_index,
        task: asked.task.name.clone(),
        metric: asked.metric,
        statistic: asked.statistic,
        unit: asked.unit,
        target: target?,
        slice: slice?,
        condition,
        risk: node.number("risk").unwrap_or(DEFAULT_RISK),
        on_inconclusive: match node.text("on_inconclusive") {
            Some("fail") => OnInconclusive::Fail,
            Some("extend") => OnInconclusive::Extend,
            _ => OnInconclusive::Warn,
        },
    };
    gate.name = match node.text("name") {
        Some(name) => name.to_owned(),
        None => default_name(node.text("metric")?, &gate),
    };
    Some(gate)
}

/// A number, or what stands in its place.
fn read_condition(node: &Node, asked: &Asked<'_>, reader: &mut Reader<'_>) -> Option<Condition> {
    match against::read_condition(node, asked, reader) {
        Some(condition) => Some(condition),
        None => read_bound(node, &asked.metric, asked.range, reader).map(Condition::Bound),
    }
}

/// `answers.exact_match at_least 0.95`, with target and slice where the gate has them.
fn default_name(metric: &str, gate: &Gate) -> String {
    let mut name = format!("{metric} {}", gate.condition.as_str());
    match &gate.condition {
        Condition::Bound(bound) => name.push_str(&format!(" {}", bound.limit())),
        Condition::Baseline(against) => {
            name.push_str(" baseline");
            match against.margin {
                Margin::Absolute(0.0) | Margin::Relative(0.0) => {}
                Margin::Absolute(margin) => name.push_str(&format!(" by {margin}")),
                Margin::Relative(share) => name.push_str(&format!(" by {}%", share * 100.0)),
            }
        }
        Condition::NoCritical(critical) if critical.severities.is_empty() => {}
        Condition::NoCritical(critical) => name.push_str(&format!(" {}", critical.severities.join(", "))),
    }
    if let Some(slice) = &gate.slice {
        name.push_str(&format!(" [{}: {}]", slice.column, slice.value));
    }
    if let Some(target) = &gate.target {
        name.push_str(&format!(" ({target})"));
    }
    name
}

/// `Some(None)` where the gate asks every target; `None` where it names one that does not exist.
#[expect(clippy::option_option, reason = "absent and wrong are different things here")]
pub(crate) fn read_target(node: &Node, known: &Known<'_>, reader: &mut Reader<'_>) -> Option<Option<String>> {
    let Some(value) = node.get("target") else {
        return Some(None);
    };
    let name = value.as_text()?;
    if known.target_names.iter().any(|target| target == name) {
        return Some(Some(name.to_owned()));
    }
    let names: Vec<&str> = known.target_names.iter().map(String::as_str).collect();
    let hint = nearest::hint(name, "targets", &names);
    reader
        .errors
        .push(&value.span, format!("there is no target {}", shown(name)), hint);
    None
}

/// A target of a gate must be one that the task asks.
fn check_asks(node: &Node, asked: &Asked<'_>, reader: &mut Reader<'_>) {
    let Some(value) = node.get("target") else { return };
    let Some(name) = value.as_text() else { return };
    if !asked.task.asks(name) {
        let message = format!("task `{}` does not ask target {}", asked.task.name, shown(name));
        let names: Vec<&str> = asked.task.targets.iter().map(String::as_str).collect();
        let hint = format!("its `targets` are {}", list(&names));
        reader.errors.push(&value.span, message, Some(hint));
    }
}

fn read_metric<'a>(node: &Node, known: &Known<'a>, reader: &mut Reader<'_>) -> Option<Asked<'a>> {
    let value = node.get("metric")?;
    let written = value.as_text()?;
    let parts: Vec<&str> = written.split('.').collect();
    let (task_name, metric, statistic) = match parts.as_slice() {
        [task, metric] => (*task, *metric, None),
        [task, metric, statistic] => (*task, *metric, Some(*statistic)),
        _ => {
            let message = format!(
                "{} is not a metric, expected TASK.METRIC or TASK.METRIC.STATISTIC",
                shown(written)
            );
            reader
                .errors
                .push(&value.span, message, example_of(written, known));
            return None;
        }
    };
    let Some(task_index) = known.task_names.iter().position(|name| name == task_name) else {
        let names = known.task_names.iter().chain(known.load_names);
        let names: Vec<&str> = names.map(String::as_str).collect();
        let hint = nearest::hint(task_name, "tasks", &names);
        reader.errors.push(
            &value.span,
            format!("there is no task {}", shown(task_name)),
            hint,
        );
        return None;
    };
    let task = known.tasks.get(task_index)?.as_ref()?;
    let found = find_metric(task, metric).or_else(|| {
        let names: Vec<&str> = metric_names(task).collect();
        let hint = nearest::hint(metric, "metrics of this task", &names);
        let message = format!("task `{task_name}` has no metric {}", shown(metric));
        reader.errors.push(&value.span, message, hint);
        None
    })?;
    if metric == COST_PER_SUCCESS && task.success_metric().is_none() {
        let message =
            format!("task `{task_name}` has no scorer that says right or wrong, so nothing is a success");
        let hint = "add one, and name it as `success:` of the task where there are several".to_owned();
        reader.errors.push(&value.span, message, Some(hint));
        return None;
    }
    let statistics = found.statistics;
    let statistic = match statistic {
        Some(word) => Statistic::from_word(word)
            .filter(|found| statistics.contains(found))
            .or_else(|| {
                let words: Vec<&str> = statistics.iter().map(|statistic| statistic.as_str()).collect();
                let message = format!(
                    "`{metric}` has no statistic {}, expected {}",
                    shown(word),
                    list(&words)
                );
                reader.errors.push(&value.span, message, None);
                None
            })?,
        None => default_statistic(written, statistics, value, reader)?,
    };
    Some(Asked {
        task_index,
        task,
        metric: metric.to_owned(),
        statistic,
        unit: found.unit,
        kind: found.kind,
        pillar: found.pillar,
        range: found.range,
    })
}

pub(crate) fn default_statistic(
    written: &str,
    statistics: &[Statistic],
    value: &Node,
    reader: &mut Reader<'_>,
) -> Option<Statistic> {
    if let [only] = statistics {
        return Some(*only);
    }
    let hint = format!("write `{written}.p95`, or `{written}.mean` to say so");
    let message = format!(
        "{} names no statistic, so the mean is asked about",
        shown(written)
    );
    reader.warn(&value.span, message, Some(hint));
    statistics.contains(&Statistic::Mean).then_some(Statistic::Mean)
}

/// For a metric without its task: the first task that has it.
fn example_of(written: &str, known: &Known<'_>) -> Option<String> {
    let task = known
        .tasks
        .iter()
        .flatten()
        .find(|task| find_metric(task, written).is_some());
    let task = task.or_else(|| known.tasks.iter().flatten().next())?;
    let metric = metric_names(task)
        .find(|name| *name == written)
        .or_else(|| metric_names(task).next())?;
    Some(format!("write, for example, `{}.{metric}`", task.name))
}

pub(crate) fn metric_names(task: &Task) -> impl Iterator<Item = &str> {
    let own = task
        .scorers
        .iter()
        .flat_map(|scorer| &scorer.metrics)
        .map(|metric| metric.name.as_str());
    own.chain(RUN_METRICS.iter().map(|metric| metric.name))
}

/// What the metric of this name is.
fn find_metric(task: &Task, name: &str) -> Option<Found> {
    let mut own = task.scorers.iter().flat_map(|scorer| &scorer.metrics);
    if let Some(metric) = own.find(|metric| metric.name == name) {
        return Some(Found {
            unit: metric.unit,
            kind: metric.kind,
            pillar: metric.pillar,
            range: match metric.kind {
                MetricKind::Binary | MetricKind::Bounded => (0.0, 1.0),
                MetricKind::Real => (f64::NEG_INFINITY, f64::INFINITY),
            },
            statistics: SCORER_STATISTICS,
        });
    }
    let metric = RUN_METRICS.iter().find(|metric| metric.name == name)?;
    let is_share = metric.unit == Unit::Share;
    Some(Found {
        unit: metric.unit,
        kind: if is_share {
            MetricKind::Binary
        } else {
            MetricKind::Real
        },
        pillar: metric.pillar,
        range: (0.0, if is_share { 1.0 } else { f64::INFINITY }),
        statistics: metric.statistics,
    })
}

/// `Some(None)` where the gate asks about all cases; `None` where its slice is wrong.
#[expect(clippy::option_option, reason = "absent and wrong are different things here")]
fn read_slice(node: &Node, asked: &Asked<'_>, reader: &mut Reader<'_>) -> Option<Option<SliceKey>> {
    let Some(value) = node.get("slice") else {
        return Some(None);
    };
    let [entry] = value.entries() else {
        return None;
    };
    let column = entry.key.text.as_str();
    if !asked.task.slices.iter().any(|known| known == column) {
        let known: Vec<&str> = asked.task.slices.iter().map(String::as_str).collect();
        let hint = nearest::nearest(column, known.iter().copied()).map_or_else(
            || {
                Some(format!(
                    "add it to the suite: `slices: [{}]`",
                    column.escape_debug()
                ))
            },
            |near| Some(format!("did you mean `{near}`?")),
        );
        let message = format!(
            "the column {} is not among the `slices` of task `{}`",
            shown(column),
            asked.task.name
        );
        reader.errors.push(&entry.key.span, message, hint);
        return None;
    }
    Some(Some(SliceKey {
        column: column.to_owned(),
        value: entry.value.scalar_text()?.to_owned(),
    }))
}

/// A limit of this metric, whose values have this range.
pub(crate) fn read_bound(
    node: &Node,
    metric: &str,
    (low, high): (f64, f64),
    reader: &mut Reader<'_>,
) -> Option<Bound> {
    let (entry, bound): (&Entry, Bound) = match (node.number("at_least"), node.number("at_most")) {
        (Some(limit), None) => (node.entry("at_least")?, Bound::AtLeast(limit)),
        (None, Some(limit)) => (node.entry("at_most")?, Bound::AtMost(limit)),
        _ => return None,
    };
    let limit = bound.limit();
    if limit < low || limit > high {
        let what = if high.is_finite() {
            format!("from {low} to {high}")
        } else {
            format!("{low} or more")
        };
        let message = format!("the limit {limit} is outside what `{metric}` can be, {what}");
        let hint = share_hint(limit).filter(|_| high <= 1.0);
        reader.errors.push(&entry.value.span, message, hint);
        return None;
    }
    let always_met = match bound {
        Bound::AtLeast(limit) => limit <= low,
        Bound::AtMost(limit) => limit >= high,
    };
    if always_met {
        let message = format!(
            "this gate can never fail: `{}` is always {} {limit}",
            metric,
            bound.as_str()
        );
        reader.warn(&entry.value.span, message, None);
    }
    Some(bound)
}

fn warn_of_unknown_price(node: &Node, asked: &Asked<'_>, known: &Known<'_>, reader: &mut Reader<'_>) {
    if asked.unit != Unit::Usd || !RUN_METRICS.iter().any(|metric| metric.name == asked.metric) {
        return;
    }
    let asked_target = node.text("target");
    let mut targets = known.targets.iter().flatten();
    let silent = targets.find(|target| {
        target.price.is_none()
            && target.price_table.is_none()
            && asked.task.asks(&target.name)
            && asked_target.is_none_or(|name| name == target.name)
    });
    if let (Some(target), Some(metric)) = (silent, node.get("metric")) {
        let message = format!(
            "target `{}` has no price, so its cost is unknown and this gate stays inconclusive",
            target.name
        );
        let hint = "add `price: {input_usd_per_mtok: …, output_usd_per_mtok: …}` to the target".to_owned();
        reader.warn(&metric.span, message, Some(hint));
    }
}
