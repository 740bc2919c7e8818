//! Names as suites write them, from whatever another tool calls its models, tasks and scorers. Apart because gates and
//! reports name things, and `openai/gpt-4o` or `inspect_evals/mmlu` would not be a name there.

/// Longest name that is kept.
const NAME_CHARS_MAX: usize = 100;

/// Letters, digits, `_`, `-` and (where `with_dots`) `.` stay; every run of other characters becomes one `-`.
pub(crate) fn name(text: &str, with_dots: bool, otherwise: &str) -> String {
    let mut name = String::new();
    for character in text.chars().take(NAME_CHARS_MAX) {
        if character.is_ascii_alphanumeric() || character == '_' || (with_dots && character == '.') {
            name.push(character);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches('-');
    if name.is_empty() {
        otherwise.to_owned()
    } else {
        name.to_owned()
    }
}

/// A name for a target.
pub(crate) fn target(text: &str) -> String {
    name(text, true, "target")
}

/// A name for a task or a metric.
pub(crate) fn plain(text: &str, otherwise: &str) -> String {
    name(text, false, otherwise)
}

/// Cuts a text for a message or a detail.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects gates: whatever a tool calls a thing, a suite can write it.
    #[test]
    fn names_can_be_written_in_a_suite() {
        assert_eq!(target("openai/gpt-4.1"), "openai-gpt-4.1");
        assert_eq!(
            plain("inspect_evals/mmlu 5.shot", "task"),
            "inspect_evals-mmlu-5-shot"
        );
        assert_eq!(plain("§§§", "task"), "task");
        assert_eq!(cut("äöü", 2), "äö…");
    }
}
