//! What all rule scorers share: extraction before, negation after, the classes of an answer. Apart from the rules so
//! that each rule only says right, wrong or unreadable.

use crate::options::{Options, clipped};
use crate::{Extractor, ScorerError};
use seatrial_task::{Model, Scorer, ScorerInput, Scoring};
use seatrial_text::normalise::{Normaliser, Step};
use seatrial_types::{Case, FinishReason, MetricKind, MetricSpec, Outcome, Pillar, Score, Unit};
use serde_json::Value;
use std::borrow::Cow;

/// Most characters of [`Score::detail`]; what is longer ends in `…`.
pub const DETAIL_CHARS_MAX: usize = 200;
/// Most steps of one `normalise`.
pub const NORMALISE_STEPS_MAX: usize = 16;

/// What a rule says of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Judgement {
    /// Right or wrong, and what was read.
    Scored { right: bool, read: String },
    /// The answer does not hold what the rule needs, or the case is faulty; and why.
    Unparsed { why: String },
}

impl Judgement {
    pub(crate) fn scored(right: bool, read: &str) -> Self {
        // Cut at once, so that a huge answer is not copied only to be cut.
        Self::Scored {
            right,
            read: clipped(read, DETAIL_CHARS_MAX).into_owned(),
        }
    }

    pub(crate) fn unparsed(why: impl Into<String>) -> Self {
        Self::Unparsed { why: why.into() }
    }

    /// A fault of the dataset, which is no fault of the answer; the words tell a reader of the report apart.
    pub(crate) fn faulty_case(why: impl std::fmt::Display) -> Self {
        Self::Unparsed {
            why: format!("dataset: {why}"),
        }
    }
}

/// One rule: how the part that counts is judged.
pub(crate) trait Rule: Send + Sync {
    /// Judges what `extract` took from the answer.
    fn judge(&self, text: &str, case: &Case) -> Judgement;

    /// Whether it needs the case's reference.
    fn needs_reference(&self) -> bool;
}

/// A rule with the options that all rules take.
pub(crate) struct RuleScorer {
    name: &'static str,
    version: u32,
    extractor: Extractor,
    negate: bool,
    metrics: [MetricSpec; 1],
    rule: Box<dyn Rule>,
}

impl RuleScorer {
    pub(crate) fn parse(
        options: &Options<'_>,
        version: u32,
        rule: Box<dyn Rule>,
    ) -> Result<Self, ScorerError> {
        let classes = ["wrong", "exclude"];
        let metric = MetricSpec {
            name: metric_name(options)?,
            kind: MetricKind::Binary,
            unit: Unit::Share,
            pillar: Pillar::Quality,
            unparsed_is_wrong: !options.is_second("unparsed", classes)?,
            refused_is_wrong: !options.is_second("refused", classes)?,
        };
        Ok(Self {
            name: options.scorer,
            version,
            extractor: extractor(options)?,
            negate: options.flag("negate")?,
            metrics: [metric],
            rule,
        })
    }

    fn judge(&self, input: ScorerInput<'_>) -> Score {
        let judgement = match self.extractor.apply(&input.answer.text) {
            Ok(text) => self.rule.judge(&text, input.case),
            Err(missing) => Judgement::unparsed(missing.to_string()),
        };
        let (outcome, value, detail) = match judgement {
            Judgement::Scored { right, read } => {
                let value = if right == self.negate { 0.0 } else { 1.0 };
                (Outcome::Scored, Some(value), read)
            }
            Judgement::Unparsed { why } => {
                let cut_off = input.answer.finish_reason == Some(FinishReason::Length);
                let why = if cut_off {
                    format!("{why}; the answer was cut off at the token limit")
                } else {
                    why
                };
                (Outcome::Unparsed, None, why)
            }
        };
        Score {
            metric: 0,
            outcome,
            value,
            detail: Some(clipped(&detail, DETAIL_CHARS_MAX).into_owned()),
        }
    }
}

impl Scorer for RuleScorer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn metrics(&self) -> &[MetricSpec] {
        &self.metrics
    }

    fn needs_reference(&self) -> bool {
        self.rule.needs_reference()
    }

    fn score<'a>(&'a self, input: ScorerInput<'a>, _judge: Option<&'a dyn Model>) -> Scoring<'a> {
        Scoring::Ready(vec![self.judge(input)])
    }
}

fn metric_name(options: &Options<'_>) -> Result<Cow<'static, str>, ScorerError> {
    let Some(name) = options.text("name")? else {
        return Ok(Cow::Borrowed(options.scorer));
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(allowed) {
        let expected = "letters, digits, `_` and `-`";
        let hint = "gates name a metric as TASK.METRIC.STATISTIC, so a point cannot be part of it";
        return Err(options.invalid_text("name", format!("the text `{name}`"), expected, hint));
    }
    Ok(Cow::Owned(name.into_owned()))
}

fn extractor(options: &Options<'_>) -> Result<Extractor, ScorerError> {
    let Some(value) = options.value("extract") else {
        return Ok(Extractor::default());
    };
    Extractor::parse(value)
        .map_err(|error| options.invalid_text("extract", error.found, error.expected, error.hint))
}

/// The `normalise` option, or the rule's own steps where the suite gives none; `normalise: []` means no step.
pub(crate) fn normaliser(options: &Options<'_>, default: &[Step]) -> Result<Normaliser, ScorerError> {
    let names = || Step::ALL.map(Step::name).join(", ");
    let hint = "write normalise: [trim, casefold]";
    let Some(value) = options.value("normalise") else {
        return Ok(Normaliser::new(default.to_vec()));
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    if items.len() > NORMALISE_STEPS_MAX {
        let found = format!("a list of {} steps", items.len());
        return Err(options.invalid_text("normalise", found, format!("at most {NORMALISE_STEPS_MAX}"), hint));
    }
    let step = |item: &Value| {
        let known = item.as_str().and_then(Step::by_name);
        known.ok_or_else(|| options.invalid("normalise", item, format!("steps of {}", names()), hint))
    };
    items
        .iter()
        .map(step)
        .collect::<Result<_, _>>()
        .map(Normaliser::new)
}
