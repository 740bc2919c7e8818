//! YAML as other tools write it, with anchors, aliases, tags and merge keys, into JSON. Apart from the reader of suites,
//! which refuses all of these on purpose; here they are read as far as a bound allows, and what is odd is no error.

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Values of one file at most, those that aliases repeat included.
const NODES_MAX: usize = 250_000;
const DEPTH_MAX: usize = 64;

enum Open {
    List(Vec<Value>, usize),
    Map(Map<String, Value>, Option<String>, usize),
}

/// The first document; `None` where the text is no YAML, or too large or deep.
pub(super) fn read(text: &str) -> Option<Value> {
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    let mut nodes = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.ok()?;
        let (value, anchor) = match event {
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                (None, 0)
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(Map::new(), None, anchor));
                (None, 0)
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop()? {
                Open::List(items, anchor) => (Some(Value::Array(items)), anchor),
                Open::Map(map, _, anchor) => (Some(Value::Object(merged(map))), anchor),
            },
            Event::Scalar(text, style, anchor, _) => {
                let is_plain = matches!(style, saphyr_parser::ScalarStyle::Plain);
                (Some(scalar(&text, is_plain)), anchor)
            }
            Event::Alias(anchor) => (Some(anchors.get(&anchor).cloned().unwrap_or_default()), 0),
            _ => (None, 0),
        };
        if open.len() > DEPTH_MAX {
            return None;
        }
        let Some(value) = value else { continue };
        nodes += size(&value);
        if nodes > NODES_MAX {
            return None;
        }
        if anchor > 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => return Some(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(map, key, _)) => match key.take() {
                None => *key = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
                Some(key) => {
                    map.insert(key, value);
                }
            },
        }
    }
    None
}

/// `<<: *defaults` gives what the map itself does not.
fn merged(mut map: Map<String, Value>) -> Map<String, Value> {
    let sources = match map.remove("<<") {
        Some(Value::Object(one)) => vec![Value::Object(one)],
        Some(Value::Array(many)) => many,
        _ => Vec::new(),
    };
    for source in sources {
        if let Value::Object(source) = source {
            for (key, value) in source {
                map.entry(key).or_insert(value);
            }
        }
    }
    map
}

fn scalar(text: &str, is_plain: bool) -> Value {
    if !is_plain {
        return Value::from(text);
    }
    match text {
        "" | "~" | "null" => Value::Null,
        "true" | "True" => Value::Bool(true),
        "false" | "False" => Value::Bool(false),
        _ => text
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| text.parse::<f64>().map(Value::from))
            .unwrap_or_else(|_| Value::from(text)),
    }
}

/// Values inside, itself included. Containers count 1 here: their content was counted when it came, unless an alias
/// repeats it.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Protects what other tools write: anchors, merge keys, tags; and the bound on what aliases repeat.
    #[test]
    fn foreign_yaml_is_read() {
        let text =
            "base: &b {n: 1, s: 'x'}\nother:\n  <<: *b\n  n: 2\nf: !function utils.f\nlist: [1.5, true, ~]\n";
        let expected = json!({"base": {"n": 1, "s": "x"}, "other": {"n": 2, "s": "x"}, "f": "utils.f", "list": [1.5, true, null]});
        assert_eq!(read(text), Some(expected));
        assert_eq!(read("a: [1,"), None);
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let repeated = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{repeated}]\n"));
        }
        assert_eq!(read(&laughs), None);
    }

    proptest! {
        /// Protects against panics.
        #[test]
        fn no_text_panics(text in "[\\[\\]{}&*!<>:,#'\"a-c0-9 \n-]{0,80}") {
            let _ = read(&text);
        }
    }
}
