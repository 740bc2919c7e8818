//! Prices of tables as exact rates. Tables write the price of one token, `1.5e-07`, which is finer than a picodollar;
//! moving the exponent makes it a price of a million.

use super::sheet::Rate;
use seatrial_types::Money;
use serde_json::Value;

/// A price of one unit. What a table's own arithmetic left behind the 17th digit is rounded away.
pub(crate) fn rate_per_unit(value: &Value) -> Result<Rate, String> {
    shifted(value, 6).map(Rate::per_million)
}

/// A price of a million units.
pub(crate) fn rate_per_million(value: &Value) -> Result<Rate, String> {
    shifted(value, 0).map(Rate::per_million)
}

/// A price of a thousand units.
pub(crate) fn rate_per_thousand(value: &Value) -> Result<Rate, String> {
    shifted(value, 3).map(Rate::per_million)
}

fn shifted(value: &Value, places: i32) -> Result<Money, String> {
    let number = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        other => return Err(format!("is {other}, expected a price")),
    };
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(i32::MAX)),
        None => (number.as_str(), 0),
    };
    let exponent = exponent.saturating_add(places);
    let money: Money = match format!("{mantissa}e{exponent}").parse() {
        Ok(money) => money,
        Err(seatrial_types::ParseMoneyError::TooFine(_)) => {
            let usd = number
                .parse::<f64>()
                .map_err(|_| format!("is {number}, expected a price"))?;
            let picodollars = usd * 10_f64.powi(places) * 1e12;
            if !picodollars.is_finite() || picodollars.abs() > 1e30 {
                return Err(format!("is {number}, beyond any price"));
            }
            Money::from_picodollars(picodollars.round() as i128)
        }
        Err(error) => return Err(format!("is {number}: {error}")),
    };
    if money < Money::ZERO {
        return Err(format!("is {number}, expected 0 or more dollars"));
    }
    Ok(money)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects prices of single tokens: exact where they are decimal, clean where a table's arithmetic left noise.
    #[test]
    fn prices_of_one_token_are_exact() {
        let usd = |value: Value| rate_per_unit(&value).map(|rate| rate.usd_per_million().to_string());
        assert_eq!(usd(json!(1.5e-7)), Ok("0.15".to_owned()));
        assert_eq!(usd(json!(0.000_002_5)), Ok("2.5".to_owned()));
        assert_eq!(usd(json!(1.592_636_11e-7)), Ok("0.159263611".to_owned()));
        assert_eq!(usd(json!("3.9999999999999996e-7")), Ok("0.4".to_owned()));
        assert_eq!(usd(json!(0)), Ok("0".to_owned()));
        assert_eq!(usd(json!("2e-6")), Ok("2".to_owned()));
        for wrong in [json!(-1e-6), json!("x"), json!([1]), json!(1e40)] {
            assert!(rate_per_unit(&wrong).is_err(), "{wrong}");
        }
    }
}
