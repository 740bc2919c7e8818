//! Which files of a repository are meant: by subset and split, as hubs name their files, or by a pattern. Pure, because
//! guessing wrongly would evaluate on other data; what is not certain is an error that names the choices.

use globset::GlobBuilder;
use std::collections::BTreeSet;

/// Files of one dataset at most.
pub const FILES_MAX: usize = 1000;
/// Names that a message lists.
const SHOWN_MAX: usize = 12;
/// Words for the usual splits in names of files, the first of each being its name.
const SPLIT_WORDS: [&[&str]; 3] = [
    &["train", "training"],
    &["validation", "valid", "val", "dev"],
    &["test", "testing", "eval", "evaluation"],
];
/// The subset that is meant where nothing is said and it is there.
const DEFAULT_SUBSET: &str = "default";

/// What a suite says of the files that it means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Subset (configuration), where the repository has several.
    pub subset: Option<String>,
    /// Split, where the subset has several.
    pub split: Option<String>,
    /// Pattern of names, instead of both.
    pub glob: Option<String>,
}

/// The names of the files that are meant, sorted; all of one format. The error is a problem and a hint.
///
/// # Errors
/// Where nothing fits, or several subsets, splits or formats do.
pub fn choose(files: &[String], choice: &Choice) -> Result<Vec<String>, (String, String)> {
    let readable: Vec<&str> = files
        .iter()
        .map(String::as_str)
        .filter(|name| format_of(name).is_some() && !name.split('/').any(|part| part.starts_with('.')))
        .collect();
    if readable.is_empty() {
        return Err((
            format!("none of its {} files is Parquet, JSON Lines or CSV", files.len()),
            "the hub's own conversion may do: write `@refs/convert/parquet` as revision".to_owned(),
        ));
    }
    let mut chosen = match &choice.glob {
        Some(pattern) => by_glob(&readable, pattern)?,
        None => by_names(&readable, choice)?,
    };
    chosen.sort_unstable();
    let formats: BTreeSet<&str> = chosen.iter().filter_map(|name| format_of(name)).collect();
    if formats.len() > 1 {
        // The same data in several formats is common; Parquet is what the others are converted to.
        chosen.retain(|name| format_of(name) == Some("parquet"));
        if chosen.is_empty() || choice.glob.is_some() {
            let formats: Vec<&str> = formats.into_iter().collect();
            return Err((
                format!("the chosen files are of several formats: {}", formats.join(", ")),
                "choose files of one format with `glob`".to_owned(),
            ));
        }
    }
    if chosen.len() > FILES_MAX {
        return Err((
            format!(
                "{} files are chosen, at most {FILES_MAX} are fetched",
                chosen.len()
            ),
            "choose fewer with `glob`".to_owned(),
        ));
    }
    Ok(chosen.into_iter().map(str::to_owned).collect())
}

/// Formats by extension; the words are those of a suite.
fn format_of(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "parquet" | "pq" => Some("parquet"),
        "jsonl" | "ndjson" => Some("jsonl"),
        "csv" => Some("csv"),
        _ => None,
    }
}

fn by_glob<'a>(files: &[&'a str], pattern: &str) -> Result<Vec<&'a str>, (String, String)> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|error| {
        (
            format!("`glob: {pattern}` is no pattern: {}", error.kind()),
            "`*` is any part of a name, `**` any folders, `{a,b}` either".to_owned(),
        )
    })?;
    let matcher = glob.compile_matcher();
    let chosen: Vec<&str> = files
        .iter()
        .copied()
        .filter(|name| matcher.is_match(name))
        .collect();
    if chosen.is_empty() {
        return Err((
            format!("no file matches `glob: {pattern}`"),
            format!("its files: {}", listed(files.iter().copied())),
        ));
    }
    Ok(chosen)
}

