//! `seatrial cost tco`: ways to serve the same traffic side by side.

use super::document::{read_case, read_text};
use super::plots::{Plot, write_markdown};
use super::roi::tornado_plot;
use super::{dollars, middle_80, outcome_json};
use crate::args::cost::CaseArguments;
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use seatrial_cost::tco::{BreakEven, Scenario, ScenarioCost, TcoCase, TcoResult};
use seatrial_cost::trace::{TraceSummary, read_csv, read_jsonl};
use seatrial_report::case_plot::{Curve, Curves, Spot, curves_svg};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Largest trace.
const TRACE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Crossings of one pair that are shown; the JSON has all.
const CROSSINGS_SHOWN: usize = 6;
/// Inputs of a tornado that are shown.
const BARS_SHOWN: usize = 5;
/// Volumes at which a bill is drawn.
const POINTS: u32 = 600;
/// Crossings that a plot marks.
const SPOTS_MAX: usize = 8;

pub(super) fn tco(arguments: &CaseArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    check_output(arguments.markdown.as_deref())?;
    let folder = arguments
        .file
        .parent()
        .unwrap_or_else(|| Path::new(""))
        .to_owned();
    let mut trace = |path: &str, may_have_gaps: bool| read_trace(&folder.join(path), may_have_gaps);
    let case = read_case(&arguments.file, &arguments.store.store, |document| {
        TcoCase::read(document, &mut trace)
    })?;
    let result = read_case_again(&arguments.file, case.work_out())?;
    let text = for_people(&case, &result);
    write_markdown(
        arguments.markdown.as_deref(),
        "Total cost of ownership",
        &for_markdown(&case, &result),
        &plots(&case, &result),
    )?;
    let scenarios: Vec<Value> = result.scenarios.iter().map(scenario_json).collect();
    let break_even: Vec<Value> = result.break_even.iter().map(break_even_json).collect();
    let workload = &case.workload;
    Figures {
        schema: "seatrial.cost.tco/1",
        text,
        warnings: Vec::new(),
        fields: json!({"name": case.name, "horizon_months": case.horizon_months, "discount_rate": case.discount_rate,
            "workload": {"requests_per_month": workload.requests_per_month, "input_tokens": workload.input_tokens,
                "output_tokens": workload.output_tokens, "peak_factor": workload.rhythm.peak_factor,
                "growth_per_month": workload.growth_per_month, "cached_share": workload.cached_share,
                "hours": workload.rhythm.hours.len(), "hours_are_assumed": workload.rhythm.is_assumed},
            "draws": if result.inputs.is_empty() { None } else { Some(case.draws) }, "seed": case.seed,
            "scenarios": scenarios, "break_even": break_even, "value_of_information": information_json(&case, &result)}),
    }
    .deliver(arguments.output.json.as_deref())
}

/// What goes wrong in a draw is told at its line too.
fn read_case_again<T>(path: &Path, found: Result<T, Vec<seatrial_cost::Problem>>) -> Result<T, CliError> {
    let text = read_text(path, seatrial_config::MAX_FILE_BYTES)?;
    super::document::read_text_document(&text, path, |_| found)
}

fn read_trace(path: &Path, may_have_gaps: bool) -> Result<TraceSummary, String> {
    let text = read_text(path, TRACE_BYTES_MAX).map_err(|error| error.message)?;
    let is_lines = path
        .extension()
        .is_some_and(|ending| ending == "jsonl" || ending == "ndjson");
    let rows = if is_lines {
        read_jsonl(&text)
    } else {
        read_csv(&text)
    };
    rows.and_then(|rows| TraceSummary::of(&rows, may_have_gaps))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.0} %", 100.0 * value))
}

