//! Vectors of an embeddings model and how near two of them are. Apart from the scorers that use them, of which one judges
//! by options of the suite and one by checks of the case.

use crate::options::clipped;
use seatrial_task::Model;
use seatrial_types::{ContentHash, Message, ModelRequest, Role};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers of reference vectors that are kept for further epochs and targets, 32 MiB of them; beyond that references are
/// asked for again.
const KEPT_NUMBERS_MAX: usize = 8 * 1024 * 1024;
/// Most numbers of one vector.
const DIMENSIONS_MAX: usize = 65_536;

/// How two vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Cosine of the angle, −1 to 1.
    Cosine,
    /// Dot product, any number.
    Dot,
    /// Euclidean distance, 0 or more.
    Euclidean,
}

/// Vectors of one model, those of references kept by the hash of their text.
pub(crate) struct Vectors {
    pub(crate) model: String,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    vectors: HashMap<ContentHash, Arc<[f64]>>,
    numbers: usize,
}

impl Vectors {
    pub(crate) fn of(model: String) -> Self {
        Self {
            model,
            kept: Mutex::default(),
        }
    }

    /// The vector of a reference, asked for once.
    pub(crate) async fn reference(&self, model: &dyn Model, text: &str) -> Result<Arc<[f64]>, String> {
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

    /// The value of a measure; the error is fit for a report.
    pub(crate) fn compare(&self, measure: Measure, one: &[f64], other: &[f64]) -> Result<f64, String> {
        if one.len() != other.len() {
            return Err(format!(
                "`{}` gave vectors of {} and of {} numbers, which cannot be compared",
                self.model,
                one.len(),
                other.len()
            ));
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let value = match measure {
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
                squares.sum::<f64>().sqrt()
            }
        };
        if value.is_finite() {
            Ok(value)
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

/// The vector of a text; the error is fit for a report.
pub(crate) async fn vector(model: &dyn Model, text: &str) -> Result<Vec<f64>, String> {
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
