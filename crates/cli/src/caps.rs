//! Caps of a run on the command line: money, time, errors, and the response cache. Apart from the rest of the command
//! line, because each of them overrides a key of the suite, and what they need is checked before the first call.

use crate::error::CliError;
use crate::output;
use crate::session::{earlier_spend, store_error};
use clap::Args;
use seatrial_config::{CacheMode, DraftPlan, Endpoint, ErrorCap, Target};
use seatrial_engine::{Budget, CostCap};
use seatrial_store::{Events, SqliteStore};
use seatrial_types::{Money, RunId};
use std::ops::ControlFlow;
use std::time::Duration;

#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Caps")]
pub(crate) struct CapArguments {
    /// Stop before this much is spent over all sessions of the run; exit code 5. Overrides `budget: {cost_usd: …}`.
    #[arg(long, value_name = "USD", allow_negative_numbers = true, value_parser = parse_money)]
    pub(crate) max_cost: Option<Money>,
    /// Stop when this session has taken so long, such as `10m`; exit code 5. Overrides `budget: {duration: …}`.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) max_duration: Option<Duration>,
    /// Stop as soon as more than this many samples are errors; exit code 4. Overrides `max_errors` and `max_error_rate`.
    #[arg(long, value_name = "N")]
    pub(crate) max_errors: Option<u64>,
    /// Keep answers and use kept ones instead of asking: `off`, `read-write`, `replay-only` (nobody is asked) or
    /// `refresh` (everybody is). Overrides `cache`.
    #[arg(long, value_name = "MODE", value_parser = parse_cache)]
    pub(crate) cache: Option<CacheMode>,
}

impl CapArguments {
    /// Puts what was given in the place of what the suite says.
    pub(crate) fn apply(&self, draft: &mut DraftPlan) {
        draft.budget.cost_usd = self.max_cost.or(draft.budget.cost_usd);
        draft.budget.duration = self.max_duration.or(draft.budget.duration);
        draft.cache = self.cache.unwrap_or(draft.cache);
        if let Some(most) = self.max_errors {
            draft.error_cap = ErrorCap::MaxErrors(most);
        }
    }
}

fn parse_money(text: &str) -> Result<Money, String> {
    let money: Money = text.parse().map_err(|error| format!("{error}"))?;
    if money < Money::ZERO {
        return Err("expected no less than 0 dollars".to_owned());
    }
    Ok(money)
}

fn parse_time(text: &str) -> Result<Duration, String> {
    seatrial_config::parse_duration(text).ok_or_else(|| {
        "expected a time above 0 and up to 24h with its unit, such as `90s` or `10m`".to_owned()
    })
}

fn parse_cache(text: &str) -> Result<CacheMode, String> {
    let words = CacheMode::WORDS.join("`, `");
    CacheMode::from_word(text).ok_or_else(|| format!("expected one of `{words}`"))
}

/// A cap on money needs a price of everything that is asked.
pub(crate) fn check(draft: &DraftPlan) -> Result<(), CliError> {
    if draft.budget.cost_usd.is_none() || draft.cache == CacheMode::ReplayOnly {
        return Ok(());
    }
    let mut problems = draft.diagnostics();
    let hint = || Some("add `price: {input_usd_per_mtok: …, output_usd_per_mtok: …}`".to_owned());
    for (index, target) in draft.targets.iter().enumerate() {
        if target.price.is_none() && !matches!(target.endpoint, Endpoint::Recorded(_)) {
            let message = format!(
                "the price of target `{}` is unknown, so the cap on money cannot be kept",
                target.name
            );
            problems.push_at(draft.locate_target(index, "price"), message, hint());
        }
    }
    for (index, model) in draft.models.iter().enumerate() {
        if model.price.is_none() && !matches!(model.endpoint, Endpoint::Recorded(_)) {
            let message = format!(
                "the price of model `{}` is unknown, so the cap on money cannot be kept",
                model.name
            );
            problems.push_at(draft.locate_model(index, "price"), message, hint());
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(CliError::rendered(problems.render(output::colors_stderr())))
    }
}

/// Says where a cap on money rests on a guess: an answer without a limit costs what it costs, and nobody knows beforehand
/// what scorers ask.
pub(crate) fn warn_of_unbounded(draft: &DraftPlan) {
    if draft.budget.cost_usd.is_none() {
        return;
    }
    let is_paid =
        |target: &&Target| !matches!(target.endpoint, Endpoint::Recorded(_)) && target.price.is_some();
    for target in draft.targets.iter().filter(is_paid) {
        if target.answer_tokens_max().is_none() {
            output::stderr(&format!(
                "warning: answers of `{}` have no limit, so the cap on money is kept by the dearest answer so far and can be \
                 passed by a dearer one; add `params: {{max_tokens: …}}`\n",
                target.name
            ));
        }
    }
    for model in draft.models.iter().filter(is_paid) {
        output::stderr(&format!(
            "warning: what scorers ask `{}` counts towards the cap on money and is not set aside beforehand: calls under way can \
             pass it\n",
            model.name
        ));
    }
}

/// The budget of this session: what earlier ones have spent is taken from the record.
pub(crate) fn budget(store: &SqliteStore, draft: &DraftPlan, run: &RunId) -> Result<Budget, CliError> {
    let cost = match draft.budget.cost_usd {
        None => None,
        Some(cap) => {
            let mut spent = earlier_spend(store, draft, run)?;
            let mut add = |sample: seatrial_types::SampleFigures| {
                if !sample.cached {
                    spent = spent.saturating_add(sample.cost.unwrap_or_default());
                }
                ControlFlow::Continue(())
            };
            store.for_each_figures(run, &mut add).map_err(store_error)?;
            Some(CostCap {
                cap,
                spent_before: spent,
            })
        }
    };
    Ok(Budget {
        cost,
        duration: draft.budget.duration,
    })
}