fn for_people(case: &TcoCase, result: &TcoResult) -> String {
    let workload = &case.workload;
    let mut text = format!(
        "{} requests a month of {:.0} + {:.0} tokens, peak {:.2} times the mean; {} months\n",
        workload.requests_per_month.round(),
        workload.input_tokens,
        workload.output_tokens,
        workload.rhythm.peak_factor,
        case.horizon_months
    );
    if workload.rhythm.is_assumed {
        text.push_str("the hours of the day are made up from the peak; give `hourly` or a trace of a day\n");
    }
    if !result.inputs.is_empty() {
        let _ = writeln!(
            text,
            "{} numbers are not known exactly: {} draws, median and middle 80 %; bills are at the medians",
            result.inputs.len(),
            case.draws
        );
    }
    for found in &result.scenarios {
        let replicas = found.replicas.map_or_else(String::new, |replicas| {
            let running = match found.billed_replicas {
                Some(mean) if found.always_on_usd.is_some() => {
                    format!(" at the peak, {mean:.1} in the mean,")
                }
                _ => String::new(),
            };
            format!(", {replicas} replicas{running} used {}", share(found.utilisation))
        });
        let overflow = if found.overflow_share > 0.0 {
            format!(", {:.1} % overflow", 100.0 * found.overflow_share)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "\n{} ({}{replicas}{overflow})\n  {} a month, {} over the horizon (present value {})",
            found.name,
            found.kind,
            dollars(found.monthly_usd),
            dollars(found.horizon_usd),
            dollars(found.present_value_usd)
        );
        let _ = writeln!(
            text,
            "  {} a request, {} a million tokens, {} of what is used",
            dollars(found.usd_per_request),
            dollars(found.usd_per_mtok_allocation),
            dollars(found.usd_per_mtok_usage)
        );
        text.push_str(&beside_bill(found));
        for line in &found.lines {
            let _ = writeln!(text, "    {:<28} {:>14}", line.name, dollars(line.usd));
        }
        text.push_str(&spread_text(found));
    }
    if let Some(sentence) = information(case, result) {
        let _ = writeln!(text, "\n{sentence}");
    }
    if !result.break_even.is_empty() {
        let _ = writeln!(text, "\nbreak-even, requests a month");
    }
    for found in &result.break_even {
        let _ = writeln!(text, "  {}", break_even_text(found));
    }
    text
}

/// What else there is to say of a way's cost.
fn beside_bill(found: &ScenarioCost) -> String {
    let mut text = String::new();
    if let Some(usd) = found.always_on_usd {
        let _ = writeln!(text, "  {} a month if the machines always ran", dollars(usd));
    }
    if let Some((input, output)) = found.usd_per_mtok_split {
        let _ = writeln!(
            text,
            "  machines: {} a million tokens of prompts, {} of answers",
            dollars(input),
            dollars(output)
        );
    }
    if let Some(usd) = found.usd_per_success {
        let spread = found.spread.as_ref().and_then(|spread| spread.usd_per_success);
        let told = spread.map_or_else(|| dollars(usd), |spread| middle_80(&spread));
        let _ = writeln!(text, "  {told} a success, failures included");
    }
    text
}

fn spread_text(found: &ScenarioCost) -> String {
    let Some(spread) = &found.spread else {
        return String::new();
    };
    let by_success = spread
        .p_cheapest_per_success
        .map_or_else(String::new, |share| format!(", by success {share:.2}"));
    let mut text = format!(
        "  drawn: {} a month, {} over the horizon, P(cheapest) {:.2}{by_success}\n",
        middle_80(&spread.monthly_usd),
        middle_80(&spread.horizon_usd),
        spread.p_cheapest
    );
    for bar in spread.tornado.iter().take(BARS_SHOWN) {
        let _ = writeln!(
            text,
            "    {:<36} {} … {}",
            bar.input,
            dollars(bar.at_p10),
            dollars(bar.at_p90)
        );
    }
    if let Some(bar) = spread.tornado_per_success.first() {
        let _ = writeln!(
            text,
            "  a success depends most on {}: {} … {}",
            bar.input,
            dollars(bar.at_p10),
            dollars(bar.at_p90)
        );
    }
    text
}

/// Which way is the cheapest in the mean, and what knowing more would save.
fn information(case: &TcoCase, result: &TcoResult) -> Option<String> {
    let worth = result.information.as_ref()?;
    let best = &case.scenarios.get(worth.best)?.name;
    let most = worth
        .inputs
        .first()
        .and_then(|(place, usd)| Some((result.inputs.get(*place)?, usd)));
    Some(match most {
        Some((input, usd)) => format!(
            "cheapest over the horizon in the mean: {best}; knowing everything would save {}, most of it {input} ({})",
            dollars(worth.everything),
            dollars(*usd)
        ),
        None => format!("cheapest over the horizon in the mean: {best}; knowing more would not change that"),
    })
}

