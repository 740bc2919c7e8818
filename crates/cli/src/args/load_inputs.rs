//! Arguments of `load` beside endpoint and shape: made prompts, traces, objectives and the search for the largest load.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Where prompts come from, and when, if not from one text.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct LoadInputs {
    /// Make prompts of this many tokens: 512, 100..900 (even), or 512,sd=100,min=16,max=1024.
    #[arg(long, value_name = "LENGTH", conflicts_with_all = ["prompt", "url", "trace"])]
    pub(crate) input_tokens: Option<String>,
    /// Ask for answers of this many tokens, each by its own max_tokens; written like --input-tokens.
    #[arg(
        long,
        value_name = "LENGTH",
        requires = "input_tokens",
        conflicts_with = "max_tokens"
    )]
    pub(crate) output_tokens: Option<String>,
    /// How far long prompts get long answers, from -1 to 1.
    #[arg(long, value_name = "R", default_value_t = 0.0, requires = "output_tokens", allow_negative_numbers = true, value_parser = correlation)]
    pub(crate) correlation: f64,
    /// Begin each prompt with one of N shared texts of so many tokens, such as 4x1000; they come on top of --input-tokens.
    #[arg(long, value_name = "NxTOKENS", requires = "input_tokens")]
    pub(crate) shared_prefix: Option<String>,
    /// Tokens that a word of a made prompt is worth at this endpoint; what a first run tells under tokens.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = tokens_per_word)]
    pub(crate) tokens_per_word: f64,
    /// Count tokens by this tokenizer, a tokenizer.json or a vocabulary in tiktoken's form: those of made prompts, and those
    /// of answers where the server does not tell them.
    #[arg(long, value_name = "FILE", conflicts_with = "tokens_per_word")]
    pub(crate) tokenizer: Option<PathBuf>,
    /// Replay a trace of Azure (CSV) or Mooncake (JSON Lines): moments, lengths and shared prefixes.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["concurrency", "rate", "prompt", "url"])]
    pub(crate) trace: Option<PathBuf>,
    /// Replay this many times as fast.
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "trace", conflicts_with_all = ["concurrency", "rate"], value_parser = speed)]
    pub(crate) speed: f64,
}

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadFind {
    /// Requests per second of an open loop.
    Rate,
    /// Users of a closed loop.
    Concurrency,
}

/// What a good request is, and how much load still brings enough of them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Objectives")]
pub(crate) struct LoadObjectives {
    /// What a good request is, such as ttft_p99<500ms,tpot_p99<40ms or mlperf:llama2-70b/interactive.
    #[arg(long, value_name = "TERMS")]
    pub(crate) slo: Option<String>,
    /// Find the largest load that meets --slo.
    #[arg(long, value_name = "KIND", value_enum, requires = "slo", conflicts_with_all = ["concurrency", "rate", "trace", "duration", "requests", "csv", "hdr", "markdown", "warmup", "drain", "max_error_rate"])]
    pub(crate) find: Option<LoadFind>,
    /// With --find, the first load that is tried.
    #[arg(long, value_name = "LOAD", default_value_t = 4.0, requires = "find", value_parser = start)]
    pub(crate) start: f64,
    /// With --find, the longest that one probe may take.
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "find", value_parser = super::load::duration)]
    pub(crate) probe_time: Duration,
    /// With --find, half the width of the interval at which the search ends, relative to the load.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, requires = "find", value_parser = tolerance)]
    pub(crate) tolerance: f64,
}

fn within(text: &str, low: f64, high: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value >= low && value <= high => Ok(value),
        _ => Err(format!("expected a number from {low} to {high}")),
    }
}

fn correlation(text: &str) -> Result<f64, String> {
    within(text, -1.0, 1.0)
}

fn tokens_per_word(text: &str) -> Result<f64, String> {
    within(text, 0.2, 20.0)
}

fn speed(text: &str) -> Result<f64, String> {
    within(
        text,
        seatrial_load::trace::SPEED_MIN,
        seatrial_load::trace::SPEED_MAX,
    )
}

fn start(text: &str) -> Result<f64, String> {
    within(text, 0.01, 100_000.0)
}

fn tolerance(text: &str) -> Result<f64, String> {
    within(text, 0.01, 0.5)
}
