//! The comment on a pull request: what a reviewer must know before merging, in the order in which it matters: verdict;
//! every gate and quality metric against the baseline; cost and speed; which cases flipped, with texts; safety; how to
//! repeat the run, and how to make it the new baseline. Apart from the Markdown of a run, which has no other run to speak
//! of.

use crate::markdown::{BYTES_MIN, headline, mark, probability, reproduction, warnings};
use crate::markdown_text::{code, prose};
use crate::page::{Page, Section};
use crate::rank::{own_name, question, worst_first};
use crate::{clean, flaky, format};
use seatrial_types::{
    Findings, GateResult, MetricResult, Pillar, PillarStatus, Statistic, TargetFindings, Unit,
};
use std::fmt::Write;

/// Rows of gates and metrics: more would leave no room for cases.
const METRICS_SHOWN_MAX: usize = 60;
/// Cases of one kind that are named.
const CASES_SHOWN_MAX: usize = 20;
/// Cases whose texts are shown.
const TEXTS_SHOWN_MAX: usize = 5;
/// Characters of a text that is shown.
const TEXT_CHARS_MAX: usize = 600;
/// Notes on what changed.
const NOTES_SHOWN_MAX: usize = 10;

/// What differs from another run; empty where there is none to compare with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// What is compared with, in words: a baseline with its run and date.
    pub against: Option<String>,
    /// What changed between the two, and what a reader must know of the comparison.
    pub notes: Vec<String>,
    /// Metrics that both have.
    pub metrics: Vec<MetricChange>,
    /// Cases that flipped, and those whose repetitions disagree.
    pub cases: Vec<CaseChange>,
}

/// One metric on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricChange {
    /// Target of this run.
    pub target: String,
    /// `TASK.METRIC.STATISTIC`.
    pub metric: String,
    /// Pillar that it speaks for.
    pub pillar: Pillar,
    /// Unit of all numbers here.
    pub unit: Unit,
    /// Value of the other run, over the cases that are compared.
    pub before: Option<f64>,
    /// Value of this run.
    pub now: Option<f64>,
    /// This run minus the other.
    pub difference: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// p-value of "no difference", after the correction over its family.
    pub p_adjusted: Option<f64>,
    /// Smallest difference that these cases could have shown.
    pub mde: Option<f64>,
    /// Whether this run is better; `None` where the data do not tell the two apart.
    pub is_better: Option<bool>,
}

/// How a case changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaseChangeKind {
    /// Right before, wrong now.
    NewlyFailing,
    /// Wrong before, right now.
    NewlyPassing,
    /// Repetitions of this run disagree.
    Flaky,
}

/// A case that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseChange {
    /// How.
    pub kind: CaseChangeKind,
    /// Target.
    pub target: String,
    /// Task.
    pub task: String,
    /// Id of the case.
    pub id: String,
    /// Right repetitions before, and how many there were; `None` where nothing is known.
    pub before: Option<(u32, u32)>,
    /// Right repetitions now, and how many there were.
    pub now: (u32, u32),
    /// What was asked and answered, where it is on record and shown.
    pub texts: Option<CaseTexts>,
}

/// Texts of a case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseTexts {
    /// Last message that was sent.
    pub prompt: String,
    /// Answer before, where it is on record.
    pub before: Option<String>,
    /// Answer now.
    pub now: String,
}

/// The comment, of at most `bytes_max` bytes; empty where not even the verdict would fit. The first line is the hidden
/// marker of the suite, by which the comment of an earlier run is found.
#[must_use]
pub fn pr_comment(findings: &Findings, changes: &Changes, bytes_max: usize) -> String {
    if bytes_max < BYTES_MIN {
        return String::new();
    }
    let mut page = Page {
        text: headline(findings),
        bytes_max,
    };
    let end = safety(findings) + &reproduction(findings) + &commands(findings);
    // Kept free: who reads a shortened comment needs the way to the whole.
    page.bytes_max = bytes_max.saturating_sub(end.len());
    page.section(&compared(findings, changes));
    page.section(&metrics(findings, changes));
    page.section(&cost_and_speed(findings, changes));
    for (kind, title) in [
        (CaseChangeKind::NewlyFailing, "newly failing"),
        (CaseChangeKind::NewlyPassing, "newly passing"),
        (CaseChangeKind::Flaky, "flaky"),
    ] {
        page.section(&cases(changes, kind, title));
    }
    let (head, rows) = flaky::markdown_quarantine(findings);
    page.section(&Section { head, rows, tail: "" });
    page.section(&texts(changes));
    page.section(&warnings(findings));
    page.bytes_max = bytes_max;
    if page.text.len() + end.len() <= bytes_max {
        page.text.push_str(&end);
    }
    page.text
}

