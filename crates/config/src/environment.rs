//! `${NAME}` and `${NAME:-default}` in suites: values of the environment that are no secrets. They are put into the tree
//! before anything else looks at it, so that they are checked, hashed and recorded as if they had been written there.

use crate::diagnostics::{Diagnostics, shown};
use crate::secrets;
use crate::yaml::{Data, Node};
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of all values together.
const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// Keys below which `${` is an ordinary text: templates, patterns, data, programs and schemas.
const LITERAL_KEYS: [&str; 12] = [
    "prompt",
    "prompts",
    "messages",
    "system",
    "turns",
    "cases",
    "fields",
    "scorers",
    "tools",
    "body",
    "response_format",
    "json_schema",
];
/// Ending of keys that name variables, and so never take a value.
const VARIABLE_KEY_ENDING: &str = "_env";
/// Parts of names of variables that hold secrets.
const SECRET_PARTS: [&str; 13] = [
    "KEY",
    "APIKEY",
    "TOKEN",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTH",
    "BEARER",
    "COOKIE",
];

/// Takes values of variables into suites.
pub(crate) struct Substitution<'a> {
    variables: &'a dyn Fn(&str) -> Option<String>,
    /// What was taken, by name.
    pub(crate) used: BTreeMap<String, String>,
    bytes: usize,
}

impl<'a> Substitution<'a> {
    pub(crate) fn new(variables: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            variables,
            used: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Puts values into a tree; what cannot be is reported and stays as it is.
    pub(crate) fn apply(&mut self, node: &mut Node, errors: &mut Diagnostics) {
        match &mut node.data {
            Data::Broken => {}
            Data::List(items) => items.iter_mut().for_each(|item| self.apply(item, errors)),
            Data::Map(entries) => {
                for entry in entries {
                    let key = entry.key.text.as_str();
                    if !LITERAL_KEYS.contains(&key) && !key.ends_with(VARIABLE_KEY_ENDING) {
                        self.apply(&mut entry.value, errors);
                    }
                }
            }
            Data::Scalar(scalar) if scalar.text.contains("${") => {
                if let Some(text) = self.text(&scalar.text, &node.span, errors) {
                    scalar.text = text;
                }
            }
            Data::Scalar(_) => {}
        }
    }

    fn text(&mut self, written: &str, span: &Range<usize>, errors: &mut Diagnostics) -> Option<String> {
        let mut text = String::new();
        let mut rest = written;
        while let Some(at) = rest.find("${") {
            let before = &rest[..at];
            if let Some(before) = before.strip_suffix('$') {
                // `$${` is the text `${`.
                text.push_str(before);
                text.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            text.push_str(before);
            let inside = &rest[at + 2..];
            let Some(end) = inside.find('}') else {
                let hint = "write `${NAME}`, or `$${` for the text `${`".to_owned();
                errors.push(span, "a `${` is not closed", Some(hint));
                return None;
            };
            text.push_str(&self.value(&inside[..end], span, errors)?);
            rest = &inside[end + 1..];
        }
        text.push_str(rest);
        Some(text)
    }

    /// The value of what stands between the braces.
    fn value(&mut self, inside: &str, span: &Range<usize>, errors: &mut Diagnostics) -> Option<String> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !secrets::is_variable_name(name) {
            let message = format!("{} is not the name of an environment variable", shown(name));
            let hint = "write `${NAME}` or `${NAME:-default}`; `$${` is the text `${`".to_owned();
            errors.push(span, message, Some(hint));
            return None;
        }
        if is_secret_name(name) {
            let message = format!(
                "the variable {} looks like a secret, and values of `${{…}}` are written into the record",
                shown(name)
            );
            let hint = format!("name the variable instead: `api_key_env: {name}`");
            errors.push(span, message, Some(hint));
            return None;
        }
        let found = (self.variables)(name);
        let value = match (found, default) {
            (Some(value), Some(default)) if value.is_empty() => default.to_owned(),
            (Some(value), _) => value,
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                let message = format!("the environment variable {} is not set", shown(name));
                let hint = format!("set it, or write a default: `${{{name}:-…}}`");
                errors.push(span, message, Some(hint));
                return None;
            }
        };
        if secrets::mask_message(&value) != value {
            let message = format!(
                "the value of {} looks like a key, and values of `${{…}}` are written into the record",
                shown(name)
            );
            let hint = format!("name the variable instead: `api_key_env: {name}`");
            errors.push(span, message, Some(hint));
            return None;
        }
        self.bytes += value.len();
        if self.bytes > MAX_VALUE_BYTES {
            let message = format!(
                "the values of environment variables have more than {} KiB together",
                MAX_VALUE_BYTES / 1024
            );
            errors.push(span, message, None);
            return None;
        }
        self.used.insert(name.to_owned(), value.clone());
        Some(value)
    }
}

/// Whether a variable of this name holds a secret: one of its parts says so.
fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.split('_').any(|part| SECRET_PARTS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects secrets from getting into the record, and ordinary settings from being taken for them.
    #[test]
    fn tells_secrets_by_their_names() {
        for name in ["OPENAI_API_KEY", "HF_TOKEN", "db_password", "AUTH", "MY_SECRET_2"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["MAX_TOKENS", "MODEL", "KEYBOARD", "AUTHOR", "BASE_URL", "HOME"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
