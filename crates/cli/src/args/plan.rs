//! Arguments of `plan` and `audit`: looking ahead, and looking at what is there. Apart because neither makes a call.

use super::StoreArguments;
use clap::Args;
use std::path::PathBuf;

const PLAN_EXAMPLES: &str = "Examples:
  seatrial plan suite.yaml
  seatrial plan suite.yaml --difference 0.03 --json plan.json
  seatrial plan suite.yaml --programme --traffic 2000 --label-usd 0.50

No call is made. What is not known stays unknown: a price that nobody gave, a spread before the first run.";

#[derive(Debug, Args)]
#[command(after_long_help = PLAN_EXAMPLES)]
pub(crate) struct PlanArguments {
    /// The suite (YAML).
    pub(crate) suite: PathBuf,
    /// Difference that is to be seen, in the unit of each gate's metric; default for shares: 0.05.
    #[arg(long, value_name = "D", value_parser = positive)]
    pub(crate) difference: Option<f64>,
    /// Lay out the phases until a release decision: calls, labels, money, days.
    #[arg(long)]
    pub(crate) programme: bool,
    /// Interactions a day after release, for the days of an A/B test.
    #[arg(long, value_name = "N", requires = "programme")]
    pub(crate) traffic: Option<u64>,
    /// Share of good answers that is expected; 0.5 needs the most.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    pub(crate) expected: f64,
    /// Minutes that a person needs for one label.
    #[arg(long, value_name = "MINUTES", default_value_t = 2.0, value_parser = positive)]
    pub(crate) label_minutes: f64,
    /// Price of one label in US dollars.
    #[arg(long, value_name = "USD", requires = "programme", value_parser = positive)]
    pub(crate) label_usd: Option<f64>,
    /// Write the plan as JSON; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) baseline: super::baseline::BaselineUseArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

const AUDIT_EXAMPLES: &str = "Examples:
  seatrial audit .
  seatrial audit services/support --json audit.json";

#[derive(Debug, Args)]
#[command(after_long_help = AUDIT_EXAMPLES)]
pub(crate) struct AuditArguments {
    /// Folder or file: suites, promptfoo configurations, lm-eval tasks and CI files in it are read.
    pub(crate) path: PathBuf,
    /// Write the audit as JSON; `-` is standard output.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("expected a number above 0".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value < 1.0 => Ok(value),
        _ => Err("expected a number between 0 and 1".to_owned()),
    }
}
