//! Arguments of loads that are measured several times: sweeps and repeated runs.

use clap::Args;

/// How often, and at which loads.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Several loads")]
pub(crate) struct LoadSeries {
    /// Measure several loads one after the other: concurrency=1,2,4,8 or rate=1..64, which doubles. Ends early where
    /// throughput grows no more or too many requests fail.
    #[arg(
        long,
        value_name = "KIND=LOADS",
        conflicts_with_all = ["concurrency", "rate", "trace", "find", "csv", "hdr", "baseline", "runs", "server_metrics"]
    )]
    pub(crate) sweep: Option<String>,
    /// With --sweep, measure all loads, whatever becomes of throughput and errors.
    #[arg(long, requires = "sweep")]
    pub(crate) sweep_all: bool,
    /// Measure the same load N times: intervals then hold what differs between runs.
    #[arg(
        long,
        value_name = "N",
        conflicts_with_all = ["find", "trace", "csv", "hdr", "server_metrics"],
        value_parser = clap::value_parser!(u16).range(2..=200)
    )]
    pub(crate) runs: Option<u16>,
    /// With --runs, end as soon as intervals are narrow enough: TERMS such as requests_per_s=3%,ttft_p99=5%; without, 3 % of
    /// throughput and 5 % of a p99.
    #[arg(long, value_name = "TERMS", requires = "runs", num_args = 0..=1, default_missing_value = "")]
    pub(crate) until_half_width: Option<String>,
}
