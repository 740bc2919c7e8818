//! The grammar of a suite as tables: every key, what it may be, what it is for and its default. Checks, messages and
//! the JSON Schema are made from these.

use crate::shape::{Field, Later, Shape, Table};

/// Targets of one suite at most.
pub const MAX_TARGETS: usize = 256;
/// Tasks of one suite at most.
pub const MAX_TASKS: usize = 1000;
/// Gates of one suite at most.
pub const MAX_GATES: usize = 1000;
/// Scorers of one task at most.
pub const MAX_SCORERS: usize = 100;
/// Messages of one prompt at most.
pub const MAX_MESSAGES: usize = 200;
/// Columns to slice by at most, for each list of them.
pub const MAX_SLICES: usize = 32;
/// Calls in flight at most.
pub const MAX_CONCURRENCY: u64 = 4096;
/// Repetitions of a case at most.
pub const MAX_EPOCHS: u64 = 10_000;
/// Attempts at one call at most.
pub const MAX_ATTEMPTS: u64 = 100;
/// Largest limit per minute, and largest number of cases.
const MAX_COUNT: u64 = 1_000_000_000_000;
/// Address of a target that gives none.
pub const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
/// Variable with the key of a target that names none.
pub const DEFAULT_API_KEY_ENV: &str = "OPENAI_API_KEY";

const NAME: Shape = Shape::Name { dots: false };
const DOTTED_NAME: Shape = Shape::Name { dots: true };
const COLUMNS: Shape = Shape::List {
    item: &Shape::Line,
    min: 0,
    max: MAX_SLICES,
    unique: true,
};

/// A whole suite.
pub(crate) static SUITE: Table = Table {
    what: "a suite",
    fields: &[
        Field::new("version", Shape::Version, "version of the suite grammar").required(),
        Field::new(
            "name",
            DOTTED_NAME,
            "name of the suite, under which its runs are found again",
        )
        .required(),
        Field::new(
            "seed",
            Shape::Whole {
                min: 0,
                max: u64::MAX,
            },
            "seed of everything random",
        )
        .default("0"),
        Field::new(
            "defaults",
            Shape::Record(&DEFAULTS),
            "keys that every target or task has unless it says otherwise",
        ),
        Field::new("targets", TARGETS, "endpoints under test").required(),
        Field::new("tasks", TASKS, "what is asked of every target").required(),
        Field::new(
            "gates",
            GATES,
            "conditions on the results; each decides pass, fail or inconclusive",
        )
        .default("[]"),
        Field::new(
            "max_error_rate",
            Shape::Number {
                above_zero: false,
                max: 1.0,
            },
            "share of finished samples that may be errors before the run counts as broken",
        )
        .default("0.05"),
        Field::new(
            "max_errors",
            Shape::Whole {
                min: 0,
                max: MAX_COUNT,
            },
            "number of errors that a run may have, instead of a share",
        ),
        Field::new(
            "slices",
            COLUMNS,
            "columns whose values are reported apart, for every task",
        )
        .default("[]"),
    ],
    exclusive: &[&["max_error_rate", "max_errors"]],
    one_of: &[],
    later: &[Later {
        word: "budget",
        message: "a budget in the suite is not in this version",
        hint: "remove `budget`",
    }],
    tried: &[
        ("providers", "did you mean `targets`?"),
        ("models", "did you mean `targets`?"),
        ("tests", "did you mean `tasks`?"),
        ("evals", "did you mean `tasks`?"),
        ("prompts", "write `prompt` below a task"),
        ("thresholds", "did you mean `gates`?"),
        (
            "scorers",
            "write `scorers` below a task, or below `defaults: {task: …}`",
        ),
        (
            "dataset",
            "write `dataset` below a task, or below `defaults: {task: …}`",
        ),
    ],
};

const TARGETS: Shape = Shape::List {
    item: &Shape::Merged(&[&OPENAI, &RECORDED]),
    min: 1,
    max: MAX_TARGETS,
    unique: false,
};
const TASKS: Shape = Shape::List {
    item: &Shape::Merged(&[&TASK]),
    min: 1,
    max: MAX_TASKS,
    unique: false,
};
const GATES: Shape = Shape::List {
    item: &Shape::Record(&GATE),
    min: 0,
    max: MAX_GATES,
    unique: false,
};

