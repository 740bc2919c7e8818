//! The report on the screen: verdict first, then a scorecard per target, then the gates, then what to know.

use crate::clean;
use crate::execution::{execution_line, run_lines};
use crate::flaky;
use crate::format;
use crate::rank::{own_name, question, weakest_slices, worst_first};
use anstyle::{AnsiColor, Style};
use seatrial_types::{
    ExitCode, Findings, GateResult, MetricResult, Pillar, PillarRow, PillarStatus, SliceKey, Statistic,
    TargetFindings, Verdict,
};
use serde_json::Value;
use std::fmt::Write;

/// Slices that are shown per target; the rest is in the files.
const SLICES_SHOWN_MAX: usize = 5;
/// Gates that are shown, what fails first.
const GATES_SHOWN_MAX: usize = 60;
/// Differences between targets that are shown.
const COMPARISONS_SHOWN_MAX: usize = 20;
/// Widest column of names that still lines up; longer names push their row to the right.
const NAME_WIDTH_MAX: usize = 48;

/// How to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TerminalOptions {
    /// Whether to use ANSI colours.
    pub color: bool,
    /// Whether to say the verdict alone.
    pub brief: bool,
}

/// The findings as text with a final line break.
#[must_use]
pub fn terminal(findings: &Findings, options: TerminalOptions) -> String {
    let mut screen = Screen {
        text: String::new(),
        color: options.color,
    };
    // Names and texts of a run may hold escape sequences, which a screen would obey.
    let findings = &visible(findings);
    screen.headline(findings);
    if options.brief {
        return screen.text;
    }
    for target in &findings.targets {
        screen.target(target);
    }
    screen.execution(findings);
    screen.baseline(findings);
    screen.gates(&findings.gates);
    screen.comparisons(findings);
    screen.quarantine(findings);
    if !findings.warnings.is_empty() {
        screen.line("");
    }
    for warning in &findings.warnings {
        screen.line(&format!("warning: {warning}"));
    }
    screen.text
}

/// The findings with every text on one line and nothing in it that acts on a screen.
fn visible(findings: &Findings) -> Findings {
    fn seen(value: Value) -> Value {
        match value {
            Value::String(text) => clean::line(&text).into_owned().into(),
            Value::Array(items) => items.into_iter().map(seen).collect(),
            Value::Object(map) => {
                let entries = map
                    .into_iter()
                    .map(|(key, value)| (clean::line(&key).into_owned(), seen(value)));
                Value::Object(entries.collect())
            }
            other => other,
        }
    }
    let seen = serde_json::to_value(findings)
        .map(seen)
        .and_then(serde_json::from_value);
    seen.unwrap_or_else(|_| findings.clone())
}

struct Screen {
    text: String,
    color: bool,
}

impl Screen {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn verdict(&self, verdict: Verdict) -> String {
        let color = match verdict {
            Verdict::Pass => AnsiColor::Green,
            Verdict::Fail => AnsiColor::Red,
            Verdict::Inconclusive => AnsiColor::Yellow,
        };
        self.paint(color.on_default().bold(), &verdict.as_str().to_uppercase())
    }

    fn headline(&mut self, findings: &Findings) {
        let verdict = self.verdict(findings.verdict);
        let bold = self.paint(Style::new().bold(), &findings.suite);
        let samples = if findings.samples_finished == findings.samples_planned {
            format!("{} samples", findings.samples_finished)
        } else {
            format!(
                "{} of {} samples",
                findings.samples_finished, findings.samples_planned
            )
        };
        let meaning = ExitCode::PRECEDENCE
            .into_iter()
            .find(|code| code.code() == findings.exit_code && *code != ExitCode::Pass)
            .map_or_else(String::new, |code| format!(" ({})", code.meaning()));
        self.line(&format!(
            "{verdict}  {bold}  run {}  {samples}  exit {}{meaning}",
            findings.run_id, findings.exit_code
        ));
    }

    fn target(&mut self, target: &TargetFindings) {
        let name = self.paint(Style::new().bold(), &target.name);
        let model = target
            .model
            .as_deref()
            .map(|model| format!(" ({model})"))
            .unwrap_or_default();
        let verdict = target
            .verdict
            .map(|verdict| format!("  {}", self.verdict(verdict)))
            .unwrap_or_default();
        self.line("");
        self.line(&format!("{name}{model}{verdict}"));
        let width = name_width(target);
        let of_quality = |metric: &&MetricResult| metric.pillar == Pillar::Quality;
        for metric in target.metrics.iter().filter(of_quality) {
            self.quality(metric, width);
        }
        for row in &target.scorecard {
            self.pillar(target, row, width);
        }
        if let Some(line) = execution_line(target) {
            self.line(&format!("  calls        {line}"));
        }
        self.slices(target);
        for (index, line) in flaky::screen_lines(target).iter().enumerate() {
            let head = if index == 0 { "flaky" } else { "" };
            self.line(&format!("  {head:<12} {line}"));
        }
        if !target.errors.is_empty() {
            let errors: Vec<_> = target
                .errors
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            self.line(&format!("  errors       {}", errors.join(", ")));
        }
    }

