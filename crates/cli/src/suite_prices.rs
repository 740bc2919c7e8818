//! Prices that a suite names by their place: looked up in a table or a price file before the plan is frozen, so that the
//! plan holds numbers. Apart from `config`, which knows no tables, and from the tables, which know no suites.

use crate::commands::cost::tables::{Loaded, load_one};
use crate::error::CliError;
use crate::output;
use crate::session::{self, Resume, Session};
use seatrial_config::{DraftPlan, Location, PriceTable, Target};
use seatrial_cost::prices::{Book, Circumstances, Entry, Moment, NotFound, flatten, tier_name};
use seatrial_store::{Catalog, SqliteStore};
use seatrial_types::{Price, RunId};
use serde_json::Value;
use std::path::Path;

/// Models that a hint names.
const SUGGESTED_MAX: usize = 3;

/// Puts the price of every target and model that names a table in its place. A run that is continued by its id keeps the
/// prices that are in its plan, whatever the table says by now.
///
/// # Errors
/// Tables that are not there or cannot be read, models that are not in them, prices that are not one number; all of a
/// suite in one go.
pub(crate) fn look_up(session: &mut Session) -> Result<(), CliError> {
    let is_priced = |target: &Target| target.price_table.is_none();
    if session
        .draft
        .targets
        .iter()
        .chain(&session.draft.models)
        .all(is_priced)
    {
        return Ok(());
    }
    if let Resume::Run(id) = &session.resume
        && keep_recorded(&mut session.draft, &session.store, id)
    {
        return Ok(());
    }
    let moment = Moment::parse(&session::now());
    let mut tables = Tables {
        store: &session.store,
        loaded: Vec::new(),
    };
    let mut problems = session.draft.diagnostics();
    let mut found = Vec::new();
    for (place, target) in asked(&session.draft) {
        let Some(wanted) = &target.price_table else {
            found.push(None);
            continue;
        };
        match tables.price(wanted, moment) {
            Ok(priced) => {
                output::stderr(&format!("price of {}: {}\n", target.name, priced.told));
                let notes = priced.notes.iter();
                session
                    .warnings
                    .extend(notes.map(|note| format!("price of {}: {note}", target.name)));
                found.push(Some(priced.price));
            }
            Err(Wrong::Place { key, message, hint }) => {
                problems.push_at(place.locate(&session.draft, key), message, hint);
                found.push(None);
            }
            Err(Wrong::File(error)) => return Err(error),
        }
    }
    if !problems.is_empty() {
        return Err(CliError::rendered(problems.render(output::colors_stderr())));
    }
    let draft = &mut session.draft;
    for (target, price) in draft.targets.iter_mut().chain(&mut draft.models).zip(found) {
        target.price = price.or(target.price.take());
    }
    Ok(())
}

/// Where a target is in its suite.
#[derive(Clone, Copy)]
enum Place {
    Target(usize),
    Model(usize),
}

impl Place {
    fn locate(self, draft: &DraftPlan, key: &str) -> Location {
        let key = format!("price/{key}");
        match self {
            Self::Target(index) => draft.locate_target(index, &key),
            Self::Model(index) => draft.locate_model(index, &key),
        }
    }
}

fn asked(draft: &DraftPlan) -> impl Iterator<Item = (Place, &Target)> {
    let targets = draft.targets.iter().enumerate();
    let models = draft.models.iter().enumerate();
    targets
        .map(|(index, target)| (Place::Target(index), target))
        .chain(models.map(|(index, model)| (Place::Model(index), model)))
}

/// Takes prices from the plan of a run; whether there were prices for all.
fn keep_recorded(draft: &mut DraftPlan, store: &Path, run: &RunId) -> bool {
    let recorded = || -> Option<Value> {
        let store = SqliteStore::open_read_only(store).ok()?;
        let row = session::named_run(&store, run.as_str()).ok()??;
        serde_json::from_str(&store.plan(row.header.plan_hash).ok()??).ok()
    };
    let Some(plan) = recorded() else { return false };
    let price_of = |group: &str, target: &Target| -> Option<Price> {
        let all = plan["suite"][group].as_array()?;
        let same = all
            .iter()
            .find(|planned| planned["name"] == target.name.as_str())?;
        serde_json::from_value(same["price"].clone()).ok()
    };
    let DraftPlan { targets, models, .. } = draft;
    let mut is_whole = true;
    for (group, target) in targets
        .iter_mut()
        .map(|target| ("targets", target))
        .chain(models.iter_mut().map(|model| ("models", model)))
        .filter(|(_, target)| target.price_table.is_some())
    {
        target.price = price_of(group, target);
        is_whole &= target.price.is_some();
    }
    is_whole
}

