//! Flaky cases and quarantine in every report. Apart from values, because these name single cases; the words are the same
//! on the screen, in comments and in the browser.

use crate::clean;
use crate::junit::{JunitForm, tell};
use crate::markdown_text::{code, prose};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestRerun, TestSuite};
use seatrial_types::{Estimate, Findings, FlakyCase, QuarantineRow, TargetFindings};

/// Flaky cases of a target on the screen.
pub(crate) const ON_SCREEN_MAX: usize = 5;
/// Cases under quarantine on the screen.
pub(crate) const QUARANTINE_ON_SCREEN_MAX: usize = 20;

/// `2 of 4 right, 50% [15%, 85%]`, with the runs they are from where there are several.
fn passes(case: &FlakyCase) -> String {
    let runs = if case.runs > 1 {
        format!(" over {} runs", case.runs)
    } else {
        String::new()
    };
    format!("{} of {} right{runs}", case.passes, case.attempts)
}

/// The posterior of a case, in percent.
fn rate(estimate: &Estimate) -> String {
    let percent =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{:.0}%", 100.0 * value));
    format!(
        "{} [{}, {}]",
        percent(estimate.value),
        percent(estimate.low),
        percent(estimate.high)
    )
}

fn quarantined(case: &FlakyCase) -> String {
    case.quarantined_until
        .as_ref()
        .map_or_else(String::new, |until| format!(", quarantine until {until}"))
}

/// What was answered to a case under quarantine: `tier-1 1/4, tier-2 4/4`.
fn outcomes(row: &QuarantineRow) -> String {
    let told: Vec<String> = row
        .outcomes
        .iter()
        .map(|outcome| format!("{} {}/{}", outcome.target, outcome.passes, outcome.attempts))
        .collect();
    if told.is_empty() {
        "not judged".to_owned()
    } else {
        told.join(", ")
    }
}

fn until(row: &QuarantineRow) -> String {
    if row.has_ended {
        format!("ended {}", row.until)
    } else {
        format!("until {}", row.until)
    }
}

/// The flaky cases of a target for the screen: a line of its own for each, then how many more there are.
pub(crate) fn screen_lines(target: &TargetFindings) -> Vec<String> {
    let mut lines: Vec<String> = target
        .flaky
        .iter()
        .take(ON_SCREEN_MAX)
        .map(|case| {
            format!(
                "{}.{} {}: {}, {} by posterior{}",
                case.task,
                case.metric,
                case.case_id,
                passes(case),
                rate(&case.rate),
                quarantined(case)
            )
        })
        .collect();
    let more = target.n_flaky.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("… and {more} more flaky cases: seatrial report flaky"));
    }
    lines
}

/// Cases under quarantine for the screen.
pub(crate) fn quarantine_lines(findings: &Findings) -> Vec<String> {
    let mut lines: Vec<String> = findings
        .quarantine
        .iter()
        .take(QUARANTINE_ON_SCREEN_MAX)
        .map(|row| {
            let reason = row
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| format!(": {reason}"));
            format!(
                "{} {}, {}, {}{reason}; {}",
                row.task,
                row.case_id,
                until(row),
                row.owner,
                outcomes(row)
            )
        })
        .collect();
    let more = findings.quarantine.len().saturating_sub(lines.len());
    if more > 0 {
        lines.push(format!("… and {more} more, in the files"));
    }
    lines
}

/// Head and rows of a table of flaky cases in Markdown.
pub(crate) fn markdown_flaky(findings: &Findings) -> (String, Vec<String>) {
    let cases = findings
        .targets
        .iter()
        .flat_map(|target| target.flaky.iter().map(move |case| (target, case)));
    let rows = cases
        .map(|(target, case)| {
            format!(
                "| {} | {} | {} | {} | {} | {} |\n",
                code(&target.name),
                code(&format!("{}.{}", case.task, case.metric)),
                code(&case.case_id),
                passes(case),
                rate(&case.rate),
                case.quarantined_until.as_deref().unwrap_or("–")
            )
        })
        .collect();
    let all: u64 = findings.targets.iter().map(|target| target.n_flaky).sum();
    let head = format!(
        "\n<details><summary>{all} flaky cases: answers that disagree, the most undecided first</summary>\n\n| target | metric | case | recorded answers | probability of a right one [90%] | quarantine until |\n|---|---|---|---|---|---|\n"
    );
    (head, rows)
}

/// Head and rows of a table of quarantine in Markdown.
pub(crate) fn markdown_quarantine(findings: &Findings) -> (String, Vec<String>) {
    let rows = findings
        .quarantine
        .iter()
        .map(|row| {
            format!(
                "| {} | {} | {} | {} | {} | {} |\n",
                code(&row.task),
                code(&row.case_id),
                prose(&until(row)),
                prose(&row.owner),
                prose(row.reason.as_deref().unwrap_or("–")),
                prose(&outcomes(row))
            )
        })
        .collect();
    let head = "\n#### Quarantine\n\nThese cases count in every value and gate as any other.\n\n| task | case | time | owner | reason | right answers of this run |\n|---|---|---|---|---|---|\n".to_owned();
    (head, rows)
}

