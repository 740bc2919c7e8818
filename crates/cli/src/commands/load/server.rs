//! The server's own numbers beside the results: where they are read, and how they are told. Apart because they are the
//! server's word and none of what is measured here, and because nothing that goes wrong with them may spoil a run.

use super::endpoint::{blueprint_of, resolve};
use crate::args::LoadArguments;
use crate::error::CliError;
use seatrial_load::server::{
    BucketQuantile, ServerAccount, ServerFigure, ServerKind, ServerPlan, ServerSeries, Told,
};
use seatrial_load::{TlsTarget, nanoseconds};
use seatrial_provider::{Api, Endpoint, Header, JsonApi, JsonSpec, Limits, Pressure, RetryPolicy};
use seatrial_types::Secret;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// Most numbers that are asked for by name.
const ASKED_MAX: usize = 200;

/// Where to read, and when; `duration` is that of the measurement, where it is known. `None` where nobody asked.
pub(super) fn plan(
    arguments: &LoadArguments,
    duration: Option<Duration>,
) -> Result<Option<(String, ServerPlan)>, CliError> {
    let given = &arguments.server;
    let Some(url) = &given.server_metrics else {
        return Ok(None);
    };
    if given.server_metric.len() > ASKED_MAX {
        return Err(CliError::usage(format!(
            "--server-metric is given {} times, at most {ASKED_MAX} are allowed",
            given.server_metric.len()
        )));
    }
    let asked: Result<Vec<ServerSeries>, CliError> = given
        .server_metric
        .iter()
        .map(|text| {
            ServerSeries::parse(text)
                .map_err(|problem| CliError::usage(format!("--server-metric is `{text}`, {problem}")))
        })
        .collect();
    let failed = |mut error: CliError| {
        error.message = error.message.replace("base_url", "--server-metrics");
        error.hint("check the address in --server-metrics")
    };
    let page = JsonSpec {
        method: "GET".to_owned(),
        body: None,
        answer: "/".to_owned(),
        usage_input: None,
        usage_output: None,
        finish_reason: None,
        model: None,
        stream: None,
    };
    let blueprint = blueprint_of(&Endpoint {
        name: "load".to_owned(),
        api: Api::Json(Arc::new(JsonApi::try_new(page).map_err(CliError::usage)?)),
        base_url: url.clone(),
        model: String::new(),
        // Pages of numbers need no key, and it is not theirs.
        key: None,
        headers: vec![Header {
            name: "accept".to_owned(),
            value: Secret::new("text/plain"),
            is_secret: false,
        }],
        params: Map::new(),
        limits: Limits::default(),
        retry: RetryPolicy::default(),
        stream: false,
        extra_ca: arguments.endpoint.ca_file.clone(),
        pressure: Arc::new(Pressure::default()),
    })
    .map_err(failed)?;
    let tls = if blueprint.is_https() {
        let (config, name) = blueprint
            .tls()
            .map_err(|problem| CliError::usage(format!("TLS cannot be used: {problem}")))?;
        Some(TlsTarget { config, name })
    } else {
        None
    };
    let mut request = Vec::new();
    blueprint.push_body(&[], &mut request);
    let from_ns = nanoseconds(arguments.shape.warmup);
    let plan = ServerPlan {
        addresses: resolve(blueprint.host(), blueprint.port()).map_err(failed)?,
        tls,
        request,
        every: given.server_metrics_every,
        from_ns,
        to_ns: duration.map(|duration| from_ns.saturating_add(nanoseconds(duration))),
        asked: asked?,
    };
    Ok(Some((blueprint.shown_url().to_owned(), plan)))
}

/// The server's account, and where it was read.
pub(super) struct ServerTold {
    url: String,
    account: ServerAccount,
}

impl ServerTold {
    /// `account` is `None` where the readings ended unexpectedly.
    pub(super) fn new(url: String, account: Option<ServerAccount>) -> Self {
        let account = account.unwrap_or_else(|| ServerAccount {
            kind: None,
            span_ns: None,
            readings: 0,
            failed: 1,
            first_problem: Some("was not read: the readings ended unexpectedly, which is a bug".to_owned()),
            missing: Vec::new(),
            figures: Vec::new(),
        });
        Self { url, account }
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let account = &self.account;
        let mut warnings = Vec::new();
        if let Some(problem) = &account.first_problem {
            warnings.push(format!(
                "{} of {} readings of the server's numbers failed; at the first, {} {problem}",
                account.failed,
                account.failed + account.readings,
                self.url
            ));
        }
        if account.readings > 0 && !account.missing.is_empty() {
            warnings.push(format!(
                "the server never told {}; see {} for what it has",
                account.missing.join(", "),
                self.url
            ));
        }
        if account.readings > 0 && account.figures.is_empty() && account.missing.is_empty() {
            warnings.push(format!(
                "{} tells nothing that has a plain word; ask for its numbers with --server-metric",
                self.url
            ));
        }
        let reset = account.figures.iter().filter(|figure| figure.resets > 0).count();
        if reset > 0 {
            warnings.push(format!(
                "{reset} of the server's counters began from nothing during the run: it started anew"
            ));
        }
        warnings
    }

