//! The JSON Schema of a suite, for editors and other programs; made from the tables that the reading uses.

use crate::check::Demand;
use crate::shape::{Field, NAME_KEY, Shape, Table};
use crate::tables::{LOAD_TASK, MAX_SCORERS, MAX_SEVERITIES, PROVIDERS, SUITE};
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
    let mut root = scorers.record(&SUITE, Demand::Whole);
    let merged = SUITE.fields.iter().filter_map(|field| match field.shape {
        Shape::List {
            item: Shape::Merged(tables),
            ..
        } => Some((
            field.name.to_owned(),
            json!({ "items": requirements_of_item(tables) }),
        )),
        _ => None,
    });
    let without_defaults: Map<String, Value> = merged.collect();
    let mut definitions = Map::new();
    definitions.insert(SCORER.to_owned(), scorers.scorer());
    definitions.insert(
        VARIABLE.to_owned(),
        json!({ "description": "a value of the environment", "type": "string", "pattern": "\\$\\{[A-Za-z_]" }),
    );
    root.insert("$defs".to_owned(), Value::Object(definitions));
    // What an included file may give, nobody can miss here.
    let others = [DEFAULTS_KEY, INCLUDE_KEY].map(|key| json!({ "required": [key] }));
    root.insert("if".to_owned(), json!({ "not": { "anyOf": others } }));
    root.insert("then".to_owned(), json!({ "properties": without_defaults }));
    if let Some(required) = root.remove("required") {
        let alone = json!({ "not": { "required": [INCLUDE_KEY] } });
        let rule = json!({ "if": alone, "then": { "required": required } });
        match root.get_mut("allOf").and_then(Value::as_array_mut) {
            Some(rules) => rules.push(rule),
            None => {
                root.insert("allOf".to_owned(), json!([rule]));
            }
        }
    }
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
const INCLUDE_KEY: &str = "include";
/// The key that makes a task a load task.
const LOAD_KEY: &str = "load";
/// The definition of a value that comes from the environment.
const VARIABLE: &str = "variable";
/// The definition that scorers of tasks and scorers inside scorers share.
const SCORER: &str = "scorer";
/// The key by which the tables of a merged map are told apart.
const TAG: &str = "provider";

/// What must be there once there are no defaults to give it: the keys that all of the tables require, here and below.
fn requirements(tables: &[&'static Table]) -> Value {
    let Some((first, others)) = tables.split_first() else {
        return json!({});
    };
    let required = |table: &Table, name: &str| {
        table
            .fields
            .iter()
            .any(|field| field.required && field.name == name)
    };
    let names: Vec<&str> = first
        .fields
        .iter()
        .filter(|field| field.required && others.iter().all(|table| required(table, field.name)))
        .map(|field| field.name)
        .collect();
    let below: Map<String, Value> = first
        .fields
        .iter()
        .filter_map(|field| match field.shape {
            Shape::Record(table) => Some((field.name.to_owned(), requirements(&[table]))),
            _ => None,
        })
        .collect();
    json!({ "required": names, "properties": below })
}

/// The same for an item of a list; a task with a load has keys of its own and needs no others.
fn requirements_of_item(tables: &[&'static Table]) -> Value {
    let whole = requirements(tables);
    let has_load = tables
        .iter()
        .any(|table| table.fields.iter().any(|field| field.name == LOAD_KEY));
    if !has_load {
        return whole;
    }
    let keys: Vec<&str> = LOAD_TASK.fields.iter().map(|field| field.name).collect();
    json!({ "if": { "required": [LOAD_KEY] }, "then": { "propertyNames": { "enum": keys } }, "else": whole })
}

/// A key of several tables: what it is in the last of them, or either where they differ in more than words.
fn either(known: Option<Value>, schema: Value) -> Value {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Value::Object(map) = &mut value {
            map.remove("description");
            map.remove("default");
        }
        value
    };
    match known {
        Some(known) if bare(&known) != bare(&schema) => json!({ "anyOf": [known, schema] }),
        _ => schema,
    }
}

struct Scorers<'a> {
    vocabulary: &'a Vocabulary,
}

