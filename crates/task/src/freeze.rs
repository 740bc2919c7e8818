//! From a draft to a plan: looks at every dataset once, checks each row against what the tasks need, chooses the
//! cases, and hashes all that decides requests and scores. What is frozen here is what a run executes and resumes.

use crate::dataset::{
    At, DatasetColumns, DatasetContent, DatasetError, DatasetReader, DatasetSource, kind_of, known_columns,
    scalar_text,
};
use crate::ports::Scorer;
use crate::prompt::{Prompt, PromptError};
use seatrial_config::{DatasetFrom, DraftPlan, Endpoint, FieldSource, Hub, OnInconclusive, Selection};
use seatrial_types::{Case, ContentHash, DrawOrder, Message, SampleKey, SliceKey};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod order;
mod outside;
mod quarantine;

pub use outside::named_files;

/// Problems of one dataset that are listed before the rest is cut off.
pub const PROBLEMS_SHOWN_MAX: usize = 10;
/// Most samples of one run.
pub const SAMPLES_MAX: u64 = 1_000_000_000;

/// What errors call standard input.
const STDIN_NAME: &str = "standard input";

/// Scorers of every task, in suite order.
pub type TaskScorers = Vec<Vec<Arc<dyn Scorer>>>;

/// Hashes of the ids of a dataset, each with its row.
type SeenIds = HashMap<ContentHash, u64>;

/// A frozen plan.
pub struct Plan {
    /// The suite it was made from.
    pub draft: DraftPlan,
    /// Tasks, in suite order.
    pub tasks: Vec<PlannedTask>,
    /// Hash of [`Plan::body`]: of everything that decides requests and scores.
    pub hash: ContentHash,
    /// Canonical JSON of the same.
    pub body: String,
}

/// A task with its dataset looked at.
pub struct PlannedTask {
    /// Compiled prompt.
    pub prompt: Prompt,
    /// Hash of the dataset file.
    pub dataset_hash: ContentHash,
    /// Rows in the file.
    pub rows: u64,
    /// Hash of the ids of the chosen cases, in order.
    pub cases_hash: ContentHash,
    /// Hash of the images that the rows name, in order; `None` where there are none.
    pub images_hash: Option<ContentHash>,
    /// Number of chosen cases.
    pub cases: u32,
    /// Whether answers belong to clusters: rows name one, or cases are repeated.
    pub is_clustered: bool,
    /// Whether rows name clusters.
    pub has_clusters: bool,
    /// Whether it is asked under load alone.
    pub under_load: bool,
    /// Characters in the prompts of all chosen cases together, for forecasts.
    pub prompt_chars: u64,
    /// The order in which the cases are drawn; `None` for a task that is asked in the order of its file.
    pub order: Option<DrawOrder>,
    source: DatasetSource,
    chosen: Chosen,
    slices: Vec<String>,
}

/// Which rows take part.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chosen {
    All,
    First(u32),
    /// 0-based rows, ascending.
    Rows(Vec<u32>),
}

/// Why a draft cannot become a plan.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// A dataset cannot be read or does not fit its task; all problems found, up to [`PROBLEMS_SHOWN_MAX`] a task.
    #[error("{}", list(.0))]
    Datasets(Vec<DatasetProblem>),
    /// A template does not compile.
    #[error("task `{task}`: {source}")]
    Prompt {
        /// Task.
        task: String,
        /// Cause.
        source: PromptError,
    },
    /// A file of recorded answers cannot be read.
    #[error(
        "target `{target}`: failed to read recorded answers {path}: {source}\nhint: paths in a suite are relative to the suite file"
    )]
    Recorded {
        /// Target.
        target: String,
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A file that a program is made of cannot be read.
    #[error("failed to read {path}, which decides answers or scores: {source}")]
    Outside {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Quarantine names cases that no dataset has; all of them.
    #[error("{}", .0.join("\n"))]
    Quarantine(Vec<String>),
    /// More samples than a run can hold.
    #[error(
        "the plan has {0} samples, at most {SAMPLES_MAX} fit in a run\nhint: use `limit:` or fewer epochs"
    )]
    TooMany(u64),
}

