//! The two passes: the first learns what a run consists of, the second makes records with the indexes that the first
//! gave. Apart from the readers, so that every format is numbered, checked and converted by the same rules.

use crate::error::ImportError;
use crate::foreign::{Claim, FileFacts, ForeignSample, ForeignScore, Format, ScoreValue, Tally};
use crate::names;
use crate::record::{Numbers, record};
use crate::shape::{ScorerShape, Shape, TargetShape, TaskShape};
use indexmap::IndexMap;
use seatrial_types::{ContentHash, MetricKind, MetricSpec, Pillar, SampleKey, SampleRecord, Unit};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most samples of one import.
pub const SAMPLES_MAX: usize = 10_000_000;
/// Most metrics of one task.
pub const METRICS_MAX: usize = 1000;
/// Longest text of a sample that is kept; what is longer is cut, with a warning.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How far the mean of this record may be from what the tool reports before that is told.
const CLAIM_TOLERANCE: f64 = 1e-6;

/// What the user may say about an import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Name of the suite that the run is shown under; default: what the files say.
    pub name: Option<String>,
    /// Name of the target, where there is only one; default: the model's.
    pub target: Option<String>,
    /// Columns (metadata of the cases) whose values are reported apart.
    pub slices: Vec<String>,
    /// Column that names the cluster of a case.
    pub cluster: Option<String>,
}

/// Reads all files once and says what they hold.
///
/// # Errors
/// Where a file cannot be read or is not what `format` says, with its place and a hint; where nothing is in it.
pub fn survey(format: Format, files: &[PathBuf], options: &Options) -> Result<Shape, ImportError> {
    let mut survey = Survey::new(options);
    for path in files {
        let before = survey.samples;
        let facts = format.read(path, &mut |sample| survey.add(path, &sample))?;
        let found = survey.samples - before;
        survey.end_file(path, facts, found)?;
    }
    survey.finish(format, files)
}

/// Reads all files again and hands over the samples as records, numbered as in `shape`.
///
/// # Errors
/// As [`survey`]; where a file changed in between.
pub fn records(shape: &Shape, f: &mut dyn FnMut(SampleRecord) -> ControlFlow<()>) -> Result<(), ImportError> {
    let numbers = Numbers::of(shape);
    let mut seen = HashSet::new();
    let mut stopped = false;
    for path in &shape.files {
        shape.format.read(path, &mut |sample| {
            let changed = || {
                let hint = "import it again when nothing writes to it any more";
                ImportError::new(path, "the file changed while it was read", hint)
            };
            if stopped {
                return Ok(());
            }
            let (key, task) = numbers.key(shape, &sample).ok_or_else(changed)?;
            if seen.insert(key) {
                stopped = f(record(shape, task, key, sample)).is_break();
            }
            Ok(())
        })?;
    }
    Ok(())
}

struct Survey<'a> {
    options: &'a Options,
    models: IndexMap<Arc<str>, ()>,
    tasks: IndexMap<Arc<str>, TaskSurvey>,
    seen: HashSet<SampleKey>,
    samples: u64,
    errors: u64,
    expected: u64,
    titles: Vec<String>,
    started_at: Option<String>,
    ended_at: Option<String>,
    files: Vec<Value>,
    claims: Vec<Claim>,
    tally: Tally,
    warnings: Vec<String>,
    columns_seen: HashSet<String>,
}

/// Target, scorer, metric.
type SeriesKey = (u16, Arc<str>, Arc<str>);

#[derive(Default)]
struct TaskSurvey {
    cases: IndexMap<Arc<str>, ContentHash>,
    epochs: u32,
    scorers: IndexMap<Arc<str>, IndexMap<Arc<str>, Values>>,
    /// Sum and count of the values of each case, by target, scorer and metric: tools average within cases first.
    sums: HashMap<SeriesKey, Vec<(f64, u32)>>,
    metrics: usize,
}

/// What values a metric took.
#[derive(Clone, Copy)]
struct Values {
    binary: bool,
    bounded: bool,
}

