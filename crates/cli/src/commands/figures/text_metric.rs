//! `seatrial text bleu|chrf|ter`: a corpus metric of files, with sacrebleu's signature, an interval, and the difference to
//! a baseline. Apart from ROUGE, whose score is a mean of the scores of texts.

use super::lines::{check_count, read_corpus, read_lines};
use super::{Figures, check_output, object, shown};
use crate::args::text_metrics::{
    BleuArguments, ChrfArguments, Corpus as CorpusArguments, PairedRule, TerArguments, Texts,
};
use crate::error::CliError;
use seatrial_analyse::mt_interval::{ScoreInterval, bootstrap};
use seatrial_analyse::mt_significance::{
    PairedSystems, ResampledInterval, ResamplingOptions, Rule, SignificanceError, TranslationMetric,
};
use seatrial_text::bleu::{Bleu, BleuOptions, BleuScore, BleuStatistics, Smoothing};
use seatrial_text::chrf::{Chrf, ChrfOptions, ChrfStatistics};
use seatrial_text::corpus::{CorpusError, ReferenceCount};
use seatrial_text::ter::{Ter, TerOptions, TerStatistics};
use seatrial_text::tokenise::Tokeniser;
use seatrial_types::{Estimate, ExitCode, Method, TOOL_VERSION, Unit};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

pub(crate) fn bleu(arguments: &BleuArguments) -> Result<ExitCode, CliError> {
    let unknown = |what: &str, found: &str| CliError::usage(format!("unknown {what} `{found}`"));
    if arguments.smooth_value.is_some() && !matches!(arguments.smooth_method.as_str(), "floor" | "add-k") {
        return Err(CliError::usage(format!(
            "--smooth-value has no meaning with --smooth-method {}, expected floor or add-k",
            arguments.smooth_method
        )));
    }
    let metric = Bleu::try_new(BleuOptions {
        tokeniser: Tokeniser::by_name(&arguments.tokenize)
            .ok_or_else(|| unknown("tokeniser", &arguments.tokenize))?,
        lowercase: arguments.lowercase,
        smoothing: Smoothing::by_name(&arguments.smooth_method, arguments.smooth_value)
            .ok_or_else(|| unknown("smoothing", &arguments.smooth_method))?,
        ..BleuOptions::default()
    })
    .map_err(CliError::usage)?;
    measure(
        TranslationMetric::Bleu(metric),
        "seatrial.text.bleu/1",
        &arguments.texts,
        &arguments.corpus,
    )
}

pub(crate) fn chrf(arguments: &ChrfArguments) -> Result<ExitCode, CliError> {
    let metric = Chrf::try_new(ChrfOptions {
        char_order: arguments.chrf_char_order,
        word_order: arguments.chrf_word_order,
        beta: arguments.chrf_beta,
        lowercase: arguments.chrf_lowercase,
        whitespace: arguments.chrf_whitespace,
        eps_smoothing: arguments.chrf_eps_smoothing,
    })
    .map_err(CliError::usage)?;
    measure(
        TranslationMetric::Chrf(metric),
        "seatrial.text.chrf/1",
        &arguments.texts,
        &arguments.corpus,
    )
}

pub(crate) fn ter(arguments: &TerArguments) -> Result<ExitCode, CliError> {
    let metric = Ter::new(TerOptions {
        normalized: arguments.ter_normalized,
        no_punct: arguments.ter_no_punct,
        asian_support: arguments.ter_asian_support,
        case_sensitive: arguments.ter_case_sensitive,
    });
    measure(
        TranslationMetric::Ter(metric),
        "seatrial.text.ter/1",
        &arguments.texts,
        &arguments.corpus,
    )
}

/// Score of a corpus with what explains it, and the statistics of its segments.
struct Scored {
    score: f64,
    /// What sacrebleu writes behind the score.
    verbose: String,
    details: Value,
    rows: Vec<Vec<f64>>,
}

