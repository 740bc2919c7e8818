//! Arguments of `seatrial report` and `seatrial completions`.

use super::StoreArguments;
use super::baseline::BaselinesArguments;
use super::examples::{COMPLETIONS_EXAMPLES, REPORT_EXAMPLES};
use super::output::JunitShape;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_long_help = REPORT_EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ReportArguments {
    #[command(subcommand)]
    pub(crate) command: Option<ReportCommand>,
    /// Id of the run; `latest` is the newest one.
    #[arg(required = true)]
    pub(crate) run: Option<String>,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = ReportFormat::Terminal)]
    pub(crate) format: ReportFormat,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// JUnit: also a test case for each case, task and target.
    #[arg(long)]
    pub(crate) junit_samples: bool,
    /// JUnit: how numbers and places of a test case are told.
    #[arg(long, value_enum, default_value_t = JunitShape::Strict)]
    pub(crate) junit_form: JunitShape,
    /// Comment on a pull request: compare with this run on record instead of the baseline; RUN or RUN@TARGET.
    #[arg(long, value_name = "RUN")]
    pub(crate) against: Option<String>,
    #[command(flatten)]
    pub(crate) folder: BaselinesArguments,
    /// Exit with the code of the run instead of 0.
    #[arg(long)]
    pub(crate) gate: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// List the runs on record, newest first.
    List(ReportListArguments),
    /// Tell which cases are sometimes right and sometimes wrong, and pass@k and pass^k, over epochs and runs.
    Flaky(ReportFlakyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ReportFlakyArguments {
    /// Runs that are put together: ids, `latest` or RUN@TARGET [default: the newest run and the earlier ones of its plan]
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Write the ledger as JSON; `-` is standard output, and then the text goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ReportListArguments {
    /// Write the list as JSON; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Runs that are listed at most.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// What `run` shows.
    Terminal,
    /// A comment on a pull request, at most 64 KiB.
    Markdown,
    /// A comment on a pull request: verdict, metrics against the baseline, flipped cases, how to repeat it.
    PrComment,
    /// One file for the browser, with all samples.
    Html,
    /// The findings.
    Json,
    /// JUnit XML.
    Junit,
    /// Annotations for GitHub Actions; step summary and outputs where its variables are set.
    Github,
    /// GitLab's code quality report.
    GitlabCodequality,
    /// GitLab's metrics report: OpenMetrics text.
    GitlabMetrics,
}

#[derive(Debug, Args)]
#[command(after_long_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// Which shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