/// A problem of one task's dataset.
#[derive(Debug)]
pub struct DatasetProblem {
    /// 0-based index of the task.
    pub task_index: usize,
    /// Task.
    pub task: String,
    /// The problem with its place and hint.
    pub error: DatasetError,
}

fn list(problems: &[DatasetProblem]) -> String {
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| format!("task `{}`: {}", problem.task, problem.error))
        .collect();
    lines.join("\n")
}

/// Reads every dataset once and freezes the plan.
pub fn freeze(draft: DraftPlan, scorers: &TaskScorers) -> Result<Plan, FreezeError> {
    let mut problems = Vec::new();
    let mut strangers = Vec::new();
    let mut tasks = Vec::with_capacity(draft.tasks.len());
    for (task_index, task) in draft.tasks.iter().enumerate() {
        let prompt = Prompt::try_new(&task.prompt).map_err(|source| FreezeError::Prompt {
            task: task.name.clone(),
            source,
        })?;
        let scorers = scorers.get(task_index).map_or(&[][..], Vec::as_slice);
        match plan_task(task, prompt, scorers) {
            Ok((planned, ids)) => {
                strangers.extend(quarantine::strangers(&draft, task_index, &ids));
                tasks.push(planned);
            }
            Err(errors) => problems.extend(errors.into_iter().map(|error| DatasetProblem {
                task_index,
                task: task.name.clone(),
                error,
            })),
        }
    }
    if !problems.is_empty() {
        return Err(FreezeError::Datasets(problems));
    }
    if !strangers.is_empty() {
        return Err(FreezeError::Quarantine(strangers));
    }
    let body = identity(&draft, &tasks, scorers)?.to_string();
    let plan = Plan {
        hash: ContentHash::of(body.as_bytes()),
        body,
        draft,
        tasks,
    };
    let samples = plan.samples();
    if samples > SAMPLES_MAX {
        Err(FreezeError::TooMany(samples))
    } else {
        Ok(plan)
    }
}