pub(crate) static DEFAULTS: Table = Table {
    what: "`defaults`",
    fields: &[
        Field::new(
            "target",
            Shape::Partial(&[&OPENAI, &RECORDED]),
            "keys of every target; its own win",
        ),
        Field::new(
            "task",
            Shape::Partial(&[&TASK]),
            "keys of every task; its own win",
        ),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("targets", "did you mean `target`?"),
        ("tasks", "did you mean `task`?"),
        (
            "gate",
            "defaults for gates are not supported; write the keys in each gate",
        ),
        (
            "gates",
            "defaults for gates are not supported; write the keys in each gate",
        ),
    ],
};

/// Providers that a target may name.
pub(crate) const PROVIDERS: &[&str] = &["openai", "recorded"];
const LATER_PROVIDER: &str = "names a provider that is not in this version";
const PROVIDER_HINT: &str = "this version has `openai` (any endpoint that speaks OpenAI's chat completions) and `recorded` (a file of answers)";
const fn later_provider(word: &'static str) -> Later {
    Later {
        word,
        message: LATER_PROVIDER,
        hint: PROVIDER_HINT,
    }
}
const PROVIDER: Field = Field::new(
    "provider",
    Shape::Choice {
        words: PROVIDERS,
        later: &[
            later_provider("anthropic"),
            later_provider("exec"),
            later_provider("http"),
            later_provider("gemini"),
            later_provider("bedrock"),
        ],
    },
    "where the answers come from: `openai` is any endpoint that speaks OpenAI's chat completions, `recorded` a file of answers",
)
.required();
const TARGET_NAME: Field = Field::new("name", DOTTED_NAME, "name of the target in reports").required();
const PRICE_FIELD: Field = Field::new(
    "price",
    Shape::Record(&PRICE),
    "what the target charges; unknown unless given, and then cost is unknown too",
);
const LIMITS_FIELD: Field = Field::new(
    "limits",
    Shape::Record(&LIMITS),
    "how hard the target may be driven",
);
const RETRY_FIELD: Field = Field::new(
    "retry",
    Shape::Record(&RETRY),
    "what happens after a failed attempt that is worth repeating",
);
const TARGET_TRIED: &[(&str, &str)] = &[
    ("url", "did you mean `base_url`?"),
    ("endpoint", "did you mean `base_url`?"),
    ("api_base", "did you mean `base_url`?"),
    (
        "api_key",
        "keys do not belong into a suite: put the key into an environment variable and write its name as `api_key_env`",
    ),
    (
        "key",
        "keys do not belong into a suite: put the key into an environment variable and write its name as `api_key_env`",
    ),
    ("temperature", "request parameters go below `params:`"),
    ("max_tokens", "request parameters go below `params:`"),
    ("top_p", "request parameters go below `params:`"),
    ("stop", "request parameters go below `params:`"),
    ("config", "did you mean `params`?"),
    ("concurrency", "write it below `limits:`"),
    ("rpm", "write it below `limits:`"),
    ("tpm", "write it below `limits:`"),
    ("timeout", "write it below `limits:`"),
    ("retries", "did you mean `retry: {attempts: …}`?"),
    ("id", "did you mean `name`?"),
];

pub(crate) static OPENAI: Table = Table {
    what: "a target",
    fields: &[
        TARGET_NAME,
        PROVIDER,
        Field::new(
            "base_url",
            Shape::Address,
            "address of the API; `/chat/completions` is added to it",
        )
        .default("\"https://api.openai.com/v1\""),
        Field::new("model", Shape::Line, "model as the provider names it").required(),
        Field::new(
            "api_key_env",
            Shape::Variable,
            "name of the environment variable that holds the key, never the key; on loopback none is needed",
        )
        .default("\"OPENAI_API_KEY\""),
        Field::new("params", Shape::AnyMap, "request parameters, sent as they are").default("{}"),
        PRICE_FIELD,
        LIMITS_FIELD,
        RETRY_FIELD,
    ],
    exclusive: &[],
    one_of: &[],
    later: &[Later {
        word: "headers",
        message: "extra headers are not in this version",
        hint: "remove `headers`",
    }],
    tried: TARGET_TRIED,
};

