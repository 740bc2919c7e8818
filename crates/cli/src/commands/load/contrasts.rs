//! Figures of two loads against each other, judged and told: the same for paired blocks and for saved results. Apart from
//! both, so that one table and one JSON stand for them.

use super::result::{LEVEL, Status};
use crate::args::load_compare::{LoadMargins, LoadUndecided};
use crate::error::CliError;
use seatrial_load::effect::{Contrast, Decision, Effect, Judged, Question, judge};
use seatrial_load::figure::{Figure, Limit, Margin};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;

/// Values of one pair of blocks.
pub(super) struct PairValues {
    pub(super) pair: usize,
    pub(super) baseline: Option<f64>,
    pub(super) candidate: Option<f64>,
    /// Whether this client was too late in one of its blocks.
    pub(super) is_left_out: bool,
}

/// One figure of both.
pub(super) struct Compared {
    pub(super) figure: Figure,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) remedy: Option<String>,
    /// `None` where it cannot be told.
    pub(super) contrast: Option<Contrast>,
    pub(super) limit: Option<Limit>,
    pub(super) judged: Option<Judged>,
    /// Values behind it, baseline and candidate; `None` where the files do not say.
    pub(super) n: Option<(u64, u64)>,
    /// Empty where nothing was paired.
    pub(super) pairs: Vec<PairValues>,
}

/// Reads `--margin`.
pub(super) fn limits(margins: &LoadMargins) -> Result<Vec<Limit>, CliError> {
    let Some(text) = &margins.margin else {
        return Ok(Vec::new());
    };
    Limit::parse_all(text).map_err(|error| {
        CliError::usage(format!("--margin cannot be read: {error}"))
            .hint("write it like --margin 'ttft_p99=10%,output_tokens_per_s=5%'")
    })
}

/// The figures of the margins, and those that people look at anyway.
pub(super) fn figures(limits: &[Limit], is_open: bool) -> Vec<Figure> {
    use seatrial_load::definitions::Definition;
    let mut figures: Vec<Figure> = limits.iter().map(|limit| limit.figure).collect();
    let from_intended = Figure::USUAL.into_iter().map(|figure| match figure {
        // With an open loop, what users would have seen counts from the intended moment.
        Figure::Latency(Definition::Ttft, summary) if is_open => {
            Figure::Latency(Definition::TtftSched, summary)
        }
        Figure::Latency(Definition::E2e, summary) if is_open => {
            Figure::Latency(Definition::E2eSched, summary)
        }
        figure => figure,
    });
    for figure in from_intended {
        if !figures.contains(&figure) {
            figures.push(figure);
        }
    }
    figures
}

/// Judges all figures that have a margin together.
pub(super) fn judge_all(compared: &mut [Compared], risk: f64) -> Decision {
    let asked: Vec<usize> = (0..compared.len())
        .filter(|&i| compared[i].limit.is_some())
        .collect();
    let questions: Vec<Question> = asked
        .iter()
        .filter_map(|&i| {
            let one = &compared[i];
            let limit = one.limit?;
            Some(Question {
                figure: limit.figure,
                margin: limit.margin,
                contrast: one.contrast,
            })
        })
        .collect();
    let judged = judge(&questions, risk);
    for (&i, judged) in asked.iter().zip(&judged) {
        compared[i].judged = Some(*judged);
    }
    Decision::of_all(judged.into_iter().map(|judged| judged.decision))
}

/// The exit code of a verdict.
pub(super) const fn exit_of(verdict: Decision, undecided: LoadUndecided) -> ExitCode {
    match (verdict, undecided) {
        (Decision::Fail, _) => ExitCode::GateFailed,
        (Decision::Inconclusive, LoadUndecided::Fail) => ExitCode::Inconclusive,
        _ => ExitCode::Pass,
    }
}

/// What is said where nothing was to be decided.
pub(super) const NO_MARGINS: &str = "no margins: nothing is decided (--margin 'ttft_p99=10%')";

impl Compared {
    /// What is told of it at all.
    fn shown(&self) -> Option<&Contrast> {
        self.contrast.as_ref()
    }

    pub(super) fn json(&self, method: &str, risk: f64) -> Value {
        let estimate = |effect: &Effect, shape: fn(f64) -> f64, unit: &str| {
            json!({
                "value": shape(effect.value),
                "low": effect.low(LEVEL).map(shape),
                "high": effect.high(LEVEL).map(shape),
                "level": LEVEL,
                "n": self.used(),
                "method": method,
                "unit": unit,
            })
        };
        let contrast = self.shown();
        let ratio = contrast.and_then(|contrast| contrast.log_ratio.as_ref());
        let limit = self.limit.as_ref();
        let pairs: Vec<Value> = self
            .pairs
            .iter()
            .map(|pair| {
                json!({
                    "pair": pair.pair,
                    "baseline": pair.baseline,
                    "candidate": pair.candidate,
                    "left_out": pair.is_left_out,
                })
            })
            .collect();
        json!({
            "name": self.figure.to_string(),
            "unit": self.figure.unit(),
            "worse": if self.figure.higher_is_worse() { "higher" } else { "lower" },
            "status": self.status.as_str(),
            "reason": self.reason,
            "remedy": self.remedy,
            "baseline": contrast.map(|contrast| contrast.baseline),
            "candidate": contrast.map(|contrast| contrast.candidate),
            "n_baseline": self.n.map(|(n, _)| n),
            "n_candidate": self.n.map(|(_, n)| n),
            "difference": contrast.map(|contrast| estimate(&contrast.difference, |x| x, self.figure.unit())),
            "ratio": ratio.map(|ratio| estimate(ratio, f64::exp, "ratio")),
            "visible_ratio": ratio.and_then(|ratio| ratio.visible(risk)).map(f64::exp),
            "visible_difference": contrast.and_then(|contrast| contrast.difference.visible(risk)),
            "margin": limit.map(|limit| json!({
                "kind": match limit.margin { Margin::Share(_) => "share", Margin::Absolute(_) => "absolute" },
                "value": match limit.margin { Margin::Share(value) | Margin::Absolute(value) => value },
            })),
            "verdict": self.judged.map(|judged| judged.decision.as_str()),
            "p_fail": self.judged.and_then(|judged| judged.p_fail),
            "p_pass": self.judged.and_then(|judged| judged.p_pass),
            "pairs": pairs,
        })
    }

