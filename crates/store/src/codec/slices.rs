//! Slice keys as a JSON object, `{"column": "value", …}`, so that `slices ->> '$.column'` works in SQL. Apart because
//! the list may name a column twice, which no map type would give back.

use seatrial_types::SliceKey;
use serde::de::{MapAccess, Visitor};
use serde::{Deserializer, Serializer};
use std::fmt;

/// Appends the JSON of `slices` to `out`.
pub(crate) fn encode(slices: &[SliceKey], out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::Serializer::new(out).collect_map(slices.iter().map(|slice| (&slice.column, &slice.value)))
}

/// Reads what [`encode`] wrote, in its order.
pub(crate) fn decode(json: &str) -> Result<Vec<SliceKey>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let slices = reader.deserialize_map(SlicesVisitor)?;
    reader.end()?;
    Ok(slices)
}

struct SlicesVisitor;

impl<'de> Visitor<'de> for SlicesVisitor {
    type Value = Vec<SliceKey>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut slices = Vec::new();
        while let Some((column, value)) = map.next_entry()? {
            slices.push(SliceKey { column, value });
        }
        Ok(slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects order and repeated columns, and the form that SQL queries rely on.
    #[test]
    fn slices_come_back_in_order() {
        let slices =
            [("topic", "refunds"), ("a\0\"b", "🦀"), ("topic", "again")].map(|(column, value)| SliceKey {
                column: column.to_owned(),
                value: value.to_owned(),
            });
        let mut json = Vec::new();
        encode(&slices, &mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(json.starts_with(r#"{"topic":"refunds","#), "{json}");
        assert_eq!(decode(&json).unwrap(), slices);
        assert!(decode("[]").is_err() && decode("{}x").is_err());
    }
}
