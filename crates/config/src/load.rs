//! Load tasks and gates on them: from checked maps to the plan. Apart from the tasks of the evaluation, with which they
//! share a list in the suite and nothing else.

use crate::check::{Demand, check_record};
use crate::diagnostics::shown;
use crate::gate::{self, Known};
use crate::nearest::{self, list};
use crate::plan::{LoadGate, LoadTask, LoadWork, OnInconclusive, Task};
use crate::suite::Reader;
use crate::tables::LOAD_TASK;
use crate::task::{self, Shared};
use crate::yaml::Node;
use seatrial_types::{Statistic, Unit};

/// A metric of load tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadMetric {
    /// Name, as `seatrial load` tells it.
    pub name: &'static str,
    /// Unit of its value.
    pub unit: Unit,
    /// Which summaries of it there are.
    pub statistics: &'static [Statistic],
    /// What it is, in one line.
    pub what: &'static str,
}

const TIMES: &[Statistic] = &[Statistic::P50, Statistic::P95, Statistic::P99, Statistic::Mean];
const RATES: &[Statistic] = &[Statistic::Mean];
const SHARES: &[Statistic] = &[Statistic::Rate];

const fn time(name: &'static str, what: &'static str) -> LoadMetric {
    LoadMetric {
        name,
        unit: Unit::Ms,
        statistics: TIMES,
        what,
    }
}

const fn rate(name: &'static str, what: &'static str) -> LoadMetric {
    LoadMetric {
        name,
        unit: Unit::PerS,
        statistics: RATES,
        what,
    }
}

const fn share(name: &'static str, what: &'static str) -> LoadMetric {
    LoadMetric {
        name,
        unit: Unit::Share,
        statistics: SHARES,
        what,
    }
}

/// Share of failed requests. Where answers are scored it is the task's own metric of this name, over the same requests.
const ERROR_RATE: &str = "error_rate";

/// What every load task measures; `goodput` and `attainment` where it has an `slo`.
pub const LOAD_METRICS: &[LoadMetric] = &[
    time("ttft", "from sent to the first event with tokens"),
    time("ttft_sched", "from intended to the first event with tokens"),
    time("ttfe", "from sent to the first event of any kind"),
    time("ttfb", "from sent to the first byte of the answer"),
    time("ttfot", "from sent to the first token that is not reasoning"),
    time("ttst", "from the first event with tokens to the second"),
    time("tpot", "from the first to the last token, over tokens less one"),
    time("tpot_incl", "from sent to the last token, over all tokens"),
    time("e2e", "from sent to the last token"),
    time("e2e_sched", "from intended to the last token"),
    time("connect", "name and TCP of a new connection"),
    time("tls", "TLS of a new connection"),
    time("icl", "between successive events with tokens"),
    time("itl", "between successive tokens"),
    rate("requests_per_s", "whole answers per second"),
    rate(
        "output_tokens_per_s",
        "output tokens per second of all streams together",
    ),
    rate("stream_tokens_per_s", "output tokens per second of one stream"),
    rate("goodput", "requests per second that meet the `slo`"),
    share("attainment", "share of requests that meet the `slo`"),
    share(ERROR_RATE, "share of requests that failed"),
];

/// A load task that was read.
pub(crate) struct ReadLoad {
    /// `None` where something was reported.
    pub(crate) load: Option<LoadTask>,
    /// Empty where there is none.
    pub(crate) name: String,
}

/// Whether an entry of `tasks` is a load task.
pub(crate) fn is_load(node: &Node) -> bool {
    node.get("load").is_some()
}

/// Lowers a load task. Where it is `of` a task, that task is added to `tasks` once more, under the load task's name:
/// same cases, prompts and scorers, asked under load alone.
pub(crate) fn read(
    node: &Node,
    shared: &Shared<'_>,
    tasks: &mut Vec<Option<Task>>,
    task_names: &mut Vec<String>,
    reader: &mut Reader<'_>,
) -> ReadLoad {
    check_record(&LOAD_TASK, node, Demand::Whole, &mut reader.errors);
    task::check_targets(node, shared.targets, reader);
    let name = node.text("name").unwrap_or_default().to_owned();
    let load = node.get("load").and_then(|load| {
        check_together(load, reader);
        lower(node, load, shared, tasks, task_names, reader)
    });
    ReadLoad { load, name }
}

/// Keys that say nothing without another one.
fn check_together(load: &Node, reader: &mut Reader<'_>) {
    for (key, needed) in [
        ("output_tokens", "input_tokens"),
        ("arrivals", "rate"),
        ("max_in_flight", "rate"),
    ] {
        if let (Some(entry), None) = (load.entry(key), load.get(needed)) {
            let message = format!("`{key}` means something beside `{needed}` only");
            reader.errors.push(
                &entry.key.span,
                message,
                Some(format!("add `{needed}: …`, or remove it")),
            );
        }
    }
}

