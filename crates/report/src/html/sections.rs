//! The static sections of the page, from findings alone: what stands at its head, scorecard, gates, values, comparisons,
//! slices. They need no script, so they are there in a viewer that forbids scripts.

use super::escape::{count, esc, name};
use super::plot::{Axis, Mark};
use crate::format;
use crate::rank::{own_name, question, worst_first};
use seatrial_types::{
    Findings, GateResult, MetricResult, Pillar, PillarStatus, Statistic, TargetFindings, Verdict,
};
use std::fmt::Write;

/// Gates, values and slices that are shown; the findings have all.
const GATES_MAX: usize = 500;
const VALUES_MAX: usize = 3_000;
const SLICES_MAX: usize = 200;
const WARNINGS_MAX: usize = 100;

/// Widths of the tables of values, so that all of them line up.
const COLUMNS: &str = "<colgroup><col class=\"c-name\"><col class=\"c-value\"><col class=\"c-plot\"><col class=\"c-n\"><col class=\"c-n\"><col><col class=\"c-method\"></colgroup>";

const PILLARS: [Pillar; 4] = [
    Pillar::Performance,
    Pillar::Safety,
    Pillar::Cost,
    Pillar::Reliability,
];

/// A verdict as a word with a sign, so that it does not hang on colour.
pub(super) fn chip(verdict: Verdict) -> String {
    let sign = match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✕",
        Verdict::Inconclusive => "?",
    };
    let word = verdict.as_str();
    format!("<span class=\"chip {word}\"><span aria-hidden=\"true\">{sign}</span> {word}</span>")
}

fn status_chip(status: PillarStatus) -> String {
    let verdict = match status {
        PillarStatus::Pass => Verdict::Pass,
        PillarStatus::Fail => Verdict::Fail,
        PillarStatus::Inconclusive => Verdict::Inconclusive,
        PillarStatus::Measured | PillarStatus::NotAssessed => {
            return format!(
                "<span class=\"chip plain\">{}</span>",
                format::pillar_status(status)
            );
        }
    };
    chip(verdict)
}

/// Verdict, facts and warnings.
pub(super) fn head(findings: &Findings) -> String {
    let samples = if findings.samples_finished == findings.samples_planned {
        count(findings.samples_finished)
    } else {
        format!(
            "{} of {}",
            count(findings.samples_finished),
            count(findings.samples_planned)
        )
    };
    let cost = crate::total_cost(findings).map_or_else(|| "unknown".to_owned(), |cost| format!("${cost}"));
    let exit = seatrial_types::ExitCode::PRECEDENCE
        .into_iter()
        .find(|code| code.code() == findings.exit_code);
    let exit = format!(
        "{} – {}",
        findings.exit_code,
        exit.map_or("unknown", seatrial_types::ExitCode::meaning)
    );
    let mut html = format!(
        "<header><p class=\"kicker\">Seatrial report</p><div class=\"title\"><h1>{}</h1>{}</div><dl class=\"facts\">",
        name(&findings.suite),
        chip(findings.verdict)
    );
    for (key, value) in [
        ("Run", esc(findings.run_id.as_str())),
        ("Samples", samples),
        ("Targets", count(findings.targets.len() as u64)),
        ("Cost", esc(&cost)),
        ("Started", moment(&findings.started_at)),
        ("Ended", moment(findings.ended_at.as_deref().unwrap_or("–"))),
        ("Exit code", esc(&exit)),
    ] {
        let _ = write!(html, "<div><dt>{key}</dt><dd>{value}</dd></div>");
    }
    html += "</dl>";
    for line in crate::execution::run_lines(findings) {
        let _ = write!(html, "<p class=\"note\">{}</p>", esc(&line));
    }
    for line in crate::against::lines(findings) {
        let _ = write!(html, "<p class=\"note\">{}</p>", esc(&line));
    }
    if !findings.warnings.is_empty() {
        html += "<ul class=\"warnings\" aria-label=\"Warnings\">";
        for warning in findings.warnings.iter().take(WARNINGS_MAX) {
            let _ = write!(html, "<li>{}</li>", esc(warning));
        }
        html += "</ul>";
    }
    html + "</header>"
}