fn measure(
    metric: TranslationMetric,
    schema: &str,
    texts: &Texts,
    corpus: &CorpusArguments,
) -> Result<ExitCode, CliError> {
    let json = texts.output.json.as_deref();
    check_output(json)?;
    let read = read_corpus(&texts.hyp, &texts.refs)?;
    let scored =
        score(&metric, &read.hypotheses, &read.references).map_err(|error| located(&error, &texts.hyp))?;
    let options = ResamplingOptions {
        resamples: texts.confidence_n,
        seed: texts.seed,
        level: texts.level,
        rule: Rule::Correct,
    };
    let failed = |error: SignificanceError| failed(error, &texts.hyp);
    let interval = bootstrap(&metric, &scored.rows, &options).map_err(failed)?;
    let paired = match &corpus.baseline {
        Some(path) => Some(against(
            &metric,
            path,
            &read.hypotheses,
            &read.references,
            texts,
            corpus,
        )?),
        None => None,
    };
    let n = read.hypotheses.len();
    let estimate = estimate(scored.score, &interval.percentile, texts.level, n);
    let signature = signature(&metric, texts, corpus);
    let mut warnings = Vec::new();
    if estimate.method == Method::None {
        let segments = if n == 1 {
            "1 segment".to_owned()
        } else {
            format!("{n} segments of equal worth")
        };
        warnings.push(format!("{segments}: there is no spread to make an interval of"));
    }
    let report = Report {
        metric: &metric,
        scored: &scored,
        interval: &interval,
        estimate: &estimate,
        signature: &signature,
    };
    let mut text = report.text(texts, corpus, n);
    if let Some(paired) = &paired {
        text.push_str(&paired.text(texts));
    }
    let fields = json!({
        "name": metric.name(),
        "signature": signature,
        "score": scored.score,
        "verbose_score": scored.verbose,
        "estimate": object(&estimate)?,
        "n_segments": n,
        "n_references": texts.refs.len(),
        "resampling": {"resamples": texts.confidence_n, "seed": texts.seed, "mean": interval.percentile.mean,
                       "half_width_sacrebleu": half_width(&interval.sacrebleu)},
        "details": scored.details,
        "baseline": match &paired { Some(paired) => paired.fields()?, None => Value::Null },
    });
    Figures {
        schema,
        text,
        warnings,
        fields,
    }
    .deliver(json)
}

fn score(
    metric: &TranslationMetric,
    hypotheses: &[String],
    references: &[Vec<String>],
) -> Result<Scored, CorpusError> {
    Ok(match metric {
        TranslationMetric::Bleu(bleu) => {
            let segments = bleu.segment_statistics(hypotheses, references)?;
            let mut all = BleuStatistics::default();
            segments.iter().for_each(|segment| all.merge(segment));
            let score = bleu.score(&all);
            Scored {
                score: score.score,
                verbose: verbose(&score),
                details: json!({"counts": score.counts, "totals": score.totals, "precisions": score.precisions,
                                "bp": score.brevity_penalty, "hyp_len": score.hypothesis_tokens,
                                "ref_len": score.reference_tokens}),
                rows: segments.iter().map(BleuStatistics::to_row).collect(),
            }
        }
        TranslationMetric::Chrf(chrf) => {
            let segments = chrf.segment_statistics(hypotheses, references)?;
            let mut all = ChrfStatistics::default();
            segments.iter().for_each(|segment| all.merge(segment));
            let options = chrf.options();
            Scored {
                score: chrf.score(&all),
                verbose: String::new(),
                details: json!({"char_order": options.char_order, "word_order": options.word_order, "beta": options.beta}),
                rows: segments.iter().map(ChrfStatistics::to_row).collect(),
            }
        }
        TranslationMetric::Ter(ter) => {
            let segments = ter.segment_statistics(hypotheses, references)?;
            let mut all = TerStatistics::default();
            segments.iter().for_each(|segment| all.merge(segment));
            let score = ter.score(&all);
            Scored {
                score: score.score,
                verbose: String::new(),
                details: json!({"num_edits": score.edits, "ref_length": score.reference_words}),
                rows: segments.iter().map(TerStatistics::to_row).collect(),
            }
        }
    })
}

/// What sacrebleu writes behind a BLEU score.
#[expect(clippy::cast_precision_loss, reason = "counts of tokens far below 2^53")]
fn verbose(score: &BleuScore) -> String {
    let precisions: Vec<String> = score.precisions.iter().map(|p| format!("{p:.1}")).collect();
    let (hypothesis, reference) = (score.hypothesis_tokens, score.reference_tokens);
    let ratio = if reference > 0 {
        hypothesis as f64 / reference as f64
    } else {
        0.0
    };
    format!(
        "{} (BP = {:.3} ratio = {ratio:.3} hyp_len = {hypothesis} ref_len = {reference})",
        precisions.join("/"),
        score.brevity_penalty
    )
}

/// sacrebleu's signature; the version is ours, since the resamples are.
fn signature(metric: &TranslationMetric, texts: &Texts, corpus: &CorpusArguments) -> String {
    let references = ReferenceCount::Each(texts.refs.len());
    let signature = match metric {
        TranslationMetric::Bleu(bleu) => bleu.signature(references),
        TranslationMetric::Chrf(chrf) => chrf.signature(references),
        TranslationMetric::Ter(ter) => ter.signature(references),
    };
    let signature = match signature.split_once('|') {
        Some((references, rest)) if corpus.confidence => {
            format!(
                "{references}|bs:{}|seed:{}|{rest}",
                texts.confidence_n, texts.seed
            )
        }
        _ => signature,
    };
    format!("{signature}|version:seatrial-{TOOL_VERSION}")
}

struct Report<'a> {
    metric: &'a TranslationMetric,
    scored: &'a Scored,
    interval: &'a ScoreInterval,
    estimate: &'a Estimate,
    signature: &'a str,
}

