//! Scores as a JSON list of lists `[[scorer, metric, "outcome", value, detail], …]`. Apart because people query it with
//! SQL: the position of each part is a surface. One column instead of a row for each score spares as many inserts.

use seatrial_types::{Outcome, Score, ScoreRecord};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Appends the JSON of `scores` to `out`.
pub(crate) fn encode(scores: &[ScoreRecord], out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let rows = scores.iter().map(|record| {
        let score = &record.score;
        let value = StoredNumber(score.value);
        (
            record.scorer,
            score.metric,
            score.outcome,
            value,
            score.detail.as_deref(),
        )
    });
    serde_json::Serializer::new(out).collect_seq(rows)
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(json: &str) -> Result<Vec<ScoreRecord>, serde_json::Error> {
    let rows: Vec<(u16, u16, Outcome, StoredNumber, Option<String>)> = serde_json::from_str(json)?;
    let record =
        |(scorer, metric, outcome, value, detail): (u16, u16, Outcome, StoredNumber, Option<String>)| {
            let value = value.0;
            let score = Score {
                metric,
                outcome,
                value,
                detail,
            };
            ScoreRecord { scorer, score }
        };
    Ok(rows.into_iter().map(record).collect())
}

/// A number that may be missing (`null`). JSON has no words for what is not finite, and a record must not turn it into
/// "missing": it is written as a string.
struct StoredNumber(Option<f64>);

const NAN: &str = "NaN";
const INFINITY: &str = "Infinity";
const MINUS_INFINITY: &str = "-Infinity";

impl Serialize for StoredNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_none(),
            Some(value) if value.is_finite() => serializer.serialize_f64(value),
            Some(value) if value.is_nan() => serializer.serialize_str(NAN),
            Some(value) if value > 0.0 => serializer.serialize_str(INFINITY),
            Some(_) => serializer.serialize_str(MINUS_INFINITY),
        }
    }
}

impl<'de> Deserialize<'de> for StoredNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StoredNumberVisitor)
    }
}

struct StoredNumberVisitor;

impl Visitor<'_> for StoredNumberVisitor {
    type Value = StoredNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a number, null, \"{NAN}\", \"{INFINITY}\" or \"{MINUS_INFINITY}\""
        )
    }

    fn visit_unit<E>(self) -> Result<StoredNumber, E> {
        Ok(StoredNumber(None))
    }

    fn visit_f64<E>(self, value: f64) -> Result<StoredNumber, E> {
        Ok(StoredNumber(Some(value)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON does not tell whole numbers from others"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<StoredNumber, E> {
        Ok(StoredNumber(Some(value as f64)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON does not tell whole numbers from others"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<StoredNumber, E> {
        Ok(StoredNumber(Some(value as f64)))
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<StoredNumber, E> {
        let value = match word {
            NAN => f64::NAN,
            INFINITY => f64::INFINITY,
            MINUS_INFINITY => f64::NEG_INFINITY,
            other => return Err(E::invalid_value(Unexpected::Str(other), &self)),
        };
        Ok(StoredNumber(Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(value: Option<f64>, detail: Option<&str>) -> ScoreRecord {
        let score = Score {
            metric: 3,
            outcome: Outcome::Scored,
            value,
            detail: detail.map(str::to_owned),
        };
        ScoreRecord { scorer: 2, score }
    }

    /// Protects SQL queries and old databases: the form is `[scorer, metric, outcome, value, detail]`.
    #[test]
    fn form_is_stable() {
        let mut json = Vec::new();
        encode(&[record(Some(0.5), Some("B")), record(None, None)], &mut json).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"[[2,3,"scored",0.5,"B"],[2,3,"scored",null,null]]"#
        );
    }

    /// Protects "missing is never hidden": a broken number does not become a missing one.
    #[test]
    fn numbers_that_are_not_finite_come_back() {
        for value in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            f64::MIN_POSITIVE / 8.0,
            f64::MAX,
        ] {
            let mut json = Vec::new();
            encode(&[record(Some(value), None)], &mut json).unwrap();
            let read = decode(std::str::from_utf8(&json).unwrap()).unwrap();
            let read = read[0].score.value.unwrap();
            assert!(
                read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()),
                "{value}"
            );
        }
        assert!(decode(r#"[[0,0,"scored","much",null]]"#).is_err());
        assert!(decode(r#"[[0,0,"scored"]]"#).is_err());
    }

    proptest! {
        /// Protects exactness of values and details, bit for bit.
        #[test]
        fn scores_come_back(value in proptest::num::f64::NORMAL, detail: Option<String>) {
            let records = vec![record(Some(value), detail.as_deref()), record(None, None)];
            let mut json = Vec::new();
            encode(&records, &mut json).unwrap();
            prop_assert_eq!(decode(std::str::from_utf8(&json).unwrap()).unwrap(), records);
        }
    }
}
