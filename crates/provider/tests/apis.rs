//! Every API as it is documented, over a loopback server: what is sent, what comes back in one piece and in streams,
//! and each API's own failures. The bodies are in `fixtures`.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{Server, Step, ask, chunk, end, endpoint, reply, stream_head};
use seatrial_provider::{Api, Clock, Endpoint, Header, JsonApi, JsonSpec, JsonStreamSpec, Remote};
use seatrial_types::{
    Answer, Call, CallErrorKind, FinishReason, Message, ModelRequest, Role, Secret, ToolCall, Usage,
};
use serde_json::{Value, json};
use std::sync::Arc;

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn of_api(api: Api, url: &str) -> Endpoint {
    Endpoint { api, ..endpoint(url) }
}

async fn call(endpoint: Endpoint, request: &ModelRequest) -> Call {
    Remote::try_new(endpoint, Clock::start(), 0)
        .unwrap()
        .call(request)
        .await
}

/// The ways in which a network may cut a stream.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Whole,
    Events,
    Bytes,
}

/// Steps that send a fixture as a stream or in one piece, by its name.
fn steps_of(name: &str, cut: Cut) -> Vec<Step> {
    let body = fixture(name);
    if !name.ends_with(".sse") {
        return vec![Step::Send(reply(
            200,
            "content-type: application/json\r\n",
            &body,
        ))];
    }
    let mut steps = vec![Step::Send(stream_head())];
    match cut {
        Cut::Whole => steps.push(Step::Send(chunk(&body))),
        Cut::Events => {
            for event in body.split_inclusive("\n\n") {
                steps.push(Step::Send(chunk(event)));
            }
        }
        Cut::Bytes => steps.push(Step::Trickle(chunk(&body))),
    }
    steps.push(Step::Send(end()));
    steps
}

async fn ask_fixture(api: &Api, name: &'static str, cut: Cut) -> Call {
    let server = Server::always(move || steps_of(name, cut)).await;
    call(of_api(api.clone(), &server.url), &ask("hi")).await
}

async fn answer_of(api: &Api, name: &'static str) -> Answer {
    let mut answers = Vec::new();
    for cut in [Cut::Whole, Cut::Events, Cut::Bytes] {
        let call = ask_fixture(api, name, cut).await;
        assert_eq!(call.attempts.len(), 1, "{name}");
        assert!(call.result.is_ok(), "{name}, {cut:?}: {:?}", call.result);
        let answer = call.result.unwrap();
        assert_eq!(answer.streamed, name.ends_with(".sse"), "{name}");
        answers.push(answer);
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{name}: cuts do not matter"
    );
    answers.swap_remove(0)
}

