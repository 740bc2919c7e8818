//! `is-valid-function-call` and its kin in `checks`: calls held against the tools that were offered.

use crate::common::{answer, case, scorer, scores};
use seatrial_types::{Outcome, ToolCall};
use serde_json::{Value, json};

const KINDS: [&str; 3] = [
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
];

/// Pass and detail; no pass where there is no verdict.
fn judged(check: &Value, text: &str, told: &[(&str, &str)]) -> (Option<bool>, String) {
    let mut answer = answer(text, None);
    let call = |(name, arguments): &(&str, &str)| ToolCall {
        id: "call".to_owned(),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    };
    answer.tool_calls = told.iter().map(call).collect();
    let found = scores(
        &*scorer("checks", json!({})),
        &case(json!({"checks": [check]})),
        &answer,
        Vec::new(),
        None,
    );
    let first = &found[0];
    assert_eq!(first.outcome == Outcome::Scored, first.value.is_some());
    (
        first.value.map(|value| value > 0.5),
        first.detail.clone().unwrap_or_default(),
    )
}

fn weather() -> Value {
    json!({"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}},
           "required": ["city"], "additionalProperties": false}})
}

/// Protects the verdict on calls that the provider told and on calls written as text, in every form, for both forms of a
/// definition.
#[test]
fn calls_are_held_against_the_offer() {
    let paris = r#"{"city": "Paris"}"#;
    for kind in KINDS {
        for offer in [
            json!([weather()]),
            json!([{"type": "function", "function": weather()}]),
        ] {
            let check = json!({"type": kind, "value": offer});
            let negated = json!({"type": format!("not-{kind}"), "value": offer});
            let said = |arguments: &str| json!({"name": "weather", "arguments": arguments});
            let tool =
                |arguments: &str| json!([{"id": "1", "type": "function", "function": said(arguments)}]);
            for (text, told, fits) in [
                (String::new(), vec![("weather", paris)], true),
                (String::new(), vec![("weather", "{}")], false),
                (String::new(), vec![("weather", r#"{"city": 7}"#)], false),
                (String::new(), vec![("weather", "Paris")], false),
                (String::new(), vec![("weather", paris), ("time", "{}")], false),
                (said(paris).to_string(), Vec::new(), true),
                (tool(paris).to_string(), Vec::new(), true),
                (json!({"tool_calls": tool(paris)}).to_string(), Vec::new(), true),
                (
                    json!({"function_call": said("{}")}).to_string(),
                    Vec::new(),
                    false,
                ),
                (
                    json!({"name": "weather", "arguments": {"city": "Paris"}}).to_string(),
                    Vec::new(),
                    false,
                ),
                ("[]".to_owned(), Vec::new(), false),
                ("It is sunny in Paris.".to_owned(), Vec::new(), false),
            ] {
                let (pass, detail) = judged(&check, &text, &told);
                assert_eq!(pass, Some(fits), "{kind} {text} {told:?}: {detail}");
                assert_eq!(
                    judged(&negated, &text, &told).0,
                    Some(!fits),
                    "not-{kind} {text} {told:?}"
                );
            }
        }
    }
}

/// Protects that a failure says which call and why, and that a check without an offer gives no verdict.
#[test]
fn failures_say_why() {
    let check = json!({"type": KINDS[2], "value": [weather()]});
    for (told, expected) in [
        (("time", "{}"), "called `time`, and no function has that name"),
        (("weather", "{"), "the arguments of `weather` are no JSON"),
        (("weather", "{}"), "the call of `weather` does not fit"),
    ] {
        let (pass, detail) = judged(&check, "", &[told]);
        assert!(pass == Some(false) && detail.contains(expected), "{detail}");
    }
    for value in [json!(null), json!(7), json!({"name": "weather"}), json!("{")] {
        let (pass, detail) = judged(
            &json!({"type": KINDS[2], "value": value}),
            "",
            &[("weather", "{}")],
        );
        assert!(
            pass.is_none() && detail.contains("expected the tools that were offered"),
            "{detail}"
        );
    }
    let broken = json!({"type": KINDS[2], "value": [{"name": "weather", "parameters": {"type": 7}}]});
    let (pass, detail) = judged(&broken, "", &[("weather", "{}")]);
    assert!(pass.is_none() && detail.contains("cannot be used"), "{detail}");
}
