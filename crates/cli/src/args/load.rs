//! Arguments of `load`: an endpoint, a load on it, and what is told of it.

use super::load_cases::LoadCases;
use super::load_compare::LoadBaseline;
use super::load_inputs::{LoadInputs, LoadObjectives};
use super::load_series::LoadSeries;
use super::load_server::LoadServer;
use super::load_turns::{LoadBursts, LoadTurns};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "Examples:
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m --concurrency 64 --duration 30s --warmup 5s
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m --rate 20 --arrivals poisson --duration 1m --json load.json
  seatrial load --provider anthropic --base-url https://api.anthropic.com/v1 --model claude --concurrency 4 --requests 100
  seatrial load --url http://127.0.0.1:9000/score --body request.json --rate 200 --duration 10s --csv requests.csv
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m --trace azure.csv --speed 10 --duration 1m
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m --rate 5..50/1m,50/2m --bursts 4x3s/20s --duration 3m
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m --concurrency 32 --turns 2..8 --think-time 5s,sd=2s --duration 5m
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m -c 16 -d 30s --dataset q.jsonl --prompt-template 'Q: {{ question }}'
  seatrial load --suite suite.yaml --task answers -c 16 -n 2000 --json load.json
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m --slo 'ttft_p99<500ms,tpot_p99<40ms' --find rate
  seatrial load --base-url http://127.0.0.1:8000/v1 --model m -c 16 -d 30s --baseline old.json --margin ttft_p99=10%

Latencies are stamped at the socket. What of them may be this client's own lateness is known: a metric is marked
degraded above 5 % and withheld above 20 %, and then the exit code is 8 (--allow-degraded tells it all the same). With
--rate, latencies that count from the intended moment (…_sched) are the ones that users would have seen.";

/// Which API an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadProvider {
    /// OpenAI's, which many servers imitate.
    Openai,
    /// Anthropic's messages.
    Anthropic,
}

/// Which of OpenAI's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadApi {
    /// Chat completions.
    Chat,
    /// Legacy completions.
    Completions,
    /// Responses.
    Responses,
    /// Embeddings.
    Embeddings,
}

#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LoadArguments {
    #[command(flatten)]
    pub(crate) endpoint: LoadEndpoint,
    #[command(flatten)]
    pub(crate) shape: LoadShape,
    #[command(flatten)]
    pub(crate) work: LoadWork,
    #[command(flatten)]
    pub(crate) inputs: LoadInputs,
    #[command(flatten)]
    pub(crate) cases: LoadCases,
    #[command(flatten)]
    pub(crate) talk: LoadTurns,
    #[command(flatten)]
    pub(crate) objectives: LoadObjectives,
    #[command(flatten)]
    pub(crate) server: LoadServer,
    #[command(flatten)]
    pub(crate) series: LoadSeries,
    #[command(flatten)]
    pub(crate) against: LoadBaseline,
    #[command(flatten)]
    pub(crate) output: LoadOutput,
}

/// Where requests go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Endpoint")]
pub(crate) struct LoadEndpoint {
    /// Root of the API, such as http://127.0.0.1:8000/v1.
    #[arg(long, value_name = "URL", required_unless_present_any = ["url", "suite"])]
    pub(crate) base_url: Option<String>,
    /// Model to ask for.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["url", "suite"])]
    pub(crate) model: Option<String>,
    /// Which API it speaks.
    #[arg(long, value_enum, default_value_t = LoadProvider::Openai)]
    pub(crate) provider: LoadProvider,
    /// Which of OpenAI's APIs.
    #[arg(long, value_enum, default_value_t = LoadApi::Chat)]
    pub(crate) api: LoadApi,
    /// Any other endpoint: the whole address, asked with the JSON of --body.
    #[arg(long, value_name = "URL", requires = "body", conflicts_with_all = ["base_url", "model", "api", "provider"])]
    pub(crate) url: Option<String>,
    /// File with the JSON body of every request to --url.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) body: Option<PathBuf>,
    /// Variable that holds the API key; default is the provider's usual one. On loopback none is needed.
    #[arg(long, value_name = "NAME")]
    pub(crate) api_key_env: Option<String>,
    /// PEM file with certificates to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Ask for whole answers instead of streams: no times of tokens.
    #[arg(long)]
    pub(crate) no_stream: bool,
    /// Time for one request, from due to its last byte.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// A new connection for every request.
    #[arg(long)]
    pub(crate) cold: bool,
}

/// When requests are sent.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadShape {
    /// Closed loop: this many users, each of whom asks again when its answer came.
    #[arg(
        long,
        short = 'c',
        value_name = "N",
        conflicts_with = "rate",
        required_unless_present_any = ["rate", "trace", "find", "sweep"],
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub(crate) concurrency: Option<u32>,
    /// Open loop: requests per second whatever the answers do, level or in pieces with ramps: 20, or 5..50/1m,50/2m,0/10s,20.
    #[arg(long, short = 'r', value_name = "R")]
    pub(crate) rate: Option<String>,
    /// With --rate, how arrivals scatter: constant, poisson, gamma or gamma:SHAPE.
    #[arg(long, value_name = "PROCESS", default_value = "poisson")]
    pub(crate) arrivals: String,
    #[command(flatten)]
    pub(crate) bunched: LoadBursts,
    /// With --rate, most requests under way; arrivals beyond wait and are counted.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_in_flight: u32,
    /// Length of the measurement.
    #[arg(long, short = 'd', value_name = "TIME", value_parser = duration, required_unless_present_any = ["requests", "trace", "find"], conflicts_with = "requests")]
    pub(crate) duration: Option<Duration>,
    /// Measure this many requests.
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,
    /// Load before the measurement; it goes over into it without a pause.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration_or_none)]
    pub(crate) warmup: Duration,
    /// How long requests under way at the end are waited for.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) drain: Duration,
    /// Seed of arrivals and prompts.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Measuring loops, each a thread; default is one for every 1024 users, or 4096 of --max-in-flight, at most one per processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
}

/// What is asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct LoadWork {
    /// Prompt of every request; default is a built-in one.
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Most output tokens of an answer.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_tokens: Option<u64>,
    /// A parameter of every request, as JSON: temperature=0, ignore_eos=true.
    #[arg(long = "param", value_name = "NAME=JSON")]
    pub(crate) params: Vec<String>,
}

/// What is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct LoadOutput {
    /// Write the result as JSON; `-` is standard output, and then the report goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Write a line for each request as CSV.
    #[arg(long, value_name = "PATH")]
    pub(crate) csv: Option<PathBuf>,
    /// Write the report as Markdown with pictures (inline SVG).
    #[arg(long, value_name = "PATH")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the latencies as an HdrHistogram log.
    #[arg(long, value_name = "PATH")]
    pub(crate) hdr: Option<PathBuf>,
    /// Tell numbers that this client spoiled itself, marked as degraded.
    #[arg(long)]
    pub(crate) allow_degraded: bool,
    /// Largest share of failed requests; above it the exit code is 4.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    pub(crate) max_error_rate: f64,
    /// Do not measure this client's own floor after the run.
    #[arg(long)]
    pub(crate) no_calibrate: bool,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    seatrial_config::parse_duration(text)
        .ok_or_else(|| "expected a number with a unit, such as 500ms, 30s or 5m".to_owned())
}

pub(super) fn duration_or_none(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::ZERO);
    }
    duration(text)
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}