impl Report<'_> {
    /// sacrebleu's line, then the estimate.
    fn text(&self, texts: &Texts, corpus: &CorpusArguments, n: usize) -> String {
        let width = usize::from(texts.width);
        let name = self.metric.name();
        let mut text = format!("{name}|{} = {:.width$}", self.signature, self.scored.score);
        if corpus.confidence {
            let (mean, half) = (self.interval.sacrebleu.mean, half_width(&self.interval.sacrebleu));
            let _ = write!(text, " (μ = {mean:.width$} ± {half:.width$})");
        }
        if !self.scored.verbose.is_empty() {
            let _ = write!(text, " {}", self.scored.verbose);
        }
        let _ = writeln!(
            text,
            "\n{name:<12}{}  {} % interval by {} resamples, seed {}; {n} segments",
            shown(self.estimate, width),
            percent(texts.level),
            texts.confidence_n,
            texts.seed
        );
        text
    }
}

fn percent(level: f64) -> f64 {
    (level * 1e8).round() / 1e6
}

fn half_width(interval: &ResampledInterval) -> f64 {
    0.5 * (interval.high - interval.low)
}

fn estimate(value: f64, interval: &ResampledInterval, level: f64, n: usize) -> Estimate {
    let has_spread = interval.low < interval.high;
    Estimate {
        value: Some(value),
        low: has_spread.then_some(interval.low),
        high: has_spread.then_some(interval.high),
        level,
        n: n as u64,
        method: if has_spread {
            Method::Bootstrap
        } else {
            Method::None
        },
        unit: Unit::Score,
    }
}

/// A paired test against a baseline.
struct Paired {
    baseline: Estimate,
    difference: Estimate,
    test: &'static str,
    rule: &'static str,
    p: f64,
    resamples: u64,
    is_exact: bool,
}

fn against(
    metric: &TranslationMetric,
    path: &Path,
    hypotheses: &[String],
    references: &[Vec<String>],
    texts: &Texts,
    corpus: &CorpusArguments,
) -> Result<Paired, CliError> {
    let baseline = read_lines(path)?;
    check_count(&texts.hyp, hypotheses.len(), path, baseline.len())?;
    let failed = |error: SignificanceError| failed(error, path);
    let pair = PairedSystems::try_new(*metric, &baseline, hypotheses, references).map_err(failed)?;
    let (rule, rule_name) = match corpus.paired_rule {
        PairedRule::Correct => (Rule::Correct, "correct"),
        PairedRule::Sacrebleu => (Rule::Sacrebleu, "sacrebleu"),
    };
    let options = ResamplingOptions {
        resamples: corpus.paired_n,
        seed: texts.seed,
        level: texts.level,
        rule,
    };
    let drawn = pair.bootstrap(&options).map_err(failed)?;
    let n = hypotheses.len();
    let (test, p, resamples, is_exact) = if corpus.paired_bs {
        ("paired_bootstrap", drawn.p_value, corpus.paired_n, false)
    } else {
        let shuffled = pair.randomise(&options).map_err(failed)?;
        (
            "approximate_randomisation",
            shuffled.p_value,
            shuffled.shuffles,
            shuffled.exact,
        )
    };
    Ok(Paired {
        baseline: estimate(drawn.scores.baseline, &drawn.baseline, texts.level, n),
        difference: estimate(drawn.scores.difference(), &drawn.difference, texts.level, n),
        test,
        rule: rule_name,
        p,
        resamples,
        is_exact,
    })
}

impl Paired {
    fn text(&self, texts: &Texts) -> String {
        let width = usize::from(texts.width);
        let drawn = if self.is_exact { "all" } else { "drawn" };
        format!(
            "{:<12}{}\n{:<12}{}  paired bootstrap\n{:<12}p = {:.4}  {}, {} {drawn}, rule {}\n",
            "baseline",
            shown(&self.baseline, width),
            "difference",
            shown(&self.difference, width),
            "test",
            self.p,
            self.test.replace('_', " "),
            self.resamples,
            self.rule
        )
    }

    fn fields(&self) -> Result<Value, CliError> {
        Ok(json!({
            "estimate": object(&self.baseline)?,
            "difference": object(&self.difference)?,
            "test": {"name": self.test, "rule": self.rule, "p": self.p, "resamples": self.resamples, "exact": self.is_exact},
        }))
    }
}

/// The error with the line of the segment.
pub(super) fn located(error: &CorpusError, hyp: &Path) -> CliError {
    match error {
        CorpusError::TooLong { index, .. } | CorpusError::NoReferences { index } => {
            CliError::usage(format!("{}:{}: {error}", hyp.display(), index + 1))
        }
        CorpusError::LengthMismatch { .. } => CliError::usage(error),
    }
}

fn failed(error: SignificanceError, path: &Path) -> CliError {
    match &error {
        SignificanceError::Corpus(inner) => located(inner, path),
        SignificanceError::Level { found } => {
            CliError::usage(format!("--level is {found}, expected a number between 0 and 1"))
        }
        _ => CliError::usage(error),
    }
}
