//! Family `readability_summarisation` of the calculator.

use crate::args::to_f64;
use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_text::readability::{self, TextCounts};
use seatrial_text::summary::{self, EmbeddedTokens};
use serde_json::{Map, Value};

const TEXT: Field = Field::new("text", "string", "the text");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "from_counts",
        family: "readability_summarisation",
        what: "readability indices from counts, by the published formulas",
        source: "Flesch 1948; Kincaid et al. 1975; Gunning 1952; McLaughlin 1969; Smith & Senter 1967; \
                 Coleman & Liau 1975; Björnsson 1968; Anderson 1983",
        inputs: &[
            Field::new("words", "number", "words, at least 1"),
            Field::new("sentences", "number", "sentences, at least 1"),
            Field::new("syllables", "number", "syllables; default 0"),
            Field::new(
                "complex_words",
                "number",
                "words of three or more syllables by Gunning's rules; default 0",
            ),
            Field::new(
                "polysyllables",
                "number",
                "words of three or more syllables; default 0",
            ),
            Field::new("characters", "number", "characters without blanks; default 0"),
            Field::new("letters", "number", "letters and digits; default 0"),
            Field::new(
                "long_words",
                "number",
                "words of more than six letters; default 0",
            ),
        ],
        outputs: &[
            Field::new("flesch", "number", "Flesch reading ease, higher is easier"),
            Field::new("fk_grade", "number", "Flesch-Kincaid grade, US school years"),
            Field::new("fog", "number", "Gunning fog"),
            Field::new("smog", "number", "SMOG grade"),
            Field::new("ari", "number", "automated readability index"),
            Field::new("coleman_liau", "number", "Coleman-Liau index (0.0588)"),
            Field::new("lix", "number", "LIX"),
            Field::new("rix", "number", "RIX"),
        ],
        eval: from_counts,
    },
    Function {
        name: "textstat",
        family: "readability_summarisation",
        what: "counts of a text and the indices without syllables, by textstat's rules; \
               for comparing texts with each other",
        source: "textstat 0.7.13",
        inputs: &[TEXT],
        outputs: &[
            Field::new("lexicon_count", "number", "words"),
            Field::new(
                "sentence_count",
                "number",
                "runs ended by . ! ? with more than two words, at least 1",
            ),
            Field::new("char_count", "number", "characters without white space"),
            Field::new("letter_count", "number", "letters, digits and underscores"),
            Field::new("ari", "number", "automated readability index"),
            Field::new(
                "coleman_liau",
                "number",
                "Coleman-Liau index with textstat's 0.058",
            ),
            Field::new("lix", "number", "LIX"),
            Field::new("rix", "number", "RIX"),
        ],
        eval: textstat,
    },
    Function {
        name: "newsroom",
        family: "readability_summarisation",
        what: "extractiveness of a summary: coverage, density, compression and novel n-grams",
        source: "Grusky et al. 2018",
        inputs: &[
            Field::new("article", "string", "the text that is summarised"),
            Field::new("summary", "string", "the summary"),
        ],
        outputs: &[
            Field::new(
                "coverage",
                "number",
                "share of the summary's words in copied fragments; 0 if it is empty",
            ),
            Field::new(
                "density",
                "number",
                "mean fragment length over the summary's words; 0 if it is empty",
            ),
            Field::new(
                "compression",
                "number",
                "article words per summary word; NaN if the summary is empty",
            ),
            Field::new(
                "novel_1",
                "number",
                "share of the summary's different words not in the article; NaN without any",
            ),
            Field::new("novel_2", "number", "the same for 2-grams; NaN without any"),
            Field::new("novel_3", "number", "the same for 3-grams; NaN without any"),
            Field::new("novel_4", "number", "the same for 4-grams; NaN without any"),
        ],
        eval: newsroom,
    },
    Function {
        name: "diversity",
        family: "readability_summarisation",
        what: "variety and repetition of a text over lower-cased words",
        source: "Li et al. 2016 (distinct-n)",
        inputs: &[TEXT],
        outputs: &[
            Field::new(
                "distinct_1",
                "number",
                "different words / words; NaN without words",
            ),
            Field::new(
                "distinct_2",
                "number",
                "different 2-grams / 2-grams; NaN without any",
            ),
            Field::new("distinct_3", "number", "the same for 3-grams; NaN without any"),
            Field::new("distinct_4", "number", "the same for 4-grams; NaN without any"),
            Field::new("repeat_2", "number", "1 - distinct_2; NaN with it"),
            Field::new("repeat_3", "number", "1 - distinct_3; NaN with it"),
            Field::new("repeat_4", "number", "1 - distinct_4; NaN with it"),
            Field::new(
                "longest_run",
                "number",
                "most times that a word stands in immediate succession",
            ),
        ],
        eval: diversity,
    },
    Function {
        name: "greedy_match",
        family: "readability_summarisation",
        what: "BERTScore's matching of given token embeddings: weighted means of the largest cosines",
        source: "Zhang et al. 2020",
        inputs: &[
            Field::new(
                "candidate",
                "[[number]]",
                "a unit-length vector per candidate token",
            ),
            Field::new(
                "reference",
                "[[number]]",
                "a unit-length vector per reference token",
            ),
            Field::new(
                "idf_candidate",
                "[number]",
                "weight of each candidate token; default 1",
            ),
            Field::new(
                "idf_reference",
                "[number]",
                "weight of each reference token; default 1",
            ),
            Field::new("baseline", "number", "F1 of unrelated texts, below 1; default 0"),
        ],
        outputs: &[
            Field::new("precision", "number", "over candidate tokens, -1 to 1"),
            Field::new("recall", "number", "over reference tokens, -1 to 1"),
            Field::new(
                "f1",
                "number",
                "harmonic mean; 0 if precision and recall add up to 0",
            ),
            Field::new("f1_rescaled", "number", "(f1 - baseline) / (1 - baseline)"),
        ],
        eval: greedy_match,
    },
];

