//! `seatrial cost pareto`: which candidates nobody beats, which to choose, and what routing between two of them brings.
//! The rules are in the crate `cost`; here candidates are gathered and told.

mod routed;
mod runs;
mod table;

use crate::args::pareto::ParetoArguments;
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use crate::output;
use seatrial_cost::pareto::{
    Axis, CANDIDATES_MAX, Candidate, Choice, Front, Membership, Requirement, cases_needed, choose, digits,
    front, hypervolume, membership,
};
use seatrial_report::clean;
use seatrial_report::pareto_plot::{Mark, Plot, pareto_svg};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;

/// A foreign text as a message shows it.
fn shown(text: &str) -> String {
    clean::line(text).to_string()
}

/// Requirements at most.
const REQUIREMENTS_MAX: usize = 50;

/// Candidates with what a reader must know of how they were gathered.
struct Gathered {
    candidates: Vec<Candidate>,
    warnings: Vec<String>,
}

pub(super) fn pareto(arguments: &ParetoArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    check_output(arguments.svg.as_deref())?;
    check_shares(arguments)?;
    if arguments.route.is_some() {
        return routed::routed(arguments);
    }
    let gathered = gather(arguments)?;
    let axes = axes(arguments, &gathered.candidates)?;
    let requirements = requirements(&arguments.require)?;
    let objective = axis(&arguments.objective, "--objective")?;
    let epsilon = ties(&arguments.tie, &axes)?;
    // Requirements and the objective need values even where they are no axis of the front.
    let mut columns = axes.clone();
    for wanted in requirements
        .iter()
        .map(|requirement| requirement.axis)
        .chain([objective])
    {
        if !columns.contains(&wanted) {
            columns.push(wanted);
        }
    }
    let of_axes = membership(
        &gathered.candidates,
        &axes,
        arguments.level,
        arguments.risk,
        arguments.resamples,
        arguments.seed,
    );
    let of_columns = if columns.len() == axes.len() {
        of_axes.clone()
    } else {
        membership(
            &gathered.candidates,
            &columns,
            arguments.level,
            arguments.risk,
            arguments.resamples,
            arguments.seed,
        )
    };
    let losses: Vec<Vec<f64>> = gathered
        .candidates
        .iter()
        .map(|candidate| {
            axes.iter()
                .map(|axis| axis.loss(candidate.value(*axis).unwrap_or(f64::NAN)))
                .collect()
        })
        .collect();
    let names: Vec<&str> = gathered
        .candidates
        .iter()
        .map(|candidate| candidate.name.as_str())
        .collect();
    let told = Told {
        front: front(&losses, &epsilon),
        hypervolume: hypervolume(&losses),
        choice: choose(
            &names,
            &columns,
            &of_columns.values,
            &requirements,
            objective,
            arguments.risk,
        ),
        names,
        axes: &axes,
        columns: &columns,
        of_axes: &of_axes,
        of_columns: &of_columns,
        level: arguments.level,
        risk: arguments.risk,
    };
    let mut warnings = gathered.warnings;
    warnings.extend(told.warnings());
    if let Some(path) = &arguments.svg {
        output::write_whole(path, &told.svg())?;
    }
    Figures {
        schema: "seatrial.cost.pareto/1",
        text: told.text(),
        warnings,
        fields: told.json(arguments, &requirements, objective),
    }
    .deliver(arguments.output.json.as_deref())
}

