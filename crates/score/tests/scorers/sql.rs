//! `is-sql` and `contains-sql` of `checks`: what is said of a failure, faulty checks, and answers made to exhaust a parser.
//! Verdicts on ordinary SQL are compared with promptfoo's through the binary (`crates/cli/tests/promptfoo.rs`).

use crate::common::{answer, case, scorer, scores};
use seatrial_score::checks;
use seatrial_types::Outcome;
use serde_json::{Value, json};

/// Pass and detail; no pass where there is no verdict.
fn judged(check: &Value, text: &str) -> (Option<bool>, String) {
    let found = scores(
        &*scorer("checks", json!({})),
        &case(json!({"checks": [check]})),
        &answer(text, None),
        Vec::new(),
        None,
    );
    let first = &found[0];
    assert_eq!(first.outcome == Outcome::Scored, first.value.is_some());
    (
        first.value.map(|value| value > 0.5),
        first.detail.clone().unwrap_or_default().to_string(),
    )
}

/// Protects that a failure says which database, where, and what is allowed.
#[test]
fn a_failure_says_what_is_wrong() {
    let rows = [
        (json!({"type": "is-sql"}), "SELECT * FORM t", "MySQL"),
        (json!({"type": "is-sql"}), "SELECT a b FROM t", "comma"),
        (json!({"type": "is-sql"}), "SELECT `a FROM t", "backtick"),
        (json!({"type": "is-sql"}), "SELECT a FROM t WHERE (", "Expected"),
        (
            json!({"type": "is-sql", "value": {"databaseType": "Oracle"}}),
            "SELECT a FROM t",
            "`Oracle`, which is unknown",
        ),
        (
            json!({"type": "is-sql", "value": {"allowedTables": ["select::null::users"]}}),
            "SELECT a FROM users; DELETE FROM users",
            "the table `delete::null::users` is not allowed; allowed are [select::null::users]",
        ),
        (
            json!({"type": "contains-sql", "value": {"allowedColumns": ["select::null::a"]}}),
            "```sql\nSELECT a, secret FROM users\n```",
            "the column `select::null::secret` is not allowed",
        ),
        (
            json!({"type": "contains-sql"}),
            "```sql\n\n```",
            "contains no SQL",
        ),
    ];
    for (check, text, expected) in rows {
        let (passes, detail) = judged(&check, text);
        assert_eq!(passes, Some(false), "{text}: {detail}");
        assert!(detail.contains(expected), "{text}: {detail}");
    }
}

/// Protects that faulty values are faults of the dataset and no verdict on the answer.
#[test]
fn a_faulty_value_is_no_verdict() {
    for value in [
        json!("MySQL"),
        json!(5),
        json!({"databaseType": 5}),
        json!({"allowedTables": "users"}),
        json!({"allowedColumns": [1]}),
    ] {
        for kind in ["is-sql", "not-is-sql", "contains-sql"] {
            let (passes, detail) = judged(&json!({"type": kind, "value": value}), "SELECT 1");
            assert_eq!(passes, None, "{value}: {detail}");
            assert!(detail.starts_with("dataset: column `checks`: "), "{detail}");
        }
    }
    assert_eq!(
        checks::problem_of(&json!([{"type": "is-sql", "value": {"databaseType": "Sqlite"}}])),
        None
    );
}

/// Protects against answers that exhaust the stack or the time of a parser: chains up to the bound are judged, longer
/// ones and nesting are turned away.
#[test]
fn long_chains_and_deep_nesting_are_bounded() {
    let check = json!({"type": "is-sql", "value": {"allowedColumns": ["select::null::a"]}});
    let chain = |n: usize, link: &str| format!("SELECT a{}", link.repeat(n));
    for link in [
        "+a",
        " UNION SELECT a",
        "::a",
        " AND a",
        "||a",
        "[1]",
        " IS NULL",
        ".a",
        ",a",
    ] {
        for value in ["MySQL", "PostgreSQL", "FlinkSQL"] {
            let check = json!({"type": "is-sql", "value": {"databaseType": value, "allowedTables": ["x"]}});
            let _ = judged(&check, &chain(3_900 / link.len().min(6), link));
        }
    }
    assert_eq!(judged(&check, &chain(1_900, "+a")).0, Some(true));
    let (passes, detail) = judged(&check, &chain(2_100, "+a"));
    assert_eq!(passes, None, "{detail}");
    assert!(detail.contains("at most 4000"), "{detail}");
    for (open, n) in [
        ("(", 1_900),
        ("NOT ", 1_900),
        ("- ", 1_900),
        ("CASE WHEN ", 900),
        ("f(", 900),
    ] {
        let (passes, detail) = judged(&check, &format!("SELECT {}", open.repeat(n)));
        assert_eq!(passes, Some(false), "{open}: {detail}");
    }
    let (passes, _) = judged(&check, &"select distinct ".repeat(10_000));
    assert_ne!(passes, Some(true));
}
