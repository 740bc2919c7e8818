//! Baselines as files: where they lie, reading and writing them, and the one that a plan's gates are held against. Apart
//! from the commands, because runs need it too; what a baseline means is in `analyse`.

use crate::args::baseline::BaselineUseArguments;
use crate::error::CliError;
use crate::output;
use crate::scored;
use crate::session::now;
use seatrial_analyse::BaselineFacts;
use seatrial_analyse::baseline::{self, BASELINE_SCHEMA, Baseline, Misfits, NAME_CHARS_MAX, Unfit};
use seatrial_analyse::scored::planned_targets;
use seatrial_config::{BaselineUse, DEFAULT_STALE_DAYS};
use seatrial_store::{RunRow, SqliteStore};
use seatrial_task::Plan;
use seatrial_types::{BaselineStatus, BaselineSummary, ExitCode, TOOL_VERSION};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file that is read as a baseline.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Ending of a baseline's file.
const ENDING: &str = "json";
/// Baselines of a folder that are looked at.
const LISTED_MAX: usize = 10_000;
/// Reasons against a baseline that one sentence names.
const PROBLEMS_TOLD_MAX: usize = 6;

/// Where baselines lie, and which one is meant where that is not the suite's.
#[derive(Debug, Clone, Default)]
pub(crate) struct BaselinesAt {
    pub(crate) folder: PathBuf,
    pub(crate) named: Option<String>,
}

impl BaselinesAt {
    pub(crate) fn of(arguments: &BaselineUseArguments) -> Self {
        Self {
            folder: arguments.folder.baselines.clone(),
            named: arguments.baseline.clone(),
        }
    }
}

/// An error that ends with "baseline missing or incompatible".
pub(crate) fn baseline_error(message: impl std::fmt::Display) -> CliError {
    CliError {
        exit: ExitCode::Baseline,
        ..CliError::usage(message)
    }
}

/// Refuses names that are no file names.
pub(crate) fn check_name(name: &str) -> Result<(), CliError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.is_empty() && name.len() <= NAME_CHARS_MAX && !name.starts_with('.') && name.chars().all(fits) {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "`{}` is not a name of a baseline: 1 to {NAME_CHARS_MAX} letters, digits, `_`, `-` and `.`, no `.` in front",
        name.escape_debug()
    )))
}

/// Whether this is meant as a path.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|ending| ending == ENDING)
}

/// The file of a baseline.
pub(crate) fn path_of(folder: &Path, name: &str) -> Result<PathBuf, CliError> {
    if is_path(name) {
        return Ok(PathBuf::from(name));
    }
    check_name(name)?;
    Ok(folder.join(format!("{name}.{ENDING}")))
}

/// Reads a baseline; `None` where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Baseline>, CliError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(baseline_error(format!(
                "failed to read baseline {}: {error}",
                path.display()
            )));
        }
    };
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    let broken = |what: String| {
        baseline_error(format!("{} is not a baseline: {what}", path.display()))
            .hint("restore the file, or bless a run again: seatrial baseline bless RUN")
    };
    read.map_err(|error| broken(error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
    let schema = value["schema"].as_str().unwrap_or_default();
    if schema != BASELINE_SCHEMA {
        return Err(broken(format!(
            "its `schema` is `{}`, expected `{BASELINE_SCHEMA}`",
            schema.escape_debug()
        )));
    }
    serde_json::from_value(value)
        .map(Some)
        .map_err(|error| broken(error.to_string()))
}

/// The baseline of this name; a missing one is an error that lists those that are there.
pub(crate) fn require(folder: &Path, name: &str) -> Result<(PathBuf, Baseline), CliError> {
    let path = path_of(folder, name)?;
    match read(&path)? {
        Some(found) => Ok((path, found)),
        None => Err(
            baseline_error(format!("there is no baseline `{name}` ({})", path.display())).hint(known(folder)),
        ),
    }
}

/// Which baselines there are, for hints.
pub(crate) fn known(folder: &Path) -> String {
    const SHOWN: usize = 8;
    let names: Vec<String> = files(folder)
        .iter()
        .take(SHOWN)
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .collect();
    if names.is_empty() {
        format!(
            "{} has no baselines; bless a run: seatrial baseline bless latest",
            folder.display()
        )
    } else {
        format!("{} has {}", folder.display(), names.join(", "))
    }
}

/// Files of baselines, sorted by name.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(LISTED_MAX);
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.is_file() && path.extension().is_some_and(|ending| ending == ENDING))
        .collect();
    found.sort();
    found
}

/// Writes a baseline, whole or not at all: each key on a line of its own, so that a diff of two is short.
pub(crate) fn write(path: &Path, baseline: &Baseline) -> Result<(), CliError> {
    let value = serde_json::to_value(baseline).map_err(CliError::infrastructure)?;
    let keys = value.as_object().into_iter().flatten();
    let lines: Vec<String> = keys
        .map(|(key, value)| format!("  {}: {value}", json!(key)))
        .collect();
    let text = format!("{{\n{}\n}}\n", lines.join(",\n"));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            CliError::infrastructure(format!("failed to make the folder {}: {error}", folder.display()))
        })?;
    }
    output::write_whole(path, &text)
}

