//! Token counts of every API in one form: input includes what was cached, output includes reasoning, parts are parts.
//! Apart and pure, because each API counts differently and a mistake here is a mistake in every cost.
//!
//! Whatever a server sends, the result keeps these rules: parts that are known together are never more than their
//! whole, no token is counted twice, and what is not said is `None`, never zero.

use seatrial_types::Usage;
use serde::Deserialize;

/// A count as servers write it. As `f64`, because some gateways write `12.0`; negative and broken ones are unknown.
fn count(number: Option<f64>) -> Option<u64> {
    number
        .filter(|number| *number >= 0.0 && number.fract() == 0.0 && *number < 1e15)
        .map(|number| number as u64)
}

/// Drops parts that contradict their whole: they say something else than what they are taken for.
fn consistent(usage: Usage) -> Usage {
    let Usage {
        input_tokens,
        output_tokens,
        mut cache_read_tokens,
        mut cache_write_tokens,
        mut cache_write_1h_tokens,
        mut reasoning_tokens,
    } = usage;
    let cached = cache_read_tokens
        .unwrap_or(0)
        .saturating_add(cache_write_tokens.unwrap_or(0));
    if input_tokens.is_none_or(|input| cached > input) {
        (cache_read_tokens, cache_write_tokens) = (None, None);
    }
    if cache_write_tokens.is_none_or(|written| cache_write_1h_tokens.unwrap_or(0) > written) {
        cache_write_1h_tokens = None;
    }
    if output_tokens.is_none_or(|output| reasoning_tokens.unwrap_or(0) > output) {
        reasoning_tokens = None;
    }
    Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        cache_write_1h_tokens,
        reasoning_tokens,
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<f64>,
    cache_write_tokens: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<f64>,
}

/// Usage of OpenAI's chat and legacy completions, and of those who imitate them (OpenRouter's `cache_write_tokens`
/// included): cached tokens are part of the prompt, reasoning is part of the completion.
///
/// Some imitators count reasoning beside the completion; their total tells, and it is then added.
#[must_use]
pub fn of_openai_chat(json: &str) -> Usage {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Wire {
        prompt_tokens: Option<f64>,
        completion_tokens: Option<f64>,
        total_tokens: Option<f64>,
        prompt_tokens_details: Option<InputDetails>,
        completion_tokens_details: Option<OutputDetails>,
    }
    let wire: Wire = serde_json::from_str(json).unwrap_or_default();
    let input_details = wire.prompt_tokens_details.unwrap_or_default();
    let reasoning = count(
        wire.completion_tokens_details
            .and_then(|details| details.reasoning_tokens),
    );
    let input = count(wire.prompt_tokens);
    let completion = count(wire.completion_tokens);
    let is_beside = match (input, completion, reasoning, count(wire.total_tokens)) {
        (Some(input), Some(completion), Some(reasoning), Some(total)) => {
            reasoning > 0 && total == input + completion + reasoning
        }
        _ => false,
    };
    let output = if is_beside {
        completion
            .zip(reasoning)
            .map(|(completion, reasoning)| completion + reasoning)
    } else {
        completion
    };
    consistent(Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: count(input_details.cached_tokens),
        cache_write_tokens: count(input_details.cache_write_tokens),
        cache_write_1h_tokens: None,
        reasoning_tokens: reasoning,
    })
}

/// Usage of OpenAI's responses: other names, the same meaning.
#[must_use]
pub fn of_openai_responses(json: &str) -> Usage {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Wire {
        input_tokens: Option<f64>,
        output_tokens: Option<f64>,
        input_tokens_details: Option<InputDetails>,
        output_tokens_details: Option<OutputDetails>,
    }
    let wire: Wire = serde_json::from_str(json).unwrap_or_default();
    let input_details = wire.input_tokens_details.unwrap_or_default();
    consistent(Usage {
        input_tokens: count(wire.input_tokens),
        output_tokens: count(wire.output_tokens),
        cache_read_tokens: count(input_details.cached_tokens),
        cache_write_tokens: count(input_details.cache_write_tokens),
        cache_write_1h_tokens: None,
        reasoning_tokens: count(
            wire.output_tokens_details
                .and_then(|details| details.reasoning_tokens),
        ),
    })
}

/// Usage of OpenAI's embeddings: nothing is generated.
#[must_use]
pub fn of_openai_embeddings(json: &str) -> Usage {
    let usage = of_openai_chat(json);
    Usage {
        output_tokens: usage.input_tokens.map(|_| 0),
        reasoning_tokens: None,
        ..usage
    }
}

