//! What the simulated provider puts on the wire, byte by byte: shapes of streams, faults, HTTP. Apart from the unit tests
//! because it goes through a real socket.

use crate::raw::{Client, Ending, Reply, ask, ask_whole, spawn};
use seatrial_sim::{Dist, Fault, Feature, Persona, Shape, UsageStyle};
use serde_json::{Value, json};

/// An answer of eight tokens, one per event.
fn eight() -> Persona {
    Persona {
        unknown: "one two three four five six seven eight".into(),
        ..Persona::instant("m")
    }
}

fn stream_of(persona: Persona) -> Reply {
    Client::connect(&spawn(persona)).chat(&ask("m", "hi"))
}

fn delta(event: &Value) -> &Value {
    &event["choices"][0]["delta"]
}

/// Protects the plain stream: every event its own chunk, role with the first text, finish reason and usage together,
/// `[DONE]`, a proper end.
#[test]
fn plain_stream() {
    let reply = stream_of(eight());
    assert_eq!((reply.status, reply.ending), (200, Ending::Open));
    assert!(
        reply.has("content-type: text/event-stream; charset=utf-8"),
        "{:?}",
        reply.headers
    );
    assert!(reply.has("transfer-encoding: chunked"));
    let events = reply.events();
    assert_eq!(events.len(), 9);
    assert_eq!(*delta(&events[0]), json!({"role": "assistant", "content": "one"}));
    assert_eq!(*delta(&events[1]), json!({"content": " two"}));
    assert_eq!(*delta(&events[8]), json!({}));
    assert_eq!(events[8]["choices"][0]["finish_reason"], "stop");
    assert!(
        events[..8]
            .iter()
            .all(|event| event["choices"][0]["finish_reason"].is_null())
    );
    assert!(events[..8].iter().all(|event| event.get("usage").is_none()));
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}});
    assert_eq!(events[8]["usage"], usage);
    assert!(reply.is_done());
    assert_eq!(reply.text(), eight().unknown);
    let chunks = reply
        .raw
        .windows(9)
        .filter(|window| window.starts_with(b"\r\ndata: "))
        .count();
    assert_eq!(
        chunks, 10,
        "one chunk for each event and for the end of the stream"
    );
    assert!(reply.raw.ends_with(b"data: [DONE]\n\n\r\n0\r\n\r\n"));
}

/// Protects the answer in one piece, and that a second answer on the same connection is like the first.
#[test]
fn one_piece() {
    let sim = spawn(eight());
    let mut client = Client::connect(&sim);
    for _ in 0..2 {
        let reply = client.chat(&ask_whole("m", "hi"));
        assert_eq!((reply.status, reply.ending), (200, Ending::Open));
        assert!(reply.has("content-type: application/json"));
        let answer = reply.json();
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(
            answer["choices"][0]["message"]["content"],
            eight().unknown.as_str()
        );
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["usage"]["total_tokens"], 9);
    }
    assert_eq!(sim.stats().connections, 1);
    let reply = stream_of(Persona {
        shape: Shape {
            ignores_stream: true,
            ..Shape::default()
        },
        ..eight()
    });
    assert_eq!(reply.json()["object"], "chat.completion");
}

