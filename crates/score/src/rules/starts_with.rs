//! `starts_with`: the answer begins with a text. Apart, as every rule has its own file.

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Judgement, Rule, normaliser};
use seatrial_task::ScorerInput;
use seatrial_text::normalise::{Normaliser, Step};

struct StartsWith {
    /// Normalised already; `None` where the case's reference counts.
    values: Option<Vec<String>>,
    normaliser: Normaliser,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let mut steps = normaliser(options, &[Step::Trim])?.steps().to_vec();
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
        let hint = "every answer begins with the empty text; take it out";
        return Err(options.invalid_text("values", found, "texts that are not empty", hint));
    }
    Ok(Box::new(StartsWith { values, normaliser }))
}

impl Rule for StartsWith {
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let text = self.normaliser.apply(text);
        let from_case: Vec<String>;
        let values = if let Some(values) = &self.values {
            values
        } else {
            let expected = input.case.expected.iter();
            from_case = expected
                .map(|value| self.normaliser.apply(value).into_owned())
                .collect();
            &from_case
        };
        if values.is_empty() {
            return Judgement::faulty_case("the case has no reference");
        }
        if values.iter().any(String::is_empty) {
            return Judgement::faulty_case("an accepted answer is empty, and every text begins with that");
        }
        match values.iter().find(|value| text.starts_with(value.as_str())) {
            Some(found) => Judgement::scored(true, found),
            None => Judgement::scored(false, &text),
        }
    }

    fn needs_reference(&self) -> bool {
        self.values.is_none()
    }
}