fn lower(
    node: &Node,
    load: &Node,
    shared: &Shared<'_>,
    tasks: &mut Vec<Option<Task>>,
    task_names: &mut Vec<String>,
    reader: &mut Reader<'_>,
) -> Option<LoadTask> {
    let name = node.text("name")?.to_owned();
    let scalar = |key: &str| load.get(key).and_then(Node::scalar_text).map(str::to_owned);
    let mut targets = node.texts("targets");
    let work = if let Some(of) = load.get("of") {
        let mut task = of_task(of, tasks, task_names, reader)?;
        if targets.is_empty() {
            targets.clone_from(&task.targets);
        }
        task.name.clone_from(&name);
        task.targets.clone_from(&targets);
        (task.under_load, task.sequential, task.epochs) = (true, false, 1);
        tasks.push(Some(task));
        task_names.push(name.clone());
        LoadWork::Answers {
            task_index: tasks.len() - 1,
        }
    } else if let Some(prompt) = load.text("prompt") {
        LoadWork::Prompt {
            prompt: prompt.to_owned(),
        }
    } else if let Some(input) = scalar("input_tokens") {
        LoadWork::Lengths {
            input,
            output: scalar("output_tokens"),
        }
    } else {
        LoadWork::Usual
    };
    Some(LoadTask {
        name,
        targets,
        concurrency: load.whole("concurrency"),
        rate: scalar("rate"),
        arrivals: load.text("arrivals").unwrap_or("poisson").to_owned(),
        max_in_flight: load.whole("max_in_flight"),
        duration: load.duration("duration"),
        requests: load.whole("requests"),
        warmup: load.duration("warmup"),
        drain: load.duration("drain").unwrap_or(LoadTask::DRAIN_DEFAULT),
        work,
        max_tokens: load.whole("max_tokens"),
        slo: load.text("slo").map(str::to_owned),
        seed: load.whole("seed").unwrap_or(shared.seed),
        allow_degraded: load.truth("allow_degraded").unwrap_or(false),
    })
}

