//! Gates against a baseline in every report: the same sentence everywhere, and a gate's own name where people look first.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{findings, gate, many_failures};
use seatrial_report::{COMMENT_BYTES_MAX, TerminalOptions, against, github_annotations, markdown, terminal};
use seatrial_types::Findings;
use serde_json::{Value, json};

fn compared(margin: Option<f64>, margin_share: Option<f64>) -> Value {
    json!({"target": "tier-1", "value": 0.9, "difference": -0.1, "difference_low": -0.15, "difference_high": -0.05,
           "margin": margin, "margin_share": margin_share, "higher_is_better": true, "is_paired": true, "n": 200,
           "n_unpaired": 0, "method": "paired_exact", "p_pass": 0.99})
}

fn summary(status: &str) -> Value {
    json!({"name": "release", "status": status, "run_id": "20260101T120000-9f3a61", "blessed_at": "2026-01-01T12:00:00Z",
           "age_days": 30.0, "is_stale": false, "author": "Ada", "reason": "1.4 <b>",
           "changed": [{"target": "tier-1", "field": "model", "baseline": "m-1", "run": "m-2\u{1b}[2J"}],
           "differences": [], "problem": null})
}

fn with_baseline(bound: &str, compared: Value) -> Findings {
    let mut one = gate("as good as the last", "fail", false, 0.001, 4);
    one["bound"] = json!(bound);
    one["baseline"] = compared;
    let mut all = serde_json::to_value(findings("fail", 1, &[one], &[])).unwrap();
    all["baseline"] = summary("used");
    serde_json::from_value(all).unwrap()
}

/// Protects readers of any report: which baseline, what changed, its value, the difference with bounds, the gate's name.
#[test]
fn every_report_tells_the_comparison() {
    let findings = with_baseline("not_worse_than", compared(Some(0.02), None));
    let screen = terminal(&findings, TerminalOptions::default());
    let comment = markdown(&findings, COMMENT_BYTES_MAX);
    let annotations = github_annotations(&findings, &str::to_owned);
    for text in [&screen, &comment, &annotations] {
        assert!(text.contains("0.900, Δ -0.100 [-0.150, -0.050]"), "{text}");
        assert!(text.contains("as good as the last"), "{text}");
        assert!(text.contains("not worse than baseline by 0.020"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    for text in [&screen, &comment] {
        assert!(text.contains("blessed by Ada, 30 days ago: 1.4"), "{text}");
        assert!(text.contains("model: m-1 → m-2"), "{text}");
    }
    assert!(!comment.contains("<b>"), "{comment}");
}

/// Protects the margin's own unit, and gates that have none.
#[test]
fn questions_say_their_margin() {
    let asked = |bound: &str, compared: Value| {
        let screen = terminal(&with_baseline(bound, compared), TerminalOptions::default());
        screen
            .lines()
            .find(|line| line.contains("answers.exact_match.mean"))
            .map(str::to_owned)
            .unwrap_or_default()
    };
    assert!(asked("not_worse_than", compared(Some(0.09), Some(0.1))).contains("baseline by 10%"));
    assert!(asked("better_than", compared(Some(0.0), None)).contains("better than baseline  "));
    assert!(asked("no_critical", Value::Null).contains("without a miss"));
}

/// Protects the lines of a run: nothing without a baseline, the status where it could not be used.
#[test]
fn lines_follow_the_status() {
    assert_eq!(against::lines(&many_failures(1)), Vec::<String>::new());
    for (status, told) in [
        ("missing", "missing"),
        ("incompatible", "not comparable in every gate"),
    ] {
        let mut all = serde_json::to_value(findings("inconclusive", 6, &[], &[])).unwrap();
        all["baseline"] = summary(status);
        let lines = against::lines(&serde_json::from_value(all).unwrap());
        assert_eq!(lines[0], format!("baseline release: {told}"));
    }
}
