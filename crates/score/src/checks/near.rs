//! `similar`: how near an answer is to texts, by vectors of an embeddings model. Apart from the other checks, because a
//! model is asked, so that these are judged before the rest of the case is added up.

use super::assertion::{Assertion, CaseChecks};
use super::judge::{Fault, Graded};
use crate::vectors::{Measure, Vectors, vector};
use seatrial_task::Model;

/// promptfoo's limit where a check has none, for a similarity and, alike, for a distance.
const THRESHOLD: f64 = 0.75;
/// A limit is reached although the last bit of a sum says otherwise.
const SLACK: f64 = f64::EPSILON;

/// What a type of check compares by; `None` where it asks no embeddings model.
pub(super) fn measure_of(kind: &str) -> Option<Measure> {
    match kind {
        "similar" | "similar:cosine" => Some(Measure::Cosine),
        "similar:dot" => Some(Measure::Dot),
        "similar:euclidean" => Some(Measure::Euclidean),
        _ => None,
    }
}

/// The verdicts of all checks of a case that ask the model, in the order of [`CaseChecks::all`].
pub(super) async fn judge_all(
    checks: &CaseChecks,
    text: &str,
    vectors: &Vectors,
    model: Option<&dyn Model>,
) -> Vec<Result<Graded, Fault>> {
    let mut verdicts = Vec::new();
    let mut of_answer = None;
    for check in checks.all() {
        let Some(measure) = measure_of(&check.kind) else {
            continue;
        };
        verdicts.push(match model {
            None => Err(Fault::Asked(format!(
                "there is no model `{}` to ask",
                vectors.model
            ))),
            Some(model) => judge(check, measure, text, vectors, model, &mut of_answer).await,
        });
    }
    verdicts
}

/// One check. A list holds where one of its texts is near; with `not-` where none is.
async fn judge(
    check: &Assertion,
    measure: Measure,
    text: &str,
    vectors: &Vectors,
    model: &dyn Model,
    of_answer: &mut Option<Result<Vec<f64>, String>>,
) -> Result<Graded, Fault> {
    let texts = check.texts().map_err(Fault::Check)?;
    if texts.is_empty() {
        return Err(Fault::Check(check.needs("at least one text")));
    }
    if text.trim().is_empty() {
        // No model has a vector for it; promptfoo takes the refusal of the model for a failure, also with `not-`.
        return Ok(Graded {
            passes: false,
            score: 0.0,
            reason: "the answer is empty".to_owned(),
        });
    }
    let answer = match of_answer {
        Some(known) => known,
        None => of_answer.insert(vector(model, text).await),
    };
    let answer = answer.as_ref().map_err(|problem| Fault::Asked(problem.clone()))?;
    let mut worst: Option<Graded> = None;
    for text in &texts {
        let reference = vectors.reference(model, text).await.map_err(Fault::Asked)?;
        let value = vectors
            .compare(measure, answer, &reference)
            .map_err(Fault::Asked)?;
        let graded = held_against(check, measure, value);
        // The first that decides is the verdict.
        if graded.passes != check.negated {
            return Ok(graded);
        }
        // Undecided: the nearest text where one had to be near, and promptfoo's smallest score with `not-`.
        let replaces = worst.as_ref().is_none_or(|worst| {
            if check.negated {
                graded.score < worst.score
            } else {
                graded.score > worst.score
            }
        });
        if replaces {
            worst = Some(graded);
        }
    }
    worst.ok_or_else(|| Fault::Check(check.needs("at least one text")))
}

/// A value against the limit of a check: at least for similarities, at most for a distance.
fn held_against(check: &Assertion, measure: Measure, value: f64) -> Graded {
    let threshold = check.threshold.unwrap_or(THRESHOLD);
    let (passes, score, what) = match (measure, check.negated) {
        (Measure::Euclidean, false) => (value <= threshold + SLACK, 1.0 / (1.0 + value), "distance"),
        (Measure::Euclidean, true) => (value >= threshold - SLACK, 1.0 - 1.0 / (1.0 + value), "distance"),
        (Measure::Cosine | Measure::Dot, false) => (value >= threshold - SLACK, value, "similarity"),
        (Measure::Cosine | Measure::Dot, true) => (value <= threshold + SLACK, 1.0 - value, "similarity"),
    };
    Graded {
        passes,
        score,
        reason: format!("{what} {value:.4}, threshold {threshold}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn check(kind: &str, negated: bool, threshold: Option<f64>) -> Assertion {
        Assertion {
            kind: kind.to_owned(),
            negated,
            value: Value::Null,
            threshold,
            weight: 1.0,
            metric: None,
            others: serde_json::Map::new(),
        }
    }

    /// Protects promptfoo's two directions: similarities have a floor, distances a ceiling, `not-` turns both.
    #[test]
    fn distances_have_a_ceiling_and_similarities_a_floor() {
        let of = |kind: &str, negated, threshold, value| {
            let check = check(kind, negated, threshold);
            let graded = held_against(&check, measure_of(kind).unwrap(), value);
            (graded.passes, graded.score)
        };
        assert_eq!(of("similar", false, None, 0.75), (true, 0.75));
        assert_eq!(of("similar:cosine", false, None, 0.7), (false, 0.7));
        assert_eq!(of("similar", true, Some(0.5), 0.25), (true, 0.75));
        assert_eq!(of("similar:dot", true, Some(0.5), 3.0), (false, -2.0));
        assert_eq!(of("similar:euclidean", false, Some(1.0), 1.0), (true, 0.5));
        assert_eq!(of("similar:euclidean", false, None, 1.0), (false, 0.5));
        assert_eq!(of("similar:euclidean", true, Some(1.0), 3.0), (true, 0.75));
        assert_eq!(measure_of("equals"), None);
    }
}
