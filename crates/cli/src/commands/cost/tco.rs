//! `seatrial cost tco`: ways to serve the same traffic side by side.

use super::document::{read_case, read_text};
use super::{dollars, write_markdown};
use crate::args::cost::CaseArguments;
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use seatrial_cost::tco::{BreakEven, ScenarioCost, TcoCase, TcoResult};
use seatrial_cost::trace::{TraceSummary, read_csv, read_jsonl};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Largest trace.
const TRACE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Crossings of one pair that are shown; the JSON has all.
const CROSSINGS_SHOWN: usize = 6;

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
    let result = case.work_out();
    let text = for_people(&case, &result);
    write_markdown(
        arguments.markdown.as_deref(),
        "Total cost of ownership",
        &for_markdown(&case, &result),
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
                "output_tokens": workload.output_tokens, "peak_factor": workload.peak_factor,
                "growth_per_month": workload.growth_per_month, "cached_share": workload.cached_share},
            "scenarios": scenarios, "break_even": break_even}),
    }
    .deliver(arguments.output.json.as_deref())
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
        workload.peak_factor,
        case.horizon_months
    );
    for found in &result.scenarios {
        let replicas = found.replicas.map_or_else(String::new, |replicas| {
            format!(", {replicas} replicas used {}", share(found.utilisation))
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
        for line in &found.lines {
            let _ = writeln!(text, "    {:<28} {:>14}", line.name, dollars(line.usd));
        }
    }
    if !result.break_even.is_empty() {
        let _ = writeln!(text, "\nbreak-even, requests a month");
    }
    for found in &result.break_even {
        let _ = writeln!(text, "  {}", break_even_text(found));
    }
    text
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
        "| way to serve | kind | a month | over {} months | present value | a request | a million tokens | use |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
        case.horizon_months
    );
    for found in &result.scenarios {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            found.name.replace('|', "\\|"),
            found.kind,
            dollars(found.monthly_usd),
            dollars(found.horizon_usd),
            dollars(found.present_value_usd),
            dollars(found.usd_per_request),
            dollars(found.usd_per_mtok_allocation),
            share(found.utilisation)
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
