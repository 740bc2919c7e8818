//! Every shape of a stream, on bytes alone. Apart from the reader because there are many.

use super::*;

/// What came of an answer: events with tokens, moments of the first and of the first that is no reasoning, tokens by
/// usage, or the class of the failure.
#[derive(Debug, PartialEq)]
struct Found {
    events: u32,
    first: Option<u64>,
    first_answer: Option<u64>,
    tokens: Option<u64>,
    end: Result<(), CallErrorKind>,
}

/// Reads pieces of a stream, the i-th at moment i + 1.
fn read(form: AnswerForm, pieces: &[&[u8]]) -> Found {
    let mut reader = AnswerReader::new(form);
    reader.begin(true);
    let mut gauge = Gauge::default();
    let mut end = None;
    for (i, piece) in pieces.iter().enumerate() {
        let stamp = Stamp {
            at_ns: i as u64 + 1,
            lag_ns: 0,
        };
        match reader.feed(piece, stamp, &mut gauge) {
            Ok(Progress::Open) => {}
            Ok(Progress::Whole(_)) => end = Some(Ok(())),
            Err(fault) => end = Some(Err(fault.kind)),
        }
        if end.is_some() {
            break;
        }
    }
    let end = end.unwrap_or_else(|| reader.end_of_input().map_err(|fault| fault.kind));
    let marks = reader.marks();
    assert_eq!(marks.gaps.len() as u32, marks.events.saturating_sub(1));
    assert_eq!(gauge.gaps.len(), marks.gaps.len() as u64);
    Found {
        events: marks.events,
        first: marks.first_token_ns,
        first_answer: marks.first_answer_token_ns,
        tokens: reader.tokens().1,
        end,
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const END: &str = "0\r\n\r\n";

fn chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n", body.len())
}

fn event(json: &str) -> String {
    chunk(&format!("data: {json}\n\n"))
}

fn token(text: &str) -> String {
    event(&format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
    ))
}

fn thought(key: &str) -> String {
    event(&format!(
        r#"{{"choices":[{{"index":0,"delta":{{"{key}":"hm"}}}}]}}"#
    ))
}

const ROLE: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":7}}"#;

fn found(events: u32, first: u64, first_answer: u64, tokens: Option<u64>) -> Found {
    Found {
        events,
        first: Some(first),
        first_answer: Some(first_answer),
        tokens,
        end: Ok(()),
    }
}

/// Protects the first token: a role that comes early, or with it, is none; reasoning is one, but not of the answer.
#[test]
fn first_tokens() {
    let (a, b) = (token("a"), token("b"));
    let tail = [event(FINISH), event(USAGE), event("[DONE]"), END.to_owned()].concat();
    let role = event(ROLE);
    let early = read(
        AnswerForm::Chat,
        &[
            HEAD.as_bytes(),
            role.as_bytes(),
            a.as_bytes(),
            b.as_bytes(),
            tail.as_bytes(),
        ],
    );
    assert_eq!(early, found(2, 3, 3, Some(7)));
    let with = [HEAD, &role, &a].concat();
    let together = read(
        AnswerForm::Chat,
        &[with.as_bytes(), b.as_bytes(), tail.as_bytes()],
    );
    assert_eq!(together, found(2, 1, 1, Some(7)));
    for key in ["reasoning_content", "reasoning"] {
        let first = thought(key);
        let reasoned = read(
            AnswerForm::Chat,
            &[
                HEAD.as_bytes(),
                first.as_bytes(),
                first.as_bytes(),
                a.as_bytes(),
                tail.as_bytes(),
            ],
        );
        assert_eq!(reasoned, found(3, 2, 4, Some(7)), "{key}");
    }
}

