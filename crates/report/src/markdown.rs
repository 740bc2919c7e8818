//! Markdown for a comment on a pull request and for a step summary: verdict, gates, values, slices, what to know, and
//! what it takes to repeat the run.

use crate::flaky;
use crate::format;
use crate::markdown_text::{code, prose};
use crate::page::{Page, Section};
use crate::rank::{own_name, question, weakest_slices, worst_first};
use seatrial_types::{Findings, GateResult, MetricResult, Pillar, Statistic, TargetFindings, Verdict};
use std::fmt::Write;

/// Bytes of a comment that GitHub and GitLab take, with room for what a bot adds.
pub const COMMENT_BYTES_MAX: usize = 60 * 1024;
/// Bytes below which nothing useful fits.
pub(crate) const BYTES_MIN: usize = 2 * 1024;
/// Slices that are shown.
const SLICES_SHOWN_MAX: usize = 20;

/// The findings as Markdown of at most `bytes_max` bytes; empty where not even the verdict would fit.
///
/// The first line is a hidden marker with the suite's name, by which a bot finds the comment that it wrote before.
#[must_use]
pub fn markdown(findings: &Findings, bytes_max: usize) -> String {
    if bytes_max < BYTES_MIN {
        return String::new();
    }
    let mut page = Page {
        text: headline(findings),
        bytes_max,
    };
    let reproduce = reproduction(findings);
    // Kept free: who reads a shortened comment needs the way to the whole.
    page.bytes_max = bytes_max.saturating_sub(reproduce.len());
    page.section(&baseline(findings));
    page.section(&gates(findings));
    page.section(&scorecard(findings));
    page.section(&values(findings));
    page.section(&comparisons(findings));
    page.section(&slices(findings));
    page.section(&of_cases(flaky::markdown_flaky(findings), "\n</details>\n"));
    page.section(&of_cases(flaky::markdown_quarantine(findings), ""));
    page.section(&warnings(findings));
    page.section(&errors(findings));
    page.bytes_max = bytes_max;
    if page.text.len() + reproduce.len() <= bytes_max {
        page.text.push_str(&reproduce);
    }
    page.text
}

/// A table of single cases.
fn of_cases((head, rows): (String, Vec<String>), tail: &'static str) -> Section {
    Section { head, rows, tail }
}

pub(crate) fn headline(findings: &Findings) -> String {
    let (alert, mark) = match findings.verdict {
        Verdict::Pass => ("NOTE", "✅"),
        Verdict::Inconclusive => ("WARNING", "❔"),
        Verdict::Fail => ("CAUTION", "❌"),
    };
    // `--` would end the comment early.
    let marker = crate::clean::preview(&findings.suite, 200)
        .replace("--", "- -")
        .replace(['<', '>'], " ");
    let broken = crate::github::broken(findings).map_or_else(String::new, |code| {
        format!("  \n> Not carried out as planned: {}.", code.meaning())
    });
    let (passed, failed, open) =
        findings
            .gates
            .iter()
            .fold((0, 0, 0), |(p, f, o), gate| match gate.verdict {
                Verdict::Pass => (p + 1, f, o),
                Verdict::Fail => (p, f + 1, o),
                Verdict::Inconclusive => (p, f, o + 1),
            });
    let gates = if findings.gates.is_empty() {
        "no gates".to_owned()
    } else {
        format!("gates: {passed} pass, {failed} fail, {open} inconclusive")
    };
    format!(
        "<!-- seatrial:{marker} -->\n### {mark} {}: {}\n\n> [!{alert}]\n> **{}**, exit {}: {gates}; {} of {} samples.{broken}\n",
        prose(&crate::clean::preview(&findings.suite, 200)),
        findings.verdict.as_str(),
        findings.verdict.as_str(),
        findings.exit_code,
        findings.samples_finished,
        findings.samples_planned,
    )
}

pub(crate) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅ pass",
        Verdict::Fail => "❌ **fail**",
        Verdict::Inconclusive => "❔ inconclusive",
    }
}