/// Protects clients against each way of telling usage.
#[test]
fn usage_styles() {
    let of = |usage| stream_of(Persona { usage, ..eight() });
    let none = of(UsageStyle::None);
    assert!(none.events().iter().all(|event| event.get("usage").is_none()));
    let plain = of(UsageStyle::NoDetails);
    assert_eq!(
        plain.events()[8]["usage"],
        json!({"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9})
    );
    let last = of(UsageStyle::LastEventEmptyChoices);
    let events = last.events();
    assert_eq!(events.len(), 10);
    assert!(
        events[..9]
            .iter()
            .all(|event| event.get("usage").is_some_and(Value::is_null))
    );
    assert_eq!(events[9]["choices"], json!([]));
    assert_eq!(events[9]["usage"]["completion_tokens"], 8);
    assert!(last.is_done());
    let every = of(UsageStyle::EveryEvent);
    let counts: Vec<_> = every
        .events()
        .iter()
        .map(|event| event["usage"]["completion_tokens"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8, 8]);
    let sim = spawn(Persona {
        usage: UsageStyle::EveryEvent,
        ..eight()
    });
    let mut request = ask("m", "hi");
    request["stream_options"] = Value::Null;
    let unasked = Client::connect(&sim).chat(&request);
    assert!(
        unasked.events().iter().all(|event| event.get("usage").is_none()),
        "a stream tells it only when asked"
    );
}

/// Protects clients against legal but unusual streams.
#[test]
fn unusual_streams() {
    let of = |shape| stream_of(Persona { shape, ..eight() });
    let crlf = of(Shape {
        crlf: true,
        comments: true,
        ..Shape::default()
    });
    assert!(crlf.body.starts_with(": ping\r\n\r\ndata: {"), "{}", crlf.body);
    assert!(crlf.body.ends_with("data: [DONE]\r\n\r\n"));
    assert!(!crlf.body.replace("\r\n", "").contains('\n'));
    let joined = of(Shape {
        finish_with_text: true,
        ..Shape::default()
    });
    let events = joined.events();
    assert_eq!(events.len(), 8);
    assert_eq!(
        (
            &events[7]["choices"][0]["finish_reason"],
            &delta(&events[7])["content"]
        ),
        (&json!("stop"), &json!(" eight"))
    );
    assert_eq!(events[7]["usage"]["completion_tokens"], 8);
    let thinking = of(Shape {
        reasoning_tokens: 3,
        ..Shape::default()
    });
    let events = thinking.events();
    assert_eq!(events.len(), 3 + 8 + 1);
    assert_eq!(delta(&events[0])["role"], "assistant");
    assert!(
        events[..3]
            .iter()
            .all(|event| delta(event)["reasoning_content"].is_string())
    );
    assert!(delta(&events[3]).get("role").is_none());
    assert_eq!(events[11]["usage"]["completion_tokens"], 11);
    assert_eq!(
        events[11]["usage"]["completion_tokens_details"]["reasoning_tokens"],
        3
    );
    assert_eq!(thinking.text(), eight().unknown);
    let named = of(Shape {
        reasoning_tokens: 1,
        reasoning_field: Some("reasoning".into()),
        ..Shape::default()
    });
    assert!(delta(&named.events()[0])["reasoning"].is_string());
}

/// Protects the number of events: several tokens in one, or a fixed number of them, always the same text.
#[test]
fn events_are_counted() {
    let three = stream_of(Persona {
        tokens_per_event: 3,
        ..eight()
    });
    assert_eq!(three.events().len(), 3 + 1);
    for events in [1, 4, 8, 16, 64] {
        let reply = stream_of(Persona {
            events: Some(events),
            ..eight()
        });
        assert_eq!(reply.events().len(), events + 1);
        assert_eq!(reply.text(), eight().unknown);
    }
    let long = stream_of(Persona {
        output_tokens: Some(Dist::constant(64.0)),
        ..eight()
    });
    assert_eq!(long.events().len(), 64 + 1);
    let silent = stream_of(Persona {
        unknown: String::new(),
        ..eight()
    });
    assert_eq!(
        *delta(&silent.events()[0]),
        json!({"role": "assistant", "content": ""})
    );
    assert_eq!(silent.events().len(), 2);
}

/// Protects retries: what a 429 says of when to come back, and that the connection stays usable.
#[test]
fn rate_limits() {
    let persona = Persona {
        retry_after_s: 2,
        retry_after_ms: Some(20),
        ..eight()
    };
    let sim = spawn(persona.always(Fault::RateLimited));
    let mut client = Client::connect(&sim);
    for _ in 0..2 {
        let reply = client.chat(&ask("m", "hi"));
        assert_eq!((reply.status, reply.ending), (429, Ending::Open));
        assert!(
            reply.has("retry-after: 2") && reply.has("retry-after-ms: 20"),
            "{:?}",
            reply.headers
        );
        assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
    }
    let plain = stream_of(eight().always(Fault::RateLimited));
    assert!(plain.has("retry-after: 0"));
    assert!(
        !plain
            .headers
            .iter()
            .any(|line| line.starts_with("retry-after-ms"))
    );
    let silent = stream_of(eight().always(Fault::RateLimitedNoRetryAfter));
    assert_eq!(silent.status, 429);
    assert!(!silent.headers.iter().any(|line| line.starts_with("retry-after")));
}

/// Protects against broken servers and connections: each fault leaves exactly the bytes that it is named after.
#[test]
fn broken_answers() {
    let failed = stream_of(eight().always(Fault::ServerError));
    assert_eq!((failed.status, failed.ending), (500, Ending::Open));
    assert_eq!(failed.json()["error"]["type"], "server_error");

    let reset = stream_of(eight().always(Fault::Reset));
    assert_eq!(
        (reset.status, reset.raw.len(), reset.ending),
        (0, 0, Ending::Reset)
    );

    let stalled = stream_of(
        Persona {
            stall_ms: 1.0,
            ..eight()
        }
        .always(Fault::Stall),
    );
    assert_eq!(
        (stalled.status, stalled.raw.len(), stalled.ending),
        (200, 0, Ending::Closed)
    );

    let cut = stream_of(eight().always(Fault::Truncated));
    assert_eq!((cut.status, cut.ending), (200, Ending::Closed));
    assert_eq!(cut.events().len(), 4, "half of the events are whole");
    assert!(
        !cut.is_done() && !cut.raw.ends_with(b"\r\n"),
        "and the next one is cut inside its chunk"
    );

    let broken = stream_of(eight().always(Fault::InvalidJson));
    let wrong: Vec<_> = broken
        .data()
        .into_iter()
        .filter(|data| serde_json::from_str::<Value>(data).is_err())
        .collect();
    assert_eq!(wrong.len(), 2, "one broken event and [DONE]");
    assert!(wrong[0].starts_with("{\"id\":") && broken.is_done() && broken.ending == Ending::Open);

    let error = stream_of(eight().always(Fault::ErrorEvent));
    let events = error.events();
    assert_eq!(events.len(), 5);
    assert_eq!(events[4]["error"]["type"], "server_error");
    assert!(
        !error.is_done() && error.raw.ends_with(b"\r\n0\r\n\r\n"),
        "the body ends properly"
    );
}

/// Protects the same for answers in one piece.
#[test]
fn broken_answers_in_one_piece() {
    let of = |fault| {
        let persona = Persona {
            stall_ms: 1.0,
            ..eight()
        };
        Client::connect(&spawn(persona.always(fault))).chat(&ask_whole("m", "hi"))
    };
    let stalled = of(Fault::Stall);
    assert_eq!(
        (stalled.status, stalled.raw.len(), stalled.ending),
        (200, 0, Ending::Closed)
    );
    let cut = of(Fault::Truncated);
    assert_eq!(cut.ending, Ending::Closed);
    let length = cut
        .headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(length.parse::<usize>().unwrap() / 2, cut.raw.len());
    let broken = of(Fault::InvalidJson);
    assert_eq!((broken.status, broken.ending), (200, Ending::Open));
    assert!(serde_json::from_str::<Value>(&broken.body).is_err());
    assert_eq!(of(Fault::ErrorEvent).json()["error"]["type"], "server_error");
    assert_eq!(of(Fault::Reset).ending, Ending::Reset);
    assert_eq!(
        of(Fault::Trickle).json()["choices"][0]["message"]["content"],
        eight().unknown.as_str()
    );
}

/// Protects against odd but whole streams: the text arrives, and only what the fault names is missing or moved.
#[test]
fn odd_streams() {
    let empty = stream_of(eight().always(Fault::EmptyChoicesUsage));
    assert_eq!(empty.events().last().unwrap()["choices"], json!([]));
    assert_eq!(empty.events().last().unwrap()["usage"]["completion_tokens"], 8);
    let role = stream_of(eight().always(Fault::RoleOnlyFirst));
    assert_eq!(
        *delta(&role.events()[0]),
        json!({"role": "assistant", "content": ""})
    );
    assert_eq!(*delta(&role.events()[1]), json!({"content": "one"}));
    let open = stream_of(eight().always(Fault::NoDone));
    assert!(!open.body.contains("[DONE]") && open.raw.ends_with(b"\r\n0\r\n\r\n"));
    assert_eq!(
        open.events().last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );
    let slow = stream_of(
        Persona {
            trickle_bytes: 50,
            trickle_gap_ms: 0.0,
            ..eight()
        }
        .always(Fault::Trickle),
    );
    // The second in which an answer was made may differ, and is in every event.
    let without_time = |reply: &Reply| -> Vec<String> {
        let text = String::from_utf8(reply.raw.clone()).unwrap();
        let after_comma = |part: &str| part.split_once(',').map(|(_, rest)| rest.to_owned());
        let parts = text.split("\"created\":").enumerate();
        parts
            .filter_map(|(index, part)| {
                if index == 0 {
                    Some(part.to_owned())
                } else {
                    after_comma(part)
                }
            })
            .collect()
    };
    assert_eq!(
        without_time(&slow),
        without_time(&stream_of(eight())),
        "a trickle has the same bytes"
    );
    for reply in [empty, role, slow] {
        assert_eq!((reply.text(), reply.is_done()), (eight().unknown, true));
    }
}

/// Protects first-token times: an early role, early headers and early nothing all reach the client before the text is
/// due, which here is never.
#[test]
fn early_bytes_come_before_the_text() {
    let never = Persona {
        first_token_ms: Dist::constant(600_000.0),
        ..eight()
    };
    let early_headers = Shape {
        early_headers: true,
        ..Shape::default()
    };
    let sim = spawn(Persona {
        shape: early_headers,
        ..never.clone()
    });
    let first_bytes = |sim: &seatrial_sim::SimHandle, until: &[u8]| {
        use std::io::Read;
        let mut client = Client::connect(sim);
        client.send("POST", "/v1/chat/completions", "", &ask("m", "hi").to_string());
        let mut seen = Vec::new();
        while !seen.windows(until.len()).any(|window| window == until) {
            let mut byte = [0];
            client.stream.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
    };
    first_bytes(&sim, b"\r\n\r\n");
    let sim = spawn(never.always(Fault::RoleOnlyFirst));
    first_bytes(&sim, b"\"role\":\"assistant\",\"content\":\"\"}");
}

/// Protects clients that try again without a field that an endpoint does not know.
#[test]
fn refused_fields() {
    let shape = Shape {
        refuses: vec![Feature::StreamOptions],
        ..Shape::default()
    };
    let sim = spawn(Persona { shape, ..eight() });
    let mut client = Client::connect(&sim);
    let reply = client.chat(&ask("m", "hi"));
    assert_eq!(
        (reply.status, &reply.json()["error"]["param"]),
        (400, &json!("stream_options"))
    );
    let mut request = ask("m", "hi");
    request.as_object_mut().unwrap().remove("stream_options");
    assert_eq!(client.chat(&request).text(), eight().unknown);
    let shape = Shape {
        refuses: vec![Feature::Stream],
        ..Shape::default()
    };
    let reply = stream_of(Persona { shape, ..eight() });
    assert_eq!(
        (reply.status, &reply.json()["error"]["param"]),
        (400, &json!("stream"))
    );
}
