//! Family `judge` of the calculator.

use crate::args::{to_f64, to_f64_opt, to_list, to_str, wrong};
use crate::function::{number, numbers, object};
use crate::labels::Ratings;
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::judge as stats;
use seatrial_stats::judge::{AltTestOptions, AltTestScoring, Verdict};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

type Output = Result<Map<String, Value>, CalcError>;

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "alt_test",
        family: "judge",
        what: "alternative annotator test: may a model replace human annotators",
        source: "Calderon, Reichart, Dror 2025",
        inputs: &[
            Field::new(
                "humans",
                "[[number|label|null]]",
                "one row per human, one column per item",
            ),
            Field::new("llm", "[number|label|null]", "annotations of the model"),
            Field::new(
                "scoring",
                "accuracy|neg_rmse",
                "closeness to the other humans, default accuracy",
            ),
            Field::new(
                "epsilon",
                "number",
                "how much worse the model may be, default 0.2",
            ),
            Field::new("q", "number", "false discovery rate over humans, default 0.05"),
            Field::new(
                "min_humans_per_item",
                "number",
                "items with fewer are left out, default 2",
            ),
            Field::new(
                "min_items_per_human",
                "number",
                "humans with fewer are left out, default 30",
            ),
        ],
        outputs: &[
            Field::new(
                "winning_rate",
                "number",
                "share of humans that the model beats; 0.5 or more passes; NaN where nobody has enough items",
            ),
            Field::new(
                "advantage_probability",
                "number",
                "mean share of items on which the model is as close or closer; NaN where nobody has enough items",
            ),
            Field::new("p_values", "[number]", "per human used"),
            Field::new(
                "rejected",
                "[true|false]",
                "per human used: whether the model beats them",
            ),
            Field::new(
                "humans_used",
                "[number]",
                "places of the humans with enough items",
            ),
            Field::new("rho_per_human", "[number]", "share of items per human used"),
            Field::new("passed", "true|false", "whether the winning rate is at least 0.5"),
        ],
        eval: alt_test,
    },
    Function {
        name: "geval_weighted",
        family: "judge",
        what: "probability-weighted score from the top tokens' log-probabilities",
        source: "Liu et al. 2023",
        inputs: &[
            Field::new(
                "top_logprobs",
                "[[token, logprob]]",
                "top tokens at the place of the score",
            ),
            Field::new(
                "valid_scores",
                "[number]",
                "whole numbers that count as scores, default 1 to 5",
            ),
        ],
        outputs: &[
            Field::new(
                "score",
                "number",
                "expected score; NaN where no valid score is among the tokens",
            ),
            Field::new("mass", "number", "probability of all valid scores"),
            Field::new("argmax", "number|null", "most probable valid score"),
        ],
        eval: geval_weighted,
    },
    Function {
        name: "position_swap",
        family: "judge",
        what: "position bias from verdicts in both orders",
        source: "Zheng et al. 2023; Wang et al. 2023",
        inputs: &[
            Field::new("original", "[A|B|tie]", "verdicts with A shown first"),
            Field::new(
                "swapped_mapped",
                "[A|B|tie]",
                "verdicts with B shown first, mapped back",
            ),
        ],
        outputs: &[
            Field::new("consistency", "number", "share of equal verdicts"),
            Field::new(
                "first_rate",
                "number",
                "share of decided verdicts for the answer shown first; NaN where all are ties",
            ),
            Field::new(
                "flip_to_first",
                "number",
                "share of items won by the first position in both orders",
            ),
            Field::new(
                "flip_to_second",
                "number",
                "share of items won by the second position in both orders",
            ),
            Field::new(
                "consensus",
                "[A|B|tie]",
                "the verdict if both orders agree, otherwise tie",
            ),
            Field::new("win_rate_a", "number", "win rate of A by consensus, ties half"),
        ],
        eval: position_swap,
    },
    Function {
        name: "length_bias",
        family: "judge",
        what: "preference for the longer answer, and logistic regression on the length difference",
        source: "Dubois et al. 2024",
        inputs: &[
            Field::new("verdict", "[A|B|tie]", "verdict per item"),
            Field::new("len_a", "[number]", "length of answer A"),
            Field::new("len_b", "[number]", "length of answer B"),
        ],
        outputs: &[
            Field::new(
                "n",
                "number",
                "decided verdicts between answers of different length",
            ),
            Field::new(
                "prefer_longer",
                "number",
                "share of them for the longer answer; NaN where there are none",
            ),
            Field::new("p_value", "number", "exact binomial p-value against one half"),
            Field::new(
                "intercept",
                "number",
                "log-odds of A at equal length; NaN where there is no finite fit",
            ),
            Field::new(
                "slope",
                "number",
                "log-odds per 1,000 units of length; NaN with the intercept",
            ),
            Field::new(
                "slope_se",
                "number",
                "standard error of the slope; NaN with the intercept",
            ),
        ],
        eval: length_bias,
    },
    Function {
        name: "panel",
        family: "judge",
        what: "majority of a panel of judges, unanimity, and agreement of each judge with the rest",
        source: "Verga et al. 2024",
        inputs: &[Field::new(
            "verdicts",
            "[[label|null]]",
            "one row per judge, one column per item",
        )],
        outputs: &[
            Field::new(
                "majority",
                "[label]",
                "most frequent verdict per item, \"tie\" where several are",
            ),
            Field::new(
                "unanimous",
                "number",
                "share of items with equal verdicts; NaN without items",
            ),
            Field::new(
                "judge_agreement",
                "[number]",
                "per judge: share of equal verdicts with the other judges; NaN where there are no others",
            ),
        ],
        eval: panel,
    },
];

