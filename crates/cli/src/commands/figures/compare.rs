//! `seatrial stats compare`: two files of scores, paired by id.

use super::scores_file::{Allowed, Columns, ScoresFile};
use super::{Figures, check_output, object, shown};
use crate::args::figures::{CompareArguments, Scale};
use crate::error::CliError;
use seatrial_analyse::compare::{
    CompareError, CompareOptions, Comparison, EffectKind, PairedScores, Side, TestChoice, TestName,
    compare as comparison_of, pair,
};
use seatrial_stats::StatsError;
use seatrial_types::{ExitCode, MetricKind};
use serde_json::{Value, json};
use std::fmt::Write;

pub(crate) fn compare(arguments: &CompareArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let columns = Columns {
        id: &arguments.id_field,
        score: &arguments.score_field,
        epoch: arguments.epoch_field.as_deref(),
        cluster: arguments.cluster_field.as_deref(),
    };
    let allowed = match arguments.scale {
        Scale::Auto | Scale::Real => Allowed::Any,
        Scale::Binary => Allowed::Binary,
        Scale::Unit => Allowed::Unit,
    };
    let a = ScoresFile::read(&arguments.a, columns, allowed)?;
    let b = ScoresFile::read(&arguments.b, columns, allowed)?;
    let files = Files { a: &a, b: &b };
    let paired = pair(&a.rows, &b.rows).map_err(|error| files.located(error))?;
    let options = CompareOptions {
        kind: kind(arguments.scale, &paired),
        higher_is_better: !arguments.lower_is_better,
        level: 1.0 - arguments.level.alpha(),
        power: arguments.power,
        resamples: arguments.resamples,
        seed: arguments.seed,
        test: TestChoice::Usual,
    };
    let comparison = comparison_of(&paired, &options).map_err(|error| files.located(error))?;
    Figures {
        schema: "seatrial.stats.compare/1",
        text: text(&files, &paired, &comparison),
        warnings: comparison.warnings.iter().map(ToString::to_string).collect(),
        fields: fields(&files, &paired, &options, &comparison, &arguments.score_field)?,
    }
    .deliver(arguments.output.json.as_deref())
}

/// Repeated right-or-wrong answers are no longer right or wrong once they are averaged, but keep their bounds.
fn kind(scale: Scale, paired: &PairedScores) -> MetricKind {
    match scale {
        Scale::Auto => paired.kind.unwrap_or(MetricKind::Real),
        Scale::Binary if paired.epochs_max > 1 => MetricKind::Bounded,
        Scale::Binary => MetricKind::Binary,
        Scale::Unit => MetricKind::Bounded,
        Scale::Real => MetricKind::Real,
    }
}

struct Files<'a> {
    a: &'a ScoresFile,
    b: &'a ScoresFile,
}

impl Files<'_> {
    fn place(&self, side: Side, index: usize) -> String {
        match side {
            Side::A => self.a.place(index),
            Side::B => self.b.place(index),
        }
    }

    /// The error with file and line, and what to do.
    fn located(&self, error: CompareError) -> CliError {
        match &error {
            CompareError::Duplicate {
                side, first, second, ..
            } => CliError::usage(format!(
                "{}: {error}; the first is at {}",
                self.place(*side, *second),
                self.place(*side, *first)
            ))
            .hint("number repeated answers of one case in a column `epoch`"),
            CompareError::ClusterMissing { side, index, .. } => {
                CliError::usage(format!("{}: {error}", self.place(*side, *index))).hint(
                    "give every case a cluster; a case that depends on no other is a cluster of its own",
                )
            }
            CompareError::ClusterConflict { first, second, .. } => CliError::usage(format!(
                "{}: {error} at {}",
                self.place(second.0, second.1),
                self.place(first.0, first.1)
            )),
            CompareError::OffScale { side, index, .. } => {
                CliError::usage(format!("{}: {error}", self.place(*side, *index)))
            }
            CompareError::NoPairs { .. } => CliError::usage(format!(
                "{} and {}: {error}",
                self.a.path.display(),
                self.b.path.display()
            ))
            .hint("cases are paired by id: the ids of both files must be the same texts"),
            CompareError::Statistics(StatsError::OutOfRange { what: "alpha", .. }) => {
                CliError::usage("the level is out of range, expected a number between 0 and 1")
            }
            CompareError::Statistics(StatsError::OutOfRange {
                what: "power",
                found,
                expected,
            }) => CliError::usage(format!("--power is {found}, expected {expected}")),
            CompareError::Statistics(_) => CliError::usage(error),
        }
    }
}

const DECIMALS: usize = 4;