/// Protects token counts from how the stream is cut: several tokens per event, several events per read, one byte per read.
#[test]
fn cuts_and_chunks() {
    let whole = [
        HEAD,
        &token("a b c d"),
        &token("e"),
        &token("f"),
        &event(FINISH),
        &event(USAGE),
        &event("[DONE]"),
        END,
    ]
    .concat();
    assert_eq!(
        read(AnswerForm::Chat, &[whole.as_bytes()]),
        found(3, 1, 1, Some(7))
    );
    let bytes: Vec<&[u8]> = whole.as_bytes().chunks(1).collect();
    let slow = read(AnswerForm::Chat, &bytes);
    assert_eq!((slow.events, slow.tokens, slow.end), (3, Some(7), Ok(())));
    for size in [2, 3, 7, 64, 100] {
        let pieces: Vec<&[u8]> = whole.as_bytes().chunks(size).collect();
        let cut = read(AnswerForm::Chat, &pieces);
        assert_eq!((cut.events, cut.tokens, cut.end), (3, Some(7), Ok(())), "{size}");
    }
}

/// Protects usage in each of its places: on every event, in one without choices, and nowhere.
#[test]
fn usage_everywhere() {
    let counted = |n: u32| {
        event(&format!(
            r#"{{"choices":[{{"delta":{{"content":"a"}}}}],"usage":{{"prompt_tokens":2,"completion_tokens":{n}}}}}"#
        ))
    };
    let every = [
        HEAD,
        &counted(1),
        &counted(3),
        &counted(4),
        &event(FINISH),
        &event("[DONE]"),
        END,
    ]
    .concat();
    assert_eq!(
        read(AnswerForm::Chat, &[every.as_bytes()]),
        found(3, 1, 1, Some(4))
    );
    let none = [
        HEAD,
        &token("a"),
        &token("b"),
        &event(FINISH),
        &event("[DONE]"),
        END,
    ]
    .concat();
    assert_eq!(read(AnswerForm::Chat, &[none.as_bytes()]), found(2, 1, 1, None));
}

/// Protects ends: without `[DONE]`, with the reason in the last token, comments between, CRLF, and text behind the mark.
#[test]
fn ends() {
    let last = event(r#"{"choices":[{"delta":{"content":"z"},"finish_reason":"length"}]}"#);
    let ping = chunk(": keep-alive\n\n");
    let crlf =
        chunk("data: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\r\n\r\n: x\r\ndata: [DONE]\r\n\r\n");
    for (stream, events) in [
        ([HEAD, &token("a"), &ping, &last, END].concat(), 2),
        ([HEAD, &ping, &ping, &token("a"), &event(FINISH), END].concat(), 1),
        ([HEAD, &token("a"), &crlf, END].concat(), 2),
        (
            [
                "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
                "data: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n\ndata: [DONE]\n\n",
            ]
            .concat(),
            1,
        ),
    ] {
        let found = read(AnswerForm::Chat, &[stream.as_bytes()]);
        assert_eq!((found.events, found.end), (events, Ok(())), "{stream}");
    }
}

/// Protects failures from counting as answers: each in its class, with the tokens that came before.
#[test]
fn failures() {
    let error = event(r#"{"error":{"message":"out of memory"}}"#);
    let named = chunk("event: error\ndata: {\"message\":\"x\"}\n\n");
    let cases = [
        (
            [HEAD, &token("a"), &error, &event("[DONE]"), END].concat(),
            CallErrorKind::Server,
        ),
        ([HEAD, &token("a"), &named, END].concat(), CallErrorKind::Server),
        ([HEAD, &token("a"), END].concat(), CallErrorKind::Truncated),
        ([HEAD, &token("a")].concat(), CallErrorKind::Reset),
        (
            [HEAD, &token("a"), &chunk("data: {\"choi")].concat(),
            CallErrorKind::Reset,
        ),
        (
            [HEAD, &token("a"), &event("{"), END].concat(),
            CallErrorKind::InvalidAnswer,
        ),
    ];
    for (stream, kind) in cases {
        let found = read(AnswerForm::Chat, &[stream.as_bytes()]);
        assert_eq!((found.events, found.end), (1, Err(kind)), "{stream}");
    }
    let refused = |status: &str, body: &str| {
        let text = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        read(AnswerForm::Chat, &[text.as_bytes()]).end.unwrap_err()
    };
    assert_eq!(
        refused("429 Too Many Requests", "slow down"),
        CallErrorKind::RateLimited
    );
    assert_eq!(refused("503 No", ""), CallErrorKind::Server);
    assert_eq!(refused("401 No", "{}"), CallErrorKind::Auth);
    assert_eq!(refused("404 No", "{}"), CallErrorKind::BadRequest);
    assert_eq!(refused("302 Found", "{}"), CallErrorKind::BadRequest);
}

/// Protects answers that come compressed though nobody asked for it.
#[test]
fn compressed() {
    let plain = "data: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n\n".repeat(5) + "data: [DONE]\n\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain.as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let head = |encoding: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
    };
    let gzip = [head("gzip").as_bytes(), &body].concat();
    let pieces: Vec<&[u8]> = gzip.chunks(11).collect();
    let found = read(AnswerForm::Chat, &pieces);
    assert_eq!((found.events, found.end), (5, Ok(())));
    let brotli = [head("br").as_bytes(), &body].concat();
    assert_eq!(
        read(AnswerForm::Chat, &[&brotli]).end,
        Err(CallErrorKind::InvalidAnswer)
    );
    let broken = [head("gzip").as_bytes(), b"nonsense".repeat(9).as_slice()].concat();
    assert_eq!(
        read(AnswerForm::Chat, &[&broken]).end,
        Err(CallErrorKind::InvalidAnswer)
    );
}

/// Protects answers in one piece, which have no times of tokens, and bodies that are no answers.
#[test]
fn documents() {
    let document = |form, json: &str| {
        let text = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        );
        read(form, &[text.as_bytes()])
    };
    let chat = document(
        AnswerForm::Chat,
        r#"{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":9}}"#,
    );
    assert_eq!(
        (chat.events, chat.first, chat.tokens, chat.end),
        (0, None, Some(9), Ok(()))
    );
    let embeddings = document(
        AnswerForm::Embeddings,
        r#"{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":4}}"#,
    );
    assert_eq!((embeddings.tokens, embeddings.end), (Some(0), Ok(())));
    assert_eq!(
        document(AnswerForm::Chat, "<html>").end,
        Err(CallErrorKind::InvalidAnswer)
    );
    assert_eq!(document(AnswerForm::Any, "pong").end, Ok(()));
}