fn plan_task(
    task: &seatrial_config::Task,
    prompt: Prompt,
    scorers: &[Arc<dyn Scorer>],
) -> Result<(PlannedTask, SeenIds), Vec<DatasetError>> {
    let source = source_of(task).map_err(|error| vec![error])?;
    let needs_reference = scorers
        .iter()
        .find(|scorer| scorer.needs_reference())
        .map(|scorer| scorer.name());
    let mut reader = DatasetReader::open(&source).map_err(|error| vec![error])?;
    let mut problems = Vec::new();
    let mut seen = SeenIds::new();
    let mut draw = Draw::new(task.selection, task.seed);
    let mut ordering = task.sequential.then(|| order::Ordering::new(task.seed));
    let mut ids = blake3::Hasher::new();
    let mut images = ImageHash::default();
    // Repetitions of a case are not independent of each other: the case is the cluster where nothing else is.
    let is_repeated = task.epochs > 1 || task.under_load;
    let mut has_clusters = false;
    while let Some(case) = reader.next() {
        let case = match case {
            Ok(case) => case,
            Err(error) => {
                // A file that cannot be read further is not looked at further.
                problems.push(error);
                return Err(problems);
            }
        };
        let at = At {
            path: reader.path(),
            line: reader.line(),
            row: case.row,
        };
        let checked = check_case(&case, &at, &prompt, needs_reference, &task.slices, &mut seen);
        let prompt_chars = match checked {
            Ok(messages) => {
                images.add(&messages);
                chars_of(&messages)
            }
            Err(error) => {
                problems.push(error);
                if problems.len() >= PROBLEMS_SHOWN_MAX {
                    return Err(problems);
                }
                0
            }
        };
        has_clusters |= case.cluster.is_some();
        draw.offer(&case, prompt_chars);
        if let Some(ordering) = &mut ordering {
            ordering.offer(&case);
        }
        hash_id(&mut ids, &case.id);
    }
    if seen.is_empty() && problems.is_empty() {
        problems.push(DatasetError::Empty {
            path: source.place(),
            hint: source.form(),
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let rows = draw.rows;
    let (chosen, cases, prompt_chars, drawn) = draw.finish();
    let cases_hash = match drawn {
        None => ContentHash::finish(&ids),
        Some(hash) => hash,
    };
    let planned = PlannedTask {
        prompt,
        dataset_hash: reader.content_hash().map_err(|error| vec![error])?,
        rows,
        cases_hash,
        images_hash: images.finish(),
        cases,
        is_clustered: is_repeated || has_clusters,
        has_clusters,
        under_load: task.under_load,
        prompt_chars,
        order: ordering.map(|ordering| ordering.finish(&chosen)),
        source,
        chosen,
        slices: task.slices.clone(),
    };
    Ok((planned, seen))
}

/// Where the cases of a task lie, once what had to be fetched was fetched.
fn source_of(task: &seatrial_config::Task) -> Result<DatasetSource, DatasetError> {
    let fields = &task.dataset.fields;
    let content = match &task.dataset.from {
        DatasetFrom::File { path, format, .. } => DatasetContent::Files {
            paths: vec![path.clone()],
            shown: Vec::new(),
            format: *format,
        },
        DatasetFrom::Folder { path, glob, .. } => DatasetContent::Folder {
            root: path.clone(),
            glob: glob.clone(),
        },
        DatasetFrom::Inline { cases } => DatasetContent::Inline(cases.clone()),
        DatasetFrom::Stdin {
            format,
            spooled: Some(path),
        } => DatasetContent::Files {
            paths: vec![path.clone()],
            shown: vec![STDIN_NAME.into()],
            format: *format,
        },
        DatasetFrom::Hub(Hub {
            fetched: Some(fetched),
            ..
        }) => DatasetContent::Files {
            paths: fetched.files.clone(),
            shown: fetched.names.iter().map(PathBuf::from).collect(),
            format: fetched.format,
        },
        from @ (DatasetFrom::Stdin { .. } | DatasetFrom::Hub(_)) => {
            return Err(DatasetError::Whole {
                path: from.written().into(),
                problem: "the dataset was not fetched".to_owned(),
                hint: "this command reads local files only".to_owned(),
            });
        }
    };
    let cluster = task.cluster.as_deref().map(FieldSource::from);
    Ok(DatasetSource {
        content,
        columns: DatasetColumns {
            id: fields.id.clone(),
            input: fields.input.clone(),
            expected: fields.expected.clone(),
            choices: fields.choices.clone(),
            cluster: cluster.or_else(|| fields.cluster.clone()),
        },
    })
}

/// Checks a case; the messages that ask it.
fn check_case(
    case: &Case,
    at: &At<'_>,
    prompt: &Prompt,
    needs_reference: Option<&str>,
    slices: &[String],
    seen: &mut SeenIds,
) -> Result<Vec<Message>, DatasetError> {
    if let Some(first) = seen.insert(ContentHash::of(case.id.as_bytes()), case.row) {
        let problem = format!("id `{}` was already used in row {first}", case.id);
        return Err(at.error(problem, "ids name cases across runs and must be unique"));
    }
    if let (Some(scorer), true) = (needs_reference, case.expected.is_empty()) {
        return Err(at.error(
            format!("no reference, but scorer `{scorer}` needs one"),
            "give the row `expected`, or map a column with `fields: {expected: …}`",
        ));
    }
    for column in slices {
        if !case.columns.contains_key(column) {
            return Err(at.error(
                format!("column `{column}`, named under `slices`, is missing"),
                known_columns(&case.columns),
            ));
        }
    }
    prompt.render(case).map_err(|error| {
        let hint = match &error {
            PromptError::Image { .. } => "paths of images are relative to the suite file".to_owned(),
            _ => known_columns(&case.columns),
        };
        at.error(error.to_string(), hint)
    })
}

/// Characters of a prompt, of which its tokens are estimated.
fn chars_of(messages: &[Message]) -> u64 {
    let chars = |message: &Message| message.content.chars().count() as u64;
    messages.iter().map(chars).sum()
}

/// Hash of the contents of images: a picture that changes changes the question.
#[derive(Default)]
struct ImageHash(Option<blake3::Hasher>);

impl ImageHash {
    fn add(&mut self, messages: &[Message]) {
        let images = messages.iter().flat_map(|message| &message.images);
        for hash in images.filter_map(|image| image.hash) {
            let hasher = self.0.get_or_insert_with(blake3::Hasher::new);
            hasher.update(hash.as_bytes());
        }
    }

    fn finish(self) -> Option<ContentHash> {
        self.0.as_ref().map(ContentHash::finish)
    }
}

fn hash_id(hasher: &mut blake3::Hasher, id: &str) {
    hasher.update(&(id.len() as u64).to_le_bytes());
    hasher.update(id.as_bytes());
}

/// Chooses cases while they stream by.
///
/// A `limit` takes the N cases whose hash of seed and id is smallest: a uniform draw that depends on neither the order
/// of the file nor a library's generator, and in which a smaller limit is a part of a larger one.
struct Draw {
    selection: Selection,
    seed: u64,
    rows: u64,
    /// Characters of the prompts of rows that are taken for certain.
    prompt_chars: u64,
    drawn: Vec<(ContentHash, u32, Arc<str>, u64)>,
    first: blake3::Hasher,
}

impl Draw {
    fn new(selection: Selection, seed: u64) -> Self {
        Self {
            selection,
            seed,
            rows: 0,
            prompt_chars: 0,
            drawn: Vec::new(),
            first: blake3::Hasher::new(),
        }
    }

    fn offer(&mut self, case: &Case, prompt_chars: u64) {
        let row = u32::try_from(self.rows).unwrap_or(u32::MAX);
        self.rows += 1;
        match self.selection {
            Selection::All => self.prompt_chars = self.prompt_chars.saturating_add(prompt_chars),
            Selection::First(count) => {
                if self.rows <= count {
                    hash_id(&mut self.first, &case.id);
                    self.prompt_chars = self.prompt_chars.saturating_add(prompt_chars);
                }
            }
            Selection::Limit(count) => {
                let keep = usize::try_from(count).unwrap_or(usize::MAX);
                let key = format!("{}:{}", self.seed, case.id);
                self.drawn.push((
                    ContentHash::of(key.as_bytes()),
                    row,
                    Arc::clone(&case.id),
                    prompt_chars,
                ));
                if self.drawn.len() >= keep.saturating_mul(2).max(1024) {
                    self.drawn.sort_unstable();
                    self.drawn.truncate(keep);
                }
            }
        }
    }

    /// The choice, its size, the characters of its prompts, and the hash of the chosen ids where that is not all of them.
    fn finish(mut self) -> (Chosen, u32, u64, Option<ContentHash>) {
        let rows = u32::try_from(self.rows).unwrap_or(u32::MAX);
        match self.selection {
            Selection::All => (Chosen::All, rows, self.prompt_chars, None),
            Selection::First(count) => {
                let count = u32::try_from(count).unwrap_or(u32::MAX).min(rows);
                (
                    Chosen::First(count),
                    count,
                    self.prompt_chars,
                    Some(ContentHash::finish(&self.first)),
                )
            }
            Selection::Limit(count) => {
                self.drawn.sort_unstable();
                self.drawn.truncate(usize::try_from(count).unwrap_or(usize::MAX));
                self.drawn.sort_unstable_by_key(|(_, row, _, _)| *row);
                let mut ids = blake3::Hasher::new();
                self.drawn.iter().for_each(|(_, _, id, _)| hash_id(&mut ids, id));
                let chosen: Vec<u32> = self.drawn.iter().map(|(_, row, _, _)| *row).collect();
                let chars = self
                    .drawn
                    .iter()
                    .fold(0_u64, |sum, drawn| sum.saturating_add(drawn.3));
                let count = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
                (
                    Chosen::Rows(chosen),
                    count,
                    chars,
                    Some(ContentHash::finish(&ids)),
                )
            }
        }
    }
}

/// What the suite says of requests and scores, and what lies in the files that it names; gates, concurrency, rate limits and outputs are not
/// in it, so that a run can be resumed after changing them.
fn identity(draft: &DraftPlan, tasks: &[PlannedTask], scorers: &TaskScorers) -> Result<Value, FreezeError> {
    let mut answers = Vec::new();
    for target in &draft.targets {
        answers.push(match &target.endpoint {
            Endpoint::Recorded(recorded) => json!(file_hash(&target.name, &recorded.path)?),
            _ => Value::Null,
        });
    }
    let outside = outside::files(draft, scorers)?;
    let planned = draft.tasks.iter().zip(tasks);
    let datasets: Vec<Value> = planned
        .map(|(task, planned)| {
            let mut dataset = json!({"rows": planned.dataset_hash, "cases": planned.cases_hash});
            if let Some(images) = planned.images_hash {
                dataset["images"] = json!(images);
            }
            if let DatasetFrom::Hub(hub) = &task.dataset.from {
                let commit = hub.fetched.as_ref().map(|fetched| fetched.commit.as_str());
                dataset["hub"] = json!({"repository": hub.repository, "commit": commit});
            }
            dataset
        })
        .collect();
    let versions: Vec<Vec<u32>> = scorers
        .iter()
        .map(|task| task.iter().map(|scorer| scorer.version()).collect())
        .collect();
    let mut identity = json!({"plan": 1, "suite": draft.identity(), "datasets": datasets, "recorded_answers": answers,
                              "scorer_versions": versions});
    // Only where there are any: plans of suites without them stay what they were.
    if !outside.is_empty() {
        identity["files"] = outside.into();
    }
    Ok(identity)
}

fn file_hash(target: &str, path: &Path) -> Result<ContentHash, FreezeError> {
    hash_of_file(path).map_err(|source| FreezeError::Recorded {
        target: target.to_owned(),
        path: path.to_owned(),
        source,
    })
}

fn hash_of_file(path: &Path) -> std::io::Result<ContentHash> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(ContentHash::finish(&hasher)),
            read => hasher.update(&buffer[..read]),
        };
    }
}