/// A time as people read it.
fn moment(rfc3339: &str) -> String {
    esc(&rfc3339.replace('T', " ").replace('Z', " UTC"))
}

/// Targets × pillars, with the quality that all of them stand on.
pub(super) fn scorecard(findings: &Findings) -> String {
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"card\"><thead><tr><th scope=\"col\">Target</th><th scope=\"col\">Gates</th><th scope=\"col\">Quality</th>",
    );
    for pillar in PILLARS {
        let _ = write!(html, "<th scope=\"col\">{}</th>", capital(pillar.as_str()));
    }
    html += "</tr></thead><tbody>";
    for target in &findings.targets {
        let model = target.model.as_deref().filter(|model| *model != target.name);
        let model = model.map_or_else(String::new, |model| {
            format!("<span class=\"sub\">{}</span>", name(model))
        });
        let verdict = target
            .verdict
            .map_or_else(|| "<span class=\"sub\">none</span>".to_owned(), chip);
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}{model}</th><td>{verdict}</td><td>{}</td>",
            name(&target.name),
            telling(target, Pillar::Quality)
        );
        for pillar in PILLARS {
            let status = target.scorecard.iter().find(|row| row.pillar == pillar);
            let status = status.map_or(PillarStatus::NotAssessed, |row| row.status);
            let _ = write!(
                html,
                "<td>{}{}</td>",
                status_chip(status),
                telling(target, pillar)
            );
        }
        html += "</tr>";
    }
    html += "</tbody></table></div>";
    for target in findings.targets.iter().filter(|target| !target.errors.is_empty()) {
        let kinds: Vec<String> = target
            .errors
            .iter()
            .map(|(kind, n)| format!("{} {}", esc(kind), count(*n)))
            .collect();
        let _ = write!(
            html,
            "<p class=\"note\">Errors of {}: {}</p>",
            name(&target.name),
            kinds.join(", ")
        );
    }
    html
}

/// The one or two values that speak for a pillar.
fn telling(target: &TargetFindings, pillar: Pillar) -> String {
    const SHOWN: usize = 2;
    let speaks = |metric: &&MetricResult| {
        metric.pillar == pillar
            && match metric.metric.as_str() {
                "latency_ms" => matches!(metric.statistic, Statistic::P50 | Statistic::P95),
                "ttft_ms" | "input_tokens" | "output_tokens" | "total_tokens" => false,
                _ => true,
            }
    };
    let mut html = String::new();
    let speaking = target.metrics.iter().filter(speaks);
    let more = speaking.clone().count().saturating_sub(SHOWN);
    for metric in speaking.take(SHOWN) {
        let _ = write!(
            html,
            "<span class=\"value\"><span class=\"k\">{}</span> {}</span>",
            esc(&short_name(metric)),
            esc(&format::estimate(metric))
        );
    }
    if more > 0 {
        let _ = write!(html, "<span class=\"sub\">and {more} more below</span>");
    }
    html
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn short_name(metric: &MetricResult) -> String {
    match metric.statistic {
        Statistic::Mean | Statistic::Rate => metric.metric.clone(),
        other => format!("{} {}", metric.metric, other.as_str()),
    }
}

/// Gates, what fails first.
pub(super) fn gates(findings: &Findings) -> String {
    if findings.gates.is_empty() {
        return "<p class=\"none\">The suite has no gates: nothing was decided.</p>".to_owned();
    }
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"gates\"><colgroup><col class=\"g-verdict\"><col class=\"g-target\"><col><col class=\"c-plot\"><col class=\"c-n\"><col class=\"g-p\"><col class=\"g-p\"></colgroup><thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Target</th><th scope=\"col\">Gate and reason</th><th scope=\"col\">Value [one-sided bounds], limit</th><th scope=\"col\" class=\"num\">n</th><th scope=\"col\" class=\"num\">p, Holm</th><th scope=\"col\" class=\"num\">mde</th></tr></thead><tbody>",
    );
    for gate in worst_first(&findings.gates).into_iter().take(GATES_MAX) {
        html += &gate_row(gate);
    }
    html += "</tbody></table></div>";
    html += &left_out(findings.gates.len(), GATES_MAX, "gates");
    html + "<p class=\"note\">mde: the smallest distance from the limit that this n shows with probability 0.8. The dashed line is the limit.</p>"
}