    fn execution(&mut self, findings: &Findings) {
        let lines = run_lines(findings);
        if !lines.is_empty() {
            self.line("");
        }
        lines.iter().for_each(|line| self.line(line));
    }

    fn baseline(&mut self, findings: &Findings) {
        let lines = crate::against::lines(findings);
        if !lines.is_empty() {
            self.line("");
        }
        lines.iter().for_each(|line| self.line(line));
    }

    fn quarantine(&mut self, findings: &Findings) {
        let lines = flaky::quarantine_lines(findings);
        if lines.is_empty() {
            return;
        }
        self.line("");
        let title = self.paint(Style::new().bold(), "quarantine");
        self.line(&title);
        lines.iter().for_each(|line| self.line(&format!("  {line}")));
    }

    fn quality(&mut self, metric: &MetricResult, width: usize) {
        self.line(&format!(
            "  {:<12} {:<12}  {:<width$}  {}  {}",
            "quality",
            "",
            label(metric),
            format::estimate(metric),
            counts(metric)
        ));
        if let (Some(worst), Some(best)) = (metric.value_worst, metric.value_best) {
            let (worst, best) = (
                format::number(worst, metric.unit),
                format::number(best, metric.unit),
            );
            self.line(&format!(
                "  {:<12} {:<12}  if what is left out were all wrong {worst}, all right {best}",
                "", ""
            ));
        }
    }

    fn pillar(&mut self, target: &TargetFindings, row: &PillarRow, width: usize) {
        let (word, color) = match row.status {
            PillarStatus::Pass => ("pass", Some(AnsiColor::Green)),
            PillarStatus::Fail => ("fail", Some(AnsiColor::Red)),
            PillarStatus::Inconclusive => ("inconclusive", Some(AnsiColor::Yellow)),
            PillarStatus::Measured => ("measured", None),
            PillarStatus::NotAssessed => ("not assessed", None),
        };
        let padded = format!("{word:<12}");
        let status = color.map_or_else(|| padded.clone(), |color| self.paint(color.on_default(), &padded));
        let shown: Vec<_> = target
            .metrics
            .iter()
            .filter(|metric| is_on_scorecard(metric, row.pillar))
            .collect();
        let mut lines = shown.iter().map(|metric| headline_of(metric, width));
        let first = lines.next().unwrap_or_default();
        self.line(&format!("  {:<12} {status}  {first}", row.pillar.as_str()));
        for line in lines {
            self.line(&format!("  {:<12} {:<12}  {line}", "", ""));
        }
        if row.pillar == Pillar::Performance
            && let Some(queue) = target.client_queue_ms_p99
        {
            let ms = |number| format::number(number, seatrial_types::Unit::Ms);
            let lag = target.client_read_lag_ms.map_or_else(String::new, |lag| {
                format!("; own read lag below {}, part of it", ms(lag))
            });
            let queue = ms(queue);
            self.line(&format!(
                "  {:<12} {:<12}  own queueing p99 {queue}, not part of the above{lag}",
                "", ""
            ));
        }
    }

    fn slices(&mut self, target: &TargetFindings) {
        let worst_first = weakest_slices([target]);
        let shown: Vec<_> = worst_first
            .iter()
            .take(SLICES_SHOWN_MAX)
            .filter_map(|(_, metric)| Some((label_of_slice(metric, metric.slice.as_ref()?), metric)))
            .collect();
        let widest = shown.iter().map(|(name, _)| name.chars().count()).max();
        let width = widest.unwrap_or(0).min(NAME_WIDTH_MAX);
        for (name, metric) in shown {
            let line = format!(
                "  slice        {:<12}  {name:<width$}  {}  {}",
                "",
                format::estimate(metric),
                counts(metric)
            );
            self.line(&line);
        }
        if worst_first.len() > SLICES_SHOWN_MAX {
            self.line(&format!(
                "  {:<12} {:<12}  … and {} more slices, in the files",
                "",
                "",
                worst_first.len() - SLICES_SHOWN_MAX
            ));
        }
    }

