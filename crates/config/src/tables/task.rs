//! The grammar of tasks: prompt, scorers, selection.

use super::bounds::{
    MAX_COUNT, MAX_EPOCHS, MAX_IMAGES, MAX_MESSAGES, MAX_PROMPTS, MAX_TARGETS, MAX_TOOL_CALLS,
};
use super::dataset::DATASET;
use super::load::LOAD;
use super::suite::{COLUMNS, NAME};
use crate::shape::{Field, Later, Shape, Table};

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
            MESSAGES,
            "the whole conversation as templates, instead of `prompt`",
        ),
        Field::new(
            "system",
            Shape::Template,
            "template of a system message before the prompt",
        ),
        Field::new(
            "prompts",
            Shape::List {
                item: &Shape::Record(&VARIANT),
                min: 1,
                max: MAX_PROMPTS,
                unique: false,
            },
            "several prompts by name, instead of one: each becomes a task of its own, `task@prompt`",
        ),
        Field::new(
            "targets",
            Shape::List {
                item: &Shape::Line,
                min: 1,
                max: MAX_TARGETS,
                unique: true,
            },
            "names of the targets that are asked; default: all of them",
        ),
        Field::new(
            "scorers",
            Shape::Scorers,
            "how answers are judged: names, or one-key maps of a name and its options",
        )
        .required(),
        Field::new(
            "success",
            Shape::Line,
            "scorer, or metric of one, that says what a success is, for the cost of a success; default: the first that says right or wrong",
        ),
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
            "sequential",
            Shape::Bool,
            "whether the cases are asked in seeded random order until the gates of the task are decided; default: the suite's",
        ),
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
        Field::new(
            "load",
            Shape::Record(&LOAD),
            "makes it a load task: each target is loaded and measured, after the evaluation; `name` and `targets` are its other keys",
        ),
    ],
    exclusive: &[
        &["prompt", "messages", "prompts"],
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
        ("variants", "did you mean `prompts`?"),
        ("target", "did you mean `targets`? it is a list"),
        ("user", "did you mean `prompt`?"),
        ("fields", "write `fields` below `dataset:`"),
        ("cases", "write `cases` below `dataset:`"),
        ("format", "write `format` below `dataset:`"),
        ("n", "did you mean `limit` or `first`?"),
        (
            "expected",
            "name the column of the reference as `dataset: {fields: {expected: …}}`",
        ),
    ],
};

const MESSAGES: Shape = Shape::List {
    item: &Shape::Record(&MESSAGE),
    min: 1,
    max: MAX_MESSAGES,
    unique: false,
};

static VARIANT: Table = Table {
    what: "a prompt",
    fields: &[
        Field::new(
            "name",
            NAME,
            "name of the prompt, which follows the task's after an `@`",
        )
        .required(),
        Field::new("prompt", Shape::Template, "template of the user message"),
        Field::new(
            "messages",
            MESSAGES,
            "the whole conversation as templates, instead of `prompt`",
        ),
        Field::new(
            "system",
            Shape::Template,
            "template of a system message before the prompt; default: the task's",
        ),
    ],
    exclusive: &[&["prompt", "messages"], &["system", "messages"]],
    one_of: &[&["prompt", "messages"]],
    later: &[],
    tried: &[
        ("template", "did you mean `prompt`?"),
        ("id", "did you mean `name`?"),
        ("text", "did you mean `prompt`?"),
    ],
};

static MESSAGE: Table = Table {
    what: "a message",
    fields: &[
        Field::new(
            "role",
            Shape::Choice {
                words: &["system", "user", "assistant", "tool"],
                later: &[],
            },
            "who speaks",
        )
        .required(),
        Field::new("content", Shape::Template, "template of the text"),
        Field::new(
            "images",
            Shape::List {
                item: &Shape::Template,
                min: 1,
                max: MAX_IMAGES,
                unique: false,
            },
            "templates of images before the text: an address, or a path relative to the suite; empty is no image",
        ),
        Field::new(
            "tool_calls",
            Shape::List {
                item: &Shape::Record(&TOOL_CALL),
                min: 1,
                max: MAX_TOOL_CALLS,
                unique: false,
            },
            "tools that an assistant has asked for",
        ),
        Field::new(
            "tool_call_id",
            Shape::Line,
            "id of the call that a message of role `tool` answers",
        ),
    ],
    exclusive: &[],
    one_of: &[&["content", "images", "tool_calls"]],
    later: &[],
    tried: &[
        ("text", "did you mean `content`?"),
        ("image", "did you mean `images`? it is a list"),
        (
            "image_url",
            "did you mean `images`? it is a list of addresses or paths",
        ),
        ("name", "a tool's result names its call: `tool_call_id`"),
    ],
};

static TOOL_CALL: Table = Table {
    what: "a tool call",
    fields: &[
        Field::new("id", Shape::Line, "id that the tool's result names").required(),
        Field::new("name", Shape::Line, "name of the tool").required(),
        Field::new(
            "arguments",
            Shape::Template,
            "template of the arguments, JSON as a text",
        )
        .default("\"{}\""),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("function", "write `name` and `arguments` without `function`"),
        ("input", "did you mean `arguments`?"),
        ("args", "did you mean `arguments`?"),
    ],
};
