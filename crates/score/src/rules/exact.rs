//! `exact_match`: the answer equals one of the accepted answers. Apart, as every rule has its own file.

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Judgement, Rule, normaliser};
use seatrial_task::ScorerInput;
use seatrial_text::normalise::{Normaliser, Step};

struct ExactMatch {
    normaliser: Normaliser,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let normaliser = normaliser(options, &[Step::Trim])?;
    Ok(Box::new(ExactMatch { normaliser }))
}

impl Rule for ExactMatch {
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let case = input.case;
        if case.expected.is_empty() {
            return Judgement::faulty_case("the case has no reference");
        }
        let found = self.normaliser.apply(text);
        let right = case
            .expected
            .iter()
            .any(|accepted| self.normaliser.apply(accepted) == found);
        Judgement::scored(right, &found)
    }

    fn needs_reference(&self) -> bool {
        true
    }
}
