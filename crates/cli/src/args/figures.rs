//! Arguments of the figures for people: `stats proportion|power|compare`. Apart from the rest of the command line because
//! they are many and belong together.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What every command with figures can write.
#[derive(Debug, Args)]
pub(crate) struct FiguresOutput {
    /// Write the result as JSON; `-` is standard output, and then the text goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ProportionArguments {
    /// Successes and trials, such as 187/200.
    pub(crate) share: String,
    /// Confidence level.
    #[arg(long, default_value_t = 0.95)]
    pub(crate) level: f64,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

/// Level of a test: one of two ways to say it.
#[derive(Debug, Args)]
pub(crate) struct Level {
    /// Confidence level, one minus --alpha [default: 0.95]
    #[arg(long, conflicts_with = "alpha")]
    level: Option<f64>,
    /// Level of the two-sided test, one minus --level [default: 0.05]
    #[arg(long)]
    alpha: Option<f64>,
}

impl Level {
    /// The level of the test.
    pub(crate) fn alpha(&self) -> f64 {
        match (self.alpha, self.level) {
            (Some(alpha), _) => alpha,
            // Rounded, so that 1 − 0.95 is 0.05 and not 0.05000000000000004.
            (None, Some(level)) => ((1.0 - level) * 1e12).round() / 1e12,
            (None, None) => 0.05,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
The design is named by what it knows of the spread:
  --discordant P   pairs of right and wrong answers, of which a share P differs (McNemar's test)
  --p1 P           right and wrong answers of two separate groups (normal test of two shares)
  --sd S           pairs of scores, whose differences have standard deviation S (paired t test)
  --sd S --independent  scores of two separate groups, each with standard deviation S (two-sample t test)
Of size (--n), difference (--difference, or --p2) and --power give two; the third is computed. With one of the first
two alone the power is 0.8.

Examples:
  seatrial stats power --discordant 0.1 --difference 0.05 --power 0.8
  seatrial stats power --discordant 0.1 --n 500
  seatrial stats power --p1 0.90 --p2 0.93 --n 1000
  seatrial stats power --sd 0.3 --n 200 --power 0.9")]
pub(crate) struct PowerArguments {
    /// Pairs, or trials in each of two groups.
    #[arg(long)]
    pub(crate) n: Option<u64>,
    /// Difference to be shown: of shares between 0 and 1, of scores on their own scale.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) difference: Option<f64>,
    /// Probability of showing it [default: 0.8, unless --n and --difference are both given]
    #[arg(long)]
    pub(crate) power: Option<f64>,
    /// Share of the pairs that differ: one right, the other wrong.
    #[arg(long, value_name = "P", group = "design", allow_negative_numbers = true)]
    pub(crate) discordant: Option<f64>,
    /// Share of right answers in the first group.
    #[arg(long, value_name = "P", group = "design", allow_negative_numbers = true)]
    pub(crate) p1: Option<f64>,
    /// Share of right answers in the second group, in place of --difference.
    #[arg(long, value_name = "P", requires = "p1", conflicts_with = "difference")]
    pub(crate) p2: Option<f64>,
    /// Standard deviation: of the differences of pairs, or with --independent of the scores of each group.
    #[arg(long, value_name = "S", group = "design", allow_negative_numbers = true)]
    pub(crate) sd: Option<f64>,
    /// Two separate groups instead of pairs.
    #[arg(long, requires = "sd")]
    pub(crate) independent: bool,
    #[command(flatten)]
    pub(crate) level: Level,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A file is CSV with a header, or JSON Lines where its name ends in .jsonl or .ndjson. A row is one score of one case:
  id       string or number; pairs the two files
  score    number, or true and false; empty or null where there is none
  epoch    whole number, where a case was asked several times (its mean counts)
  cluster  what cases depend on: the document, the conversation, the user
Other columns are ignored. The difference is B − A.

Example:
  seatrial stats compare before.csv after.csv --json comparison.json")]
pub(crate) struct CompareArguments {
    /// Scores of A, the one to compare with.
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// Scores of B, the one that is judged.
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
    /// What values the scores take.
    #[arg(long, value_enum, default_value_t = Scale::Auto)]
    pub(crate) scale: Scale,
    /// A lower score is better.
    #[arg(long)]
    pub(crate) lower_is_better: bool,
    /// Column of the id.
    #[arg(long, value_name = "COLUMN", default_value = "id")]
    pub(crate) id_field: String,
    /// Column of the score.
    #[arg(long, value_name = "COLUMN", default_value = "score")]
    pub(crate) score_field: String,
    /// Column of the epoch [default: epoch, where there is one]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) epoch_field: Option<String>,
    /// Column of the cluster [default: cluster, where there is one]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) cluster_field: Option<String>,
    /// Power of the smallest detectable difference.
    #[arg(long, default_value_t = 0.8)]
    pub(crate) power: f64,
    /// Sign patterns drawn where there are too many to look at all, and bootstrap resamples.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) resamples: u32,
    /// Seed of what is drawn.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) level: Level,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scale {
    /// Binary where every score is 0 or 1, otherwise real.
    Auto,
    /// 0 or 1.
    Binary,
    /// From 0 to 1.
    Unit,
    /// Any number.
    Real,
}