    /// As `server` of `seatrial.load/1`.
    pub(super) fn json(&self) -> Value {
        let account = &self.account;
        #[expect(clippy::cast_precision_loss, reason = "moments of a run")]
        let seconds = |ns: u64| ns as f64 / 1e9;
        let plain = |figure: &&ServerFigure| figure.word.is_some();
        let (known, asked): (Vec<&ServerFigure>, Vec<&ServerFigure>) =
            account.figures.iter().partition(plain);
        let by = |figures: &[&ServerFigure], name: fn(&ServerFigure) -> &str| -> Map<String, Value> {
            figures
                .iter()
                .map(|figure| (name(figure).to_owned(), figure_json(figure)))
                .collect()
        };
        json!({
            "url": self.url,
            "kind": account.kind.map(ServerKind::as_str),
            "from_s": account.span_ns.map(|(from, _)| seconds(from)),
            "to_s": account.span_ns.map(|(_, to)| seconds(to)),
            "readings": account.readings,
            "failed": account.failed,
            "first_error": account.first_problem,
            "missing": account.missing,
            "metrics": by(&known, |figure| figure.word.unwrap_or_default()),
            "asked": by(&asked, |figure| &figure.name),
        })
    }

    pub(super) fn text(&self) -> String {
        let account = &self.account;
        let mut text = String::new();
        let kind = account.kind.map_or("server", ServerKind::as_str);
        // Writing to a string cannot fail.
        let _ = match account.span_ns {
            #[expect(clippy::cast_precision_loss, reason = "moments of a run")]
            Some((from, to)) => writeln!(
                text,
                "\nwhat {kind} says of itself, {} readings from {:.1} to {:.1} s",
                account.readings,
                from as f64 / 1e9,
                to as f64 / 1e9
            ),
            None => writeln!(text, "\nthe server's own numbers could not be read"),
        };
        for figure in &account.figures {
            let name = figure.word.unwrap_or(&figure.name);
            let _ = writeln!(text, "{name:<18} {}", told_text(figure));
        }
        text
    }
}

fn figure_json(figure: &ServerFigure) -> Value {
    let mut value = json!({
        "name": figure.name,
        "meaning": figure.meaning,
        "unit": figure.unit,
        "series": figure.series,
        "resets": figure.resets,
    });
    let told = match &figure.told {
        Told::Level {
            mean,
            min,
            max,
            readings,
        } => json!({"kind": "level", "mean": mean, "min": min, "max": max, "readings": readings}),
        Told::Growth { total, per_s } => json!({"kind": "growth", "total": total, "per_s": per_s}),
        Told::Ratio { value, of } => json!({"kind": "ratio", "value": value, "of": of}),
        Told::Distribution { n, mean, quantiles } => {
            let quantiles: Vec<Value> = quantiles
                .iter()
                .map(
                    |found| json!({"q": found.q, "value": found.value, "low": found.low, "high": found.high}),
                )
                .collect();
            json!({"kind": "distribution", "n": n, "mean": mean, "quantiles": quantiles})
        }
    };
    if let (Some(value), Value::Object(told)) = (value.as_object_mut(), told) {
        value.extend(told);
    }
    value
}

fn told_text(figure: &ServerFigure) -> String {
    let is_share = figure.unit == Some("share");
    let unit = match figure.unit {
        None | Some("share") => String::new(),
        Some(unit) => format!(" {unit}"),
    };
    let number = |value: f64| {
        if is_share {
            format!("{:.1} %", 100.0 * value)
        } else {
            format!("{value:.1}")
        }
    };
    match &figure.told {
        Told::Level { mean, min, max, .. } => {
            format!(
                "mean {}, from {} to {}{unit}",
                number(*mean),
                number(*min),
                number(*max)
            )
        }
        Told::Growth { total, per_s } => match per_s {
            Some(rate) => format!("{total:.0}{unit}, {rate:.1} per second"),
            None => format!("{total:.0}{unit}"),
        },
        Told::Ratio { value, of } => match value {
            Some(value) => format!("{} of {of:.0}", number(*value)),
            None => "none came".to_owned(),
        },
        Told::Distribution { n, mean, quantiles } => {
            let mut text: String = quantiles
                .iter()
                .map(|found| quantile_text(found) + ", ")
                .collect();
            if let Some(mean) = mean {
                let _ = write!(text, "mean {mean:.1}{unit}, ");
            }
            text + &format!("n {n:.0}")
        }
    }
}

/// `p99 87.1 [50.0, 100.0]`
fn quantile_text(found: &BucketQuantile) -> String {
    let high = found
        .high
        .map_or_else(|| "?".to_owned(), |high| format!("{high:.1}"));
    let value = found
        .value
        .map_or_else(String::new, |value| format!("{value:.1} "));
    format!("p{:.0} {value}[{:.1}, {high}]", 100.0 * found.q, found.low)
}
