//! Nearness of meaning: answer and reference as vectors of an embeddings model, and how close these are. Apart from the
//! rules, because it asks a model.

use crate::ScorerError;
use crate::options::{Options, clipped};
use crate::scorer::DETAIL_CHARS_MAX;
use seatrial_config::{MetricEntry, OptionEntry, OptionShape, ScorerEntry};
use seatrial_task::{Model, Scorer, ScorerInput, Scoring};
use seatrial_types::{
    ContentHash, Message, MetricKind, MetricSpec, ModelRequest, Outcome, Pillar, Role, Score, Unit,
};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers of reference vectors that are kept for further epochs and targets, 32 MiB of them; beyond that references are
/// asked for again.
const KEPT_NUMBERS_MAX: usize = 8 * 1024 * 1024;
/// Most numbers of one vector.
const DIMENSIONS_MAX: usize = 65_536;
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
            what: "cosine of the angle, dot product, or 1 / (1 + Euclidean distance); default cosine",
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
        kind: MetricKind::Real,
        unit: Unit::Score,
        pillar: Pillar::Quality,
    }],
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Cosine,
    Dot,
    Euclidean,
}

/// Compares vectors of an embeddings model.
pub struct Similarity {
    model: String,
    measure: Measure,
    threshold: Option<f64>,
    values: Option<Vec<String>>,
    metrics: [MetricSpec; 1],
    kept: Mutex<Kept>,
}

/// Vectors of references by the hash of their text.
#[derive(Default)]
struct Kept {
    vectors: HashMap<ContentHash, Arc<[f64]>>,
    numbers: usize,
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
            None => (MetricKind::Real, Unit::Score),
        };
        Ok(Self {
            model: options.text("model")?.unwrap_or_default().into_owned(),
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
            kept: Mutex::default(),
        })
    }

    async fn judge(&self, input: ScorerInput<'_>, model: Option<&dyn Model>) -> Score {
        let Some(model) = model else {
            return failed(&format!("there is no model `{}` to ask", self.model));
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
            let nearness = match self.reference(model, reference).await {
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

    /// The vector of a reference, asked for once.
    async fn reference(&self, model: &dyn Model, text: &str) -> Result<Arc<[f64]>, String> {
        let hash = ContentHash::of(text.as_bytes());
        // Nothing is awaited while the lock is held.
        let known = self.lock().vectors.get(&hash).map(Arc::clone);
        if let Some(vector) = known {
            return Ok(vector);
        }
        let vector: Arc<[f64]> = vector(model, text).await?.into();
        let mut kept = self.lock();
        if kept.numbers + vector.len() <= KEPT_NUMBERS_MAX
            && kept.vectors.insert(hash, Arc::clone(&vector)).is_none()
        {
            kept.numbers += vector.len();
        }
        Ok(vector)
    }

    fn nearness(&self, one: &[f64], other: &[f64]) -> Result<f64, String> {
        if one.len() != other.len() {
            return Err(format!(
                "`{}` gave vectors of {} and of {} numbers, which cannot be compared",
                self.model,
                one.len(),
                other.len()
            ));
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let nearness = match self.measure {
            Measure::Dot => dot(one, other),
            Measure::Cosine => {
                let lengths = dot(one, one).sqrt() * dot(other, other).sqrt();
                // A vector without direction is near to nothing.
                if lengths > 0.0 {
                    (dot(one, other) / lengths).clamp(-1.0, 1.0)
                } else {
                    0.0
                }
            }
            Measure::Euclidean => {
                let squares = one.iter().zip(other).map(|(x, y)| (x - y) * (x - y));
                1.0 / (1.0 + squares.sum::<f64>().sqrt())
            }
        };
        if nearness.is_finite() {
            Ok(nearness)
        } else {
            Err(format!(
                "the vectors of `{}` are too long to be compared",
                self.model
            ))
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A map and a count: there is no half-done state that a panic could leave.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scorer for Similarity {
    fn name(&self) -> &'static str {
        SIMILARITY.name
    }

    fn version(&self) -> u32 {
        1
    }

    fn metrics(&self) -> &[MetricSpec] {
        &self.metrics
    }

    fn needs_reference(&self) -> bool {
        self.values.is_none()
    }

    fn asks(&self) -> Option<&str> {
        Some(&self.model)
    }

    fn score<'a>(&'a self, input: ScorerInput<'a>, judge: Option<&'a dyn Model>) -> Scoring<'a> {
        Scoring::Later(Box::pin(async move { vec![self.judge(input, judge).await] }))
    }
}

/// The vector of a text; the error is fit for a report.
async fn vector(model: &dyn Model, text: &str) -> Result<Vec<f64>, String> {
    let request = ModelRequest {
        messages: vec![Message::new(Role::User, text)],
        ..ModelRequest::default()
    };
    let call = model.call(request).await;
    let answer = call.result.map_err(|error| error.to_string())?;
    let vector: Vec<f64> = serde_json::from_str(&answer.text).map_err(|error| {
        format!(
            "the model's answer is no vector ({error}), found `{}`; hint: give it `api: embeddings` in `models:`",
            clipped(&answer.text, 60)
        )
    })?;
    match vector.len() {
        0 => Err("the model's answer is an empty vector".to_owned()),
        length if length > DIMENSIONS_MAX => Err(format!(
            "the model's answer is a vector of {length} numbers, at most {DIMENSIONS_MAX} are compared"
        )),
        _ => Ok(vector),
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