    /// Pairs behind it, or two results.
    fn used(&self) -> usize {
        if self.pairs.is_empty() {
            return 2;
        }
        self.pairs.iter().filter(|pair| !pair.is_left_out).count()
    }

    /// `+12.3 % [+10.1, +14.6]`, in points where it is a share.
    fn change(&self) -> String {
        let Some(contrast) = self.shown() else {
            return "–".to_owned();
        };
        let (effect, shape, unit): (&Effect, fn(f64) -> f64, &str) = match &contrast.log_ratio {
            Some(ratio) if self.figure.has_ratio() => (ratio, |x| 100.0 * x.exp_m1(), " %"),
            _ if self.figure.unit() == "share" => (&contrast.difference, |x| 100.0 * x, " points"),
            _ => (&contrast.difference, |x| x, ""),
        };
        let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |end| format!("{:+.1}", shape(end)));
        format!(
            "{:+.1}{unit} [{}, {}]",
            shape(effect.value),
            end(effect.low(LEVEL)),
            end(effect.high(LEVEL))
        )
    }

    fn value(&self, value: Option<f64>) -> String {
        match value {
            None => "–".to_owned(),
            Some(value) if self.figure.unit() == "share" => format!("{:.2} %", 100.0 * value),
            Some(value) => format!("{value:.2}"),
        }
    }

    fn cells(&self) -> [String; 6] {
        let unit = match self.figure.unit() {
            "ms" => " ms",
            _ => "",
        };
        let contrast = self.shown();
        let verdict = match (self.status, self.judged) {
            (Status::Withheld, _) => "withheld".to_owned(),
            (_, Some(judged)) => judged.decision.as_str().to_owned(),
            (Status::Degraded | Status::Unavailable, None) => self.status.as_str().to_owned(),
            (Status::Ok, None) => String::new(),
        };
        [
            format!("{}{unit}", self.figure),
            self.value(contrast.map(|contrast| contrast.baseline)),
            self.value(contrast.map(|contrast| contrast.candidate)),
            self.change(),
            self.limit.map_or_else(String::new, |limit| limit.margin_text()),
            verdict,
        ]
    }
}

const HEAD: [&str; 6] = [
    "figure",
    "baseline",
    "candidate",
    "change [95 %]",
    "margin",
    "verdict",
];

/// Figures that are told: those without any value only where somebody asked for them.
fn told(compared: &[Compared]) -> impl Iterator<Item = &Compared> {
    compared
        .iter()
        .filter(|one| one.status != Status::Unavailable || one.limit.is_some())
}

/// As a table for the screen, with reasons below.
pub(super) fn table(compared: &[Compared], risk: f64) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |cells: &[String; 6]| {
        let [figure, baseline, candidate, change, margin, verdict] = cells;
        let line = format!("{figure:<22}{baseline:>12}{candidate:>12}{change:>32}{margin:>12}  {verdict}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line(&HEAD.map(str::to_owned));
    for one in told(compared) {
        line(&one.cells());
    }
    text + &reasons(compared, risk)
}

/// As a table of Markdown, with reasons below.
pub(super) fn markdown_table(compared: &[Compared], risk: f64) -> String {
    let mut text = format!("| {} |\n|:--|--:|--:|--:|--:|:--|\n", HEAD.join(" | "));
    for one in told(compared) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", one.cells().join(" | "));
    }
    let reasons = reasons(compared, risk);
    if !reasons.is_empty() {
        let _ = write!(text, "\n{}", reasons.replace('\n', "  \n"));
    }
    text
}

/// Why figures are not told or not trusted, each reason and each remedy once, and what undecided ones could have seen.
fn reasons(compared: &[Compared], risk: f64) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for one in told(compared) {
        let Some(reason) = one.reason.as_deref() else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(one.figure.to_string()),
            None => reasons.push((reason, vec![one.figure.to_string()])),
        }
    }
    let mut text = String::new();
    for (reason, names) in reasons {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {reason}", names.join(", "));
    }
    let mut remedies: Vec<&str> = told(compared).filter_map(|one| one.remedy.as_deref()).collect();
    remedies.sort_unstable();
    remedies.dedup();
    for remedy in remedies {
        let _ = writeln!(text, "hint: {remedy}");
    }
    for one in told(compared) {
        let is_undecided = one
            .judged
            .is_some_and(|judged| judged.decision == Decision::Inconclusive);
        let visible = one.shown().and_then(|contrast| contrast.log_ratio?.visible(risk));
        if let (true, Some(visible)) = (is_undecided, visible) {
            let _ = writeln!(
                text,
                "{}: undecided; a change of {:.1} % would be seen with a chance of 80 %",
                one.figure,
                100.0 * visible.exp_m1()
            );
        }
    }
    text
}
