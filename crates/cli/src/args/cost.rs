//! Arguments of `seatrial cost`. Apart from the rest of the command line because they are many and belong together.

use super::StoreArguments;
use super::figures::FiguresOutput;
use clap::{Args, Subcommand};
use std::path::PathBuf;

pub(crate) const COST_EXAMPLES: &str = "Examples:
  seatrial cost prices import litellm --from model_prices.json
  seatrial cost prices diff litellm genai-prices
  seatrial cost price usage.jsonl --prices contract.yaml --prices litellm --json costs.json
  seatrial cost run latest
  seatrial cost replay latest --prices litellm --model openai/gpt-4o-mini --cached-share 0.3
  seatrial cost focus --usage usage.jsonl --prices contract.yaml --csv charges.csv
  seatrial cost tco deployment.yaml
  seatrial cost roi tiers.yaml --markdown roi.md
  seatrial cost risk register.yaml --json -";

#[derive(Debug, Subcommand)]
pub(crate) enum CostCommand {
    /// Price usage as APIs reported it, line by line and in total.
    Price(PriceArguments),
    /// Which candidates nobody beats on quality, cost, latency and safety; which to choose; routing between two.
    Pareto(Box<super::pareto::ParetoArguments>),
    /// Look at prices: which sources there are, what they say, where they disagree.
    Prices {
        #[command(subcommand)]
        command: PricesCommand,
    },
    /// What a recorded run cost: by sample, case, success, token and character, and what evaluating it cost beside.
    Run(RunCostArguments),
    /// What recorded answers would cost under other prices, as another model, with other shares of cache and batches.
    Replay(ReplayArguments),
    /// Charges as a table in the columns of FOCUS 1.2.
    Focus(FocusArguments),
    /// Ways to serve the same traffic side by side: API, reserved throughput, rented and own machines.
    #[command(after_long_help = TCO_HELP)]
    Tco(CaseArguments),
    /// What alternatives bring in and cost, with what is not known exactly.
    #[command(after_long_help = ROI_HELP)]
    Roi(CaseArguments),
    /// What failures cost in a year, and which mitigation pays.
    #[command(after_long_help = RISK_HELP)]
    Risk(CaseArguments),
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
Beside these: `tier` (batch, flex, priority), `region`, `tools: {NAME: uses}`, and `units: {NAME: amount}` of what is no token,
such as input_seconds, output_characters or output_images; what the usage itself says of tier, region and seconds of audio
counts more. Usage of OpenAI's chat completions and responses, of Anthropic, Gemini, OpenRouter and those who
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
    unit_usd: {input_seconds: 0.0001}   # what is no token; rows tell it in `units`
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

/// What every command on a file that people write has.
#[derive(Debug, Args)]
pub(crate) struct CaseArguments {
    /// The file (YAML).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write the result as Markdown, with plots beside it: PATH without its ending, `-` and what they show, `.svg`.
    #[arg(long, value_name = "PATH")]
    pub(crate) markdown: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

pub(crate) const TCO_HELP: &str = "\
A file of scenarios:
  horizon_months: 24
  discount_rate: 0.08
  workload: {requests_per_month: 3000000, input_tokens: 1155, output_tokens: 211, peak_factor: 1.54, diurnal_factor: 1.5}
                                   # or trace: traffic.csv (timestamp, tokens of prompt and answer), which tells all four
  scenarios:
    - {name: api, kind: api, price: {input_usd_per_mtok: 0.5, output_usd_per_mtok: 1.5, batch_share: 0.1}}
    - {name: reserved, kind: provisioned, usd_per_unit_month: 9000, goodput_rps: 6}
    - name: rented
      kind: rented
      usd_per_gpu_hour: 2.5
      gpus_per_replica: 2
      goodput_rps: 3               # within the objective, as `seatrial load` measures it; or output_tokens_per_second
      headroom: 0.2
      spare_replicas: 1            # or zones: 2
      pricing: spot
      interruption_overhead: 0.08
      staff: [{role: operations, fte: 1, usd_per_year: 150000, allocation: 0.3}]
      scaling: hourly              # as many machines as each hour needs; fixed: as many as the busiest minute does
      start_up_minutes: 10         # paid before a machine serves
      success: {run: latest@rented, metric: answers.exact_match}     # or a share: then a success has a cost too
      escalation: 0.05
      monthly_usd: {network: 200, monitoring: 150}
      one_off_usd: {migration: {low: 15000, mode: 20000, high: 40000}}
    - {name: own, kind: owned, goodput_rps: 3, capex_usd: 250000, residual_usd: 40000, life_months: 48,
       cost_of_capital: 0.07, kw: 8, pue: 1.3, usd_per_kwh: 0.12, colocation_usd: 900, maintenance: 0.03}
    - {name: both, kind: hybrid, replicas: 3, base: {kind: rented, usd_per_gpu_hour: 2.5, goodput_rps: 3},
       overflow_price: {input_usd_per_mtok: 0.5, output_usd_per_mtok: 1.5}}
  break_even: {from_requests_per_month: 0, to_requests_per_month: 30000000}
Machines are paid whether they serve or idle. Any number but counts may be a distribution, as `seatrial cost roi --help`
lists them, or {load: load.json}, what a load test with --slo measured (of how many `replicas: N`), or {run, metric} of a
recorded run; `quantities: {NAME: …}` with {quantity: NAME} is the same for several scenarios. Then `draws` by Latin
hypercube with `seed` give P10, P50 and P90, the chance of each way to be the cheapest, and what its cost depends on.
Further keys: `hourly` of the workload, the loads of the hours of a day; cached_share and cache_write_share, also as
{prefix_trace: FILE} with hash_ids of prompts; cost_per_escalation_usd and loss_per_error_usd of it; min_replicas; prefill_tokens_per_second with decode_tokens_per_second; `correlations`. A trace of a day or more tells
the hours itself. --markdown writes plots beside the text.";

pub(crate) const ROI_HELP: &str = "\
A file of alternatives:
  horizon_months: 12
  discount_rate: 0.08
  bands: {high: 3, medium: 1}      # returns from which an alternative is called so
  shared: {volume_per_month: 100000, minutes_saved: {low: 1, mode: 2, high: 4}, usd_per_minute: 0.7, realisation: 0.5}
  alternatives:
    - name: tier-1
      success: {successes: 187, trials: 200}           # or {run: latest@tier-1, metric: answers.exact_match}
      cost_per_task_usd: {mean: 0.1, sd: 0.01}         # or {run: latest@tier-1, metric: answers.cost_usd}
      loss_per_undetected_error_usd: {median: 1, p90: 5}
      one_off_usd: 20000
  correlations: [{a: minutes_saved, b: tier-1.success, rho: 0.3}]
A quantity is a number, {low, high}, {low, mode, high}, {successes, trials}, {mean, sd} (cut at 0), {median, p90},
{values: […]}, {run, metric} of a recorded run, or {load: load.json, metric: ttft, statistic: p95} of a load test. What is below `shared` is the same for all. Further keys: automation, detected,
rework_per_detected_error_usd, escalation, cost_per_escalation_usd, value_per_success_usd, latency_ms,
usd_per_second_waited, monthly_usd; draws, seed, growth_per_month.";

pub(crate) const RISK_HELP: &str = "\
A register of risks:
  volume_per_month: 100000
  risks:
    - name: invented facts
      kind: hallucination          # unsafe_answer, outage, slow_answer, wrong_action, other
      rate: {successes: 12, trials: 400}               # or {run: latest@tier-1, metric: answers.hallucinated}
      detected: 0.6
      handling_usd: 0.5
      loss_usd: {median: 20, p90: 400}
  mitigations:
    - {name: check of facts, usd_per_month: 2000, prevents: {invented facts: {low: 0.5, mode: 0.7, high: 0.8}}}";

#[derive(Debug, Args)]
pub(crate) struct RunCostArguments {
    /// Id of the run; `latest` is the newest one.
    pub(crate) run: String,
    /// Resamples for the interval of the cost of a success.
    #[arg(long, default_value_t = 10_000, value_parser = resamples)]
    pub(crate) resamples: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// Where answers of the past come from.
#[derive(Debug, Args)]
pub(crate) struct UsageSource {
    /// Recorded runs.
    #[arg(value_name = "RUN", required_unless_present = "usage")]
    pub(crate) runs: Vec<String>,
    /// Usage as `cost price` reads it, in place of runs.
    #[arg(long, value_name = "FILE", conflicts_with = "runs")]
    pub(crate) usage: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    pub(crate) source: UsageSource,
    #[command(flatten)]
    pub(crate) books: BookArguments,
    /// Price all answers as this model's, as PROVIDER/MODEL; its tokenizer may count otherwise.
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub(crate) model: Option<String>,
    /// Share of the prompts that is read from the cache.
    #[arg(long, value_name = "SHARE")]
    pub(crate) cached_share: Option<String>,
    /// Share of the answers that is sent in batches.
    #[arg(long, value_name = "SHARE")]
    pub(crate) batch_share: Option<String>,
    /// Day of the prices [default: the day of each answer]
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

#[derive(Debug, Args)]
pub(crate) struct FocusArguments {
    #[command(flatten)]
    pub(crate) source: UsageSource,
    #[command(flatten)]
    pub(crate) books: BookArguments,
    /// Where the charges go; `-` is standard output.
    #[arg(long, value_name = "PATH", default_value = "-")]
    pub(crate) csv: PathBuf,
}

/// A number of resamples from 1 to a million.
fn resamples(text: &str) -> Result<usize, String> {
    let number = text
        .parse::<usize>()
        .ok()
        .filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "expected a whole number from 1 to 1000000".to_owned())
}