/// Both tables for the browser; empty where there is nothing of the kind. `esc` makes texts safe.
pub(crate) fn html(findings: &Findings, esc: &dyn Fn(&str) -> String) -> String {
    let mut html = String::new();
    let cells = |cells: &[String]| -> String {
        let cells: String = cells
            .iter()
            .map(|cell| format!("<td>{}</td>", esc(cell)))
            .collect();
        format!("<tr>{cells}</tr>")
    };
    let table = |head: &[&str], rows: String| -> String {
        let head: String = head
            .iter()
            .map(|title| format!("<th scope=\"col\">{title}</th>"))
            .collect();
        format!(
            "<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    };
    let flaky: String = findings
        .targets
        .iter()
        .flat_map(|target| target.flaky.iter().map(move |case| (target, case)))
        .map(|(target, case)| {
            cells(&[
                target.name.clone(),
                format!("{}.{}", case.task, case.metric),
                case.case_id.clone(),
                passes(case),
                rate(&case.rate),
                case.quarantined_until.clone().unwrap_or_else(|| "–".to_owned()),
            ])
        })
        .collect();
    if !flaky.is_empty() {
        let all: u64 = findings.targets.iter().map(|target| target.n_flaky).sum();
        let head = [
            "Target",
            "Metric",
            "Case",
            "Recorded answers",
            "Probability of a right one [90%]",
            "Quarantine until",
        ];
        html += &format!(
            "<section id=\"flaky\" aria-labelledby=\"h-flaky\"><h2 id=\"h-flaky\">Flaky cases</h2><p class=\"note\">{all} cases whose recorded answers disagree, the most undecided first. They count as any other.</p>{}</section>",
            table(&head, flaky)
        );
    }
    let quarantine: String = findings
        .quarantine
        .iter()
        .map(|row| {
            cells(&[
                row.task.clone(),
                row.case_id.clone(),
                until(row),
                row.owner.clone(),
                row.reason.clone().unwrap_or_else(|| "–".to_owned()),
                outcomes(row),
            ])
        })
        .collect();
    if !quarantine.is_empty() {
        let head = [
            "Task",
            "Case",
            "Time",
            "Owner",
            "Reason",
            "Right answers of this run",
        ];
        html += &format!(
            "<section id=\"quarantine\" aria-labelledby=\"h-quarantine\"><h2 id=\"h-quarantine\">Quarantine</h2><p class=\"note\">These cases count in every value and gate as any other.</p>{}</section>",
            table(&head, quarantine)
        );
    }
    html
}

/// Flaky cases of a target as JUnit test cases: successes after flaky failures, with the counts in the texts for readers
/// that do not know the dialect; `None` where there is none.
pub(crate) fn junit_flaky(target: &TargetFindings, form: JunitForm) -> Option<TestSuite> {
    if target.flaky.is_empty() {
        return None;
    }
    let mut suite = TestSuite::new(clean::line(&format!("{} flaky", target.name)));
    suite.add_test_cases(target.flaky.iter().map(|case| {
        let text = format!(
            "{}, {} by posterior{}",
            passes(case),
            rate(&case.rate),
            quarantined(case)
        );
        let mut status = TestCaseStatus::success();
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        rerun
            .set_type("flaky")
            .set_message(clean::line(&text))
            .set_description(clean::text(&text));
        status.add_reruns([rerun]);
        let mut test = TestCase::new(clean::line(&case.case_id), status);
        test.set_classname(clean::line(&format!(
            "{}.{}.{}",
            target.name, case.task, case.metric
        )));
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        tell(
            &mut test,
            form,
            [
                ("passes", format!("{}/{}", case.passes, case.attempts)),
                ("passes_now", format!("{}/{}", case.passes_now, case.attempts_now)),
                ("runs", case.runs.to_string()),
                ("score", number(case.rate.value)),
                ("ci_low", number(case.rate.low)),
                ("ci_high", number(case.rate.high)),
            ],
        );
        test
    }));
    Some(suite)
}

/// Cases under quarantine as skipped test cases, so that they are seen and turn nothing red; `None` where there is none.
pub(crate) fn junit_quarantine(findings: &Findings) -> Option<TestSuite> {
    if findings.quarantine.is_empty() {
        return None;
    }
    let mut suite = TestSuite::new("quarantine");
    suite.add_test_cases(findings.quarantine.iter().map(|row| {
        let mut status = TestCaseStatus::skipped();
        let reason = row.reason.as_deref().unwrap_or("no reason given");
        status.set_message(clean::line(&format!(
            "quarantine {}, {}: {reason}; {}",
            until(row),
            row.owner,
            outcomes(row)
        )));
        let mut test = TestCase::new(clean::line(&row.case_id), status);
        test.set_classname(clean::line(&format!("quarantine.{}", row.task)));
        test
    }));
    Some(suite)
}
