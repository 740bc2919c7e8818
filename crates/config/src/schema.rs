//! The JSON Schema of a suite, for editors and other programs; made from the tables that the reading uses.

use crate::shape::{Field, Shape, Table};
use crate::tables::{MAX_SCORERS, SUITE};
use crate::value::MAX_NAME_CHARS;
use crate::vocabulary::{COMMON_OPTIONS, OptionEntry, OptionShape, ScorerEntry, Vocabulary};
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 2020-12) of a suite whose scorers are those of `vocabulary`; with an empty vocabulary any
/// scorer is allowed.
///
/// It is a little wider than the reading: it knows nothing of references between parts, template syntax or paths.
#[must_use]
pub fn schema(vocabulary: &Vocabulary) -> Value {
    let scorers = Scorers { vocabulary };
    let mut root = scorers.record(&SUITE);
    let needs_all = |key: &str, tables: &'static [&'static Table]| {
        // Keys that `defaults` may give are needed only where there are no defaults.
        let required: Vec<&str> = required_by_all(tables);
        (key.to_owned(), json!({ "items": { "required": required } }))
    };
    let without_defaults: Map<String, Value> = SUITE
        .fields
        .iter()
        .filter_map(|field| match field.shape {
            Shape::List {
                item: Shape::Merged(tables),
                ..
            } => Some(needs_all(field.name, tables)),
            _ => None,
        })
        .collect();
    root.insert("if".to_owned(), json!({ "not": { "required": [DEFAULTS_KEY] } }));
    root.insert("then".to_owned(), json!({ "properties": without_defaults }));
    let mut whole = Map::new();
    whole.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    whole.insert("title".to_owned(), json!("seatrial suite"));
    whole.append(&mut root);
    Value::Object(whole)
}

const DEFAULTS_KEY: &str = "defaults";
/// The key by which the tables of a merged map are told apart.
const TAG: &str = "provider";

/// Keys that every one of the tables requires.
fn required_by_all(tables: &[&'static Table]) -> Vec<&'static str> {
    let Some((first, others)) = tables.split_first() else {
        return Vec::new();
    };
    let required = |table: &Table, name: &str| {
        table
            .fields
            .iter()
            .any(|field| field.required && field.name == name)
    };
    let names = first
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name);
    names
        .filter(|name| others.iter().all(|table| required(table, name)))
        .collect()
}

struct Scorers<'a> {
    vocabulary: &'a Vocabulary,
}