fn tool(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn usage(input: u64, output: u64) -> (Option<u64>, Option<u64>) {
    (Some(input), Some(output))
}

fn counts(usage: &Usage) -> (Option<u64>, Option<u64>) {
    (usage.input_tokens, usage.output_tokens)
}

/// Protects tool calls of chat completions, in one piece and in pieces of several calls.
#[tokio::test]
async fn chat_brings_tool_calls() {
    let whole = answer_of(&Api::Chat, "chat_tools.json").await;
    let arguments = "{\n\"location\": \"Boston, MA\"\n}";
    assert_eq!(
        whole.tool_calls,
        [tool("call_abc123", "get_current_weather", arguments)]
    );
    assert_eq!(
        (whole.text.as_str(), whole.finish_reason),
        ("", Some(FinishReason::ToolCalls))
    );
    let streamed = answer_of(&Api::Chat, "chat_tools.sse").await;
    let expected = [
        tool("call_a", "get_weather", r#"{"location":"Paris"}"#),
        tool("call_b", "now", "{}"),
    ];
    assert_eq!(streamed.tool_calls, expected);
    assert_eq!(counts(&streamed.usage), usage(60, 30));
}

/// Protects responses: text, tool calls, refusals, answers cut by their limit, in every shape of the stream.
#[tokio::test]
async fn responses_are_read() {
    let api = Api::Responses;
    let whole = answer_of(&api, "responses.json").await;
    assert_eq!(whole.text, "In a peaceful grove beneath a silver moon.");
    assert_eq!(whole.finish_reason, Some(FinishReason::Stop));
    assert_eq!(whole.served_model.as_deref(), Some("gpt-4.1-2025-04-14"));
    assert_eq!(counts(&whole.usage), usage(36, 87));
    assert_eq!(
        (whole.usage.cache_read_tokens, whole.usage.reasoning_tokens),
        (Some(4), Some(64))
    );

    let text = answer_of(&api, "responses_text.sse").await;
    assert_eq!(
        (text.text.as_str(), text.finish_reason),
        ("Hi there!", Some(FinishReason::Stop))
    );
    assert_eq!(
        (text.request_id.as_deref(), counts(&text.usage)),
        (Some("resp_1"), usage(37, 11))
    );

    let tools = answer_of(&api, "responses_tools.sse").await;
    assert_eq!(
        tools.tool_calls,
        [tool("call_1", "get_weather", r#"{"location":"Paris"}"#)]
    );
    assert_eq!(tools.finish_reason, Some(FinishReason::ToolCalls));

    let refusal = answer_of(&api, "responses_refusal.sse").await;
    assert_eq!(refusal.text, "I'm sorry, I can't help with that.");
    assert_eq!(refusal.finish_reason, Some(FinishReason::Refusal));

    let cut = answer_of(&api, "responses_incomplete.sse").await;
    assert_eq!(
        (cut.text.as_str(), cut.finish_reason),
        ("Once upon", Some(FinishReason::Length))
    );
}

/// Protects token times: events of text and of arguments have them, the bookkeeping around them has not.
#[tokio::test]
async fn only_tokens_have_times() {
    for (api, name, expected) in [
        (Api::Responses, "responses_text.sse", 2),
        (Api::Responses, "responses_tools.sse", 2),
        (Api::Messages, "messages_text.sse", 2),
        (Api::Messages, "messages_thinking.sse", 2),
        (Api::Messages, "messages_tools.sse", 3),
        (Api::Completions, "completions.sse", 2),
        (Api::Chat, "chat_tools.sse", 4),
    ] {
        let call = ask_fixture(&api, name, Cut::Events).await;
        let timing = call.timing().unwrap();
        assert_eq!(timing.token_events_ns.len(), expected, "{name}");
        assert!(
            timing.first_token_ns.is_some() && timing.ttft_ns().is_some(),
            "{name}"
        );
    }
}

/// Protects legacy completions and embeddings.
#[tokio::test]
async fn completions_and_embeddings_are_read() {
    let whole = answer_of(&Api::Completions, "completions.json").await;
    assert_eq!(
        (whole.text.as_str(), whole.finish_reason),
        ("\n\nThis is indeed a test", Some(FinishReason::Length))
    );
    let streamed = answer_of(&Api::Completions, "completions.sse").await;
    assert_eq!(
        (streamed.text.as_str(), streamed.finish_reason),
        ("This is", Some(FinishReason::Stop))
    );
    assert_eq!(counts(&streamed.usage), usage(5, 2));

    let vector = answer_of(&Api::Embeddings, "embeddings.json").await;
    let numbers: Vec<f64> = serde_json::from_str(&vector.text).unwrap();
    assert_eq!(numbers, [0.002_306_425_5, -0.009_327_292, -0.002_884_222_2]);
    assert_eq!(counts(&vector.usage), usage(8, 0));
}

/// Protects Anthropic's messages: text, tools, thinking, and input that leaves out the cache.
#[tokio::test]
async fn messages_are_read() {
    let api = Api::Messages;
    let whole = answer_of(&api, "messages.json").await;
    assert_eq!(
        (whole.text.as_str(), whole.finish_reason),
        ("Hi! My name is Claude.", Some(FinishReason::Stop))
    );
    assert_eq!(counts(&whole.usage), usage(2095 + 2051 + 2051, 503));
    assert_eq!(
        (whole.usage.cache_read_tokens, whole.usage.cache_write_tokens),
        (Some(2051), Some(2051))
    );

    let tools = answer_of(&api, "messages_tools.json").await;
    let arguments = r#"{"location": "San Francisco, CA", "unit": "celsius"}"#;
    assert_eq!(
        tools.tool_calls,
        [tool("toolu_01A09q90qw90lq917835lq9", "get_weather", arguments)]
    );
    assert_eq!(tools.finish_reason, Some(FinishReason::ToolCalls));

    let text = answer_of(&api, "messages_text.sse").await;
    assert_eq!(
        (text.text.as_str(), text.finish_reason),
        ("Hello!", Some(FinishReason::Stop))
    );
    assert_eq!(text.served_model.as_deref(), Some("claude-sonnet-4-5-20250929"));
    assert_eq!(counts(&text.usage), usage(25, 15));

    let tools = answer_of(&api, "messages_tools.sse").await;
    assert_eq!(tools.text, "Okay, let's check:");
    let expected = [
        tool(
            "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
            "get_weather",
            r#"{"location": "San Francisco, CA"}"#,
        ),
        tool("toolu_2", "now", "{}"),
    ];
    assert_eq!(tools.tool_calls, expected);

    let thinking = answer_of(&api, "messages_thinking.sse").await;
    assert_eq!(
        (thinking.text.as_str(), thinking.finish_reason),
        ("27 * 453 = 12,231", Some(FinishReason::Length))
    );
    assert_eq!(counts(&thinking.usage), usage(115, 42));
}

/// Protects each API's failures inside of answers: their class, whether they are tried again, and their words.
#[tokio::test]
async fn failures_inside_are_sorted() {
    use CallErrorKind as Kind;
    for (api, name, kind, attempts) in [
        (Api::Messages, "messages_overloaded.sse", Kind::Server, 3),
        (Api::Responses, "responses_failed.sse", Kind::Server, 3),
        (Api::Responses, "responses_error.sse", Kind::RateLimited, 3),
    ] {
        let call = ask_fixture(&api, name, Cut::Events).await;
        let error = call.result.unwrap_err();
        assert_eq!(
            (error.kind, call.attempts.len()),
            (kind, attempts),
            "{name}: {error}"
        );
    }
    let bodies = [
        (
            Api::Messages,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too large"}}"#,
            Kind::BadRequest,
        ),
        (
            Api::Responses,
            r#"{"id":"r","status":"failed","error":{"code":"invalid_prompt","message":"no"},"output":[]}"#,
            Kind::BadRequest,
        ),
        (
            Api::Responses,
            r#"{"id":"r","status":"queued","output":[]}"#,
            Kind::Server,
        ),
        (
            Api::Responses,
            r#"{"id":"r","status":"completed"}"#,
            Kind::InvalidAnswer,
        ),
        (
            Api::Messages,
            r#"{"id":"m","type":"message"}"#,
            Kind::InvalidAnswer,
        ),
        (
            Api::Completions,
            r#"{"choices":[{"message":{"content":"x"}}]}"#,
            Kind::InvalidAnswer,
        ),
        (Api::Embeddings, r#"{"data":[]}"#, Kind::InvalidAnswer),
        (
            Api::Embeddings,
            r#"{"data":[{"embedding":["x"]}]}"#,
            Kind::InvalidAnswer,
        ),
        (Api::Embeddings, r#"{"error":{"message":"x"}}"#, Kind::Server),
    ];
    for (api, body, kind) in bodies {
        let server =
            Server::always(move || vec![Step::Send(reply(200, "content-type: application/json\r\n", body))])
                .await;
        let error = call(of_api(api, &server.url), &ask("hi"))
            .await
            .result
            .unwrap_err();
        assert_eq!(error.kind, kind, "{body}: {error}");
    }
}

/// Protects from taking half an answer for a whole one: every API's stream without its end is truncated.
#[tokio::test]
async fn streams_without_their_end_are_truncated() {
    for (api, name) in [
        (Api::Responses, "responses_text.sse"),
        (Api::Messages, "messages_text.sse"),
        (Api::Completions, "completions.sse"),
    ] {
        let body = fixture(name);
        let half: String = body
            .split_inclusive("\n\n")
            .take(if name == "completions.sse" { 2 } else { 5 })
            .collect();
        let half = Arc::new(half);
        let server = Server::always(move || {
            vec![
                Step::Send(stream_head()),
                Step::Send(chunk(&half)),
                Step::Send(end()),
            ]
        })
        .await;
        let error = call(of_api(api, &server.url), &ask("hi"))
            .await
            .result
            .unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Truncated, "{name}: {error}");
    }
    // Anthropic's reason of the end is there, only the farewell is missing: the answer is whole.
    let body = fixture("messages_text.sse");
    let body = Arc::new(body.replace("event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n", ""));
    let server = Server::always(move || {
        vec![
            Step::Send(stream_head()),
            Step::Send(chunk(&body)),
            Step::Send(end()),
        ]
    })
    .await;
    assert_eq!(
        call(of_api(Api::Messages, &server.url), &ask("hi"))
            .await
            .result
            .unwrap()
            .text,
        "Hello!"
    );
}

/// Protects the request of each API: path, headers, body, and where the key goes.
#[tokio::test]
async fn requests_are_as_documented() {
    for (api, name, path, body, key) in [
        (
            Api::Responses,
            "responses.json",
            "/v1/responses",
            json!({"model": "m", "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
                "temperature": 0, "stream": true}),
            "authorization: Bearer k-canary-1",
        ),
        (
            Api::Completions,
            "completions.json",
            "/v1/completions",
            json!({"model": "m", "prompt": "Be brief.\n\nHi", "temperature": 0, "stream": true,
                "stream_options": {"include_usage": true}}),
            "authorization: Bearer k-canary-1",
        ),
        (
            Api::Embeddings,
            "embeddings.json",
            "/v1/embeddings",
            json!({"model": "m", "input": "Hi", "temperature": 0}),
            "authorization: Bearer k-canary-1",
        ),
        (
            Api::Messages,
            "messages.json",
            "/v1/messages",
            json!({"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}],
                "temperature": 0, "max_tokens": 4096, "stream": true}),
            "x-api-key: k-canary-1",
        ),
    ] {
        let server = Server::always(move || steps_of(name, Cut::Whole)).await;
        let header = |name: &str, value: &str, is_secret| Header {
            name: name.to_owned(),
            value: Secret::new(value),
            is_secret,
        };
        let endpoint = Endpoint {
            key: Some(Secret::new("k-canary-1")),
            params: json!({"temperature": 0}).as_object().unwrap().clone(),
            headers: vec![
                header("X-Team", "search", false),
                header("user-agent", "own", false),
            ],
            ..of_api(api.clone(), &server.url)
        };
        let request = ModelRequest {
            messages: vec![
                Message::new(Role::System, "Be brief."),
                Message::new(Role::User, "Hi"),
            ],
            ..ModelRequest::default()
        };
        call(endpoint, &request).await.result.unwrap();
        let received = server.requests().swap_remove(0);
        assert!(
            received.head.starts_with(&format!("POST {path} HTTP/1.1")),
            "{}",
            received.head
        );
        assert_eq!(received.body, body);
        let head = received.head.to_ascii_lowercase();
        for line in [key, "x-team: search", "user-agent: own"] {
            assert!(
                head.contains(&line.to_ascii_lowercase()),
                "{path} lacks {line}:\n{head}"
            );
        }
        assert_eq!(
            head.contains("anthropic-version: 2023-06-01"),
            matches!(api, Api::Messages)
        );
    }
}

/// Protects secrets in headers: a server that sends one back does not get it into a message.
#[tokio::test]
async fn secret_headers_are_never_shown() {
    let server = Server::always(|| vec![Step::Send(reply(400, "", "you sent team-canary-42"))]).await;
    let endpoint = Endpoint {
        headers: vec![Header {
            name: "x-key".to_owned(),
            value: Secret::new("team-canary-42"),
            is_secret: true,
        }],
        ..endpoint(&server.url)
    };
    let error = call(endpoint, &ask("hi")).await.result.unwrap_err();
    assert!(!error.message.contains("canary"), "{error}");
    for name in ["host", "Content-Length", "bad name", ""] {
        let endpoint = Endpoint {
            headers: vec![Header {
                name: name.to_owned(),
                value: Secret::new("x"),
                is_secret: false,
            }],
            ..of_api(Api::Chat, "http://127.0.0.1:1/v1")
        };
        assert_eq!(
            Remote::try_new(endpoint, Clock::start(), 0).unwrap_err().key(),
            "headers",
            "{name}"
        );
    }
}

/// Protects Anthropic's refusals by status: overload is tried again after the time it names, and its limits reach the
/// attempt.
#[tokio::test]
async fn overload_is_tried_again() {
    let server = Server::start(|number, _| {
        if number == 0 {
            let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#;
            vec![Step::Send(reply(529, "retry-after: 0\r\n", body))]
        } else {
            let headers = "content-type: application/json\r\nrequest-id: req_2\r\n\
                anthropic-ratelimit-requests-remaining: 49\r\nanthropic-ratelimit-tokens-remaining: 12000\r\n";
            vec![Step::Send(reply(200, headers, &fixture("messages.json")))]
        }
    })
    .await;
    let call = call(of_api(Api::Messages, &server.url), &ask("hi")).await;
    assert_eq!(call.attempts.len(), 2);
    let first = &call.attempts[0];
    assert_eq!((first.status, first.retry_after_ms), (Some(529), Some(0)));
    let error = first.error.as_ref().unwrap();
    assert_eq!(error.kind, CallErrorKind::Server);
    assert!(error.message.ends_with("answered 529: Overloaded"), "{error}");
    let limit = call.attempts[1].rate_limit;
    assert_eq!(
        (limit.requests_remaining, limit.tokens_remaining),
        (Some(49), Some(12_000))
    );
    assert_eq!(call.result.unwrap().request_id.as_deref(), Some("req_2"));
}

/// Protects a server that says it has nothing left: the next request is not due before the refill that it names, and
/// the wait is neither its latency nor this client's queueing.
#[tokio::test]
async fn an_empty_limit_is_waited_for() {
    let headers = "content-type: application/json\r\nx-ratelimit-remaining-requests: 0\r\n\
        x-ratelimit-reset-requests: 40ms\r\n";
    let server =
        Server::always(move || vec![Step::Send(reply(200, headers, &common::document_json("x")))]).await;
    let remote = Remote::try_new(endpoint(&server.url), Clock::start(), 0).unwrap();
    let first = remote.call(&ask("one")).await;
    let second = remote.call(&ask("two")).await;
    let (first, second) = (first.timing().unwrap(), second.timing().unwrap());
    let waited_ms = (second.intended_ns - first.end_ns) / 1_000_000;
    // The refill is counted from the moment at which the answer was read, a little after its last byte.
    assert!(waited_ms >= 39, "{waited_ms} ms");
}

fn json_api(stream: Option<JsonStreamSpec>) -> Api {
    Api::Json(Arc::new(
        JsonApi::try_new(JsonSpec {
            method: "PUT".to_owned(),
            body: Some(
                json!({"q": "{{ prompt }}", "topic": "{{ columns.topic }}", "t": "{{ params.temperature }}"}),
            ),
            answer: "/result/0/text".to_owned(),
            usage_input: Some("/tokens/in".to_owned()),
            usage_output: Some("/tokens/out".to_owned()),
            finish_reason: Some("/result/0/why".to_owned()),
            model: Some("/by".to_owned()),
            stream,
        })
        .unwrap(),
    ))
}

/// Protects endpoints that speak no known API: templated body, pointers into the answer, in one piece.
#[tokio::test]
async fn any_json_is_asked_and_read() {
    let body = r#"{"result":[{"text":"Ulm","why":"length"}],"tokens":{"in":3,"out":1.0},"by":"own-1"}"#;
    let server =
        Server::always(|| vec![Step::Send(reply(200, "content-type: application/json\r\n", body))]).await;
    let endpoint = Endpoint {
        params: json!({"temperature": 0.5}).as_object().unwrap().clone(),
        base_url: format!("http://127.0.0.1:{}/ask/?v=2", server.port),
        ..of_api(json_api(None), &server.url)
    };
    let request = ModelRequest {
        columns: Arc::new(json!({"topic": ["geo"]}).as_object().unwrap().clone()),
        ..ask("Where?")
    };
    let answer = call(endpoint.clone(), &request).await.result.unwrap();
    assert_eq!(
        (answer.text.as_str(), answer.served_model.as_deref()),
        ("Ulm", Some("own-1"))
    );
    assert_eq!(
        (answer.finish_reason, counts(&answer.usage)),
        (Some(FinishReason::Length), usage(3, 1))
    );
    let received = server.requests().swap_remove(0);
    assert!(
        received.head.starts_with("PUT /ask/?v=2 HTTP/1.1"),
        "{}",
        received.head
    );
    assert_eq!(received.body, json!({"q": "Where?", "topic": ["geo"], "t": 0.5}));
    // Without the column there is nothing to send, and nothing is.
    let call = call(endpoint, &ask("Where?")).await;
    assert_eq!((call.attempts.len(), server.requests().len()), (0, 1));
    let error = call.result.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Prompt);
    assert!(error.message.contains("undefined"), "{error}");
}

/// Protects streams of such endpoints: with a last event and without, and what is none.
#[tokio::test]
async fn any_stream_is_read() {
    let piece = |text: &str| format!("data: {}\n\n", json!({"piece": text}));
    let last = format!(
        "data: {}\n\n",
        json!({"tokens": {"in": 4, "out": 2}, "by": "own-2"})
    );
    let spec = |done: Option<&str>| {
        Some(JsonStreamSpec {
            delta: "/piece".to_owned(),
            done: done.map(str::to_owned),
        })
    };
    let serve = |body: String| async move {
        Server::always(move || {
            vec![
                Step::Send(stream_head()),
                Step::Send(chunk(&body)),
                Step::Send(end()),
            ]
        })
        .await
    };
    let whole = format!("{}{}{}{last}data: [END]\n\n", piece("U"), piece(""), piece("lm"));
    let server = serve(whole.clone()).await;
    let request = ModelRequest {
        columns: Arc::new(json!({"topic": 1}).as_object().unwrap().clone()),
        ..ask("Where?")
    };
    let of = |stream, server: &Server| Endpoint {
        params: json!({"temperature": 0}).as_object().unwrap().clone(),
        ..of_api(json_api(stream), &server.url)
    };
    let call_1 = call(of(spec(Some("[END]")), &server), &request).await;
    assert_eq!(call_1.timing().unwrap().token_events_ns.len(), 2);
    let answer = call_1.result.unwrap();
    assert_eq!(
        (answer.text.as_str(), answer.streamed, counts(&answer.usage)),
        ("Ulm", true, usage(4, 2))
    );

    let unended = serve(format!("{}{}", piece("U"), piece("lm"))).await;
    assert_eq!(
        call(of(spec(None), &unended), &request)
            .await
            .result
            .unwrap()
            .text,
        "Ulm"
    );
    let error = call(of(spec(Some("[END]")), &unended), &request)
        .await
        .result
        .unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Truncated);
    let error = call(of(None, &unended), &request).await.result.unwrap_err();
    assert!(error.message.contains("stream: {delta: /…}"), "{error}");
    let broken = serve("data: {\n\n".to_owned()).await;
    let error = call(of(spec(None), &broken), &request).await.result.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::InvalidAnswer);
}

/// Protects what answers of such endpoints may be: any value becomes a text, nothing is nothing.
#[tokio::test]
async fn any_value_is_a_text() {
    for (value, expected) in [
        (json!("x"), Some("x")),
        (json!(42), Some("42")),
        (json!({"a": [1]}), Some(r#"{"a":[1]}"#)),
        (Value::Null, None),
    ] {
        let body = json!([{"text": value}]).to_string();
        let server = Server::always(move || {
            vec![Step::Send(reply(
                200,
                "content-type: application/json\r\n",
                &body,
            ))]
        })
        .await;
        let spec = JsonSpec {
            method: "GET".to_owned(),
            answer: "/0/text".to_owned(),
            ..JsonSpec::default()
        };
        let api = Api::Json(Arc::new(JsonApi::try_new(spec).unwrap()));
        let result = call(of_api(api, &server.url), &ask("hi")).await.result;
        assert_eq!(result.as_ref().ok().map(|answer| answer.text.as_str()), expected);
        if let Err(error) = result {
            assert_eq!(error.kind, CallErrorKind::InvalidAnswer);
            assert!(error.message.contains("no answer at `/0/text`"), "{error}");
        }
    }
}

/// Protects `stream: false`: nothing asks for a stream, in any API.
#[tokio::test]
async fn streams_can_be_switched_off() {
    for (api, name) in [
        (Api::Chat, "chat_tools.json"),
        (Api::Responses, "responses.json"),
        (Api::Messages, "messages.json"),
        (Api::Completions, "completions.json"),
    ] {
        let server = Server::always(move || steps_of(name, Cut::Whole)).await;
        let endpoint = Endpoint {
            stream: false,
            ..of_api(api, &server.url)
        };
        let call = call(endpoint, &ask("hi")).await;
        assert!(call.timing().unwrap().first_token_ns.is_none());
        assert_eq!(server.requests()[0].body.get("stream"), None);
    }
}
