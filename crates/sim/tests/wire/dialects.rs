//! The APIs beside chat on the wire: the events that their makers document, in their order, and their refusals.

use super::raw::{Client, Reply, spawn};
use seatrial_sim::{AnswerRow, Answers, Fault, Persona, Shape, SimConfig, SimHandle};
use serde_json::{Value, json};

const VERSION: &str = "anthropic-version: 2023-06-01\r\n";

fn sim(persona: Persona) -> SimHandle {
    let row = AnswerRow {
        prompt: "Which way?".into(),
        answer: "left then right".into(),
        wrong: vec![],
    };
    SimHandle::spawn(SimConfig {
        answers: Answers::Rows(vec![row]),
        ..SimConfig::of_personas(vec![persona])
    })
    .unwrap()
}

fn ask(sim: &SimHandle, path: &str, body: &Value) -> Reply {
    let mut client = Client::connect(sim);
    client.send("POST", path, VERSION, &body.to_string());
    client.receive()
}

/// Names and data of all events.
fn events(reply: &Reply) -> Vec<(String, Value)> {
    let mut events: Vec<&str> = reply.body.split("\n\n").collect();
    events.pop();
    let parts = |event: &str| {
        let (name, data) = match event.strip_prefix("event: ") {
            Some(rest) => rest.split_once('\n').unwrap(),
            None => ("", event),
        };
        let data = data.strip_prefix("data: ").unwrap();
        (
            name.to_owned(),
            serde_json::from_str(data).unwrap_or_else(|_| Value::from(data)),
        )
    };
    events.into_iter().map(parts).collect()
}

fn names(reply: &Reply) -> Vec<String> {
    let mut names: Vec<String> = events(reply).into_iter().map(|(name, _)| name).collect();
    names.dedup();
    names
}

fn thinker() -> Persona {
    Persona {
        shape: Shape {
            reasoning_tokens: 3,
            ..Shape::default()
        },
        ..Persona::instant("m")
    }
}

/// Protects messages: the documented order of events, numbered blocks, usage in front and at the end.
#[test]
fn messages_stream_as_documented() {
    let body = json!({"model": "m", "max_tokens": 50, "stream": true,
        "messages": [{"role": "user", "content": "Which way?"}]});
    let reply = ask(&sim(Persona::instant("m")), "/v1/messages", &body);
    assert_eq!(reply.status, 200);
    let expected = [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names(&reply), expected);
    let all = events(&reply);
    assert!(all.iter().all(|(name, data)| data["type"] == *name));
    let text: String = all
        .iter()
        .filter_map(|(_, data)| data["delta"]["text"].as_str())
        .collect();
    assert_eq!(text, "left then right");
    let (_, end) = all.iter().find(|(name, _)| name == "message_delta").unwrap();
    assert_eq!(
        (&end["delta"]["stop_reason"], &end["usage"]["output_tokens"]),
        (&json!("end_turn"), &json!(3))
    );

    let thinking = ask(&sim(thinker()), "/v1/messages", &body);
    let blocks: Vec<Value> = events(&thinking)
        .into_iter()
        .filter(|(name, _)| name == "content_block_start")
        .map(|(_, data)| json!([data["index"], data["content_block"]["type"]]))
        .collect();
    assert_eq!(blocks, [json!([0, "thinking"]), json!([1, "text"])]);

    let limited =
        json!({"model": "m", "max_tokens": 2, "messages": [{"role": "user", "content": "Which way?"}]});
    let whole = ask(&sim(Persona::instant("m")), "/v1/messages", &limited).json();
    assert_eq!(
        (&whole["content"][0]["text"], &whole["stop_reason"]),
        (&json!("left then"), &json!("max_tokens"))
    );
    assert!(whole["usage"]["input_tokens"].as_u64().unwrap() > 0);
}

/// Protects responses: the documented order of events, their numbers, and the whole in the last of them.
#[test]
fn responses_stream_as_documented() {
    let body = json!({"model": "m", "input": "Which way?", "stream": true});
    let reply = ask(&sim(thinker()), "/v1/responses", &body);
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names(&reply), expected);
    let all = events(&reply);
    for (number, (name, data)) in all.iter().enumerate() {
        assert_eq!(
            (&data["type"], &data["sequence_number"]),
            (&json!(name), &json!(number))
        );
    }
    let (_, last) = all.last().unwrap();
    let response = &last["response"];
    assert_eq!(response["output"][1]["content"][0]["text"], "left then right");
    assert_eq!(response["usage"]["output_tokens_details"]["reasoning_tokens"], 3);

    let limited =
        json!({"model": "m", "max_output_tokens": 1, "input": [{"role": "user", "content": "Which way?"}]});
    let whole = ask(&sim(Persona::instant("m")), "/v1/responses", &limited).json();
    assert_eq!(
        (&whole["status"], &whole["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
}

/// Protects legacy completions and vectors.
#[test]
fn completions_and_embeddings_answer() {
    let sim = sim(Persona::instant("m"));
    let body = json!({"model": "m", "prompt": "Which way?", "stream": true, "stream_options": {"include_usage": true}});
    let reply = ask(&sim, "/v1/completions", &body);
    assert!(reply.is_done());
    let all = reply.events();
    let text: String = all
        .iter()
        .filter_map(|event| event["choices"][0]["text"].as_str())
        .collect();
    assert_eq!(text, "left then right");
    assert_eq!(all.last().unwrap()["usage"]["completion_tokens"], 3);
    let body = json!({"model": "m", "prompt": "Which way?"});
    assert_eq!(
        ask(&sim, "/v1/completions", &body).json()["choices"][0]["text"],
        "left then right"
    );
    let body = json!({"model": "m", "input": ["left", "left"]});
    let vectors = ask(&sim, "/v1/embeddings", &body).json();
    assert_eq!(vectors["data"][0]["embedding"], vectors["data"][1]["embedding"]);
    assert_eq!(ask(&sim, "/v1/embeddings", &json!({"model": "m"})).status, 400);
}

/// Protects failures in each API's own words, by status and inside of answers.
#[test]
fn failures_speak_the_dialect() {
    let messages = json!({"model": "m", "max_tokens": 5, "stream": true,
        "messages": [{"role": "user", "content": "Which way?"}]});
    let responses = json!({"model": "m", "input": "Which way?", "stream": true});
    let limited = spawn(Persona::instant("m").always(Fault::RateLimited));
    let reply = ask(&limited, "/v1/messages", &messages);
    assert_eq!(
        (reply.status, &reply.json()["error"]["type"]),
        (429, &json!("rate_limit_error"))
    );
    assert!(reply.has("retry-after: 0"), "{:?}", reply.headers);

    let broken = spawn(Persona::instant("m").always(Fault::ErrorEvent));
    let (name, data) = events(&ask(&broken, "/v1/messages", &messages)).pop().unwrap();
    assert_eq!(
        (name.as_str(), &data["error"]["type"]),
        ("error", &json!("overloaded_error"))
    );
    let (name, data) = events(&ask(&broken, "/v1/responses", &responses)).pop().unwrap();
    assert_eq!((name.as_str(), &data["code"]), ("error", &json!("server_error")));

    let plain = spawn(Persona::instant("m"));
    let mut client = Client::connect(&plain);
    client.send("POST", "/v1/messages", "", &messages.to_string());
    let reply = client.receive();
    assert_eq!((reply.status, &reply.json()["type"]), (400, &json!("error")));
    let unknown = json!({"model": "x", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]});
    let reply = ask(&plain, "/v1/messages", &unknown);
    assert_eq!(
        (reply.status, &reply.json()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
}
