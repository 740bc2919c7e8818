//! `seatrial cost risk`: what failures cost in a year.

use super::document::read_case;
use super::plots::{Plot, write_markdown};
use super::{dollars, outcome_json};
use crate::args::cost::CaseArguments;
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use seatrial_cost::montecarlo::Outcome;
use seatrial_cost::risk::{RiskRegister, RiskResult};
use seatrial_report::case_plot::{Curve, Curves, Spot, curves_svg};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn risk(arguments: &CaseArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    check_output(arguments.markdown.as_deref())?;
    let register = read_case(&arguments.file, &arguments.store.store, RiskRegister::read)?;
    let result = register.work_out();
    write_markdown(
        arguments.markdown.as_deref(),
        "Business risk",
        &for_markdown(&result),
        &[exceedance_plot(&result)],
    )?;
    let risks: Vec<Value> = result
        .risks
        .iter()
        .map(|found| {
            json!({"name": found.name, "kind": found.kind, "events_per_year": found.events_per_year,
                "annual_loss_usd": outcome_json(found.annual_loss_usd.as_ref(), "usd"),
                "value_at_risk_95_usd": found.value_at_risk_usd, "share": found.share})
        })
        .collect();
    let mitigations: Vec<Value> = result
        .mitigations
        .iter()
        .map(|found| {
            json!({"name": found.name, "prevented_usd": outcome_json(found.prevented_usd.as_ref(), "usd"),
                "cost_usd": found.cost_usd, "net_usd": outcome_json(found.net_usd.as_ref(), "usd"), "p_pays": found.p_pays,
                "pays": found.pays})
        })
        .collect();
    Figures {
        schema: "seatrial.cost.risk/1",
        text: for_people(&register, &result),
        warnings: Vec::new(),
        fields: json!({"name": register.name, "draws": register.draws, "seed": register.seed, "risks": risks,
            "expected_annual_loss_usd": result.annual_loss_usd.map(|loss| loss.mean),
            "annual_loss_usd": outcome_json(result.annual_loss_usd.as_ref(), "usd"),
            "value_at_risk_95_usd": result.value_at_risk_usd, "expected_shortfall_95_usd": result.expected_shortfall_usd,
            "mitigations": mitigations,
            "exceedance": result.exceedance.iter().map(|(usd, p)| json!({"usd": usd, "probability": p})).collect::<Vec<_>>()}),
    }
    .deliver(arguments.output.json.as_deref())
}

fn exceedance_plot(result: &RiskResult) -> Plot {
    let at_risk = result.value_at_risk_usd;
    let median = result.annual_loss_usd.map_or(0.0, |loss| loss.p50);
    let description = format!(
        "Probability that a year's loss is above an amount: one half above {}, 5 % above {}; beyond that {} in the mean.",
        dollars(median),
        dollars(at_risk),
        dollars(result.expected_shortfall_usd)
    );
    let plot = Curves {
        title: "Loss of a year".to_owned(),
        description: description.clone(),
        x_label: "dollars".to_owned(),
        y_label: "probability of a greater loss".to_owned(),
        curves: vec![Curve {
            name: "all failures".to_owned(),
            points: result.exceedance.clone(),
            band: Vec::new(),
        }],
        spots: vec![Spot {
            x: at_risk,
            y: 0.05,
            label: format!("value at risk (95 %) {}", dollars(at_risk)),
        }],
    };
    Plot {
        name: "exceedance".to_owned(),
        svg: curves_svg(&plot),
        description,
    }
}

fn spread(outcome: Option<&Outcome>) -> String {
    outcome.map_or_else(
        || "–".to_owned(),
        |found| {
            format!(
                "{} [{}, {}]",
                dollars(found.mean),
                dollars(found.p10),
                dollars(found.p90)
            )
        },
    )
}

fn for_people(register: &RiskRegister, result: &RiskResult) -> String {
    let mut text = format!(
        "loss of a year, {} draws: mean and middle 80 %\n\nall  {}  value at risk (95 %) {}  beyond it {}\n",
        register.draws,
        spread(result.annual_loss_usd.as_ref()),
        dollars(result.value_at_risk_usd),
        dollars(result.expected_shortfall_usd)
    );
    for found in &result.risks {
        let _ = writeln!(
            text,
            "  {:<24} {:<14} {:>9.1} unnoticed a year  {}  value at risk {}  {:.0} % of all",
            found.name,
            found.kind,
            found.events_per_year,
            spread(found.annual_loss_usd.as_ref()),
            dollars(found.value_at_risk_usd),
            100.0 * found.share
        );
    }
    for found in &result.mitigations {
        let _ = writeln!(text, "{}", mitigation(found));
    }
    text
}

fn mitigation(found: &seatrial_cost::risk::MitigationWorth) -> String {
    format!(
        "{} {}: prevents {} for {}, net {}, P(pays) {:.2}",
        found.name,
        if found.pays { "pays" } else { "does not pay" },
        spread(found.prevented_usd.as_ref()),
        dollars(found.cost_usd),
        spread(found.net_usd.as_ref()),
        found.p_pays
    )
}

fn for_markdown(result: &RiskResult) -> String {
    let mut text = format!(
        "Expected loss of a year {} (middle 80 % in brackets); value at risk (95 %) {}; mean beyond it {}.\n\n\
         | failure | kind | unnoticed a year | loss of a year | value at risk (95 %) | share |\n|---|---|--:|--:|--:|--:|\n",
        spread(result.annual_loss_usd.as_ref()),
        dollars(result.value_at_risk_usd),
        dollars(result.expected_shortfall_usd)
    );
    for found in &result.risks {
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {} | {} | {:.0} % |",
            found.name.replace('|', "\\|"),
            found.kind,
            found.events_per_year,
            spread(found.annual_loss_usd.as_ref()),
            dollars(found.value_at_risk_usd),
            100.0 * found.share
        );
    }
    let _ = writeln!(text);
    for found in &result.mitigations {
        let _ = writeln!(text, "- {}", mitigation(found));
    }
    text
}