impl Plan {
    /// Samples over all targets, tasks and epochs.
    #[must_use]
    pub fn samples(&self) -> u64 {
        let targets = 0..self.draft.targets.len();
        targets.fold(0, |sum, target| sum.saturating_add(self.samples_of(target)))
    }

    /// Samples of the tasks that ask this target.
    #[must_use]
    pub fn samples_of(&self, target: usize) -> u64 {
        let tasks = self.draft.tasks.iter().zip(&self.tasks).enumerate();
        tasks
            .filter(|(index, _)| self.asks(target, *index))
            .map(|(_, (task, planned))| u64::from(planned.cases) * u64::from(task.epochs))
            .sum()
    }

    /// Whether a task asks a target in the evaluation; `false` for tasks under load and indexes outside the plan.
    #[must_use]
    pub fn asks(&self, target: usize, task: usize) -> bool {
        let target = self.draft.targets.get(target);
        let task = self.draft.tasks.get(task);
        matches!((target, task), (Some(target), Some(task)) if task.asks(&target.name) && !task.under_load)
    }

    /// Most epochs of a task: those planned, and what its gates may add to them. 0 for an index outside the plan.
    #[must_use]
    pub fn epochs_max(&self, task: usize) -> u32 {
        let Some(planned) = self.draft.tasks.get(task) else {
            return 0;
        };
        let mut gates = self.draft.gates.iter().filter(|gate| gate.task_index == task);
        if gates.any(|gate| gate.on_inconclusive == OnInconclusive::Extend) {
            self.draft.extend.epochs_max(planned.epochs)
        } else {
            planned.epochs
        }
    }

