//! `seatrial cost roi`: what alternatives bring in and cost.

use super::document::read_case;
use super::plots::{Plot, write_markdown};
use super::{dollars, outcome_json};
use crate::args::cost::CaseArguments;
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use seatrial_cost::montecarlo::Outcome;
use seatrial_cost::roi::{AlternativeReturn, Cash, RoiCase, RoiResult};
use seatrial_report::case_plot::{Bar, Curve, Curves, Spot, curves_svg, tornado_svg};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;

/// Inputs of a tornado that are shown; the JSON has all.
const BARS_SHOWN: usize = 5;

pub(super) fn roi(arguments: &CaseArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    check_output(arguments.markdown.as_deref())?;
    let case = read_case(&arguments.file, &arguments.store.store, RoiCase::read)?;
    let result = case
        .work_out()
        .map_err(|error| CliError::usage(format!("{}: {error}", arguments.file.display())))?;
    write_markdown(
        arguments.markdown.as_deref(),
        "Return on investment",
        &for_markdown(&case, &result),
        &plots(&result),
    )?;
    Figures {
        schema: "seatrial.cost.roi/1",
        text: for_people(&case, &result),
        warnings: Vec::new(),
        fields: as_json(&case, &result),
    }
    .deliver(arguments.output.json.as_deref())
}

/// The result for people; the demonstration shows it too.
pub(crate) fn for_people(case: &RoiCase, result: &RoiResult) -> String {
    let mut text = format!(
        "returns over {} months, {} draws: median and middle 80 %\n",
        case.horizon_months, case.draws
    );
    for found in &result.alternatives {
        let _ = writeln!(
            text,
            "\n{}  {} ROI  {}",
            found.name,
            capital(found.band),
            times(found.roi.as_ref())
        );
        let _ = writeln!(
            text,
            "  net present value {}  P(return > 0) {:.2}  P(best) {:.2}  {}",
            money(found.npv_usd.as_ref()),
            found.p_positive,
            found.p_best,
            payback(found)
        );
        let _ = writeln!(text, "  {}", break_even(found));
        for bar in found.tornado.iter().take(BARS_SHOWN) {
            let _ = writeln!(
                text,
                "    {:<36} {} … {}",
                bar.input,
                dollars(bar.at_p10),
                dollars(bar.at_p90)
            );
        }
    }
    if let Some(sentence) = information(result) {
        let _ = writeln!(text, "\n{sentence}");
    }
    text
}

fn capital(band: &str) -> &'static str {
    match band {
        "high" => "High",
        "medium" => "Medium",
        _ => "Low",
    }
}

fn times(roi: Option<&Outcome>) -> String {
    roi.map_or_else(
        || "– (nothing is paid)".to_owned(),
        |roi| format!("{:.2} [{:.2}, {:.2}]", roi.p50, roi.p10, roi.p90),
    )
}

fn money(outcome: Option<&Outcome>) -> String {
    outcome.map_or_else(
        || "–".to_owned(),
        |found| {
            format!(
                "{} [{}, {}]",
                dollars(found.p50),
                dollars(found.p10),
                dollars(found.p90)
            )
        },
    )
}

fn payback(found: &AlternativeReturn) -> String {
    match found.payback_month {
        Some(month) => format!("paid back in month {month}"),
        None => "not paid back within the horizon".to_owned(),
    }
}

fn break_even(found: &AlternativeReturn) -> String {
    match &found.break_even_success {
        Some(rate) => format!(
            "breaks even at a success rate of {:.3} [{:.3}, {:.3}]",
            rate.p50, rate.p10, rate.p90
        ),
        None => "no success rate breaks even".to_owned(),
    }
}

fn information(result: &RoiResult) -> Option<String> {
    let worth = result.information.as_ref()?;
    let best = result.choices.get(worth.best)?;
    let most = worth
        .inputs
        .first()
        .and_then(|(place, usd)| Some((result.inputs.get(*place)?, usd)));
    Some(match most {
        Some((input, usd)) => format!(
            "best by net present value: {best}; knowing everything would be worth {}, most of it {input} ({})",
            dollars(worth.everything),
            dollars(*usd)
        ),
        None => format!("best by net present value: {best}; knowing more would not change that"),
    })
}

fn for_markdown(case: &RoiCase, result: &RoiResult) -> String {
    let mut text = format!(
        "Over {} months, {} draws; median and middle 80 %.\n\n| alternative | ROI | return | net present value | P(return > 0) | \
         payback | break-even success |\n|---|---|--:|--:|--:|---|---|\n",
        case.horizon_months, case.draws
    );
    for found in &result.alternatives {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {} | {} |",
            found.name.replace('|', "\\|"),
            capital(found.band),
            times(found.roi.as_ref()),
            money(found.npv_usd.as_ref()),
            found.p_positive,
            payback(found),
            break_even(found)
        );
    }
    if let Some(sentence) = information(result) {
        let _ = writeln!(text, "\n{sentence}");
    }
    text
}