fn text(files: &Files<'_>, paired: &PairedScores, c: &Comparison) -> String {
    let mut text = String::new();
    let clusters = c
        .clusters
        .map_or_else(String::new, |clusters| format!(" in {clusters} clusters"));
    let epochs = match paired.epochs_max {
        0 | 1 => String::new(),
        epochs => format!(", the mean of up to {epochs} epochs each"),
    };
    let level = (c.difference.level * 1e8).round() / 1e6;
    let rows = [
        (
            "A",
            format!("{}  {}", shown(&c.a, DECIMALS), files.a.path.display()),
        ),
        (
            "B",
            format!("{}  {}", shown(&c.b, DECIMALS), files.b.path.display()),
        ),
        ("pairs", format!("{}{clusters}{epochs}", paired.a.len())),
        (
            "unpaired",
            format!("{} only in A, {} only in B", paired.only_a, paired.only_b),
        ),
        (
            "B − A",
            format!(
                "{}  {level} % interval, {}",
                shown(&c.difference, DECIMALS),
                c.difference.method.as_str()
            ),
        ),
    ];
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<14}{value}");
    };
    for (name, value) in rows {
        line(name, &value);
    }
    if let Some(drawn) = &c.difference_bootstrap {
        line(
            "",
            &format!("{}  {}", shown(drawn, DECIMALS), drawn.method.as_str()),
        );
    }
    line(
        "test",
        &format!("p = {}  {}", p_shown(c.test.p), test_in_words(c)),
    );
    line(
        "effect",
        &format!(
            "{}  {}",
            shown(&c.effect.estimate, DECIMALS),
            effect_in_words(c.effect.kind)
        ),
    );
    line(
        "B better",
        &match c.b_better.value {
            Some(p) => format!("with probability {p:.4}  {}", c.b_better.method.as_str()),
            None => "– (no spread to judge by)".to_owned(),
        },
    );
    line(
        "case by case",
        &format!("B wins {}, A wins {}, {} ties", c.wins_b, c.wins_a, c.ties),
    );
    line(
        "detectable",
        &match c.detectable.difference {
            Some(d) => format!(
                "{d:.4}, the smallest difference shown with power {}",
                c.detectable.power
            ),
            None => "– (no difference, however large, with this many pairs and this spread)".to_owned(),
        },
    );
    text
}

fn p_shown(p: f64) -> String {
    if p < 1e-4 {
        format!("{p:.1e}")
    } else {
        format!("{p:.4}")
    }
}

fn test_in_words(c: &Comparison) -> String {
    let name = match c.test.name {
        TestName::McNemarMidP => return "McNemar, mid-p".to_owned(),
        TestName::McNemarExact => return "McNemar, exact".to_owned(),
        TestName::PairedT => return "Student's t of the differences".to_owned(),
        TestName::ClusterT => return "Student's t, cluster-robust".to_owned(),
        TestName::SignFlip => "sign flips of cases",
        TestName::ClusterSignFlip => "sign flips of clusters",
    };
    match c.test.resamples {
        Some(resamples) => format!("{name}, {resamples} drawn"),
        None => format!("{name}, all of them"),
    }
}

fn effect_in_words(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::CohensG => "Cohen's g, share of B among cases that one alone got right − ½",
        EffectKind::DZ => "d_z, difference / standard deviation of the differences",
    }
}

fn fields(
    files: &Files<'_>,
    paired: &PairedScores,
    options: &CompareOptions,
    c: &Comparison,
    metric: &str,
) -> Result<Value, CliError> {
    let side = |file: &ScoresFile, missing: u64, only: u64| json!({"path": file.path.to_string_lossy(), "n_rows": file.rows.len(), "n_missing": missing, "n_unpaired": only});
    let kind = match options.kind {
        MetricKind::Binary => "binary",
        MetricKind::Bounded => "unit",
        MetricKind::Real => "real",
    };
    let drawn = match &c.difference_bootstrap {
        Some(drawn) => object(drawn)?,
        None => Value::Null,
    };
    let comparison = json!({
        "metric": metric,
        "scale": kind,
        "higher_is_better": options.higher_is_better,
        "a": object(&c.a)?,
        "b": object(&c.b)?,
        "difference": object(&c.difference)?,
        "difference_bootstrap": drawn,
        "test": {"name": c.test.name.as_str(), "p": c.test.p, "exact": c.test.is_exact, "resamples": c.test.resamples},
        "effect": {"name": c.effect.kind.as_str(), "estimate": object(&c.effect.estimate)?},
        "probability_b_better": {"value": c.b_better.value, "method": c.b_better.method.as_str()},
        "detectable": {"difference": c.detectable.difference, "power": c.detectable.power, "alpha": c.detectable.alpha},
        "wins": {"a": c.wins_a, "b": c.wins_b, "ties": c.ties},
    });
    Ok(json!({
        "a": side(files.a, paired.missing_a, paired.only_a),
        "b": side(files.b, paired.missing_b, paired.only_b),
        "n_pairs": paired.a.len(),
        "n_clusters": c.clusters,
        "epochs_max": paired.epochs_max,
        "seed": options.seed,
        "comparisons": [comparison],
    }))
}
