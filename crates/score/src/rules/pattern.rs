//! `regex`: a regular expression matches somewhere in the answer. Apart, as every rule has its own file.

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Judgement, Rule, normaliser};
use crate::step::parse_regex;
use regex::Regex;
use seatrial_task::ScorerInput;
use seatrial_text::normalise::Normaliser;

struct Pattern {
    regex: Regex,
    normaliser: Normaliser,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let expected = "a regular expression";
    let Some(pattern) = options.text("pattern")? else {
        return Err(options.missing("pattern", expected, "write pattern: \"(?i)yes\""));
    };
    let regex = parse_regex(&pattern).map_err(|(found, expected)| {
        let hint = "write it in single quotes, in which YAML leaves backslashes alone";
        options.invalid_text("pattern", found, expected, hint)
    })?;
    let normaliser = normaliser(options, &[])?;
    Ok(Box::new(Pattern { regex, normaliser }))
}

impl Rule for Pattern {
    fn judge(&self, text: &str, _input: ScorerInput<'_>) -> Judgement {
        let text = self.normaliser.apply(text);
        match self.regex.find(&text) {
            Some(found) => Judgement::scored(true, found.as_str()),
            None => Judgement::scored(false, "no match"),
        }
    }

    fn needs_reference(&self) -> bool {
        false
    }
}
