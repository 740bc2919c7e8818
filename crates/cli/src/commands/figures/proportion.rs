//! `seatrial stats proportion`: a share with its intervals.

use super::{Figures, check_output, object};
use crate::args::figures::ProportionArguments;
use crate::error::CliError;
use seatrial_stats::{Interval, StatsError, proportion as shares};
use seatrial_types::{Estimate, ExitCode, Method, Unit};
use serde_json::{Value, json};
use std::fmt::Write;

/// A way to make an interval for a share.
type IntervalOf = fn(f64, f64, f64) -> Result<Interval, StatsError>;

const METHODS: [(Method, IntervalOf); 4] = [
    (Method::Wilson, shares::wilson),
    (Method::ClopperPearson, shares::clopper_pearson),
    (Method::Jeffreys, shares::jeffreys),
    (Method::AgrestiCoull, shares::agresti_coull),
];

pub(crate) fn proportion(arguments: &ProportionArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let (successes, trials) = parse(&arguments.share)?;
    let level = arguments.level;
    let (k, n) = (f64::from(successes), f64::from(trials));
    let mut text = String::new();
    let mut estimates: Vec<Value> = Vec::new();
    for (method, interval) in METHODS {
        let interval = interval(k, n, level).map_err(CliError::usage)?;
        let (value, low, high, name) = (k / n, interval.low, interval.high, method.as_str());
        let _ = writeln!(
            text,
            "{name:<16} {value:.4} [{low:.4}, {high:.4}]  n {n}  level {level}"
        );
        estimates.push(object(&Estimate {
            value: Some(value),
            low: Some(low),
            high: Some(high),
            level,
            n: u64::from(trials),
            method,
            unit: Unit::Share,
        })?);
    }
    Figures {
        schema: "seatrial.stats.proportion/1",
        text,
        warnings: Vec::new(),
        fields: json!({"successes": successes, "trials": trials, "estimates": estimates}),
    }
    .deliver(arguments.output.json.as_deref())
}

fn parse(share: &str) -> Result<(u32, u32), CliError> {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    share
        .split_once('/')
        .and_then(|(k, n)| Some((number(k)?, number(n)?)))
        .ok_or_else(|| {
            CliError::usage(format!("`{share}` is no share, expected successes/trials"))
                .hint("write it like 187/200")
        })
}
