//! Rules by which a source matches ids of models: equal, begins, ends, contains, pattern, any of, all of.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// Deepest nesting of rules.
const DEPTH_MAX: usize = 8;
/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 18;

/// A rule on the id of a model; letters of either case are equal.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Pattern(Box<Regex>),
    Any(Vec<Self>),
    All(Vec<Self>),
}

impl Rule {
    /// Reads `{"equals": …}`, `{"or": […]}` and so on.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        Self::parse_at(value, 0)
    }

    fn parse_at(value: &Value, depth: usize) -> Result<Self, String> {
        if depth > DEPTH_MAX {
            return Err(format!("rules are nested deeper than {DEPTH_MAX}"));
        }
        let (word, argument) = match value.as_object().and_then(|map| map.iter().next()) {
            Some(entry) => entry,
            None => return Err("a rule is a map with one key, such as `equals`".to_owned()),
        };
        let text = || {
            let text = argument
                .as_str()
                .ok_or_else(|| format!("`{word}` wants a text"))?;
            Ok::<_, String>(text.to_lowercase())
        };
        let list = || {
            let items = argument
                .as_array()
                .ok_or_else(|| format!("`{word}` wants a list"))?;
            let rules = items.iter().map(|item| Self::parse_at(item, depth + 1));
            rules.collect::<Result<Vec<_>, String>>()
        };
        Ok(match word.as_str() {
            "equals" => Self::Equals(text()?),
            "starts_with" => Self::StartsWith(text()?),
            "ends_with" => Self::EndsWith(text()?),
            "contains" => Self::Contains(text()?),
            "or" => Self::Any(list()?),
            "and" => Self::All(list()?),
            "regex" => {
                let pattern = argument.as_str().ok_or("`regex` wants a text")?;
                let built = RegexBuilder::new(pattern)
                    .case_insensitive(true)
                    .size_limit(PATTERN_BYTES_MAX)
                    .build();
                Self::Pattern(Box::new(built.map_err(|error| error.to_string())?))
            }
            other => return Err(format!("unknown rule `{other}`")),
        })
    }

    /// Whether an id, given as it is and in small letters, is meant.
    pub(crate) fn matches(&self, id: &str, lower: &str) -> bool {
        match self {
            Self::Equals(text) => lower == text,
            Self::StartsWith(text) => lower.starts_with(text.as_str()),
            Self::EndsWith(text) => lower.ends_with(text.as_str()),
            Self::Contains(text) => lower.contains(text.as_str()),
            Self::Pattern(pattern) => pattern.is_match(id),
            Self::Any(rules) => rules.iter().any(|rule| rule.matches(id, lower)),
            Self::All(rules) => rules.iter().all(|rule| rule.matches(id, lower)),
        }
    }
}