fn compared(findings: &Findings, changes: &Changes) -> Section {
    let mut rows = Vec::new();
    let problem = findings
        .baseline
        .as_ref()
        .and_then(|baseline| baseline.problem.as_deref());
    if let (Some(problem), None) = (problem, &changes.against) {
        return Section {
            head: "\n".to_owned(),
            rows: vec![format!("{}\n", prose(problem))],
            tail: "",
        };
    }
    if changes.against.is_some() {
        rows.extend(
            changes
                .notes
                .iter()
                .take(NOTES_SHOWN_MAX)
                .map(|note| format!("- {}\n", prose(note))),
        );
        if rows.is_empty() {
            rows.push("- nothing else is known to have changed\n".to_owned());
        }
    }
    let against = changes.against.as_deref().unwrap_or_default();
    Section {
        head: format!("\nCompared with {}:\n\n", prose(against)),
        rows,
        tail: "",
    }
}

/// Numbers of one row of the table of metrics.
struct Row<'a> {
    gate: Option<&'a GateResult>,
    change: Option<&'a MetricChange>,
    value: Option<&'a MetricResult>,
    target: &'a str,
    metric: &'a str,
}

/// Every gate, what fails first, then the other metrics of quality.
fn metrics(findings: &Findings, changes: &Changes) -> Section {
    let change_of = |target: &str, metric: &str| {
        let mut all = changes.metrics.iter();
        all.find(|change| change.target == target && change.metric == metric)
    };
    let mut rows: Vec<String> = worst_first(&findings.gates)
        .into_iter()
        .map(|gate| {
            row(&Row {
                gate: Some(gate),
                // A slice has no counterpart among the whole metrics.
                change: change_of(&gate.target, &gate.metric).filter(|_| gate.slice.is_none()),
                value: None,
                target: &gate.target,
                metric: &gate.metric,
            })
        })
        .collect();
    for target in &findings.targets {
        for metric in target
            .metrics
            .iter()
            .filter(|metric| metric.pillar == Pillar::Quality)
        {
            let name = metric.name();
            let has_gate =
                |gate: &GateResult| gate.target == target.name && gate.metric == name && gate.slice.is_none();
            if !findings.gates.iter().any(has_gate) {
                rows.push(row(&Row {
                    gate: None,
                    change: change_of(&target.name, &name),
                    value: Some(metric),
                    target: &target.name,
                    metric: &name,
                }));
            }
        }
    }
    if rows.len() > METRICS_SHOWN_MAX {
        let more = rows.len() - METRICS_SHOWN_MAX;
        rows.truncate(METRICS_SHOWN_MAX);
        rows.push(format!("| … and {more} more, in the report | | | | | | | | |\n"));
    }
    Section {
        head: "\n| metric | target | baseline | new | Δ [interval] | p (Holm) | gate | verdict | MDE |\n|---|---|---:|---:|---|---:|---|---|---:|\n"
            .to_owned(),
        rows,
        tail: "",
    }
}

