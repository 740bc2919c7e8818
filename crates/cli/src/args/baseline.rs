//! Arguments of `seatrial baseline` and of every command that compares with one.

use super::StoreArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Folder of the baselines where nobody names one: files that are committed, so not in the record.
pub(crate) const BASELINES_DEFAULT: &str = "seatrial-baselines";
/// Variable that names the folder of the baselines.
pub(crate) const BASELINES_VARIABLE: &str = "SEATRIAL_BASELINES";

const BASELINE_EXAMPLES: &str = "Examples:
  seatrial baseline bless latest --reason 'release 1.4'
  seatrial baseline list
  seatrial baseline diff latest            # what changed, and how much better or worse it is
  seatrial baseline show support-bot --json -
  seatrial baseline rm support-bot

A baseline is a file in seatrial-baselines/ that is meant to be committed. Suites compare with it by
  gates:
    - {metric: answers.exact_match, not_worse_than: baseline, margin: 0.02}
and name it with `baseline: NAME`; without that it is the one of the suite's name.";

#[derive(Debug, Args)]
pub(crate) struct BaselinesArguments {
    /// Folder of the baselines.
    #[arg(long, env = BASELINES_VARIABLE, default_value = BASELINES_DEFAULT, value_name = "DIR")]
    pub(crate) baselines: PathBuf,
}

/// Which baseline a run is compared with.
#[derive(Debug, Args)]
pub(crate) struct BaselineUseArguments {
    /// Compare with this baseline instead of the suite's: a name, or the path of a file.
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: Option<String>,
    #[command(flatten)]
    pub(crate) folder: BaselinesArguments,
}

#[derive(Debug, Args)]
#[command(after_long_help = BASELINE_EXAMPLES)]
pub(crate) struct BaselineArguments {
    #[command(subcommand)]
    pub(crate) command: BaselineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Make a finished run the baseline of its suite, or of another name.
    Bless(BlessArguments),
    /// List the baselines.
    List(BaselineListArguments),
    /// Show what a baseline is and what it found.
    Show(BaselineShowArguments),
    /// Compare a run with a baseline: what changed, and every metric case by case.
    Diff(BaselineDiffArguments),
    /// Remove a baseline.
    Rm(BaselineRmArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BlessArguments {
    /// Id of the run; `latest` is the newest one.
    pub(crate) run: String,
    /// Name of the baseline; default: the suite's name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Why, for whoever asks later.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who says so; default: what git knows as the author, else nobody.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Write to this file instead of the folder of the baselines.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Bless although the run is unfinished, was broken or failed its gates.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) folder: BaselinesArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineListArguments {
    /// Write the list as JSON; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) folder: BaselinesArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineShowArguments {
    /// Name of the baseline, or the path of its file.
    pub(crate) name: String,
    /// Write it as JSON, without its samples; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) folder: BaselinesArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineDiffArguments {
    /// Id of the run; `latest` is the newest one.
    pub(crate) run: String,
    /// Name of the baseline, or the path of its file; default: the name of the run's suite.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Compare although datasets, scorers or cases differ; the result says so.
    #[arg(long)]
    pub(crate) force: bool,
    /// Write the differences as JSON; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) folder: BaselinesArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineRmArguments {
    /// Name of the baseline.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) folder: BaselinesArguments,
}