fn alt_test(args: &Args<'_>) -> Output {
    let usual = AltTestOptions::default();
    let count = |name: &str, default: usize| {
        args.u64_or(name, default as u64)
            .map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    let scoring = match args.str_or("scoring", "accuracy")? {
        "accuracy" => AltTestScoring::Accuracy,
        "neg_rmse" => AltTestScoring::NegativeRmse,
        other => return Err(wrong("scoring", "accuracy or neg_rmse", &Value::from(other))),
    };
    let (humans, llm) = annotations(args, scoring)?;
    let options = AltTestOptions {
        scoring,
        epsilon: args.f64_or("epsilon", usual.epsilon)?,
        q: args.f64_or("q", usual.q)?,
        min_humans_per_item: count("min_humans_per_item", usual.min_humans_per_item)?,
        min_items_per_human: count("min_items_per_human", usual.min_items_per_human)?,
    };
    let result = stats::alt_test(&humans, &llm, options).map_err(CalcError::domain)?;
    let used = &result.humans;
    Ok(object([
        ("winning_rate", number(result.winning_rate)),
        ("advantage_probability", number(result.advantage_probability)),
        ("p_values", numbers(used.iter().map(|h| h.p_value))),
        ("rejected", used.iter().map(|h| Value::from(h.rejected)).collect()),
        ("humans_used", used.iter().map(|h| Value::from(h.human)).collect()),
        ("rho_per_human", numbers(used.iter().map(|h| h.advantage))),
        ("passed", Value::from(result.passed())),
    ]))
}

type Annotations = (Vec<Vec<Option<f64>>>, Vec<Option<f64>>);

/// Annotations of humans and model on one scale: numbers, or labels turned into numbers together.
fn annotations(args: &Args<'_>, scoring: AltTestScoring) -> Result<Annotations, CalcError> {
    let llm = args.list("llm", |value, _| Ok(value))?;
    if llm.iter().all(|value| to_f64_opt(value, "llm").is_ok())
        && let Ok(humans) = args.matrix("humans", to_f64_opt)
    {
        return Ok((humans, args.f64_opts("llm")?));
    }
    if scoring == AltTestScoring::NegativeRmse {
        return Err(CalcError::Domain(
            "labels that are not numbers have no distance; use scoring accuracy".to_owned(),
        ));
    }
    let mut rows: Vec<Vec<&Value>> = args.matrix("humans", |value, _| Ok(value))?;
    rows.push(llm);
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|row| row.into_iter().cloned().collect())
        .collect();
    let together = object([("humans and llm", Value::Array(rows))]);
    let mut coded = Ratings::read(&Args::new(&together), "humans and llm")?.rows;
    let llm = coded.pop().unwrap_or_default();
    Ok((coded, llm))
}