fn check_shares(arguments: &ParetoArguments) -> Result<(), CliError> {
    let inside = |name: &str, value: f64, low: f64, high: f64| {
        if value > low && value < high {
            Ok(())
        } else {
            Err(CliError::usage(format!(
                "{name} is {value}, expected a number between {low} and {high}"
            )))
        }
    };
    let share = |name: &str, value: f64| {
        if (0.0..=1.0).contains(&value) {
            Ok(())
        } else {
            Err(CliError::usage(format!(
                "{name} is {value}, expected a share from 0 to 1"
            )))
        }
    };
    inside("--level", arguments.level, 0.5, 1.0)?;
    inside("--risk", arguments.risk, 0.0, 0.5)?;
    share("--verifier-catches", arguments.verifier_catches)?;
    share("--verifier-false-alarms", arguments.verifier_false_alarms)?;
    if !(0.0..=1e9).contains(&arguments.verifier_cost) {
        return Err(CliError::usage(format!(
            "--verifier-cost is {}, expected dollars from 0",
            arguments.verifier_cost
        )));
    }
    Ok(())
}

fn gather(arguments: &ParetoArguments) -> Result<Gathered, CliError> {
    let gathered = match &arguments.table {
        Some(path) => table::read(path, &arguments.column)?,
        None if arguments.runs.is_empty() => {
            return Err(CliError::usage("there is nothing to compare")
                .hint("name runs (`latest`, an id, RUN@TARGET), or a table with --table"));
        }
        None => runs::read(arguments)?,
    };
    match gathered.candidates.len() {
        0 => Err(CliError::usage("there are no candidates")),
        n if n > CANDIDATES_MAX => Err(CliError::usage(format!(
            "there are {n} candidates, expected at most {CANDIDATES_MAX}"
        ))),
        _ => Ok(gathered),
    }
}

fn axis(word: &str, option: &str) -> Result<Axis, CliError> {
    Axis::from_word(word.trim()).ok_or_else(|| {
        CliError::usage(format!("{option} names `{}`, which is no axis", shown(word)))
            .hint("axes are quality, cost, cost_per_success, latency_p50, latency_p95, …, safety")
    })
}

/// The axes that were asked for, or those that all candidates have.
fn axes(arguments: &ParetoArguments, candidates: &[Candidate]) -> Result<Vec<Axis>, CliError> {
    if arguments.axes.is_empty() {
        let all = [
            Axis::Quality,
            Axis::CostPerSuccess,
            Axis::Latency(0.95),
            Axis::Safety,
        ];
        let known = |axis: &Axis| {
            candidates
                .iter()
                .all(|candidate| candidate.value(*axis).is_some())
        };
        return Ok(all.into_iter().filter(known).collect());
    }
    let mut axes = Vec::new();
    for word in &arguments.axes {
        let axis = axis(word, "--axes")?;
        if axes.contains(&axis) {
            return Err(CliError::usage(format!("--axes names {} twice", axis.word())));
        }
        axes.push(axis);
    }
    Ok(axes)
}

fn requirements(written: &[String]) -> Result<Vec<Requirement>, CliError> {
    if written.len() > REQUIREMENTS_MAX {
        return Err(CliError::usage(format!(
            "there are {} requirements, expected at most {REQUIREMENTS_MAX}",
            written.len()
        )));
    }
    written
        .iter()
        .map(|text| {
            let wrong = |why: &str| {
                CliError::usage(format!("--require {}: {why}", shown(text)))
                    .hint("write it like 'quality>=0.9' or 'latency_p95<=800'")
            };
            let (word, sign, limit) = ["≥", "≤", ">=", "<="]
                .iter()
                .find_map(|sign| text.split_once(sign).map(|(word, limit)| (word, *sign, limit)))
                .ok_or_else(|| wrong("there is no `>=` or `<=`"))?;
            let axis = axis(word, "--require")?;
            let limit: f64 = limit
                .trim()
                .parse()
                .map_err(|_| wrong("the limit is no number"))?;
            if !limit.is_finite() {
                return Err(wrong("the limit is no finite number"));
            }
            let is_floor = matches!(sign, ">=" | "≥");
            if is_floor != axis.higher_is_better() {
                let sign = if axis.higher_is_better() { ">=" } else { "<=" };
                return Err(wrong(&format!("{} is limited with `{sign}`", axis.word())));
            }
            Ok(Requirement { axis, limit })
        })
        .collect()
}

