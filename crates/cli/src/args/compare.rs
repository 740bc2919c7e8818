//! Arguments of `seatrial compare`.

use super::StoreArguments;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
What is compared is a run on record or a file:
  RUN, latest           every target of the run; RUN@TARGET is one of them
  samples.jsonl, .json, .csv, .parquet
                        an export of this program, or rows of results of another one
  log.json, log.eval    a log of Inspect
  scores.csv, .jsonl    one score of one case a row: id, score, and perhaps epoch and cluster; its task is called
                        `scores`, its metric `score`
The first is what the others are held against; differences are B − A. Runs on record must have the same identity
(datasets, cases, scorers, judges, seeds, slices), else the exit code is 6 and the fields are named.

Examples:
  seatrial compare 20260131T120000-9f3a61 latest
  seatrial compare latest@small latest@large --json comparison.json --html comparison.html
  seatrial compare latest                         # the targets of one run with each other
  seatrial compare main.jsonl latest --markdown comment.md
  seatrial compare a.csv b.csv c.csv d.csv        # a ranking";

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CompareRunsArguments {
    /// Runs or files; two or more, or one run with several targets.
    #[arg(value_name = "RUN", required = true, num_args = 1..)]
    pub(crate) runs: Vec<String>,
    /// Compare although the identities differ; the result says so.
    #[arg(long)]
    pub(crate) force: bool,
    /// Which of McNemar's tests decides about answers that are right or wrong.
    #[arg(long, value_enum, default_value_t = BinaryTest::MidP)]
    pub(crate) test: BinaryTest,
    /// This metric (METRIC or TASK.METRIC) is primary, instead of all that scorers yield; may be given again.
    #[arg(long, value_name = "METRIC")]
    pub(crate) primary: Vec<String>,
    /// Less of this metric is better; may be given again.
    #[arg(long, value_name = "METRIC")]
    pub(crate) lower_is_better: Vec<String>,
    /// Confidence level of the intervals; p-values are corrected for one minus it.
    #[arg(long, default_value_t = 0.95)]
    pub(crate) level: f64,
    /// Power of the smallest detectable differences.
    #[arg(long, default_value_t = 0.8)]
    pub(crate) power: f64,
    /// Sign patterns drawn where there are too many to look at all, and bootstrap resamples.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) resamples: u32,
    /// Seed of what is drawn.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write the comparison as JSON; `-` is standard output, and then the report goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Write it as Markdown, for a comment on a pull request.
    #[arg(long, value_name = "PATH")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write it as one file for the browser.
    #[arg(long, value_name = "PATH")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BinaryTest {
    /// The mid-p-value: keeps the level on average and sees more.
    MidP,
    /// The exact p-value: conservative.
    Exact,
}
