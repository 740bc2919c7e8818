//! The cheapest candidate that meets requirements, decided by bounds: what was measured in its favour is not enough, what
//! is sure counts.

use super::candidate::Axis;
use super::membership::Measured;

/// What a candidate must reach on an axis: at least, where more is better, else at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requirement {
    /// The axis.
    pub axis: Axis,
    /// The limit.
    pub limit: f64,
}

impl Requirement {
    /// In words: `quality ≥ 0.9`.
    #[must_use]
    pub fn words(&self) -> String {
        let sign = if self.axis.higher_is_better() {
            '≥'
        } else {
            '≤'
        };
        format!("{} {sign} {}", self.axis.word(), self.limit)
    }

    /// The bound that decides.
    fn bound(&self, measured: &Measured) -> Option<f64> {
        if self.axis.higher_is_better() {
            measured.lower_bound
        } else {
            measured.upper_bound
        }
    }
}

/// Whether a candidate is admitted, and what stands against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    /// Requirements that it misses, each with the bound that decides; unknown bounds miss.
    pub missed: Vec<(Requirement, Option<f64>)>,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its place among the candidates; `None` where nobody meets the requirements.
    pub chosen: Option<usize>,
    /// By candidate.
    pub admissions: Vec<Admission>,
    /// Why, in a sentence.
    pub reason: String,
}

/// Chooses the candidate with the least `objective` among those whose bounds meet all requirements. `axes` names the
/// columns of `values`, which must have the objective and every required axis.
#[must_use]
pub fn choose(
    names: &[&str],
    axes: &[Axis],
    values: &[Vec<Measured>],
    requirements: &[Requirement],
    objective: Axis,
    risk: f64,
) -> Choice {
    let column = |axis: Axis| axes.iter().position(|known| *known == axis);
    let admissions: Vec<Admission> = values
        .iter()
        .map(|values| Admission {
            missed: requirements
                .iter()
                .filter_map(|requirement| {
                    let bound = column(requirement.axis).and_then(|at| requirement.bound(&values[at]));
                    let is_met = bound.is_some_and(|bound| {
                        requirement.axis.loss(bound) <= requirement.axis.loss(requirement.limit)
                    });
                    (!is_met).then_some((*requirement, bound))
                })
                .collect(),
        })
        .collect();
    let worth = |index: usize| {
        let value = column(objective).and_then(|at| values[index][at].value);
        value
            .map(|value| objective.loss(value))
            .filter(|loss| loss.is_finite())
    };
    let mut chosen: Option<(usize, f64)> = None;
    for index in (0..names.len()).filter(|index| admissions[*index].missed.is_empty()) {
        if let Some(loss) = worth(index)
            && chosen.is_none_or(|(_, best)| loss < best)
        {
            chosen = Some((index, loss));
        }
    }
    let chosen = chosen.map(|(index, _)| index);
    let reason = reason(
        names,
        &admissions,
        requirements,
        objective,
        chosen.map(|index| (index, worth(index))),
        risk,
    );
    Choice {
        chosen,
        admissions,
        reason,
    }
}

fn reason(
    names: &[&str],
    admissions: &[Admission],
    requirements: &[Requirement],
    objective: Axis,
    chosen: Option<(usize, Option<f64>)>,
    risk: f64,
) -> String {
    let admitted = admissions
        .iter()
        .filter(|admission| admission.missed.is_empty())
        .count();
    let wanted = requirements
        .iter()
        .map(Requirement::words)
        .collect::<Vec<_>>()
        .join(" and ");
    let confidence = ((1.0 - risk) * 1000.0).round() / 10.0;
    let mut text = match chosen {
        Some((index, loss)) => {
            let value = loss.map_or(0.0, f64::abs);
            let what = objective.word();
            let unit = objective.unit();
            let head = format!("{} has the best {what} ({} {unit})", names[index], digits(value));
            if requirements.is_empty() {
                format!("{head} of {} candidates.", names.len())
            } else {
                format!(
                    "{head} of the {admitted} of {} candidates that meet {wanted} with {confidence} % confidence.",
                    names.len()
                )
            }
        }
        None if requirements.is_empty() => format!("Nobody has a known {}.", objective.word()),
        None if admitted > 0 => format!("Nobody who meets {wanted} has a known {}.", objective.word()),
        None => format!("Nobody meets {wanted} with {confidence} % confidence."),
    };
    for (name, admission) in names.iter().zip(admissions) {
        let missed: Vec<String> = admission.missed.iter().map(miss).collect();
        if !missed.is_empty() {
            text.push_str(&format!(" {name}: {}.", missed.join("; ")));
        }
    }
    text
}

/// What stands against a candidate, in words.
fn miss((requirement, bound): &(Requirement, Option<f64>)) -> String {
    let side = if requirement.axis.higher_is_better() {
        "lower"
    } else {
        "upper"
    };
    let bound = match bound {
        None => "is unknown".to_owned(),
        Some(bound) if bound.is_infinite() => format!("has no {side} bound"),
        Some(bound) => format!("has the {side} bound {}", (bound * 1e6).round() / 1e6),
    };
    format!("{} {bound}, not {}", requirement.axis.word(), requirement.words())
}

/// Four significant digits, in plain notation.
#[must_use]
pub fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.is_infinite() {
        return "unbounded".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a power of ten")]
    let before = value.abs().log10().floor() as i32;
    let decimals = usize::try_from(3 - before).unwrap_or(0).min(9);
    format!("{value:.decimals$}")
}