    fn gates(&mut self, gates: &[GateResult]) {
        if gates.is_empty() {
            return;
        }
        self.line("");
        let title = self.paint(Style::new().bold(), "gates");
        self.line(&title);
        let shown: Vec<_> = worst_first(gates).into_iter().take(GATES_SHOWN_MAX).collect();
        let widest = |of: &dyn Fn(&GateResult) -> String| {
            let widths = shown.iter().map(|gate| of(gate).chars().count());
            widths.max().unwrap_or(0).min(NAME_WIDTH_MAX)
        };
        let (targets, questions) = (widest(&|gate| gate.target.clone()), widest(&question));
        for gate in shown {
            let verdict = self.verdict(gate.verdict);
            let pad = " ".repeat(12_usize.saturating_sub(gate.verdict.as_str().len()));
            let value = format::interval(gate.value, gate.low, gate.high, gate.unit);
            self.line(&format!(
                "  {verdict}{pad}  {:<targets$}  {:<questions$}  {value}  n {}",
                gate.target,
                question(gate),
                gate.n
            ));
            if let Some(difference) = crate::against::difference(gate) {
                self.line(&format!("  {:<12}  {difference}", ""));
            }
            let name = own_name(gate).map_or_else(String::new, |name| format!("{name}: "));
            self.line(&format!("  {:<12}  {name}{}", "", gate.reason));
        }
        if gates.len() > GATES_SHOWN_MAX {
            self.line(&format!(
                "  … and {} more gates, in the files",
                gates.len() - GATES_SHOWN_MAX
            ));
        }
    }
}

impl Screen {
    /// Differences between the targets of the run: of quality and safety, the rest is in the files.
    fn comparisons(&mut self, findings: &Findings) {
        let is_primary = |comparison: &&Value| comparison["is_primary"].as_bool().unwrap_or(true);
        let rows: Vec<_> = findings
            .comparisons
            .iter()
            .filter(is_primary)
            .filter_map(crate::comparison::of_json)
            .collect();
        if rows.is_empty() {
            return;
        }
        self.line("");
        let title = self.paint(Style::new().bold(), "differences between targets");
        self.line(&title);
        let widest = |of: &dyn Fn(&crate::comparison::ComparisonRow) -> &str| {
            let widths = rows.iter().map(|row| of(row).chars().count());
            widths.max().unwrap_or(0).min(NAME_WIDTH_MAX)
        };
        let (what, between) = (widest(&|row| &row.what), widest(&|row| &row.between));
        for row in rows.iter().take(COMPARISONS_SHOWN_MAX) {
            self.line(&format!(
                "  {:<what$}  {:<between$}  {}  p {}",
                row.what, row.between, row.difference, row.p
            ));
        }
        if rows.len() > COMPARISONS_SHOWN_MAX {
            let more = rows.len() - COMPARISONS_SHOWN_MAX;
            self.line(&format!("  … and {more} more differences, in the files"));
        }
    }
}

fn counts(metric: &MetricResult) -> String {
    let mut text = format!("n {}", metric.n);
    for (count, word) in [
        (metric.n_unparsed, "unparsed"),
        (metric.n_refused, "refused"),
        (metric.n_error, "errors"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    if metric.denominator != metric.n {
        let _ = write!(text, ", over {}", metric.denominator);
    }
    if let Some(clusters) = metric.n_clusters {
        let _ = write!(text, ", {clusters} clusters");
    }
    text
}

/// What a pillar's row shows; the rest is in the files.
fn is_on_scorecard(metric: &MetricResult, pillar: Pillar) -> bool {
    metric.pillar == pillar
        && match metric.metric.as_str() {
            "latency_ms" => matches!(metric.statistic, Statistic::P50 | Statistic::P95),
            "ttft_ms" => metric.statistic == Statistic::P50,
            "input_tokens" | "output_tokens" | "total_tokens" => false,
            _ => true,
        }
}

/// Room for the names of all values that are shown of a target.
fn name_width(target: &TargetFindings) -> usize {
    let shown = target
        .metrics
        .iter()
        .filter(|metric| is_on_scorecard(metric, metric.pillar));
    let widest = shown.map(|metric| label(metric).chars().count()).max();
    widest.unwrap_or(0).min(NAME_WIDTH_MAX)
}

/// `TASK.METRIC`, with the percentile where it is one.
fn label(metric: &MetricResult) -> String {
    let statistic = match metric.statistic {
        Statistic::Mean | Statistic::Rate => String::new(),
        other => format!(" {}", other.as_str()),
    };
    format!("{}.{}{statistic}", metric.task, metric.metric)
}

/// Which part of the data, and of which metric: a task has several.
fn label_of_slice(metric: &MetricResult, slice: &SliceKey) -> String {
    format!("{} {}={}", label(metric), slice.column, slice.value)
}

fn headline_of(metric: &MetricResult, width: usize) -> String {
    let status = metric
        .status
        .as_deref()
        .map(|status| format!("  ({status})"))
        .unwrap_or_default();
    format!("{:<width$}  {}{status}", label(metric), format::estimate(metric))
}
