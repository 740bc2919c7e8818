//! The grammar of gates.

use crate::shape::{Field, Later, Shape, Table};

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
                words: &["warn", "fail", "extend"],
                later: &[],
            },
            "what an undecided gate does: `warn` exits with 0, `fail` with 3, `extend` asks further epochs and then warns",
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
