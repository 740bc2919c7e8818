//! Property tests: no text makes the reading panic, and what it accepts the JSON Schema accepts too.

mod common;

use common::{suites, vocabulary};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use seatrial_config::{load_yaml_value, parse_suite, schema};
use std::path::Path;
use std::sync::LazyLock;

static SCHEMA: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&schema(&vocabulary())).expect("the schema is one"));

/// Pieces that mean something in YAML, in a template, or in a suite.
const PIECES: &[&str] = &[
    "\n",
    "\n  ",
    "\n- ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\"",
    "'",
    "|\n",
    ">\n",
    "&a ",
    "*a",
    "!t ",
    "---\n",
    "...\n",
    "# ",
    "\t",
    "? ",
    "\\",
    "\\u12",
    "%",
    "@",
    "~",
    "null",
    "true",
    "no",
    "0",
    "-1",
    "1e999",
    ".inf",
    "0x1F",
    "0.5",
    "95",
    "{{",
    "}}",
    "{% if x %}",
    "\r\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "𝒳",
    "\0",
    "\u{7f}",
    "version",
    "name",
    "targets",
    "provider: recorded",
    "defaults:",
    "sk-0123456789abcdef",
    "api_key: ",
    "60s",
    "exact_match",
    "latency_ms",
    "first: 1",
    "<<: ",
    "${ABSENT:-1}",
    "${",
    "include: [a.yaml]",
];

#[derive(Debug, Clone)]
enum Change {
    Insert(Index, &'static str),
    Delete(Index, u8),
    Repeat(Index, u8),
    Replace(Index, char),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), select(PIECES)).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Change::Delete(at, count % 40)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Change::Repeat(at, count)),
        (any::<Index>(), any::<char>()).prop_map(|(at, character)| Change::Replace(at, character)),
    ]
}

fn apply(text: &str, changes: &[Change]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for change in changes {
        let place = |at: &Index| at.index(characters.len() + 1);
        match change {
            Change::Insert(at, piece) => {
                let at = place(at);
                characters.splice(at..at, piece.chars());
            }
            Change::Delete(at, count) => {
                let at = place(at);
                let end = (at + usize::from(*count)).min(characters.len());
                characters.drain(at..end);
            }
            Change::Repeat(at, count) => {
                let at = place(at);
                let end = (at + usize::from(*count)).min(characters.len());
                let piece = characters[at..end].to_vec();
                characters.splice(at..at, piece);
            }
            Change::Replace(at, character) => {
                let at = place(at);
                if let Some(old) = characters.get_mut(at) {
                    *old = *character;
                }
            }
        }
    }
    characters.into_iter().collect()
}

/// Reads, renders whatever comes of it, and checks what must always hold.
fn read(text: &str) -> Result<(), TestCaseError> {
    let path = Path::new("s.yaml");
    let value = load_yaml_value(text, path);
    match parse_suite(text, path, &vocabulary()) {
        Ok((plan, warnings)) => {
            let value =
                value.map_err(|errors| TestCaseError::fail(format!("a suite that is no YAML: {errors}")))?;
            let refused = SCHEMA.iter_errors(&value).next().map(|error| error.to_string());
            prop_assert_eq!(refused, None, "the schema refuses it");
            prop_assert!(!plan.targets.is_empty() && !plan.tasks.is_empty());
            prop_assert_eq!(plan.identity(), plan.clone().identity());
            let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            prop_assert!(shown.iter().all(|warning| warning.starts_with("s.yaml:")));
        }
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            let escape = char::from(0x1b);
            prop_assert!(!errors.render(false).contains(escape));
            prop_assert!(errors.render(true).len() >= errors.render(false).len());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Protects the program from files that are no suites at all.
    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        read(&text)?;
    }

    /// Protects it from texts that look like YAML.
    #[test]
    fn any_pieces_are_read_without_panic(pieces in prop::collection::vec(select(PIECES), 0..60)) {
        read(&pieces.concat())?;
    }

    /// Protects it from suites with mistakes.
    #[test]
    fn changed_suites_are_read_without_panic(
        which in any::<Index>(),
        changes in prop::collection::vec(change(), 0..6),
    ) {
        let good = suites("good");
        let (_, _, text) = &good[which.index(good.len())];
        read(&apply(text, &changes))?;
    }
}

/// Protects against files made to exhaust memory, time or the stack: each ends at once, with an error.
#[test]
fn hostile_files_end_quickly() {
    let long = 300_000;
    let deep_map = |n: usize| {
        (0..n)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect::<String>()
    };
    let inherited = format!("defaults: {{target: {{params: {{a: {}}}}}}}\n", "x".repeat(long));
    for text in [
        "[".repeat(long),
        "{a: ".repeat(long),
        "- ".repeat(long),
        "? ".repeat(long),
        deep_map(1000),
        format!("[{}]", "a,".repeat(long)),
        format!(
            "{{{}}}",
            (0..30_000).map(|i| format!("k{i}: 1,")).collect::<String>()
        ),
        format!("{}: 1", "k".repeat(long)),
        format!("version: 1\n{inherited}"),
        format!("version: 1\nname: {}", "n".repeat(long)),
        "!".repeat(long),
        "&a ".repeat(long),
        "\"\\".repeat(long),
        "api_key: ' ".repeat(100_000),
        "://@".repeat(long),
        format!(
            "version: 1\ntasks: [{{name: a, prompt: \"{}\"}}]",
            "{{ x(".repeat(100_000)
        ),
        "#".repeat(4 * 1024 * 1024 + 1),
    ] {
        let errors = parse_suite(&text, Path::new("s.yaml"), &vocabulary()).unwrap_err();
        assert!(errors.render(false).len() < 100_000);
    }
}