    /// Whether gates may add epochs to any task.
    #[must_use]
    pub fn extends(&self) -> bool {
        let mut tasks = self.draft.tasks.iter().enumerate();
        tasks.any(|(index, task)| self.epochs_max(index) > task.epochs)
    }

    /// Most samples of a target that all tasks ask, added epochs included: the numbers that
    /// [`ordinal`](Self::ordinal) gives are below it.
    #[must_use]
    pub fn samples_per_target(&self) -> u64 {
        let tasks = self.tasks.iter().enumerate();
        tasks
            .map(|(index, planned)| u64::from(planned.cases) * u64::from(self.epochs_max(index)))
            .sum()
    }

    /// Number of a sample among those of its target: tasks, then epochs, then cases. `None` for a key outside the plan, and for
    /// requests of a load.
    #[must_use]
    pub fn ordinal(&self, key: SampleKey) -> Option<u64> {
        let mut before = 0;
        for (index, planned) in self.tasks.iter().enumerate() {
            let cases = u64::from(planned.cases);
            let epochs = self.epochs_max(index);
            if index == usize::from(key.task) {
                let under_load = self.draft.tasks.get(index).is_some_and(|task| task.under_load);
                let inside = key.epoch < epochs && key.case < planned.cases && !under_load;
                return inside.then(|| before + u64::from(key.epoch) * cases + u64::from(key.case));
            }
            before += cases * u64::from(epochs);
        }
        None
    }
}

