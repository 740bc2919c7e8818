//! Nunjucks templates, filled in with minijinja. Apart because the two differ in few words, and all of them are here.

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, UndefinedBehavior, Value as Filler};
use serde_json::{Map, Value};

/// Steps that one template may take.
const FUEL: u64 = 200_000;

/// Nunjucks' words in minijinja's: `dump` is `tojson`, `===` is `==`.
pub(super) fn translated(template: &str) -> String {
    if !template.contains("{{") && !template.contains("{%") {
        return template.to_owned();
    }
    template
        .replace("| dump", "| tojson")
        .replace("|dump", "|tojson")
        .replace("===", "==")
        .replace("!==", "!=")
}

/// Whether this is a template at all.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The template filled in; a variable that is not there is an empty text, as in Nunjucks.
pub(super) fn render(template: &str, variables: &Map<String, Value>) -> Result<String, String> {
    if !is_template(template) {
        return Ok(template.to_owned());
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("tojson", |value: Filler| compact(&value));
    environment.set_formatter(|out, state, value| match value.kind() {
        // Lists and maps are written as JSON, as promptfoo does before it fills them in.
        ValueKind::Map | ValueKind::Seq => out.write_str(&compact(value)?).map_err(minijinja::Error::from),
        ValueKind::Undefined | ValueKind::None => Ok(()),
        _ => minijinja::escape_formatter(out, state, value),
    });
    // The engine strips one newline at the end; Nunjucks keeps it.
    let mut filled = environment
        .render_str(&translated(template), Filler::from(Serde(variables)))
        .map_err(|error| error.to_string())?;
    if template.ends_with('\n') && !filled.ends_with('\n') {
        filled.push('\n');
    }
    Ok(filled)
}

/// JSON without blanks, as JavaScript writes it.
fn compact(value: &Filler) -> Result<String, minijinja::Error> {
    serde_json::to_string(value)
        .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, error.to_string()))
}

/// Names of the variables that a template asks for; `None` where it is none that minijinja understands.
pub(super) fn variables(template: &str) -> Option<Vec<String>> {
    let environment = Environment::new();
    let translated = translated(template);
    let parsed = environment.template_from_str(&translated).ok()?;
    let mut names: Vec<String> = parsed.undeclared_variables(false).into_iter().collect();
    names.sort();
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects the words in which the two languages differ.
    #[test]
    fn nunjucks_is_understood() {
        let variables = json!({"name": "Ann", "list": [1, 2], "n": 2});
        let fill = |template: &str| render(template, variables.as_object().unwrap()).unwrap();
        assert_eq!(fill("Hi {{ name }}!{{ missing }}"), "Hi Ann!");
        assert_eq!(fill("{{ list }} {{ list | dump }}"), "[1,2] [1,2]");
        assert_eq!(fill("{% if n === 2 %}two{% endif %}\n"), "two\n");
        assert_eq!(fill("plain { } text"), "plain { } text");
        assert!(render("{{ broken", &Map::new()).is_err());
        assert_eq!(
            super::variables("{{ a }} {{ b.c }}"),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
    }
}
