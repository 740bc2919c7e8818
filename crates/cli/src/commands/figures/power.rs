//! `seatrial stats power`: of size, difference and power the one that was not given.

use super::{Figures, check_output};
use crate::args::figures::PowerArguments;
use crate::error::CliError;
use seatrial_stats::{StatsError, power as powers};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;

/// What is compared, and what is known of its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Design {
    /// Pairs of right and wrong answers.
    PairedShares { discordant: f64 },
    /// Right and wrong answers of two groups.
    TwoShares { p1: f64 },
    /// Pairs of scores.
    PairedMeans { sd: f64 },
    /// Scores of two groups.
    TwoMeans { sd: f64 },
}

/// The two that were given.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Given {
    DifferenceAndPower(f64, f64),
    SizeAndPower(u64, f64),
    SizeAndDifference(u64, f64),
}

/// All three.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Solved {
    n: u64,
    difference: f64,
    power: f64,
}

/// Power where none is given.
const POWER: f64 = 0.8;

pub(crate) fn power(arguments: &PowerArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let design = design(arguments)?;
    let given = given(arguments, design)?;
    let alpha = arguments.level.alpha();
    let solved = solve(design, given, alpha)?;
    Figures {
        schema: "seatrial.stats.power/1",
        text: text(design, given, &solved, alpha),
        warnings: warnings(design, &solved),
        fields: fields(design, given, &solved, alpha),
    }
    .deliver(arguments.output.json.as_deref())
}

fn design(arguments: &PowerArguments) -> Result<Design, CliError> {
    match (arguments.discordant, arguments.p1, arguments.sd) {
        (Some(discordant), ..) => Ok(Design::PairedShares { discordant }),
        (None, Some(p1), _) => Ok(Design::TwoShares { p1 }),
        (None, None, Some(sd)) if arguments.independent => Ok(Design::TwoMeans { sd }),
        (None, None, Some(sd)) => Ok(Design::PairedMeans { sd }),
        (None, None, None) => Err(CliError::usage(
            "the spread is not known, expected one of --discordant, --p1 or --sd",
        )
        .hint(
            "for right and wrong answers of two systems on the same cases: --discordant, the share of cases on which \
             they differ; 0.1 to 0.3 is usual",
        )),
    }
}

fn given(arguments: &PowerArguments, design: Design) -> Result<Given, CliError> {
    let difference = match (arguments.difference, arguments.p2, design) {
        (None, Some(p2), Design::TwoShares { p1 }) => Some(p2 - p1),
        (difference, ..) => difference,
    };
    if let Some(difference) = difference {
        check_difference(difference, design)?;
    }
    if arguments.n == Some(0) {
        return Err(CliError::usage("--n is 0, expected at least 1"));
    }
    // One of size and difference is a question with the usual power, as the output says.
    let power = arguments.power.unwrap_or(POWER);
    match (arguments.n, difference, arguments.power) {
        (None, Some(difference), _) => Ok(Given::DifferenceAndPower(difference, power)),
        (Some(n), None, _) => Ok(Given::SizeAndPower(n, power)),
        (Some(n), Some(difference), None) => Ok(Given::SizeAndDifference(n, difference)),
        (Some(_), Some(_), Some(_)) => Err(CliError::usage(
            "size, difference and power are all given, expected two of them",
        )
        .hint("leave out the one that you want to know")),
        (None, None, _) => Err(CliError::usage(
            "--n and --difference are missing, expected one of them at least",
        )
        .hint("--n asks for the smallest difference that is shown, --difference for the number of cases")),
    }
}

fn check_difference(difference: f64, design: Design) -> Result<(), CliError> {
    let wrong = |expected: String| {
        Err(CliError::usage(format!(
            "the difference is {difference}, expected {expected}"
        )))
    };
    match design {
        _ if !difference.is_finite() || difference == 0.0 => wrong("a finite number other than 0".to_owned()),
        Design::PairedShares { discordant } if difference.abs() > discordant => wrong(format!(
            "at most the share of discordant pairs, {discordant}: concordant pairs do not differ"
        )),
        Design::TwoShares { p1 } if !(0.0..=1.0).contains(&(p1 + difference)) => wrong(format!(
            "a second share between 0 and 1, found {}",
            p1 + difference
        )),
        _ => Ok(()),
    }
}

