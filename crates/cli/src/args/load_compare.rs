//! Arguments of comparisons of loads: `load compare`, `load diff`, and `load --baseline`.

use super::load::{LoadApi, LoadArguments, LoadProvider};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const COMPARE_EXAMPLES: &str = "Examples:
  seatrial load compare --base-url http://127.0.0.1:8001/v1 --model m --against-base-url http://127.0.0.1:8000/v1 \\
      --concurrency 16 --duration 5s --warmup 1s --margin 'ttft_p99=10%,output_tokens_per_s=5%'
  seatrial load compare --base-url http://127.0.0.1:8000/v1 --model new --against-model old --rate 20 --duration 10s

The endpoint of --base-url and --model is the candidate; --against-… is what it is compared with, and what is not given
is as the candidate's. Both are loaded by turns, in blocks of --duration: AB, BA, AB, … so that drift of the machine falls
on both alike. The blocks of a pair have the same arrivals and prompts. Before each block the load is up for --warmup, and
after it for --cooldown, so that no request of the block sees a load that begins or ends. The figures of --margin decide
the verdict; a percentage is a share of the baseline's value, of error_rate and attainment it is points.";

const DIFF_EXAMPLES: &str = "Examples:
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m -c 16 -d 30s --json old.json
  seatrial load diff old.json new.json --margin 'ttft_p99=10%,requests_per_s=5%'

Two results of `seatrial load --json` are held against each other by their own intervals, unpaired: what changed between
the two measurements, the machine included, is part of the difference. Where drift matters, use `seatrial load compare`,
or save repeated runs (--runs), whose intervals hold what differs between runs.";

/// `seatrial load` with what it may be followed by.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct LoadCommandLine {
    #[command(flatten)]
    pub(crate) load: LoadArguments,
    #[command(subcommand)]
    pub(crate) command: Option<LoadCommand>,
}

/// What is done with loads beside measuring one.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LoadCommand {
    /// Compare two endpoints in interleaved blocks of load, and decide whether one is worse.
    Compare(Box<LoadCompareArguments>),
    /// Compare two saved results of `seatrial load`, and decide whether the newer one is worse.
    Diff(LoadDiffArguments),
}

#[derive(Debug, Clone, Args)]
#[command(
    after_long_help = COMPARE_EXAMPLES,
    mut_arg("duration", |arg| arg.help("Length of the measurement of each block")),
    mut_arg("warmup", |arg| arg.help("Load before the measurement of each block; it goes over into it without a pause").default_value("1s")),
    mut_arg("requests", |arg| arg.hide(true)),
    mut_arg("trace", |arg| arg.hide(true)),
    mut_arg("speed", |arg| arg.hide(true)),
    mut_arg("find", |arg| arg.hide(true)),
    mut_arg("start", |arg| arg.hide(true)),
    mut_arg("probe_time", |arg| arg.hide(true)),
    mut_arg("tolerance", |arg| arg.hide(true)),
    mut_arg("server_metrics", |arg| arg.hide(true)),
    mut_arg("server_metrics_every", |arg| arg.hide(true)),
    mut_arg("server_metric", |arg| arg.hide(true)),
    mut_arg("sweep", |arg| arg.hide(true)),
    mut_arg("sweep_all", |arg| arg.hide(true)),
    mut_arg("runs", |arg| arg.hide(true)),
    mut_arg("until_half_width", |arg| arg.hide(true)),
    mut_arg("csv", |arg| arg.hide(true)),
    mut_arg("hdr", |arg| arg.hide(true)),
    mut_arg("no_calibrate", |arg| arg.hide(true)),
    mut_arg("baseline", |arg| arg.hide(true)),
)]
pub(crate) struct LoadCompareArguments {
    #[command(flatten)]
    pub(crate) load: LoadArguments,
    #[command(flatten)]
    pub(crate) against: LoadAgainst,
    #[command(flatten)]
    pub(crate) blocks: LoadBlocks,
}

/// The endpoint that is compared with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Baseline")]
pub(crate) struct LoadAgainst {
    /// Root of the baseline's API; default is the candidate's.
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "against_model",
        conflicts_with = "url"
    )]
    pub(crate) against_base_url: Option<String>,
    /// Model of the baseline; default is the candidate's.
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub(crate) against_model: Option<String>,
    /// Which API the baseline speaks; default is the candidate's.
    #[arg(long, value_name = "PROVIDER", value_enum)]
    pub(crate) against_provider: Option<LoadProvider>,
    /// Which of OpenAI's APIs the baseline speaks; default is the candidate's.
    #[arg(long, value_name = "API", value_enum)]
    pub(crate) against_api: Option<LoadApi>,
    /// Variable that holds the baseline's API key; default is the candidate's.
    #[arg(long, value_name = "NAME")]
    pub(crate) against_api_key_env: Option<String>,
}

/// How the two take turns.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Blocks")]
pub(crate) struct LoadBlocks {
    /// Pairs of blocks.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(4..=1000))]
    pub(crate) pairs: u16,
    /// Load after the measurement of each block, so that its last requests see no end of the load.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = super::load::duration_or_none)]
    pub(crate) cooldown: Duration,
}

/// What an undecided comparison means for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadUndecided {
    /// Exit 0, with the verdict `inconclusive`.
    Warn,
    /// Exit 3.
    Fail,
}

/// How much worse figures may get.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct LoadMargins {
    /// Figures with how much worse each may be, such as ttft_p99=10%,output_tokens_per_s=5%,e2e_p50=20ms,error_rate=1%.
    #[arg(long, value_name = "TERMS")]
    pub(crate) margin: Option<String>,
    /// Chance of a wrong fail over all figures, and of a wrong pass of each.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = risk)]
    pub(crate) risk: f64,
    /// What an inconclusive verdict does.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = LoadUndecided::Warn)]
    pub(crate) on_inconclusive: LoadUndecided,
}

/// A saved result to compare with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct LoadBaseline {
    /// Compare with this saved result of `seatrial load --json`, unpaired; the load and the prompts must be the same.
    #[arg(long, value_name = "FILE", conflicts_with = "find")]
    pub(crate) baseline: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) margins: LoadMargins,
}

#[derive(Debug, Clone, Args)]
#[command(after_long_help = DIFF_EXAMPLES)]
pub(crate) struct LoadDiffArguments {
    /// The result that is compared with.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The result that is judged.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) margins: LoadMargins,
    /// Write the result as JSON; `-` is standard output, and then the report goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as Markdown.
    #[arg(long, value_name = "PATH")]
    pub(crate) markdown: Option<PathBuf>,
}

fn risk(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (1e-6..=0.5).contains(&value) => Ok(value),
        _ => Err("expected a number from 0.000001 to 0.5".to_owned()),
    }
}