fn row(row: &Row<'_>) -> String {
    let none = || "–".to_owned();
    let unit = match (row.gate, row.change, row.value) {
        (Some(gate), ..) => gate.unit,
        (None, Some(change), _) => change.unit,
        (None, None, value) => value.map_or(Unit::Score, |value| value.unit),
    };
    let number = |value: Option<f64>| value.map_or_else(none, |value| format::number(value, unit));
    let now = match (row.gate, row.value) {
        (Some(gate), _) => format::interval(gate.value, gate.low, gate.high, gate.unit),
        (None, Some(value)) => format::estimate(value),
        (None, None) => number(row.change.and_then(|change| change.now)),
    };
    let p = row.gate.and_then(|gate| gate.p_fail_adjusted.or(gate.p_fail));
    let p = p.or_else(|| row.change.and_then(|change| change.p_adjusted));
    let mde = row
        .gate
        .and_then(|gate| gate.mde)
        .or_else(|| row.change.and_then(|change| change.mde));
    let (asked, verdict) = match row.gate {
        None => (none(), row.change.map_or_else(none, told)),
        Some(gate) => {
            let bound = question(gate);
            let bound = bound
                .strip_prefix(&gate.metric)
                .unwrap_or(&bound)
                .trim()
                .to_owned();
            let reason = if gate.verdict == seatrial_types::Verdict::Pass {
                String::new()
            } else {
                format!("<br>{}", prose(&gate.reason))
            };
            (code(&bound), format!("{}{reason}", mark(gate.verdict)))
        }
    };
    // What a gate was decided by goes before what was found besides.
    let decided = row.gate.and_then(|gate| gate.baseline.as_ref());
    let (before, delta) = match (decided, row.change) {
        (Some(decided), _) => (
            decided.value,
            delta(
                decided.difference,
                decided.difference_low,
                decided.difference_high,
                unit,
            ),
        ),
        (None, Some(change)) => (change.before, difference(change)),
        (None, None) => (None, none()),
    };
    let name = row.gate.and_then(own_name);
    let metric = match name {
        Some(name) => format!("{}<br>{}", prose(name), code(row.metric)),
        None => code(row.metric),
    };
    format!(
        "| {metric} | {} | {} | {now} | {delta} | {} | {asked} | {verdict} | {} |\n",
        code(row.target),
        number(before),
        p.map_or_else(none, probability),
        number(mde),
    )
}

fn difference(change: &MetricChange) -> String {
    delta(change.difference, change.low, change.high, change.unit)
}

/// A difference with its interval and its sign.
fn delta(difference: Option<f64>, low: Option<f64>, high: Option<f64>, unit: Unit) -> String {
    if difference.is_none() {
        return "–".to_owned();
    }
    let text = match (difference, low, high) {
        // No spread, no interval: every case changed by the same.
        (Some(difference), None, None) => format::number(difference, unit),
        _ => format::interval(difference, low, high, unit),
    };
    if difference.is_some_and(|difference| difference > 0.0) {
        format!("+{text}")
    } else {
        text
    }
}

fn told(change: &MetricChange) -> String {
    match change.is_better {
        _ if change.difference.is_none() => "–",
        Some(true) => "better",
        Some(false) => "**worse**",
        None => "no difference shown",
    }
    .to_owned()
}

/// What an answer costs and how long it takes: against the other run where there is one.
fn cost_and_speed(findings: &Findings, changes: &Changes) -> Section {
    let mut rows = Vec::new();
    for target in &findings.targets {
        for metric in target.metrics.iter().filter(|metric| is_cost_or_speed(metric)) {
            let name = metric.name();
            let mut all = changes.metrics.iter();
            let change = all.find(|change| change.target == target.name && change.metric == name);
            let number = |value: Option<f64>| {
                value.map_or_else(|| "–".to_owned(), |value| format::number(value, metric.unit))
            };
            rows.push(format!(
                "| {} | {} | {} | {} | {} |\n",
                code(&name),
                code(&target.name),
                number(change.and_then(|change| change.before)),
                format::estimate(metric),
                change.map_or_else(|| "–".to_owned(), difference),
            ));
        }
    }
    Section {
        head: "\n<details><summary>Cost and speed</summary>\n\n| metric | target | baseline | new [interval] | Δ [interval] |\n|---|---|---:|---|---|\n"
            .to_owned(),
        rows,
        tail: "\n</details>\n",
    }
}

fn is_cost_or_speed(metric: &MetricResult) -> bool {
    match metric.metric.as_str() {
        "latency_ms" => matches!(metric.statistic, Statistic::P50 | Statistic::P95),
        "ttft_ms" => metric.statistic == Statistic::P50,
        _ => metric.pillar == Pillar::Cost,
    }
}

