//! `choice`: the answer names the right option. Apart, as every rule has its own file; how an answer is read is in
//! [`crate::letter`], how a reference is read is here.
//!
//! A reference is a letter, a 0-based index or the text of a choice. With `reference: auto`, a JSON number is an
//! index; a text may be any of the three, and counts when the readings that are possible agree. Where they do not
//! (`2` among the choices `1, 2, 3`; `B` where another choice reads `B`), the case is unparsed with a hint, because a
//! guess would turn right answers into wrong ones unseen.

use crate::ScorerError;
use crate::extract::excerpt;
use crate::letter::{LETTERS_MAX, index_of, letter_of, read_choice};
use crate::options::{Options, scalar_text};
use crate::scorer::{Judgement, Rule, normaliser};
use seatrial_task::ScorerInput;
use seatrial_task::dataset::REFERENCE_COLUMNS;
use seatrial_text::normalise::{self, Normaliser};
use seatrial_types::Case;
use serde_json::Value;

/// Options of a case without choices, where the suite does not say: A to J.
pub(crate) const CHOICE_OPTIONS_DEFAULT: usize = 10;
/// Words of the option `reference`; the first is the default.
pub(crate) const REFERENCE: [&str; 4] = ["auto", "letter", "index", "text"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference {
    Auto,
    Letter,
    Index,
    Text,
}

struct Choice {
    count: usize,
    reference: Reference,
    normaliser: Normaliser,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let reference = match options.word("reference", &REFERENCE)? {
        Some(1) => Reference::Letter,
        Some(2) => Reference::Index,
        Some(3) => Reference::Text,
        _ => Reference::Auto,
    };
    Ok(Box::new(Choice {
        count: options
            .count("options", 2..=LETTERS_MAX)?
            .unwrap_or(CHOICE_OPTIONS_DEFAULT),
        reference,
        normaliser: normaliser(options, &[])?,
    }))
}

impl Rule for Choice {
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let case = input.case;
        let count = if case.choices.is_empty() {
            self.count
        } else {
            case.choices.len()
        };
        if case.expected.is_empty() {
            return Judgement::faulty_case("the case has no reference");
        }
        if count > LETTERS_MAX {
            return Judgement::faulty_case(format_args!(
                "{count} choices, but there are {LETTERS_MAX} letters"
            ));
        }
        let text = self.normaliser.apply(text);
        let found = read_choice(&text, count, &case.choices);
        let mut right = false;
        for accepted in &case.expected {
            match self.read_reference(accepted, count, case) {
                Ok(index) => right |= found == Ok(index),
                Err(why) => return Judgement::faulty_case(why),
            }
        }
        match found {
            Ok(index) => Judgement::scored(right, letter_of(index).encode_utf8(&mut [0; 4])),
            Err(why) => Judgement::unparsed(format!("{why} in {}", excerpt(&text))),
        }
    }

    fn needs_reference(&self) -> bool {
        true
    }
}

impl Choice {
    /// The option that the reference means, or what is wrong with it.
    fn read_reference(&self, reference: &str, count: usize, case: &Case) -> Result<usize, String> {
        let letter = || index_of(reference).filter(|index| *index < count);
        let index = || {
            reference
                .trim()
                .parse()
                .ok()
                .filter(|index: &usize| *index < count)
        };
        let text = || position_of(reference, &case.choices);
        let read = match self.reference {
            Reference::Letter => letter(),
            Reference::Index => index(),
            Reference::Text => text(),
            Reference::Auto if is_json_number(reference, case) => index(),
            Reference::Auto => {
                let mut readings = [letter(), index(), text()].into_iter().flatten();
                let first = readings.next();
                if let (Some(first), Some(other)) = (first, readings.find(|other| Some(*other) != first)) {
                    return Err(format!(
                        "the reference {} can mean {} and {}; hint: say reference: letter, index or text",
                        excerpt(reference),
                        letter_of(first),
                        letter_of(other),
                    ));
                }
                first
            }
        };
        read.ok_or_else(|| {
            let last = letter_of(count.saturating_sub(1));
            let expected = match self.reference {
                Reference::Letter => format!("a letter from A to {last}"),
                Reference::Index => format!("an index from 0 to {}", count.saturating_sub(1)),
                Reference::Text => "the text of a choice".to_owned(),
                Reference::Auto => {
                    format!("a letter from A to {last}, a 0-based index or the text of a choice")
                }
            };
            format!("the reference {} is not {expected}", excerpt(reference))
        })
    }
}

fn position_of(reference: &str, choices: &[String]) -> Option<usize> {
    let exact = choices
        .iter()
        .position(|choice| choice.trim() == reference.trim());
    exact.or_else(|| {
        let folded = normalise::casefold(reference.trim());
        choices
            .iter()
            .position(|choice| normalise::casefold(choice.trim()) == folded)
    })
}

/// Whether the dataset wrote this reference as a JSON number.
///
/// A case keeps its references as texts. The column that they came from is one of the usual ones, or one that the
/// suite maps, which is not known here; then every column that holds this reference has to be a number.
fn is_json_number(reference: &str, case: &Case) -> bool {
    if !reference.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let text_is =
        |value: &Value, text: &String| scalar_text(value).is_some_and(|found| found == text.as_str());
    let holds = |value: &Value| match value {
        Value::Array(items) => {
            let mut pairs = items.iter().zip(&case.expected);
            items.len() == case.expected.len() && pairs.all(|(item, text)| text_is(item, text))
        }
        other => matches!(case.expected.as_slice(), [only] if text_is(other, only)),
    };
    let is_number = |value: &Value| match value {
        Value::Array(items) => items.iter().all(Value::is_number),
        other => other.is_number(),
    };
    let usual = REFERENCE_COLUMNS
        .iter()
        .find_map(|name| case.columns.get(*name).filter(|value| !value.is_null()));
    if let Some(value) = usual.filter(|value| holds(value)) {
        return is_number(value);
    }
    let mut holders = case.columns.values().filter(|value| holds(value)).peekable();
    holders.peek().is_some() && holders.all(is_number)
}
