//! `seatrial baseline diff RUN`: every metric that a run and its baseline share, case by case. Apart from gates, which ask
//! one question each: here is what to ask next.

use super::deliver;
use crate::args::baseline::BaselineDiffArguments;
use crate::baselines;
use crate::error::CliError;
use crate::output;
use crate::record;
use crate::scored;
use seatrial_analyse::baseline::{self, Baseline};
use seatrial_analyse::compare::{CompareOptions, Comparison, compare, pair};
use seatrial_analyse::scored::{FieldDifference, ScoredMetric, ScoredRun, identity_differences};
use seatrial_report::{clean, format};
use seatrial_types::{BaselineChange, ExitCode, MetricKind, TOOL_VERSION, Unit};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Seed of resampling: the same two runs always give the same numbers.
const SEED: u64 = 0;
/// Differences between identities that one error names.
const DIFFERENCES_SHOWN_MAX: usize = 10;

pub(super) fn diff(arguments: &BaselineDiffArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let store = record::open(&arguments.store.store)?;
    let run = record::find_run(&store, &arguments.run)?;
    let name = arguments.name.clone().unwrap_or_else(|| run.header.suite.clone());
    let (_, found) = baselines::require(&arguments.folder.baselines, &name)?;
    let runs = scored::of_run(&store, &run, None)?;
    let sides = sides(&found, &runs)?;
    let differences: Vec<(String, FieldDifference)> = sides
        .iter()
        .flat_map(|(base, run)| {
            let target = run.target.clone().unwrap_or_default();
            let fields = identity_differences(&base.identity, &run.identity);
            fields
                .into_iter()
                .map(move |difference| (target.clone(), difference))
        })
        .collect();
    if !differences.is_empty() && !arguments.force {
        let told: Vec<String> = differences
            .iter()
            .take(DIFFERENCES_SHOWN_MAX)
            .map(|(target, difference)| format!("{target}: {difference}"))
            .collect();
        let message = format!(
            "run {} and baseline `{name}` (run {}) asked or scored different things:\n{}",
            run.header.id,
            found.run_id,
            told.join("\n")
        );
        return Err(baselines::baseline_error(message).hint(format!(
            "bless a run of now: seatrial baseline bless {} --name {name}; or compare all the same with --force",
            run.header.id
        )));
    }
    let told: BTreeSet<String> = sides.iter().flat_map(|(_, run)| run.warnings.clone()).collect();
    let mut warnings: Vec<String> = told.into_iter().collect();
    if !differences.is_empty() {
        let fields: Vec<&str> = differences
            .iter()
            .map(|(_, difference)| difference.field.as_str())
            .collect();
        warnings.push(format!(
            "compared with --force although {} differ: the differences mean little",
            fields.join(", ")
        ));
    }
    let pairs: Vec<Pair<'_>> = sides
        .iter()
        .flat_map(|(base, run)| pairs(base, run, &mut warnings))
        .collect();
    let changed = baseline::changed(&found, &runs);
    let result = json!({
        "schema": "seatrial.baseline.diff/1", "tool_version": TOOL_VERSION, "exit_code": 0, "warnings": warnings,
        "name": name, "baseline_run_id": found.run_id, "blessed_at": found.blessed_at, "run_id": run.header.id,
        "is_forced": !differences.is_empty(), "changed": changed,
        "pairs": pairs.iter().map(Pair::json).collect::<Vec<Value>>(),
    });
    let text = text(&found, run.header.id.as_str(), &changed, &pairs, &warnings);
    deliver(&text, &result, arguments.json.as_deref())?;
    Ok(ExitCode::Pass)
}

/// Each target of the run with the one of the baseline.
fn sides<'a>(
    found: &'a Baseline,
    runs: &'a [ScoredRun],
) -> Result<Vec<(&'a ScoredRun, &'a ScoredRun)>, CliError> {
    let of_run = |run: &'a ScoredRun| {
        let name = run.target.as_deref().unwrap_or_default();
        let base = found.target(name);
        base.map(|base| (base, run)).map_err(|problem| {
            baselines::baseline_error(format!("baseline `{}`: {problem}", found.name))
                .hint("targets are paired by name; bless a run that has them")
        })
    };
    runs.iter().map(of_run).collect()
}