fn solve(design: Design, given: Given, alpha: f64) -> Result<Solved, CliError> {
    check_spread(design)?;
    Ok(match given {
        Given::DifferenceAndPower(difference, power) => {
            let n = size(design, difference, power, alpha)
                .map_err(named)?
                .ok_or_else(|| {
                    CliError::usage(format!(
                        "no number of cases shows a difference of {difference} with this spread"
                    ))
                })?;
            Solved { n, difference, power }
        }
        Given::SizeAndPower(n, power) => {
            let difference = detectable(design, n, power, alpha)
                .map_err(named)?
                .ok_or_else(|| {
                    CliError::usage(format!("{n} cases show no difference at all with power {power}"))
                        .hint("take more cases, or less power")
                })?;
            Solved { n, difference, power }
        }
        Given::SizeAndDifference(n, difference) => {
            let power = reached(design, n, difference, alpha).map_err(named)?;
            Solved { n, difference, power }
        }
    })
}

fn check_spread(design: Design) -> Result<(), CliError> {
    let (name, found, expected, is_right) = match design {
        Design::PairedShares { discordant } => (
            "--discordant",
            discordant,
            "a share above 0 and at most 1",
            discordant > 0.0 && discordant <= 1.0,
        ),
        Design::TwoShares { p1 } => ("--p1", p1, "a share between 0 and 1", (0.0..=1.0).contains(&p1)),
        Design::PairedMeans { sd } | Design::TwoMeans { sd } => {
            ("--sd", sd, "a finite number above 0", sd > 0.0 && sd.is_finite())
        }
    };
    if is_right {
        return Ok(());
    }
    Err(CliError::usage(format!("{name} is {found}, expected {expected}")))
}

/// Names the option that a statistic's parameter stands for.
fn named(error: StatsError) -> CliError {
    match error {
        StatsError::OutOfRange {
            what: "alpha",
            found,
            expected,
        } => CliError::usage(format!("--alpha is {found}, expected {expected}"))
            .hint("or --level, one minus it"),
        StatsError::OutOfRange {
            what: "power",
            found,
            expected,
        } => CliError::usage(format!("--power is {found}, expected {expected}")),
        StatsError::OutOfRange {
            what: "n" | "n_per_arm",
            found,
            expected,
        } => CliError::usage(format!("--n is {found}, expected {expected}")),
        other => CliError::usage(other),
    }
}

/// Shares of the pairs that go either way.
fn directions(discordant: f64, difference: f64) -> (f64, f64) {
    let more = 0.5 * (discordant + difference.abs());
    (more, (discordant - more).max(0.0))
}

fn size(design: Design, difference: f64, power: f64, alpha: f64) -> Result<Option<u64>, StatsError> {
    let whole = |n: f64| n.is_finite().then(|| n.ceil() as u64);
    match design {
        Design::PairedShares { discordant } => {
            let (p10, p01) = directions(discordant, difference);
            powers::mcnemar_pairs(p10, p01, alpha, power).map(whole)
        }
        Design::TwoShares { p1 } => powers::trials_per_arm(p1, p1 + difference, alpha, power).map(whole),
        Design::PairedMeans { sd } => powers::t_paired_pairs(difference / sd, alpha, power),
        Design::TwoMeans { sd } => powers::t_independent_per_arm(difference / sd, alpha, power),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a size above 2^53 is rounded to one that differs by nothing"
)]
fn detectable(design: Design, n: u64, power: f64, alpha: f64) -> Result<Option<f64>, StatsError> {
    let n = n as f64;
    match design {
        Design::PairedShares { discordant } => powers::mcnemar_detectable(discordant, n, alpha, power),
        Design::TwoShares { p1 } => Ok(powers::detectable_share(p1, n, alpha, power)?.map(|p2| p2 - p1)),
        Design::PairedMeans { sd } => powers::t_paired_detectable(n, alpha, power).map(|d| Some(sd * d)),
        Design::TwoMeans { sd } => powers::t_independent_detectable(n, alpha, power).map(|d| Some(sd * d)),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a size above 2^53 is rounded to one that differs by nothing"
)]
fn reached(design: Design, n: u64, difference: f64, alpha: f64) -> Result<f64, StatsError> {
    let n = n as f64;
    match design {
        Design::PairedShares { discordant } => {
            let (p10, p01) = directions(discordant, difference);
            powers::mcnemar(p10, p01, n, alpha)
        }
        Design::TwoShares { p1 } => powers::two_shares(p1, p1 + difference, n, alpha),
        Design::PairedMeans { sd } => powers::t_paired(difference / sd, n, alpha),
        Design::TwoMeans { sd } => powers::t_independent(difference / sd, n, alpha),
    }
}

