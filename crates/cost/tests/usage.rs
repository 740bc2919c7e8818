//! Protects the counting of usage: every shape that the APIs report, with the classes worked out by hand, and the rules
//! that hold whatever a server sends.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use seatrial_cost::{Class, Counted, Counts, RawUsage, Shape, UsageError};
use serde_json::{Value, json};

fn count(usage: &Value) -> Result<Counted, UsageError> {
    let raw: RawUsage = serde_json::from_value(usage.clone()).unwrap();
    raw.count(false)
}

/// `[input_uncached, cache_read, cache_write_5m, cache_write_1h, output_visible, reasoning]`, and further classes.
fn expect(usage: &Value, shape: Shape, classes: [u64; 6], more: &[(Class, u64)]) {
    let mut wanted = Counts::default().with(Class::Requests, 1);
    for (class, count) in Class::ALWAYS_TOLD.into_iter().zip(classes) {
        wanted.set(class, count);
    }
    for (class, count) in more {
        wanted.set(*class, *count);
    }
    assert_eq!(
        count(usage),
        Ok(Counted {
            shape,
            counts: wanted
        }),
        "{usage}"
    );
}

/// OpenAI's chat: 1000 prompt tokens of which 400 cached and 100 audio leave 500; 300 completion tokens of which 200
/// reasoning and 50 audio leave 50.
#[test]
fn openai_chat() {
    expect(
        &json!({"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300,
            "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 100},
            "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 50, "accepted_prediction_tokens": 0}}),
        Shape::OpenAiChat,
        [500, 400, 0, 0, 50, 200],
        &[(Class::InputAudio, 100), (Class::OutputAudio, 50)],
    );
    // Cached audio is told apart in `cached_tokens_details`: 100 audio of which 60 cached; 400 cached of which 340 text.
    expect(
        &json!({"prompt_tokens": 1000, "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 100, "cached_tokens_details": {"audio_tokens": 60}}}),
        Shape::OpenAiChat,
        [560, 340, 0, 0, 3, 0],
        &[(Class::InputAudio, 40), (Class::CacheReadAudio, 60)],
    );
}

/// Some count reasoning beside the completion (10 + 5 + 20 = 35): it is generated and paid for, once.
#[test]
fn imitators_of_chat() {
    expect(
        &json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35,
            "completion_tokens_details": {"reasoning_tokens": 20}}),
        Shape::OpenAiChat,
        [10, 0, 0, 0, 5, 20],
        &[],
    );
    // OpenRouter: 194 prompt tokens, 50 read and 100 written, leave 44.
    expect(
        &json!({"prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": 0.95,
            "cost_details": {"upstream_inference_cost": 19}, "completion_tokens_details": {"reasoning_tokens": 0},
            "prompt_tokens_details": {"cached_tokens": 50, "cache_write_tokens": 100, "audio_tokens": 0}}),
        Shape::OpenAiChat,
        [44, 50, 100, 0, 2, 0],
        &[],
    );
    // DeepSeek's names of cached tokens; embeddings generate nothing.
    expect(
        &json!({"prompt_tokens": 100, "completion_tokens": 1, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}),
        Shape::OpenAiChat,
        [36, 64, 0, 0, 1, 0],
        &[],
    );
    expect(
        &json!({"prompt_tokens": 8, "total_tokens": 8}),
        Shape::OpenAiChat,
        [8, 0, 0, 0, 0, 0],
        &[],
    );
}

/// OpenAI's responses: 36 input of which 6 cached; 87 output of which 64 reasoning.
#[test]
fn openai_responses() {
    expect(
        &json!({"input_tokens": 36, "input_tokens_details": {"cached_tokens": 6}, "output_tokens": 87,
            "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123}),
        Shape::OpenAiResponses,
        [30, 6, 0, 0, 23, 64],
        &[],
    );
    expect(
        &json!({"usage": {"input_tokens": 3, "output_tokens": 4}, "service_tier": "flex", "id": "resp_1"}),
        Shape::OpenAiResponses,
        [3, 0, 0, 0, 4, 0],
        &[],
    );
}

/// Anthropic leaves the cache out of `input_tokens`; the total of writes wins over a partial breakdown: 1000 written, of
/// which the breakdown names 100 and 400, are 600 for five minutes and 400 for an hour.
#[test]
fn anthropic() {
    expect(
        &json!({"input_tokens": 2095, "output_tokens": 503, "cache_creation_input_tokens": 2051,
            "cache_read_input_tokens": 100, "service_tier": "standard", "server_tool_use": {"web_search_requests": 2}}),
        Shape::Anthropic,
        [2095, 100, 2051, 0, 503, 0],
        &[(Class::WebSearches, 2)],
    );
    expect(
        &json!({"input_tokens": 5, "output_tokens": 30, "cache_creation_input_tokens": 1000,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 400},
            "output_tokens_details": {"thinking_tokens": 10}}),
        Shape::Anthropic,
        [5, 0, 600, 400, 20, 10],
        &[],
    );
    expect(
        &json!({"input_tokens": 1, "output_tokens": 1,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}}),
        Shape::Anthropic,
        [1, 0, 2, 3, 1, 0],
        &[],
    );
    let raw: RawUsage = serde_json::from_value(json!({"input_tokens": 7, "output_tokens": 1})).unwrap();
    assert_eq!(raw.count(true).unwrap().shape, Shape::Anthropic);
}

/// Imitators put cached and written tokens beside OpenAI's counts under other names: LiteLLM's proxy under Anthropic's, Kimi
/// as `cached_tokens`. 1000 prompt tokens of which 300 read and 600 written leave 100.
#[test]
fn other_names_of_the_cache() {
    expect(
        &json!({"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
            "cache_read_input_tokens": 300, "cache_creation_input_tokens": 600}),
        Shape::OpenAiChat,
        [100, 300, 600, 0, 10, 0],
        &[],
    );
    expect(
        &json!({"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "cached_tokens": 400}),
        Shape::OpenAiChat,
        [600, 400, 0, 0, 10, 0],
        &[],
    );
    let raw: RawUsage = serde_json::from_value(json!({"input_tokens": 1, "output_tokens": 1,
        "inference_geo": "not_available"}))
    .unwrap();
    assert_eq!(raw.served_region(), None);
}

/// Protects from lists: a row or a usage that is one is refused, not read field by field.
#[test]
fn lists_are_no_objects() {
    use seatrial_cost::rows::UsageRow;
    let error = |line: &str| UsageRow::read(line.as_bytes()).unwrap_err().to_string();
    assert!(error("[7,\"openai\",\"f\",null,[1000000,0]]").contains("expected an object"));
    assert!(error("{\"usage\":[10,5]}").contains("expected an object"));
    assert!(error("null").contains("expected an object"));
    assert!(UsageRow::read(b"{\"usage\":null}").is_ok());
}

/// Gemini: thoughts come beside the candidates, tool prompts beside the prompt: 105 input of which 40 cached (10 of them
/// audio) and 30 audio; 40 output of which 30 thoughts.
#[test]
fn gemini() {
    expect(
        &json!({"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 10,
            "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 5, "totalTokenCount": 145,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 30}, {"modality": "AUDIO", "tokenCount": 10}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 10}]}),
        Shape::Gemini,
        [45, 30, 0, 0, 10, 30],
        &[(Class::InputAudio, 20), (Class::CacheReadAudio, 10)],
    );
    // Zeros are left out: nothing but thoughts was generated.
    expect(
        &json!({"usageMetadata": {"promptTokenCount": 100, "thoughtsTokenCount": 30, "totalTokenCount": 130}}),
        Shape::Gemini,
        [100, 0, 0, 0, 0, 30],
        &[],
    );
}

/// Protects from repaired nonsense: a contradiction is told with its fields, and never priced.
#[test]
fn contradictions_are_told() {
    for (usage, said) in [
        (
            json!({"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}),
            "9 tokens together, more than the 3 of `prompt_tokens`",
        ),
        (
            json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 4}}),
            "more than the 2 of `completion_tokens`",
        ),
        (
            json!({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 4, "cache_creation": {"ephemeral_1h_input_tokens": 5}}),
            "more than the 4 of `cache_creation_input_tokens`",
        ),
        (
            json!({"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 99_999}),
            "`total_tokens` is 99999, and the counts beside it give 1500",
        ),
        (
            json!({"input_tokens": 4, "output_tokens": 2, "total_tokens": 7, "input_tokens_details": {}}),
            "`total_tokens` is 7, and the counts beside it give 6",
        ),
        (
            json!({"promptTokenCount": 1000, "candidatesTokenCount": 500, "totalTokenCount": 1200}),
            "`totalTokenCount` is 1200, and the counts beside it give 1500",
        ),
        (
            json!({"prompt_tokens": 10, "input_tokens": 11, "completion_tokens": 1}),
            "`prompt_tokens` and `input_tokens` are the same count and differ",
        ),
        (
            json!({"prompt_tokens": -1, "completion_tokens": 2}),
            "`prompt_tokens` is not a whole number",
        ),
        (
            json!({"prompt_tokens": 1, "completion_tokens": 1.5}),
            "`completion_tokens` is not a whole number",
        ),
        (
            json!({"prompt_tokens": 1, "completion_tokens": [1]}),
            "`completion_tokens` is not a whole number",
        ),
        (
            json!({"prompt_tokens": 1, "completion_tokens": null}),
            "has no `completion_tokens`",
        ),
        (
            json!({"promptTokenCount": 9, "totalTokenCount": 4}),
            "more than the 4 of `totalTokenCount`",
        ),
        (json!({"promptTokenCount": 9}), "has no `candidatesTokenCount`"),
        (json!({"tokens": 9}), "no token counts"),
        (json!({}), "no token counts"),
    ] {
        let error = count(&usage).unwrap_err().to_string();
        assert!(error.contains(said), "{usage}: {error}");
    }
}

fn small() -> impl Strategy<Value = u64> {
    0..1_000_000_u64
}

proptest! {
    /// Protects the sums: whatever is told, the classes of the prompt add up to the prompt and those of the answer to the
    /// answer, in every shape, and nothing is counted twice.
    #[test]
    fn classes_add_up(text in small(), read in small(), short in small(), long in small(), visible in small(), reasoning in small()) {
        let chat = json!({"prompt_tokens": text + read + short, "completion_tokens": visible + reasoning,
            "total_tokens": text + read + short + visible + reasoning,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": short},
            "completion_tokens_details": {"reasoning_tokens": reasoning}});
        let responses = json!({"input_tokens": text + read + short, "output_tokens": visible + reasoning,
            "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": short},
            "output_tokens_details": {"reasoning_tokens": reasoning}});
        let anthropic = json!({"input_tokens": text, "output_tokens": visible + reasoning, "cache_read_input_tokens": read,
            "cache_creation_input_tokens": short + long, "cache_creation": {"ephemeral_1h_input_tokens": long},
            "output_tokens_details": {"thinking_tokens": reasoning}});
        let gemini = json!({"promptTokenCount": text + read, "cachedContentTokenCount": read, "candidatesTokenCount": visible,
            "thoughtsTokenCount": reasoning});
        for (usage, input) in [
            (chat, text + read + short), (responses, text + read + short), (anthropic, text + read + short + long), (gemini, text + read),
        ] {
            let counts = count(&usage).unwrap().counts;
            prop_assert_eq!(counts.input_total(), input);
            prop_assert_eq!(counts.output_total(), visible + reasoning);
            prop_assert_eq!(counts.of(Class::InputUncached), text);
            prop_assert_eq!(counts.of(Class::CacheRead), read);
            prop_assert_eq!((counts.of(Class::OutputVisible), counts.of(Class::Reasoning)), (visible, reasoning));
        }
    }

    /// Protects from panics and from invented tokens: any numbers either contradict each other or add up.
    #[test]
    fn any_numbers_add_up_or_are_refused(numbers in proptest::collection::vec(any::<u64>(), 12)) {
        let usage = json!({"prompt_tokens": numbers[0], "completion_tokens": numbers[1], "total_tokens": numbers[2],
            "prompt_tokens_details": {"cached_tokens": numbers[3], "cache_write_tokens": numbers[4], "audio_tokens": numbers[5],
                "cached_tokens_details": {"audio_tokens": numbers[6]}},
            "completion_tokens_details": {"reasoning_tokens": numbers[7], "audio_tokens": numbers[8]}});
        if let Ok(counted) = count(&usage) {
            prop_assert_eq!(counted.counts.input_total(), numbers[0]);
            prop_assert!(counted.counts.output_total() >= numbers[1]);
        }
    }
}
