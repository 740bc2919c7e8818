//! The grammar of quarantine.

use crate::shape::{Field, Shape, Table};

pub(crate) static QUARANTINE: Table = Table {
    what: "an entry of `quarantine`",
    fields: &[
        Field::new("case", Shape::Any, "id of the case").required(),
        Field::new("task", Shape::Line, "name of its task").required(),
        Field::new("owner", Shape::Line, "who mends it").required(),
        Field::new("until", Shape::Line, "last day, YYYY-MM-DD").required(),
        Field::new("reason", Shape::Line, "why, for the reports"),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("id", "did you mean `case`?"),
        ("case_id", "did you mean `case`?"),
        ("expires", "did you mean `until`?"),
        ("expiry", "did you mean `until`?"),
        ("why", "did you mean `reason`?"),
        ("assignee", "did you mean `owner`?"),
        ("target", "a case is under quarantine for every target"),
    ],
};
