//! A load on the screen. Apart from the result, which it only lays out.

use super::result::{LoadResult, Metric, Status};
use seatrial_load::intervals::Bounded;
use std::fmt::Write;

/// Latencies that every load shows where it has them; the others only where they tell something of their own.
const HEADLINE: [&str; 5] = ["ttft", "tpot", "icl", "e2e", "connect"];
/// With an open loop, those that count from the intended moment come first.
const HEADLINE_OPEN: [&str; 6] = ["ttft_sched", "ttft", "tpot", "icl", "e2e_sched", "e2e"];

/// The report.
pub(super) fn report(result: &LoadResult<'_>, floor: Option<&str>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut text, result, floor);
    text
}

fn write_report(out: &mut String, result: &LoadResult<'_>, floor: Option<&str>) -> std::fmt::Result {
    let shape = &result.arguments.shape;
    let model = result.asked.model.as_deref().unwrap_or("");
    writeln!(out, "{} {} at {}", result.asked.api, model, result.asked.url)?;
    let load = match (&shape.rate, &result.arguments.inputs.trace) {
        (_, Some(trace)) => format!(
            "open loop, trace {} at {} times its speed",
            trace.display(),
            result.arguments.inputs.speed
        ),
        (Some(rate), None) => open_loop(result, rate),
        (None, None) => format!("closed loop, {} users", shape.concurrency.unwrap_or(0)),
    };
    writeln!(
        out,
        "{load}, measured {:.1} s after {:.1} s, seed {}\n",
        result.measured.window.seconds(),
        shape.warmup.as_secs_f64(),
        shape.seed
    )?;
    write_requests(out, result)?;
    write_steady(out, result)?;
    out.push_str(&result.conversations_text());
    out.push_str(&result.cases_text());
    write_latencies(out, result)?;
    write_client(out, result, floor)?;
    if let Some(comparison) = &result.comparison {
        writeln!(out, "\n{}", comparison.text.trim_end())?;
    }
    for warning in &result.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    for (kind, count, message) in result.first_errors() {
        writeln!(out, "error: {count} × {kind}, the first: {message}")?;
        if let Some(hint) = hint_of(kind, &result.asked.url) {
            writeln!(out, "hint: {hint}")?;
        }
    }
    Ok(())
}

/// What to do about failures that less load does not mend.
fn hint_of(kind: &str, url: &str) -> Option<String> {
    match kind {
        "connect" => Some(format!("is a server listening at {url}?")),
        "auth" => Some("name the variable that holds the key with --api-key-env".to_owned()),
        "bad_request" => Some(format!("check --model and --base-url: requests went to {url}")),
        "tls" => {
            Some("name the certificate to trust with --ca-file, or check the name in the address".to_owned())
        }
        _ => None,
    }
}

fn open_loop(result: &LoadResult<'_>, rate: &str) -> String {
    let shape = &result.arguments.shape;
    let what = if result.run.conversations.is_some() {
        "conversations"
    } else {
        "requests"
    };
    let mut text = format!("open loop, {rate} {what} per second, {} arrivals", shape.arrivals);
    if let Some(bursts) = &shape.bunched.bursts {
        text = format!("{text}, bursts {bursts}");
    }
    if shape.bunched.together > 1 {
        text = format!("{text}, {} at a time", shape.bunched.together);
    }
    text
}

/// What was cut to find the steady part, and how many requests were good.
fn write_steady(out: &mut String, result: &LoadResult<'_>) -> std::fmt::Result {
    let steady = &result.steady;
    if let Some(by) = steady.decided_by {
        writeln!(
            out,
            "steady     after {:.1} s ({} requests before, by {by}); see --warmup",
            steady.cut_front_s, steady.cut_requests
        )?;
    }
    let drifts = [("output", steady.output), ("latency", steady.latency)];
    for (name, series) in drifts {
        if let Some(series) = series.filter(|series| series.has_trend || series.has_shift) {
            writeln!(
                out,
                "not steady {name} changes over the run, from its beginning to its end by {:+.0} % of its mean",
                100.0 * series.drift
            )?;
        }
    }
    out.push_str(&result.goodput_text());
    Ok(())
}

fn write_requests(out: &mut String, result: &LoadResult<'_>) -> std::fmt::Result {
    let requests = &result.measured.requests;
    let throughput = &result.measured.throughput;
    write!(out, "requests   {} ok, {} failed", requests.ok, requests.failed)?;
    let of_them = if requests.by_error.contains_key("cut_off") {
        " of them"
    } else {
        ""
    };
    if requests.cut_off > 0 {
        write!(out, ", {}{of_them} cut off by the end", requests.cut_off)?;
    }
    if let Some(unsent) = requests.by_error.get("unsent") {
        write!(out, ", {unsent} of them never sent")?;
    }
    if let Some(rate) = throughput.requests_per_s {
        write!(out, "; {} per second", with_interval(rate, 1))?;
    }
    writeln!(out)?;
    if let Some(rate) = throughput.output_tokens_per_s {
        let tokens = &result.measured.tokens;
        let source = tokens.source();
        let source = source.map_or("more than one way", |source| source.as_str());
        write!(
            out,
            "tokens     {} out per second, counted by {source}",
            with_interval(rate, 0)
        )?;
        if let Some(mismatch) = tokens.tokenizer_mismatch {
            write!(out, " (the tokenizer finds {:+.1} %)", 100.0 * mismatch)?;
        }
        writeln!(out)?;
    }
    if let Some(speed) = result.stream_speed() {
        writeln!(
            out,
            "stream     {} tokens per second in the median one",
            with_interval(speed, 1)
        )?;
    }
    if let Some(stalls) = result.stalls().filter(|stalls| stalls.count > 0) {
        writeln!(
            out,
            "stalls     {} gaps over {:.0} ms in {} of {} answers, the longest {:.0} ms",
            stalls.count, stalls.over_ms, stalls.requests, stalls.of_requests, stalls.longest_ms
        )?;
    }
    writeln!(out)
}