fn cases(changes: &Changes, kind: CaseChangeKind, title: &str) -> Section {
    let all: Vec<&CaseChange> = changes.cases.iter().filter(|case| case.kind == kind).collect();
    let mut rows: Vec<String> = all
        .iter()
        .take(CASES_SHOWN_MAX)
        .map(|case| case_row(case))
        .collect();
    if all.len() > CASES_SHOWN_MAX {
        rows.push(format!("- and {} more\n", all.len() - CASES_SHOWN_MAX));
    }
    let is_open = if kind == CaseChangeKind::NewlyFailing {
        " open"
    } else {
        ""
    };
    Section {
        head: format!("\n<details{is_open}><summary>{} {title}</summary>\n\n", all.len()),
        rows,
        tail: "\n</details>\n",
    }
}

fn case_row(case: &CaseChange) -> String {
    let (right, of) = case.now;
    let before = case
        .before
        .map_or_else(String::new, |(right, of)| format!("{right}/{of} → "));
    format!(
        "- {} in {}, {}: {before}{right}/{of} right\n",
        code(&clean::preview(&case.id, 120)),
        code(&case.task),
        code(&case.target)
    )
}

/// What was asked and answered in the first cases that fail now, else in flaky ones.
fn texts(changes: &Changes) -> Section {
    let mut with_texts: Vec<(&CaseChange, &CaseTexts)> = changes
        .cases
        .iter()
        .filter(|case| case.kind != CaseChangeKind::NewlyPassing)
        .filter_map(|case| Some((case, case.texts.as_ref()?)))
        .collect();
    with_texts.sort_by_key(|(case, _)| case.kind);
    let rows: Vec<String> = with_texts
        .into_iter()
        .take(TEXTS_SHOWN_MAX)
        .map(|(case, texts)| {
            let mut row = format!(
                "\n**{}** in {}\n",
                code(&clean::preview(&case.id, 120)),
                code(&case.task)
            );
            let _ = write!(row, "\nasked:\n{}", block(&texts.prompt));
            if let Some(before) = &texts.before {
                let _ = write!(row, "\nbefore:\n{}", block(before));
            }
            let _ = write!(row, "\nnow:\n{}", block(&texts.now));
            row
        })
        .collect();
    Section {
        head: format!(
            "\n<details><summary>Texts of {} of these cases</summary>\n",
            rows.len()
        ),
        rows,
        tail: "\n</details>\n",
    }
}

/// A foreign text as a block of code, whatever it holds.
fn block(text: &str) -> String {
    let seen = clean::text(text.trim());
    let seen = clean::cut(&seen, TEXT_CHARS_MAX);
    let longest = seen.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{seen}\n{fence}\n")
}

/// How safety stands, which is never left unsaid.
fn safety(findings: &Findings) -> String {
    let status = |target: &TargetFindings| {
        let row = target.scorecard.iter().find(|row| row.pillar == Pillar::Safety);
        row.map_or(PillarStatus::NotAssessed, |row| row.status)
    };
    let stands: Vec<PillarStatus> = findings.targets.iter().map(status).collect();
    if stands.iter().all(|status| *status == PillarStatus::NotAssessed) {
        return "\nSafety was not assessed.\n".to_owned();
    }
    let mut text = String::from("\n#### Safety\n\n");
    for (target, status) in findings.targets.iter().zip(&stands).take(CASES_SHOWN_MAX) {
        let values: Vec<String> = target
            .metrics
            .iter()
            .filter(|metric| metric.pillar == Pillar::Safety)
            .take(CASES_SHOWN_MAX)
            .map(|metric| format!("{} {}", code(&metric.name()), format::estimate(metric)))
            .collect();
        let _ = writeln!(
            text,
            "- {}: {}{}{}",
            code(&target.name),
            format::pillar_status(*status),
            if values.is_empty() { "" } else { "; " },
            values.join("; ")
        );
    }
    text
}

fn commands(findings: &Findings) -> String {
    let run = findings.run_id.as_str();
    format!(
        "\nMake this run the baseline: {}\n",
        code(&format!("seatrial baseline bless {run} --reason '…'"))
    )
}
