//! Texts of the cases that flipped: what was asked, what each system answered, what the scorer said. Apart, because only
//! here samples are read whole, and only those that are shown.

use super::files;
use super::inputs::Source;
use crate::error::CliError;
use crate::record;
use crate::session::store_error;
use seatrial_analyse::scored::ScoredRun;
use seatrial_report::{Labels, clean};
use seatrial_store::{Catalog, Events, SqliteStore};
use seatrial_types::{Flip, FlipTexts, PairComparison, SampleKey, SampleRecord};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

/// Cases of each kind and metric that are shown with their texts.
const WITH_TEXTS_MAX: usize = 20;
/// Characters of a text that are kept.
const TEXT_CHARS_MAX: usize = 2_000;

/// Where a sample is: system, task, epoch, id.
type Place = (usize, String, u32, String);

struct Texts {
    prompt: Option<String>,
    answer: String,
    /// What the scorers said, by position of their metric in the task's list: every scorer says one thing of each.
    details: Vec<Option<String>>,
}

/// Puts the texts of the first flips of every pair with the first system in.
pub(super) fn fill(
    pairs: &mut [PairComparison],
    runs: &[ScoredRun],
    sources: &[Source],
    store: &Path,
) -> Result<(), CliError> {
    let position = |label: &str| runs.iter().position(|run| run.label == label);
    let mut wanted: HashSet<Place> = HashSet::new();
    for pair in pairs.iter_mut() {
        let (Some(a), Some(b)) = (position(&pair.a), position(&pair.b)) else {
            continue;
        };
        let task = pair.task.clone();
        for flip in shown(pair) {
            wanted.insert((a, task.clone(), flip.epoch_a, flip.id.clone()));
            wanted.insert((b, task.clone(), flip.epoch_b, flip.id.clone()));
        }
    }
    let mut found: HashMap<Place, Texts> = HashMap::new();
    for (system, (run, source)) in runs.iter().zip(sources).enumerate() {
        let of_system: HashSet<&Place> = wanted.iter().filter(|place| place.0 == system).collect();
        if !of_system.is_empty() {
            look_up(system, run, source, store, &of_system, &mut found)?;
        }
    }
    for pair in pairs.iter_mut() {
        let (Some(a), Some(b)) = (position(&pair.a), position(&pair.b)) else {
            continue;
        };
        let (task, metric) = (pair.task.clone(), pair.metric.clone());
        let indexes = [a, b].map(|system| metric_index(&runs[system], &task, &metric));
        for flip in shown(pair) {
            let of_a = found.get(&(a, task.clone(), flip.epoch_a, flip.id.clone()));
            let of_b = found.get(&(b, task.clone(), flip.epoch_b, flip.id.clone()));
            if of_a.is_some() || of_b.is_some() {
                flip.texts = Some(texts(of_a, of_b, indexes));
            }
        }
    }
    Ok(())
}

/// The flips that are shown with texts.
fn shown(pair: &mut PairComparison) -> impl Iterator<Item = &mut Flip> {
    pair.flips.iter_mut().flat_map(|flips| {
        [
            &mut flips.newly_failing,
            &mut flips.newly_passing,
            &mut flips.flaky,
        ]
        .into_iter()
        .flat_map(|list| list.iter_mut().take(WITH_TEXTS_MAX))
    })
}

/// Position of a metric among those of the task's scorers.
fn metric_index(run: &ScoredRun, task: &str, metric: &str) -> Option<usize> {
    run.task(task)?
        .metrics
        .iter()
        .position(|found| found.metric == metric)
}

fn texts(a: Option<&Texts>, b: Option<&Texts>, indexes: [Option<usize>; 2]) -> FlipTexts {
    let detail = |texts: Option<&Texts>, index: Option<usize>| texts?.details.get(index?)?.clone();
    let answer = |texts: Option<&Texts>| texts.map(|texts| texts.answer.clone());
    let prompt = |texts: Option<&Texts>| texts.and_then(|texts| texts.prompt.clone());
    FlipTexts {
        prompt: prompt(b).or_else(|| prompt(a)),
        answer_a: answer(a),
        answer_b: answer(b),
        detail_a: detail(a, indexes[0]),
        detail_b: detail(b, indexes[1]),
    }
}

