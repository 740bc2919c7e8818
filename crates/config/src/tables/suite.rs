//! The top of the grammar: a suite and its `defaults:`.

use super::bounds::{MAX_COUNT, MAX_EPOCHS, MAX_GATES, MAX_QUARANTINED, MAX_SLICES, MAX_TARGETS, MAX_TASKS};
use super::gate::GATE;
use super::quarantine::QUARANTINE;
use super::target::TARGET_TABLES;
use super::task::TASK;
use crate::include::MAX_INCLUDED_FILES;
use crate::plan::CacheMode;
use crate::shape::{Field, Shape, Table};

pub(super) const NAME: Shape = Shape::Name { dots: false };
pub(super) const DOTTED_NAME: Shape = Shape::Name { dots: true };
pub(super) const COLUMNS: Shape = Shape::List {
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
            "include",
            INCLUDE,
            "suite files whose targets, tasks, gates and models come before this one's; what else they say holds where this one is silent",
        ),
        Field::new(
            "defaults",
            Shape::Record(&DEFAULTS),
            "keys that every target or task has unless it says otherwise",
        ),
        Field::new("targets", TARGETS, "endpoints under test").required(),
        Field::new(
            "models",
            MODELS,
            "endpoints that scorers ask, described like targets; they are not evaluated and their cost is told apart",
        )
        .default("[]"),
        Field::new("tasks", TASKS, "what is asked of every target").required(),
        Field::new(
            "gates",
            GATES,
            "conditions on the results; each decides pass, fail or inconclusive",
        )
        .default("[]"),
        Field::new(
            "baseline",
            Shape::NameOr(&BASELINE),
            "the blessed run that gates compare with; default: the baseline of the suite's name",
        ),
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
            "budget",
            Shape::Record(&BUDGET),
            "what a run may take; it stops before, and continues under a larger one",
        ),
        Field::new(
            "sequential",
            Shape::Bool,
            "whether tasks are asked in seeded random order and stop as soon as their gates are decided",
        )
        .default("false"),
        Field::new(
            "extend",
            Shape::Record(&EXTEND),
            "how far a run goes on for gates that say `on_inconclusive: extend`, within its budget",
        ),
        Field::new(
            "cache",
            Shape::Choice {
                words: CacheMode::WORDS,
                later: &[],
            },
            "whether answers are kept and used again instead of asking: `read-write`, `replay-only`, `refresh`",
        )
        .default("\"off\""),
        Field::new(
            "slices",
            COLUMNS,
            "columns whose values are reported apart, for every task",
        )
        .default("[]"),
        Field::new(
            "quarantine",
            QUARANTINED,
            "cases that are known to be unreliable: they count as any other, and reports list them until their last day is over",
        )
        .default("[]"),
    ],
    exclusive: &[&["max_error_rate", "max_errors"]],
    one_of: &[],
    later: &[],
    tried: &[
        ("providers", "did you mean `targets`?"),
        ("judges", "did you mean `models`?"),
        ("tests", "did you mean `tasks`?"),
        ("evals", "did you mean `tasks`?"),
        ("prompts", "write `prompts` below a task"),
        ("includes", "did you mean `include`?"),
        ("extends", "did you mean `include`? it is a list"),
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

pub(crate) const INCLUDE: Shape = Shape::List {
    item: &Shape::Line,
    min: 1,
    max: MAX_INCLUDED_FILES,
    unique: true,
};
const TARGETS: Shape = Shape::List {
    item: &Shape::Merged(TARGET_TABLES),
    min: 1,
    max: MAX_TARGETS,
    unique: false,
};
const MODELS: Shape = Shape::List {
    item: &Shape::Merged(TARGET_TABLES),
    min: 0,
    max: MAX_TARGETS,
    unique: false,
};
const TASKS: Shape = Shape::List {
    item: &Shape::Merged(&[&TASK]),
    min: 1,
    max: MAX_TASKS,
    unique: false,
};
const QUARANTINED: Shape = Shape::List {
    item: &Shape::Record(&QUARANTINE),
    min: 0,
    max: MAX_QUARANTINED,
    unique: false,
};
const GATES: Shape = Shape::List {
    item: &Shape::Record(&GATE),
    min: 0,
    max: MAX_GATES,
    unique: false,
};

static BUDGET: Table = Table {
    what: "`budget`",
    fields: &[
        Field::new(
            "cost_usd",
            Shape::Money,
            "US dollars at most, over all sessions of a run",
        ),
        Field::new("duration", Shape::Duration, "wall time of one session at most"),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("cost", "did you mean `cost_usd`?"),
        ("usd", "did you mean `cost_usd`?"),
        ("time", "did you mean `duration`?"),
        ("errors", "write `max_errors` beside `budget`"),
        ("tokens", "a budget in tokens is not in this version"),
    ],
};

static EXTEND: Table = Table {
    what: "`extend`",
    fields: &[Field::new(
        "epochs_max",
        Shape::Whole {
            min: 1,
            max: MAX_EPOCHS,
        },
        "epochs of a task at most, the planned ones included; default: 4 more than planned",
    )],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("epochs", "did you mean `epochs_max`?"),
        (
            "cost_usd",
            "write `budget: {cost_usd: …}`; it holds for added epochs too",
        ),
        (
            "duration",
            "write `budget: {duration: …}`; it holds for added epochs too",
        ),
    ],
};

static BASELINE: Table = Table {
    what: "`baseline`",
    fields: &[
        Field::new("name", DOTTED_NAME, "its name; default: the suite's"),
        Field::new(
            "stale_days",
            Shape::Whole { min: 1, max: 3650 },
            "days after which a baseline is called stale, in a warning",
        )
        .default("30"),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("path", "baselines lie in one folder: --baselines DIR"),
        ("stale_after", "did you mean `stale_days`?"),
        ("max_age", "did you mean `stale_days`?"),
    ],
};

pub(crate) static DEFAULTS: Table = Table {
    what: "`defaults`",
    fields: &[
        Field::new(
            "target",
            Shape::Partial(TARGET_TABLES),
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
