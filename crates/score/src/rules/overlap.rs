//! How much of the reference is in the answer: `f1`, `edit_similarity`, `bleu`, `chrf`, `rouge`. Together in one file,
//! because they differ only in the function of [`seatrial_text`] that they call, and their values are that function's.
//!
//! An empty answer is no unreadable one: it overlaps with nothing and gets the value that the metric gives it.

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Judgement, Rule, normaliser};
use seatrial_task::ScorerInput;
use seatrial_text::bleu::{Bleu, BleuOptions, ORDER_MAX};
use seatrial_text::chrf::{Chrf, ChrfOptions};
use seatrial_text::edit;
use seatrial_text::matching::squad_answer;
use seatrial_text::normalise::Normaliser;
use seatrial_text::rouge::{Rouge, RougeKind, RougeOptions};
use seatrial_text::tokenise::Tokeniser;
use std::borrow::Cow;

/// Words of the option `measure` of `edit_similarity`; the first is the default.
pub(crate) const EDIT_MEASURE: [&str; 2] = ["levenshtein", "indel"];
/// Words of the option `tokenise` of `bleu`; the first is the default.
pub(crate) const TOKENISE: [&str; 5] = ["13a", "intl", "zh", "char", "none"];
/// Words of the option `type` of `rouge`.
pub(crate) const ROUGE_TYPE: [&str; 6] = ["rougeL", "rougeLsum", "rouge1", "rouge2", "rouge3", "rouge4"];
/// Words of the option `measure` of `rouge`; the first is the default.
pub(crate) const ROUGE_MEASURE: [&str; 3] = ["f", "precision", "recall"];
/// Largest product of the lengths of two texts that are compared unit by unit: about a tenth of a second.
const CELLS_MAX: usize = 1 << 33;

/// One metric over an answer and its references, both normalised; `Err` where they cannot be compared.
type Metric = Box<dyn Fn(&str, &[Cow<'_, str>]) -> Result<f64, String> + Send + Sync>;

struct Overlap {
    metric: Metric,
    normaliser: Normaliser,
}

impl Overlap {
    fn boxed(options: &Options<'_>, metric: Metric) -> Result<Box<dyn Rule>, ScorerError> {
        Ok(Box::new(Self {
            metric,
            normaliser: normaliser(options, &[])?,
        }))
    }
}

impl Rule for Overlap {
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let expected = &input.case.expected;
        if expected.is_empty() {
            return Judgement::faulty_case("the case has no reference");
        }
        let text = self.normaliser.apply(text);
        let references: Vec<Cow<'_, str>> = expected
            .iter()
            .map(|reference| self.normaliser.apply(reference))
            .collect();
        match (self.metric)(&text, &references) {
            Ok(value) => Judgement::graded(value, &text),
            Err(why) => Judgement::unparsed(why),
        }
    }

    fn needs_reference(&self) -> bool {
        true
    }
}

pub(crate) fn f1(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let metric = |text: &str, references: &[Cow<'_, str>]| {
        let score = squad_answer(text, references).map_err(|error| error.to_string())?;
        Ok(score.f1)
    };
    Overlap::boxed(options, Box::new(metric))
}

pub(crate) fn edit_similarity(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let is_indel = options.is_second("measure", EDIT_MEASURE)?;
    let metric = move |text: &str, references: &[Cow<'_, str>]| {
        let graphemes = edit::Unit::Grapheme.split(text);
        let mut best = 0.0_f64;
        for reference in references {
            let reference = edit::Unit::Grapheme.split(reference);
            check_cells(graphemes.len(), reference.len(), "characters")?;
            best = best.max(similarity(&graphemes, &reference, is_indel));
        }
        Ok(best)
    };
    Overlap::boxed(options, Box::new(metric))
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^53")]
fn similarity(a: &[&str], b: &[&str], is_indel: bool) -> f64 {
    let (distance, longest) = if is_indel {
        (edit::indel(a, b), a.len() + b.len())
    } else {
        (edit::levenshtein(a, b), a.len().max(b.len()))
    };
    if longest == 0 {
        1.0
    } else {
        1.0 - distance as f64 / longest as f64
    }
}

fn check_cells(a: usize, b: usize, unit: &str) -> Result<(), String> {
    if a.saturating_mul(b) <= CELLS_MAX {
        return Ok(());
    }
    Err(format!(
        "answer and reference are too long to compare: {a} and {b} {unit}"
    ))
}

pub(crate) fn bleu(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let tokeniser = options.word("tokenise", &TOKENISE)?.unwrap_or(0);
    let chosen = BleuOptions {
        tokeniser: TOKENISE
            .get(tokeniser)
            .and_then(|name| Tokeniser::by_name(name))
            .unwrap_or_default(),
        lowercase: options.flag("lowercase")?,
        max_order: options.count("max_order", 1..=ORDER_MAX)?.unwrap_or(4),
        ..BleuOptions::default()
    };
    let bleu = Bleu::try_new(chosen).map_err(|error| {
        options.invalid_text(
            "max_order",
            error.to_string(),
            "an order that BLEU has",
            "leave it out",
        )
    })?;
    let metric = move |text: &str, references: &[Cow<'_, str>]| {
        let score = bleu
            .sentence(text, references)
            .map_err(|error| error.to_string())?;
        Ok(score.score)
    };
    Overlap::boxed(options, Box::new(metric))
}

pub(crate) fn chrf(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let chosen = ChrfOptions {
        char_order: options.count("char_order", 1..=10)?.unwrap_or(6),
        word_order: options.count("word_order", 0..=4)?.unwrap_or(0),
        lowercase: options.flag("lowercase")?,
        ..ChrfOptions::default()
    };
    let chrf = Chrf::try_new(chosen).map_err(|error| {
        options.invalid_text(
            "char_order",
            error.to_string(),
            "orders that chrF has",
            "leave it out",
        )
    })?;
    let metric = move |text: &str, references: &[Cow<'_, str>]| {
        chrf.sentence(text, references).map_err(|error| error.to_string())
    };
    Overlap::boxed(options, Box::new(metric))
}

pub(crate) fn rouge(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let index = options.word("type", &ROUGE_TYPE)?.unwrap_or(0);
    let kind = ROUGE_TYPE
        .get(index)
        .and_then(|name| RougeKind::by_name(name))
        .unwrap_or(RougeKind::L);
    let measure = options.word("measure", &ROUGE_MEASURE)?.unwrap_or(0);
    let rouge = Rouge::new(RougeOptions {
        stem: options.flag("stem")?,
        ..RougeOptions::default()
    });
    let metric = move |text: &str, references: &[Cow<'_, str>]| {
        let mut best = 0.0_f64;
        for reference in references {
            check_cells(text.len(), reference.len(), "bytes")?;
            let score = rouge
                .score(reference, text, &[kind])
                .into_iter()
                .next()
                .unwrap_or_default();
            best = best.max(match measure {
                0 => score.f,
                1 => score.precision,
                _ => score.recall,
            });
        }
        Ok(best)
    };
    Overlap::boxed(options, Box::new(metric))
}