impl Scorers<'_> {
    fn record(&self, table: &Table, demand: Demand) -> Map<String, Value> {
        let mut map = self.closed_map(table.fields.iter(), demand);
        let mut rules: Vec<Value> = exclusions(table).collect();
        if demand == Demand::Whole {
            let required = table.fields.iter().filter(|field| field.required);
            map.insert("required".to_owned(), required.map(|field| field.name).collect());
            for group in table.one_of {
                let any: Vec<Value> = group.iter().map(|key| json!({ "required": [key] })).collect();
                rules.push(json!({ "anyOf": any }));
            }
        }
        if !rules.is_empty() {
            map.insert("allOf".to_owned(), Value::Array(rules));
        }
        map
    }

    fn closed_map<'f>(&self, fields: impl Iterator<Item = &'f Field>, demand: Demand) -> Map<String, Value> {
        let mut properties = Map::new();
        for field in fields {
            let schema = self.field(field, demand);
            let known = properties.get(field.name).cloned();
            properties.insert(field.name.to_owned(), either(known, schema));
        }
        let mut map = Map::new();
        map.insert("type".to_owned(), json!("object"));
        map.insert("properties".to_owned(), Value::Object(properties));
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
        map
    }

    /// One map for several tables: all their keys, none of them required but the name, because defaults may give them.
    /// Once the tag is there it has only the keys of the table that the tag names. A map of defaults serves several
    /// tables at once and names nothing.
    fn union(&self, tables: &[&'static Table], demand: Demand) -> Value {
        let fields = tables.iter().flat_map(|table| table.fields);
        let wanted = fields.filter(|field| demand == Demand::Whole || field.name != NAME_KEY);
        let mut map = self.closed_map(wanted, Demand::Part);
        let mut rules: Vec<Value> = tables.iter().flat_map(|table| exclusions(table)).collect();
        if demand == Demand::Whole {
            map.insert("required".to_owned(), json!([NAME_KEY]));
            if tables.len() > 1 {
                rules.extend(tables.iter().zip(PROVIDERS).map(|(table, tag)| {
                    let keys: Vec<&str> = table.fields.iter().map(|field| field.name).collect();
                    json!({
                        "if": { "properties": { TAG: { "const": tag } }, "required": [TAG] },
                        "then": { "propertyNames": { "enum": keys } },
                    })
                }));
            }
        }
        if !rules.is_empty() {
            map.insert("allOf".to_owned(), Value::Array(rules));
        }
        Value::Object(map)
    }

    fn field(&self, field: &Field, demand: Demand) -> Value {
        let mut schema = Map::new();
        schema.insert("description".to_owned(), json!(field.what));
        if let Value::Object(mut shape) = self.shape(&field.shape, demand) {
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

    /// What a value may be; a single value that has a form may come from the environment instead.
    fn shape(&self, shape: &Shape, demand: Demand) -> Value {
        let written = self.written(shape, demand);
        match shape {
            Shape::Version
            | Shape::Name { .. }
            | Shape::Whole { .. }
            | Shape::WholeOr { .. }
            | Shape::Bool
            | Shape::Pointer
            | Shape::Url
            | Shape::Number { .. }
            | Shape::AnyNumber
            | Shape::NumberOrLine
            | Shape::Choice { .. }
            | Shape::Margin
            | Shape::TrueOrLines
            | Shape::NameOr(_)
            | Shape::Duration
            | Shape::Money
            | Shape::Address => {
                json!({ "anyOf": [written, { "$ref": format!("#/$defs/{VARIABLE}") }] })
            }
            _ => written,
        }
    }

    fn written(&self, shape: &Shape, demand: Demand) -> Value {
        match shape {
            Shape::Version => json!({ "const": 1 }),
            Shape::Name { dots } => {
                let letters = if *dots { "A-Za-z0-9_.-" } else { "A-Za-z0-9_-" };
                json!({ "type": "string", "pattern": format!("^[{letters}]{{1,{MAX_NAME_CHARS}}}$") })
            }
            Shape::Template | Shape::FieldSource => json!({ "type": "string", "minLength": 1 }),
            Shape::Line => json!({ "type": "string", "minLength": 1, "pattern": "^[^\\r\\n]*$" }),
            Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Shape::WholeOr { min, max, table } => {
                let number = json!({ "type": "integer", "minimum": min, "maximum": max });
                json!({ "anyOf": [number, self.record(table, demand)] })
            }
            Shape::Number {
                above_zero: true,
                max,
            } => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max }),
            Shape::Number { max, .. } => json!({ "type": "number", "minimum": 0, "maximum": max }),
            Shape::AnyNumber => json!({ "type": "number" }),
            Shape::NumberOrLine => json!({ "type": ["number", "string"] }),
            Shape::Choice { words, .. } => json!({ "enum": words }),
            Shape::Margin => json!({ "anyOf": [
                { "type": "number", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]{1,2}(\\.[0-9]+)? *%$" },
            ] }),
            Shape::TrueOrLines => json!({ "anyOf": [
                { "const": true },
                { "type": "array", "items": self.shape(&Shape::Line, Demand::Whole), "minItems": 1,
                  "maxItems": MAX_SEVERITIES, "uniqueItems": true },
            ] }),
            Shape::NameOr(table) => {
                let name = self.written(&Shape::Name { dots: true }, demand);
                json!({ "anyOf": [name, self.record(table, demand)] })
            }
            Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$" }),
            Shape::Money => json!({ "type": "number", "minimum": 0 }),
            Shape::Address => json!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s?#@]+$" }),
            Shape::Variable => json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }),
            Shape::Record(table) => Value::Object(self.record(table, demand)),
            Shape::Partial(tables) => self.union(tables, Demand::Part),
            Shape::Merged(tables) => self.union(tables, Demand::Whole),
            Shape::List {
                item,
                min,
                max,
                unique,
            } => json!({
                "type": "array", "items": self.shape(item, Demand::Whole), "minItems": min, "maxItems": max, "uniqueItems": unique,
            }),
            Shape::AnyMap => json!({ "type": "object" }),
            Shape::MapOf(item) => json!({
                "type": "object", "additionalProperties": self.shape(item, Demand::Whole),
            }),
            Shape::Any => json!({}),
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::Pointer => json!({ "type": "string", "pattern": "^/" }),
            Shape::Url => json!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s#@]+$" }),
            Shape::Slice => json!({
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
            }),
            Shape::Scorers => json!({
                "type": "array", "items": scorer_reference(), "minItems": 1, "maxItems": MAX_SCORERS,
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

fn scorer_reference() -> Value {
    json!({ "$ref": format!("#/$defs/{SCORER}") })
}

/// Keys of which at most one may be there, pair by pair.
fn exclusions(table: &Table) -> impl Iterator<Item = Value> {
    table.exclusive.iter().flat_map(|group| {
        let pairs = group.iter().enumerate();
        pairs.flat_map(|(index, one)| {
            let others = group.iter().skip(index + 1);
            others.map(move |other| json!({ "not": { "required": [one, other] } }))
        })
    })
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
        OptionShape::TextOrList | OptionShape::FurtherMetrics => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] })
        }
        OptionShape::Steps => {
            json!({ "anyOf": [{ "anyOf": step }, { "type": "array", "items": { "anyOf": step } }] })
        }
        OptionShape::Scorers => {
            let one = scorer_reference();
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        OptionShape::Document => json!({ "type": ["object", "boolean", "string"] }),
        OptionShape::Choice(words) => json!({ "enum": words }),
        OptionShape::Any => json!({}),
        OptionShape::Model => json!({ "type": "string", "minLength": 1 }),
        OptionShape::Threshold => json!({ "type": "number" }),
        OptionShape::Metrics => crate::declared::schema(),
    };
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(option.what));
    if let Value::Object(mut shape) = shape {
        schema.append(&mut shape);
    }
    Value::Object(schema)
}
