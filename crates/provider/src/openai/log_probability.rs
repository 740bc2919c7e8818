//! How probable the tokens of an answer were, as chat (`content`) and legacy completions (`token_logprobs`) tell it,
//! added up over events. Apart, because nearly no answer has it and because what cannot be read must not cost the answer.

use seatrial_types::LogProbability;
use serde::Deserialize;

/// What the events have told so far.
#[derive(Debug, Default)]
pub(crate) struct LogProbabilities {
    tokens: u32,
    sum: f64,
}

/// `logprobs` of a choice.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(default)]
    content: Option<Vec<Token>>,
    #[serde(default)]
    token_logprobs: Option<Vec<Option<f64>>>,
}

#[derive(Debug, Deserialize)]
struct Token {
    #[serde(default)]
    logprob: Option<f64>,
}

impl LogProbabilities {
    /// Adds what a choice tells. A form that is not known tells nothing: an answer is worth more than its probability.
    pub(crate) fn add(&mut self, json: &str) {
        let Ok(Some(told)) = serde_json::from_str::<Option<Told>>(json) else {
            return;
        };
        let of_chat = told
            .content
            .into_iter()
            .flatten()
            .filter_map(|token| token.logprob);
        // The first token of an echoed prompt has none.
        let of_completions = told.token_logprobs.into_iter().flatten().flatten();
        for logarithm in of_chat.chain(of_completions) {
            self.tokens = self.tokens.saturating_add(1);
            self.sum += logarithm;
        }
    }

    /// All of it; `None` where nothing was told.
    pub(crate) fn total(&self) -> Option<LogProbability> {
        LogProbability::of(self.tokens, self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(parts: &[&str]) -> Option<(u32, f64)> {
        let mut all = LogProbabilities::default();
        parts.iter().for_each(|part| all.add(part));
        all.total().map(|total| (total.tokens, total.sum))
    }

    /// Protects both documented forms, their pieces, and every answer whose server tells something else.
    #[test]
    fn both_forms_add_up_and_others_tell_nothing() {
        let chat = r#"{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]},{"token":"b","logprob":-1.5}],"refusal":null}"#;
        assert_eq!(total(&[chat]), Some((2, -2.0)));
        assert_eq!(total(&[chat, "null", chat]), Some((4, -4.0)));
        let legacy = r#"{"tokens":["a","b","c"],"token_logprobs":[null,-0.25,-0.75],"top_logprobs":null,"text_offset":[0,1,2]}"#;
        assert_eq!(total(&[legacy]), Some((2, -1.0)));
        for nothing in [
            "null",
            "{}",
            "[]",
            "7",
            r#"{"content":null}"#,
            r#"{"content":"x"}"#,
            r#"{"content":[{"logprob":"-1"}]}"#,
        ] {
            assert_eq!(total(&[nothing]), None, "{nothing}");
        }
    }
}
