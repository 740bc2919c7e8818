//! `seatrial cost run`: what a recorded run cost, by sample, case, success, token and character, and what evaluating it cost
//! beside.

use super::dollars;
use crate::args::cost::RunCostArguments;
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use crate::record;
use crate::scored;
use seatrial_analyse::scored::{ScoredRun, ScoredTask};
use seatrial_cost::per_success::{CaseSums, bootstrap, sums};
use seatrial_stats::mean;
use seatrial_stats::ratio::fieller;
use seatrial_types::{Estimate, ExitCode, Method, ModelSpend, SampleRecord, Unit};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const LEVEL: f64 = 0.95;

pub(super) fn run(arguments: &RunCostArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let store = record::open(&arguments.store.store)?;
    let row = record::find_run(&store, &arguments.run)?;
    let findings = record::findings(&store, &row)?;
    let runs = scored::of_run(&store, &row, None)?;
    let mut texts: BTreeMap<(u16, String), Texts> = BTreeMap::new();
    let names: Vec<Vec<String>> = task_names(&runs);
    record::for_each_sample(&store, &row.header.id, &mut |sample| {
        add_texts(&mut texts, &names, sample);
    })?;
    let mut text = format!("run {}\n", row.header.id);
    let mut tasks = Vec::new();
    for (place, run) in (0_u16..).zip(&runs) {
        for task in &run.tasks {
            let counted = texts
                .get(&(place, task.task.clone()))
                .copied()
                .unwrap_or_default();
            let found = TaskCost::of(task, counted, arguments.resamples, arguments.seed);
            let target = run.target.as_deref().unwrap_or("?");
            text.push_str(&found.text(target, &task.task));
            tasks.push(found.json(target, &task.task)?);
        }
    }
    text.push_str(&spend_text(&findings.models));
    let models: Vec<Value> = findings.models.iter().map(|model| json!(model)).collect();
    let mut warnings: Vec<String> = runs.iter().flat_map(|run| run.warnings.clone()).collect();
    warnings.dedup();
    Figures {
        schema: "seatrial.cost.run/1",
        text,
        warnings,
        fields: json!({"run_id": row.header.id.as_str(), "suite": findings.suite, "tasks": tasks,
                       "evaluation_spend": models, "resamples": arguments.resamples, "seed": arguments.seed}),
    }
    .deliver(arguments.output.json.as_deref())
}

/// Names of tasks by target; a task that a target is not asked has no samples of it.
fn task_names(runs: &[ScoredRun]) -> Vec<Vec<String>> {
    let of = |run: &ScoredRun| run.tasks.iter().map(|task| task.task.clone()).collect();
    runs.iter().map(of).collect()
}

/// Characters and known dollars of the same answers.
#[derive(Debug, Clone, Copy, Default)]
struct Texts {
    prompt_chars: u64,
    answer_chars: u64,
    usd: f64,
    is_unknown: bool,
}

fn add_texts(texts: &mut BTreeMap<(u16, String), Texts>, names: &[Vec<String>], sample: &SampleRecord) {
    let Ok(answer) = &sample.call.result else { return };
    let target = usize::from(sample.key.target);
    let Some(name) = names
        .get(target)
        .and_then(|tasks| tasks.get(usize::from(sample.key.task)))
    else {
        return;
    };
    let sum = texts.entry((sample.key.target, name.clone())).or_default();
    let chars = |text: &str| text.chars().count() as u64;
    sum.prompt_chars += sample
        .prompt
        .iter()
        .map(|message| chars(&message.content))
        .sum::<u64>();
    sum.answer_chars += chars(&answer.text);
    match sample.cost {
        Some(cost) => sum.usd += cost.to_usd_f64(),
        None => sum.is_unknown = true,
    }
}

/// Figures of one task of one target.
struct TaskCost {
    samples: usize,
    cases: usize,
    errors: usize,
    unknown: usize,
    usd: Option<f64>,
    per_sample: Estimate,
    per_case: Estimate,
    per_success: Estimate,
    per_success_resampled: Option<(f64, Option<f64>)>,
    success: Option<String>,
    tokens_per_case: Estimate,
    usd_per_mtok: Option<f64>,
    usd_per_1k_chars: Option<f64>,
}