/// The course of cash, the spread of the present value, and a tornado of each alternative.
fn plots(result: &RoiResult) -> Vec<Plot> {
    let all = &result.alternatives;
    let mut plots = vec![cash_plot(all), spread_plot(all)];
    let with_bars = all.iter().filter(|found| !found.tornado.is_empty());
    plots.extend(with_bars.map(|found| {
        tornado_plot(
            &found.name,
            &found.tornado,
            found.npv_at_medians_usd,
            "net present value",
        )
    }));
    plots
}

/// A tornado of an outcome in dollars, with the widest input in words.
pub(super) fn tornado_plot(
    name: &str,
    tornado: &[seatrial_cost::montecarlo::Sensitivity],
    middle: f64,
    what: &str,
) -> Plot {
    let bars: Vec<Bar> = tornado
        .iter()
        .map(|found| Bar {
            name: found.input.clone(),
            at_low: found.at_p10,
            at_high: found.at_p90,
        })
        .collect();
    let widest = tornado.first().map_or_else(String::new, |found| {
        format!(
            "; most by {}: {} to {}",
            found.input,
            dollars(found.at_p10),
            dollars(found.at_p90)
        )
    });
    let description = format!(
        "What the {what} of {name} depends on, around {}{widest}.",
        dollars(middle)
    );
    let title = format!("{name}: what the {what} depends on");
    Plot {
        name: format!("tornado-{name}"),
        svg: tornado_svg(&title, &description, &format!("{what} in dollars"), middle, &bars),
        description,
    }
}

fn cash_plot(all: &[AlternativeReturn]) -> Plot {
    let told: Vec<String> = all
        .iter()
        .map(|found| {
            let last = found.cash.last().map_or(0.0, |cash| cash.p50);
            format!(
                "{} ends at {} and is {}",
                found.name,
                dollars(last),
                payback(found)
            )
        })
        .collect();
    let description = format!(
        "Cumulative cash by month, median and middle 80 %, not discounted: {}.",
        told.join("; ")
    );
    let curve = |found: &AlternativeReturn| Curve {
        name: found.name.clone(),
        points: found
            .cash
            .iter()
            .map(|cash| (f64::from(cash.month), cash.p50))
            .collect(),
        band: found
            .cash
            .iter()
            .map(|cash: &Cash| (f64::from(cash.month), cash.p10, cash.p90))
            .collect(),
    };
    let spot = |found: &AlternativeReturn| {
        let month = found.payback_month?;
        let cash = found.cash.iter().find(|cash| cash.month == month)?;
        Some(Spot {
            x: f64::from(month),
            y: cash.p50,
            label: format!("{} paid back", found.name),
        })
    };
    let plot = Curves {
        title: "Cumulative cash".to_owned(),
        description: description.clone(),
        x_label: "month".to_owned(),
        y_label: "dollars".to_owned(),
        curves: all.iter().map(curve).collect(),
        spots: all.iter().filter_map(spot).collect(),
    };
    Plot {
        name: "cash".to_owned(),
        svg: curves_svg(&plot),
        description,
    }
}

fn spread_plot(all: &[AlternativeReturn]) -> Plot {
    let told: Vec<String> = all
        .iter()
        .map(|found| format!("{} {}", found.name, money(found.npv_usd.as_ref())))
        .collect();
    let description = format!(
        "How draws of the net present value are spread, median and middle 80 %: {}.",
        told.join("; ")
    );
    let curve = |found: &AlternativeReturn| Curve {
        name: found.name.clone(),
        points: found.histogram.clone(),
        band: Vec::new(),
    };
    let plot = Curves {
        title: "Net present value".to_owned(),
        description: description.clone(),
        x_label: "dollars".to_owned(),
        y_label: "share of draws".to_owned(),
        curves: all.iter().map(curve).collect(),
        spots: Vec::new(),
    };
    Plot {
        name: "distribution".to_owned(),
        svg: curves_svg(&plot),
        description,
    }
}

fn as_json(case: &RoiCase, result: &RoiResult) -> Value {
    let alternatives: Vec<Value> = result
        .alternatives
        .iter()
        .map(|found| {
            json!({"name": found.name, "band": found.band, "roi": outcome_json(found.roi.as_ref(), "ratio"),
                "npv_usd": outcome_json(found.npv_usd.as_ref(), "usd"), "benefit_usd": outcome_json(found.benefit_usd.as_ref(), "usd"),
                "cost_usd": outcome_json(found.cost_usd.as_ref(), "usd"), "p_positive": found.p_positive, "p_best": found.p_best,
                "payback_month": found.payback_month, "p_paid_back": found.p_paid_back,
                "break_even_success": outcome_json(found.break_even_success.as_ref(), "share"), "tornado": found.tornado,
                "cash": found.cash})
        })
        .collect();
    let information = result.information.as_ref().map(|worth| {
        let inputs: Vec<Value> = worth
            .inputs
            .iter()
            .map(|(place, usd)| json!({"input": result.inputs.get(*place), "usd": usd}))
            .collect();
        json!({"best": result.choices.get(worth.best), "best_mean_npv_usd": worth.best_mean, "everything_usd": worth.everything,
               "inputs": inputs})
    });
    json!({"name": case.name, "horizon_months": case.horizon_months, "discount_rate": case.discount_rate,
           "draws": case.draws, "seed": case.seed, "bands": {"high": case.bands.high, "medium": case.bands.medium},
           "alternatives": alternatives, "value_of_information": information})
}
