//! The grammar of gates.

use crate::shape::{Field, Shape, Table};

/// The keys of which a gate has exactly one.
const CONDITIONS: &[&str] = &[
    "at_least",
    "at_most",
    "not_worse_than",
    "better_than",
    "no_critical",
];

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
            "not_worse_than",
            Shape::Choice {
                words: &["baseline"],
                later: &[],
            },
            "the value may fall short of the baseline's by less than `margin`, case by case",
        ),
        Field::new(
            "better_than",
            Shape::Choice {
                words: &["baseline"],
                later: &[],
            },
            "the value must be better than the baseline's, by more than `margin` where one is given",
        ),
        Field::new(
            "margin",
            Shape::Margin,
            "difference from the baseline, in the metric's unit or as a share of the baseline's value such as `10%`; \
             default: 0.02 for `not_worse_than` on shares and scores from 0 to 1, 0 for `better_than`, none for other metrics",
        ),
        Field::new(
            "better",
            Shape::Choice {
                words: &["higher", "lower"],
                later: &[],
            },
            "which way is better, where a comparison with the baseline cannot know it",
        ),
        Field::new(
            "no_critical",
            Shape::TrueOrLines,
            "not one case may miss this metric of rights and wrongs; a list names the values of the column `severity` \
             whose cases are meant. Exits with 7 where the metric speaks for safety",
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
    exclusive: &[CONDITIONS],
    one_of: &[CONDITIONS],
    later: &[],
    tried: &[
        ("threshold", "did you mean `at_least` or `at_most`?"),
        ("min", "did you mean `at_least`?"),
        ("max", "did you mean `at_most`?"),
        ("above", "did you mean `at_least`?"),
        ("below", "did you mean `at_most`?"),
        ("alpha", "did you mean `risk`?"),
        ("tolerance", "did you mean `margin`?"),
        ("delta", "did you mean `margin`?"),
        ("baseline", "write `not_worse_than: baseline` or `better_than: baseline`; `baseline: NAME` stands at the top of the suite"),
        ("task", "the task is part of `metric`: TASK.METRIC"),
        (
            "statistic",
            "the statistic is part of `metric`: TASK.METRIC.STATISTIC",
        ),
    ],
};
