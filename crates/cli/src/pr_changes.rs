//! What differs between a run and another one, for the comment on a pull request: metrics case by case, cases that flipped,
//! texts of the worst. Apart from the comment, which is pure, and from the record, which knows one run at a time.

use crate::error::CliError;
use crate::record;
use seatrial_analyse::compare::{RunsOptions, compare_runs};
use seatrial_analyse::scored::{ScoredMetric, ScoredRun, identity_differences, subject_differences};
use seatrial_report::{CaseChange, CaseChangeKind, CaseTexts, Changes, Labels, MetricChange, Standing};
use seatrial_store::{RunRow, SqliteStore};
use seatrial_types::{Findings, MetricKind, PairComparison, Pillar, SampleRecord};
use std::collections::{BTreeMap, HashMap};

/// Cases of one kind that are kept; the comment names fewer and counts these.
const CASES_MAX: usize = 10_000;
/// Cases whose texts are read.
const TEXTS_MAX: usize = 5;
/// Differences that are told.
const NOTES_MAX: usize = 10;

/// Another run to compare with.
pub(crate) struct Other {
    /// What it is called in the comment.
    pub(crate) label: String,
    /// Its targets.
    pub(crate) runs: Vec<ScoredRun>,
    /// Its values by target and metric, for those that cannot be compared case by case.
    pub(crate) values: HashMap<(String, String), f64>,
}

/// Right repetitions of a case, and how many there were.
type Tally = (u32, u32);

/// Everything that the comment says beside the findings.
pub(crate) fn changes(
    findings: &Findings,
    store: &SqliteStore,
    row: &RunRow,
    runs: &[ScoredRun],
    other: Option<&Other>,
) -> Result<Changes, CliError> {
    let mut changes = Changes {
        against: other.map(|other| other.label.clone()),
        ..Changes::default()
    };
    for run in runs {
        let before = other.and_then(|other| counterpart(other, run, &mut changes.notes));
        if let Some(before) = before {
            changes.metrics.extend(metrics(before, run, &mut changes.notes));
        }
        cases(before, run, &mut changes.cases);
    }
    if let Some(other) = other.filter(|_| !changes.metrics.is_empty()) {
        let alone = values_alone(findings, other, &changes.metrics);
        changes.metrics.extend(alone);
    }
    changes.cases.sort_by(|a, b| {
        let key = |case: &CaseChange| (case.kind, case.target.clone(), case.task.clone());
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    changes.notes.truncate(NOTES_MAX);
    let labels = record::labels(store, row, findings)?;
    texts(store, row, &labels, other, &mut changes.cases)?;
    Ok(changes)
}

/// The target of the other run that this one is held against: the one of its name, or the only one there is. None where
/// the two were asked or scored differently, which is then said.
fn counterpart<'a>(other: &'a Other, run: &ScoredRun, notes: &mut Vec<String>) -> Option<&'a ScoredRun> {
    let name = run.target.as_deref().unwrap_or_default();
    let found = other.runs.iter().find(|before| before.target == run.target);
    let before = match (found, other.runs.as_slice()) {
        (Some(before), _) | (None, [before]) => before,
        _ => {
            notes.push(format!(
                "{name}: there is no such target in what it is compared with"
            ));
            return None;
        }
    };
    let identity = identity_differences(&before.identity, &run.identity);
    if !identity.is_empty() {
        let fields = identity.iter().take(NOTES_MAX);
        notes.extend(fields.map(|field| format!("{name}: not comparable, {field}")));
        return None;
    }
    let subject = subject_differences(&before.subject, &run.subject);
    notes.extend(
        subject
            .iter()
            .take(NOTES_MAX)
            .map(|field| format!("{name}: changed {field}")),
    );
    Some(before)
}

/// Every metric that both have, with the corrections and the tests of `seatrial compare`.
fn metrics(before: &ScoredRun, run: &ScoredRun, notes: &mut Vec<String>) -> Vec<MetricChange> {
    let options = RunsOptions {
        slices: false,
        ..RunsOptions::default()
    };
    match compare_runs(&[before.clone(), run.clone()], &options) {
        Err(error) => {
            notes.push(format!("not comparable, {error}"));
            Vec::new()
        }
        Ok(compared) => {
            notes.extend(compared.warnings);
            let target = run.target.as_deref().unwrap_or_default();
            compared.pairs.iter().map(|pair| change(target, pair)).collect()
        }
    }
}

fn change(target: &str, pair: &PairComparison) -> MetricChange {
    MetricChange {
        target: target.to_owned(),
        metric: format!("{}.{}.{}", pair.task, pair.metric, pair.statistic.as_str()),
        pillar: pair.pillar,
        unit: pair.unit,
        before: pair.value_a.value,
        now: pair.value_b.value,
        difference: pair.difference.value,
        low: pair.difference.low,
        high: pair.difference.high,
        p_adjusted: pair.p_adjusted,
        mde: pair.mde,
        // What does not stand the correction is no difference that was shown.
        is_better: pair.b_is_better().filter(|_| pair.differs()),
    }
}

