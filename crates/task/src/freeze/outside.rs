//! Files that decide answers or scores and are named by the suite: the scripts of programs, answers recorded for models
//! that scorers ask. Apart from datasets, which are read row by row.

use super::{FreezeError, TaskScorers, hash_of_file};
use seatrial_config::{DraftPlan, Endpoint};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The hash of each of them under the name that the suite gives it, sorted; what is found in `PATH` is not among them.
pub(super) fn files(draft: &DraftPlan, scorers: &TaskScorers) -> Result<Vec<Value>, FreezeError> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for target in draft.targets.iter().chain(&draft.models) {
        if let Endpoint::Exec(exec) = &target.endpoint {
            files.extend(named_files(&exec.command, &exec.cwd));
        }
    }
    for model in &draft.models {
        if let Endpoint::Recorded(recorded) = &model.endpoint {
            files.insert(recorded.path_written.clone(), recorded.path.clone());
        }
    }
    for scorer in scorers.iter().flatten() {
        files.extend(scorer.depends_on().iter().cloned());
    }
    files
        .into_iter()
        .map(|(name, path)| match hash_of_file(&path) {
            Ok(hash) => Ok(json!([name, hash])),
            Err(source) => Err(FreezeError::Outside { path, source }),
        })
        .collect()
}

/// The parts of a command that name files, as they are written and where they are: a program given by its path, and
/// arguments that are files seen from `cwd`.
#[must_use]
pub fn named_files(command: &[String], cwd: &Path) -> Vec<(String, PathBuf)> {
    let parts = command.iter().enumerate();
    let files = parts.filter_map(|(index, part)| {
        let is_looked_up = index == 0 && !part.contains(std::path::is_separator);
        let path = cwd.join(part);
        (!is_looked_up && !part.is_empty() && path.is_file()).then(|| (part.clone(), path))
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the plan's hash: a changed script is another plan, an interpreter of the system is not looked at.
    #[test]
    fn finds_the_files_of_a_command() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bot.py", "python3", "-u"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let command = ["python3", "bot.py", "--flag", "absent.py", ""].map(str::to_owned);
        let files = named_files(&command, folder.path());
        assert_eq!(files, [("bot.py".to_owned(), folder.path().join("bot.py"))]);
        let by_path = ["./python3".to_owned()];
        assert_eq!(named_files(&by_path, folder.path()).len(), 1);
    }
}
