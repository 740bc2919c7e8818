//! Nearness of meaning: answer and reference as vectors of an embeddings model, and how close these are. Apart from the
//! rules, because it asks a model.

use crate::ScorerError;
use crate::options::{Options, clipped};
use crate::scorer::DETAIL_CHARS_MAX;
use crate::vectors::{Measure, Vectors, vector};
use seatrial_config::{MetricEntry, OptionEntry, OptionShape, ScorerEntry};
use seatrial_task::{Model, Scorer, ScorerInput, Scoring};
use seatrial_types::{MetricKind, MetricSpec, Outcome, Pillar, Score, Unit};
use serde_json::{Map, Value};
use std::borrow::Cow;

const MEASURES: [&str; 3] = ["cosine", "dot", "euclidean"];

/// The scorer of this module, for the vocabulary.
pub const SIMILARITY: ScorerEntry = ScorerEntry {
    name: "similarity",
    what: "nearness of meaning to the closest accepted answer, by the vectors of an embeddings model",
    options: &[
        OptionEntry {
            name: "model",
            shape: OptionShape::Model,
            what: "the embeddings model, an entry of `models:` with `api: embeddings`",
            required: true,
        },
        OptionEntry {
            name: "measure",
            shape: OptionShape::Choice(&MEASURES),
            what: "cosine of the angle (0 where it is negative), dot product, or 1 / (1 + Euclidean distance); default cosine",
            required: false,
        },
        OptionEntry {
            name: "threshold",
            shape: OptionShape::Threshold,
            what: "makes the score a share: of the answers whose similarity reaches this",
            required: false,
        },
        OptionEntry {
            name: "values",
            shape: OptionShape::TextOrList,
            what: "texts to be near to; default: the accepted answers of the case",
            required: false,
        },
    ],
    metrics: &[MetricEntry {
        name: "",
        kind: MetricKind::Bounded,
        unit: Unit::Score,
        pillar: Pillar::Quality,
    }],
};

/// Compares vectors of an embeddings model.
pub struct Similarity {
    vectors: Vectors,
    measure: Measure,
    threshold: Option<f64>,
    values: Option<Vec<String>>,
    metrics: [MetricSpec; 1],
}

impl Similarity {
    /// Reads the options; the metric's name is the option `name`, else the scorer's.
    ///
    /// # Errors
    /// [`ScorerError`] names the first option at fault.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, ScorerError> {
        let taken = [
            "model",
            "measure",
            "threshold",
            "values",
            "name",
            "unparsed",
            "refused",
        ];
        let options = Options {
            scorer: SIMILARITY.name,
            map,
        };
        if let Some(unknown) = map.keys().find(|key| !taken.contains(&key.as_str())) {
            return Err(ScorerError::UnknownOption {
                scorer: SIMILARITY.name,
                option: unknown.clone(),
                expected: taken.join(", "),
            });
        }
        let measure = match options.word("measure", &MEASURES)? {
            Some(1) => Measure::Dot,
            Some(2) => Measure::Euclidean,
            _ => Measure::Cosine,
        };
        let threshold = match options.value("threshold") {
            None => None,
            Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
                Some(number) => Some(number),
                None => return Err(options.invalid("threshold", value, "a number", "write threshold: 0.8")),
            },
        };
        let is_wrong = |key| options.text(key).map(|text| text.as_deref() == Some("wrong"));
        let name = options
            .text("name")?
            .map_or(Cow::Borrowed(SIMILARITY.name), |name| {
                Cow::Owned(name.into_owned())
            });
        let (kind, unit) = match threshold {
            Some(_) => (MetricKind::Binary, Unit::Share),
            None if measure == Measure::Dot => (MetricKind::Real, Unit::Score),
            None => (MetricKind::Bounded, Unit::Score),
        };
        Ok(Self {
            vectors: Vectors::of(options.text("model")?.unwrap_or_default().into_owned()),
            measure,
            threshold,
            values: options.texts("values")?,
            metrics: [MetricSpec {
                name,
                kind,
                unit,
                pillar: Pillar::Quality,
                unparsed_is_wrong: is_wrong("unparsed")?,
                refused_is_wrong: is_wrong("refused")?,
            }],
        })
    }

    async fn judge(&self, input: ScorerInput<'_>, model: Option<&dyn Model>) -> Score {
        let Some(model) = model else {
            return failed(&format!("there is no model `{}` to ask", self.vectors.model));
        };
        let references = self.values.as_ref().unwrap_or(&input.case.expected);
        if input.answer.text.trim().is_empty() {
            return unscored(Outcome::Unparsed, "the answer is empty");
        }
        let answer = match vector(model, &input.answer.text).await {
            Ok(vector) => vector,
            Err(problem) => return failed(&problem),
        };
        let mut best: Option<f64> = None;
        for reference in references {
            let nearness = match self.vectors.reference(model, reference).await {
                Ok(vector) => self.nearness(&answer, &vector),
                Err(problem) => Err(problem),
            };
            match nearness {
                Ok(nearness) => best = Some(best.map_or(nearness, |best| best.max(nearness))),
                Err(problem) => return failed(&problem),
            }
        }
        let Some(best) = best else {
            return unscored(
                Outcome::Unparsed,
                "dataset: there is no reference to compare with",
            );
        };
        let value = match self.threshold {
            Some(threshold) => f64::from(u8::from(best >= threshold)),
            None => best,
        };
        Score {
            metric: 0,
            outcome: Outcome::Scored,
            value: Some(value),
            detail: Some(format!("{best:.4}")),
        }
    }

    /// Larger is nearer; 0 to 1 but for the dot product.
    fn nearness(&self, one: &[f64], other: &[f64]) -> Result<f64, String> {
        let value = self.vectors.compare(self.measure, one, other)?;
        Ok(match self.measure {
            Measure::Dot => value,
            // An angle beyond the right one is as far as far can be, and a mean of shares has an interval within 0 and 1.
            Measure::Cosine => value.max(0.0),
            Measure::Euclidean => 1.0 / (1.0 + value),
        })
    }
}

impl Scorer for Similarity {
    fn name(&self) -> &'static str {
        SIMILARITY.name
    }

    /// 2: a negative cosine is 0.
    fn version(&self) -> u32 {
        2
    }

    fn metrics(&self) -> &[MetricSpec] {
        &self.metrics
    }

    fn needs_reference(&self) -> bool {
        self.values.is_none()
    }

    fn asks(&self) -> Option<&str> {
        Some(&self.vectors.model)
    }

    fn score<'a>(&'a self, input: ScorerInput<'a>, judge: Option<&'a dyn Model>) -> Scoring<'a> {
        Scoring::Later(Box::pin(async move { vec![self.judge(input, judge).await] }))
    }
}

/// The model failed, which says nothing about the answer.
fn failed(problem: &str) -> Score {
    unscored(Outcome::Error, problem)
}

fn unscored(outcome: Outcome, detail: &str) -> Score {
    Score {
        metric: 0,
        outcome,
        value: None,
        detail: Some(clipped(detail, DETAIL_CHARS_MAX).into_owned()),
    }
}