impl PlannedTask {
    /// Opens the chosen cases, in file order, each with its number among them.
    pub fn open_cases(&self) -> Result<CaseStream<'_>, DatasetError> {
        Ok(CaseStream {
            task: self,
            reader: DatasetReader::open(&self.source)?,
            row: 0,
            next: 0,
        })
    }

    /// Opens the chosen cases in the order in which they are asked: the drawn order of a sequential task, else the file's.
    pub fn open_in_order(&self) -> Result<Box<dyn Iterator<Item = NumberedCase> + '_>, DatasetError> {
        match &self.order {
            None => Ok(Box::new(self.open_cases()?)),
            Some(order) => Ok(Box::new(order::DrawnCases::new(order, || self.open_cases()))),
        }
    }

    /// Values of the columns that the suite slices by. A `null` is the slice `(none)`.
    #[must_use]
    pub fn slices_of(&self, case: &Case) -> Vec<SliceKey> {
        let value_of = |column: &String| match case.columns.get(column) {
            None | Some(Value::Null) => "(none)".to_owned(),
            Some(value) => scalar_text(value).unwrap_or_else(|| kind_of(value)),
        };
        self.slices
            .iter()
            .map(|column| SliceKey {
                column: column.clone(),
                value: value_of(column),
            })
            .collect()
    }
}

/// A case with its number among the chosen ones, or why it cannot be read.
pub type NumberedCase = Result<(u32, Case), DatasetError>;

/// The chosen cases of a task, streamed.
pub struct CaseStream<'a> {
    task: &'a PlannedTask,
    reader: DatasetReader,
    row: u32,
    next: u32,
}

impl Iterator for CaseStream<'_> {
    type Item = Result<(u32, Case), DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.task.cases {
            let case = match self.reader.next() {
                Some(Ok(case)) => case,
                Some(Err(error)) => return Some(Err(error)),
                None => return Some(Err(self.changed())),
            };
            let row = self.row;
            self.row += 1;
            let wanted = match &self.task.chosen {
                Chosen::All => true,
                Chosen::First(_) => true,
                Chosen::Rows(rows) => rows.get(self.next as usize) == Some(&row),
            };
            if wanted {
                let number = self.next;
                self.next += 1;
                return Some(Ok((number, case)));
            }
        }
        None
    }
}

impl CaseStream<'_> {
    fn changed(&self) -> DatasetError {
        let at = At {
            path: self.reader.path(),
            line: self.reader.line(),
            row: u64::from(self.row),
        };
        at.error(
            "the file ended early: it changed since the run started",
            "start a new run",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(id: u32) -> Case {
        Case {
            id: id.to_string().into(),
            row: u64::from(id) + 1,
            columns: Arc::default(),
            input: None,
            expected: vec![],
            choices: vec![],
            cluster: None,
        }
    }

    fn drawn(limit: u64, seed: u64, cases: u32) -> Vec<u32> {
        let mut draw = Draw::new(Selection::Limit(limit), seed);
        (0..cases).for_each(|id| draw.offer(&case(id), 0));
        match draw.finish().0 {
            Chosen::Rows(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    /// Protects `limit`: seeded, spread over the file, nested, and the whole file when it is small.
    #[test]
    fn a_limit_draws_at_random_and_nests() {
        let hundred = drawn(100, 1, 5000);
        assert_eq!((hundred.len(), &hundred), (100, &drawn(100, 1, 5000)));
        assert_ne!(hundred, drawn(100, 2, 5000));
        assert!(hundred.windows(2).all(|pair| pair[0] < pair[1]));
        let upper_half = hundred.iter().filter(|row| **row >= 2500).count();
        assert!((30..=70).contains(&upper_half), "{upper_half}");
        let two_hundred = drawn(200, 1, 5000);
        assert!(hundred.iter().all(|row| two_hundred.contains(row)));
        assert_eq!(drawn(100, 1, 7), (0..7).collect::<Vec<_>>());
    }
}