/// One metric of one target on both sides.
struct Pair<'a> {
    target: &'a str,
    task: &'a str,
    metric: &'a ScoredMetric,
    n_unpaired: u64,
    comparison: Comparison,
}

fn pairs<'a>(base: &'a ScoredRun, run: &'a ScoredRun, warnings: &mut Vec<String>) -> Vec<Pair<'a>> {
    let mut found = Vec::new();
    for task in &run.tasks {
        for metric in &task.metrics {
            let Some((base_task, base_metric)) = base.metric(&task.task, &metric.metric) else {
                continue;
            };
            let paired = pair(&base_task.rows(base_metric), &task.rows(metric));
            let compared = paired.and_then(|paired| {
                let options = CompareOptions {
                    kind: match metric.kind {
                        MetricKind::Binary if paired.epochs_max > 1 => MetricKind::Bounded,
                        kind => kind,
                    },
                    higher_is_better: metric.higher_is_better,
                    seed: SEED,
                    ..CompareOptions::default()
                };
                let n_unpaired = paired.only_a + paired.only_b;
                Ok((n_unpaired, compare(&paired, &options)?))
            });
            match compared {
                Ok((n_unpaired, comparison)) => found.push(Pair {
                    target: run.target.as_deref().unwrap_or_default(),
                    task: &task.task,
                    metric,
                    n_unpaired,
                    comparison,
                }),
                Err(error) => warnings.push(format!("{}.{}: {error}", task.task, metric.metric)),
            }
        }
    }
    found
}

impl Pair<'_> {
    fn json(&self) -> Value {
        let Comparison {
            a,
            b,
            difference,
            test,
            detectable,
            b_better,
            ..
        } = &self.comparison;
        let with_unit = |estimate: &seatrial_types::Estimate| {
            json!(seatrial_types::Estimate {
                unit: self.metric.unit,
                ..*estimate
            })
        };
        json!({"target": self.target, "task": self.task, "metric": self.metric.metric,
               "higher_is_better": self.metric.higher_is_better, "baseline": with_unit(a), "run": with_unit(b),
               "difference": with_unit(difference), "test": test.name.as_str(), "p": test.p, "mde": detectable.difference,
               "prob_run_better": b_better.value, "n_pairs": difference.n, "n_unpaired": self.n_unpaired,
               "newly_better": self.comparison.wins_b, "newly_worse": self.comparison.wins_a})
    }
}

fn text(
    found: &Baseline,
    run: &str,
    changed: &[BaselineChange],
    pairs: &[Pair<'_>],
    warnings: &[String],
) -> String {
    let mut text = format!(
        "run {run} against baseline {} (run {}, blessed {})\n",
        clean::line(&found.name),
        found.run_id,
        found.blessed_at
    );
    for change in changed {
        let difference = FieldDifference {
            field: change.field.clone(),
            a: change.baseline.clone(),
            b: change.run.clone(),
        };
        let _ = writeln!(
            text,
            "changed: {}",
            clean::line(&format!("{}: {difference}", change.target))
        );
    }
    if changed.is_empty() {
        text.push_str("changed: nothing\n");
    }
    let names: Vec<String> = pairs
        .iter()
        .map(|pair| {
            clean::line(&format!("{}  {}.{}", pair.target, pair.task, pair.metric.metric)).into_owned()
        })
        .collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .min(48);
    for (pair, name) in pairs.iter().zip(&names) {
        let unit: Unit = pair.metric.unit;
        let show =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format::number(value, unit));
        let comparison = &pair.comparison;
        let difference = &comparison.difference;
        let shown = format::interval(difference.value, difference.low, difference.high, unit);
        let _ = writeln!(
            text,
            "  {name:<width$}  {} → {}  Δ {shown}  p {:.4}  n {}",
            show(comparison.a.value),
            show(comparison.b.value),
            comparison.test.p,
            difference.n
        );
    }
    for warning in warnings {
        let _ = writeln!(text, "warning: {}", clean::line(warning));
    }
    text
}
