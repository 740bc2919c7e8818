//! Files of texts, one a line, and the reading of bounded files. Apart because every text metric reads hypotheses and
//! references in the same way and says in the same way where they do not fit each other.

use crate::error::CliError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read: it is held in memory.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 30;

/// Reads a file whole.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed =
        |error: std::io::Error| CliError::usage(format!("failed to read {}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(CliError::usage(format!(
            "{} is a folder, expected a file",
            path.display()
        )));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(CliError::usage(format!(
            "{} is larger than {FILE_BYTES_MAX} bytes, the most that is read",
            path.display()
        ))
        .hint("split it into parts"));
    }
    Ok(bytes)
}

/// Reads a file of UTF-8 text.
pub(crate) fn read_text(path: &Path) -> Result<String, CliError> {
    let bytes = read_bounded(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let byte = error.as_bytes().get(valid).copied().unwrap_or_default();
        CliError::usage(format!(
            "{}:{line}: byte {} is 0x{byte:02x}, expected UTF-8",
            path.display(),
            valid - start + 1
        ))
        .hint("convert the file, for instance: iconv -f latin1 -t utf-8")
    })
}

/// Whether a name says JSON Lines.
pub(crate) fn is_json_lines(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl") || ending.eq_ignore_ascii_case("ndjson"))
}

/// The texts of a file: its lines, or the strings of a JSON Lines file.
pub(super) fn read_lines(path: &Path) -> Result<Vec<String>, CliError> {
    let text = read_text(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    // A file with nothing but a line end holds one empty text.
    if text.is_empty() {
        return Err(CliError::usage(format!(
            "{} is empty, expected one text a line",
            path.display()
        )));
    }
    let lines = text
        .strip_suffix('\n')
        .unwrap_or(text)
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    if !is_json_lines(path) {
        return Ok(lines.map(str::to_owned).collect());
    }
    lines
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str::<String>(line).map_err(|error| {
                CliError::usage(format!(
                    "{}:{}:{}: this line is no JSON string ({error})",
                    path.display(),
                    index + 1,
                    error.column()
                ))
                .hint(
                    "a .jsonl file holds one JSON string a line; plain lines go into a file of another name",
                )
            })
        })
        .collect()
}

/// Hypotheses with their references.
#[derive(Debug)]
pub(super) struct Corpus {
    pub(super) hypotheses: Vec<String>,
    /// `references[i]` are those of `hypotheses[i]`, in the order of the files.
    pub(super) references: Vec<Vec<String>>,
}

/// Reads hypotheses and references; all files must have as many lines.
pub(super) fn read_corpus(hyp: &Path, refs: &[std::path::PathBuf]) -> Result<Corpus, CliError> {
    let hypotheses = read_lines(hyp)?;
    let mut references = vec![Vec::with_capacity(refs.len()); hypotheses.len()];
    for path in refs {
        let lines = read_lines(path)?;
        check_count(hyp, hypotheses.len(), path, lines.len())?;
        for (segment, line) in references.iter_mut().zip(lines) {
            segment.push(line);
        }
    }
    Ok(Corpus {
        hypotheses,
        references,
    })
}

/// Refuses two files of different numbers of lines, at the line where the shorter one ends.
pub(super) fn check_count(one: &Path, in_one: usize, other: &Path, in_other: usize) -> Result<(), CliError> {
    if in_one == in_other {
        return Ok(());
    }
    let (short, lines, long) = if in_one < in_other {
        (one, in_one, other)
    } else {
        (other, in_other, one)
    };
    Err(CliError::usage(format!(
        "{}:{}: the file ends after {lines} lines, but {} has {}",
        short.display(),
        lines + 1,
        long.display(),
        in_one.max(in_other)
    ))
    .hint("line n of every file belongs to segment n; an empty line is an empty text"))
}
