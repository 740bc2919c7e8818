//! `seatrial text rouge`: mean ROUGE of texts in files, each with a bootstrap interval.

use super::lines::read_corpus;
use super::text_metric::located;
use super::{Figures, check_output, object, shown};
use crate::args::text_metrics::{RougeArguments, RougeTokenizer};
use crate::error::CliError;
use seatrial_stats::bootstrap::{self, Statistic};
use seatrial_stats::{Interval, StatsError, bounded};
use seatrial_text::rouge::{Rouge, RougeKind, RougeOptions, RougeScore, RougeTokeniser};
use seatrial_types::{Estimate, ExitCode, Method, TOOL_VERSION, Unit};
use serde_json::{Value, json};
use std::fmt::Write;

/// Decimals of a share that `--width 1` shows; ROUGE is on a scale of 0 to 1, not of 0 to 100.
const DECIMALS_MORE: usize = 3;
/// Range of ROUGE.
const UNIT: Interval = Interval::new(0.0, 1.0);

pub(crate) fn rouge(arguments: &RougeArguments) -> Result<ExitCode, CliError> {
    let texts = &arguments.texts;
    let json = texts.output.json.as_deref();
    check_output(json)?;
    let kinds = arguments
        .kinds
        .iter()
        .map(|name| kind(name))
        .collect::<Result<Vec<_>, _>>()?;
    let tokeniser = match arguments.tokenizer {
        RougeTokenizer::Reference => RougeTokeniser::Reference,
        RougeTokenizer::Unicode => RougeTokeniser::Unicode,
    };
    let corpus = read_corpus(&texts.hyp, &texts.refs)?;
    let metric = Rouge::new(RougeOptions {
        stem: arguments.stemmer,
        tokeniser,
    });
    let scores = metric
        .score_all(&corpus.references, &corpus.hypotheses, &kinds)
        .map_err(|error| located(&error, &texts.hyp))?;
    let signature = format!(
        "nrefs:{}|stem:{}|tok:{}|version:seatrial-{TOOL_VERSION}",
        texts.refs.len(),
        if arguments.stemmer { "yes" } else { "no" },
        match arguments.tokenizer {
            RougeTokenizer::Reference => "reference",
            RougeTokenizer::Unicode => "unicode",
        }
    );
    let mut text = format!("ROUGE|{signature}\n");
    let width = usize::from(texts.width) + DECIMALS_MORE;
    let mut listed: Vec<Value> = Vec::new();
    for (at, kind) in kinds.iter().enumerate() {
        let column = |part: fn(&RougeScore) -> f64| -> Result<Estimate, CliError> {
            let values: Vec<f64> = scores
                .iter()
                .filter_map(|of_text| of_text.get(at).map(part))
                .collect();
            mean(&values, arguments)
        };
        let (f, precision, recall) = (column(|s| s.f)?, column(|s| s.precision)?, column(|s| s.recall)?);
        let name = kind.to_string();
        let _ = writeln!(
            text,
            "{name:<12}F1 {}  precision {}  recall {}",
            shown(&f, width),
            shown(&precision, width),
            shown(&recall, width)
        );
        listed.push(json!({"kind": name, "f": object(&f)?, "precision": object(&precision)?, "recall": object(&recall)?}));
    }
    let _ = writeln!(
        text,
        "mean of {} texts; {} % intervals by {} resamples, seed {}",
        scores.len(),
        (texts.level * 1e8).round() / 1e6,
        texts.confidence_n,
        texts.seed
    );
    let warnings = wordless(&metric, arguments, &corpus.references);
    let fields = json!({
        "name": "ROUGE",
        "signature": signature,
        "n_texts": scores.len(),
        "n_references": texts.refs.len(),
        "resampling": {"resamples": texts.confidence_n, "seed": texts.seed},
        "scores": listed,
    });
    Figures {
        schema: "seatrial.text.rouge/1",
        text,
        warnings,
        fields,
    }
    .deliver(json)
}

fn kind(name: &str) -> Result<RougeKind, CliError> {
    RougeKind::by_name(name.trim()).ok_or_else(|| {
        CliError::usage(format!(
            "unknown kind `{name}`, expected rouge1 to rouge9, rougeL or rougeLsum"
        ))
    })
}

fn mean(values: &[f64], arguments: &RougeArguments) -> Result<Estimate, CliError> {
    let texts = &arguments.texts;
    let resamples = usize::try_from(texts.confidence_n).unwrap_or(usize::MAX);
    let drawn = bootstrap::resample(values, Statistic::Mean, texts.level, resamples, texts.seed).map_err(
        |error| match error {
            StatsError::OutOfRange {
                what: "confidence",
                found,
                expected,
            } => CliError::usage(format!("--level is {found}, expected {expected}")),
            other => CliError::usage(other),
        },
    )?;
    // Resamples of equal scores are all equal: what was not seen is then bounded by the range of the scale alone.
    let is_constant = values.windows(2).all(|pair| pair[0] == pair[1]);
    let (interval, method) = if is_constant {
        let interval = bounded::interval(values, UNIT, texts.level).map_err(CliError::usage)?;
        (interval, Method::Betting)
    } else {
        (drawn.percentile, Method::Bootstrap)
    };
    Ok(Estimate {
        value: Some(drawn.estimate),
        low: Some(interval.low),
        high: Some(interval.high),
        level: texts.level,
        n: values.len() as u64,
        method,
        unit: Unit::Share,
    })
}

/// The reference's tokeniser sees no words in other scripts and scores them 0: that must not look like a bad text.
fn wordless(metric: &Rouge, arguments: &RougeArguments, references: &[Vec<String>]) -> Vec<String> {
    if arguments.tokenizer == RougeTokenizer::Unicode {
        return Vec::new();
    }
    let is_wordless =
        |text: &String| text.chars().any(char::is_alphanumeric) && metric.words(text).is_empty();
    let count = references
        .iter()
        .flatten()
        .filter(|text| is_wordless(text))
        .count();
    if count == 0 {
        return Vec::new();
    }
    vec![format!(
        "{count} references have no words for the tokeniser `reference`, which knows a–z and 0–9 only, and score 0; \
         --tokenizer unicode reads every script"
    )]
}
