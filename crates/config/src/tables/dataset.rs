//! The grammar of datasets: where cases come from and what their columns mean.

use super::bounds::MAX_INLINE_CASES;
use crate::shape::{Field, Later, Shape, Table};

/// Variable with the hub's token of a dataset that names none.
pub const DEFAULT_TOKEN_ENV: &str = "HF_TOKEN";

pub(crate) static DATASET: Table = Table {
    what: "`dataset`",
    fields: &[
        Field::new(
            "path",
            Shape::Line,
            "file of cases, folder of text files (with a `/` at its end), `-` for standard input, or `hf:owner/name@revision`",
        ),
        Field::new(
            "cases",
            Shape::List {
                item: &Shape::AnyMap,
                min: 1,
                max: MAX_INLINE_CASES,
                unique: false,
            },
            "the cases themselves, instead of `path`",
        ),
        Field::new(
            "format",
            Shape::Choice {
                words: &["jsonl", "csv", "parquet", "text"],
                later: &[
                    ("json", "write one object a line and name it `jsonl`"),
                    ("arrow", "convert the file to Parquet"),
                ],
            },
            "how the file is written; default: by its extension; `text` is a folder of text files",
        ),
        Field::new(
            "glob",
            Shape::Line,
            "which files of a folder or of a hub's repository, such as `**/*.txt`",
        ),
        Field::new(
            "subset",
            Shape::Line,
            "which subset of a hub's dataset, where it has several",
        ),
        Field::new(
            "split",
            Shape::Line,
            "which split of a hub's dataset, where it has several",
        ),
        Field::new(
            "token_env",
            Shape::Variable,
            "environment variable with the hub's token; not needed for open datasets",
        )
        .default("\"HF_TOKEN\""),
        Field::new(
            "fields",
            Shape::Record(&FIELDS),
            "which columns mean what, where they have other names or must be made of several",
        ),
    ],
    exclusive: &[
        &["path", "cases"],
        &["format", "cases"],
        &["glob", "cases"],
        &["glob", "split"],
        &["glob", "subset"],
        &["subset", "cases"],
        &["split", "cases"],
        &["token_env", "cases"],
    ],
    one_of: &[&["path", "cases"]],
    later: &[
        Later {
            word: "hf",
            message: "a hub's dataset is written as a path",
            hint: "write `path: hf:owner/name@revision`",
        },
        Later {
            word: "revision",
            message: "the revision of a hub's dataset is part of its path",
            hint: "write `path: hf:owner/name@revision`",
        },
    ],
    tried: &[
        ("file", "did you mean `path`?"),
        ("files", "did you mean `glob`?"),
        ("folder", "write `path: folder/`"),
        ("rows", "did you mean `cases`?"),
        ("data", "did you mean `cases`?"),
        ("columns", "did you mean `fields`?"),
        ("type", "did you mean `format`?"),
        ("config", "did you mean `subset`?"),
        ("name", "did you mean `subset`?"),
        ("token", "name a variable: `token_env: HF_TOKEN`"),
        ("limit", "write `limit` below the task"),
        ("first", "write `first` below the task"),
    ],
};

static FIELDS: Table = Table {
    what: "`fields`",
    fields: &[
        Field::new(
            "id",
            Shape::FieldSource,
            "column with the id of the case, or an expression such as `{{ subject }}-{{ number }}`",
        )
        .default("\"id\""),
        Field::new(
            "input",
            Shape::FieldSource,
            "column with the prompt, where the task has none, or an expression over columns",
        )
        .default("\"input\""),
        Field::new(
            "expected",
            Shape::FieldSource,
            "column with the reference, or an expression; default: the first present of expected, reference, target, answer, gold, label",
        ),
        Field::new(
            "choices",
            Shape::FieldSource,
            "column with the answer options, or an expression such as `{{ [a, b, c] }}`",
        )
        .default("\"choices\""),
        Field::new(
            "cluster",
            Shape::FieldSource,
            "column with the cluster, or an expression",
        )
        .default("\"cluster\""),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("reference", "did you mean `expected`?"),
        ("target", "did you mean `expected`?"),
        ("answer", "did you mean `expected`?"),
        (
            "question",
            "every column is a template variable; write `{{ question }}` in the prompt",
        ),
    ],
};
