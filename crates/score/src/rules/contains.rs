//! `contains`: the answer contains a text. Apart, as every rule has its own file.

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Judgement, Rule, normaliser};
use seatrial_task::ScorerInput;
use seatrial_text::normalise::{Normaliser, Step};

/// Words of the option `match`; the first is the default.
pub(crate) const MATCH: [&str; 2] = ["any", "all"];

struct Contains {
    /// Normalised already; `None` where the case's reference counts.
    values: Option<Vec<String>>,
    all: bool,
    normaliser: Normaliser,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let mut steps = normaliser(options, &[])?.steps().to_vec();
    if options.flag("ignore_case")? {
        steps.push(Step::Casefold);
    }
    let normaliser = Normaliser::new(steps);
    let values = options.texts("values")?.map(|values| -> Vec<String> {
        values
            .iter()
            .map(|value| normaliser.apply(value).into_owned())
            .collect()
    });
    if values.iter().flatten().any(String::is_empty) {
        let found = "a list with an empty text, or one that `normalise` leaves empty";
        let hint = "every answer contains the empty text; take it out";
        return Err(options.invalid_text("values", found, "texts that are not empty", hint));
    }
    let all = options.is_second("match", MATCH)?;
    Ok(Box::new(Contains {
        values,
        all,
        normaliser,
    }))
}

impl Rule for Contains {
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let case = input.case;
        let text = self.normaliser.apply(text);
        let from_case: Vec<String>;
        let values = if let Some(values) = &self.values {
            values
        } else {
            from_case = case
                .expected
                .iter()
                .map(|value| self.normaliser.apply(value).into_owned())
                .collect();
            &from_case
        };
        if values.is_empty() {
            return Judgement::faulty_case("the case has no reference");
        }
        if values.iter().any(String::is_empty) {
            return Judgement::faulty_case("an accepted answer is empty, and every text contains that");
        }
        let is_found = |value: &&String| text.contains(value.as_str());
        if self.all {
            match values.iter().find(|value| !is_found(value)) {
                None => Judgement::scored(true, "all found"),
                Some(missing) => Judgement::scored(false, &format!("not found: {missing}")),
            }
        } else {
            match values.iter().find(is_found) {
                Some(found) => Judgement::scored(true, found),
                None => Judgement::scored(false, "not found"),
            }
        }
    }

    fn needs_reference(&self) -> bool {
        self.values.is_none()
    }
}