fn look_up(
    system: usize,
    run: &ScoredRun,
    source: &Source,
    store: &Path,
    wanted: &HashSet<&Place>,
    found: &mut HashMap<Place, Texts>,
) -> Result<(), CliError> {
    match source {
        Source::Scores { .. } => Ok(()),
        Source::Record(id) => {
            let store: SqliteStore = record::open(store)?;
            let keys = keys(&store, run, wanted)?;
            for (key, place) in keys {
                if let Some(sample) = store.sample(id, key).map_err(store_error)? {
                    found.insert(place.clone(), read(&sample));
                }
            }
            Ok(())
        }
        Source::Samples { shape, .. } => files::for_each_sample(shape, &mut |sample| {
            let task = shape.tasks.get(usize::from(sample.key.task));
            let target = shape.targets.get(usize::from(sample.key.target));
            let is_own = target.is_some_and(|target| run.target.as_deref() == Some(target.name.as_str()));
            if let (Some(task), true) = (task, is_own) {
                let place = (
                    system,
                    task.name.clone(),
                    sample.key.epoch,
                    sample.case_id.to_string(),
                );
                if wanted.contains(&place) {
                    found.insert(place, read(&sample));
                }
            }
            ControlFlow::Continue(())
        }),
    }
}

/// The keys of the samples that are wanted: the scored run knows the number of each case, the plan those of target and
/// task.
fn keys<'a>(
    store: &SqliteStore,
    run: &ScoredRun,
    wanted: &HashSet<&'a Place>,
) -> Result<Vec<(SampleKey, &'a Place)>, CliError> {
    let Some(id) = &run.run_id else {
        return Ok(Vec::new());
    };
    let row = record::find_run(store, id.as_str())?;
    let plan = store.plan(row.header.plan_hash).map_err(store_error)?;
    let labels = Labels::of_plan(plan.as_deref().unwrap_or_default());
    let number = |at: Option<usize>| at.and_then(|at| u16::try_from(at).ok());
    let target = run.target.as_deref();
    let Some(target) = number(
        labels
            .targets
            .iter()
            .position(|name| Some(name.as_str()) == target),
    ) else {
        return Ok(Vec::new());
    };
    let mut keys = Vec::with_capacity(wanted.len());
    for task in &run.tasks {
        let Some(task_number) = number(labels.tasks.iter().position(|known| known.name == task.task)) else {
            continue;
        };
        let of_task: HashMap<(u32, &str), &Place> = wanted
            .iter()
            .filter(|place| place.1 == task.task)
            .map(|place| ((place.2, place.3.as_str()), *place))
            .collect();
        if of_task.is_empty() {
            continue;
        }
        for sample in &task.samples {
            if let Some(place) = of_task.get(&(sample.epoch, &*sample.id)) {
                let key = SampleKey {
                    target,
                    task: task_number,
                    epoch: sample.epoch,
                    case: sample.case,
                };
                keys.push((key, *place));
            }
        }
    }
    Ok(keys)
}

fn read(sample: &SampleRecord) -> Texts {
    let cut = |text: &str| clean::cut(text, TEXT_CHARS_MAX).into_owned();
    let answer = match &sample.call.result {
        Ok(answer) => cut(&answer.text),
        Err(error) => format!("({}: {})", error.kind.as_str(), cut(&error.message)),
    };
    let mut scores: Vec<_> = sample.scores.iter().collect();
    scores.sort_by_key(|record| (record.scorer, record.score.metric));
    Texts {
        prompt: sample
            .prompt
            .last()
            .map(|message| cut(&message.content))
            .filter(|text| !text.is_empty()),
        answer,
        details: scores
            .into_iter()
            .map(|record| record.score.detail.clone())
            .collect(),
    }
}