fn geval_weighted(args: &Args<'_>) -> Output {
    let tokens: Vec<(&str, f64)> = args.list("top_logprobs", |value, name| {
        match to_list(value, name, &|cell, _| Ok(cell))?.as_slice() {
            [token, logprob] => Ok((to_str(token, name)?, to_f64(logprob, name)?)),
            _ => Err(wrong(name, "a list of token and log-probability", value)),
        }
    })?;
    let valid: Vec<i64> = match args.raw("valid_scores") {
        None => (1..=5).collect(),
        Some(_) => args.list("valid_scores", |value, name| {
            value.as_i64().ok_or_else(|| wrong(name, "a whole number", value))
        })?,
    };
    let s = stats::weighted_score(&tokens, &valid).map_err(CalcError::domain)?;
    Ok(object([
        ("score", number(s.score)),
        ("mass", number(s.mass)),
        ("argmax", Value::from(s.most_probable)),
    ]))
}

fn verdicts(args: &Args<'_>, name: &str) -> Result<Vec<Verdict>, CalcError> {
    args.list(name, |value, at| match value.as_str() {
        Some("A") => Ok(Verdict::A),
        Some("B") => Ok(Verdict::B),
        Some("tie") => Ok(Verdict::Tie),
        _ => Err(wrong(at, "A, B or tie", value)),
    })
}

fn verdict_text(verdict: Verdict) -> Value {
    Value::from(match verdict {
        Verdict::A => "A",
        Verdict::B => "B",
        Verdict::Tie => "tie",
    })
}

fn position_swap(args: &Args<'_>) -> Output {
    let p = stats::position_swap(&verdicts(args, "original")?, &verdicts(args, "swapped_mapped")?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("consistency", number(p.consistency)),
        ("first_rate", number(p.first_rate)),
        ("flip_to_first", number(p.flip_to_first)),
        ("flip_to_second", number(p.flip_to_second)),
        ("consensus", p.consensus.into_iter().map(verdict_text).collect()),
        ("win_rate_a", number(p.win_rate_a)),
    ]))
}

fn length_bias(args: &Args<'_>) -> Output {
    let b = stats::length_bias(
        &verdicts(args, "verdict")?,
        &args.f64s("len_a")?,
        &args.f64s("len_b")?,
    )
    .map_err(CalcError::domain)?;
    let fit = |of: fn(&stats::LengthFit) -> f64| number(b.fit.as_ref().map_or(f64::NAN, of));
    Ok(object([
        ("n", Value::from(b.n)),
        ("prefer_longer", number(b.prefer_longer)),
        ("p_value", number(b.p_value)),
        ("intercept", fit(|f| f.intercept)),
        ("slope", fit(|f| f.slope)),
        ("slope_se", fit(|f| f.slope_se)),
    ]))
}

fn panel(args: &Args<'_>) -> Output {
    let cells: Vec<Vec<&Value>> = args.matrix("verdicts", |value, _| Ok(value))?;
    // Labels by their JSON text, in the order of first appearance.
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut labels: Vec<&Value> = Vec::new();
    let mut rows = Vec::with_capacity(cells.len());
    for row in &cells {
        let mut places_of_row = Vec::with_capacity(row.len());
        for &value in row {
            if value.is_null() {
                places_of_row.push(None);
                continue;
            }
            let place = *places.entry(value.to_string()).or_insert_with(|| {
                labels.push(value);
                labels.len() - 1
            });
            places_of_row.push(Some(place));
        }
        rows.push(places_of_row);
    }
    let p = stats::panel(&rows).map_err(CalcError::domain)?;
    let majority = p.majority.into_iter().map(|place| {
        place
            .and_then(|place| labels.get(place))
            .map_or_else(|| Value::from("tie"), |&label| label.clone())
    });
    Ok(object([
        ("majority", majority.collect()),
        ("unanimous", number(p.unanimous)),
        ("judge_agreement", numbers(p.judge_agreement)),
    ]))
}