impl<'a> Survey<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            models: IndexMap::new(),
            tasks: IndexMap::new(),
            seen: HashSet::new(),
            samples: 0,
            errors: 0,
            expected: 0,
            titles: Vec::new(),
            started_at: None,
            ended_at: None,
            files: Vec::new(),
            claims: Vec::new(),
            tally: Tally::default(),
            warnings: Vec::new(),
            columns_seen: HashSet::new(),
        }
    }

    fn add(&mut self, path: &Path, sample: &ForeignSample) -> Result<(), ImportError> {
        let too_many = |what: &str, most: usize| {
            let hint = "import fewer files at a time";
            Err(ImportError::new(path, format!("more than {most} {what}"), hint))
        };
        let target = self.models.insert_full(Arc::clone(&sample.model), ()).0;
        let entry = self.tasks.entry(Arc::clone(&sample.task));
        let task_index = entry.index();
        let task = entry.or_default();
        let Ok(target) = u16::try_from(target) else {
            return too_many("models", usize::from(u16::MAX));
        };
        let Ok(task_number) = u16::try_from(task_index) else {
            return too_many("tasks", usize::from(u16::MAX));
        };
        if self.seen.len() >= SAMPLES_MAX {
            return too_many("samples", SAMPLES_MAX);
        }
        let content = content_hash(sample);
        let place = format!("case {} of task {}", sample.case_id, sample.task);
        let case = task
            .cases
            .get_index_of(&sample.case_id)
            .unwrap_or_else(|| task.cases.insert_full(Arc::clone(&sample.case_id), content).0);
        if task
            .cases
            .get_index(case)
            .is_some_and(|(_, known)| *known != content)
        {
            let what = "a case has different inputs or references under the same id: comparing its answers means little";
            self.tally.add(what, &place);
        }
        let key = SampleKey {
            target,
            task: task_number,
            epoch: sample.epoch,
            case: u32::try_from(case).unwrap_or(u32::MAX),
        };
        if !self.seen.insert(key) {
            self.tally
                .add("a sample is there twice; the first one is kept", &place);
            return Ok(());
        }
        task.epochs = task.epochs.max(sample.epoch.saturating_add(1));
        self.samples += 1;
        self.errors += u64::from(sample.result.is_err());
        for column in self.options.slices.iter().chain(&self.options.cluster) {
            if sample.columns.contains_key(column) {
                self.columns_seen.insert(column.clone());
            }
        }
        if is_too_long(sample) {
            let what = format!("a text is longer than {TEXT_BYTES_MAX} bytes and is cut");
            self.tally.add(&what, &place);
        }
        for score in &sample.scores {
            task.add_score(target, case, score);
            if task.metrics > METRICS_MAX {
                return too_many("metrics of one task", METRICS_MAX);
            }
        }
        Ok(())
    }

    fn end_file(&mut self, path: &Path, facts: FileFacts, found: u64) -> Result<(), ImportError> {
        let (hash, bytes) = file_hash(path)?;
        let file_name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let expected = facts.samples_expected.unwrap_or(found).max(found);
        self.expected += expected;
        if expected > found {
            self.warnings.push(format!(
                "{file_name}: {found} of {expected} samples are there; the run was not finished"
            ));
        }
        self.started_at = match (self.started_at.take(), facts.started_at.clone()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.ended_at = self.ended_at.clone().max(facts.ended_at.clone());
        if let Some(title) = &facts.title
            && !self.titles.contains(title)
        {
            self.titles.push(title.clone());
        }
        self.files.push(json!({
            "name": file_name, "hash": hash, "bytes": bytes, "tool": facts.tool, "tool_version": facts.tool_version,
            "run_id": facts.run_id, "started_at": facts.started_at, "ended_at": facts.ended_at, "details": facts.details,
        }));
        self.claims.extend(facts.claims);
        let options = self.options;
        let is_used = |column: &String| {
            options
                .slices
                .iter()
                .chain(&options.cluster)
                .any(|used| used == column)
        };
        let left = facts
            .columns_left
            .into_iter()
            .filter(|(column, _)| !is_used(column));
        let warnings = facts.warnings.into_iter().chain(left.map(|(_, warning)| warning));
        self.warnings
            .extend(warnings.map(|warning| format!("{file_name}: {warning}")));
        Ok(())
    }

    fn finish(mut self, format: Format, files: &[PathBuf]) -> Result<Shape, ImportError> {
        let first = files.first().map_or(Path::new(""), PathBuf::as_path);
        if self.samples == 0 {
            let hint = "there is nothing to import; was the run stopped before its first sample ended?";
            return Err(ImportError::new(first, "found no samples", hint));
        }
        for column in self.options.slices.iter().chain(&self.options.cluster) {
            if !self.columns_seen.contains(column) {
                let problem = format!("no sample has a column `{column}`");
                let hint = "slices and clusters are named by the metadata of the cases";
                return Err(ImportError::new(first, problem, hint));
            }
        }
        if self.options.target.is_some() && self.models.len() > 1 {
            let names: Vec<&str> = self.models.keys().map(AsRef::as_ref).collect();
            let problem = format!("a name for one target, but the files hold {}", names.join(", "));
            return Err(ImportError::new(
                first,
                problem,
                "leave --target out, or import one model at a time",
            ));
        }
        self.compare_claims();
        let mut taken = HashSet::new();
        let target_name = self.options.target.as_deref();
        let targets = self
            .models
            .keys()
            .map(|model| TargetShape {
                name: unique(&names::target(target_name.unwrap_or(model)), &mut taken),
                model: model.to_string(),
            })
            .collect();
        let mut taken = HashSet::new();
        let clustered = self.options.cluster.is_some();
        let tasks = self
            .tasks
            .into_iter()
            .map(|(name, task)| task.shape(&name, clustered, &mut taken))
            .collect();
        let mut warnings = self.warnings;
        warnings.extend(self.tally.into_warnings());
        let title = match self.titles.as_slice() {
            [] => format.as_str().to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        Ok(Shape {
            name: self.options.name.clone().unwrap_or(title),
            started_at: self.started_at,
            ended_at: self.ended_at,
            targets,
            tasks,
            samples: self.samples,
            errors: self.errors,
            samples_expected: self.expected,
            warnings,
            provenance: json!({"format": format.as_str(), "files": self.files}),
            format,
            files: files.to_vec(),
            slices: self.options.slices.clone(),
            cluster: self.options.cluster.clone(),
        })
    }

    /// Says where the means of this record are not what the tool itself reports.
    fn compare_claims(&mut self) {
        for claim in &self.claims {
            let Some(target) = self.models.get_index_of(&claim.model) else {
                continue;
            };
            let target = u16::try_from(target).unwrap_or(u16::MAX);
            let key = (target, Arc::clone(&claim.scorer), Arc::clone(&claim.metric));
            let Some(sums) = self.tasks.get(&claim.task).and_then(|task| task.sums.get(&key)) else {
                continue;
            };
            let of_cases = sums.iter().filter(|(_, n)| *n > 0);
            let (sum, cases) = of_cases.fold((0.0, 0.0), |(sum, cases), (total, n)| {
                (sum + total / f64::from(*n), cases + 1.0)
            });
            let mean = sum / f64::max(cases, 1.0);
            if (mean - claim.value).abs() > CLAIM_TOLERANCE * claim.value.abs().max(1.0) {
                self.warnings.push(format!(
                    "task {}: the tool reports {} = {}, the samples give {mean}; it may count unscored samples, or \
                     reduce repetitions, in another way",
                    claim.task, claim.metric, claim.value
                ));
            }
        }
    }
}

impl TaskSurvey {
    fn add_score(&mut self, target: u16, case: usize, score: &ForeignScore) {
        let metrics = self.scorers.entry(Arc::clone(&score.scorer)).or_default();
        let known = metrics.len();
        let values = metrics.entry(Arc::clone(&score.metric)).or_insert(Values {
            binary: true,
            bounded: true,
        });
        let ScoreValue::Number(value) = score.value else {
            self.metrics += metrics.len() - known;
            return;
        };
        #[expect(clippy::float_cmp, reason = "exactly 0 and 1 make a metric binary")]
        let is_binary = value == 0.0 || value == 1.0;
        values.binary &= is_binary;
        values.bounded &= (0.0..=1.0).contains(&value);
        self.metrics += metrics.len() - known;
        let key = (target, Arc::clone(&score.scorer), Arc::clone(&score.metric));
        let sums = self.sums.entry(key).or_default();
        if sums.len() <= case {
            sums.resize(case + 1, (0.0, 0));
        }
        if let Some((sum, n)) = sums.get_mut(case) {
            *sum += value;
            *n += 1;
        }
    }

    fn shape(self, original: &str, clustered: bool, taken_tasks: &mut HashSet<String>) -> TaskShape {
        let mut taken = HashSet::new();
        let scorers = self
            .scorers
            .into_iter()
            .map(|(name, metrics)| ScorerShape {
                name: name.to_string(),
                originals: metrics.keys().cloned().collect(),
                metrics: metrics
                    .into_iter()
                    .map(|(metric, values)| spec(&metric, values, &mut taken))
                    .collect(),
            })
            .collect();
        TaskShape {
            name: unique(&names::plain(original, "task"), taken_tasks),
            original: original.to_owned(),
            epochs: self.epochs,
            is_clustered: clustered || self.epochs > 1,
            scorers,
            cases: self.cases.into_iter().collect(),
        }
    }
}

fn spec(metric: &str, values: Values, taken: &mut HashSet<String>) -> MetricSpec {
    let kind = match values {
        Values { binary: true, .. } => MetricKind::Binary,
        Values { bounded: true, .. } => MetricKind::Bounded,
        Values { .. } => MetricKind::Real,
    };
    MetricSpec {
        name: unique(&names::plain(metric, "score"), taken).into(),
        kind,
        unit: if kind == MetricKind::Binary {
            Unit::Share
        } else {
            Unit::Score
        },
        pillar: Pillar::Quality,
        unparsed_is_wrong: false,
        refused_is_wrong: false,
    }
}

/// The name, with a number behind it where it is taken.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2_u32;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{name}-{number}");
        number = number.saturating_add(1);
    }
    candidate
}

fn content_hash(sample: &ForeignSample) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    for part in &sample.content.0 {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    ContentHash::finish(&hasher)
}

fn file_hash(path: &Path) -> Result<(ContentHash, u64), ImportError> {
    let mut file = crate::text_file::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut bytes = 0;
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(|error| ImportError::io(path, "read", &error))?;
        if read == 0 {
            return Ok((ContentHash::finish(&hasher), bytes));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

fn is_too_long(sample: &ForeignSample) -> bool {
    let answer = sample.result.as_ref().map_or(0, |answer| answer.text.len());
    answer > TEXT_BYTES_MAX
        || sample
            .prompt
            .iter()
            .any(|message| message.content.len() > TEXT_BYTES_MAX)
}
