//! Family `mt_significance` of the calculator.

use super::bleu::{Corpus, REFS_BY_STREAM, read_corpus};
use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_analyse::mt_significance::{PairedSystems, ResamplingOptions, Rule, TranslationMetric};
use seatrial_text::bleu::Bleu;
use seatrial_text::chrf::Chrf;
use seatrial_text::ter::Ter;
use serde_json::{Map, Value};

const BASELINE: Field = Field::new(
    "baseline",
    "[string]",
    "the baseline's hypothesis of each segment",
);
const SYSTEM: Field = Field::new("system", "[string]", "the system's hypothesis of each segment");
const METRICS: Field = Field::new(
    "metrics",
    "[BLEU|chrF2|TER]",
    "metrics with sacrebleu's default options; default BLEU, chrF2",
);
const SEED: Field = Field::new("seed", "number", "seed of the resampling; default 0");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "paired_bs",
        family: "mt_significance",
        what: "paired bootstrap of a corpus metric with sacrebleu's p-value, and the right one beside it",
        source: "Koehn 2004; sacrebleu 2.6.0 PairedTest('bs'), which centres after the absolute value",
        inputs: &[
            BASELINE,
            SYSTEM,
            REFS_BY_STREAM,
            Field::new("n", "number", "resamples; default 1000"),
            METRICS,
            SEED,
        ],
        outputs: &[Field::new(
            "<metric>",
            "{base, sys, p_value, ci_half_width, p_value_correct, difference_low, difference_high}",
            "scores; sacrebleu's p (close to one-sided; smallest for identical systems) and 95 % half-width of sys; \
             two-sided p centred before the absolute value; 95 % percentile interval of sys - base",
        )],
        eval: paired_bs,
    },
    Function {
        name: "paired_ar",
        family: "mt_significance",
        what: "approximate randomisation of a corpus metric with sacrebleu's p-value, and the right one beside it",
        source: "Riezler & Maxwell 2005; sacrebleu 2.6.0 PairedTest('ar'), which counts strictly larger only",
        inputs: &[
            BASELINE,
            SYSTEM,
            REFS_BY_STREAM,
            Field::new("n", "number", "shuffles; default 10000"),
            METRICS,
            SEED,
        ],
        outputs: &[Field::new(
            "<metric>",
            "{base, sys, p_value, p_value_correct}",
            "scores; sacrebleu's p (smallest for identical systems); p counting differences at least as large, \
             exact where few segments differ",
        )],
        eval: paired_ar,
    },
    Function {
        name: "paired_ar_exact",
        family: "mt_significance",
        what: "randomisation test of a corpus metric over all swaps of segments between the systems",
        source: "enumeration over sufficient statistics; at most 22 differing segments",
        inputs: &[BASELINE, SYSTEM, REFS_BY_STREAM, METRICS],
        outputs: &[Field::new(
            "<metric>",
            "{difference, p_value}",
            "sys - base; share of swaps with a difference at least as large either way",
        )],
        eval: paired_ar_exact,
    },
];

/// Runs `test` for every metric asked for and collects its outputs under the metric's name.
fn for_each_metric(
    args: &Args<'_>,
    test: impl Fn(&PairedSystems) -> Result<Map<String, Value>, CalcError>,
) -> Result<Map<String, Value>, CalcError> {
    let Corpus {
        hypotheses: baseline,
        references,
    } = read_corpus(args, "baseline")?;
    let system = args.strs("system")?;
    let names = if args.raw("metrics").is_some() {
        args.strs("metrics")?
    } else {
        vec!["BLEU", "chrF2"]
    };
    let mut output = Map::new();
    for name in names {
        let metric = match name {
            "BLEU" => TranslationMetric::Bleu(Bleu::default()),
            "chrF2" => TranslationMetric::Chrf(Chrf::default()),
            "TER" => TranslationMetric::Ter(Ter::default()),
            _ => {
                return Err(CalcError::Domain(format!(
                    "unknown metric `{name}`: expected BLEU, chrF2 or TER"
                )));
            }
        };
        let pair =
            PairedSystems::try_new(metric, &baseline, &system, &references).map_err(CalcError::domain)?;
        output.insert(name.to_owned(), Value::Object(test(&pair)?));
    }
    Ok(output)
}

/// Options by the right rule and by sacrebleu's, for the same resamples.
fn options(args: &Args<'_>, resamples: u64) -> Result<[ResamplingOptions; 2], CalcError> {
    let correct = ResamplingOptions {
        resamples: args.u64_or("n", resamples)?,
        seed: args.u64_or("seed", 0)?,
        ..ResamplingOptions::default()
    };
    Ok([
        correct,
        ResamplingOptions {
            rule: Rule::Sacrebleu,
            ..correct
        },
    ])
}

fn paired_bs(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let [correct, sacrebleu] = options(args, 1000)?;
    for_each_metric(args, |pair| {
        let theirs = pair.bootstrap(&sacrebleu).map_err(CalcError::domain)?;
        let ours = pair.bootstrap(&correct).map_err(CalcError::domain)?;
        Ok(object([
            ("base", number(theirs.scores.baseline)),
            ("sys", number(theirs.scores.system)),
            ("p_value", number(theirs.p_value)),
            (
                "ci_half_width",
                number((theirs.system.high - theirs.system.low) / 2.0),
            ),
            ("p_value_correct", number(ours.p_value)),
            ("difference_low", number(ours.difference.low)),
            ("difference_high", number(ours.difference.high)),
        ]))
    })
}

fn paired_ar(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let [correct, sacrebleu] = options(args, 10_000)?;
    for_each_metric(args, |pair| {
        let theirs = pair.randomise(&sacrebleu).map_err(CalcError::domain)?;
        let ours = pair.randomise(&correct).map_err(CalcError::domain)?;
        Ok(object([
            ("base", number(theirs.scores.baseline)),
            ("sys", number(theirs.scores.system)),
            ("p_value", number(theirs.p_value)),
            ("p_value_correct", number(ours.p_value)),
        ]))
    })
}

fn paired_ar_exact(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    for_each_metric(args, |pair| {
        let test = pair.randomise_exactly().map_err(CalcError::domain)?;
        Ok(object([
            ("difference", number(test.scores.difference())),
            ("p_value", number(test.p_value)),
        ]))
    })
}