/// Tables that were read, by what they are loaded by.
struct Tables<'a> {
    store: &'a Path,
    loaded: Vec<(String, Loaded)>,
}

struct Priced {
    price: Price,
    told: String,
    notes: Vec<String>,
}

enum Wrong {
    /// A key of the suite's `price`.
    Place {
        key: &'static str,
        message: String,
        hint: Option<String>,
    },
    /// The table itself.
    File(CliError),
}

impl Tables<'_> {
    fn price(&mut self, wanted: &PriceTable, moment: Option<Moment>) -> Result<Priced, Wrong> {
        let tier = match wanted.tier.as_deref() {
            None => None,
            Some(word) => tier_name(word),
        };
        let loaded = self.load(wanted)?;
        let entry = loaded
            .book
            .named(&wanted.id)
            .map_err(|why| not_found(&loaded.book, &wanted.id, &why))?;
        let circumstances = Circumstances {
            tier: tier.as_deref(),
            region: wanted.region.as_deref(),
            moment,
            ..Circumstances::default()
        };
        let price = flatten(&entry.sheet, &circumstances).map_err(|why| Wrong::Place {
            key: "id",
            message: format!(
                "`{}` of {} is not one price: {why}",
                entry.key, loaded.book.source
            ),
            hint: Some("write the price out: `{input_usd_per_mtok: …, output_usd_per_mtok: …}`".to_owned()),
        })?;
        Ok(Priced {
            told: told(loaded, entry, &price),
            notes: entry.notes.clone(),
            price,
        })
    }

    fn load(&mut self, wanted: &PriceTable) -> Result<&Loaded, Wrong> {
        let path = wanted.path.as_ref().map(|path| path.display().to_string());
        let named = match (&wanted.table, &path) {
            (Some(table), Some(path)) => format!("{table}={path}"),
            (Some(table), None) => table.clone(),
            (None, path) => path.clone().unwrap_or_default(),
        };
        let known = self.loaded.iter().position(|(name, _)| *name == named);
        let place = match known {
            Some(place) => place,
            None => {
                let loaded = self.read(&named, wanted)?;
                self.loaded.push((named, loaded));
                self.loaded.len() - 1
            }
        };
        Ok(&self.loaded[place].1)
    }

    fn read(&self, named: &str, wanted: &PriceTable) -> Result<Loaded, Wrong> {
        if let (Some(table), None) = (&wanted.table, &wanted.path)
            && !self.store.join("prices").join(format!("{table}.json")).is_file()
        {
            return Err(Wrong::Place {
                key: "table",
                message: format!(
                    "the table {table} was not imported: {} has no prices of it",
                    self.store.display()
                ),
                hint: Some(format!(
                    "import it: seatrial cost prices import {table} --from FILE-OR-URL; or name its file: `path: …`"
                )),
            });
        }
        if let Some(path) = &wanted.path
            && !path.is_file()
        {
            return Err(Wrong::Place {
                key: "path",
                message: format!("there is no file {}", path.display()),
                hint: Some("paths are relative to the suite".to_owned()),
            });
        }
        load_one(named, self.store).map_err(Wrong::File)
    }
}

/// The message of a model that is not there, with those that have its name at other providers.
fn not_found(book: &Book, id: &str, why: &NotFound) -> Wrong {
    let bare = id.rsplit('/').next().unwrap_or(id).to_lowercase();
    let alike: Vec<String> = book
        .entries()
        .iter()
        .filter(|entry| !bare.is_empty() && entry.model.to_lowercase().contains(&bare))
        .take(SUGGESTED_MAX)
        .map(|entry| format!("`{}/{}`", entry.provider, entry.model))
        .collect();
    let message = match why {
        NotFound::None { .. } => format!("{} has no model `{id}`", book.source),
        NotFound::Several { model, providers } => {
            format!("`{model}` has different prices at {providers} in {}", book.source)
        }
    };
    let hint = if alike.is_empty() {
        format!(
            "look for it: seatrial cost prices list TEXT --prices {}",
            book.source
        )
    } else {
        format!("name provider and model: {}", alike.join(", "))
    };
    Wrong::Place {
        key: "id",
        message,
        hint: Some(hint),
    }
}

fn told(loaded: &Loaded, entry: &Entry, price: &Price) -> String {
    let as_of = loaded
        .book
        .as_of
        .as_ref()
        .map_or_else(String::new, |day| format!(" of {day}"));
    let cliffs = if price.above.is_empty() {
        ""
    } else {
        ", more for long prompts"
    };
    format!(
        "${} in, ${} out per million tokens{cliffs} ({}{as_of}, {})",
        price.input_usd_per_mtok, price.output_usd_per_mtok, loaded.book.source, entry.key
    )
}