/// Percentiles and ratios, which no pair of cases has: the other run's value beside this one's, without a difference that
/// nobody tested.
fn values_alone(findings: &Findings, other: &Other, known: &[MetricChange]) -> Vec<MetricChange> {
    let mut alone = Vec::new();
    for target in &findings.targets {
        for metric in &target.metrics {
            let name = metric.name();
            let is_known = known
                .iter()
                .any(|change| change.target == target.name && change.metric == name);
            let before = other.values.get(&(target.name.clone(), name.clone())).copied();
            if !is_known && before.is_some() {
                alone.push(MetricChange {
                    target: target.name.clone(),
                    metric: name,
                    pillar: metric.pillar,
                    unit: metric.unit,
                    before,
                    now: metric.value,
                    difference: None,
                    low: None,
                    high: None,
                    p_adjusted: None,
                    mde: None,
                    is_better: None,
                });
            }
        }
    }
    alone
}

/// By task and case id: right repetitions, by the metrics of quality that are right or wrong; an answer that failed is not
/// right.
fn tallies(run: &ScoredRun) -> BTreeMap<(&str, &str), Tally> {
    let mut tallies = BTreeMap::new();
    for task in &run.tasks {
        let deciding: Vec<&ScoredMetric> = task
            .metrics
            .iter()
            .filter(|metric| {
                metric.is_primary && metric.kind == MetricKind::Binary && metric.pillar == Pillar::Quality
            })
            .collect();
        if deciding.is_empty() {
            continue;
        }
        for (at, sample) in task.samples.iter().enumerate() {
            let right = |metric: &&ScoredMetric| {
                let score = metric.scores.get(at).copied().flatten();
                score == Some(if metric.higher_is_better { 1.0 } else { 0.0 })
            };
            let is_right = deciding.iter().all(right);
            let tally: &mut Tally = tallies.entry((task.task.as_str(), &*sample.id)).or_default();
            tally.0 += u32::from(is_right);
            tally.1 += 1;
        }
    }
    tallies
}

/// Cases whose majority flipped, and those whose repetitions disagree now.
fn cases(before: Option<&ScoredRun>, run: &ScoredRun, found: &mut Vec<CaseChange>) {
    let of_before = before.map(tallies).unwrap_or_default();
    let is_right = |(right, of): Tally| right * 2 > of;
    for ((task, id), now) in tallies(run) {
        let before = of_before.get(&(task, id)).copied();
        let kind = match before {
            _ if now.0 > 0 && now.0 < now.1 => CaseChangeKind::Flaky,
            Some(before) if is_right(before) && !is_right(now) => CaseChangeKind::NewlyFailing,
            Some(before) if !is_right(before) && is_right(now) => CaseChangeKind::NewlyPassing,
            _ => continue,
        };
        if found.len() < CASES_MAX {
            found.push(CaseChange {
                kind,
                target: run.target.clone().unwrap_or_default(),
                task: task.to_owned(),
                id: id.to_owned(),
                before,
                now,
                texts: None,
            });
        }
    }
}

/// Puts texts to the first cases that fail, and to flaky ones where there are fewer: of this run, and of the other where
/// it is on record too.
fn texts(
    store: &SqliteStore,
    row: &RunRow,
    labels: &Labels,
    other: Option<&Other>,
    cases: &mut [CaseChange],
) -> Result<(), CliError> {
    let wanted: Vec<&mut CaseChange> = cases
        .iter_mut()
        .filter(|case| case.kind != CaseChangeKind::NewlyPassing)
        .take(TEXTS_MAX)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut places: HashMap<(String, String, String), usize> = HashMap::new();
    for (at, case) in wanted.iter().enumerate() {
        places.insert((case.target.clone(), case.task.clone(), case.id.clone()), at);
    }
    let place = |labels: &Labels, sample: &SampleRecord| {
        let key = (
            labels.target(sample.key.target),
            labels.task(sample.key.task),
            sample.case_id.to_string(),
        );
        places.get(&key).copied()
    };
    let mut found: Vec<Option<CaseTexts>> = vec![None; wanted.len()];
    record::for_each_sample(store, &row.header.id, &mut |sample| {
        let at = place(labels, sample).filter(|at| found.get(*at).is_some_and(Option::is_none));
        // Of repetitions the first that is not right.
        if let Some(at) = at.filter(|_| labels.standing(sample) != Standing::Right) {
            found[at] = Some(CaseTexts {
                prompt: sample
                    .prompt
                    .last()
                    .map(|message| message.content.clone())
                    .unwrap_or_default(),
                before: None,
                now: answer(sample),
            });
        }
    })?;
    let other_id = other.and_then(|other| other.runs.first()?.run_id.clone());
    if let Some(before) = other_id.and_then(|id| record::find_run(store, id.as_str()).ok()) {
        let labels_before = Labels::of_plan(&record::plan(store, &before)?);
        record::for_each_sample(store, &before.header.id, &mut |sample| {
            let texts = place(&labels_before, sample).and_then(|at| found.get_mut(at)?.as_mut());
            if let Some(texts) = texts.filter(|texts| texts.before.is_none()) {
                texts.before = Some(answer(sample));
            }
        })?;
    }
    for (case, texts) in wanted.into_iter().zip(found) {
        case.texts = texts;
    }
    Ok(())
}

fn answer(sample: &SampleRecord) -> String {
    match &sample.call.result {
        Ok(answer) => answer.text.clone(),
        Err(error) => error.to_string(),
    }
}
