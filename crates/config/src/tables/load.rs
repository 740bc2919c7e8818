//! The grammar of load tasks: how hard, for how long, and what is asked. The words are those of `seatrial load`.

use super::bounds::{MAX_COUNT, MAX_TARGETS};
use super::suite::NAME;
use crate::shape::{Field, Shape, Table};

/// Most requests under way at once.
const MAX_IN_FLIGHT: u64 = 100_000;

const OF_HINT: &str = "answers under load are scored by `load: {of: TASK}`, with what that task says";
const BELOW_HINT: &str = "write it below `load:`";

/// A task with the key `load`.
pub(crate) static LOAD_TASK: Table = Table {
    what: "a load task",
    fields: &[
        Field::new("name", NAME, "name of the task in reports and gates").required(),
        Field::new("load", Shape::Record(&LOAD), "how each target is loaded").required(),
        Field::new(
            "targets",
            Shape::List {
                item: &Shape::Line,
                min: 1,
                max: MAX_TARGETS,
                unique: true,
            },
            "names of the targets that are loaded, one after the other; default: all of them",
        ),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("scorers", OF_HINT),
        ("dataset", OF_HINT),
        ("messages", OF_HINT),
        ("prompts", OF_HINT),
        ("system", OF_HINT),
        ("limit", OF_HINT),
        ("first", OF_HINT),
        ("cluster", OF_HINT),
        ("slices", OF_HINT),
        ("prompt", BELOW_HINT),
        ("seed", BELOW_HINT),
        ("rate", BELOW_HINT),
        ("concurrency", BELOW_HINT),
        ("duration", BELOW_HINT),
        ("requests", BELOW_HINT),
        ("warmup", BELOW_HINT),
        ("slo", BELOW_HINT),
        ("epochs", "repeat a load with `duration` or `requests`"),
        ("target", "did you mean `targets`? it is a list"),
    ],
};

/// What a load is.
pub(crate) static LOAD: Table = Table {
    what: "a load",
    fields: &[
        Field::new(
            "concurrency",
            Shape::Whole {
                min: 1,
                max: MAX_IN_FLIGHT,
            },
            "closed loop: this many users, each of whom asks again when its answer came",
        ),
        Field::new(
            "rate",
            Shape::NumberOrLine,
            "open loop: requests per second whatever the answers do, or a profile as `seatrial load --rate` takes it",
        ),
        Field::new(
            "arrivals",
            Shape::Line,
            "with `rate`, how arrivals scatter: constant, poisson, gamma or gamma:SHAPE",
        )
        .default("\"poisson\""),
        Field::new(
            "max_in_flight",
            Shape::Whole {
                min: 1,
                max: MAX_IN_FLIGHT,
            },
            "with `rate`, most requests under way; arrivals beyond wait and are counted",
        )
        .default("4096"),
        Field::new("duration", Shape::Duration, "length of the measurement"),
        Field::new(
            "requests",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "measure this many requests",
        ),
        Field::new(
            "warmup",
            Shape::Duration,
            "load before the measurement; it goes over into it without a pause",
        ),
        Field::new(
            "drain",
            Shape::Duration,
            "how long requests under way at the end are waited for",
        )
        .default("\"30s\""),
        Field::new(
            "of",
            Shape::Line,
            "name of a task whose prompts are asked; the answers are scored by it afterwards: quality under load",
        ),
        Field::new(
            "prompt",
            Shape::Line,
            "the prompt of every request; default: a built-in one",
        ),
        Field::new(
            "input_tokens",
            Shape::NumberOrLine,
            "make prompts of this many tokens: 512, 100..900, or 512,sd=100,min=16,max=1024",
        ),
        Field::new(
            "output_tokens",
            Shape::NumberOrLine,
            "with `input_tokens`, ask for answers of this many tokens; written like it",
        ),
        Field::new(
            "max_tokens",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "most output tokens of an answer; default: what the target's `params` say",
        ),
        Field::new(
            "slo",
            Shape::Line,
            "what a good request is, such as `ttft_p99<500ms,tpot_p99<40ms`; of it come `goodput` and `attainment`",
        ),
        Field::new(
            "seed",
            Shape::Whole {
                min: 0,
                max: u64::MAX,
            },
            "seed of arrivals and prompts; default: the suite's",
        ),
        Field::new(
            "allow_degraded",
            Shape::Bool,
            "whether numbers that the measuring client spoiled itself are told, marked as degraded",
        )
        .default("false"),
    ],
    exclusive: &[
        &["concurrency", "rate"],
        &["duration", "requests"],
        &["of", "prompt", "input_tokens"],
        &["max_tokens", "output_tokens"],
        &["concurrency", "max_in_flight"],
    ],
    one_of: &[&["concurrency", "rate"], &["duration", "requests"]],
    later: &[],
    tried: &[
        ("users", "did you mean `concurrency`?"),
        ("rps", "did you mean `rate`?"),
        ("qps", "did you mean `rate`?"),
        ("n", "did you mean `requests`?"),
        ("warm_up", "did you mean `warmup`?"),
        ("task", "did you mean `of`?"),
        ("scorers", "name a task with scorers: `of: TASK`"),
        ("dataset", "name a task with a dataset: `of: TASK`"),
        ("timeout", "the target's `limits: {timeout: …}` holds"),
        ("goodput", "did you mean `slo`?"),
    ],
};