pub(crate) static RECORDED: Table = Table {
    what: "a target",
    fields: &[
        TARGET_NAME,
        PROVIDER,
        Field::new(
            "path",
            Shape::Line,
            "JSON Lines file of answers, relative to the suite",
        )
        .required(),
        Field::new("id_field", Shape::Line, "field with the id of the case").default("\"id\""),
        Field::new("output_field", Shape::Line, "field with the answer").default("\"output\""),
        Field::new("usage_field", Shape::Line, "field with token counts"),
        Field::new(
            "latency_ms_field",
            Shape::Line,
            "field with the latency in milliseconds",
        ),
        PRICE_FIELD,
        LIMITS_FIELD,
        RETRY_FIELD,
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: TARGET_TRIED,
};

static PRICE: Table = Table {
    what: "`price`",
    fields: &[
        Field::new(
            "input_usd_per_mtok",
            Shape::Money,
            "US dollars per million input tokens",
        )
        .required(),
        Field::new(
            "output_usd_per_mtok",
            Shape::Money,
            "US dollars per million output tokens",
        )
        .required(),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[
        Later {
            word: "table",
            message: "price tables are not in this version",
            hint: "write the price out: `{input_usd_per_mtok: 0.10, output_usd_per_mtok: 0.40}`",
        },
        Later {
            word: "id",
            message: "ids of price tables are not in this version",
            hint: "write the price out: `{input_usd_per_mtok: 0.10, output_usd_per_mtok: 0.40}`",
        },
    ],
    tried: &[
        (
            "input",
            "did you mean `input_usd_per_mtok`? it is per million tokens",
        ),
        (
            "output",
            "did you mean `output_usd_per_mtok`? it is per million tokens",
        ),
    ],
};

static LIMITS: Table = Table {
    what: "`limits`",
    fields: &[
        Field::new(
            "concurrency",
            Shape::Whole {
                min: 1,
                max: MAX_CONCURRENCY,
            },
            "calls in flight at most",
        )
        .default("16"),
        Field::new(
            "rpm",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "requests per minute at most; no limit unless given",
        ),
        Field::new(
            "tpm",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "tokens per minute at most; no limit unless given",
        ),
        Field::new("timeout", Shape::Duration, "time that one attempt may take").default("\"60s\""),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("requests_per_minute", "did you mean `rpm`?"),
        ("tokens_per_minute", "did you mean `tpm`?"),
        ("parallel", "did you mean `concurrency`?"),
    ],
};

static RETRY: Table = Table {
    what: "`retry`",
    fields: &[
        Field::new(
            "attempts",
            Shape::Whole {
                min: 1,
                max: MAX_ATTEMPTS,
            },
            "attempts in all, the first one included",
        )
        .default("5"),
        Field::new(
            "wait_first",
            Shape::Duration,
            "wait before the second attempt; doubles with each further one",
        )
        .default("\"500ms\""),
        Field::new("wait_max", Shape::Duration, "longest wait").default("\"30s\""),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        (
            "retries",
            "did you mean `attempts`? it counts the first attempt too",
        ),
        ("max", "did you mean `attempts`?"),
        ("backoff", "did you mean `wait_first`?"),
    ],
};

const RECIPE_HINT: &str = "write the task out instead: `name: mmlu`, `dataset: {path: mmlu.jsonl}`, `prompt: \"{{ question }} …\"`, `scorers: [exact_match]`";

pub(crate) static TASK: Table = Table {
    what: "a task",
    fields: &[
        Field::new("name", NAME, "name of the task in reports and gates").required(),
        Field::new("dataset", Shape::Record(&DATASET), "where the cases come from").required(),
        Field::new(
            "prompt",
            Shape::Template,
            "template of the user message, minijinja over the columns of a case; without it the case's `input` is sent",
        ),
        Field::new(
            "messages",
            Shape::List {
                item: &Shape::Record(&MESSAGE),
                min: 1,
                max: MAX_MESSAGES,
                unique: false,
            },
            "the whole conversation as templates, instead of `prompt`",
        ),
        Field::new(
            "system",
            Shape::Template,
            "template of a system message before the prompt",
        ),
        Field::new(
            "scorers",
            Shape::Scorers,
            "how answers are judged: names, or one-key maps of a name and its options",
        )
        .required(),
        Field::new(
            "cluster",
            Shape::Line,
            "column whose value names the cluster of a case, for clustered errors",
        ),
        Field::new(
            "epochs",
            Shape::Whole {
                min: 1,
                max: MAX_EPOCHS,
            },
            "how often each case is asked",
        )
        .default("1"),
        Field::new(
            "limit",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "ask only so many cases, drawn at random with the seed",
        ),
        Field::new(
            "first",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "ask only the first so many cases",
        ),
        Field::new(
            "seed",
            Shape::Whole {
                min: 0,
                max: u64::MAX,
            },
            "seed of this task; default: the suite's",
        ),
        Field::new(
            "slices",
            COLUMNS,
            "columns whose values are reported apart, beside the suite's",
        )
        .default("[]"),
    ],
    exclusive: &[
        &["prompt", "messages"],
        &["system", "messages"],
        &["limit", "first"],
    ],
    one_of: &[],
    later: &[
        Later {
            word: "recipe",
            message: "no recipes are shipped in this version, so `recipe` cannot be expanded",
            hint: RECIPE_HINT,
        },
        Later {
            word: "load",
            message: "load tasks are not in this version of the suite grammar",
            hint: "remove `load`; `seatrial load` measures one endpoint under load",
        },
        Later {
            word: "driver",
            message: "drivers are not in this version: every task asks once",
            hint: "write the conversation as `messages`",
        },
        Later {
            word: "turns",
            message: "scripted turns are not in this version: every task asks once",
            hint: "write the conversation as `messages`",
        },
        Later {
            word: "judge",
            message: "judges are not in this version",
            hint: "use a scorer that compares with a reference",
        },
    ],
    tried: &[
        ("scorer", "did you mean `scorers`? it is a list"),
        ("metrics", "did you mean `scorers`?"),
        ("assert", "did you mean `scorers`?"),
        ("data", "did you mean `dataset`?"),
        ("file", "did you mean `dataset: {path: …}`?"),
        ("path", "did you mean `dataset: {path: …}`?"),
        ("repeat", "did you mean `epochs`?"),
        ("repeats", "did you mean `epochs`?"),
        ("template", "did you mean `prompt`?"),
        ("user", "did you mean `prompt`?"),
        ("fields", "write `fields` below `dataset:`"),
        ("format", "write `format` below `dataset:`"),
        ("n", "did you mean `limit` or `first`?"),
        (
            "expected",
            "name the column of the reference as `dataset: {fields: {expected: …}}`",
        ),
    ],
};

static DATASET: Table = Table {
    what: "`dataset`",
    fields: &[
        Field::new("path", Shape::Line, "file of cases, relative to the suite").required(),
        Field::new(
            "format",
            Shape::Choice {
                words: &["jsonl", "csv"],
                later: &[Later {
                    word: "parquet",
                    message: "is parquet, which is not in this version",
                    hint: "convert the file to JSON Lines or CSV",
                }],
            },
            "how the file is written; default: by its extension",
        ),
        Field::new(
            "fields",
            Shape::Record(&FIELDS),
            "which columns mean what, where they have other names",
        ),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[
        Later {
            word: "hf",
            message: "datasets from a hub are not in this version",
            hint: "download the file and write `path: FILE.jsonl`",
        },
        Later {
            word: "revision",
            message: "datasets from a hub are not in this version",
            hint: "download the file and write `path: FILE.jsonl`",
        },
    ],
    tried: &[
        ("file", "did you mean `path`?"),
        ("columns", "did you mean `fields`?"),
        ("type", "did you mean `format`?"),
        ("limit", "write `limit` below the task"),
        ("first", "write `first` below the task"),
    ],
};

static FIELDS: Table = Table {
    what: "`fields`",
    fields: &[
        Field::new("id", Shape::Line, "column with the id of the case").default("\"id\""),
        Field::new(
            "input",
            Shape::Line,
            "column with the prompt, where the task has none",
        )
        .default("\"input\""),
        Field::new(
            "expected",
            Shape::Line,
            "column with the reference; default: the first present of expected, reference, target, answer, gold, label",
        ),
        Field::new("choices", Shape::Line, "column with the answer options").default("\"choices\""),
        Field::new("cluster", Shape::Line, "column with the cluster").default("\"cluster\""),
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

static MESSAGE: Table = Table {
    what: "a message",
    fields: &[
        Field::new(
            "role",
            Shape::Choice {
                words: &["system", "user", "assistant"],
                later: &[],
            },
            "who speaks",
        )
        .required(),
        Field::new("content", Shape::Template, "template of the text").required(),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[("text", "did you mean `content`?")],
};

pub(crate) static GATE: Table = Table {
    what: "a gate",
    fields: &[
        Field::new(
            "metric",
            Shape::Line,
            "what is asked about: TASK.METRIC or TASK.METRIC.STATISTIC",
        )
        .required(),
        Field::new(
            "at_least",
            Shape::AnyNumber,
            "the value must reach this; shares are 0 to 1",
        ),
        Field::new(
            "at_most",
            Shape::AnyNumber,
            "the value must not exceed this; shares are 0 to 1",
        ),
        Field::new(
            "target",
            Shape::Line,
            "the one target that is asked; default: each, with one result each",
        ),
        Field::new(
            "slice",
            Shape::Slice,
            "only cases with this value of this column, which must be listed in `slices`",
        ),
        Field::new(
            "name",
            Shape::Line,
            "name in reports; default: the metric and its bound",
        ),
        Field::new(
            "risk",
            Shape::Number {
                above_zero: true,
                max: 0.5,
            },
            "risk of a wrong fail over all gates, and of a wrong pass of this one",
        )
        .default("0.05"),
        Field::new(
            "on_inconclusive",
            Shape::Choice {
                words: &["warn", "fail"],
                later: &[Later {
                    word: "extend",
                    message: "is `extend`, which is not in this version",
                    hint: "write `warn` or `fail`, and raise `epochs` or the number of cases",
                }],
            },
            "what an undecided gate does: `warn` exits with 0, `fail` with 3",
        )
        .default("\"warn\""),
    ],
    exclusive: &[&["at_least", "at_most"]],
    one_of: &[&["at_least", "at_most"]],
    later: &[
        Later {
            word: "not_worse_than",
            message: "comparison with a baseline (`not_worse_than`) is not in this version",
            hint: "write `at_least` or `at_most` with a number",
        },
        Later {
            word: "better_than",
            message: "comparison with a baseline (`better_than`) is not in this version",
            hint: "write `at_least` or `at_most` with a number",
        },
        Later {
            word: "margin",
            message: "`margin` belongs to comparisons with a baseline, which are not in this version",
            hint: "remove `margin`",
        },
    ],
    tried: &[
        ("threshold", "did you mean `at_least` or `at_most`?"),
        ("min", "did you mean `at_least`?"),
        ("max", "did you mean `at_most`?"),
        ("above", "did you mean `at_least`?"),
        ("below", "did you mean `at_most`?"),
        ("alpha", "did you mean `risk`?"),
        ("task", "the task is part of `metric`: TASK.METRIC"),
        (
            "statistic",
            "the statistic is part of `metric`: TASK.METRIC.STATISTIC",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the defaults that the schema and the reference pages print: they are the ones that the plan uses.
    #[test]
    fn documented_defaults_are_the_real_ones() {
        let documented = |table: &Table, name: &str| {
            let field = table.fields.iter().find(|field| field.name == name).unwrap();
            serde_json::from_str::<serde_json::Value>(field.default.unwrap()).unwrap()
        };
        let (limits, retry) = (crate::Limits::default(), crate::Retry::default());
        let time = |table: &Table, name: &str| {
            crate::shape::parse_duration(documented(table, name).as_str().unwrap())
        };
        assert_eq!(documented(&LIMITS, "concurrency"), limits.concurrency);
        assert_eq!(time(&LIMITS, "timeout"), Some(limits.timeout));
        assert_eq!(documented(&RETRY, "attempts"), retry.attempts);
        assert_eq!(time(&RETRY, "wait_first"), Some(retry.wait_first));
        assert_eq!(time(&RETRY, "wait_max"), Some(retry.wait_max));
        assert_eq!(documented(&OPENAI, "base_url"), DEFAULT_BASE_URL);
        assert_eq!(documented(&OPENAI, "api_key_env"), DEFAULT_API_KEY_ENV);
        assert_eq!(
            documented(&SUITE, "max_error_rate"),
            crate::DEFAULT_MAX_ERROR_RATE
        );
        assert_eq!(documented(&GATE, "risk"), crate::gate::DEFAULT_RISK);
    }
}
