//! Arguments of `seatrial gate`: deciding again on what is on record.

use super::baseline::BaselineUseArguments;
use super::simulate::SimulateArguments;
use super::{OutputArguments, StoreArguments};
use clap::{Args, Subcommand};
use std::path::PathBuf;

const GATE_EXAMPLES: &str = "Examples:
  seatrial gate latest --suite suite.yaml
  seatrial gate 20260131T120000-9f3a61 --suite suite.yaml --baseline release-1.4 --json findings.json

Nothing is asked again: the answers on record are held against the gates that the suite has now. All but gates,
baseline, limits and outputs must be as it was when the run was made.";

#[derive(Debug, Args)]
#[command(after_long_help = GATE_EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct GateArguments {
    #[command(subcommand)]
    pub(crate) command: Option<GateCommand>,
    /// Id of the run; `latest` is the newest one.
    #[arg(required = true)]
    pub(crate) run: Option<String>,
    /// The suite (YAML) with the gates.
    #[arg(long, value_name = "SUITE", required = true)]
    pub(crate) suite: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) baseline: BaselineUseArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GateCommand {
    /// Tell by simulation how often the gates of a suite fail an unchanged system, and what drops they see.
    Simulate(Box<SimulateArguments>),
}
