//! Family `bleu` of the calculator, and the reading of parallel texts that the other translation metrics share.

use crate::args::{to_list, to_str};
use crate::function::{number, numbers, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_text::bleu::{Bleu, BleuOptions, BleuScore, Smoothing};
use seatrial_text::corpus::ReferenceCount;
use seatrial_text::tokenise::Tokeniser;
use serde_json::{Map, Value};

const CONFIG: Field = Field::new(
    "config",
    "object",
    "tokenize 13a|intl|zh|char|none (13a), lowercase (false), smooth_method exp|floor|add-k|none (exp), \
           smooth_value (0.1 for floor, 1 for add-k), max_ngram_order 1-9 (4), effective_order (false); may be left out",
);

/// The hypotheses of a corpus.
pub(super) const HYPS: Field = Field::new("hyps", "[string]", "one hypothesis per segment");
/// The reference streams of a corpus.
pub(super) const REFS_BY_STREAM: Field = Field::new(
    "refs",
    "[[string|null]]",
    "refs[r][i] is reference r of segment i; null where a segment has fewer references",
);
/// One hypothesis.
pub(super) const HYP: Field = Field::new("hyp", "string", "the hypothesis");
/// The references of one hypothesis.
pub(super) const REFS: Field = Field::new("refs", "[string]", "its references, at least one");
const SCORE: Field = Field::new("score", "number", "BLEU, 0 to 100");
const PRECISIONS: Field = Field::new(
    "precisions",
    "[number]",
    "smoothed clipped precision per order, percent",
);
const BP: Field = Field::new("bp", "number", "brevity penalty, 0 to 1");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "tokenize",
        family: "bleu",
        what: "text tokenised as BLEU sees it, tokens joined by spaces",
        source: "sacrebleu 2.6.0 tokenisers, after NIST mteval-v13a/v14",
        inputs: &[
            Field::new("tokenizer", "13a|intl|zh|char|none", "the tokeniser; default 13a"),
            Field::new("text", "string", "the text"),
        ],
        outputs: &[Field::new("tokens", "string", "the tokens, joined by one space")],
        eval: tokenize,
    },
    Function {
        name: "corpus",
        family: "bleu",
        what: "corpus BLEU: brevity penalty times the geometric mean of clipped n-gram precisions, counts summed over segments",
        source: "Papineni et al. 2002; Post 2018 (sacrebleu 2.6.0)",
        inputs: &[HYPS, REFS_BY_STREAM, CONFIG],
        outputs: &[
            SCORE,
            Field::new(
                "counts",
                "[number]",
                "clipped matches per order, add-k's k included from order 2 as the reference reports it",
            ),
            Field::new(
                "totals",
                "[number]",
                "n-grams of the hypotheses per order, add-k's k included from order 2",
            ),
            PRECISIONS,
            BP,
            Field::new("sys_len", "number", "tokens of the hypotheses"),
            Field::new("ref_len", "number", "tokens of the closest references"),
            Field::new("signature", "string", "sacrebleu's signature without version"),
        ],
        eval: corpus,
    },
    Function {
        name: "sentence",
        family: "bleu",
        what: "sentence BLEU with effective order: orders longer than the hypothesis are left out",
        source: "sacrebleu 2.6.0 BLEU(effective_order=True).sentence_score",
        inputs: &[HYP, REFS, CONFIG],
        outputs: &[SCORE, PRECISIONS, BP],
        eval: sentence,
    },
];

fn tokenize(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let tokens = tokeniser(args.str_or("tokenizer", "13a")?)?.tokenise(args.str("text")?);
    Ok(object([("tokens", Value::from(tokens))]))
}

fn tokeniser(name: &str) -> Result<Tokeniser, CalcError> {
    Tokeniser::by_name(name).ok_or_else(|| {
        CalcError::Domain(format!(
            "unknown tokenizer `{name}`: expected one of 13a, intl, zh, char, none"
        ))
    })
}

/// A parallel corpus: hypotheses, and the references of each.
pub(super) struct Corpus<'a> {
    pub(super) hypotheses: Vec<&'a str>,
    pub(super) references: Vec<Vec<&'a str>>,
}

