//! What the models that scorers ask have cost: the price of evaluating, told apart from the price of what is evaluated.

use crate::{Call, Money, Price, UsageTotals};
use serde::{Deserialize, Serialize};

/// Calls of one model that scorers ask, and what they cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpend {
    /// Name in the suite.
    pub name: String,
    /// Model asked for; `None` where the endpoint has none.
    #[serde(default)]
    pub model: Option<String>,
    /// Calls, each with all its attempts; answers from the cache among them.
    pub calls: u64,
    /// Calls without an answer.
    pub errors: u64,
    /// Attempts beyond the first.
    #[serde(default)]
    pub retries: u64,
    /// Tokens over all answers that were paid for; unknown where any answer did not say.
    pub usage: UsageTotals,
    /// Money over the same; `None` where price or tokens are unknown.
    pub cost_usd: Option<Money>,
}

impl ModelSpend {
    /// Nothing spent yet, and so exactly nothing.
    #[must_use]
    pub fn new(name: String, model: Option<String>) -> Self {
        Self {
            name,
            model,
            calls: 0,
            errors: 0,
            retries: 0,
            usage: UsageTotals::default(),
            cost_usd: Some(Money::ZERO),
        }
    }

    /// Adds a call. An error is a call without tokens and without money that is known of.
    pub fn add(&mut self, call: &Call, price: Option<&Price>) {
        self.calls += 1;
        self.retries += (call.attempts.len() as u64).saturating_sub(1);
        match &call.result {
            Err(_) => self.errors += 1,
            // It was paid for when it was asked.
            Ok(_) if call.cached => {}
            Ok(answer) => {
                self.usage.add(&answer.usage);
                let cost = answer
                    .stated_cost
                    .or_else(|| price.and_then(|price| price.cost(&answer.usage)));
                self.cost_usd = self
                    .cost_usd
                    .zip(cost)
                    .map(|(sum, cost)| sum.saturating_add(cost));
            }
        }
    }

    /// Adds what another process spent on the same model.
    pub fn merge(&mut self, other: &Self) {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        self.calls += other.calls;
        self.errors += other.errors;
        self.retries += other.retries;
        self.usage.input_tokens = sum(self.usage.input_tokens, other.usage.input_tokens);
        self.usage.output_tokens = sum(self.usage.output_tokens, other.usage.output_tokens);
        self.cost_usd = self
            .cost_usd
            .zip(other.cost_usd)
            .map(|(one, other)| one.saturating_add(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallError, CallErrorKind};
    use serde_json::json;

    fn answered(input: Option<u64>) -> Call {
        let usage = json!({"input_tokens": input, "output_tokens": 1});
        let answer = json!({"text": "", "finish_reason": null, "served_model": null, "request_id": null,
                            "usage": usage, "streamed": false});
        Call {
            attempts: Vec::new(),
            cached: false,
            result: Ok(serde_json::from_value(answer).unwrap()),
        }
    }

    /// Protects the account: unknown tokens make the money unknown for good, errors cost nothing that is known.
    #[test]
    fn unknown_spreads() {
        let price = Price {
            input_usd_per_mtok: "1".parse().unwrap(),
            output_usd_per_mtok: "1".parse().unwrap(),
            ..Price::default()
        };
        let mut spend = ModelSpend::new("judge".to_owned(), None);
        spend.add(&answered(Some(9)), Some(&price));
        let error = CallError {
            kind: CallErrorKind::Server,
            status: None,
            message: String::new(),
        };
        let failed = Call {
            attempts: Vec::new(),
            cached: false,
            result: Err(error),
        };
        spend.add(&failed, Some(&price));
        assert_eq!((spend.calls, spend.errors), (2, 1));
        assert_eq!(spend.cost_usd, Some("0.00001".parse().unwrap()));
        spend.add(&answered(None), Some(&price));
        assert_eq!((spend.calls, spend.cost_usd), (3, None));
        let mut both = spend.clone();
        both.merge(&spend);
        assert_eq!((both.calls, both.errors, both.cost_usd), (6, 2, None));
        assert_eq!(both.usage.output_tokens, Some(4));
    }
}
