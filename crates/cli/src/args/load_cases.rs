//! Arguments of `load` for prompts that are there already: the rows of a dataset, or a task of a suite, whose scorers then
//! judge the answers.

use clap::Args;
use std::path::PathBuf;

/// Whose cases are asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cases")]
pub(crate) struct LoadCases {
    /// Ask the rows of this dataset (.jsonl, .csv, .parquet), each a request, in an order drawn from --seed; a load that needs
    /// more asks them again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "input_tokens", "trace", "url", "turns", "suite"])]
    pub(crate) dataset: Option<PathBuf>,
    /// What of a row is the prompt (input) or its id, as a column or an expression: input=question. Default is the column of
    /// the same name.
    #[arg(long = "field", value_name = "NAME=COLUMN", requires = "dataset")]
    pub(crate) fields: Vec<String>,
    /// Prompt made of the columns of a row, such as 'Answer briefly: {{ question }}'.
    #[arg(long, value_name = "TEXT", requires = "dataset")]
    pub(crate) prompt_template: Option<String>,
    /// Ask the cases of a task of this suite, and score the answers when the load is over. Without --base-url its target is
    /// loaded.
    #[arg(long, value_name = "SUITE", requires = "task", conflicts_with_all = ["prompt", "input_tokens", "trace", "url", "turns", "find", "sweep", "runs"])]
    pub(crate) suite: Option<PathBuf>,
    /// With --suite, the task.
    #[arg(long, value_name = "NAME", requires = "suite")]
    pub(crate) task: Option<String>,
    /// With --suite, the target that is loaded; may be left out where there is one alone.
    #[arg(long, value_name = "NAME", requires = "suite", conflicts_with = "base_url")]
    pub(crate) target: Option<String>,
}