fn by_names<'a>(files: &[&'a str], choice: &Choice) -> Result<Vec<&'a str>, (String, String)> {
    let mut files = files.to_vec();
    if let Some(subset) = &choice.subset {
        let fitting = narrowed(&files, subset);
        if fitting.is_empty() {
            return Err((
                format!("there is no subset `{subset}`"),
                format!("its files: {}", listed(files.iter().copied())),
            ));
        }
        files = fitting;
    }
    let splits: BTreeSet<&str> = files.iter().filter_map(|name| split_of(name)).collect();
    match &choice.split {
        Some(split) => {
            let canonical = SPLIT_WORDS.iter().find(|words| words.contains(&split.as_str()));
            let mut fitting = narrowed(&files, split);
            if let (true, Some(words)) = (fitting.is_empty(), canonical) {
                fitting = files
                    .iter()
                    .copied()
                    .filter(|name| split_of(name) == Some(words[0]))
                    .collect();
            }
            if fitting.is_empty() {
                let splits = listed(splits.into_iter());
                let hint = if splits.is_empty() {
                    format!("its files: {}", listed(files.iter().copied()))
                } else {
                    format!("its splits: {splits}")
                };
                return Err((format!("there is no split `{split}`"), hint));
            }
            files = fitting;
        }
        None if splits.len() > 1 => {
            return Err((
                format!("it has several splits: {}", listed(splits.into_iter())),
                "choose one with `split`".to_owned(),
            ));
        }
        None => {}
    }
    one_subset(files)
}

/// Files in several folders are several subsets, unless one is the default.
fn one_subset(files: Vec<&str>) -> Result<Vec<&str>, (String, String)> {
    let folders: BTreeSet<&str> = files.iter().map(|name| subset_of(name)).collect();
    if folders.len() <= 1 {
        return Ok(files);
    }
    if folders.contains(DEFAULT_SUBSET) {
        let default = files.into_iter().filter(|name| subset_of(name) == DEFAULT_SUBSET);
        return Ok(default.collect());
    }
    Err((
        format!("it has several subsets: {}", listed(folders.into_iter())),
        "choose one with `subset`, or the files with `glob`".to_owned(),
    ))
}

/// The files that this word names: by a folder or the whole beginning of the name where there are such, else by a word
/// anywhere in the name.
fn narrowed<'a>(files: &[&'a str], word: &str) -> Vec<&'a str> {
    let is_named = |name: &&str| folders_of(name).any(|folder| folder == word) || head_of(name) == word;
    let named: Vec<&str> = files.iter().copied().filter(|name| is_named(name)).collect();
    if !named.is_empty() {
        return named;
    }
    files
        .iter()
        .copied()
        .filter(|name| has_word(name, word))
        .collect()
}

fn folders_of(name: &str) -> impl Iterator<Item = &str> {
    let folders = name.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').filter(|folder| !folder.is_empty())
}

/// The name of a file without extension and number of its part: `train` of `data/train-00000-of-00002.parquet`.
fn head_of(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    stem.split('-').next().unwrap_or(stem)
}

/// Whether a word stands in a name between characters that are no letters or digits.
fn has_word(name: &str, word: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let mut matches = name.match_indices(word);
    !word.is_empty()
        && matches.any(|(at, _)| {
            is_edge(name[..at].chars().next_back()) && is_edge(name[at + word.len()..].chars().next())
        })
}

/// The split that a name tells, in its usual word.
fn split_of(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let by_words = |text: &str| {
        let found = SPLIT_WORDS
            .iter()
            .find(|words| words.iter().any(|word| has_word(text, word)));
        found.map(|words| words[0])
    };
    by_words(file).or_else(|| by_words(name))
}

