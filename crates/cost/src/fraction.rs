//! Exact fractions for what multiplies prices: discounts, margins, uplifts. Apart from money, because a factor such as
//! 1.1 has no binary form and a price may not depend on how it is rounded on the way.

use std::fmt;

/// Digits behind the point that a factor may have.
const FRACTION_DIGITS_MAX: usize = 9;
/// Largest factor that is read.
const LARGEST: i128 = 1_000_000;

/// A non-negative fraction in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    numerator: i128,
    denominator: i128,
}

/// Why a text is no factor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FractionError {
    /// No decimal number from 0 to a million.
    #[error("`{0}` is not a number from 0 to {LARGEST}")]
    NotDecimal(String),
    /// More digits than a factor has.
    #[error("`{0}` has more than {FRACTION_DIGITS_MAX} fraction digits")]
    TooFine(String),
}

impl Fraction {
    /// One: changes nothing.
    pub const ONE: Self = Self {
        numerator: 1,
        denominator: 1,
    };

    /// Reads a plain decimal number such as `1.1` or `0.05` exactly.
    ///
    /// # Errors
    /// A text that is no such number.
    pub fn parse(text: &str) -> Result<Self, FractionError> {
        let not_decimal = || FractionError::NotDecimal(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(not_decimal());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > FRACTION_DIGITS_MAX {
            return Err(FractionError::TooFine(text.to_owned()));
        }
        let digits = format!("{whole}{fraction}");
        let numerator: i128 = digits.parse().map_err(|_| not_decimal())?;
        let places = u32::try_from(fraction.len()).map_err(|_| not_decimal())?;
        let denominator = 10_i128.pow(places);
        if numerator > LARGEST * denominator {
            return Err(not_decimal());
        }
        Ok(Self::reduced(numerator, denominator))
    }

    /// 1 − this; `None` where this is above 1.
    #[must_use]
    pub fn complement(self) -> Option<Self> {
        (self.numerator <= self.denominator)
            .then(|| Self::reduced(self.denominator - self.numerator, self.denominator))
    }

    /// 1 + this.
    #[must_use]
    pub fn plus_one(self) -> Self {
        Self::reduced(self.numerator + self.denominator, self.denominator)
    }

    /// The product; `None` where it does not fit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        let numerator = self.numerator.checked_mul(other.numerator)?;
        let denominator = self.denominator.checked_mul(other.denominator)?;
        Some(Self::reduced(numerator, denominator))
    }

    /// `amount` times this divided by `divisor`, rounded half away from zero; `None` where it does not fit.
    #[must_use]
    pub fn apply(self, amount: i128, divisor: i128) -> Option<i128> {
        let product = amount.checked_mul(self.numerator)?;
        let divisor = divisor.checked_mul(self.denominator)?;
        let half = if product < 0 { -divisor / 2 } else { divisor / 2 };
        product.checked_add(half)?.checked_div(divisor)
    }

    fn reduced(numerator: i128, denominator: i128) -> Self {
        let divisor = gcd(numerator, denominator).max(1);
        Self {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        }
    }
}

const fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl fmt::Display for Fraction {
    /// As a decimal number.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.numerator as f64 / self.denominator as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects exactness: factors are what is written, and rounding happens once, at the end.
    #[test]
    fn is_exact() {
        let uplift = Fraction::parse("1.1").unwrap();
        assert_eq!(uplift.apply(10, 1), Some(11));
        let discount = Fraction::parse("0.15").unwrap().complement().unwrap();
        let margin = Fraction::parse("0.10").unwrap().plus_one();
        let all = uplift.times(discount).unwrap().times(margin).unwrap();
        // 1.1 × 0.85 × 1.1 = 1.0285
        assert_eq!(all.apply(10_000, 1), Some(10_285));
        assert_eq!(all.apply(1, 2), Some(1));
        assert_eq!(Fraction::ONE.apply(-3, 2), Some(-2));
        assert_eq!(Fraction::parse("1.5").unwrap().complement(), None);
        for wrong in ["", ".", "-1", "1e3", "0.0000000001", "1000001", "x"] {
            assert!(Fraction::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(uplift.apply(i128::MAX, 1), None);
    }
}
