//! Gates that compare with a baseline or look at every single case: their margins, directions and columns. Apart from
//! gates with a number, which need none of these.

use crate::diagnostics::shown;
use crate::gate::{Asked, RUN_METRICS};
use crate::plan::{Against, BaselineUse, Condition, Margin, NoCritical, Relation};
use crate::suite::Reader;
use crate::value::parse_percent;
use crate::yaml::{Data, Node};
use seatrial_types::{MetricKind, Pillar, Unit};

/// Margin of `not_worse_than` on shares and scores from 0 to 1 that gives none. Two points whatever n is: a margin that
/// grew as n shrinks would let a worse system pass because less of it was looked at.
pub const DEFAULT_MARGIN: f64 = 0.02;
/// Days after which a baseline is called stale where the suite does not say.
pub const DEFAULT_STALE_DAYS: u32 = 30;
/// Column that says how bad a miss of a case is, for `no_critical` with a list.
pub const SEVERITY_COLUMN: &str = "severity";

/// The suite's `baseline:`.
pub(crate) fn read_baseline(root: &Node) -> Option<BaselineUse> {
    let node = root.get("baseline")?;
    let own = match &node.data {
        Data::Map(_) => node.text("name"),
        _ => node.as_text(),
    };
    let stale_days = node.whole("stale_days").and_then(|days| u32::try_from(days).ok());
    Some(BaselineUse {
        name: own.or_else(|| root.text("name"))?.to_owned(),
        stale_days: stale_days.unwrap_or(DEFAULT_STALE_DAYS),
    })
}

/// The condition of a gate that has no number; `None` where it has one, or where it is wrong and was reported.
pub(crate) fn read_condition(node: &Node, asked: &Asked<'_>, reader: &mut Reader<'_>) -> Option<Condition> {
    let relation = if node.get("not_worse_than").is_some() {
        Some(Relation::NotWorseThan)
    } else if node.get("better_than").is_some() {
        Some(Relation::BetterThan)
    } else {
        None
    };
    if let Some(relation) = relation {
        return read_against(node, relation, asked, reader).map(Condition::Baseline);
    }
    refuse_margin(node, reader);
    node.get("no_critical")?;
    read_critical(node, asked, reader).map(Condition::NoCritical)
}

/// `margin` says nothing beside a number.
pub(crate) fn refuse_margin(node: &Node, reader: &mut Reader<'_>) {
    if let Some(entry) = node.entry("margin") {
        let hint = "remove it, or write `not_worse_than: baseline`".to_owned();
        let message = "`margin` belongs to comparisons with a baseline";
        reader.errors.push(&entry.key.span, message, Some(hint));
    }
}

fn read_against(
    node: &Node,
    relation: Relation,
    asked: &Asked<'_>,
    reader: &mut Reader<'_>,
) -> Option<Against> {
    let higher_is_better = direction(node, asked, reader)?;
    let written = node.get("margin");
    let is_bounded = asked.range.1 <= 1.0;
    let margin = match (margin_of(node), relation) {
        (Some(margin), _) => margin,
        (None, _) if written.is_some() => return None,
        (None, Relation::BetterThan) => Margin::Absolute(0.0),
        (None, Relation::NotWorseThan) if is_bounded => Margin::Absolute(DEFAULT_MARGIN),
        (None, Relation::NotWorseThan) => {
            let message = format!(
                "`not_worse_than` on `{}` needs `margin`: how much worse is still good enough",
                asked.metric
            );
            let hint = format!("add `margin: 10%`, or a number of {}", asked.unit.as_str());
            reader.errors.push(&node.span, message, Some(hint));
            return None;
        }
    };
    if let (Margin::Absolute(margin), true, Some(written)) = (margin, is_bounded, written)
        && margin >= 1.0
    {
        let hint = (margin <= 100.0).then(|| format!("for {margin} points write {}", margin / 100.0));
        let message = format!(
            "a margin of {margin} allows anything: `{}` lies between 0 and 1",
            asked.metric
        );
        reader.errors.push(&written.span, message, hint);
        return None;
    }
    Some(Against {
        relation,
        margin,
        is_margin_given: written.is_some(),
        higher_is_better,
    })
}

/// The margin of a gate, where it has one that fits.
fn margin_of(gate: &Node) -> Option<Margin> {
    match gate.text("margin").and_then(parse_percent) {
        Some(percent) => Some(Margin::Relative(percent / 100.0)),
        None => gate.number("margin").map(Margin::Absolute),
    }
}

/// Which way is better: written, or known of what every task has and of scores of quality.
fn direction(node: &Node, asked: &Asked<'_>, reader: &mut Reader<'_>) -> Option<bool> {
    if let Some(written) = node.text("better") {
        return Some(written == "higher");
    }
    let is_measured = RUN_METRICS.iter().any(|metric| metric.name == asked.metric);
    let known = match (asked.unit, asked.pillar) {
        (Unit::Ms | Unit::Usd | Unit::Tokens, _) => Some(false),
        _ if is_measured => Some(false),
        (Unit::Share | Unit::Score, Pillar::Quality) => Some(true),
        _ => None,
    };
    if known.is_none() {
        let message = format!("whether more or less `{}` is better is not known", asked.metric);
        let hint = "add `better: higher` or `better: lower`".to_owned();
        reader.errors.push(&node.get("metric")?.span, message, Some(hint));
    }
    known
}

fn read_critical(node: &Node, asked: &Asked<'_>, reader: &mut Reader<'_>) -> Option<NoCritical> {
    if asked.kind != MetricKind::Binary {
        let message = format!(
            "`no_critical` needs a metric of rights and wrongs, and `{}` is not one",
            asked.metric
        );
        let hint = "give the scorer a limit (`at_least`), which turns its number into a share".to_owned();
        reader.errors.push(&node.get("metric")?.span, message, Some(hint));
        return None;
    }
    let value = node.get("no_critical")?;
    let severities: Vec<String> = value
        .items()
        .iter()
        .filter_map(|item| item.scalar_text().map(str::to_owned))
        .collect();
    if !severities.is_empty() && !asked.task.slices.iter().any(|column| column == SEVERITY_COLUMN) {
        let message = format!(
            "the column {} is not among the `slices` of task `{}`",
            shown(SEVERITY_COLUMN),
            asked.task.name
        );
        let hint =
            format!("add it to the suite: `slices: [{SEVERITY_COLUMN}]`; every row needs the column then");
        reader.errors.push(&value.span, message, Some(hint));
        return None;
    }
    if let (false, Some(slice)) = (severities.is_empty(), node.entry("slice")) {
        let message = "`slice` and a list in `no_critical` both choose cases, expected one of them";
        let hint = "write `no_critical: true` beside `slice`".to_owned();
        reader.errors.push(&slice.key.span, message, Some(hint));
        return None;
    }
    let is_safety = asked.pillar == Pillar::Safety;
    let is_error = asked.metric == "error_rate";
    Some(NoCritical {
        severities,
        higher_is_better: node.text("better").map_or(!is_error, |word| word == "higher"),
        is_safety,
    })
}