fn ties(written: &[String], axes: &[Axis]) -> Result<Vec<f64>, CliError> {
    let mut epsilon = vec![0.0; axes.len()];
    for text in written {
        let wrong = |why: String| {
            CliError::usage(format!("--tie {}: {why}", shown(text))).hint("write it like quality=0.01")
        };
        let (word, difference) = text
            .split_once('=')
            .ok_or_else(|| wrong("there is no `=`".to_owned()))?;
        let axis = axis(word, "--tie")?;
        let place = axes
            .iter()
            .position(|known| *known == axis)
            .ok_or_else(|| wrong(format!("{} is not among the axes", axis.word())))?;
        epsilon[place] = difference
            .trim()
            .parse()
            .ok()
            .filter(|difference: &f64| *difference >= 0.0 && difference.is_finite())
            .ok_or_else(|| wrong("the difference is no number from 0".to_owned()))?;
    }
    Ok(epsilon)
}

/// Everything that is told.
struct Told<'a> {
    names: Vec<&'a str>,
    axes: &'a [Axis],
    columns: &'a [Axis],
    of_axes: &'a Membership,
    of_columns: &'a Membership,
    front: Front,
    hypervolume: f64,
    choice: Choice,
    level: f64,
    risk: f64,
}

impl Told<'_> {
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.of_axes.is_paired {
            warnings.push(
                "candidates have no cases in common: shares are drawn for each alone, cost and latency are taken as given"
                    .to_owned(),
            );
        }
        for (axis, needed) in self.too_few() {
            warnings.push(format!(
                "{} has no upper bound at {} where fewer than {needed} cases were measured",
                axis.word(),
                percent(1.0 - self.risk)
            ));
        }
        for (name, values) in self.names.iter().zip(&self.of_axes.values) {
            let unknown: Vec<String> = self
                .axes
                .iter()
                .zip(values)
                .filter(|(_, value)| value.value.is_none())
                .map(|(axis, _)| axis.word())
                .collect();
            if !unknown.is_empty() {
                warnings.push(format!(
                    "{} is on no front: {} is unknown",
                    shown(name),
                    unknown.join(", ")
                ));
            }
        }
        warnings
    }

    /// Percentiles of which a candidate has too few cases for a bound, with the cases that it takes.
    fn too_few(&self) -> Vec<(Axis, u64)> {
        let unbounded = |column: usize| {
            self.of_columns
                .values
                .iter()
                .any(|values| values[column].value.is_some() && values[column].upper_bound.is_none())
        };
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(column, _)| unbounded(*column))
            .filter_map(|(_, axis)| match axis {
                Axis::Latency(q) => Some((*axis, cases_needed(*q, 1.0 - self.risk)?)),
                _ => None,
            })
            .collect()
    }

    /// Candidates on the front first, then by the chance of being on it.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by(|a, b| {
            let on = |index: &usize| self.front.exact[*index];
            on(b)
                .cmp(&on(a))
                .then_with(|| self.of_axes.probability[*b].total_cmp(&self.of_axes.probability[*a]))
                .then_with(|| a.cmp(b))
        });
        order
    }

    fn text(&self) -> String {
        let axes: Vec<String> = self.axes.iter().map(|axis| axis.word()).collect();
        let on = self.front.exact.iter().filter(|is_on| **is_on).count();
        let mut text = format!(
            "{on} of {} candidates are on the front of {}\n\n",
            self.names.len(),
            axes.join(" × ")
        );
        for index in self.order() {
            let mark = if self.front.exact[index] {
                "●"
            } else if self.front.with_ties[index] {
                "○"
            } else {
                " "
            };
            let values: Vec<String> = self
                .columns
                .iter()
                .zip(&self.of_columns.values[index])
                .map(|(axis, value)| match (value.value, value.low, value.high) {
                    (Some(value), None, None) => format!("{} {}", axis.word(), digits(value)),
                    (Some(value), low, high) => {
                        let end = |end: Option<f64>| end.map_or_else(|| "unknown".to_owned(), digits);
                        format!("{} {} [{}, {}]", axis.word(), digits(value), end(low), end(high))
                    }
                    _ => format!("{} unknown", axis.word()),
                })
                .collect();
            let _ = writeln!(
                text,
                "{mark} {}  on the front in {} of resamples  {}",
                shown(self.names[index]),
                percent(self.of_axes.probability[index]),
                values.join("  ")
            );
        }
        let _ = write!(
            text,
            "\n● nobody beats it  ○ ties with one of them; intervals at {} over {} resamples\nHypervolume {:.4} within this set: its worst values are the reference\n\n{}\n",
            percent(self.level),
            self.of_axes.resamples,
            self.hypervolume,
            self.choice.reason
        );
        text
    }

    fn json(&self, arguments: &ParetoArguments, requirements: &[Requirement], objective: Axis) -> Value {
        let candidates: Vec<Value> = (0..self.names.len())
            .map(|index| {
                let values: Vec<Value> = self
                    .columns
                    .iter()
                    .zip(&self.of_columns.values[index])
                    .map(|(axis, measured)| {
                        json!({"axis": axis.word(), "unit": axis.unit(), "value": finite(measured.value),
                               "low": finite(measured.low), "high": finite(measured.high), "level": self.level,
                               "lower_bound": finite(measured.lower_bound), "upper_bound": finite(measured.upper_bound),
                               "unbounded": measured.value.is_some_and(f64::is_infinite)
                                   || measured.high.is_some_and(f64::is_infinite)})
                    })
                    .collect();
                let missed: Vec<String> = self.choice.admissions[index]
                    .missed
                    .iter()
                    .map(|(requirement, _)| requirement.words())
                    .collect();
                json!({"name": self.names[index], "on_front": self.front.exact[index],
                       "ties_with_front": self.front.with_ties[index],
                       "front_probability": self.of_axes.probability[index], "values": values, "missed": missed})
            })
            .collect();
        json!({
            "axes": self.axes.iter().map(|axis| axis.word()).collect::<Vec<_>>(),
            "objective": objective.word(),
            "requirements": requirements.iter().map(Requirement::words).collect::<Vec<_>>(),
            "risk": arguments.risk,
            "paired": self.of_axes.is_paired,
            "resamples": self.of_axes.resamples,
            "seed": arguments.seed,
            "candidates": candidates,
            "hypervolume": self.hypervolume,
            "chosen": self.choice.chosen.map(|index| self.names[index]),
            "reason": self.choice.reason,
        })
    }

    /// The first two axes, quality upwards.
    fn svg(&self) -> String {
        let (x, y) = match self.axes {
            [y, x, ..] => (1, (0, *y, *x)),
            [only] => (0, (0, *only, *only)),
            [] => return pareto_svg(&Plot::default()),
        };
        let (row, y_axis, x_axis) = y;
        let at = |index: usize, column: usize| self.of_axes.values[index].get(column).copied();
        let marks = (0..self.names.len())
            .filter_map(|index| {
                let (x, y) = (at(index, x)?, at(index, row)?);
                Some(Mark {
                    name: self.names[index].to_owned(),
                    x: x.value?,
                    y: y.value?,
                    x_range: x.low.zip(x.high),
                    y_range: y.low.zip(y.high),
                    is_on: self.front.exact[index],
                    probability: self.of_axes.probability[index],
                })
            })
            .filter(|mark| mark.x.is_finite() && mark.y.is_finite())
            .collect();
        pareto_svg(&Plot {
            title: format!("{} and {}", y_axis.word(), x_axis.word()),
            x_label: format!("{} ({})", x_axis.word(), x_axis.unit()),
            y_label: format!("{} ({})", y_axis.word(), y_axis.unit()),
            y_higher_is_better: y_axis.higher_is_better(),
            marks,
        })
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
