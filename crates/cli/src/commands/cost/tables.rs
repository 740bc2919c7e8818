//! From what `--prices` names to books: price files, and the two open tables as files, from an address, or as they were
//! imported beside the record.

use super::document::{read_text, read_text_document};
use crate::args::cost::BookArguments;
use crate::error::CliError;
use crate::output;
use seatrial_cost::prices::{Book, TableError, read_genai_prices, read_litellm, read_price_file};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Largest table: ten times the size of today's.
const TABLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Folder of imported tables, below the store.
const FOLDER: &str = "prices";

/// A table whose form is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    LiteLlm,
    GenaiPrices,
}

impl Table {
    const ALL: [Self; 2] = [Self::LiteLlm, Self::GenaiPrices];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::GenaiPrices => "genai-prices",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    pub(super) fn parse(name: &str) -> Result<Self, CliError> {
        Self::of_name(name).ok_or_else(|| {
            CliError::usage(format!("there is no price table `{name}`"))
                .hint("expected litellm or genai-prices")
        })
    }

    pub(super) fn read(self, text: &str) -> Result<Book, TableError> {
        match self {
            Self::LiteLlm => read_litellm(text, self.name()),
            Self::GenaiPrices => read_genai_prices(text, self.name()),
        }
    }
}

/// A book and where it was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) book: Book,
    pub(crate) from: String,
}

/// The books that arguments name, in their order; all imported tables where they name none.
pub(super) fn load(arguments: &BookArguments) -> Result<Vec<Loaded>, CliError> {
    let store = &arguments.store.store;
    if !arguments.prices.is_empty() {
        return arguments
            .prices
            .iter()
            .map(|prices| load_one(prices, store))
            .collect();
    }
    let imported: Vec<Table> = Table::ALL
        .into_iter()
        .filter(|table| copy_of(*table, store).is_file())
        .collect();
    if imported.is_empty() {
        return Err(CliError::usage("no prices are given, and none were imported").hint(
            "name some with --prices FILE, or keep a table: seatrial cost prices import litellm --from FILE",
        ));
    }
    imported
        .into_iter()
        .map(|table| load_copy(table, store))
        .collect()
}

/// The books alone.
pub(super) fn load_books(arguments: &BookArguments) -> Result<Vec<Book>, CliError> {
    Ok(load(arguments)?.into_iter().map(|loaded| loaded.book).collect())
}

/// One source: `litellm`, `litellm=FILE`, `litellm=URL`, or a file whose form is found out.
pub(crate) fn load_one(prices: &str, store: &Path) -> Result<Loaded, CliError> {
    if let Some(table) = Table::of_name(prices) {
        return load_copy(table, store);
    }
    if let Some((name, from)) = prices.split_once('=')
        && let Some(table) = Table::of_name(name)
    {
        let text = text_of(from, None)?;
        return Ok(Loaded {
            book: read_table(table, &text, from)?,
            from: from.to_owned(),
        });
    }
    let text = text_of(prices, None)?;
    let book = match form_of(&text) {
        Some(table) => read_table(table, &text, prices)?,
        None => {
            let path = Path::new(prices);
            let name = path
                .file_name()
                .map_or(prices.into(), |name| name.to_string_lossy());
            read_text_document(&text, path, |document| read_price_file(document, &name))?
        }
    };
    Ok(Loaded {
        book,
        from: prices.to_owned(),
    })
}

/// Whether a JSON text is one of the tables. A price file that is written in JSON is none.
fn form_of(text: &str) -> Option<Table> {
    let start = text.trim_start();
    if !start.starts_with(['{', '[']) {
        return None;
    }
    let document: Value = serde_json::from_str(text).ok()?;
    match &document {
        Value::Array(_) => Some(Table::GenaiPrices),
        Value::Object(models)
            if models
                .values()
                .any(|model| model.get("litellm_provider").is_some()) =>
        {
            Some(Table::LiteLlm)
        }
        _ => None,
    }
}

fn read_table(table: Table, text: &str, from: &str) -> Result<Book, CliError> {
    table.read(text).map_err(|error| {
        CliError::usage(format!(
            "failed to read {from} as the table {}: {error}",
            table.name()
        ))
    })
}

/// The text of a file or of what an address leads to.
pub(super) fn text_of(from: &str, ca_file: Option<&Path>) -> Result<String, CliError> {
    if !from.starts_with("http://") && !from.starts_with("https://") {
        return read_text(Path::new(from), TABLE_BYTES_MAX);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::infrastructure(format!("failed to start the network runtime: {error}")))?;
    let fetched = runtime.block_on(seatrial_provider::download::download(
        from,
        TABLE_BYTES_MAX,
        ca_file,
    ));
    runtime.shutdown_background();
    let bytes = fetched.map_err(CliError::infrastructure)?;
    String::from_utf8(bytes).map_err(|_| CliError::usage(format!("{from} is not UTF-8")))
}

fn copy_of(table: Table, store: &Path) -> PathBuf {
    store.join(FOLDER).join(format!("{}.json", table.name()))
}

fn note_of(table: Table, store: &Path) -> PathBuf {
    store.join(FOLDER).join(format!("{}.origin.json", table.name()))
}

fn load_copy(table: Table, store: &Path) -> Result<Loaded, CliError> {
    let path = copy_of(table, store);
    if !path.is_file() {
        let name = table.name();
        return Err(CliError::usage(format!("the table {name} was not imported: there is no {}", path.display()))
            .hint(format!(
                "import it: seatrial cost prices import {name} --from FILE; or name its file: --prices {name}=FILE"
            )));
    }
    let text = read_text(&path, TABLE_BYTES_MAX)?;
    let mut book = read_table(table, &text, &path.display().to_string())?;
    let note = read_text(&note_of(table, store), TABLE_BYTES_MAX).ok();
    let note: Value = note
        .and_then(|note| serde_json::from_str(&note).ok())
        .unwrap_or_default();
    book.as_of = note["as_of"].as_str().map(str::to_owned);
    Ok(Loaded {
        book,
        from: note["from"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Keeps a copy of a table that was read, with where and of when it is.
pub(super) fn keep_copy(
    table: Table,
    text: &str,
    from: &str,
    as_of: &str,
    store: &Path,
) -> Result<PathBuf, CliError> {
    let path = copy_of(table, store);
    let folder = store.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| {
        CliError::infrastructure(format!("failed to create {}: {error}", folder.display()))
    })?;
    let note = json!({"from": from, "as_of": as_of, "imported_at": crate::session::now()});
    output::write_whole(&path, text)?;
    output::write_whole(&note_of(table, store), &format!("{note}\n"))?;
    Ok(path)
}
