//! The grammar of targets that are programs.

use super::bounds::{MAX_COMMAND_PARTS, MAX_IN_FLIGHT, MAX_WORKERS};
use super::target::{LIMITS_FIELD, PRICE_FIELD, PROVIDER, RETRY_FIELD, TARGET_NAME, TARGET_TRIED};
use crate::shape::{Field, Shape, Table};

pub(crate) static EXEC: Table = Table {
    what: "a target",
    fields: &[
        TARGET_NAME,
        PROVIDER,
        Field::new(
            "command",
            Shape::List {
                item: &Shape::Line,
                min: 1,
                max: MAX_COMMAND_PARTS,
                unique: false,
            },
            "program and arguments, without a shell; it reads a JSON object a line and writes one for each",
        )
        .required(),
        Field::new(
            "cwd",
            Shape::Line,
            "folder in which it runs, relative to the suite; default: the folder of the suite",
        ),
        Field::new(
            "env",
            Shape::List {
                item: &Shape::Variable,
                min: 0,
                max: MAX_COMMAND_PARTS,
                unique: true,
            },
            "names of environment variables that it is given beside PATH, HOME and a few like them",
        )
        .default("[]"),
        Field::new(
            "workers",
            Shape::Whole {
                min: 1,
                max: MAX_WORKERS,
            },
            "processes at most; started when they are needed",
        )
        .default("1"),
        Field::new(
            "in_flight",
            Shape::Whole {
                min: 1,
                max: MAX_IN_FLIGHT,
            },
            "requests that one process is given at a time",
        )
        .default("1"),
        Field::new("params", Shape::AnyMap, "parameters, handed over as they are").default("{}"),
        PRICE_FIELD,
        LIMITS_FIELD,
        RETRY_FIELD,
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: TARGET_TRIED,
};
