//! One count as servers write it. Apart because it takes any JSON value: a broken count is told by the name of its
//! field, and must not make the whole line unreadable.

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Counts above this are broken: no answer has as many tokens.
const LARGEST: u64 = 1_000_000_000_000_000;

/// A count, or what is there in place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// A whole number.
    Whole(u64),
    /// `null`.
    Absent,
    /// Anything else.
    Broken,
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Count, E> {
        Ok(if number <= LARGEST {
            Count::Whole(number)
        } else {
            Count::Broken
        })
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
        Ok(u64::try_from(number).map_or(Count::Broken, Count::Whole))
    }

    /// Some gateways write `12.0`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked before: whole, from 0 to LARGEST"
    )]
    fn visit_f64<E: Error>(self, number: f64) -> Result<Count, E> {
        let fits = number >= 0.0 && number.fract() == 0.0 && number <= LARGEST as f64;
        Ok(if fits {
            Count::Whole(number as u64)
        } else {
            Count::Broken
        })
    }

    fn visit_unit<E: Error>(self) -> Result<Count, E> {
        Ok(Count::Absent)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Count, E> {
        Ok(Count::Broken)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Count, E> {
        Ok(Count::Broken)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Count::Broken)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Count, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count::Broken)
    }
}