fn gate_row(gate: &GateResult) -> String {
    let mark = Mark {
        value: gate.value,
        low: gate.low,
        high: gate.high,
        limit: Some(gate.limit),
    };
    let what = format!("{} of {}", gate.metric, gate.target);
    let plot = Axis::over(&[mark], gate.unit)
        .map(|axis| axis.row(&mark, &what, gate.verdict.as_str()) + &axis.head());
    let p = gate
        .p_fail_adjusted
        .or(gate.p_fail)
        .map_or_else(|| "–".to_owned(), probability);
    let mde = gate
        .mde
        .map_or_else(|| "–".to_owned(), |mde| format::number(mde, gate.unit));
    let asked = question(gate);
    let named = own_name(gate).map_or_else(String::new, |own| format!("<b>{}</b> ", name(own)));
    let compared = crate::against::difference(gate).map_or_else(String::new, |text| {
        format!("<span class=\"sub\">{}</span>", esc(&text))
    });
    let place = gate
        .place
        .as_ref()
        .filter(|place| place.line > 0)
        .map(|place| format!("<span class=\"sub\">{}:{}</span>", esc(&place.path), place.line));
    format!(
        "<tr><td>{}</td><td>{}</td><td class=\"wide\">{named}<code>{}</code><span class=\"why\">{}</span>{}</td><td><span class=\"bounds\">{}</span>{compared}{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
        chip(gate.verdict),
        name(&gate.target),
        esc(&asked),
        esc(&gate.reason),
        place.unwrap_or_default(),
        esc(&format::interval(gate.value, gate.low, gate.high, gate.unit)),
        plot.unwrap_or_default(),
        count(gate.n),
        esc(&p),
        esc(&mde),
    )
}

fn probability(p: f64) -> String {
    if p > 0.0 && p < 0.0001 {
        "< 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    }
}

/// Every value with its interval; targets under each other on one scale for each metric.
pub(super) fn values(findings: &Findings) -> String {
    let mut html = String::new();
    let mut shown = 0;
    let all: usize = findings.targets.iter().map(|target| target.metrics.len()).sum();
    for pillar in [
        Pillar::Quality,
        Pillar::Safety,
        Pillar::Performance,
        Pillar::Cost,
        Pillar::Reliability,
    ] {
        let groups = groups(findings, pillar);
        if groups.is_empty() {
            continue;
        }
        let _ = write!(
            html,
            "<h3>{}</h3><div class=\"scroll\"><table class=\"values\">{COLUMNS}<thead><tr><th scope=\"col\">Metric and target</th><th scope=\"col\" class=\"num\">Value [interval]</th><th scope=\"col\"><span class=\"hidden\">Interval</span></th><th scope=\"col\" class=\"num\">n</th><th scope=\"col\" class=\"num\">Over</th><th scope=\"col\">Without a score</th><th scope=\"col\">Method</th></tr></thead>",
            capital(pillar.as_str())
        );
        for group in groups {
            if shown < VALUES_MAX {
                html += &value_group(findings, &group);
            }
            shown += group.len();
        }
        html += "</table></div>";
    }
    html + &left_out(all, VALUES_MAX, "values")
}

/// A metric of each target that has it.
type Group<'a> = Vec<(&'a TargetFindings, &'a MetricResult)>;

fn groups(findings: &Findings, pillar: Pillar) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for target in &findings.targets {
        for metric in target.metrics.iter().filter(|metric| metric.pillar == pillar) {
            let place = *places.entry(metric.name()).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push((target, metric));
        }
    }
    groups
}

