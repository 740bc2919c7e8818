//! `numeric_match`: the last number of the answer is the reference's. Apart, as every rule has its own file.
//!
//! Right when |answer − reference| ≤ max(tolerance, relative · |reference|) for one accepted answer. Numbers are read
//! by the rules of [`crate::number`] and compared as 64-bit floats, which tell 15 digits apart; long identifiers are
//! a case for `exact_match`.

use crate::ScorerError;
use crate::extract::excerpt;
use crate::number::last_number;
use crate::options::Options;
use crate::scorer::{Judgement, Rule, normaliser};
use seatrial_task::ScorerInput;
use seatrial_text::normalise::Normaliser;

/// Absolute tolerance where the suite gives none: hides binary rounding, and nothing that a person would call a
/// difference.
const TOLERANCE_DEFAULT: f64 = 1e-9;

struct NumericMatch {
    tolerance: f64,
    relative: f64,
    normaliser: Normaliser,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    Ok(Box::new(NumericMatch {
        tolerance: options.size("tolerance")?.unwrap_or(TOLERANCE_DEFAULT),
        relative: options.size("relative")?.unwrap_or(0.0),
        normaliser: normaliser(options, &[])?,
    }))
}

impl NumericMatch {
    fn is_close(&self, found: f64, reference: f64) -> bool {
        let allowed = self.tolerance.max(self.relative * reference.abs());
        // 26.0001 is within 1e-4 of 26 although its nearest float is not: the bound itself belongs to the tolerance.
        let rounding = 4.0 * f64::EPSILON * found.abs().max(reference.abs());
        let slack = if allowed > 0.0 { rounding.min(allowed) } else { 0.0 };
        (found - reference).abs() <= allowed + slack
    }
}

impl Rule for NumericMatch {
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let case = input.case;
        let text = self.normaliser.apply(text);
        let mut references = case
            .expected
            .iter()
            .filter_map(|accepted| last_number(&self.normaliser.apply(accepted)).map(|number| number.value))
            .peekable();
        if references.peek().is_none() {
            return Judgement::faulty_case(match case.expected.first() {
                None => "the case has no reference".to_owned(),
                Some(accepted) => format!("no number in the reference {}", excerpt(accepted)),
            });
        }
        match last_number(&text) {
            None => Judgement::unparsed(format!("no number in {}", excerpt(&text))),
            Some(found) => {
                let right = references.any(|reference| self.is_close(found.value, reference));
                Judgement::scored(right, &found.text)
            }
        }
    }

    fn needs_reference(&self) -> bool {
        true
    }
}
