//! Arguments of `seatrial gate simulate`. Apart from deciding on a run: nothing is decided here.

use super::StoreArguments;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const SIMULATE_EXAMPLES: &str = "Examples:
  seatrial gate simulate 20260131T120000-9f3a61 20260201T120000-17aa02 --suite suite.yaml
  seatrial gate simulate latest@tier-1 --drop 0.03,0.1 --spread broken
  seatrial gate simulate --rates rates.csv --margin 0.02 --cases 400
  seatrial gate simulate --rates trials.csv --id-field task_id --score-field reward --epoch-field trial

A file is CSV with a header, or JSON Lines where its name ends in .jsonl or .ndjson:
  id,rate[,cluster]            a case and how often it is answered right, from 0 to 1
  id,score[,epoch][,cluster]   one answer a row, 0 or 1; repeated answers of a case are numbered by epoch

Every draw makes a baseline and a new run from these rates and decides on them as a real gate does. A false alarm is a
fail of a system that did not change. Without --suite the gate is `not_worse_than: baseline` with --margin and --risk.";

#[derive(Debug, Args)]
#[command(after_long_help = SIMULATE_EXAMPLES)]
pub(crate) struct SimulateArguments {
    /// Recorded runs of one target, put together: ids or `latest`; RUN@TARGET where a run has several targets.
    #[arg(
        value_name = "RUN",
        required_unless_present = "rates",
        conflicts_with = "rates"
    )]
    pub(crate) runs: Vec<String>,
    /// Rates or outcomes of single cases instead of runs.
    #[arg(long, value_name = "FILE")]
    pub(crate) rates: Option<PathBuf>,
    /// The suite whose gates are simulated.
    #[arg(long, value_name = "SUITE")]
    pub(crate) suite: Option<PathBuf>,
    /// The one metric that is looked at, TASK.METRIC; with --rates the one that the file speaks of.
    #[arg(long, value_name = "TASK.METRIC")]
    pub(crate) metric: Option<String>,
    /// Pairs of runs that are drawn for each scenario.
    #[arg(long, default_value_t = 4000, value_name = "N")]
    pub(crate) draws: u32,
    /// Drops of the mean rate that should be seen.
    #[arg(long, value_delimiter = ',', default_values_t = [0.02, 0.05, 0.1], value_name = "D,…")]
    pub(crate) drop: Vec<f64>,
    /// How a drop reaches the cases.
    #[arg(long, value_enum, default_value_t = SpreadArgument::Proportional)]
    pub(crate) spread: SpreadArgument,
    /// Answers of each case in a run [default: those of the suite's task, without a suite 1]
    #[arg(long, value_name = "K")]
    pub(crate) epochs: Option<u32>,
    /// Cases of a run, drawn with replacement from the known ones [default: the known ones]
    #[arg(long, value_name = "N")]
    pub(crate) cases: Option<u32>,
    /// Risk of the gate; with --suite each gate has its own.
    #[arg(long, default_value_t = 0.05, value_name = "RISK", conflicts_with = "suite")]
    pub(crate) risk: f64,
    /// Margin of the gate; with --suite each gate has its own.
    #[arg(long, default_value_t = 0.0, value_name = "M", conflicts_with = "suite")]
    pub(crate) margin: f64,
    /// Probability with which a drop should be seen; what reaches it is advised.
    #[arg(long, default_value_t = 0.8, value_name = "P")]
    pub(crate) power: f64,
    /// What is taken for the true rate of a case [default: observed where every case has 4 answers, else posterior]
    #[arg(long, value_enum, value_name = "MODEL")]
    pub(crate) rate_model: Option<RateModelArgument>,
    /// Seed of everything drawn.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) columns: RateColumns,
    /// Write the result as JSON; `-` is standard output, and then the text goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// Names of the columns of a file of rates.
#[derive(Debug, Args)]
pub(crate) struct RateColumns {
    /// Column of the id.
    #[arg(long, value_name = "COLUMN", default_value = "id", requires = "rates")]
    pub(crate) id_field: String,
    /// Column of the rate.
    #[arg(long, value_name = "COLUMN", default_value = "rate", requires = "rates")]
    pub(crate) rate_field: String,
    /// Column of the score.
    #[arg(long, value_name = "COLUMN", default_value = "score", requires = "rates")]
    pub(crate) score_field: String,
    /// Column of the epoch [default: epoch, where there is one]
    #[arg(long, value_name = "COLUMN", requires = "rates")]
    pub(crate) epoch_field: Option<String>,
    /// Column of the cluster [default: cluster, where there is one]
    #[arg(long, value_name = "COLUMN", requires = "rates")]
    pub(crate) cluster_field: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpreadArgument {
    /// Every case keeps the same share of its rate.
    Proportional,
    /// Every case moves by the same distance on the logit scale.
    Logit,
    /// Some cases, drawn anew each time, are never right any more.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RateModelArgument {
    /// The observed rate, which understates the noise of few answers.
    Observed,
    /// Drawn from what the answers of the case, and of all cases together, leave open.
    Posterior,
}