fn value_group(findings: &Findings, group: &Group<'_>) -> String {
    let marks: Vec<Mark> = group
        .iter()
        .map(|(target, metric)| mark_of(findings, target, metric))
        .collect();
    let Some((_, first)) = group.first() else {
        return String::new();
    };
    let axis = Axis::over(&marks, first.unit);
    let mut html = format!(
        "<tbody><tr class=\"group\"><th scope=\"rowgroup\" colspan=\"2\"><bdi>{}.<b>{}</b></bdi> <span class=\"sub\">{}, {}</span></th><td>{}</td><td colspan=\"4\"></td></tr>",
        esc(&first.task),
        esc(&first.metric),
        first.statistic.as_str(),
        first.unit.as_str(),
        axis.map(|axis| axis.head()).unwrap_or_default()
    );
    for ((target, metric), mark) in group.iter().zip(&marks) {
        html += &value_row(&name(&target.name), &target.name, metric, mark, axis);
    }
    html + "</tbody>"
}

/// The limit of the first gate on just this value, if there is one.
fn mark_of(findings: &Findings, target: &TargetFindings, metric: &MetricResult) -> Mark {
    let full = metric.name();
    let gate = findings
        .gates
        .iter()
        .find(|gate| gate.target == target.name && gate.metric == full && gate.slice == metric.slice);
    Mark {
        value: metric.value,
        low: metric.low,
        high: metric.high,
        limit: gate.map(|gate| gate.limit),
    }
}

fn value_row(head: &str, target: &str, metric: &MetricResult, mark: &Mark, axis: Option<Axis>) -> String {
    let status = metric.status.as_deref().map_or_else(String::new, |status| {
        format!(" <span class=\"spoiled\">{}</span>", esc(status))
    });
    let range = match (metric.value_worst, metric.value_best) {
        (Some(worst), Some(best)) => format!(
            "<span class=\"sub\">{} to {} with what is left out</span>",
            esc(&format::number(worst, metric.unit)),
            esc(&format::number(best, metric.unit))
        ),
        _ => String::new(),
    };
    let clusters = metric
        .n_clusters
        .map_or_else(String::new, |n| format!(", {} clusters", count(n)));
    let class = if metric.status.is_some() { "doubtful" } else { "" };
    format!(
        "<tr><th scope=\"row\">{head}</th><td class=\"num\">{}{status}{range}</td><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td>{}</td><td class=\"sub\">{} {:.0} %{clusters}</td></tr>",
        esc(&format::estimate(metric)),
        axis.map(|axis| axis.row(mark, &format!("{} of {target}", metric.name()), class))
            .unwrap_or_default(),
        count(metric.n),
        count(metric.denominator),
        esc(&format::classes(metric)),
        method(metric),
        metric.level * 100.0,
    )
}

fn method(metric: &MetricResult) -> String {
    let word = serde_json::to_value(metric.method).ok();
    let word = word.as_ref().and_then(|word| word.as_str()).unwrap_or("–");
    esc(&word.replace('_', " "))
}

/// Paired differences, where the findings have them.
pub(super) fn comparisons(findings: &Findings) -> String {
    let rows: Vec<_> = findings
        .comparisons
        .iter()
        .filter_map(crate::comparison::of_json)
        .take(GATES_MAX)
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<section id=\"comparisons\" aria-labelledby=\"h-comparisons\"><h2 id=\"h-comparisons\">Comparisons</h2><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Metric</th><th scope=\"col\">Between</th><th scope=\"col\" class=\"num\">Difference [interval]</th><th scope=\"col\" class=\"num\">p</th></tr></thead><tbody>",
    );
    for row in rows {
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
            name(&row.what),
            name(&row.between),
            esc(&row.difference),
            esc(&row.p)
        );
    }
    html + "</tbody></table></div></section>"
}