fn from_counts(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let indices = readability::indices(&TextCounts {
        words: args.u64("words")?,
        sentences: args.u64("sentences")?,
        syllables: args.u64_or("syllables", 0)?,
        complex_words: args.u64_or("complex_words", 0)?,
        polysyllables: args.u64_or("polysyllables", 0)?,
        characters: args.u64_or("characters", 0)?,
        letters: args.u64_or("letters", 0)?,
        long_words: args.u64_or("long_words", 0)?,
    })
    .map_err(CalcError::domain)?;
    Ok(object([
        ("flesch", number(indices.flesch)),
        ("fk_grade", number(indices.flesch_kincaid_grade)),
        ("fog", number(indices.fog)),
        ("smog", number(indices.smog)),
        ("ari", number(indices.ari)),
        ("coleman_liau", number(indices.coleman_liau)),
        ("lix", number(indices.lix)),
        ("rix", number(indices.rix)),
    ]))
}

fn textstat(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let report = readability::textstat(args.str("text")?);
    Ok(object([
        ("lexicon_count", Value::from(report.words)),
        ("sentence_count", Value::from(report.sentences)),
        ("char_count", Value::from(report.characters)),
        ("letter_count", Value::from(report.letters)),
        ("ari", number(report.ari)),
        ("coleman_liau", number(report.coleman_liau)),
        ("lix", number(report.lix)),
        ("rix", number(report.rix)),
    ]))
}

/// What is undefined in the library is the string `NaN` in the calculator.
fn share(share: Option<f64>) -> Value {
    number(share.unwrap_or(f64::NAN))
}

fn newsroom(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let found =
        summary::extractiveness(args.str("article")?, args.str("summary")?).map_err(CalcError::domain)?;
    let [novel_1, novel_2, novel_3, novel_4] = found.novel;
    Ok(object([
        ("coverage", number(found.coverage)),
        ("density", number(found.density)),
        ("compression", share(found.compression)),
        ("novel_1", share(novel_1)),
        ("novel_2", share(novel_2)),
        ("novel_3", share(novel_3)),
        ("novel_4", share(novel_4)),
    ]))
}

fn diversity(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let found = summary::diversity(args.str("text")?);
    let [distinct_1, distinct_2, distinct_3, distinct_4] = found.distinct;
    Ok(object([
        ("distinct_1", share(distinct_1)),
        ("distinct_2", share(distinct_2)),
        ("distinct_3", share(distinct_3)),
        ("distinct_4", share(distinct_4)),
        ("repeat_2", share(found.repeated(2))),
        ("repeat_3", share(found.repeated(3))),
        ("repeat_4", share(found.repeated(4))),
        ("longest_run", Value::from(found.longest_run)),
    ]))
}

fn greedy_match(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let candidate = args.matrix("candidate", to_f64)?;
    let reference = args.matrix("reference", to_f64)?;
    let weights = |name: &str, tokens: usize| match args.raw(name) {
        None => Ok(vec![1.0; tokens]),
        Some(_) => args.f64s(name),
    };
    let candidate_weights = weights("idf_candidate", candidate.len())?;
    let reference_weights = weights("idf_reference", reference.len())?;
    let found = summary::greedy_match(
        EmbeddedTokens {
            vectors: &candidate,
            weights: &candidate_weights,
        },
        EmbeddedTokens {
            vectors: &reference,
            weights: &reference_weights,
        },
        args.f64_or("baseline", 0.0)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("precision", number(found.precision)),
        ("recall", number(found.recall)),
        ("f1", number(found.f1)),
        ("f1_rescaled", number(found.f1_rescaled)),
    ]))
}