/// The folder that a subset would be: the first one that is neither a split nor the usual `data`.
fn subset_of(name: &str) -> &str {
    let is_split = |folder: &str| SPLIT_WORDS.iter().any(|words| words.contains(&folder));
    folders_of(name)
        .find(|folder| *folder != "data" && !is_split(folder))
        .unwrap_or("")
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let shown: Vec<&str> = names.iter().copied().take(SHOWN_MAX).collect();
    let rest = names.len().saturating_sub(SHOWN_MAX);
    if rest == 0 {
        shown.join(", ")
    } else {
        format!("{} and {rest} more", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[&str], subset: &str, split: &str, glob: &str) -> Result<String, String> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let choice = Choice {
            subset: given(subset),
            split: given(split),
            glob: given(glob),
        };
        let files: Vec<String> = files.iter().map(|name| (*name).to_owned()).collect();
        match choose(&files, &choice) {
            Ok(names) => Ok(names.join(" ")),
            Err((problem, hint)) => Err(format!("{problem}; {hint}")),
        }
    }

    const GSM8K: &[&str] = &[
        ".gitattributes",
        "README.md",
        "main/test-00000-of-00001.parquet",
        "main/train-00000-of-00001.parquet",
        "socratic/test-00000-of-00001.parquet",
        "socratic/train-00000-of-00001.parquet",
    ];

    /// Protects the data that is evaluated on: the usual layouts of hubs lead to exactly the files that are meant.
    #[test]
    fn usual_layouts_are_understood() {
        let data = &[
            "data/test-00000-of-00002.parquet",
            "data/test-00001-of-00002.parquet",
            "data/train-00000-of-00001.parquet",
        ];
        let converted = &[
            "default/train/0000.parquet",
            "default/test/0000.parquet",
            "extra/test/0000.parquet",
        ];
        let lines = &["train.jsonl", "dev.jsonl", "test.jsonl", "test.csv"];
        let chats = &[
            "data/train_sft-0.parquet",
            "data/train-0.parquet",
            "data/train_gen-0.parquet",
        ];
        for (files, subset, split, expected) in [
            (GSM8K, "main", "test", "main/test-00000-of-00001.parquet"),
            (
                &data[..],
                "",
                "test",
                "data/test-00000-of-00002.parquet data/test-00001-of-00002.parquet",
            ),
            (&converted[..], "", "test", "default/test/0000.parquet"),
            (&converted[..], "extra", "", "extra/test/0000.parquet"),
            (&lines[..1], "", "", "train.jsonl"),
            (&lines[..3], "", "validation", "dev.jsonl"),
            (&chats[..], "", "train", "data/train-0.parquet"),
            (&chats[..], "", "train_sft", "data/train_sft-0.parquet"),
            (
                &["grade_school_test.jsonl", "grade_school_train.jsonl"],
                "",
                "test",
                "grade_school_test.jsonl",
            ),
        ] {
            assert_eq!(
                chosen(files, subset, split, "").as_deref(),
                Ok(expected),
                "{files:?}"
            );
        }
        assert_eq!(chosen(GSM8K, "", "", "*/train-*").unwrap().split(' ').count(), 2);
    }

    /// Protects from evaluating on other data: what is not certain is an error that names the choices.
    #[test]
    fn what_is_not_certain_is_refused() {
        for (files, subset, split, glob, expected) in [
            (
                GSM8K,
                "main",
                "",
                "",
                "it has several splits: test, train; choose one with `split`",
            ),
            (
                GSM8K,
                "",
                "test",
                "",
                "it has several subsets: main, socratic; choose one with `subset`",
            ),
            (GSM8K, "other", "test", "", "there is no subset `other`"),
            (
                GSM8K,
                "main",
                "validation",
                "",
                "there is no split `validation`; its splits: test, train",
            ),
            (
                GSM8K,
                "",
                "",
                "*.csv",
                "no file matches `glob: *.csv`; its files: main/test",
            ),
            (GSM8K, "", "", "{", "`glob: {` is no pattern"),
            (
                &["a.py", "data.zip"],
                "",
                "",
                "",
                "none of its 2 files is Parquet, JSON Lines or CSV",
            ),
            (
                &["a.csv", "a.jsonl"],
                "",
                "",
                "",
                "of several formats: csv, jsonl",
            ),
            (
                &["a.csv", "a.parquet"],
                "",
                "",
                "a.*",
                "of several formats: csv, parquet",
            ),
        ] {
            let error = chosen(files, subset, split, glob).unwrap_err();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
        let many: Vec<String> = (0..=FILES_MAX)
            .map(|n| format!("data/train-{n}.parquet"))
            .collect();
        let (problem, _) = choose(&many, &Choice::default()).unwrap_err();
        assert!(problem.contains("1001 files are chosen"), "{problem}");
    }
}
