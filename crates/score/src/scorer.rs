//! What all rule scorers share: extraction before, negation after, the classes of an answer. Apart from the rules so
//! that each rule only says right, wrong or unreadable.

use crate::limits::{LIMITS, Limits};
use crate::options::{Options, clipped};
use crate::rules::{Definition, Reads};
use crate::{Extractor, ScorerError};
use seatrial_config::MetricEntry;
use seatrial_task::{Model, Scorer, ScorerInput, Scoring};
use seatrial_text::normalise::{Normaliser, Step};
use seatrial_types::{FinishReason, MetricKind, MetricSpec, Outcome, Score, Unit};
use serde_json::Value;
use std::borrow::Cow;

/// Most characters of [`Score::detail`]; what is longer ends in `…`.
pub const DETAIL_CHARS_MAX: usize = 200;
/// Most steps of one `normalise`.
pub const NORMALISE_STEPS_MAX: usize = 16;

/// What a rule says of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Judgement {
    /// A finite value, 1 for right and 0 for wrong where the rule knows nothing between, and what was read.
    Scored { value: f64, read: String },
    /// The answer does not hold what the rule needs, or the case is faulty; and why.
    Unparsed { why: String },
}

impl Judgement {
    pub(crate) fn scored(right: bool, read: &str) -> Self {
        Self::graded(if right { 1.0 } else { 0.0 }, read)
    }

    pub(crate) fn graded(value: f64, read: &str) -> Self {
        // Cut at once, so that a huge answer is not copied only to be cut.
        Self::Scored {
            value,
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
    /// Judges what `extract` took from the answer; `input` is the whole sample.
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement;

    /// Whether it needs the case's reference.
    fn needs_reference(&self) -> bool;

    /// Whether the answer must say how probable its tokens were.
    fn needs_log_probabilities(&self) -> bool {
        false
    }

    /// By what sign this text is a refusal; only for the rule that looks for them.
    fn refusal(&self, _text: &str) -> Option<String> {
        None
    }
}

/// A rule with the options that all rules take.
pub(crate) struct RuleScorer {
    name: &'static str,
    version: u32,
    extractor: Extractor,
    limits: Option<Limits>,
    negate: bool,
    looks_at_refusals: bool,
    metrics: [MetricSpec; 1],
    rule: Box<dyn Rule>,
}

impl RuleScorer {
    pub(crate) fn parse(
        options: &Options<'_>,
        definition: &Definition,
        rule: Box<dyn Rule>,
    ) -> Result<Self, ScorerError> {
        let Some(metric) = definition.entry.metrics.first() else {
            return Err(options.invalid_text(
                "name",
                "a scorer without a metric",
                "one metric",
                "report this",
            ));
        };
        let limits = if definition.takes_limits() {
            Limits::parse(options, metric)?
        } else {
            None
        };
        if definition.reads == Reads::Sample {
            refuse_without_effect(options, "extract", "it does not look at the text of the answer")?;
        }
        if !definition.normalises {
            refuse_without_effect(options, "normalise", "it compares no texts")?;
        }
        let metric = metric_spec(options, definition, metric)?;
        let negate = options.flag("negate")?;
        if negate && metric.kind == MetricKind::Real {
            let hint =
                "give it `at_least` or `at_most`, and the share of answers within it can be turned round";
            return Err(options.invalid_text(
                "negate",
                "true",
                "false for a number without an upper end",
                hint,
            ));
        }
        Ok(Self {
            name: options.scorer,
            version: definition.version,
            extractor: extractor(options)?,
            limits,
            negate,
            looks_at_refusals: definition.looks_at_refusals,
            metrics: [metric],
            rule,
        })
    }

    fn judge(&self, input: ScorerInput<'_>) -> Score {
        let judgement = match self.extractor.apply(&input.answer.text) {
            Ok(text) => self.rule.judge(&text, input),
            Err(missing) => Judgement::unparsed(missing.to_string()),
        };
        let (outcome, value, detail) = match judgement {
            Judgement::Scored { value, read } => {
                let (value, read) = match &self.limits {
                    None => (value, read),
                    Some(limits) => (f64::from(u8::from(limits.hold(value))), limits.told(value, &read)),
                };
                let value = if self.negate { 1.0 - value } else { value };
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
            detail: Some(clip_detail(&detail)),
        }
    }
}

/// A detail, cut to [`DETAIL_CHARS_MAX`].
pub(crate) fn clip_detail(detail: &str) -> String {
    clipped(detail, DETAIL_CHARS_MAX).into_owned()
}

/// The metric of a scorer as its options make it: name, kind, and what unparsed and refused answers count as.
pub(crate) fn metric_spec(
    options: &Options<'_>,
    definition: &Definition,
    metric: &MetricEntry,
) -> Result<MetricSpec, ScorerError> {
    let has_limits = LIMITS.iter().any(|limit| options.value(limit).is_some());
    let (kind, unit) = if has_limits {
        (MetricKind::Binary, Unit::Share)
    } else {
        (metric.kind, metric.unit)
    };
    let classes = ["wrong", "exclude"];
    let is_wrong = |option| -> Result<bool, ScorerError> {
        let given = options.word(option, &classes)?;
        Ok(given.map_or(definition.failures_are_wrong, |index| index == 0))
    };
    let given = given_name(options)?;
    Ok(MetricSpec {
        name: Cow::Owned(metric.name_in(options.scorer, given.as_deref())),
        kind,
        unit,
        pillar: metric.pillar,
        unparsed_is_wrong: is_wrong("unparsed")?,
        refused_is_wrong: is_wrong("refused")?,
    })
}

/// Refuses an option that this scorer would ignore.
pub(crate) fn refuse_without_effect(
    options: &Options<'_>,
    option: &'static str,
    why: &str,
) -> Result<(), ScorerError> {
    match options.value(option) {
        None => Ok(()),
        Some(Value::Array(items)) if items.is_empty() => Ok(()),
        Some(value) => {
            let expected = format!("nothing, because `{}` has no use for it", options.scorer);
            Err(options.invalid(option, value, expected, format!("leave it out: {why}")))
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

    fn needs_log_probabilities(&self) -> bool {
        self.rule.needs_log_probabilities()
    }

    fn refusal(&self, input: ScorerInput<'_>) -> Option<String> {
        let text = self.extractor.apply(&input.answer.text).ok()?;
        self.rule.refusal(&text)
    }

    fn looks_at_refusals(&self) -> bool {
        self.looks_at_refusals
    }

    fn score<'a>(&'a self, input: ScorerInput<'a>, _judge: Option<&'a dyn Model>) -> Scoring<'a> {
        Scoring::Ready(vec![self.judge(input)])
    }
}

/// The `name:` option.
fn given_name<'a>(options: &Options<'a>) -> Result<Option<Cow<'a, str>>, ScorerError> {
    let Some(name) = options.text("name")? else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(allowed) {
        let expected = "letters, digits, `_` and `-`";
        let hint = "gates name a metric as TASK.METRIC.STATISTIC, so a point cannot be part of it";
        return Err(options.invalid_text("name", format!("the text `{name}`"), expected, hint));
    }
    Ok(Some(name))
}

pub(crate) fn extractor(options: &Options<'_>) -> Result<Extractor, ScorerError> {
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
