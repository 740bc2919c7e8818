//! The comment on a pull request: what it says in which order, that it fits whatever is in it, and that no text of a case
//! becomes markup.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{findings, gate, many_failures};
use seatrial_report::{CaseChange, CaseChangeKind, CaseTexts, Changes, MetricChange, pr_comment};
use seatrial_types::{Pillar, QuarantineRow, Unit};

const BYTES_MAX: usize = 60 * 1024;

fn change(metric: &str, difference: f64, is_better: Option<bool>) -> MetricChange {
    MetricChange {
        target: "tier-1".to_owned(),
        metric: metric.to_owned(),
        pillar: Pillar::Quality,
        unit: Unit::Share,
        before: Some(0.8 - difference),
        now: Some(0.8),
        difference: Some(difference),
        low: Some(difference - 0.02),
        high: Some(difference + 0.02),
        p_adjusted: Some(0.003),
        mde: Some(0.03),
        is_better,
    }
}

fn case(kind: CaseChangeKind, id: &str, texts: Option<CaseTexts>) -> CaseChange {
    CaseChange {
        kind,
        target: "tier-1".to_owned(),
        task: "answers".to_owned(),
        id: id.to_owned(),
        before: Some((3, 3)),
        now: (0, 3),
        texts,
    }
}

fn changes() -> Changes {
    Changes {
        against: Some("baseline trial (run r, blessed 2026-01-30)".to_owned()),
        notes: vec!["tier-1: changed model: a → b".to_owned()],
        metrics: vec![change("answers.exact_match.mean", -0.05, Some(false))],
        cases: vec![
            case(CaseChangeKind::Flaky, "f1", None),
            case(
                CaseChangeKind::NewlyFailing,
                "c1",
                Some(CaseTexts {
                    prompt: "Where?".to_owned(),
                    before: Some("Paris".to_owned()),
                    now: "Rome".to_owned(),
                }),
            ),
            case(CaseChangeKind::NewlyPassing, "p1", None),
        ],
    }
}

/// Protects the order of weight, and that each part is there: a reviewer reads from the top and stops early.
#[test]
fn says_what_matters_first() {
    let found = findings(
        "fail",
        1,
        &[gate("quality", "fail", false, 0.01, 5)],
        &["careful"],
    );
    let text = pr_comment(&found, &changes(), BYTES_MAX);
    let mut last = 0;
    for part in [
        "<!-- seatrial:trial -->\n",
        "> [!CAUTION]",
        "Compared with baseline trial",
        "changed model: a → b",
        "| quality<br>`answers.exact_match.mean` | `tier-1` | 0.850 | 0.800 [0.750, 0.840] | -0.050 [-0.070, -0.030] | 0.0100 | `at least 0.900` | ❌ **fail**",
        "Cost and speed",
        "<details open><summary>1 newly failing</summary>",
        "- `c1` in `answers`, `tier-1`: 3/3 → 0/3 right",
        "1 newly passing",
        "1 flaky",
        "Texts of 1 of these cases",
        "```text\nParis\n```",
        "```text\nRome\n```",
        "careful",
        "Safety was not assessed.",
        "Run `20260131T120000-9f3a61`",
        "seatrial baseline bless 20260131T120000-9f3a61",
    ] {
        let at = text.find(part);
        assert!(at.is_some_and(|at| at >= last), "{part} in\n{text}");
        last = at.unwrap();
    }
}

/// Protects against claims without evidence: without another run there are no differences, and a metric that no gate asks
/// of is better or worse only where its difference stood the correction.
#[test]
fn says_no_more_than_it_knows() {
    let found = findings("pass", 0, &[], &[]);
    let alone = pr_comment(&found, &Changes::default(), BYTES_MAX);
    assert!(
        !alone.contains("Compared with") && !alone.contains("newly"),
        "{alone}"
    );
    assert!(
        alone.contains("| `answers.exact_match.mean` | `tier-1` | – |"),
        "{alone}"
    );
    for (is_better, word) in [
        (Some(true), "better"),
        (Some(false), "**worse**"),
        (None, "no difference shown"),
    ] {
        let one = Changes {
            metrics: vec![change("answers.exact_match.mean", 0.01, is_better)],
            ..Changes::default()
        };
        let text = pr_comment(&found, &one, BYTES_MAX);
        assert!(
            text.contains(&format!("| +0.010 [-0.010, 0.030] | 0.0030 | – | {word} |")),
            "{text}"
        );
    }
}

/// Protects cases under quarantine: whoever merges sees them, with who mends them and until when.
#[test]
fn quarantine_is_listed() {
    let mut found = findings("pass", 0, &[], &[]);
    found.quarantine.push(QuarantineRow {
        task: "answers".to_owned(),
        case_id: "c-7".to_owned(),
        owner: "search team".to_owned(),
        until: "2027-01-31".to_owned(),
        reason: None,
        has_ended: false,
        outcomes: Vec::new(),
        place: None,
    });
    let text = pr_comment(&found, &Changes::default(), BYTES_MAX);
    assert!(
        text.contains("#### Quarantine")
            && text.contains("| `answers` | `c-7` |")
            && text.contains("search team"),
        "{text}"
    );
}

/// Protects the size that hosts take: the verdict and the way to the whole stay, rows are counted instead of cut.
#[test]
fn fits_whatever_happened() {
    let mut many = changes();
    for number in 0..5000 {
        many.cases.push(case(
            CaseChangeKind::NewlyFailing,
            &format!("case-{number}-{}", "x".repeat(300)),
            (number < 10).then(|| CaseTexts {
                prompt: "long ".repeat(50_000),
                before: None,
                now: "longer ".repeat(50_000),
            }),
        ));
    }
    let found = many_failures(500);
    for bytes_max in [BYTES_MAX, 8 * 1024, 4 * 1024] {
        let text = pr_comment(&found, &many, bytes_max);
        assert!(text.len() <= bytes_max, "{} of {bytes_max}", text.len());
        assert!(
            text.starts_with("<!-- seatrial:trial -->") && text.contains(" more"),
            "{text}"
        );
        assert!(text.contains("seatrial baseline bless"), "{text}");
        assert_eq!(
            text.matches("<details").count(),
            text.matches("</details>").count()
        );
    }
    assert!(pr_comment(&found, &many, BYTES_MAX).contains("5001 newly failing"));
    assert_eq!(pr_comment(&found, &many, 100), "");
}

/// Protects the page from the texts of cases: none closes its block, mentions people or carries markup.
#[test]
fn texts_of_cases_are_no_markup() {
    let hostile = "```\n</details><img src=x>\n````\n@team \u{1b}[31m\u{202e}";
    let mut changes = changes();
    changes.cases = vec![case(
        CaseChangeKind::NewlyFailing,
        "`c|1` @team <b>",
        Some(CaseTexts {
            prompt: hostile.to_owned(),
            before: None,
            now: hostile.to_owned(),
        }),
    )];
    changes.notes = vec!["changed prompt: <script> @team".to_owned()];
    let text = pr_comment(&findings("pass", 0, &[], &[]), &changes, BYTES_MAX);
    assert!(text.contains("`````text\n```\n</details>"), "{text}");
    assert!(!text.contains("<script>") && !text.contains('\u{1b}') && !text.contains('\u{202e}'));
    assert!(
        text.contains("&#64;team") && text.contains("`` `c\\|1` @team <b> ``"),
        "{text}"
    );
}
