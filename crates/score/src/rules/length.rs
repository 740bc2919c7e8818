//! `length`: how long the answer is. Apart, as every rule has its own file.

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Judgement, Rule};
use seatrial_task::ScorerInput;
use seatrial_text::chars::words;

/// Words of the option `unit`; the first is the default.
pub(crate) const UNIT: [&str; 3] = ["chars", "words", "tokens"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Chars,
    Words,
    Tokens,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let unit = match options.word("unit", &UNIT)? {
        Some(1) => Length::Words,
        Some(2) => Length::Tokens,
        _ => Length::Chars,
    };
    if let (Length::Tokens, Some(extract)) = (unit, options.value("extract")) {
        let hint = "the provider counts the tokens of the whole answer; use unit: words for a part of it";
        return Err(options.invalid("extract", extract, "nothing where tokens are counted", hint));
    }
    Ok(Box::new(unit))
}

impl Rule for Length {
    #[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^53")]
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let length = match self {
            Self::Chars => text.chars().count() as f64,
            Self::Words => words(text).count() as f64,
            Self::Tokens => match input.answer.usage.output_tokens {
                Some(tokens) => tokens as f64,
                None => return Judgement::unparsed("the provider did not count tokens"),
            },
        };
        Judgement::graded(length, text)
    }

    fn needs_reference(&self) -> bool {
        false
    }
}
