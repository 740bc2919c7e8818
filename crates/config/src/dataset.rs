//! Datasets: from a checked map to the place of the cases. Apart from tasks, because each kind of place has its own
//! keys and its own mistakes.

use crate::diagnostics::shown;
use crate::plan::{Dataset, DatasetFormat, DatasetFrom, FieldSource, Fields, Hub, InlineCase};
use crate::scalar::to_json_map;
use crate::suite::Reader;
use crate::tables::DEFAULT_TOKEN_ENV;
use crate::yaml::Node;

/// What a path to a hub begins with.
const HUB_PREFIX: &str = "hf:";
/// The path that means standard input.
const STDIN: &str = "-";
/// Keys that only a hub's dataset has.
const HUB_KEYS: [&str; 3] = ["subset", "split", "token_env"];

/// `None` where something was reported.
pub(crate) fn lower(dataset: &Node, reader: &mut Reader<'_>) -> Option<Dataset> {
    let from = match dataset.get("cases") {
        Some(cases) => lower_cases(cases, reader),
        None => lower_path(dataset, reader),
    };
    let field = |key: &str| {
        let text = dataset.get("fields").and_then(|fields| fields.text(key))?;
        Some(FieldSource::from(text))
    };
    Some(Dataset {
        from: from?,
        fields: Fields {
            id: field("id"),
            input: field("input"),
            expected: field("expected"),
            choices: field("choices"),
            cluster: field("cluster"),
        },
    })
}

fn lower_cases(cases: &Node, reader: &mut Reader<'_>) -> Option<DatasetFrom> {
    let mut read = Vec::with_capacity(cases.items().len());
    for case in cases.items() {
        read.push(InlineCase {
            columns: to_json_map(case, &mut reader.errors),
            location: reader.errors.locate(&case.span),
        });
    }
    (!read.is_empty()).then_some(DatasetFrom::Inline { cases: read })
}

fn lower_path(dataset: &Node, reader: &mut Reader<'_>) -> Option<DatasetFrom> {
    let path = dataset.get("path")?;
    let written = dataset.text("path")?;
    let format = Format::of(dataset);
    if let Some(hub) = written.strip_prefix(HUB_PREFIX) {
        return lower_hub(dataset, hub, reader);
    }
    for key in HUB_KEYS {
        if let Some(entry) = dataset.entry(key) {
            let message = format!(
                "`{key}` belongs to a hub's dataset, but {} is none",
                shown(written)
            );
            let hint = format!("remove `{key}`, or write `path: hf:owner/name@revision`");
            reader.errors.push(&entry.key.span, message, Some(hint));
            return None;
        }
    }
    if written.contains("://") {
        let message = format!("{} is an address, expected a path", shown(written));
        let hint =
            "download the file and write its path; a dataset of a hub is written `hf:owner/name@revision`";
        reader.errors.push(&path.span, message, Some(hint.to_owned()));
        return None;
    }
    if written == STDIN {
        return lower_stdin(dataset, format, reader);
    }
    if written.ends_with('/') || format == Some(Format::Text) {
        return lower_folder(dataset, written, format, reader);
    }
    if let Some(entry) = dataset.entry("glob") {
        let message = format!(
            "`glob` chooses among the files of a folder, but {} is one file",
            shown(written)
        );
        let hint = format!("write `path: {written}/` where it is a folder");
        reader.errors.push(&entry.key.span, message, Some(hint));
        return None;
    }
    let format = match format {
        Some(Format::Rows(format)) => format,
        _ => format_of(written, path, reader)?,
    };
    Some(DatasetFrom::File {
        path: reader.resolve(path, written),
        path_written: written.to_owned(),
        format,
    })
}

/// What `format:` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Rows(DatasetFormat),
    Text,
}

