//! A comparison of two endpoints on the screen, as Markdown with a picture, and as JSON. Apart from the measuring, which
//! it only lays out.

use super::contrasts::{Compared, markdown_table, table};
use super::duel::{Contender, Duel};
use super::result::LEVEL;
use super::several::fenced;
use crate::error::CliError;
use crate::output;
use seatrial_load::plot::{Axes, Line, Point, picture};
use seatrial_types::TOOL_VERSION;
use serde_json::{Value, json};
use std::fmt::Write;

const METHOD: &str = "paired_block_bootstrap";
/// Figures of which a picture is drawn.
const PICTURES_MAX: usize = 4;

/// Writes what was asked for.
pub(super) fn tell(duel: &Duel<'_>) -> Result<(), CliError> {
    let wanted = &duel.arguments.load.output;
    let report = report(duel);
    super::tell_report(&report, &wanted.json)?;
    if let Some(path) = &wanted.markdown {
        output::write_whole(path, &markdown(duel))?;
    }
    match &wanted.json {
        Some(path) => super::write_json(path, &json_of(duel)),
        None => Ok(()),
    }
}

const fn risk(duel: &Duel<'_>) -> f64 {
    duel.arguments.load.against.margins.risk
}

fn head(duel: &Duel<'_>) -> String {
    let line = |name: &str, side: &Contender| {
        format!(
            "{name:<10} {} {} at {}: {} ok, {} failed\n",
            side.asked.api,
            side.asked.model.as_deref().unwrap_or(""),
            side.asked.url,
            side.counts.ok,
            side.counts.failed
        )
    };
    let shape = &duel.arguments.load.shape;
    let load = match &shape.rate {
        Some(rate) => format!(
            "open loop, {rate} requests per second, {} arrivals",
            shape.arrivals
        ),
        None => format!("closed loop, {} users", shape.concurrency.unwrap_or(0)),
    };
    format!(
        "{}{}{load}\n{} of {} pairs of blocks by turns, {:.1} s each after {:.1} s of load and before {:.1} s more, seed {}\n",
        line("baseline", &duel.baseline),
        line("candidate", &duel.candidate),
        duel.pairs,
        duel.arguments.blocks.pairs,
        duel.length.as_secs_f64(),
        shape.warmup.as_secs_f64(),
        duel.arguments.blocks.cooldown.as_secs_f64(),
        shape.seed
    )
}

fn tail(duel: &Duel<'_>) -> String {
    let mut text = format!("verdict    {} (risk {})\n", duel.verdict.as_str(), risk(duel));
    for warning in &duel.warnings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "warning: {warning}");
    }
    for (name, side) in [("baseline", &duel.baseline), ("candidate", &duel.candidate)] {
        if let Some(error) = &side.first_error {
            let _ = writeln!(text, "error: of the {name}, the first: {error}");
        }
    }
    text
}

fn report(duel: &Duel<'_>) -> String {
    format!(
        "{}\n{}\n{}",
        head(duel),
        table(&duel.compared, risk(duel)),
        tail(duel)
    )
}

fn markdown(duel: &Duel<'_>) -> String {
    let mut text = format!(
        "# Load: candidate against baseline\n\n{}\n{}\n{}",
        fenced(&head(duel)),
        markdown_table(&duel.compared, risk(duel)),
        fenced(&tail(duel))
    );
    let is_drawn = |one: &&Compared| one.contrast.is_some() && one.figure.has_ratio();
    for svg in duel
        .compared
        .iter()
        .filter(is_drawn)
        .take(PICTURES_MAX)
        .filter_map(by_pair)
    {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{svg}\n");
    }
    text
}

/// Both sides of each pair: drift of the machine shows as both going the same way.
#[expect(clippy::cast_precision_loss, reason = "numbers of pairs")]
fn by_pair(one: &Compared) -> Option<String> {
    let line = |name: &str, side: fn(&super::contrasts::PairValues) -> Option<f64>| Line {
        name: name.to_owned(),
        points: one
            .pairs
            .iter()
            .filter(|pair| !pair.is_left_out)
            .filter_map(|pair| {
                Some(Point {
                    x: pair.pair as f64,
                    y: side(pair)?,
                    range: None,
                })
            })
            .collect(),
    };
    let title = format!("{} by pair of blocks", one.figure);
    let axes = Axes {
        title: &title,
        x: "pair",
        y: one.figure.unit(),
        is_log_x: false,
    };
    picture(
        &axes,
        &[
            line("baseline", |pair| pair.baseline),
            line("candidate", |pair| pair.candidate),
        ],
    )
}

fn side_json(side: &Contender) -> Value {
    json!({
        "target": super::result::target_json(&side.asked),
        "requests": {
            "n": side.counts.n,
            "ok": side.counts.ok,
            "failed": side.counts.failed,
            "by_error": side.counts.by_error,
            "cut_off": side.counts.cut_off,
            "ended_after_load": side.drained,
        },
        "first_error": side.first_error,
    })
}

fn json_of(duel: &Duel<'_>) -> Value {
    let margins = &duel.arguments.load.against.margins;
    let figures: Vec<Value> = duel
        .compared
        .iter()
        .map(|one| one.json(METHOD, margins.risk))
        .collect();
    json!({
        "schema": "seatrial.load.compare/1",
        "tool_version": TOOL_VERSION,
        "verdict": duel.verdict.as_str(),
        "exit_code": duel.exit.code(),
        "warnings": duel.warnings,
        "interrupted": duel.is_interrupted,
        "started_at": duel.started_at,
        "ended_at": duel.ended_at,
        "load": super::result::load_json(&duel.arguments.load, &duel.candidate.asked),
        "blocks": {
            "pairs": duel.pairs,
            "pairs_planned": duel.arguments.blocks.pairs,
            "seconds": duel.length.as_secs_f64(),
            "warmup_s": duel.arguments.load.shape.warmup.as_secs_f64(),
            "cooldown_s": duel.arguments.blocks.cooldown.as_secs_f64(),
            "laws_broken": duel.laws_broken,
        },
        "baseline": side_json(&duel.baseline),
        "candidate": side_json(&duel.candidate),
        "risk": margins.risk,
        "level": LEVEL,
        "figures": figures,
    })
}