/// The task whose prompts are asked.
fn of_task(of: &Node, tasks: &[Option<Task>], names: &[String], reader: &mut Reader<'_>) -> Option<Task> {
    let name = of.as_text()?;
    if let Some(at) = names.iter().position(|known| known == name) {
        let task = tasks.get(at)?.clone()?;
        if task.under_load {
            let message = format!("{} is a load task, expected one with a dataset", shown(name));
            reader.errors.push(&of.span, message, None);
            return None;
        }
        return Some(task);
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = nearest::hint(name, "tasks with a dataset", &known);
    reader.errors.push(
        &of.span,
        format!("there is no task {} to ask under load", shown(name)),
        hint,
    );
    None
}

/// The load task that a gate asks about; `None` for a gate of the evaluation. Where the answers of a load task are
/// scored, gates on what the scorers say are gates like any other.
pub(crate) fn asked_of(gate: &Node, known: &Known<'_>) -> Option<usize> {
    let mut parts = gate.text("metric")?.split('.');
    let (task, metric) = (parts.next()?, parts.next().unwrap_or_default());
    let load = known.load_names.iter().position(|name| name == task)?;
    let at = known.task_names.iter().position(|name| name == task);
    let answers = at.and_then(|at| known.tasks.get(at)?.as_ref());
    match answers {
        Some(answers) if gate::metric_names(answers).any(|name| name == metric) && !is_latency(metric) => {
            None
        }
        _ => Some(load),
    }
}

/// Latencies of the evaluation, which answers under load do not have beside those of the load.
fn is_latency(metric: &str) -> bool {
    matches!(metric, "latency_ms" | "ttft_ms")
}

/// Lowers a gate on the load task of this index.
pub(crate) fn read_gate(
    node: &Node,
    load_index: usize,
    known: &Known<'_>,
    loads: &[ReadLoad],
    reader: &mut Reader<'_>,
) -> Option<LoadGate> {
    let target = gate::read_target(node, known, reader);
    let load = loads.get(load_index)?.load.as_ref()?;
    let (metric, statistic) = read_metric(node, load, known, reader)?;
    refuse_others(node, reader);
    if let Some(Some(name)) = &target
        && !load.asks(name)
    {
        let message = format!("load task `{}` does not load target {}", load.name, shown(name));
        let span = node.get("target").map_or(&node.span, |value| &value.span);
        reader.errors.push(span, message, None);
    }
    let range = (
        0.0,
        if metric.unit == Unit::Share {
            1.0
        } else {
            f64::INFINITY
        },
    );
    let bound = gate::read_bound(node, metric.name, range, reader)?;
    let name = match node.text("name") {
        Some(name) => name.to_owned(),
        None => {
            let mut name = format!("{} {} {}", node.text("metric")?, bound.as_str(), bound.limit());
            if let Some(Some(target)) = &target {
                name.push_str(&format!(" ({target})"));
            }
            name
        }
    };
    Some(LoadGate {
        name,
        load_index,
        task: load.name.clone(),
        metric: metric.name.to_owned(),
        statistic,
        unit: metric.unit,
        target: target?,
        bound,
        risk: node.number("risk").unwrap_or(gate::DEFAULT_RISK),
        on_inconclusive: match node.text("on_inconclusive") {
            Some("fail") => OnInconclusive::Fail,
            _ => OnInconclusive::Warn,
        },
    })
}

/// Keys of a gate that mean nothing for a load.
fn refuse_others(node: &Node, reader: &mut Reader<'_>) {
    let refused = [
        ("slice", "a load has no slices", "remove it"),
        (
            "not_worse_than",
            "what is measured under load is held against a number only",
            "write `at_least` or `at_most`; `seatrial load compare` holds one load against another",
        ),
        (
            "better_than",
            "what is measured under load is held against a number only",
            "write `at_least` or `at_most`; `seatrial load compare` holds one load against another",
        ),
        (
            "no_critical",
            "a load has no cases of which none may miss",
            "write `at_least` or `at_most`",
        ),
    ];
    for (key, message, hint) in refused {
        if let Some(entry) = node.entry(key) {
            reader
                .errors
                .push(&entry.key.span, message, Some(hint.to_owned()));
        }
    }
    if let Some(entry) = node.entry("on_inconclusive")
        && entry.value.as_text() == Some("extend")
    {
        let hint = "give the load a longer `duration`, or write `warn` or `fail`".to_owned();
        reader.errors.push(
            &entry.value.span,
            "a load is not extended: it is measured as a whole",
            Some(hint),
        );
    }
}

fn read_metric(
    node: &Node,
    load: &LoadTask,
    known: &Known<'_>,
    reader: &mut Reader<'_>,
) -> Option<(&'static LoadMetric, Statistic)> {
    let value = node.get("metric")?;
    let written = value.as_text()?;
    let parts: Vec<&str> = written.split('.').collect();
    let (name, statistic) = match parts.as_slice() {
        [_, metric] => (*metric, None),
        [_, metric, statistic] => (*metric, Some(*statistic)),
        _ => {
            let message = format!(
                "{} is not a metric, expected TASK.METRIC or TASK.METRIC.STATISTIC",
                shown(written)
            );
            let hint = format!("write, for example, `{}.ttft.p99`", load.name);
            reader.errors.push(&value.span, message, Some(hint));
            return None;
        }
    };
    let Some(metric) = LOAD_METRICS.iter().find(|metric| metric.name == name) else {
        let mut names: Vec<&str> = LOAD_METRICS.iter().map(|metric| metric.name).collect();
        let answers = load.task_index().and_then(|at| known.tasks.get(at)?.as_ref());
        let of_answers = answers.into_iter().flat_map(gate::metric_names);
        names.extend(of_answers.filter(|name| !is_latency(name)));
        let hint = match name {
            "latency_ms" => Some("did you mean `e2e`?".to_owned()),
            "ttft_ms" => Some("did you mean `ttft`?".to_owned()),
            _ => nearest::hint(name, "metrics of this load task", &names),
        };
        let message = format!("load task `{}` has no metric {}", load.name, shown(name));
        reader.errors.push(&value.span, message, hint);
        return None;
    };
    if load.slo.is_none() && matches!(name, "goodput" | "attainment") {
        let message = format!(
            "`{name}` needs to know what a good request is, and load task `{}` does not say it",
            load.name
        );
        let hint = "add `slo: 'ttft_p99<500ms'` to its `load`".to_owned();
        reader.errors.push(&value.span, message, Some(hint));
        return None;
    }
    let statistic = match statistic {
        Some(word) => Statistic::from_word(word)
            .filter(|found| metric.statistics.contains(found))
            .or_else(|| {
                let words: Vec<&str> = metric
                    .statistics
                    .iter()
                    .map(|statistic| statistic.as_str())
                    .collect();
                let message = format!(
                    "`{name}` has no statistic {}, expected {}",
                    shown(word),
                    list(&words)
                );
                reader.errors.push(&value.span, message, None);
                None
            })?,
        None => gate::default_statistic(written, metric.statistics, value, reader)?,
    };
    Some((metric, statistic))
}
