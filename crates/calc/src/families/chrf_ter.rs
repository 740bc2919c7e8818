//! Family `chrf_ter` of the calculator.

use super::bleu::{
    Corpus, HYP, HYPS, REFS, REFS_BY_STREAM, read_config, read_corpus, read_references, small,
};
use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_text::chrf::{Chrf, ChrfOptions};
use seatrial_text::corpus::ReferenceCount;
use seatrial_text::ter::{Ter, TerOptions, TerScore};
use serde_json::{Map, Value};

const CHRF_CONFIG: Field = Field::new(
    "config",
    "object",
    "char_order (6), word_order (0; 2 is chrF++), beta (2), lowercase (false), whitespace (false), \
           eps_smoothing (false); may be left out",
);
const CHRF_SCORE: Field = Field::new("score", "number", "chrF, 0 to 100");
const TER_CONFIG: Field = Field::new(
    "config",
    "object",
    "normalized, no_punct, asian_support, case_sensitive, all false by default; may be left out",
);
const TER_SCORE: Field = Field::new("score", "number", "edits per 100 reference words, 0 is perfect");
const EDITS: Field = Field::new("num_edits", "number", "edits and shifts to the closest reference");
const REF_LENGTH: Field = Field::new(
    "ref_length",
    "number",
    "mean number of words of the references, summed over segments",
);
const SIGNATURE: Field = Field::new("signature", "string", "sacrebleu's signature without version");
const CHRF_WHAT: &str = "chrF / chrF++: F-beta of character (and word) n-gram matches";
const TER_WHAT: &str =
    "translation edit rate: edits and block shifts per reference word, Tercom's greedy search";
const CHRF_SOURCE: &str = "Popović 2015, 2017; sacrebleu 2.6.0 CHRF";
const TER_SOURCE: &str = "Snover et al. 2006; sacrebleu 2.6.0 TER";

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "chrf_sentence",
        family: "chrf_ter",
        what: CHRF_WHAT,
        source: CHRF_SOURCE,
        inputs: &[HYP, REFS, CHRF_CONFIG],
        outputs: &[CHRF_SCORE],
        eval: chrf_sentence,
    },
    Function {
        name: "chrf_corpus",
        family: "chrf_ter",
        what: CHRF_WHAT,
        source: CHRF_SOURCE,
        inputs: &[HYPS, REFS_BY_STREAM, CHRF_CONFIG],
        outputs: &[CHRF_SCORE, SIGNATURE],
        eval: chrf_corpus,
    },
    Function {
        name: "ter_sentence",
        family: "chrf_ter",
        what: TER_WHAT,
        source: TER_SOURCE,
        inputs: &[HYP, REFS, TER_CONFIG],
        outputs: &[TER_SCORE, EDITS, REF_LENGTH],
        eval: ter_sentence,
    },
    Function {
        name: "ter_corpus",
        family: "chrf_ter",
        what: TER_WHAT,
        source: TER_SOURCE,
        inputs: &[HYPS, REFS_BY_STREAM, TER_CONFIG],
        outputs: &[TER_SCORE, EDITS, REF_LENGTH, SIGNATURE],
        eval: ter_corpus,
    },
];

fn chrf(args: &Args<'_>) -> Result<Chrf, CalcError> {
    read_config(args, |config| {
        Chrf::try_new(ChrfOptions {
            char_order: small(config, "char_order", 6)?,
            word_order: small(config, "word_order", 0)?,
            beta: config.f64_or("beta", 2.0)?,
            lowercase: config.bool_or("lowercase", false)?,
            whitespace: config.bool_or("whitespace", false)?,
            eps_smoothing: config.bool_or("eps_smoothing", false)?,
        })
        .map_err(CalcError::domain)
    })
}

fn ter(args: &Args<'_>) -> Result<Ter, CalcError> {
    read_config(args, |config| {
        Ok(Ter::new(TerOptions {
            normalized: config.bool_or("normalized", false)?,
            no_punct: config.bool_or("no_punct", false)?,
            asian_support: config.bool_or("asian_support", false)?,
            case_sensitive: config.bool_or("case_sensitive", false)?,
        }))
    })
}

fn chrf_sentence(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let score = chrf(args)?.sentence(args.str("hyp")?, &read_references(args)?);
    Ok(object([("score", number(score.map_err(CalcError::domain)?))]))
}

fn chrf_corpus(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let metric = chrf(args)?;
    let Corpus {
        hypotheses,
        references,
    } = read_corpus(args, "hyps")?;
    let score = metric
        .corpus(&hypotheses, &references)
        .map_err(CalcError::domain)?;
    let signature = metric.signature(ReferenceCount::of(&references));
    Ok(object([
        ("score", number(score)),
        ("signature", Value::from(signature)),
    ]))
}

fn ter_object(score: &TerScore) -> Map<String, Value> {
    object([
        ("score", number(score.score)),
        ("num_edits", Value::from(score.edits)),
        ("ref_length", number(score.reference_words)),
    ])
}

fn ter_sentence(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let score = ter(args)?.sentence(args.str("hyp")?, &read_references(args)?);
    Ok(ter_object(&score.map_err(CalcError::domain)?))
}

fn ter_corpus(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let metric = ter(args)?;
    let Corpus {
        hypotheses,
        references,
    } = read_corpus(args, "hyps")?;
    let score = metric
        .corpus(&hypotheses, &references)
        .map_err(CalcError::domain)?;
    let mut output = ter_object(&score);
    let signature = metric.signature(ReferenceCount::of(&references));
    output.insert("signature".to_owned(), Value::from(signature));
    Ok(output)
}