fn write_latencies(out: &mut String, result: &LoadResult<'_>) -> std::fmt::Result {
    let is_open = result.arguments.shape.rate.is_some() || result.arguments.inputs.trace.is_some();
    let names: &[&str] = if is_open { &HEADLINE_OPEN } else { &HEADLINE };
    let told = |metric: &&Metric| {
        let is_headline = names.contains(&metric.latency.name);
        let is_of_interest = metric.latency.name == "ttfot" && differs(result, "ttfot", "ttft")
            || metric.latency.name == "itl" && differs(result, "itl", "icl");
        metric.status != Status::Unavailable && (is_headline || is_of_interest)
    };
    let mut shown: Vec<&Metric> = result.metrics.iter().filter(told).collect();
    shown.sort_by_key(|metric| {
        let place = names.iter().position(|name| *name == metric.latency.name);
        place.unwrap_or(names.len())
    });
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{:<11}{:>24}{:>10}{:>26}{:>10}{:>9}  trust",
        "ms", "p50 [95 %]", "p90", "p99 [95 %]", "mean", "n"
    )?;
    for metric in &shown {
        write_latency(out, metric)?;
    }
    write_reasons(out, &shown)?;
    writeln!(out)
}

/// Why metrics are degraded or withheld, each reason and each remedy once.
fn write_reasons(out: &mut String, shown: &[&Metric]) -> std::fmt::Result {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for metric in shown {
        let Some(reason) = metric.reason.as_deref() else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(metric.latency.name),
            None => reasons.push((reason, vec![metric.latency.name])),
        }
    }
    for (reason, names) in reasons {
        writeln!(out, "{}: {reason}", names.join(", "))?;
    }
    let mut remedies: Vec<&str> = shown
        .iter()
        .filter_map(|metric| metric.remedy.as_deref())
        .collect();
    remedies.dedup();
    for remedy in remedies {
        writeln!(out, "hint: {remedy}")?;
    }
    Ok(())
}

/// Whether two latencies of a run have different medians.
fn differs(result: &LoadResult<'_>, name: &str, other: &str) -> bool {
    let median = |name: &str| {
        let metric = result.metrics.iter().find(|metric| metric.latency.name == name)?;
        Some(metric.latency.at(0.5)?.value)
    };
    median(name) != median(other)
}

fn write_latency(out: &mut String, metric: &Metric) -> std::fmt::Result {
    let interval = |bounded: Option<Bounded>| {
        bounded.map_or_else(|| "–".to_owned(), |bounded| with_interval(bounded, 2))
    };
    let plain = |bounded: Option<Bounded>| {
        bounded.map_or_else(|| "–".to_owned(), |bounded| format!("{:.2}", bounded.value))
    };
    writeln!(
        out,
        "{:<11}{:>24}{:>10}{:>26}{:>10}{:>9}  {}",
        metric.latency.name,
        interval(metric.at(0.5)),
        plain(metric.at(0.9)),
        interval(metric.at(0.99)),
        plain(metric.mean()),
        metric.latency.n,
        metric.status.as_str()
    )
}

fn write_client(out: &mut String, result: &LoadResult<'_>, floor: Option<&str>) -> std::fmt::Result {
    let client = &result.run.client;
    let gauge = &result.run.gauge;
    let ms = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.2}"));
    let percent =
        |share: Option<f64>| share.map_or_else(|| "?".to_owned(), |share| format!("{:.0}", 100.0 * share));
    writeln!(
        out,
        "client     sent p99 {} ms late, read at most p99 {} ms late; busy {} %, waited for a processor {} %; {} loop(s), {} \
         connections, {} s of processor",
        ms(gauge.send_lag.quantile_ms(0.99)),
        ms(gauge.read_lag.quantile_ms(0.99)),
        percent(client.busy_share),
        percent(client.wait_share),
        client.workers,
        client.connections,
        ms(client.loops_cpu_s)
    )?;
    if let Some(floor) = floor {
        writeln!(out, "floor      {floor}")?;
    }
    if let Some(law) = result.law.filter(|_| result.measured.requests.ok > 0) {
        writeln!(
            out,
            "check      {:.1} requests under way, throughput × latency {:.1}: {:.1} % apart",
            law.in_flight,
            law.rate_times_latency,
            100.0 * law.mismatch()
        )?;
    }
    Ok(())
}

/// `51.23 [50.91, 51.60]`
pub(super) fn with_interval(bounded: Bounded, digits: usize) -> String {
    let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |end| format!("{end:.digits$}"));
    format!(
        "{:.digits$} [{}, {}]",
        bounded.value,
        end(bounded.low),
        end(bounded.high)
    )
}