fn information_json(case: &TcoCase, result: &TcoResult) -> Value {
    let Some(worth) = &result.information else {
        return Value::Null;
    };
    let inputs: Vec<Value> = worth
        .inputs
        .iter()
        .map(|(place, usd)| json!({"input": result.inputs.get(*place), "usd": usd}))
        .collect();
    json!({"best": case.scenarios.get(worth.best).map(|scenario| &scenario.name), "best_mean_horizon_usd": -worth.best_mean,
        "everything_usd": worth.everything, "inputs": inputs})
}

/// Bills over volumes, and a tornado of each way.
fn plots(case: &TcoCase, result: &TcoResult) -> Vec<Plot> {
    let mut plots = vec![volume_plot(case, result)];
    for found in &result.scenarios {
        if let Some(spread) = found.spread.as_ref().filter(|spread| !spread.tornado.is_empty()) {
            plots.push(tornado_plot(
                &found.name,
                &spread.tornado,
                found.horizon_usd,
                "cost over the horizon",
            ));
        }
    }
    plots
}

fn volume_plot(case: &TcoCase, result: &TcoResult) -> Plot {
    let bills = case.bills(POINTS);
    let spots = crossings_of_the_cheapest(case, result);
    let told: Vec<String> = spots.iter().map(|spot| spot.label.clone()).collect();
    let told = if told.is_empty() {
        "the same way is the cheapest everywhere".to_owned()
    } else {
        told.join("; ")
    };
    let description = format!(
        "What each way costs a month from {:.0} to {:.0} requests a month: {told}.",
        case.volumes.0, case.volumes.1
    );
    let curves = case.scenarios.iter().zip(bills).map(|(scenario, points)| Curve {
        name: scenario.name.clone(),
        points,
        band: Vec::new(),
    });
    let plot = Curves {
        title: "Cost against volume".to_owned(),
        description: description.clone(),
        x_label: "requests a month".to_owned(),
        y_label: "dollars a month".to_owned(),
        curves: curves.collect(),
        spots,
    };
    Plot {
        name: "volume".to_owned(),
        svg: curves_svg(&plot),
        description,
    }
}

/// Volumes from which on another way is the cheapest of all.
fn crossings_of_the_cheapest(case: &TcoCase, result: &TcoResult) -> Vec<Spot> {
    let once = |scenario: &Scenario| scenario.one_off_usd() / f64::from(case.horizon_months.max(1));
    let bill =
        |scenario: &Scenario, volume: f64| scenario.running_usd(&case.workload, volume) + once(scenario);
    let least = |volume: f64| {
        case.scenarios
            .iter()
            .map(|scenario| bill(scenario, volume))
            .fold(f64::INFINITY, f64::min)
    };
    let mut spots: Vec<Spot> = Vec::new();
    for crossing in result.break_even.iter().flat_map(|pair| &pair.crossings) {
        let Some(name) = &crossing.cheaper_above else {
            continue;
        };
        let Some(scenario) = case.scenarios.iter().find(|scenario| scenario.name == *name) else {
            continue;
        };
        // A hair above the crossing, where a step has been taken.
        let above = crossing.volume * (1.0 + 1e-9);
        if bill(scenario, above) <= least(above) * (1.0 + 1e-9) {
            spots.push(Spot {
                x: crossing.volume,
                y: bill(scenario, above),
                label: format!("{name} from {:.0}", crossing.volume),
            });
        }
    }
    spots.sort_by(|a, b| a.x.total_cmp(&b.x));
    spots.dedup_by(|a, b| a.label == b.label);
    spots.truncate(SPOTS_MAX);
    spots
}

fn break_even_text(found: &BreakEven) -> String {
    let stretches: Vec<String> = found
        .stretches
        .iter()
        .take(CROSSINGS_SHOWN + 1)
        .map(|stretch| {
            let cheaper = stretch.cheaper.as_deref().unwrap_or("both equal");
            format!("{cheaper} {:.0}–{:.0}", stretch.from, stretch.to)
        })
        .collect();
    let more = found.stretches.len().saturating_sub(CROSSINGS_SHOWN + 1);
    let more = if more > 0 {
        format!("; {more} more stretches")
    } else {
        String::new()
    };
    let never = if found.crossings.is_empty() {
        " (never crosses)"
    } else {
        ""
    };
    let needed = found.utilisation_needed.map_or_else(String::new, |needed| {
        if needed > 1.0 {
            "; no use of the machines is enough".to_owned()
        } else {
            format!("; needs machines used {:.0} %", 100.0 * needed)
        }
    });
    format!(
        "{} against {}: {}{more}{never}{needed}",
        found.a,
        found.b,
        stretches.join(", ")
    )
}