/// Protects gap histograms: what is shortest and longest at the socket encloses what was stamped.
#[test]
fn lag_widens_gaps() {
    let mut reader = AnswerReader::new(AnswerForm::Chat);
    reader.begin(true);
    let mut gauge = Gauge::default();
    let mut feed = |reader: &mut AnswerReader, text: &str, at_ms: u64, lag_ms: u64| {
        let stamp = Stamp {
            at_ns: at_ms * 1_000_000,
            lag_ns: lag_ms * 1_000_000,
        };
        reader.feed(text.as_bytes(), stamp, &mut gauge).unwrap();
    };
    feed(&mut reader, HEAD, 0, 0);
    feed(&mut reader, &token("a"), 10, 2);
    feed(&mut reader, &token("b"), 30, 5);
    let ms = |histogram: &crate::gauge::TimeHistogram| histogram.quantile_ms(0.5).unwrap().round();
    assert_eq!(
        (ms(&gauge.gaps), ms(&gauge.gaps_low), ms(&gauge.gaps_high)),
        (20.0, 15.0, 22.0)
    );
    assert_eq!(reader.marks().gaps, [200_000]);
}

/// Protects conversations: the text that is kept is exactly what users read, however the stream is cut, with and without
/// the fast path; reasoning, tools and other choices are not in it.
#[test]
fn texts_are_kept() {
    let kept = |form, whole: &str, size: usize| {
        let mut reader = AnswerReader::new(form);
        reader.keep_text(true);
        // The second answer of a connection, so that nothing of the first is left.
        for _ in 0..2 {
            reader.begin(true);
            for piece in whole.as_bytes().chunks(size) {
                let stamp = Stamp { at_ns: 1, lag_ns: 0 };
                reader.feed(piece, stamp, &mut Gauge::default()).unwrap();
            }
        }
        let raw = reader.text_json().unwrap();
        serde_json::from_str::<String>(&format!("\"{}\"", std::str::from_utf8(raw).unwrap())).unwrap()
    };
    let tool = event(r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":"no"}}]}}]}"#);
    let other = event(r#"{"choices":[{"index":1,"delta":{"content":"no"}}]}"#);
    let with_finish = event(r#"{"choices":[{"index":0,"delta":{"content":" end"},"finish_reason":"stop"}]}"#);
    let chat = [
        HEAD,
        &event(ROLE),
        &thought("reasoning_content"),
        &thought("reasoning"),
        &token("Hi \\\"you\\\""),
        &token("\\n"),
        &tool,
        &other,
        &token("\u{e9}\\ud83d"),
        &token("\\ude00"),
        &with_finish,
        &event(USAGE),
        &event("[DONE]"),
        END,
    ]
    .concat();
    for size in [1, 2, 7, 64, 1 << 20] {
        assert_eq!(
            kept(AnswerForm::Chat, &chat, size),
            "Hi \"you\"\n\u{e9}\u{1F600} end",
            "{size}"
        );
    }
    let delta = |kind: &str, key: &str, text: &str| {
        event(&format!(
            r#"{{"type":"content_block_delta","delta":{{"type":"{kind}","{key}":"{text}"}}}}"#
        ))
    };
    let messages = [
        HEAD,
        &delta("thinking_delta", "thinking", "no"),
        &delta("thinking_delta", "thinking", "no"),
        &delta("input_json_delta", "partial_json", "no"),
        &delta("input_json_delta", "partial_json", "no"),
        &delta("text_delta", "text", "a"),
        &delta("text_delta", "text", "b"),
        &event(r#"{"type":"message_stop"}"#),
        END,
    ]
    .concat();
    assert_eq!(kept(AnswerForm::Messages, &messages, 50), "ab");
    let responses = [
        HEAD,
        &event(r#"{"type":"response.reasoning_text.delta","delta":"no"}"#),
        &event(r#"{"type":"response.output_text.delta","delta":"a"}"#),
        &event(r#"{"type":"response.function_call_arguments.delta","delta":"no"}"#),
        &event(r#"{"type":"response.output_text.delta","delta":"b"}"#),
        &event(r#"{"type":"response.completed"}"#),
        END,
    ]
    .concat();
    assert_eq!(kept(AnswerForm::Responses, &responses, 50), "ab");
    let json = r#"{"choices":[{"message":{"content":"whole"}}]}"#;
    let document = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}", json.len());
    assert_eq!(kept(AnswerForm::Chat, &document, 9), "whole");
}

/// Protects quality under load: the body that is kept is what the server wrote, without framing and compression, however
/// it comes; nothing is kept where nobody wants it, and nothing of the answer before.
#[test]
fn bodies_are_kept() {
    use std::io::Write as _;
    let said = r#"{"choices":[{"delta":{"content":"y"}}]}"#;
    let events = format!("data: {ROLE}\n\ndata: {said}\n\ndata: {FINISH}\n\ndata: [DONE]\n\n");
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(events.as_bytes()).unwrap();
    let zipped = zipped.finish().unwrap();
    let head = |more: &str, len: usize| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{more}content-length: {len}\r\n\r\n")
    };
    let json = r#"{"choices":[{"message":{"content":"whole"}}]}"#;
    let document = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}", json.len());
    let chunked = [HEAD, &chunk(&events[..20]), &chunk(&events[20..]), END].concat();
    let packed = [
        head("content-encoding: gzip\r\n", zipped.len()).as_bytes(),
        &zipped,
    ]
    .concat();
    for size in [1, 7, 1 << 20] {
        let mut reader = AnswerReader::new(AnswerForm::Chat);
        for (whole, expected) in [
            (chunked.as_bytes(), events.as_str()),
            (&packed, &events),
            (document.as_bytes(), json),
        ] {
            for is_wanted in [true, false] {
                reader.begin(true);
                if is_wanted {
                    reader.keep_body();
                }
                for piece in whole.chunks(size) {
                    let stamp = Stamp { at_ns: 1, lag_ns: 0 };
                    reader.feed(piece, stamp, &mut Gauge::default()).unwrap();
                }
                let expected = if is_wanted { expected } else { "" };
                assert_eq!(reader.body(), Some(expected.as_bytes()), "{size}");
            }
        }
    }
}
