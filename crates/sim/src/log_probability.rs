//! How probable a simulated model held its tokens, in the words of chat and of legacy completions. A token's probability
//! follows from its text alone, so that a stream and the answer in one piece tell the same. Apart, because nearly no
//! request asks for it.

use crate::key::{key_of, unit};
use crate::text::token_ends;
use serde_json::{Value, json};

/// The least probable token has exp(−2.5), about 8 %.
const LOWEST: f64 = -2.5;

/// Natural logarithm of the probability of a token, to six digits as real servers round.
fn of_token(token: &str) -> f64 {
    let drawn = LOWEST * unit(key_of(&[b"log probability", token.as_bytes()]));
    (drawn * 1e6).round() / 1e6
}

fn tokens(text: &str) -> Vec<&str> {
    let ends = token_ends(text);
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let pieces = starts.zip(&ends);
    pieces.filter_map(|(start, end)| text.get(start..*end)).collect()
}

/// `logprobs` of a choice of chat.
pub(crate) fn of_chat(text: &str) -> Value {
    let entry = |token: &&str| json!({"token": token, "logprob": of_token(token), "bytes": token.as_bytes(), "top_logprobs": []});
    let content: Vec<Value> = tokens(text).iter().map(entry).collect();
    json!({"content": content, "refusal": null})
}

/// `logprobs` of a choice of legacy completions.
pub(crate) fn of_completion(text: &str) -> Value {
    let tokens = tokens(text);
    let values: Vec<f64> = tokens.iter().map(|token| of_token(token)).collect();
    json!({"tokens": tokens, "token_logprobs": values, "top_logprobs": null, "text_offset": []})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(logprobs: &Value) -> f64 {
        let entries = logprobs["content"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| entry["logprob"].as_f64().unwrap())
            .sum()
    }

    /// Protects what a client relies on: pieces of a stream add up to the whole, and every value is a logarithm of a
    /// probability.
    #[test]
    fn pieces_tell_what_the_whole_tells() {
        let (one, other) = ("The answer is", " 42, surely.");
        let whole = of_chat(&format!("{one}{other}"));
        assert!((sum(&whole) - sum(&of_chat(one)) - sum(&of_chat(other))).abs() < 1e-9);
        assert!(whole["content"].as_array().unwrap().len() > 5);
        let legacy = of_completion("The answer");
        let values = legacy["token_logprobs"].as_array().unwrap();
        assert!(
            values
                .iter()
                .all(|value| (LOWEST..=0.0).contains(&value.as_f64().unwrap()))
        );
        assert_eq!(values.len(), legacy["tokens"].as_array().unwrap().len());
        assert_eq!(of_chat("")["content"], json!([]));
    }
}