fn baseline(findings: &Findings) -> Section {
    let lines = crate::against::lines(findings);
    Section {
        head: "\n".to_owned(),
        rows: lines.iter().map(|line| format!("- {}\n", prose(line))).collect(),
        tail: "",
    }
}

fn gates(findings: &Findings) -> Section {
    let rows = worst_first(&findings.gates).into_iter().map(gate_row).collect();
    Section {
        head: "\n#### Gates\n\n| verdict | target | gate | value [bounds] | n | p (Holm) | mde |\n|---|---|---|---|---:|---:|---:|\n"
            .to_owned(),
        rows,
        tail: "",
    }
}

fn gate_row(gate: &GateResult) -> String {
    let p = gate
        .p_fail_adjusted
        .or(gate.p_fail)
        .map_or_else(|| "–".to_owned(), probability);
    let mde = gate
        .mde
        .map_or_else(|| "–".to_owned(), |mde| format::number(mde, gate.unit));
    let reason = if gate.verdict == Verdict::Pass {
        String::new()
    } else {
        format!("<br>{}", prose(&gate.reason))
    };
    let named = own_name(gate).map_or_else(String::new, |name| format!("{}: ", prose(name)));
    let compared = crate::against::difference(gate).map_or_else(String::new, |text| format!("<br>{text}"));
    format!(
        "| {} | {} | {named}{}{reason} | {}{compared} | {} | {p} | {mde} |\n",
        mark(gate.verdict),
        code(&gate.target),
        code(&question(gate)),
        format::interval(gate.value, gate.low, gate.high, gate.unit),
        gate.n,
    )
}

