//! Exact money. Sums of prices must not depend on the order of addition, so they are whole picodollars,
//! never floating point.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Picodollars in one US dollar.
pub const PICODOLLARS_PER_USD: i128 = 1_000_000_000_000;
const FRACTION_DIGITS: usize = 12;
/// Largest magnitude that is read, in USD: far above any budget, far below overflow when multiplied by tokens.
const LARGEST_USD: i128 = 1_000_000_000_000;

/// An amount of US dollars in whole picodollars (10⁻¹² USD).
///
/// Prints as a decimal number with at most 12 fraction digits and no trailing zeros: `0.1`, `12`, `-0.000000000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i128);

impl Money {
    /// Zero dollars.
    pub const ZERO: Self = Self(0);

    /// From whole picodollars.
    #[must_use]
    pub const fn from_picodollars(picodollars: i128) -> Self {
        Self(picodollars)
    }

    /// Whole picodollars.
    #[must_use]
    pub const fn picodollars(self) -> i128 {
        self.0
    }

    /// The sum, stopping at the largest representable amount instead of wrapping.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The cost of `tokens` at `self` dollars per million tokens, rounded half away from zero to a picodollar.
    #[must_use]
    pub const fn per_mtok_times(self, tokens: u64) -> Self {
        const MILLION: i128 = 1_000_000;
        let product = self.0.saturating_mul(tokens as i128);
        let half = if product < 0 { -MILLION / 2 } else { MILLION / 2 };
        Self(product.saturating_add(half) / MILLION)
    }

    /// Nearest floating-point number of dollars, for statistics and display only.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "this is the documented loss")]
    pub fn to_usd_f64(self) -> f64 {
        self.0 as f64 / PICODOLLARS_PER_USD as f64
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let one = PICODOLLARS_PER_USD.unsigned_abs();
        let (whole, fraction) = (magnitude / one, magnitude % one);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:0FRACTION_DIGITS$}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseMoneyError {
    /// Not a decimal number such as `0.25` or `3e-7`.
    #[error("`{0}` is not a decimal number of dollars")]
    NotDecimal(String),
    /// Finer than a picodollar.
    #[error("`{0}` has more than 12 fraction digits (a picodollar)")]
    TooFine(String),
    /// Above 10¹² USD.
    #[error("`{0}` is beyond one trillion dollars")]
    TooLarge(String),
}

impl FromStr for Money {
    type Err = ParseMoneyError;

    /// Reads `12`, `0.25`, `-1.5`, `3e-7`, `1.5E2` exactly.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_decimal = || ParseMoneyError::NotDecimal(text.to_owned());
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| not_decimal())?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(not_decimal());
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self::ZERO);
        }
        let fraction_len = i32::try_from(fraction.len()).map_err(|_| not_decimal())?;
        let shift = exponent.saturating_sub(fraction_len).saturating_add(12);
        if shift < 0 {
            let removable = i32::try_from(digits.len() - digits.trim_end_matches('0').len()).unwrap_or(0);
            if removable < -shift {
                return Err(ParseMoneyError::TooFine(text.to_owned()));
            }
        }
        let too_large = || ParseMoneyError::TooLarge(text.to_owned());
        let value: i128 = if shift < 0 {
            let keep = digits.len().saturating_sub(shift.unsigned_abs() as usize);
            digits[..keep].parse().map_err(|_| too_large())?
        } else {
            let scale = 10_i128.checked_pow(shift.unsigned_abs()).ok_or_else(too_large)?;
            digits
                .parse::<i128>()
                .ok()
                .and_then(|n| n.checked_mul(scale))
                .ok_or_else(too_large)?
        };
        if value > LARGEST_USD * PICODOLLARS_PER_USD {
            return Err(too_large());
        }
        Ok(Self(if negative { -value } else { value }))
    }
}

impl Serialize for Money {
    /// As a JSON number of dollars.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: serde_json::Number = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    /// From a JSON number or a decimal string.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = match &value {
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::String(text) => text.clone(),
            other => {
                return Err(de::Error::custom(format!(
                    "expected a number of dollars, found {other}"
                )));
            }
        };
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects exactness: the decimal text is the amount, whatever its form.
    #[test]
    fn reads_and_prints_exact_decimals() {
        for (text, picodollars, printed) in [
            ("0.10", 100_000_000_000, "0.1"),
            ("3e-7", 300_000, "0.0000003"),
            ("12", 12 * PICODOLLARS_PER_USD, "12"),
            ("-1.5E2", -150 * PICODOLLARS_PER_USD, "-150"),
            ("0.000000000001", 1, "0.000000000001"),
            ("10e-13", 1, "0.000000000001"),
            ("0.000", 0, "0"),
            (".5", 500_000_000_000, "0.5"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(
                (money.picodollars(), money.to_string().as_str()),
                (picodollars, printed),
                "{text}"
            );
        }
    }

    /// Protects users from silently rounded or nonsensical prices.
    #[test]
    fn refuses_what_is_not_exact() {
        for text in [
            "",
            ".",
            "abc",
            "1,5",
            "0.0000000000001",
            "1e99",
            "1e-99",
            "--1",
            "0x10",
            "1e",
            "é",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    /// Protects cost sums: per-million prices times tokens are exact to a picodollar.
    #[test]
    fn tokens_times_price_is_exact() {
        let price: Money = "0.15".parse().unwrap();
        assert_eq!(price.per_mtok_times(1_000_000), price);
        assert_eq!(price.per_mtok_times(3).to_string(), "0.00000045");
        assert_eq!(Money::from_picodollars(1).per_mtok_times(499_999), Money::ZERO);
        assert_eq!(
            Money::from_picodollars(1).per_mtok_times(500_000).picodollars(),
            1
        );
    }

    /// Protects the JSON surface: money is a number there.
    #[test]
    fn is_a_json_number() {
        let money: Money = "0.000123".parse().unwrap();
        assert_eq!(serde_json::to_string(&money).unwrap(), "0.000123");
        assert_eq!(serde_json::from_str::<Money>("0.000123").unwrap(), money);
    }
}
