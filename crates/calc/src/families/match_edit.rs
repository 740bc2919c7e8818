//! Family `match_edit` of the calculator.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_text::edit::{Unit, compare};
use seatrial_text::error_rate::{character_errors, word_errors};
use seatrial_text::matching::squad_answer;
use seatrial_text::normalise;
use serde_json::{Map, Value};

const UNIT: Field = Field::new(
    "unit",
    "scalar|grapheme",
    "what counts as a character: a Unicode scalar value or a grapheme cluster; default scalar",
);

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "squad",
        family: "match_edit",
        what: "exact match and token F1 of an answer with the closest accepted one, after SQuAD's normalisation",
        source: "Rajpurkar et al. 2016; SQuAD evaluation 1.1 and 2.0",
        inputs: &[
            Field::new("prediction", "string", "the answer"),
            Field::new(
                "golds",
                "[string]",
                "accepted answers, at least one; no answer is the empty string",
            ),
        ],
        outputs: &[
            Field::new("em", "number", "1 if equal to an accepted answer, else 0"),
            Field::new(
                "f1",
                "number",
                "largest token F1, 0 to 1; both empty 1, one empty 0",
            ),
            Field::new("normalized", "string", "the answer as it is compared"),
        ],
        eval: squad,
    },
    Function {
        name: "edit",
        family: "match_edit",
        what: "edit distances and similarities of two texts by character",
        source: "Levenshtein 1966; Hyyrö 2003; Jaro 1989; Winkler 1990; as rapidfuzz 3.14",
        inputs: &[
            Field::new("a", "string", "one text"),
            Field::new("b", "string", "the other text"),
            UNIT,
        ],
        outputs: &[
            Field::new(
                "levenshtein",
                "number",
                "fewest insertions, deletions and substitutions",
            ),
            Field::new("osa", "number", "the same with transpositions of neighbours"),
            Field::new("indel", "number", "fewest insertions and deletions"),
            Field::new("lcs", "number", "length of the longest common subsequence"),
            Field::new(
                "lev_similarity",
                "number",
                "1 - levenshtein / longer length; 1 if both are empty",
            ),
            Field::new("jaro", "number", "Jaro similarity, 0 to 1"),
            Field::new(
                "jaro_winkler",
                "number",
                "Jaro-Winkler similarity with prefix weight 0.1, 0 to 1",
            ),
            Field::new("ratio", "number", "100 (1 - indel / sum of lengths), 0 to 100"),
        ],
        eval: edit,
    },
    Function {
        name: "wer",
        family: "match_edit",
        what: "word and character error rates",
        source: "Morris et al. 2004; jiwer 4.0.0",
        inputs: &[
            Field::new("hyp", "string", "the hypothesis"),
            Field::new("ref", "string", "the reference"),
            UNIT,
        ],
        outputs: &[
            Field::new(
                "wer",
                "number",
                "errors per reference word, may exceed 1; against no words the number of insertions",
            ),
            Field::new("mer", "number", "match error rate, 0 to 1"),
            Field::new("wil", "number", "word information lost, 0 to 1"),
            Field::new("errors", "number", "word errors"),
            Field::new("hits", "number", "words that agree"),
            Field::new("substitutions", "number", "words replaced"),
            Field::new("deletions", "number", "words missing"),
            Field::new("insertions", "number", "words too many"),
            Field::new("cer", "number", "errors per reference character, blanks included"),
        ],
        eval: wer,
    },
];

fn unit(args: &Args<'_>) -> Result<Unit, CalcError> {
    let name = args.str_or("unit", "scalar")?;
    Unit::by_name(name)
        .ok_or_else(|| CalcError::Domain(format!("unknown unit `{name}`: expected scalar or grapheme")))
}

fn squad(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let prediction = args.str("prediction")?;
    let score = squad_answer(prediction, &args.strs("golds")?).map_err(|_| {
        CalcError::Domain("input `golds`: found none, expected at least one answer".to_owned())
    })?;
    Ok(object([
        ("em", number(score.exact_match)),
        ("f1", number(score.f1)),
        (
            "normalized",
            Value::from(normalise::squad(prediction).into_owned()),
        ),
    ]))
}

fn edit(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let scores = compare(args.str("a")?, args.str("b")?, unit(args)?);
    Ok(object([
        ("levenshtein", Value::from(scores.levenshtein)),
        ("osa", Value::from(scores.osa)),
        ("indel", Value::from(scores.indel)),
        ("lcs", Value::from(scores.lcs)),
        ("lev_similarity", number(scores.levenshtein_similarity)),
        ("jaro", number(scores.jaro)),
        ("jaro_winkler", number(scores.jaro_winkler)),
        ("ratio", number(scores.ratio)),
    ]))
}

fn wer(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let (hypothesis, reference) = (args.str("hyp")?, args.str("ref")?);
    let counts = word_errors(hypothesis, reference);
    let characters = character_errors(hypothesis, reference, unit(args)?);
    Ok(object([
        ("wer", number(counts.rate())),
        ("mer", number(counts.match_error_rate())),
        ("wil", number(counts.information_lost())),
        ("errors", Value::from(counts.errors())),
        ("hits", Value::from(counts.hits)),
        ("substitutions", Value::from(counts.substitutions)),
        ("deletions", Value::from(counts.deletions)),
        ("insertions", Value::from(counts.insertions)),
        ("cer", number(characters.rate())),
    ]))
}