/// A probability with the digits that are worth reading.
pub(crate) fn probability(p: f64) -> String {
    if p > 0.0 && p < 0.0001 {
        "< 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    }
}

fn scorecard(findings: &Findings) -> Section {
    let pillars = [
        Pillar::Performance,
        Pillar::Safety,
        Pillar::Cost,
        Pillar::Reliability,
    ];
    let rows = findings
        .targets
        .iter()
        .map(|target| {
            let cells: Vec<String> = pillars
                .iter()
                .map(|pillar| {
                    let row = target.scorecard.iter().find(|row| row.pillar == *pillar);
                    row.map_or("–", |row| format::pillar_status(row.status))
                        .to_owned()
                })
                .collect();
            let verdict = target.verdict.map_or("–", mark);
            format!("| {} | {verdict} | {} |\n", code(&target.name), cells.join(" | "))
        })
        .collect();
    Section {
        head: "\n#### Scorecard\n\n| target | gates | performance | safety | cost | reliability |\n|---|---|---|---|---|---|\n"
            .to_owned(),
        rows,
        tail: "",
    }
}

fn values(findings: &Findings) -> Section {
    let mut rows = Vec::new();
    for pillar in [
        Pillar::Quality,
        Pillar::Safety,
        Pillar::Cost,
        Pillar::Performance,
        Pillar::Reliability,
    ] {
        for target in &findings.targets {
            for metric in target.metrics.iter().filter(|metric| metric.pillar == pillar) {
                rows.push(value_row(target, metric));
            }
        }
    }
    Section {
        head: "\n<details><summary>Values</summary>\n\n| target | metric | value [interval] | n | without a score |\n|---|---|---|---:|---|\n"
            .to_owned(),
        rows,
        tail: "\n</details>\n",
    }
}

fn value_row(target: &TargetFindings, metric: &MetricResult) -> String {
    let statistic = match metric.statistic {
        Statistic::Mean | Statistic::Rate => String::new(),
        other => format!(".{}", other.as_str()),
    };
    let name = format!("{}.{}{statistic}", metric.task, metric.metric);
    let status = metric
        .status
        .as_deref()
        .map_or_else(String::new, |status| format!(" ({})", prose(status)));
    format!(
        "| {} | {} | {}{status} | {} | {} |\n",
        code(&target.name),
        code(&name),
        format::estimate(metric),
        metric.n,
        prose(&format::classes(metric)),
    )
}

fn comparisons(findings: &Findings) -> Section {
    let rows = findings
        .comparisons
        .iter()
        .filter_map(crate::comparison::of_json)
        .map(|row| {
            format!(
                "| {} | {} | {} | {} |\n",
                code(&row.what),
                code(&row.between),
                row.difference,
                row.p.replace('<', "&lt;")
            )
        });
    Section {
        head: "\n#### Comparisons\n\n| metric | between | difference [interval] | p |\n|---|---|---|---:|\n"
            .to_owned(),
        rows: rows.collect(),
        tail: "",
    }
}

fn slices(findings: &Findings) -> Section {
    let all = weakest_slices(&findings.targets);
    let rows = all.iter().take(SLICES_SHOWN_MAX).map(|(target, metric)| {
        let slice = metric
            .slice
            .as_ref()
            .map(|slice| format!("{}={}", slice.column, slice.value));
        format!(
            "| {} | {} | {} | {} | {} |\n",
            code(&target.name),
            code(&slice.unwrap_or_default()),
            code(&format!("{}.{}", metric.task, metric.metric)),
            format::estimate(metric),
            metric.n
        )
    });
    Section {
        head: "\n<details><summary>Weakest slices: shares by the lower end of the interval, then other scores by how far below all cases</summary>\n\n| target | slice | metric | value [interval] | n |\n|---|---|---|---|---:|\n"
            .to_owned(),
        rows: rows.collect(),
        tail: "\n</details>\n",
    }
}

pub(crate) fn warnings(findings: &Findings) -> Section {
    Section {
        head: "\n#### Warnings\n\n".to_owned(),
        rows: findings
            .warnings
            .iter()
            .map(|warning| format!("- {}\n", prose(warning)))
            .collect(),
        tail: "",
    }
}

fn errors(findings: &Findings) -> Section {
    let with_errors = findings.targets.iter().filter(|target| !target.errors.is_empty());
    let rows = with_errors.map(|target| {
        let kinds: Vec<_> = target
            .errors
            .iter()
            .map(|(kind, count)| format!("{} {count}", prose(kind)))
            .collect();
        format!("- {}: {}\n", code(&target.name), kinds.join(", "))
    });
    Section {
        head: "\n#### Errors\n\n".to_owned(),
        rows: rows.collect(),
        tail: "",
    }
}

pub(crate) fn reproduction(findings: &Findings) -> String {
    /// Targets that the block names.
    const TARGETS_NAMED_MAX: usize = 8;
    let mut text = format!(
        "\n<details><summary>Run {}</summary>\n\n- plan {}, seatrial {}\n- {} to {}\n",
        code(findings.run_id.as_str()),
        code(&findings.plan_hash),
        prose(&findings.tool_version),
        prose(&findings.started_at),
        prose(findings.ended_at.as_deref().unwrap_or("–")),
    );
    for target in findings.targets.iter().take(TARGETS_NAMED_MAX) {
        let served = if target.served_models.is_empty() {
            "not said by the provider".to_owned()
        } else {
            let named: Vec<_> = target
                .served_models
                .iter()
                .take(3)
                .map(|name| code(name))
                .collect();
            named.join(", ")
        };
        let tokens = |n: Option<u64>| n.map_or_else(|| "–".to_owned(), |n| n.to_string());
        let cost = target
            .cost_usd
            .map_or_else(|| "cost unknown".to_owned(), |cost| format!("${cost}"));
        let _ = writeln!(
            text,
            "- {}: served model {served}; {} tokens in, {} out; {cost}; {} retries",
            code(&target.name),
            tokens(target.usage.input_tokens),
            tokens(target.usage.output_tokens),
            target.retries,
        );
    }
    for line in crate::execution::run_lines(findings)
        .iter()
        .take(TARGETS_NAMED_MAX)
    {
        let _ = writeln!(text, "- {}", prose(line));
    }
    let id = findings.run_id.as_str();
    let _ = write!(
        text,
        "\nWhole report: {}\n\n</details>\n",
        code(&format!(
            "seatrial report {id} --format html --output report.html"
        ))
    );
    text
}