fn for_markdown(case: &TcoCase, result: &TcoResult) -> String {
    let mut text = format!(
        "| way to serve | kind | a month | over {} months | present value | a request | a success | a million tokens | use | \
         P(cheapest) |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        case.horizon_months
    );
    for found in &result.scenarios {
        let spread = found.spread.as_ref();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            found.name.replace('|', "\\|"),
            found.kind,
            spread.map_or_else(
                || dollars(found.monthly_usd),
                |spread| middle_80(&spread.monthly_usd)
            ),
            spread.map_or_else(
                || dollars(found.horizon_usd),
                |spread| middle_80(&spread.horizon_usd)
            ),
            dollars(found.present_value_usd),
            dollars(found.usd_per_request),
            spread
                .and_then(|spread| spread.usd_per_success)
                .map(|spread| middle_80(&spread))
                .or_else(|| found.usd_per_success.map(dollars))
                .unwrap_or_else(|| "–".to_owned()),
            dollars(found.usd_per_mtok_allocation),
            share(found.utilisation),
            spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.2}", spread.p_cheapest))
        );
    }
    if let Some(sentence) = information(case, result) {
        let _ = writeln!(
            text,
            "\nMedian and middle 80 % of {} draws; {sentence}.",
            case.draws
        );
    }
    let _ = writeln!(text);
    for found in &result.break_even {
        let _ = writeln!(text, "- {}", break_even_text(found));
    }
    text
}

fn scenario_json(found: &ScenarioCost) -> Value {
    let lines: Vec<Value> = found
        .lines
        .iter()
        .map(|line| json!({"name": line.name, "usd": line.usd, "is_capacity": line.is_capacity}))
        .collect();
    json!({"name": found.name, "kind": found.kind, "monthly_usd": found.monthly_usd, "horizon_usd": found.horizon_usd,
        "present_value_usd": found.present_value_usd, "replicas": found.replicas, "utilisation": found.utilisation,
        "overflow_share": found.overflow_share, "usd_per_request": found.usd_per_request,
        "usd_per_mtok_allocation": found.usd_per_mtok_allocation, "usd_per_mtok_usage": found.usd_per_mtok_usage,
        "billed_replicas": found.billed_replicas, "always_on_usd": found.always_on_usd,
        "usd_per_mtok_input": found.usd_per_mtok_split.map(|split| split.0),
        "usd_per_mtok_output": found.usd_per_mtok_split.map(|split| split.1),
        "usd_per_success": found.usd_per_success,
        "drawn": found.spread.as_ref().map(|spread| json!({
            "monthly_usd": outcome_json(Some(&spread.monthly_usd), "usd"),
            "horizon_usd": outcome_json(Some(&spread.horizon_usd), "usd"),
            "usd_per_success": outcome_json(spread.usd_per_success.as_ref(), "usd"),
            "p_cheapest": spread.p_cheapest, "p_cheapest_per_success": spread.p_cheapest_per_success,
            "tornado": spread.tornado, "tornado_per_success": spread.tornado_per_success})),
        "lines": lines})
}

fn break_even_json(found: &BreakEven) -> Value {
    let stretches: Vec<Value> = found
        .stretches
        .iter()
        .map(|stretch| json!({"from": stretch.from, "to": stretch.to, "cheaper": stretch.cheaper}))
        .collect();
    let crossings: Vec<Value> = found
        .crossings
        .iter()
        .map(|crossing| {
            json!({"requests_per_month": crossing.volume, "meets": crossing.meets, "cheaper_above": crossing.cheaper_above,
                   "utilisation": crossing.utilisation})
        })
        .collect();
    json!({"a": found.a, "b": found.b, "never": found.crossings.is_empty(), "stretches": stretches, "crossings": crossings,
           "utilisation_needed": found.utilisation_needed})
}
