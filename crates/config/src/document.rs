//! Options that hold a JSON document, such as a JSON Schema: written in the suite, or in a file of its own. Apart from
//! the other options because a second file is read; its content becomes part of the plan, so that a change of the file
//! is a change of the plan.

use crate::diagnostics::shown;
use crate::scalar::{Meaning, found, to_json};
use crate::suite::{Reader, load_yaml_value};
use crate::yaml::{Data, Node};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Largest file of a document.
pub const MAX_DOCUMENT_BYTES: u64 = 1024 * 1024;

/// The document of an option. `None` where something was reported.
pub(crate) fn read(key: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Value> {
    match &node.data {
        Data::Broken => return None,
        Data::Map(_) => return Some(to_json(node, &mut reader.errors)),
        Data::Scalar(scalar) => {
            if matches!(scalar.meaning(), Meaning::Bool(_)) {
                return Some(to_json(node, &mut reader.errors));
            }
        }
        Data::List(_) => {}
    }
    let Some(written) = node.as_text().filter(|path| !path.is_empty()) else {
        let message = format!("`{key}` is {}, expected a map or the name of a file", found(node));
        reader.errors.push(&node.span, message, None);
        return None;
    };
    match load(&reader.resolve(node, written)) {
        Ok(value) => Some(value),
        Err(why) => {
            let message = format!(
                "`{key}` names the file {}, which cannot be used: {why}",
                shown(written)
            );
            let hint =
                "paths are relative to the suite; a `.json` file holds JSON, any other YAML".to_owned();
            reader.errors.push(&node.span, message, Some(hint));
            None
        }
    }
}

fn load(path: &Path) -> Result<Value, String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.to_string(),
        })?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_DOCUMENT_BYTES {
        return Err(format!(
            "it has more than {} MiB",
            MAX_DOCUMENT_BYTES / (1024 * 1024)
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    if path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
    {
        serde_json::from_str(&text).map_err(|error| format!("it is not JSON: {error}"))
    } else {
        load_yaml_value(&text, path).map_err(|errors| {
            let first = errors.entries().first();
            first.map_or_else(String::new, |first| {
                format!("{}: {}", first.location, first.message)
            })
        })
    }
}
