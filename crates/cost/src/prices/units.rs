//! What is paid for beside tokens: seconds, characters, pictures, pixels, sessions. Apart from the classes of tokens,
//! because such quantities are seldom part of a usage object, need not be whole, and are priced only where somebody tells
//! them.

use super::sheet::Rate;
use seatrial_types::Money;
use serde_json::Number;

/// Fields of LiteLLM's table and the units that they price.
const LITELLM_FIELDS: &[(&str, &str)] = &[
    ("input_cost_per_second", "input_seconds"),
    ("output_cost_per_second", "output_seconds"),
    ("input_cost_per_audio_per_second", "input_audio_seconds"),
    ("input_cost_per_video_per_second", "input_video_seconds"),
    ("input_cost_per_character", "input_characters"),
    ("output_cost_per_character", "output_characters"),
    ("input_cost_per_image", "input_images"),
    ("output_cost_per_image", "output_images"),
    ("input_cost_per_pixel", "input_pixels"),
    ("output_cost_per_pixel", "output_pixels"),
    ("code_interpreter_cost_per_session", "code_interpreter_sessions"),
    ("google_maps_grounding_cost_per_query", "google_maps_queries"),
];

/// The unit that a field of LiteLLM's table prices; conditions in a field's name make it another field.
pub(super) fn of_litellm(field: &str) -> Option<&'static str> {
    let found = LITELLM_FIELDS.iter().find(|(name, _)| *name == field);
    found.map(|(_, unit)| *unit)
}

/// A quantity from 0, exact to 10⁻¹².
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(i128);

/// Parts of one.
const PARTS: i128 = 1_000_000_000_000;

impl Amount {
    /// Reads a number from 0 to a billion.
    #[must_use]
    pub fn parse(number: &Number) -> Option<Self> {
        const MOST: i128 = 1_000_000_000 * PARTS;
        // Dollars are read exactly, with the same number of digits.
        let parts = number.to_string().parse::<Money>().ok()?.picodollars();
        (0..=MOST).contains(&parts).then_some(Self(parts))
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The price of the amount at a rate, in picodollars for a million units, rounded half up once; `None` where it is too
    /// large.
    pub(super) fn times(self, rate: Rate) -> Option<i128> {
        let product = rate.usd_per_million().picodollars().checked_mul(self.0)?;
        Some(product.checked_add(PARTS / 2)?.div_euclid(PARTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Option<Amount> {
        Amount::parse(&serde_json::from_str(text).unwrap())
    }

    /// Protects amounts: exact decimals, nothing below 0, nothing that overflows.
    #[test]
    fn amounts_are_exact() {
        let rate = Rate::per_unit("0.0001".parse().unwrap());
        // 12.4 seconds at 0.0001 are 0.00124 dollars, in picodollars for a million.
        assert_eq!(
            amount("12.4").unwrap().times(rate),
            Some(1_240_000_000 * 1_000_000)
        );
        assert!(amount("0").unwrap().is_zero());
        assert_eq!(amount("-1"), None);
        assert_eq!(amount("1e30"), None);
        let dear = Rate::per_unit("1000000".parse().unwrap());
        assert_eq!(amount("1000000000").unwrap().times(dear), None);
    }
}