impl Format {
    fn of(dataset: &Node) -> Option<Self> {
        match dataset.text("format")? {
            "jsonl" => Some(Self::Rows(DatasetFormat::Jsonl)),
            "csv" => Some(Self::Rows(DatasetFormat::Csv)),
            "parquet" => Some(Self::Rows(DatasetFormat::Parquet)),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

fn lower_stdin(dataset: &Node, format: Option<Format>, reader: &mut Reader<'_>) -> Option<DatasetFrom> {
    if let Some(entry) = dataset.entry("glob") {
        let hint = Some("remove `glob`".to_owned());
        reader.errors.push(
            &entry.key.span,
            "standard input has no files to choose among",
            hint,
        );
        return None;
    }
    let format = match format {
        None => DatasetFormat::Jsonl,
        Some(Format::Rows(format @ (DatasetFormat::Jsonl | DatasetFormat::Csv))) => format,
        Some(_) => {
            let at = dataset.get("format")?;
            let message = "standard input is read as JSON Lines or CSV";
            let hint = "write `format: jsonl` or `format: csv`, or name a file";
            reader.errors.push(&at.span, message, Some(hint.to_owned()));
            return None;
        }
    };
    Some(DatasetFrom::Stdin {
        format,
        spooled: None,
    })
}

fn lower_folder(
    dataset: &Node,
    written: &str,
    format: Option<Format>,
    reader: &mut Reader<'_>,
) -> Option<DatasetFrom> {
    if let (Some(Format::Rows(format)), Some(at)) = (format, dataset.get("format")) {
        let message = format!(
            "a folder is read as text files, each of them a case, but `format` is `{}`",
            format.as_str()
        );
        let hint = "name one file, or write `format: text`".to_owned();
        reader.errors.push(&at.span, message, Some(hint));
        return None;
    }
    Some(DatasetFrom::Folder {
        path: reader.resolve(dataset.get("path")?, written),
        path_written: written.to_owned(),
        glob: dataset.text("glob").map(str::to_owned),
    })
}

/// `owner/name@revision`, without the prefix.
fn lower_hub(dataset: &Node, written: &str, reader: &mut Reader<'_>) -> Option<DatasetFrom> {
    let at = &dataset.get("path")?.span;
    if let Some(entry) = dataset.entry("format") {
        let message = "`format` is not for a hub's dataset: its files say it themselves";
        let hint = "remove `format`; choose the files by `subset` and `split`, or by `glob`";
        reader
            .errors
            .push(&entry.key.span, message, Some(hint.to_owned()));
        return None;
    }
    let (repository, revision) = match written.split_once('@') {
        Some((repository, revision)) => (repository, Some(revision)),
        None => (written, None),
    };
    let is_part = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(fits) && part.chars().any(|c| c != '.')
    };
    if repository.split('/').count() > 2 || !repository.split('/').all(is_part) {
        let message = format!("{} is not a dataset of a hub", shown(repository));
        let hint = "write `hf:owner/name@revision`; subset and split are keys of their own".to_owned();
        reader.errors.push(at, message, Some(hint));
        return None;
    }
    // A revision may be `refs/convert/parquet`; it goes into an address.
    if let Some(revision) = revision
        && !revision.split('/').all(is_part)
    {
        let message = format!("{} is not a revision", shown(revision));
        let hint = "write a commit, a branch or a tag after the `@`".to_owned();
        reader.errors.push(at, message, Some(hint));
        return None;
    }
    if !revision.is_some_and(is_commit) {
        let written = shown(&format!("{HUB_PREFIX}{written}"));
        let message = format!("{written} can change: its revision is not a commit");
        let hint = "write the commit of 40 hexadecimal digits after the `@`; that of a run is in its record";
        reader.warn(at, message, Some(hint.to_owned()));
    }
    Some(DatasetFrom::Hub(Hub {
        repository: repository.to_owned(),
        revision: revision.map(str::to_owned),
        subset: dataset.text("subset").map(str::to_owned),
        split: dataset.text("split").map(str::to_owned),
        glob: dataset.text("glob").map(str::to_owned),
        token_env: dataset.text("token_env").unwrap_or(DEFAULT_TOKEN_ENV).to_owned(),
        fetched: None,
    }))
}

/// Whether a revision can never mean anything else.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn format_of(written: &str, path: &Node, reader: &mut Reader<'_>) -> Option<DatasetFormat> {
    let format = DatasetFormat::of_extension(written);
    if format.is_none() {
        let name = written.rsplit('/').next().unwrap_or(written);
        let message = match name.rsplit_once('.') {
            Some((_, extension)) => format!(
                "the extension {} does not say how the dataset is written",
                shown(extension)
            ),
            None => format!(
                "{} has no extension that says how the dataset is written",
                shown(written)
            ),
        };
        let hint = "name the file .jsonl, .csv or .parquet, or write `format: jsonl`, `format: csv` or `format: parquet` \
                    below `dataset:`; the path of a folder of text files ends with `/`";
        reader.errors.push(&path.span, message, Some(hint.to_owned()));
    }
    format
}
