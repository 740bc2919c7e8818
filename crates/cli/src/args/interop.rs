//! Arguments of `import`: what other tools wrote. Apart because each format has the same ones.

use super::StoreArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

pub(super) const IMPORT_EXAMPLES: &str = "Examples:\n  seatrial import inspect logs/*.eval\n  seatrial import lm-eval \
out/org__model/samples_gsm8k_*.jsonl --slice category\n  seatrial import openai-evals log.jsonl --name nightly\n  \
seatrial import results rows.csv --target tier-1";

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Logs of Inspect: .eval archives and .json files.
    Inspect(ImportArguments),
    /// Sample files of lm-evaluation-harness (samples_….jsonl, written with --log_samples).
    LmEval(ImportArguments),
    /// Logs of OpenAI Evals (.jsonl).
    OpenaiEvals(ImportArguments),
    /// Rows of results: JSON Lines, as `seatrial export` writes them, or CSV with a column for each metric.
    Results(ImportArguments),
    /// A configuration of promptfoo becomes a suite with its cases; nothing is run.
    Promptfoo(PromptfooArguments),
}

#[derive(Debug, Args)]
#[command(
    after_long_help = "Example:\n  seatrial import promptfoo promptfooconfig.yaml --out evals\n  seatrial run evals/suite.yaml"
)]
pub(crate) struct PromptfooArguments {
    /// The configuration (YAML or JSON).
    pub(crate) file: PathBuf,
    /// Folder for the suite and its cases.
    #[arg(long, default_value = "promptfoo-suite", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Write over a suite that this command did not make.
    #[arg(long)]
    pub(crate) force: bool,
    /// End with exit code 2 when anything is not carried over; the suite is written all the same.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Write what was carried over and what was not as JSON; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_long_help = IMPORT_EXAMPLES)]
pub(crate) struct ImportArguments {
    /// Files of one run; several files are several tasks or models of it.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Name of the run's suite; default: what the files say.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Name of the target, where there is one; default: the model's.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Metadata of the cases whose values are reported apart; may be given more than once.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) slice: Vec<String>,
    /// Metadata that names the cluster of a case.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) cluster: Option<String>,
    /// Write what was imported as JSON; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}
