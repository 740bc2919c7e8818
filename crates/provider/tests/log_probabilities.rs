//! How probable tokens were: when it is asked for, in which words, how streams and documents tell it, and what becomes of
//! a server that refuses the question.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{Server, Step, ask, chunk, end, endpoint, reply, stream_head};
use seatrial_provider::{Api, Clock, Endpoint, Remote};
use seatrial_types::{LogProbability, ModelRequest};
use serde_json::{Value, json};

fn remote(api: Api, url: &str, params: &Value) -> Remote {
    let endpoint = Endpoint {
        api,
        params: params.as_object().unwrap().clone(),
        ..endpoint(url)
    };
    Remote::try_new(endpoint, Clock::start(), 0).unwrap()
}

fn asking() -> ModelRequest {
    ModelRequest {
        log_probabilities: true,
        ..ask("Hi")
    }
}

/// Events of a stream, or a document, of two tokens with the logarithms −0.5 and −1.5.
fn steps(is_legacy: bool, is_stream: bool) -> Vec<Step> {
    let logprobs = |values: &[f64]| {
        if is_legacy {
            return json!({"tokens": [], "token_logprobs": values, "top_logprobs": null});
        }
        let tokens: Vec<Value> = values
            .iter()
            .map(|value| json!({"token": "t", "logprob": value}))
            .collect();
        json!({"content": tokens, "refusal": null})
    };
    let choice = |text: &str, values: &[f64], finish: Option<&str>| {
        let mut choice = json!({"index": 0, "finish_reason": finish, "logprobs": logprobs(values)});
        match (is_legacy, is_stream) {
            (true, _) => choice["text"] = json!(text),
            (false, true) => choice["delta"] = json!({"content": text}),
            (false, false) => choice["message"] = json!({"role": "assistant", "content": text}),
        }
        json!({"id": "1", "model": "m", "choices": [choice]}).to_string()
    };
    if !is_stream {
        let body = choice("Hi you", &[-0.5, -1.5], Some("stop"));
        return vec![Step::Send(reply(
            200,
            "content-type: application/json\r\n",
            &body,
        ))];
    }
    let event = |json: String| Step::Send(chunk(&format!("data: {json}\n\n")));
    vec![
        Step::Send(stream_head()),
        event(choice("Hi", &[-0.5], None)),
        event(choice(" you", &[-1.5], Some("stop"))),
        event("[DONE]".to_owned()),
        Step::Send(end()),
    ]
}

/// Protects the question and the answer in both APIs that have it, as a stream and in one piece.
#[tokio::test]
async fn is_asked_for_and_read() {
    for (api, asked) in [(Api::Chat, json!(true)), (Api::Completions, json!(1))] {
        let is_legacy = asked == json!(1);
        for is_stream in [true, false] {
            let server = Server::always(move || steps(is_legacy, is_stream)).await;
            let remote = remote(api.clone(), &server.url, &json!({}));
            let answer = remote.call(&asking()).await.result.unwrap();
            assert_eq!(answer.log_probability, LogProbability::of(2, -2.0));
            // Nobody asks: nothing is sent, whatever is told.
            let _ = remote.call(&ask("Hi")).await.result.unwrap();
            let bodies: Vec<Value> = server
                .requests()
                .into_iter()
                .map(|request| request.body)
                .collect();
            assert_eq!(
                (&bodies[0]["logprobs"], bodies[1].get("logprobs")),
                (&asked, None)
            );
        }
    }
}

/// Protects APIs without such a question, and a target whose own parameter says what is wanted.
#[tokio::test]
async fn has_no_words_elsewhere_and_yields_to_parameters() {
    let server = Server::always(|| steps(false, false)).await;
    let remote = remote(
        Api::Chat,
        &server.url,
        &json!({"logprobs": true, "top_logprobs": 2}),
    );
    let _ = remote.call(&asking()).await.result.unwrap();
    let text = server.requests().swap_remove(0).body.to_string();
    assert_eq!(text.matches("logprobs\"").count(), 2, "{text}");
    let server = Server::always(|| vec![Step::Send(reply(500, "", "no"))]).await;
    for api in [Api::Responses, Api::Messages, Api::Embeddings] {
        let _ = self::remote(api, &server.url, &json!({})).call(&asking()).await;
    }
    let requests = server.requests();
    assert!(
        requests.len() >= 3
            && requests
                .iter()
                .all(|request| request.body.get("logprobs").is_none())
    );
}

/// Protects servers that refuse the question: asked once without it, remembered, no failed attempt, and no number.
#[tokio::test]
async fn a_refusal_costs_no_answer() {
    let server = Server::start(|_, request| {
        if request.body.get("logprobs").is_some() {
            let error = r#"{"error":{"message":"Unsupported parameter: 'logprobs' is not supported with this model."}}"#;
            return vec![Step::Send(reply(400, "content-type: application/json\r\n", error))];
        }
        let body = json!({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]});
        vec![Step::Send(reply(200, "content-type: application/json\r\n", &body.to_string()))]
    })
    .await;
    let remote = remote(Api::Chat, &server.url, &json!({}));
    for _ in 0..2 {
        let call = remote.call(&asking()).await;
        assert_eq!((call.attempts.len(), call.attempts[0].error.as_ref()), (1, None));
        assert_eq!(call.result.unwrap().log_probability, None);
    }
    assert_eq!(server.requests().len(), 3);
}
