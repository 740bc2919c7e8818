//! `fields:`: which column means what, and expressions that make a field of several columns. Expressions are compiled
//! once for a dataset and evaluated for every row.

use super::row::known_columns;
use super::{At, DatasetColumns, DatasetError};
use crate::prompt::{describe, strict_environment};
use minijinja::Environment;
use minijinja::value::Serde;
use seatrial_config::FieldSource;
use serde_json::{Map, Value};

/// The variable that holds the value of an expression while it is evaluated.
const RESULT: &str = "result";

/// Names of the columns with a meaning.
pub(super) struct Names<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) input: Option<&'a str>,
    pub(super) expected: Option<&'a str>,
    pub(super) choices: Option<&'a str>,
    pub(super) cluster: Option<&'a str>,
}

/// The fields of a dataset, expressions compiled.
pub(super) struct Mapping {
    columns: DatasetColumns,
    environment: Environment<'static>,
    /// Fields that are expressions, and whether they yield a value of any kind.
    expressions: Vec<(&'static str, bool)>,
}

impl Mapping {
    /// The error says which field does not compile.
    pub(super) fn try_new(columns: &DatasetColumns) -> Result<Self, String> {
        let mut environment = strict_environment();
        let mut expressions = Vec::new();
        for (field, source) in fields(columns) {
            let Some(FieldSource::Expression(text)) = source else {
                continue;
            };
            let single = single_expression(text);
            let template = match single {
                // The statement keeps the value; printing it would make a text of a list.
                Some(expression) => format!("{{% set {RESULT} = ({expression}) %}}"),
                None => text.clone(),
            };
            environment.add_template_owned(field, template).map_err(|error| {
                format!(
                    "`fields: {field}` is not a valid expression: {}",
                    describe(&error)
                )
            })?;
            expressions.push((field, single.is_some()));
        }
        Ok(Self {
            columns: columns.clone(),
            environment,
            expressions,
        })
    }

    /// Puts what the expressions yield into the columns; all of them see the row as it was.
    pub(super) fn apply(&self, columns: &mut Map<String, Value>, at: &At<'_>) -> Result<(), DatasetError> {
        if self.expressions.is_empty() {
            return Ok(());
        }
        let mut made = Vec::with_capacity(self.expressions.len());
        for (field, is_single) in &self.expressions {
            let value = self.evaluate(field, *is_single, columns).map_err(|problem| {
                at.error(
                    format!("failed to evaluate `fields: {field}`: {problem}"),
                    known_columns(columns),
                )
            })?;
            made.push(((*field).to_owned(), value));
        }
        columns.extend(made);
        Ok(())
    }

    fn evaluate(&self, field: &str, is_single: bool, columns: &Map<String, Value>) -> Result<Value, String> {
        let variables = minijinja::Value::from(Serde(columns));
        let template = self
            .environment
            .get_template(field)
            .map_err(|error| describe(&error))?;
        if !is_single {
            let text = template.render(variables).map_err(|error| describe(&error))?;
            return Ok(Value::String(text));
        }
        let captured = template
            .render_captured(variables)
            .map_err(|error| describe(&error))?;
        let value = captured.state().lookup(RESULT).unwrap_or_default();
        if value.is_undefined() || value.is_none() {
            return Err("it yields nothing".to_owned());
        }
        serde_json::to_value(&value).map_err(|error| format!("its value is not JSON: {error}"))
    }

    /// Which column means what, once [`apply`](Self::apply) has been at it.
    pub(super) fn columns(&self) -> Names<'_> {
        Names {
            id: name(self.columns.id.as_ref(), "id"),
            input: name(self.columns.input.as_ref(), "input"),
            expected: name(self.columns.expected.as_ref(), "expected"),
            choices: name(self.columns.choices.as_ref(), "choices"),
            cluster: name(self.columns.cluster.as_ref(), "cluster"),
        }
    }
}

fn name<'a>(source: Option<&'a FieldSource>, field: &'static str) -> Option<&'a str> {
    source.map(|source| match source {
        FieldSource::Column(column) => column.as_str(),
        FieldSource::Expression(_) => field,
    })
}

fn fields(columns: &DatasetColumns) -> [(&'static str, Option<&FieldSource>); 5] {
    [
        ("id", columns.id.as_ref()),
        ("input", columns.input.as_ref()),
        ("expected", columns.expected.as_ref()),
        ("choices", columns.choices.as_ref()),
        ("cluster", columns.cluster.as_ref()),
    ]
}

/// What stands between the braces of a text that is one `{{ … }}` and nothing else.
fn single_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    let is_one = !inner.contains("}}") && !inner.contains("{{") && !inner.contains("{%");
    is_one.then_some(inner)
}
