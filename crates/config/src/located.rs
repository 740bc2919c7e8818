//! YAML and JSON files of other tools, with the place of every value. Apart from the reading of suites, because their
//! grammar is not ours: whoever reads them decides what is wrong, and this only says where.

use crate::diagnostics::{Diagnostics, Location, Source};
use crate::scalar::to_json;
use crate::suite::parse_bounded;
use crate::yaml::{Data, Node};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

/// A document and the places of its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct LocatedDocument {
    /// The document as JSON.
    pub value: Value,
    places: HashMap<String, Location>,
    source: Source,
}

impl LocatedDocument {
    /// Where the value with this JSON pointer is written, or what is around it where there is no such value.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Option<&Location> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return Some(place);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }

    /// What a reader found wrong, each at the value with its JSON pointer or at what is around it: pointer, message, hint.
    pub fn diagnostics<'a>(
        &self,
        problems: impl IntoIterator<Item = (&'a str, &'a str, Option<&'a str>)>,
    ) -> Diagnostics {
        let mut all = Diagnostics::new(self.source.clone());
        for (pointer, message, hint) in problems {
            let place = self.place(pointer).or_else(|| self.places.get(""));
            let place = place.cloned().unwrap_or_else(|| all.locate(&(0..0)));
            all.push_at(place, message, hint.map(str::to_owned));
        }
        all
    }
}

/// Reads one document: YAML, which JSON is a part of, without anchors, aliases, tags or repeated keys.
///
/// # Errors
/// Everything in the text that JSON cannot hold or that is not YAML; `path` is used for messages.
pub fn load_located(text: &str, path: &Path) -> Result<LocatedDocument, Diagnostics> {
    let (source, root) = parse_bounded(text, path)?;
    let mut errors = Diagnostics::new(source.clone());
    let value = to_json(&root, &mut errors);
    let mut places = HashMap::new();
    note(&root, String::new(), &errors, &mut places);
    if errors.is_empty() {
        Ok(LocatedDocument {
            value,
            places,
            source,
        })
    } else {
        Err(errors)
    }
}

/// Depth is bounded by the reading of YAML.
fn note(node: &Node, pointer: String, errors: &Diagnostics, places: &mut HashMap<String, Location>) {
    match &node.data {
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                note(item, format!("{pointer}/{index}"), errors, places);
            }
        }
        Data::Map(entries) => {
            for entry in entries {
                let key = entry.key.text.replace('~', "~0").replace('/', "~1");
                note(&entry.value, format!("{pointer}/{key}"), errors, places);
            }
        }
        Data::Scalar(_) | Data::Broken => {}
    }
    places.insert(pointer, errors.locate(&node.span));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects places of nested values, and of values that are not there.
    #[test]
    fn values_have_places() {
        let document = load_located("tests:\n  - vars: {a/b: 1}\n  - x\n", Path::new("f.yaml")).unwrap();
        let at = |pointer| document.place(pointer).map(|place| (place.line, place.column));
        assert_eq!(at("/tests/0/vars/a~1b"), Some((2, 17)));
        assert_eq!(at("/tests/0/assert/3"), Some((2, 5)));
        assert_eq!(at("/tests/1"), Some((3, 5)));
        assert_eq!(at("/nothing"), Some((1, 1)));
        assert!(load_located("a: [", Path::new("f.yaml")).is_err());
        let found = document.diagnostics([("/tests/0/vars/a~1b", "one is odd", Some("write two"))]);
        let text = found.render(false);
        assert!(
            text.contains("one is odd") && text.contains("f.yaml:2:17"),
            "{text}"
        );
    }
}