/// Reads `[string]` under `hypotheses` and reference streams under `refs`.
pub(super) fn read_corpus<'a>(args: &Args<'a>, hypotheses: &str) -> Result<Corpus<'a>, CalcError> {
    let name = hypotheses;
    let hypotheses = args.strs(name)?;
    let mut references = vec![Vec::new(); hypotheses.len()];
    let streams = args.matrix("refs", |value, at| {
        if value.is_null() {
            Ok(None)
        } else {
            to_str(value, at).map(Some)
        }
    })?;
    for (index, stream) in streams.into_iter().enumerate() {
        if stream.len() != hypotheses.len() {
            return Err(CalcError::Domain(format!(
                "input `refs[{index}]`: found {} references, expected one for each of the {} in `{name}`",
                stream.len(),
                hypotheses.len()
            )));
        }
        for (references, reference) in references.iter_mut().zip(stream) {
            references.extend(reference);
        }
    }
    Ok(Corpus {
        hypotheses,
        references,
    })
}

/// The `config` object; an empty one if it is absent.
pub(super) fn read_config<T>(
    args: &Args<'_>,
    read: impl FnOnce(&Args<'_>) -> Result<T, CalcError>,
) -> Result<T, CalcError> {
    if args.raw("config").is_some() {
        read(&args.object("config")?)
    } else {
        read(&Args::new(&Map::new()))
    }
}

/// The references of one hypothesis.
pub(super) fn read_references<'a>(args: &Args<'a>) -> Result<Vec<&'a str>, CalcError> {
    let value = args.raw("refs").ok_or(CalcError::Missing {
        name: "refs".to_owned(),
        expected: "a list of strings",
    })?;
    to_list(value, "refs", &to_str)
}

/// A whole number of at most 255; larger ones become 255, which every option refuses.
pub(super) fn small(args: &Args<'_>, name: &str, default: u8) -> Result<usize, CalcError> {
    Ok(usize::from(
        u8::try_from(args.u64_or(name, default.into())?).unwrap_or(u8::MAX),
    ))
}

fn metric(args: &Args<'_>) -> Result<Bleu, CalcError> {
    read_config(args, |config| {
        let value = config
            .raw("smooth_value")
            .map(|_| config.f64("smooth_value"))
            .transpose()?;
        let method = config.str_or("smooth_method", "exp")?;
        let smoothing = Smoothing::by_name(method, value).ok_or_else(|| {
            CalcError::Domain(format!(
                "unknown smooth_method `{method}`: expected one of exp, floor, add-k, none"
            ))
        })?;
        Bleu::try_new(BleuOptions {
            tokeniser: tokeniser(config.str_or("tokenize", "13a")?)?,
            lowercase: config.bool_or("lowercase", false)?,
            smoothing,
            max_order: small(config, "max_ngram_order", 4)?,
            effective_order: config.bool_or("effective_order", false)?,
        })
        .map_err(CalcError::domain)
    })
}

/// Counts as the reference reports them: its add-k smoothing adds k to the reported numbers themselves, unless
/// nothing matched at all.
fn reported(counts: &[u64], score: &BleuScore, smoothing: Smoothing) -> Value {
    let matched = score.counts.iter().any(|&count| count > 0);
    Value::Array(
        counts
            .iter()
            .enumerate()
            .map(|(index, &count)| match smoothing {
                Smoothing::AddK(k) if matched && index > 0 => number(count as f64 + k),
                _ => Value::from(count),
            })
            .collect(),
    )
}

fn corpus(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let metric = metric(args)?;
    let Corpus {
        hypotheses,
        references,
    } = read_corpus(args, "hyps")?;
    let score = metric
        .corpus(&hypotheses, &references)
        .map_err(CalcError::domain)?;
    let smoothing = metric.options().smoothing;
    Ok(object([
        ("score", number(score.score)),
        ("counts", reported(&score.counts, &score, smoothing)),
        ("totals", reported(&score.totals, &score, smoothing)),
        ("precisions", numbers(score.precisions.iter().copied())),
        ("bp", number(score.brevity_penalty)),
        ("sys_len", Value::from(score.hypothesis_tokens)),
        ("ref_len", Value::from(score.reference_tokens)),
        (
            "signature",
            Value::from(metric.signature(ReferenceCount::of(&references))),
        ),
    ]))
}

fn sentence(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let score = metric(args)?
        .sentence(args.str("hyp")?, &read_references(args)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("score", number(score.score)),
        ("precisions", numbers(score.precisions.iter().copied())),
        ("bp", number(score.brevity_penalty)),
    ]))
}
