//! Arguments of `load` about the server's own numbers.

use clap::Args;
use std::time::Duration;

/// What the server says of itself over the same window.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct LoadServer {
    /// Read the server's own numbers here (Prometheus's text format) while it is measured, such as http://127.0.0.1:8000/metrics.
    #[arg(long, value_name = "URL", conflicts_with = "find")]
    pub(crate) server_metrics: Option<String>,
    /// Time between two readings.
    #[arg(long, value_name = "TIME", default_value = "1s", requires = "server_metrics", value_parser = every)]
    pub(crate) server_metrics_every: Duration,
    /// A number to tell besides those with plain words, by the server's name: NAME or NAME{label="value"}.
    #[arg(long = "server-metric", value_name = "NAME", requires = "server_metrics")]
    pub(crate) server_metric: Vec<String>,
}

fn every(text: &str) -> Result<Duration, String> {
    let every = super::load::duration(text)?;
    if every < Duration::from_millis(50) {
        return Err("expected at least 50ms: more often, the readings are a load themselves".to_owned());
    }
    Ok(every)
}