fn text(design: Design, given: Given, solved: &Solved, alpha: f64) -> String {
    let Solved { n, difference, power } = solved;
    let unit = match design {
        Design::PairedShares { .. } | Design::PairedMeans { .. } => "pairs",
        Design::TwoShares { .. } | Design::TwoMeans { .. } => "trials in each of two groups",
    };
    let mut text = match given {
        Given::DifferenceAndPower(..) => format!("n           {n} {unit}\n"),
        Given::SizeAndPower(..) => format!("difference  {difference:.4}, the smallest that is shown\n"),
        Given::SizeAndDifference(..) => format!("power       {power:.4}\n"),
    };
    let spread = match design {
        Design::PairedShares { discordant } => {
            format!("McNemar's test, {discordant} of the pairs discordant")
        }
        Design::TwoShares { p1 } => format!("normal test of shares {p1} and {:.4}", p1 + difference),
        Design::PairedMeans { sd } => format!("paired t test, standard deviation of the differences {sd}"),
        Design::TwoMeans { sd } => format!("two-sample t test, standard deviation {sd}"),
    };
    let rest = match given {
        Given::DifferenceAndPower(..) => format!("difference {difference:.4}, power {power}"),
        Given::SizeAndPower(..) => format!("{n} {unit}, power {power}"),
        Given::SizeAndDifference(..) => format!("{n} {unit}, difference {difference:.4}"),
    };
    let _ = writeln!(
        text,
        "for         {rest}, two-sided alpha {alpha}\nby          {spread}"
    );
    text
}

fn warnings(design: Design, solved: &Solved) -> Vec<String> {
    const DISCORDANT_FEW: f64 = 10.0;
    match design {
        #[expect(clippy::cast_precision_loss, reason = "only small sizes matter here")]
        Design::PairedShares { discordant } if solved.n as f64 * discordant < DISCORDANT_FEW => {
            vec![format!(
                "fewer than {DISCORDANT_FEW} discordant pairs are expected: the normal approximation is rough"
            )]
        }
        _ => Vec::new(),
    }
}

fn fields(design: Design, given: Given, solved: &Solved, alpha: f64) -> Value {
    let (name, test, groups) = match design {
        Design::PairedShares { .. } => ("paired_shares", "mcnemar", 1),
        Design::TwoShares { .. } => ("two_shares", "normal_arcsine", 2),
        Design::PairedMeans { .. } => ("paired_means", "t_paired", 1),
        Design::TwoMeans { .. } => ("two_means", "t_independent", 2),
    };
    let solved_for = match given {
        Given::DifferenceAndPower(..) => "n",
        Given::SizeAndPower(..) => "difference",
        Given::SizeAndDifference(..) => "power",
    };
    let (discordant, p1, sd) = match design {
        Design::PairedShares { discordant } => (Some(discordant), None, None),
        Design::TwoShares { p1 } => (None, Some(p1), None),
        Design::PairedMeans { sd } | Design::TwoMeans { sd } => (None, None, Some(sd)),
    };
    json!({
        "design": name,
        "test": test,
        "solved_for": solved_for,
        "n": solved.n,
        "n_total": solved.n.saturating_mul(groups),
        "difference": solved.difference,
        "power": solved.power,
        "alpha": alpha,
        "discordant": discordant,
        "p1": p1,
        "p2": p1.map(|p1| p1 + solved.difference),
        "sd": sd,
    })
}
