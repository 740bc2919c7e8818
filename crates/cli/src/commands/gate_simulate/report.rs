//! What was simulated, for people and for programs.

use super::{Drawing, margin_of, word_of};
use crate::error::CliError;
use crate::output;
use seatrial_analyse::simulate::{
    Advice, Advised, Asks, Behaviour, NaiveRule, Setting, Simulated, SimulatedGate, Simulation, Tally,
};
use seatrial_config::Margin;
use seatrial_report::clean;
use seatrial_types::{Estimate, ExitCode, TOOL_VERSION};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

const SCHEMA: &str = "seatrial.gate.simulate/1";
/// Widest name that still lines up.
const NAME_WIDTH_MAX: usize = 56;

/// Everything that is told.
pub(super) struct Told<'a> {
    pub(super) drawing: &'a Drawing,
    pub(super) setting: &'a Setting,
    pub(super) simulation: &'a Simulation,
    /// By gate, then drop.
    pub(super) advice: &'a [Vec<Advice>],
    pub(super) suite: Option<&'a str>,
}

impl Told<'_> {
    pub(super) fn deliver(&self, json: Option<&Path>) -> Result<(), CliError> {
        let text = self.text();
        let takes_stdout = json.is_some_and(output::is_stdout);
        if takes_stdout {
            output::stderr(&text);
        } else {
            output::stdout(&text)?;
        }
        let warned: String = self
            .drawing
            .warnings
            .iter()
            .map(|warning| format!("warning: {}\n", clean::line(warning)))
            .collect();
        output::stderr(&warned);
        if let Some(path) = json {
            let told = serde_json::to_string_pretty(&self.json()).map_err(CliError::infrastructure)? + "\n";
            if takes_stdout {
                output::stdout(&told)?;
            } else {
                output::write_whole(path, &told)?;
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let from = match (&self.drawing.source.file, self.drawing.source.runs.len()) {
            (Some(file), _) => file.clone(),
            (None, 1) => format!("run {}", self.drawing.source.runs.join("")),
            (None, runs) => format!("{runs} runs"),
        };
        let suite = self
            .suite
            .map_or_else(String::new, |suite| format!(", gates of {suite}"));
        let _ = writeln!(text, "{}", clean::line(&format!("rates of {from}{suite}")));
        for metric in &self.drawing.metrics {
            let _ = writeln!(text, "  {}", clean::line(&about(metric)));
        }
        let size = self
            .setting
            .cases
            .map_or_else(String::new, |cases| format!("{cases} cases drawn anew, "));
        let _ = writeln!(
            text,
            "{} draws of a baseline and a new run, {size}{} a case; a drop is {}; seed {}",
            self.setting.draws,
            epochs(self.setting.epochs),
            spread(self.setting),
            self.setting.seed
        );
        self.table(&mut text);
        self.verdicts(&mut text);
        self.advise(&mut text);
        text
    }

    /// How often each rule fails.
    fn table(&self, text: &mut String) {
        let mut rows: Vec<(String, String, &Behaviour)> = Vec::new();
        for (gate, behaviour) in self.drawing.gates.iter().zip(&self.simulation.gates) {
            let note = self
                .metric_of(gate)
                .filter(|metric| gate.asks.is_missed_after(metric, 0.0))
                .map_or("", |_| "  (its limit is missed already: a fail is right)");
            rows.push((clean::line(&gate.name).into_owned(), note.to_owned(), behaviour));
        }
        if self.drawing.gates.len() > 1 {
            rows.push((
                "any of these gates".to_owned(),
                String::new(),
                &self.simulation.together,
            ));
        }
        for (metric, rules) in self.drawing.metrics.iter().zip(&self.simulation.naive) {
            for (rule, behaviour) in NaiveRule::ALL.into_iter().zip(rules) {
                let of = if self.drawing.metrics.len() > 1 {
                    format!(" ({})", clean::line(&metric.metric))
                } else {
                    String::new()
                };
                rows.push((format!("{}{of}", rule.name()), String::new(), behaviour));
            }
        }
        let width = rows
            .iter()
            .map(|row| row.0.chars().count())
            .max()
            .unwrap_or(0)
            .min(NAME_WIDTH_MAX);
        let mut line = format!("\n{:<width$}  {:<22}", "fails", "of an unchanged system");
        for drop in &self.setting.drops {
            let _ = write!(line, "  {:<22}", format!("after a drop of {drop}"));
        }
        let _ = writeln!(text, "{}", line.trim_end());
        for (name, note, behaviour) in rows {
            let mut line = format!("{name:<width$}  {:<22}", share(&behaviour.unchanged.fail()));
            for dropped in &behaviour.dropped {
                let shown = dropped
                    .as_ref()
                    .map_or_else(|| "–".to_owned(), |tally| share(&tally.fail()));
                let _ = write!(line, "  {shown:<22}");
            }
            let _ = writeln!(text, "{}{note}", line.trim_end());
        }
    }

    /// What the gates say of an unchanged system.
    fn verdicts(&self, text: &mut String) {
        let _ = writeln!(text, "\nverdicts on an unchanged system");
        for (gate, behaviour) in self.drawing.gates.iter().zip(&self.simulation.gates) {
            let tally = behaviour.unchanged;
            let _ = writeln!(
                text,
                "  {}: pass {}, inconclusive {}, fail {}",
                clean::line(&gate.name),
                percent(tally.pass().value),
                percent(tally.inconclusive().value),
                percent(tally.fail().value)
            );
        }
    }

    fn advise(&self, text: &mut String) {
        let power = percent(Some(self.setting.power));
        let _ = writeln!(text, "\nto fail with probability {power}");
        for (gate, advice) in self.drawing.gates.iter().zip(self.advice) {
            let _ = writeln!(text, "  {}", clean::line(&gate.name));
            for (drop, advice) in self.setting.drops.iter().zip(advice) {
                let more = match (advice.cases, advice.epochs) {
                    (Advised::Never, _) if self.is_within(gate, *drop) => {
                        "never: the gate allows that much".to_owned()
                    }
                    (Advised::Never, _) => "never: there is not that much to lose".to_owned(),
                    (cases, by_epochs) => format!(
                        "{} cases at {}, or {}",
                        number(cases),
                        epochs(self.setting.epochs),
                        match by_epochs {
                            Advised::At(epochs_needed) => format!("{} of these cases", epochs(epochs_needed)),
                            Advised::NotUpTo(most) => format!("more than {most} epochs of these cases"),
                            Advised::Never => "no number of epochs".to_owned(),
                        }
                    ),
                };
                let _ = writeln!(text, "    after a drop of {drop}: {more}");
            }
            if let Some(margin) = advice.first().map(|advice| advice.margin) {
                match margin {
                    Advised::At(margin) => {
                        let _ = writeln!(
                            text,
                            "    to pass an unchanged system as often: a margin of {margin:.3}"
                        );
                    }
                    Advised::NotUpTo(most) => {
                        let _ = writeln!(
                            text,
                            "    to pass an unchanged system as often: no margin up to {most:.3}"
                        );
                    }
                    Advised::Never => {}
                }
            }
        }
    }

    fn metric_of(&self, gate: &SimulatedGate) -> Option<&Simulated> {
        self.drawing.metrics.get(gate.metric)
    }

    fn is_within(&self, gate: &SimulatedGate, drop: f64) -> bool {
        self.metric_of(gate).is_some_and(|metric| {
            drop <= metric.population.mean() && !gate.asks.is_missed_after(metric, drop)
        })
    }

    fn json(&self) -> Value {
        let metrics: Vec<Value> = self
            .drawing
            .metrics
            .iter()
            .zip(&self.simulation.naive)
            .map(|(metric, naive)| self.metric_json(metric, naive))
            .collect();
        let gates: Vec<Value> = self
            .drawing
            .gates
            .iter()
            .zip(&self.simulation.gates)
            .zip(self.advice)
            .map(|((gate, behaviour), advice)| self.gate_json(gate, behaviour, advice))
            .collect();
        let left_out: Vec<Value> = self
            .drawing
            .left_out
            .iter()
            .map(|(gate, why)| json!({"name": gate, "reason": why}))
            .collect();
        let has_gates = !self.drawing.gates.is_empty();
        json!({"schema": SCHEMA, "tool_version": TOOL_VERSION, "exit_code": ExitCode::Pass.code(),
               "warnings": self.drawing.warnings, "suite": self.suite, "runs": self.drawing.source.runs,
               "file": self.drawing.source.file, "draws": self.setting.draws, "seed": self.setting.seed,
               "cases": self.setting.cases, "epochs": self.setting.epochs, "spread": self.setting.spread.as_str(),
               "drops": self.setting.drops, "power": self.setting.power, "metrics": metrics, "gates": gates,
               "any_gate": has_gates.then(|| self.behaviour_json(&self.simulation.together, true)),
               "left_out": left_out})
    }

    fn metric_json(&self, metric: &Simulated, naive: &[Behaviour]) -> Value {
        let population = &metric.population;
        let rules: Vec<Value> = NaiveRule::ALL
            .into_iter()
            .zip(naive)
            .map(|(rule, behaviour)| {
                let mut told = self.behaviour_json(behaviour, true);
                told["name"] = rule.name().into();
                told
            })
            .collect();
        let (fewest, most) = population.attempts().unzip();
        json!({"metric": metric.metric, "higher_is_better": metric.higher_is_better, "n_cases": population.len(),
               "n_clusters": population.clusters(), "answers_per_case_min": fewest, "answers_per_case_max": most,
               "mean_rate": population.mean(), "rate_model": population.model().as_str(), "rules": rules})
    }

    fn gate_json(&self, gate: &SimulatedGate, behaviour: &Behaviour, advice: &[Advice]) -> Value {
        let metric = self.metric_of(gate);
        let is_met = metric.is_some_and(|metric| !gate.asks.is_missed_after(metric, 0.0));
        let mut told = self.behaviour_json(behaviour, is_met);
        let (limit, margin, is_relative) = match (&gate.asks, margin_of(&gate.asks)) {
            (Asks::Bound(bound), _) => (Some(bound.limit()), None, None),
            (_, Some(Margin::Absolute(margin))) => (None, Some(margin), Some(false)),
            (_, Some(Margin::Relative(share))) => (None, Some(share), Some(true)),
            (Asks::Baseline(_), None) => (None, None, None),
        };
        let advice: Vec<Value> = self
            .setting
            .drops
            .iter()
            .zip(advice)
            .map(|(drop, advice)| {
                json!({"drop": drop, "cases": at(advice.cases), "epochs": at(advice.epochs), "margin": at(advice.margin)})
            })
            .collect();
        for (key, value) in [
            ("name", json!(gate.name)),
            ("metric", json!(metric.map(|metric| &metric.metric))),
            ("condition", json!(word_of(&gate.asks))),
            ("limit", json!(limit)),
            ("margin", json!(margin)),
            ("margin_is_relative", json!(is_relative)),
            ("risk", json!(gate.risk)),
            ("is_met_unchanged", json!(is_met)),
            ("advice", json!(advice)),
        ] {
            told[key] = value;
        }
        told
    }

    /// `is_met`: whether a fail of an unchanged system is a false alarm.
    fn behaviour_json(&self, behaviour: &Behaviour, is_met: bool) -> Value {
        let drops: Vec<Value> = self
            .setting
            .drops
            .iter()
            .zip(&behaviour.dropped)
            .map(|(drop, tally)| {
                json!({"drop": drop, "fail": tally.as_ref().map(Tally::fail), "pass": tally.as_ref().map(Tally::pass)})
            })
            .collect();
        let unchanged = behaviour.unchanged;
        json!({"false_alarm": is_met.then(|| unchanged.fail()),
               "unchanged": {"fail": unchanged.fail(), "inconclusive": unchanged.inconclusive(), "pass": unchanged.pass()},
               "drops": drops})
    }
}

fn at<T: Into<Value>>(advised: Advised<T>) -> Value {
    match advised {
        Advised::At(value) => value.into(),
        Advised::NotUpTo(_) | Advised::Never => Value::Null,
    }
}

fn number(advised: Advised<u32>) -> String {
    match advised {
        Advised::At(value) => value.to_string(),
        Advised::NotUpTo(most) => format!("more than {most}"),
        Advised::Never => "no number of".to_owned(),
    }
}

fn about(metric: &Simulated) -> String {
    let population = &metric.population;
    let answers = match population.attempts() {
        None => "rates given".to_owned(),
        Some((fewest, most)) if fewest == most => format!("{fewest} answers each"),
        Some((fewest, most)) => format!("{fewest} to {most} answers each"),
    };
    let clusters = population
        .clusters()
        .map_or_else(String::new, |clusters| format!(" in {clusters} clusters"));
    let good = if metric.higher_is_better {
        "right"
    } else {
        "good (value 0)"
    };
    format!(
        "{}: {} cases{clusters}, {answers}, {good} at a mean rate of {:.4}; true rates: {}",
        metric.metric,
        population.len(),
        population.mean(),
        population.model().as_str()
    )
}

fn epochs(epochs: u32) -> String {
    if epochs == 1 {
        "1 epoch".to_owned()
    } else {
        format!("{epochs} epochs")
    }
}

fn spread(setting: &Setting) -> &'static str {
    use seatrial_analyse::simulate::Spread;
    match setting.spread {
        Spread::Proportional => "the same share of every case's rate",
        Spread::Logit => "the same distance of every case on the logit scale",
        Spread::Broken => "some cases, drawn anew, that are never right any more",
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.1}%", 100.0 * value))
}

/// `2.6% [2.2, 3.2]`.
fn share(estimate: &Estimate) -> String {
    match (estimate.value, estimate.low, estimate.high) {
        (Some(_), Some(low), Some(high)) => format!(
            "{} [{:.1}, {:.1}]",
            percent(estimate.value),
            100.0 * low,
            100.0 * high
        ),
        (value, ..) => percent(value),
    }
}