#[derive(Default)]
struct OfCase {
    sums: CaseSums,
    tokens: f64,
}

impl TaskCost {
    fn of(task: &ScoredTask, texts: Texts, resamples: usize, seed: u64) -> Self {
        let column = |name: &str| task.metric(name).map(|metric| metric.scores.as_slice());
        let success = task.success();
        let (cost, input, output) = (
            column("cost_usd"),
            column("input_tokens"),
            column("output_tokens"),
        );
        let at = |column: Option<&[Option<f64>]>, place: usize| {
            column.and_then(|all| all.get(place).copied().flatten())
        };
        let errors = column("error_rate");
        let mut by_case: BTreeMap<&str, OfCase> = BTreeMap::new();
        // What is independent of the rest: the cluster of a case, where there are any.
        let mut by_unit: BTreeMap<&str, CaseSums> = BTreeMap::new();
        let (mut costs, mut unknown, mut failed, mut tokens) = (Vec::new(), 0, 0, Some(0.0));
        for (place, sample) in task.samples.iter().enumerate() {
            if at(errors, place) == Some(1.0) {
                failed += 1;
                continue;
            }
            let case = by_case.entry(&sample.id).or_default();
            let unit = by_unit
                .entry(sample.cluster.as_deref().unwrap_or(&sample.id))
                .or_default();
            match at(cost, place) {
                Some(usd) => {
                    costs.push(usd);
                    case.sums.usd += usd;
                    unit.usd += usd;
                }
                None => unknown += 1,
            }
            let right = success.and_then(|metric| metric.scores.get(place).copied().flatten());
            case.sums.successes += right.unwrap_or(0.0);
            unit.successes += right.unwrap_or(0.0);
            let used = at(input, place)
                .zip(at(output, place))
                .map(|(input, output)| input + output);
            case.tokens += used.unwrap_or(0.0);
            tokens = tokens.zip(used).map(|(sum, used)| sum + used);
        }
        let sums_of: Vec<CaseSums> = by_unit.into_values().collect();
        let per_case: Vec<f64> = by_case.values().map(|case| case.sums.usd).collect();
        let tokens_per_case: Vec<f64> = by_case.values().map(|case| case.tokens).collect();
        let is_known = unknown == 0 && !costs.is_empty();
        let known = |values: &[f64]| {
            if is_known {
                mean_of(values, Unit::Usd)
            } else {
                unknown_of(Unit::Usd)
            }
        };
        let usd = is_known.then(|| costs.iter().sum::<f64>());
        let chars = texts.prompt_chars + texts.answer_chars;
        let has_success = success.is_some() && is_known;
        Self {
            samples: task.samples.len(),
            cases: by_case.len(),
            errors: failed,
            unknown,
            usd,
            per_sample: known(&costs),
            per_case: known(&per_case),
            per_success: if has_success {
                ratio_of(&sums_of)
            } else {
                unknown_of(Unit::Usd)
            },
            per_success_resampled: has_success
                .then(|| bootstrap(&sums_of, LEVEL, resamples, seed))
                .flatten()
                .map(|found| (found.low, found.high)),
            success: success.map(|metric| metric.metric.clone()),
            tokens_per_case: if tokens.is_some() {
                mean_of(&tokens_per_case, Unit::Tokens)
            } else {
                unknown_of(Unit::Tokens)
            },
            usd_per_mtok: usd
                .zip(tokens)
                .filter(|(_, tokens)| *tokens > 0.0)
                .map(|(usd, tokens)| usd / tokens * 1e6),
            usd_per_1k_chars: (!texts.is_unknown && chars > 0).then(|| texts.usd / chars as f64 * 1e3),
        }
    }

