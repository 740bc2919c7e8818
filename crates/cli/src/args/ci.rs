//! Arguments of `seatrial ci`: pipelines for the usual CI systems.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

pub(crate) const CI_EXAMPLES: &str = "Examples:
  seatrial ci init github --suite evals/suite.yaml
  seatrial ci init gitlab --output ci/seatrial.gitlab-ci.yml
  seatrial ci init azure --install-from https://git.example.com/tools/seatrial
  seatrial ci init jenkins --output -";

#[derive(Debug, Subcommand)]
pub(crate) enum CiCommand {
    /// Write a pipeline that installs, evaluates, reports, comments and keeps the baseline.
    Init(CiInitArguments),
}

#[derive(Debug, Args)]
#[command(after_long_help = CI_EXAMPLES)]
pub(crate) struct CiInitArguments {
    /// Which CI system.
    #[arg(value_enum)]
    pub(crate) system: CiSystem,
    /// The suite (YAML) that is evaluated, relative to the root of the repository.
    #[arg(long, default_value = "suite.yaml", value_name = "SUITE")]
    pub(crate) suite: String,
    /// Write to this file instead of the system's usual one; `-` is standard output.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Branch whose runs become the baseline.
    #[arg(long, default_value = "main", value_name = "NAME")]
    pub(crate) main_branch: String,
    /// Where the program is built from: a git address (https, ssh, file), or a folder of this repository; default: the
    /// package registry.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) install_from: Option<String>,
    /// Write over a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiSystem {
    /// GitHub Actions: .github/workflows/seatrial.yml.
    Github,
    /// GitLab CI: .gitlab-ci.yml.
    Gitlab,
    /// Jenkins, declarative: Jenkinsfile.
    Jenkins,
    /// Azure Pipelines: azure-pipelines.yml.
    Azure,
}
