//! The arguments of `seatrial doctor`.

use super::StoreArguments;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  seatrial doctor                       # this machine and the record
  seatrial doctor suite.yaml            # and whether every target of the suite can be reached
  seatrial doctor suite.yaml --call     # and whether each one answers a prompt; costs a few tokens each
  seatrial doctor suite.yaml --json -

Exit codes: 0 nothing is in the way · 2 something in the suite or the environment is · 4 something outside is";

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DoctorArguments {
    /// The suite (YAML) whose targets are looked at.
    pub(crate) suite: Option<PathBuf>,
    /// Ask each target one short question; this costs money where targets do.
    #[arg(long, requires = "suite")]
    pub(crate) call: bool,
    /// Write what was found as JSON; `-` is standard output, and then the text goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// PEM file with certificates to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}
