//! `checks`: each case brings its own checks, in a column, in the form and with the meaning of promptfoo's assertions.
//! Apart from the rules, which judge every case alike.
//!
//! The score of a case is Σ weight · score ÷ Σ weight; it passes when every check passes, or when the score reaches the
//! case's `threshold` where it has one. A set counts as one check. A check with weight 0 always passes and is there for
//! its metric. A case without checks passes. What cannot be judged (a faulty check, a latency that was not measured)
//! leaves the case unparsed; promptfoo calls it an error.
//!
//! Everything here follows promptfoo 0.121.20 and its verdicts; `docs/design/0018` says where it does not.

mod assertion;
mod functions;
mod js;
mod judge;
mod markup;
mod near;
mod overlap;
mod refusals;
mod sql;
mod sql_access;

use crate::ScorerError;
use crate::extract::Extractor;
use crate::options::Options;
use crate::rules::Definition;
use crate::scorer::{clip_detail, extractor, metric_spec, refuse_without_effect};
use crate::vectors::Vectors;
use assertion::{CaseChecks, Check};
use judge::{Fault, Graded, judge};
use seatrial_task::{Model, Scorer, ScorerInput, Scoring};
use seatrial_types::{MetricKind, MetricSpec, Outcome, Pillar, Score, Unit};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

/// Column that is read where the suite names none.
const COLUMN: &str = "checks";
/// Said of a check that needs vectors where nobody can be asked for them.
const NO_MODEL: &str =
    "`similar` needs an embeddings model; hint: name one as the option `model` of `checks`";
/// Metrics of checks that one scorer reports.
const NAMED_MAX: usize = 64;

/// Types that can be checked; each also with `not-` before it. `assert-set` holds others.
pub const KINDS: &[&str] = &[
    "equals",
    "contains",
    "icontains",
    "contains-all",
    "contains-any",
    "icontains-all",
    "icontains-any",
    "starts-with",
    "regex",
    "levenshtein",
    "word-count",
    "is-json",
    "contains-json",
    "is-html",
    "contains-html",
    "is-xml",
    "contains-xml",
    "is-sql",
    "contains-sql",
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
    "rouge-n",
    "bleu",
    "gleu",
    "meteor",
    "is-refusal",
    "tool-call-f1",
    "latency",
    "cost",
    "finish-reason",
    "similar",
    "similar:cosine",
    "similar:dot",
    "similar:euclidean",
    "perplexity",
    "perplexity-score",
];

/// What is wrong with the checks of a case, as they stand in its column; `None` where nothing is. For whoever writes
/// datasets with checks.
#[must_use]
pub fn problem_of(cell: &Value) -> Option<String> {
    CaseChecks::parse(cell).err()
}

/// The name that a check's `metric` has as a metric here: letters, digits, `_` and `-`.
#[must_use]
pub fn metric_name(written: &str) -> String {
    let mut name = String::new();
    for c in written.trim().chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            name.push(c);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name: String = name.trim_matches('_').chars().take(64).collect();
    if name.is_empty() {
        "metric".to_owned()
    } else {
        name
    }
}

struct Checks {
    name: &'static str,
    version: u32,
    column: String,
    extractor: Extractor,
    negate: bool,
    /// Vectors of the model that `similar` asks.
    vectors: Option<Vectors>,
    needs_log_probabilities: bool,
    /// Names of metrics of checks, in the order of the metrics from the third.
    named: Vec<String>,
    metrics: Vec<MetricSpec>,
}

