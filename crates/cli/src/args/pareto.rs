//! Arguments of `seatrial cost pareto`. Apart from those of prices, because it reads runs.

use super::StoreArguments;
use super::figures::FiguresOutput;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Axes: quality, cost (of a case), cost_per_success, latency_pNN (latency_p50, latency_p95, …), safety.

A table (CSV, JSON Lines, JSON or YAML) has a row for each model; its columns are name, quality (a share) or successes, n
(cases), cost_usd (of a case) or total_cost_usd, latency_ms or latency_s, safety. --column says what they are called:
  seatrial cost pareto --table leaderboard.yml --column name=model --column successes=solved --column n=cases \\
    --column total_cost_usd=total_cost --axes quality,cost

Outcomes (CSV) have a row for each case with the score of a weak and of a strong model:
  seatrial cost pareto --outcomes outcomes.csv --route mixtral,gpt4 --route-cost 0.0006,0.01
  seatrial cost pareto --outcomes outcomes.csv --route mixtral,gpt4 --route-cost mixtral_usd,gpt4_usd --cost-svg cost.svg

Examples:
  seatrial cost pareto latest
  seatrial cost pareto latest --require 'quality>=0.9' --require 'latency_p95<=800' --svg front.svg
  seatrial cost pareto RUN_A RUN_B --axes quality,cost_per_success --json -
  seatrial cost pareto latest --route tier-1,tier-3 --verifier-cost 0.0001 --verifier-catches 0.9")]
pub(crate) struct ParetoArguments {
    /// Runs: an id, `latest`, or RUN@TARGET. Every target is a candidate.
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Published figures instead of runs.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runs", "outcomes"])]
    pub(crate) table: Option<PathBuf>,
    /// What a column of the table is called, as KEY=COLUMN. May be given several times.
    #[arg(long, value_name = "KEY=COLUMN", requires = "table")]
    pub(crate) column: Vec<String>,
    /// What candidates are compared by [default: quality, cost_per_success, latency_p95, safety, as far as known]
    #[arg(long, value_delimiter = ',', value_name = "AXES")]
    pub(crate) axes: Vec<String>,
    /// What a candidate must meet with its bound, such as 'quality>=0.9'. May be given several times.
    #[arg(long, value_name = "AXIS>=LIMIT")]
    pub(crate) require: Vec<String>,
    /// What is best among those that meet the requirements.
    #[arg(long, default_value = "cost_per_success", value_name = "AXIS")]
    pub(crate) objective: String,
    /// Differences that count as ties, such as quality=0.01. May be given several times.
    #[arg(long, value_name = "AXIS=DIFFERENCE")]
    pub(crate) tie: Vec<String>,
    /// The metric that says whether an answer was right, as TASK.METRIC [default: the first of each task]
    #[arg(long, value_name = "TASK.METRIC")]
    pub(crate) metric: Vec<String>,
    /// Confidence level of intervals.
    #[arg(long, default_value_t = 0.95)]
    pub(crate) level: f64,
    /// Risk that a requirement is missed although its bound meets it.
    #[arg(long, default_value_t = 0.05)]
    pub(crate) risk: f64,
    /// Resamples of the cases.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub(crate) resamples: u32,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Look at routing between two candidates, or two columns of --outcomes: WEAK,STRONG.
    #[arg(long, value_name = "WEAK,STRONG")]
    pub(crate) route: Option<String>,
    /// A file (CSV or JSON Lines: id, score) with how much each case needs the strong one; without it only the best
    /// possible router and a lot are shown.
    #[arg(long, value_name = "FILE", requires = "route")]
    pub(crate) router: Option<PathBuf>,
    /// A file of outcomes of two models instead of runs (CSV).
    #[arg(long, value_name = "FILE", conflicts_with = "runs", requires = "route")]
    pub(crate) outcomes: Option<PathBuf>,
    /// What a case of the weak and of the strong model costs: dollars, or the columns of --outcomes that say it.
    #[arg(long, value_name = "WEAK,STRONG", requires = "outcomes")]
    pub(crate) route_cost: Option<String>,
    /// Dollars of checking an answer of the weak model before the strong one is asked.
    #[arg(long, default_value_t = 0.0, value_name = "USD")]
    pub(crate) verifier_cost: f64,
    /// Share of wrong answers that the check sends on.
    #[arg(long, default_value_t = 1.0, value_name = "SHARE")]
    pub(crate) verifier_catches: f64,
    /// Share of right answers that the check sends on.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub(crate) verifier_false_alarms: f64,
    /// Draw the candidates, or the course of routing, as an SVG file.
    #[arg(long, value_name = "PATH")]
    pub(crate) svg: Option<PathBuf>,
    /// Draw quality over the cost of a case for routers, cascades and the check, as an SVG file.
    #[arg(long, value_name = "PATH", requires = "route")]
    pub(crate) cost_svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}