impl Scorers<'_> {
    fn record(&self, table: &Table) -> Map<String, Value> {
        let required = table.fields.iter().filter(|field| field.required);
        let mut map = self.closed_map(table.fields.iter());
        map.insert("required".to_owned(), required.map(|field| field.name).collect());
        let mut rules: Vec<Value> = table
            .exclusive
            .iter()
            .flat_map(|group| at_most_one(group))
            .collect();
        for group in table.one_of {
            let any: Vec<Value> = group.iter().map(|key| json!({ "required": [key] })).collect();
            rules.push(json!({ "anyOf": any }));
        }
        if !rules.is_empty() {
            map.insert("allOf".to_owned(), Value::Array(rules));
        }
        map
    }

    fn closed_map<'f>(&self, fields: impl Iterator<Item = &'f Field>) -> Map<String, Value> {
        let mut properties = Map::new();
        for field in fields {
            properties.insert(field.name.to_owned(), self.field(field));
        }
        let mut map = Map::new();
        map.insert("type".to_owned(), json!("object"));
        map.insert("properties".to_owned(), Value::Object(properties));
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
        map
    }

    /// One map for several tables: all their keys. A whole one needs its name, and once its tag is there it has only
    /// the keys of the table that the tag names; one of defaults serves several tables at once.
    fn union(&self, tables: &[&'static Table], whole: bool) -> Value {
        let fields = tables.iter().flat_map(|table| table.fields);
        let mut map = self.closed_map(fields);
        let exclusive = tables.iter().flat_map(|table| table.exclusive);
        let mut rules: Vec<Value> = exclusive.flat_map(|group| at_most_one(group)).collect();
        if whole {
            map.insert("required".to_owned(), json!([NAME_KEY]));
        }
        if whole && tables.len() > 1 {
            for (table, tag) in tables.iter().zip(crate::tables::PROVIDERS) {
                let keys: Vec<&str> = table.fields.iter().map(|field| field.name).collect();
                rules.push(json!({
                    "if": { "properties": { TAG: { "const": tag } }, "required": [TAG] },
                    "then": { "propertyNames": { "enum": keys } },
                }));
            }
        }
        if !rules.is_empty() {
            map.insert("allOf".to_owned(), Value::Array(rules));
        }
        Value::Object(map)
    }

    fn field(&self, field: &Field) -> Value {
        let mut schema = Map::new();
        schema.insert("description".to_owned(), json!(field.what));
        if let Value::Object(mut shape) = self.shape(&field.shape) {
            schema.append(&mut shape);
        }
        if let Some(default) = field
            .default
            .and_then(|json| serde_json::from_str::<Value>(json).ok())
        {
            schema.insert("default".to_owned(), default);
        }
        Value::Object(schema)
    }

    fn shape(&self, shape: &Shape) -> Value {
        match shape {
            Shape::Version => json!({ "const": 1 }),
            Shape::Name { dots } => {
                let letters = if *dots { "A-Za-z0-9_.-" } else { "A-Za-z0-9_-" };
                json!({ "type": "string", "pattern": format!("^[{letters}]{{1,{MAX_NAME_CHARS}}}$") })
            }
            Shape::Template => json!({ "type": "string", "minLength": 1 }),
            Shape::Line => json!({ "type": "string", "minLength": 1, "pattern": "^[^\\r\\n]*$" }),
            Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Shape::Number {
                above_zero: true,
                max,
            } => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max }),
            Shape::Number { max, .. } => json!({ "type": "number", "minimum": 0, "maximum": max }),
            Shape::AnyNumber => json!({ "type": "number" }),
            Shape::Choice { words, .. } => json!({ "enum": words }),
            Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$" }),
            Shape::Money => json!({ "type": "number", "minimum": 0 }),
            Shape::Address => json!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s?#@]+$" }),
            Shape::Variable => json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }),
            Shape::Record(table) => Value::Object(self.record(table)),
            Shape::Partial(tables) => self.union(tables, false),
            Shape::Merged(tables) => self.union(tables, true),
            Shape::List {
                item,
                min,
                max,
                unique,
            } => json!({
                "type": "array", "items": self.shape(item), "minItems": min, "maxItems": max, "uniqueItems": unique,
            }),
            Shape::AnyMap => json!({ "type": "object" }),
            Shape::Slice => json!({
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
            }),
            Shape::Scorers => json!({
                "type": "array", "items": self.scorer(), "minItems": 1, "maxItems": MAX_SCORERS,
            }),
        }
    }

    fn scorer(&self) -> Value {
        if self.vocabulary.scorers.is_empty() {
            let map = json!({ "type": "object", "minProperties": 1, "maxProperties": 1 });
            return json!({ "anyOf": [{ "type": "string" }, map] });
        }
        let bare: Vec<Value> = self
            .vocabulary
            .scorers
            .iter()
            .filter(|entry| !entry.options.iter().any(|option| option.required))
            .map(|entry| json!({ "const": entry.name, "description": entry.what }))
            .collect();
        let with_options: Map<String, Value> = self
            .vocabulary
            .scorers
            .iter()
            .map(|entry| (entry.name.to_owned(), scorer_options(entry)))
            .collect();
        let map = json!({
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "properties": with_options,
            "additionalProperties": false,
        });
        let any: Vec<Value> = bare.into_iter().chain([map]).collect();
        json!({ "anyOf": any })
    }
}

/// The one key of a merged map that defaults cannot give.
const NAME_KEY: &str = "name";

fn at_most_one(group: &'static [&'static str]) -> Vec<Value> {
    let pairs = group.iter().enumerate().flat_map(|(index, one)| {
        group
            .iter()
            .skip(index + 1)
            .map(move |other| json!({ "not": { "required": [one, other] } }))
    });
    pairs.collect()
}

fn scorer_options(entry: &ScorerEntry) -> Value {
    let options = entry.options.iter().chain(COMMON_OPTIONS);
    let properties: Map<String, Value> = options
        .map(|option| (option.name.to_owned(), option_schema(option)))
        .collect();
    let required: Vec<&str> = entry
        .options
        .iter()
        .filter(|option| option.required)
        .map(|option| option.name)
        .collect();
    let empty_too = if required.is_empty() {
        json!(["object", "null"])
    } else {
        json!("object")
    };
    json!({
        "description": entry.what,
        "type": empty_too,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn option_schema(option: &OptionEntry) -> Value {
    let step = json!([
        { "type": "string", "minLength": 1 },
        { "type": "object", "minProperties": 1, "maxProperties": 1 },
    ]);
    let shape = match option.shape {
        OptionShape::Bool => json!({ "type": "boolean" }),
        OptionShape::Number => json!({ "type": "number" }),
        OptionShape::Text => json!({ "type": "string" }),
        OptionShape::TextOrList => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] })
        }
        OptionShape::Steps => {
            json!({ "anyOf": [{ "anyOf": step }, { "type": "array", "items": { "anyOf": step } }] })
        }
        OptionShape::Choice(words) => json!({ "enum": words }),
        OptionShape::Any => json!({}),
    };
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(option.what));
    if let Value::Object(mut shape) = shape {
        schema.append(&mut shape);
    }
    Value::Object(schema)
}