pub(crate) fn parse(
    options: &Options<'_>,
    definition: &'static Definition,
) -> Result<Box<dyn Scorer>, ScorerError> {
    refuse_without_effect(options, "normalise", "each check compares in its own way")?;
    let mut metrics: Vec<MetricSpec> = Vec::new();
    for metric in definition.entry.metrics {
        metrics.push(metric_spec(options, definition, metric)?);
    }
    let named = options.texts("named")?.unwrap_or_default();
    if named.len() > NAMED_MAX {
        let found = format!("a list of {} names", named.len());
        return Err(options.invalid_text("named", found, format!("at most {NAMED_MAX}"), "name fewer"));
    }
    if let Some(wrong) = named.iter().find(|name| metric_name(name) != **name) {
        let found = format!("the text `{wrong}`");
        let hint = format!(
            "write `{}`; other signs in the checks become `_`",
            metric_name(wrong)
        );
        return Err(options.invalid_text("named", found, "letters, digits, `_` and `-`", hint));
    }
    let given = options.text("name")?.filter(|name| name != options.scorer);
    for name in &named {
        metrics.push(MetricSpec {
            name: Cow::Owned(
                given
                    .as_ref()
                    .map_or_else(|| name.clone(), |given| format!("{given}_{name}")),
            ),
            kind: MetricKind::Bounded,
            unit: Unit::Share,
            pillar: Pillar::Quality,
            unparsed_is_wrong: false,
            refused_is_wrong: false,
        });
    }
    Ok(Box::new(Checks {
        name: options.scorer,
        version: definition.version,
        column: options
            .text("column")?
            .unwrap_or(Cow::Borrowed(COLUMN))
            .into_owned(),
        extractor: extractor(options)?,
        negate: options.flag("negate")?,
        vectors: options
            .text("model")?
            .map(|model| Vectors::of(model.into_owned())),
        needs_log_probabilities: options.flag("log_probabilities")?,
        named,
        metrics,
    }))
}

/// Sums of the checks of a case or a set.
#[derive(Default)]
struct Sums {
    score: f64,
    weight: f64,
    /// Reason of the last check that failed.
    failed: Option<String>,
    count: usize,
    named: HashMap<String, Named>,
}

/// Sums of the checks of one metric: weighted, and plain for where all weights are 0.
#[derive(Debug, Clone, Copy, Default)]
struct Named {
    weighted: f64,
    weight: f64,
    plain: f64,
    count: usize,
}

impl Named {
    fn add(&mut self, other: Self, weight: f64) {
        self.weighted += other.weighted * weight;
        self.weight += other.weight * weight;
        self.plain += other.plain;
        self.count += other.count;
    }

    fn mean(&self) -> f64 {
        if self.weight > 0.0 {
            self.weighted / self.weight
        } else {
            self.plain * share(1, self.count)
        }
    }
}

impl Sums {
    fn add(&mut self, graded: &Graded, weight: f64, metric: Option<&str>) {
        self.count += 1;
        self.score += graded.score * weight;
        self.weight += weight;
        if let Some(metric) = metric {
            let one = Named {
                weighted: graded.score,
                weight: 1.0,
                plain: graded.score,
                count: 1,
            };
            self.named
                .entry(metric_name(metric))
                .or_default()
                .add(one, weight);
        }
        if !graded.passes {
            self.failed = Some(graded.reason.clone());
        }
    }

    fn finish(&self, threshold: Option<f64>) -> Graded {
        let score = if self.weight > 0.0 {
            self.score / self.weight
        } else {
            0.0
        };
        let (passes, reason) = match (threshold, &self.failed) {
            (Some(threshold), _) => (
                score >= threshold,
                format!("score {score:.2}, threshold {threshold}"),
            ),
            (None, Some(failed)) => (false, failed.clone()),
            (None, None) => (true, format!("all of {} checks", self.count)),
        };
        Graded {
            passes,
            score,
            reason,
        }
    }
}

/// What is judged of a case: the part of the answer that counts, and its checks.
struct Read<'a> {
    text: Cow<'a, str>,
    checks: CaseChecks,
}

/// Why a case has no score.
enum Unscored {
    /// Said of the answer or of the dataset.
    Unparsed(String),
    /// A model that had to be asked failed.
    Error(String),
}

