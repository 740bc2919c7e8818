//! Family `rouge_meteor` of the calculator.

use super::bleu::read_references;
use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_text::meteor::{MeteorOptions, meteor};
use seatrial_text::porter::stem;
use seatrial_text::rouge::{Rouge, RougeKind, RougeOptions, RougeScore, RougeTokeniser};
use serde_json::{Map, Value};

const HYP: Field = Field::new("hyp", "string", "the candidate text");
const TYPES: Field = Field::new(
    "types",
    "[rouge1..rouge9|rougeL|rougeLsum]",
    "the kinds to compute; default rouge1, rouge2, rougeL",
);
const USE_STEMMER: Field = Field::new(
    "use_stemmer",
    "bool",
    "stem words of more than three characters with Porter's stemmer; default false",
);
const TOKENIZER: Field = Field::new(
    "tokenizer",
    "reference|unicode",
    "what a word is: a-z0-9 runs as published scores have it, or UAX #29 words; default reference",
);
const SCORES: Field = Field::new(
    "<type>",
    "{precision, recall, f}",
    "for each type asked for, 0 to 1",
);

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "rouge",
        family: "rouge_meteor",
        what: "ROUGE: overlap of n-grams (rougeN) or longest common subsequences (rougeL, rougeLsum) of words",
        source: "Lin 2004; rouge-score 0.1.2",
        inputs: &[
            HYP,
            Field::new("ref", "string", "the reference text"),
            TYPES,
            USE_STEMMER,
            TOKENIZER,
        ],
        outputs: &[SCORES],
        eval: rouge,
    },
    Function {
        name: "rouge_multi",
        family: "rouge_meteor",
        what: "ROUGE against several references: per type the scores of the reference with the highest F",
        source: "Lin 2004; rouge-score 0.1.2 score_multi",
        inputs: &[
            HYP,
            Field::new("refs", "[string]", "the reference texts, at least one"),
            TYPES,
            USE_STEMMER,
            TOKENIZER,
        ],
        outputs: &[SCORES],
        eval: rouge_multi,
    },
    Function {
        name: "rouge_tokens",
        family: "rouge_meteor",
        what: "the words that ROUGE compares",
        source: "rouge-score 0.1.2 tokenize",
        inputs: &[Field::new("text", "string", "the text"), USE_STEMMER, TOKENIZER],
        outputs: &[Field::new("tokens", "[string]", "the words in order")],
        eval: rouge_tokens,
    },
    Function {
        name: "porter",
        family: "rouge_meteor",
        what: "Porter stems with NLTK's extensions",
        source: "Porter 1980; nltk 3.10.4 PorterStemmer",
        inputs: &[Field::new("words", "[string]", "the words")],
        outputs: &[Field::new("stems", "[string]", "the stem of each word")],
        eval: porter,
    },
    Function {
        name: "meteor_exact_stem",
        family: "rouge_meteor",
        what: "METEOR with exact and stem matching only (meteor-es); does not compare with published METEOR",
        source: "Lavie & Agarwal 2007; nltk 3.10.4 single_meteor_score without WordNet",
        inputs: &[
            HYP,
            Field::new("ref", "string", "the reference text"),
            Field::new(
                "alpha",
                "number",
                "weight of precision in the harmonic mean; default 0.9",
            ),
            Field::new("beta", "number", "exponent of the fragmentation; default 3"),
            Field::new("gamma", "number", "largest penalty; default 0.5"),
        ],
        outputs: &[
            Field::new(
                "score",
                "number",
                "0 to 1; identical text of n words has 1 - gamma / n^beta",
            ),
            Field::new("matches", "number", "matched words"),
            Field::new(
                "chunks",
                "number",
                "runs of matched words in the same order on both sides",
            ),
        ],
        eval: meteor_exact_stem,
    },
];

fn metric(args: &Args<'_>) -> Result<Rouge, CalcError> {
    let name = args.str_or("tokenizer", "reference")?;
    let tokeniser = RougeTokeniser::by_name(name).ok_or_else(|| {
        CalcError::Domain(format!(
            "unknown tokenizer `{name}`: expected reference or unicode"
        ))
    })?;
    Ok(Rouge::new(RougeOptions {
        stem: args.bool_or("use_stemmer", false)?,
        tokeniser,
    }))
}

fn kinds(args: &Args<'_>) -> Result<Vec<RougeKind>, CalcError> {
    if args.raw("types").is_none() {
        return Ok(vec![RougeKind::N(1), RougeKind::N(2), RougeKind::L]);
    }
    args.strs("types")?
        .into_iter()
        .map(|name| {
            RougeKind::by_name(name).ok_or_else(|| {
                CalcError::Domain(format!(
                    "unknown type `{name}`: expected rouge1 to rouge9, rougeL or rougeLsum"
                ))
            })
        })
        .collect()
}

fn scores(kinds: &[RougeKind], scores: &[RougeScore]) -> Map<String, Value> {
    kinds
        .iter()
        .zip(scores)
        .map(|(kind, score)| {
            let fields = object([
                ("precision", number(score.precision)),
                ("recall", number(score.recall)),
                ("f", number(score.f)),
            ]);
            (kind.to_string(), Value::Object(fields))
        })
        .collect()
}

fn rouge(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let kinds = kinds(args)?;
    let values = metric(args)?.score(args.str("ref")?, args.str("hyp")?, &kinds);
    Ok(scores(&kinds, &values))
}

fn rouge_multi(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let kinds = kinds(args)?;
    let values = metric(args)?
        .score_best(&read_references(args)?, args.str("hyp")?, &kinds)
        .map_err(CalcError::domain)?;
    Ok(scores(&kinds, &values))
}

fn rouge_tokens(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let tokens = metric(args)?.words(args.str("text")?);
    Ok(object([("tokens", Value::from(tokens))]))
}

fn porter(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let stems: Vec<String> = args.strs("words")?.into_iter().map(stem).collect();
    Ok(object([("stems", Value::from(stems))]))
}

fn meteor_exact_stem(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let default = MeteorOptions::default();
    let options = MeteorOptions {
        alpha: args.f64_or("alpha", default.alpha)?,
        beta: args.f64_or("beta", default.beta)?,
        gamma: args.f64_or("gamma", default.gamma)?,
    };
    let score = meteor(args.str("hyp")?, args.str("ref")?, options);
    Ok(object([
        ("score", number(score.score)),
        ("matches", Value::from(score.matches)),
        ("chunks", Value::from(score.chunks)),
    ]))
}