/// Days since a moment; `None` where it is no moment.
pub(crate) fn days_since(moment: &str) -> Option<f64> {
    let (then, now): (jiff::Timestamp, jiff::Timestamp) = (moment.parse().ok()?, now().parse().ok()?);
    #[expect(clippy::cast_precision_loss, reason = "seconds of centuries at most")]
    let days = (now.as_second() - then.as_second()) as f64 / 86_400.0;
    Some(days.max(0.0))
}

/// The baseline that the gates of a plan are held against, looked up before the first call.
pub(crate) struct ForPlan {
    name: String,
    stale_days: u32,
    folder: PathBuf,
    found: Option<Baseline>,
    misfits: Misfits,
}

/// Looks for the baseline of a plan; `None` where no gate needs one.
pub(crate) fn for_plan(plan: &Plan, at: &BaselinesAt) -> Result<Option<ForPlan>, CliError> {
    if !baseline::is_needed(&plan.draft) {
        return Ok(None);
    }
    let usual = || BaselineUse {
        name: plan.draft.name.clone(),
        stale_days: DEFAULT_STALE_DAYS,
    };
    let used = plan.draft.baseline.clone().unwrap_or_else(usual);
    let name = at.named.clone().unwrap_or(used.name);
    let found = read(&path_of(&at.folder, &name)?)?;
    let body: Value = serde_json::from_str(&plan.body).map_err(CliError::infrastructure)?;
    let planned = planned_targets(&body, TOOL_VERSION);
    let misfits = found.as_ref().map_or_else(Misfits::default, |found| {
        baseline::misfits(found, &plan.draft, &planned)
    });
    Ok(Some(ForPlan {
        name,
        stale_days: used.stale_days,
        folder: at.folder.clone(),
        found,
        misfits,
    }))
}

impl ForPlan {
    /// What is wrong, and the command that mends it.
    pub(crate) fn problem(&self, run: &str) -> Option<String> {
        let option = if is_path(&self.name) {
            format!(" --file {}", self.name)
        } else {
            format!(" --name {}", self.name)
        };
        let mend = format!("bless a run that is good: seatrial baseline bless {run}{option}");
        match &self.found {
            None => {
                let folder = self.folder.display();
                Some(format!(
                    "there is no baseline `{}` in {folder}; {mend}",
                    self.name
                ))
            }
            Some(found) if !self.misfits.problems.is_empty() => {
                let told: Vec<String> = self
                    .misfits
                    .problems
                    .iter()
                    .take(PROBLEMS_TOLD_MAX)
                    .map(ToString::to_string)
                    .collect();
                let more = self.misfits.problems.len().saturating_sub(PROBLEMS_TOLD_MAX);
                let more = if more > 0 {
                    format!("; and {more} more")
                } else {
                    String::new()
                };
                Some(format!(
                    "baseline `{}` (run {}) cannot be compared with: {}{more}; {mend}",
                    self.name,
                    found.run_id,
                    told.join("; ")
                ))
            }
            Some(_) => None,
        }
    }

    /// Says before the first call what cannot be decided after the last one.
    pub(crate) fn tell(&self) {
        if let Some(problem) = self.problem("latest") {
            output::stderr(&format!("warning: {problem}\n"));
        }
    }

    /// Its values of the cases that gates of the plan compare; none where it is missing or asked something else.
    pub(crate) fn bases(&self, plan: &Plan) -> baseline::Bases {
        let found = self.found.as_ref();
        found
            .map(|found| baseline::bases(found, &plan.draft, &self.misfits))
            .unwrap_or_default()
    }

    /// What a run found against it.
    pub(crate) fn facts(
        &self,
        store: &SqliteStore,
        run: &RunRow,
        plan: &Plan,
    ) -> Result<BaselineFacts, CliError> {
        let status = match &self.found {
            None => BaselineStatus::Missing,
            Some(_) if !self.misfits.problems.is_empty() => BaselineStatus::Incompatible,
            Some(_) => BaselineStatus::Used,
        };
        let found = self.found.as_ref();
        let age_days = found.and_then(|found| days_since(&found.blessed_at));
        let mut summary = BaselineSummary {
            name: self.name.clone(),
            status,
            run_id: found.map(|found| found.run_id.clone()),
            blessed_at: found.map(|found| found.blessed_at.clone()),
            age_days,
            is_stale: age_days.is_some_and(|days| days > f64::from(self.stale_days)),
            author: found.and_then(|found| found.author.clone()),
            reason: found.and_then(|found| found.reason.clone()),
            changed: Vec::new(),
            differences: self.misfits.problems.iter().map(Unfit::as_change).collect(),
            problem: self.problem(run.header.id.as_str()),
        };
        let mut evidence = baseline::GateEvidence::new();
        if let Some(found) = found {
            let runs = scored::of_run(store, run, None)?;
            summary.changed = baseline::changed(found, &runs);
            evidence = baseline::weigh_gates(found, &plan.draft, &runs, &self.misfits);
        }
        Ok(BaselineFacts {
            summary,
            evidence,
            misfits: self.misfits.clone(),
        })
    }
}
