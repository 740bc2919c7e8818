//! An Inspect log: one task of one target, as Inspect has it. Apart because its head needs means that only the findings
//! know, and because samples of other tasks and targets are left out.

use super::{Export, SampleWriter};
use crate::error::CliError;
use seatrial_interop::inspect_log::{LogHead, MetricSummary, head_json, sample_json};
use seatrial_store::{Events, RunStatus, SqliteStore};
use seatrial_types::{Findings, RunId, SampleRecord, Statistic, TOOL_VERSION};
use serde_json::{Map, Value};
use std::io::{Result, Write};
use std::ops::ControlFlow;

/// One target and one task of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) target: u16,
    pub(super) task: u16,
}

pub(super) struct InspectLog<'a, W> {
    export: &'a Export,
    pair: Pair,
    model: String,
    scorers: Vec<(String, Vec<String>)>,
    head: String,
    out: W,
    is_begun: bool,
}

/// The one pair that is asked for.
pub(super) fn pair(export: &Export) -> std::result::Result<Pair, CliError> {
    let (names, only) = (&export.names, &export.only);
    match (only.targets.as_slice(), only.tasks.as_slice()) {
        ([target], [task]) => Ok(Pair {
            target: *target,
            task: *task,
        }),
        _ => Err(
            CliError::usage("an Inspect log holds one task of one target, but the run has more").hint(
                format!(
                    "name one with --target ({}) and one with --task ({})",
                    names.target_names(),
                    names.task_names()
                ),
            ),
        ),
    }
}

impl<'a, W: Write> InspectLog<'a, W> {
    pub(super) fn new(
        export: &'a Export,
        pair: Pair,
        store: &SqliteStore,
        findings: Option<&Findings>,
        out: W,
    ) -> std::result::Result<Self, CliError> {
        let names = &export.names;
        let target = names.target(pair.target);
        let model = names.model(pair.target).unwrap_or(&target).to_owned();
        let scorers = names.scorers(pair.task);
        let (samples, answered) = counts(store, &export.run.header.id, pair)?;
        let header = &export.run.header;
        let summaries = scorers
            .iter()
            .map(|(scorer, metrics)| {
                let of = |metric: &String| summary(findings, &target, &names.task(pair.task), metric);
                (scorer.clone(), metrics.iter().map(of).collect())
            })
            .collect();
        let metadata: Map<String, Value> = [
            ("seatrial_version", Value::from(TOOL_VERSION)),
            ("plan_hash", header.plan_hash.to_string().into()),
            ("suite", header.suite.clone().into()),
            ("target", target.into()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        let head = head_json(&LogHead {
            run_id: header.id.to_string(),
            started_at: header.started_at.clone(),
            ended_at: export.run.ended_at.clone(),
            is_complete: export.run.status == RunStatus::Finished,
            task: names.task(pair.task),
            model: model.clone(),
            samples,
            answered,
            epochs: names.epochs(pair.task),
            scorers: summaries,
            metadata,
        });
        Ok(Self {
            export,
            pair,
            model,
            scorers,
            head: head.to_string(),
            out,
            is_begun: false,
        })
    }

    fn begin(&mut self) -> Result<()> {
        self.is_begun = true;
        let open = self.head.strip_suffix('}').unwrap_or(&self.head);
        write!(self.out, "{open},\"samples\":[")
    }
}

impl<W: Write> SampleWriter for InspectLog<'_, W> {
    fn sample(&mut self, sample: &SampleRecord) -> Result<()> {
        debug_assert!(self.export.only.contains(sample.key));
        if (sample.key.target, sample.key.task) != (self.pair.target, self.pair.task) {
            return Ok(());
        }
        if self.is_begun {
            writeln!(self.out, ",")?;
        } else {
            self.begin()?;
            writeln!(self.out)?;
        }
        write!(self.out, "{}", sample_json(&self.model, &self.scorers, sample))
    }

    fn end(&mut self) -> Result<()> {
        if !self.is_begun {
            self.begin()?;
        }
        writeln!(self.out, "\n]}}")?;
        self.out.flush()
    }
}

/// Samples of the pair, and those of them with an answer.
fn counts(store: &SqliteStore, run: &RunId, pair: Pair) -> std::result::Result<(u64, u64), CliError> {
    let (mut samples, mut answered) = (0, 0);
    let mut count = |sample: seatrial_types::SampleFigures| {
        if (sample.key.target, sample.key.task) == (pair.target, pair.task) {
            samples += 1;
            answered += u64::from(sample.error.is_none());
        }
        ControlFlow::Continue(())
    };
    store
        .for_each_figures(run, &mut count)
        .map_err(crate::session::store_error)?;
    Ok((samples, answered))
}

fn summary(findings: Option<&Findings>, target: &str, task: &str, metric: &str) -> MetricSummary {
    let targets = findings.into_iter().flat_map(|findings| &findings.targets);
    let found = targets
        .filter(|found| found.name == target)
        .flat_map(|found| &found.metrics)
        .find(|found| found.task == task && found.metric == metric && found.statistic == Statistic::Mean);
    MetricSummary {
        name: metric.to_owned(),
        mean: found.and_then(|found| found.value),
        scored: found.map_or(0, |found| found.n_scored),
    }
}
