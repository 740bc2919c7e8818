//! Arguments of `seatrial cost`. Apart from the rest of the command line because they are many and belong together.

use super::StoreArguments;
use super::figures::FiguresOutput;
use clap::{Args, Subcommand};
use std::path::PathBuf;

pub(crate) const COST_EXAMPLES: &str = "Examples:
  seatrial cost prices import litellm --from model_prices.json
  seatrial cost prices diff litellm genai-prices
  seatrial cost price usage.jsonl --prices contract.yaml --prices litellm --json costs.json";

#[derive(Debug, Subcommand)]
pub(crate) enum CostCommand {
    /// Price usage as APIs reported it, line by line and in total.
    Price(PriceArguments),
    /// Which candidates nobody beats on quality, cost, latency and safety; which to choose; routing between two.
    Pareto(super::pareto::ParetoArguments),
    /// Look at prices: which sources there are, what they say, where they disagree.
    Prices {
        #[command(subcommand)]
        command: PricesCommand,
    },
}

/// Where prices come from.
#[derive(Debug, Args)]
pub(crate) struct BookArguments {
    /// Prices: a price file (YAML), `litellm` or `genai-prices` (as imported), or NAME=FILE for a table of that form. May be
    /// given several times; the first that has a model prices it.
    #[arg(long = "prices", value_name = "PRICES")]
    pub(crate) prices: Vec<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A line is one answer:
  {\"id\": 1, \"provider\": \"openai\", \"model\": \"gpt-4o\", \"at\": \"2026-01-31T12:00:00Z\", \"usage\": {…as the API returned it…}}
Beside these: `tier` (batch, flex, priority), `region`, and `tools: {NAME: uses}`; what the usage itself says of tier and
region counts more. Usage of OpenAI's chat completions and responses, of Anthropic, Gemini, OpenRouter and those who
imitate them is read. What has no price is unknown, and says why.

A price file:
  openai/gpt-4o:
    input_usd_per_mtok: 2.5
    output_usd_per_mtok: 10
    cache_read_usd_per_mtok: 1.25       # without it, answers with cached tokens have no known price
    cache_write_usd_per_mtok: 3.125     # for five minutes; cache_write_1h_usd_per_mtok for an hour
    reasoning_usd_per_mtok: 10          # without it, reasoning is output
    request_usd: 0.001
    web_search_usd: 0.01
    tool_usd: {code: 0.03}
    tiers: {batch: {factor: 0.5}, priority: {input_usd_per_mtok: 4.25, output_usd_per_mtok: 17}}
    above: [{input_tokens: 200000, input_usd_per_mtok: 5, output_usd_per_mtok: 15}]
    regions: {us: 1.1}
    discount: 0.1
    meters:
      - {class: input_uncached, usd_per_mtok: 1.25, hours: \"16:30-00:30\", from: 2026-02-01}")]
pub(crate) struct PriceArguments {
    /// JSON Lines of usage; `-` is standard input.
    #[arg(value_name = "USAGE")]
    pub(crate) usage: PathBuf,
    #[command(flatten)]
    pub(crate) books: BookArguments,
    /// Moment of answers that have no `at`.
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// List the models of the sources with their standard prices.
    List(PricesListArguments),
    /// Show everything that the sources charge for a model.
    Show(PricesShowArguments),
    /// Show where two sources disagree about the same model.
    Diff(PricesDiffArguments),
    /// Keep a copy of a price table beside the record, with its date.
    Import(PricesImportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct PricesListArguments {
    /// Only models whose `provider/model` has this in it.
    #[arg(value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    #[command(flatten)]
    pub(crate) books: BookArguments,
    /// Day of the prices [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

#[derive(Debug, Args)]
pub(crate) struct PricesShowArguments {
    /// The model, as `provider/model`, or as `model` where one provider has it.
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) books: BookArguments,
    /// Day of the prices [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

#[derive(Debug, Args)]
pub(crate) struct PricesDiffArguments {
    /// One source, as --prices names it.
    #[arg(value_name = "A")]
    pub(crate) a: String,
    /// The other.
    #[arg(value_name = "B")]
    pub(crate) b: String,
    /// Day of the prices [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

#[derive(Debug, Args)]
pub(crate) struct PricesImportArguments {
    /// Form of the table, and the name under which it is kept: `litellm` or `genai-prices`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// File or address of the table.
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) from: String,
    /// Date of the prices [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
    /// PEM file with certificates to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}