/// Counts of Anthropic's messages as they came so far: a stream tells them in two events, cumulative, the second of
/// which may leave out or repeat what the first said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnthropicCounts {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
}

impl AnthropicCounts {
    /// Takes in a `usage` object. Counts only grow, so that a later partial one cannot take away what was known.
    pub fn add(&mut self, json: &str) {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Wire {
            input_tokens: Option<f64>,
            output_tokens: Option<f64>,
            cache_read_input_tokens: Option<f64>,
            cache_creation_input_tokens: Option<f64>,
            cache_creation: Option<Creation>,
        }
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Creation {
            ephemeral_5m_input_tokens: Option<f64>,
            ephemeral_1h_input_tokens: Option<f64>,
        }
        let wire: Wire = serde_json::from_str(json).unwrap_or_default();
        let creation = wire.cache_creation.unwrap_or_default();
        let short = count(creation.ephemeral_5m_input_tokens);
        let long = count(creation.ephemeral_1h_input_tokens);
        let split = short.or(long).map(|_| short.unwrap_or(0) + long.unwrap_or(0));
        // The total counts; its breakdown is partial in some events.
        let written = count(wire.cache_creation_input_tokens).or(split);
        self.input = self.input.max(count(wire.input_tokens));
        self.output = self.output.max(count(wire.output_tokens));
        self.cache_read = self.cache_read.max(count(wire.cache_read_input_tokens));
        self.cache_write = self.cache_write.max(written);
        self.cache_write_1h = self.cache_write_1h.max(long);
    }

    /// Normalised: `input_tokens` of the API leaves out what was read from or written to the cache.
    #[must_use]
    pub fn usage(self) -> Usage {
        let cached = self.cache_read.unwrap_or(0) + self.cache_write.unwrap_or(0);
        consistent(Usage {
            input_tokens: self.input.map(|input| input + cached),
            output_tokens: self.output,
            cache_read_tokens: self.cache_read,
            cache_write_tokens: self.cache_write,
            cache_write_1h_tokens: self.cache_write_1h,
            reasoning_tokens: None,
        })
    }
}