    fn text(&self, target: &str, task: &str) -> String {
        let mut text = format!("\n{target}  {task}\n");
        if self.unknown > 0 {
            let _ = writeln!(
                text,
                "  {} of {} answers have no known price, so the cost is unknown",
                self.unknown, self.samples
            );
        }
        let rows = [
            ("a sample", &self.per_sample),
            ("a case", &self.per_case),
            ("a success", &self.per_success),
        ];
        for (name, estimate) in rows {
            let _ = writeln!(text, "  {name:<22} {}", shown(estimate));
        }
        if let Some((low, high)) = self.per_success_resampled {
            let high = high.map_or_else(|| "unbounded".to_owned(), dollars);
            let _ = writeln!(text, "  a success, resampled   [{}, {high}]", dollars(low));
        }
        let one = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), dollars);
        let _ = writeln!(text, "  a million tokens       {}", one(self.usd_per_mtok));
        let _ = writeln!(text, "  1,000 characters       {}", one(self.usd_per_1k_chars));
        if let Some(tokens) = self.tokens_per_case.value {
            let _ = writeln!(text, "  tokens a case          {tokens:.1}");
        }
        let _ = writeln!(
            text,
            "  in all                 {}  {} samples of {} cases, {} errors",
            one(self.usd),
            self.samples,
            self.cases,
            self.errors
        );
        text
    }

    fn json(&self, target: &str, task: &str) -> Result<Value, CliError> {
        let object = |estimate: &Estimate| serde_json::to_value(estimate).map_err(CliError::infrastructure);
        let resampled = self.per_success_resampled.map(|(low, high)| {
            json!({"value": self.per_success.value, "low": low, "high": high, "level": LEVEL, "n": self.cases,
                   "method": "bootstrap", "unit": "usd"})
        });
        Ok(
            json!({"target": target, "task": task, "success": self.success, "samples": self.samples, "cases": self.cases,
            "errors": self.errors, "unknown": self.unknown, "cost_usd": self.usd,
            "cost_per_sample_usd": object(&self.per_sample)?, "cost_per_case_usd": object(&self.per_case)?,
            "cost_per_success_usd": object(&self.per_success)?, "cost_per_success_resampled_usd": resampled,
            "cost_per_success_unbounded": self.per_success.value.is_some() && self.per_success.high.is_none(),
            "tokens_per_case": object(&self.tokens_per_case)?, "usd_per_mtok": self.usd_per_mtok,
            "usd_per_1k_characters": self.usd_per_1k_chars}),
        )
    }
}

fn unknown_of(unit: Unit) -> Estimate {
    Estimate {
        value: None,
        low: None,
        high: None,
        level: LEVEL,
        n: 0,
        method: Method::None,
        unit,
    }
}

fn mean_of(values: &[f64], unit: Unit) -> Estimate {
    let summary = mean::summarise(values).ok();
    let interval = summary.and_then(|summary| summary.t_interval(LEVEL).ok());
    Estimate {
        value: (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
        low: interval
            .map(|interval| interval.low.max(0.0))
            .filter(|low| low.is_finite()),
        high: interval
            .map(|interval| interval.high)
            .filter(|high| high.is_finite()),
        n: values.len() as u64,
        method: interval.map_or(Method::None, |_| Method::StudentT),
        ..unknown_of(unit)
    }
}

fn ratio_of(cases: &[CaseSums]) -> Estimate {
    let sums = sums(cases);
    let interval = fieller(&sums, 0.5 * (1.0 - LEVEL)).ok();
    Estimate {
        value: sums.ratio(),
        low: interval.map(|interval| interval.low),
        high: interval
            .map(|interval| interval.high)
            .filter(|high| high.is_finite()),
        n: cases.len() as u64,
        method: interval.map_or(Method::None, |_| Method::Fieller),
        ..unknown_of(Unit::Usd)
    }
}

fn shown(estimate: &Estimate) -> String {
    let Some(value) = estimate.value else {
        return match (estimate.method, estimate.low) {
            (Method::Fieller, Some(low)) => format!("no success; more than {}", dollars(low)),
            _ => "unknown".to_owned(),
        };
    };
    let high = estimate.high.map_or_else(|| "unbounded".to_owned(), dollars);
    match estimate.low {
        Some(low) => format!("{} [{}, {high}]", dollars(value), dollars(low)),
        None => dollars(value),
    }
}

fn spend_text(models: &[ModelSpend]) -> String {
    let mut text = String::new();
    for model in models {
        let cost = model
            .cost_usd
            .map_or_else(|| "unknown".to_owned(), |cost| format!("${cost}"));
        let _ = writeln!(
            text,
            "\nevaluating itself: {} ({} calls) {cost}",
            model.name, model.calls
        );
    }
    text
}