/// Slices, the weakest first; quality alone, and the rest where there is no quality.
pub(super) fn slices(findings: &Findings) -> String {
    let all = || {
        findings
            .targets
            .iter()
            .flat_map(|target| target.slices.iter().map(move |slice| (target, slice)))
    };
    let mut shown: Group<'_> = all()
        .filter(|(_, slice)| slice.pillar == Pillar::Quality)
        .collect();
    if shown.is_empty() {
        shown = all().collect();
    }
    if shown.is_empty() {
        return "<p class=\"none\">The suite names no slices. With <code>slices: [column]</code> values are reported for each value of a column.</p>".to_owned();
    }
    let low = |metric: &MetricResult| metric.low.or(metric.value).unwrap_or(f64::MAX);
    shown.sort_by(|(_, a), (_, b)| low(a).total_cmp(&low(b)));
    let count_all = shown.len();
    shown.truncate(SLICES_MAX);
    let marks: Vec<Mark> = shown
        .iter()
        .map(|(target, metric)| mark_of(findings, target, metric))
        .collect();
    let axis = shown
        .first()
        .and_then(|(_, first)| Axis::over(&marks, first.unit));
    let mut html = format!(
        "<div class=\"scroll\"><table class=\"values\">{COLUMNS}<thead><tr><th scope=\"col\">Slice, target, metric</th><th scope=\"col\" class=\"num\">Value [interval]</th><th scope=\"col\">{}</th><th scope=\"col\" class=\"num\">n</th><th scope=\"col\" class=\"num\">Over</th><th scope=\"col\">Without a score</th><th scope=\"col\">Method</th></tr></thead><tbody>",
        axis.map(|axis| axis.head()).unwrap_or_default()
    );
    for ((target, metric), mark) in shown.iter().zip(&marks) {
        let slice = metric
            .slice
            .as_ref()
            .map(|slice| format!("{}={}", slice.column, slice.value));
        let head = format!(
            "{} <span class=\"sub\">{} · {}.{}</span>",
            name(&slice.unwrap_or_default()),
            name(&target.name),
            esc(&metric.task),
            esc(&short_name(metric))
        );
        html += &value_row(&head, &target.name, metric, mark, axis);
    }
    html += "</tbody></table></div>";
    html + &left_out(count_all, SLICES_MAX, "slices")
}

fn left_out(all: usize, shown: usize, what: &str) -> String {
    if all <= shown {
        return String::new();
    }
    format!(
        "<p class=\"note\">{} more {what} are in the findings.</p>",
        count((all - shown) as u64)
    )
}

/// What it takes to know what was measured.
pub(super) fn reproduction(findings: &Findings) -> String {
    let mut html = format!(
        "<dl class=\"facts\"><div><dt>Plan</dt><dd>{}</dd></div><div><dt>Seatrial</dt><dd>{}</dd></div></dl><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Target</th><th scope=\"col\">Model asked for</th><th scope=\"col\">Model served</th><th scope=\"col\" class=\"num\">Tokens in</th><th scope=\"col\" class=\"num\">Tokens out</th><th scope=\"col\" class=\"num\">Cost</th><th scope=\"col\" class=\"num\">Retries</th><th scope=\"col\">Calls</th></tr></thead><tbody>",
        esc(&findings.plan_hash),
        esc(&findings.tool_version)
    );
    let tokens = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), count);
    for target in &findings.targets {
        let cost = target
            .cost_usd
            .map_or_else(|| "unknown".to_owned(), |cost| format!("${cost}"));
        let served: Vec<String> = target
            .served_models
            .iter()
            .take(5)
            .map(|model| name(model))
            .collect();
        let served = if served.is_empty() {
            "not said".to_owned()
        } else {
            served.join(", ")
        };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{served}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td>{}</td></tr>",
            name(&target.name),
            target.model.as_deref().map_or_else(|| "–".to_owned(), name),
            tokens(target.usage.input_tokens),
            tokens(target.usage.output_tokens),
            esc(&cost),
            count(target.retries),
            esc(&crate::execution::execution_line(target).unwrap_or_default())
        );
    }
    html + "</tbody></table></div>"
}