impl Checks {
    fn read<'a>(&self, input: ScorerInput<'a>) -> Result<Read<'a>, Unscored> {
        let text = self
            .extractor
            .apply(&input.answer.text)
            .map_err(|missing| Unscored::Unparsed(missing.to_string()))?;
        let Some(cell) = input.case.columns.get(&self.column) else {
            let why = format!("dataset: there is no column `{}`", self.column);
            return Err(Unscored::Unparsed(why));
        };
        let checks = CaseChecks::parse(cell).map_err(|why| self.faulty(&why))?;
        Ok(Read { text, checks })
    }

    fn faulty(&self, why: &str) -> Unscored {
        Unscored::Unparsed(format!("dataset: column `{}`: {why}", self.column))
    }

    fn told(&self, fault: Fault) -> Unscored {
        match fault {
            Fault::Check(why) => self.faulty(&why),
            Fault::Unmeasured(why) => Unscored::Unparsed(why.to_owned()),
            Fault::Asked(why) => Unscored::Error(why),
        }
    }

    /// Adds all checks up; `near` holds the verdicts of those that asked a model, in their order.
    fn judge(
        &self,
        read: &Read<'_>,
        input: ScorerInput<'_>,
        near: Vec<Result<Graded, Fault>>,
    ) -> Result<(Graded, HashMap<String, Named>), Unscored> {
        let Read { text, checks } = read;
        if checks.checks.is_empty() {
            let graded = Graded {
                passes: true,
                score: 1.0,
                reason: "no checks".to_owned(),
            };
            return Ok((graded, HashMap::new()));
        }
        let mut near = near.into_iter();
        let mut judged = |check: &assertion::Assertion| {
            let verdict = if near::measure_of(&check.kind).is_some() {
                near.next()
                    .unwrap_or_else(|| Err(Fault::Check(NO_MODEL.to_owned())))
            } else {
                judge(check, text, input)
            };
            let mut graded = verdict.map_err(|fault| self.told(fault))?;
            // Weight 0 is a metric and no condition.
            graded.passes |= check.weight == 0.0;
            Ok::<Graded, Unscored>(graded)
        };
        let mut sums = Sums::default();
        for check in &checks.checks {
            match check {
                Check::One(one) => sums.add(&judged(one)?, one.weight, one.metric.as_deref()),
                Check::Set(set) => {
                    let mut inner = Sums::default();
                    for one in &set.checks {
                        inner.add(&judged(one)?, one.weight, one.metric.as_deref());
                    }
                    sums.add(&inner.finish(set.threshold), set.weight, set.metric.as_deref());
                    for (name, named) in inner.named {
                        sums.named.entry(name).or_default().add(named, set.weight);
                    }
                }
            }
        }
        Ok((sums.finish(checks.threshold), sums.named))
    }

    /// One score for each metric.
    fn scores(&self, judged: Result<(Graded, HashMap<String, Named>), Unscored>) -> Vec<Score> {
        let score = |metric: usize, value: Option<f64>, missing: Outcome, detail: &str| Score {
            metric: u16::try_from(metric).unwrap_or(u16::MAX),
            outcome: if value.is_some() { Outcome::Scored } else { missing },
            value,
            detail: Some(clip_detail(detail)),
        };
        let none = |missing: Outcome, why: &str| {
            let metrics = 0..self.metrics.len();
            metrics.map(|metric| score(metric, None, missing, why)).collect()
        };
        let (graded, named) = match judged {
            Err(Unscored::Unparsed(why)) => return none(Outcome::Unparsed, &why),
            Err(Unscored::Error(why)) => return none(Outcome::Error, &why),
            Ok(judged) => judged,
        };
        let passes = f64::from(u8::from(graded.passes != self.negate));
        // Weights can be negative.
        let value = graded.score.clamp(0.0, 1.0);
        let value = if self.negate { 1.0 - value } else { value };
        let mut all = vec![
            score(0, Some(passes), Outcome::Scored, &graded.reason),
            score(1, Some(value), Outcome::Scored, &graded.reason),
        ];
        for (index, name) in self.named.iter().enumerate() {
            let mean = named.get(name).map(|named| named.mean().clamp(0.0, 1.0));
            let detail = if mean.is_some() {
                &graded.reason
            } else {
                "no check of this metric"
            };
            all.push(score(index + 2, mean, Outcome::Unparsed, detail));
        }
        all
    }
}

impl Scorer for Checks {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn metrics(&self) -> &[MetricSpec] {
        &self.metrics
    }

    fn needs_log_probabilities(&self) -> bool {
        self.needs_log_probabilities
    }

    fn asks(&self) -> Option<&str> {
        self.vectors.as_ref().map(|vectors| vectors.model.as_str())
    }

    fn score<'a>(&'a self, input: ScorerInput<'a>, model: Option<&'a dyn Model>) -> Scoring<'a> {
        let read = match self.read(input) {
            Ok(read) => read,
            Err(why) => return Scoring::Ready(self.scores(Err(why))),
        };
        let asks = |check: &assertion::Assertion| near::measure_of(&check.kind).is_some();
        match &self.vectors {
            Some(vectors) if read.checks.all().any(asks) => Scoring::Later(Box::pin(async move {
                let near = near::judge_all(&read.checks, &read.text, vectors, model).await;
                self.scores(self.judge(&read, input, near))
            })),
            _ => Scoring::Ready(self.scores(self.judge(&read, input, Vec::new()))),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of checks and tools")]
fn share(n: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { n as f64 / of as f64 }
}