/// Usage of Gemini's `usageMetadata`: cached tokens are part of the prompt, thoughts come *beside* the candidates, and
/// prompts of tool use beside the prompt. JSON of protocol buffers leaves out zeros, so that a count that is missing
/// beside a total is what the total leaves for it.
#[must_use]
pub fn usage_of_gemini(json: &str) -> Usage {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Wire {
        prompt_token_count: Option<f64>,
        cached_content_token_count: Option<f64>,
        candidates_token_count: Option<f64>,
        thoughts_token_count: Option<f64>,
        tool_use_prompt_token_count: Option<f64>,
        total_token_count: Option<f64>,
    }
    let wire: Wire = serde_json::from_str(json).unwrap_or_default();
    let tool_use = count(wire.tool_use_prompt_token_count).unwrap_or(0);
    let input = count(wire.prompt_token_count).map(|prompt| prompt + tool_use);
    let candidates = count(wire.candidates_token_count);
    let thoughts = count(wire.thoughts_token_count);
    let rest = count(wire.total_token_count)
        .zip(input)
        .and_then(|(total, input)| total.checked_sub(input));
    let output = match candidates {
        Some(candidates) => Some(candidates + thoughts.unwrap_or(0)),
        None => rest,
    };
    consistent(Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: count(wire.cached_content_token_count),
        cache_write_tokens: None,
        cache_write_1h_tokens: None,
        reasoning_tokens: thoughts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn usage(
        input: u64,
        output: u64,
        read: Option<u64>,
        write: Option<u64>,
        reasoning: Option<u64>,
    ) -> Usage {
        Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            cache_read_tokens: read,
            cache_write_tokens: write,
            reasoning_tokens: reasoning,
            ..Usage::default()
        }
    }

    fn of_anthropic(events: &[Value]) -> Usage {
        let mut counts = AnthropicCounts::default();
        events.iter().for_each(|event| counts.add(&event.to_string()));
        counts.usage()
    }

    /// Protects "unknown is not zero" and the nested counts.
    #[test]
    fn reads_openai() {
        let json = r#"{"prompt_tokens":10,"completion_tokens":5.0,"prompt_tokens_details":{"cached_tokens":4},
            "completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":0},"total_tokens":15}"#;
        assert_eq!(of_openai_chat(json), usage(10, 5, Some(4), None, Some(2)));
        let partial =
            of_openai_chat(r#"{"prompt_tokens":1,"completion_tokens":null,"prompt_tokens_details":null}"#);
        assert_eq!((partial.input_tokens, partial.output_tokens), (Some(1), None));
        for broken in [
            "null",
            "[]",
            "7",
            r#"{"prompt_tokens":-1}"#,
            r#"{"prompt_tokens":"x"}"#,
            "{",
        ] {
            assert_eq!(of_openai_chat(broken), Usage::default(), "{broken}");
            assert_eq!(of_openai_responses(broken), Usage::default(), "{broken}");
            assert_eq!(usage_of_gemini(broken), Usage::default(), "{broken}");
        }
        let responses = r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":6},"output_tokens":87,
            "output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}"#;
        assert_eq!(
            of_openai_responses(responses),
            usage(36, 87, Some(6), None, Some(64))
        );
        let embeddings = of_openai_embeddings(r#"{"prompt_tokens":8,"total_tokens":8}"#);
        assert_eq!(embeddings, usage(8, 0, None, None, None));
    }

    /// Protects from counting reasoning twice or not at all where an imitator counts it beside the completion, and
    /// OpenRouter's cache writes.
    #[test]
    fn reads_those_who_differ() {
        let beside = r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#;
        assert_eq!(of_openai_chat(beside), usage(10, 25, None, None, Some(20)));
        let router = r#"{"prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"cost":0.95,
            "prompt_tokens_details":{"cached_tokens":50,"cache_write_tokens":100},"completion_tokens_details":{"reasoning_tokens":0}}"#;
        assert_eq!(
            of_openai_chat(router),
            usage(194, 2, Some(50), Some(100), Some(0))
        );
        let contradiction =
            r#"{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":9}}"#;
        assert_eq!(of_openai_chat(contradiction), usage(3, 2, None, None, None));
    }

    /// Protects the one API that leaves the cache out of its input, whole and in streams: the total of writes wins over
    /// a partial breakdown, and the last event takes nothing away.
    #[test]
    fn reads_anthropic() {
        let whole = json!({"input_tokens": 2095, "output_tokens": 503, "cache_creation_input_tokens": 2051,
            "cache_read_input_tokens": 100, "service_tier": "standard"});
        assert_eq!(
            of_anthropic(&[whole]),
            usage(4246, 503, Some(100), Some(2051), None)
        );
        let plain = json!({"input_tokens": 25, "output_tokens": 1});
        assert_eq!(of_anthropic(&[plain]), usage(25, 1, None, None, None));
        let start = json!({"input_tokens": 25, "output_tokens": 1, "cache_creation_input_tokens": 40,
            "cache_read_input_tokens": 0, "cache_creation": {"ephemeral_5m_input_tokens": 30}});
        let end = json!({"output_tokens": 15});
        let partial = json!({"output_tokens": 15, "cache_creation": {"ephemeral_5m_input_tokens": 10}});
        for last in [end, partial] {
            assert_eq!(
                of_anthropic(&[start.clone(), last]),
                usage(65, 15, Some(0), Some(40), None)
            );
        }
        let split = json!({"input_tokens": 1, "output_tokens": 1,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}});
        let told = Usage {
            cache_write_1h_tokens: Some(3),
            ..usage(6, 1, None, Some(5), None)
        };
        assert_eq!(of_anthropic(&[split]), told);
        let contradiction = json!({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 2,
            "cache_creation": {"ephemeral_1h_input_tokens": 3}});
        assert_eq!(
            of_anthropic(&[contradiction]),
            usage(3, 1, None, Some(2), None),
            "more for an hour than in all: nobody knows how much"
        );
    }

    /// Protects Gemini's thoughts, which are generated and paid for beside the candidates, and its missing zeros.
    #[test]
    fn reads_gemini() {
        let json = r#"{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":10,
            "thoughtsTokenCount":30,"toolUsePromptTokenCount":5,"totalTokenCount":145}"#;
        assert_eq!(usage_of_gemini(json), usage(105, 40, Some(40), None, Some(30)));
        let cut = r#"{"promptTokenCount":100,"thoughtsTokenCount":30,"totalTokenCount":130}"#;
        assert_eq!(usage_of_gemini(cut), usage(100, 30, None, None, Some(30)));
        let silent = usage_of_gemini(r#"{"promptTokenCount":100}"#);
        assert_eq!(silent.output_tokens, None);
    }

    fn check(usage: &Usage) -> Result<(), TestCaseError> {
        let classes = usage.classes();
        if let Some(input) = usage.input_tokens {
            let parts = [
                classes.input_uncached,
                classes.cache_read,
                classes.cache_write,
                classes.cache_write_1h,
            ];
            prop_assert_eq!(parts.iter().map(|part| part.unwrap_or(0)).sum::<u64>(), input);
        }
        if let Some(output) = usage.output_tokens {
            let parts = [classes.output_visible, classes.reasoning];
            prop_assert_eq!(parts.iter().map(|part| part.unwrap_or(0)).sum::<u64>(), output);
        }
        prop_assert!(
            usage.input_tokens.is_some() || usage.cache_read_tokens.or(usage.cache_write_tokens).is_none()
        );
        prop_assert!(usage.output_tokens.is_some() || usage.reasoning_tokens.is_none());
        Ok(())
    }

    fn maybe() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![1 => Just(None), 4 => (0..1_000_000_u64).prop_map(Some)]
    }

    proptest! {
        /// Protects the invariants of every API, whatever a server says: disjoint classes add up to the whole, no part
        /// is larger than its whole, and the unknown stays unknown.
        #[test]
        fn classes_add_up(
            input in maybe(), output in maybe(), read in maybe(), write in maybe(), reasoning in maybe(), total in maybe(),
        ) {
            let chat = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": total,
                "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
                "completion_tokens_details": {"reasoning_tokens": reasoning}});
            let responses = json!({"input_tokens": input, "output_tokens": output, "total_tokens": total,
                "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
                "output_tokens_details": {"reasoning_tokens": reasoning}});
            let anthropic = json!({"input_tokens": input, "output_tokens": output,
                "cache_read_input_tokens": read, "cache_creation_input_tokens": write});
            let gemini = json!({"promptTokenCount": input, "candidatesTokenCount": output,
                "cachedContentTokenCount": read, "thoughtsTokenCount": reasoning, "totalTokenCount": total});
            let chat = of_openai_chat(&chat.to_string());
            prop_assert_eq!(chat.input_tokens, input);
            prop_assert_eq!(chat.output_tokens.is_none(), output.is_none());
            let responses = of_openai_responses(&responses.to_string());
            prop_assert_eq!((responses.input_tokens, responses.output_tokens), (input, output));
            let anthropic = of_anthropic(&[anthropic]);
            let sum = input.map(|input| input + read.unwrap_or(0) + write.unwrap_or(0));
            prop_assert_eq!((anthropic.input_tokens, anthropic.output_tokens), (sum, output));
            let gemini = usage_of_gemini(&gemini.to_string());
            if let (Some(candidates), Some(thoughts)) = (output, reasoning) {
                prop_assert_eq!(gemini.output_tokens, Some(candidates + thoughts));
            }
            for usage in [chat, responses, anthropic, gemini] {
                check(&usage)?;
            }
        }

        /// Protects a true report from being bent: where the parts are within their whole, all counts come through.
        #[test]
        fn consistent_reports_are_kept(
            uncached in 0..100_000_u64, read in 0..100_000_u64, write in 0..100_000_u64, visible in 0..100_000_u64,
            reasoning in 0..100_000_u64,
        ) {
            let (input, output) = (uncached + read + write, visible + reasoning);
            let expected = usage(input, output, Some(read), Some(write), Some(reasoning));
            let chat = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
                "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
                "completion_tokens_details": {"reasoning_tokens": reasoning}});
            prop_assert_eq!(of_openai_chat(&chat.to_string()), expected);
            let first = json!({"input_tokens": uncached, "output_tokens": 1, "cache_read_input_tokens": read,
                "cache_creation_input_tokens": write});
            let last = json!({"output_tokens": output.max(1)});
            let anthropic = of_anthropic(&[first, last]);
            prop_assert_eq!(anthropic, usage(input, output.max(1), Some(read), Some(write), None));
        }

        /// Protects streams from the order and number of their reports: cumulative counts never fall.
        #[test]
        fn anthropic_counts_only_grow(counts in proptest::collection::vec((maybe(), maybe(), maybe(), maybe()), 1..5)) {
            let mut sum = AnthropicCounts::default();
            let mut before = sum;
            for (input, output, read, write) in counts {
                sum.add(&json!({"input_tokens": input, "output_tokens": output, "cache_read_input_tokens": read,
                    "cache_creation_input_tokens": write}).to_string());
                prop_assert!(sum.input >= before.input && sum.output >= before.output);
                prop_assert!(sum.cache_read >= before.cache_read && sum.cache_write >= before.cache_write);
                before = sum;
            }
            check(&sum.usage())?;
        }
    }
}
