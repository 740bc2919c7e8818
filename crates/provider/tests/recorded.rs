//! Recorded answers, from files as people have them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests call is as free as tests are"
)]

use seatrial_provider::{Provider, Recorded, RecordedError, RecordedFields};
use seatrial_types::{Call, CallErrorKind, ModelRequest, Usage};
use std::path::{Path, PathBuf};

fn write(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn fields() -> RecordedFields {
    RecordedFields {
        usage_field: Some("usage".to_owned()),
        latency_ms_field: Some("ms".to_owned()),
        ..RecordedFields::default()
    }
}

fn ask(id: &str, epoch: u32) -> ModelRequest {
    ModelRequest {
        case_id: Some(id.into()),
        epoch,
        ..ModelRequest::default()
    }
}

fn text(call: &Call) -> &str {
    &call.result.as_ref().unwrap().text
}

const JSONL: &str = concat!(
    "\u{feff}{\"id\": \"a\", \"output\": \"first\", \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 2}, \"ms\": 12.5}\n",
    "\n",
    "{\"ID\": 0, \"id\": 7, \"output\": {\"k\": [1, 2.50]}, \"extra\": {\"deep\": [null]}}\r\n",
    "{\"output\": \"se\\u0063ond\", \"id\": \"a\", \"usage\": null, \"ms\": null}\n",
    "{\"id\": \"nothing\", \"output\": null}\n",
    "{\"id\": \"n\", \"output\": 42}",
);

/// Protects the whole contract on one file: ids of both types, epochs, JSON answers, usage, latency, what is missing.
#[tokio::test]
async fn answers_from_json_lines() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = Recorded::try_open(&write(&dir, "a.jsonl", JSONL), fields()).unwrap();
    assert_eq!(recorded.len(), 5);
    let provider = Provider::from(recorded);

    let first = provider.call(&ask("a", 0)).await;
    assert_eq!(text(&first), "first");
    let usage = Usage {
        input_tokens: Some(3),
        output_tokens: Some(2),
        ..Usage::default()
    };
    assert_eq!(first.result.as_ref().unwrap().usage, usage);
    let timing = first.timing().unwrap();
    assert_eq!(
        (timing.send_ns, timing.end_ns, timing.first_token_ns),
        (Some(0), 12_500_000, None)
    );

    let second = provider.call(&ask("a", 1)).await;
    assert_eq!((text(&second), second.attempts.len()), ("second", 0));
    assert_eq!(second.result.unwrap().usage, Usage::default());
    assert_eq!(text(&provider.call(&ask("7", 0)).await), "{\"k\": [1, 2.50]}");
    assert_eq!(text(&provider.call(&ask("n", 0)).await), "42");

    for (id, epoch, what) in [
        ("a", 2, "2 answers"),
        ("b", 0, "no row"),
        ("nothing", 0, "is null"),
    ] {
        let call = provider.call(&ask(id, epoch)).await;
        let error = call.result.unwrap_err();
        assert_eq!(
            (error.kind, call.attempts.len()),
            (CallErrorKind::NoRecordedAnswer, 0)
        );
        assert!(
            error.message.contains(what) && error.message.contains("a.jsonl"),
            "{}",
            error.message
        );
    }
    let without_id = provider.call(&ModelRequest::default()).await;
    assert_eq!(
        without_id.result.unwrap_err().kind,
        CallErrorKind::NoRecordedAnswer
    );
}

/// Protects CSV: quoted line breaks, columns in any order, empty measurements.
#[tokio::test]
async fn answers_from_csv() {
    let dir = tempfile::tempdir().unwrap();
    let csv = concat!(
        "\u{feff}ms,output,id,usage\r\n",
        "1.5,\"two\r\nlines, \"\"quoted\"\"\",a,\"{\"\"prompt_tokens\"\": 4}\"\r\n",
        ",plain,7,\r\n",
        ",,empty,\r\n",
        "2,again,a,",
    );
    let recorded = Recorded::try_open(&write(&dir, "a.CSV", csv), fields()).unwrap();
    let first = recorded.call(&ask("a", 0));
    assert_eq!(text(&first), "two\r\nlines, \"quoted\"");
    assert_eq!(first.result.as_ref().unwrap().usage.input_tokens, Some(4));
    assert_eq!(first.timing().unwrap().end_ns, 1_500_000);
    assert_eq!(text(&recorded.call(&ask("a", 1))), "again");
    let plain = recorded.call(&ask("7", 0));
    assert_eq!((text(&plain), plain.attempts.len()), ("plain", 0));
    assert_eq!(text(&recorded.call(&ask("empty", 0))), "");
}

fn refused(path: &Path) -> (u64, String) {
    match Recorded::try_open(path, fields()).unwrap_err() {
        RecordedError::Row { line, what, .. } => (line, what),
        other @ RecordedError::Read { .. } => panic!("{other}"),
    }
}

/// Protects people with a broken file: which line, what was found, before anything is run.
#[test]
fn bad_rows_name_their_line() {
    let dir = tempfile::tempdir().unwrap();
    let good = "{\"id\": 1, \"output\": \"x\"}\n";
    for (bad, what) in [
        ("{\"id\": 1, \"output\"", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("{\"id\": 1} {}", "not a JSON object"),
        ("{\"output\": \"x\"}", "no `id`"),
        ("{\"id\": 1}", "no `output`"),
        ("{\"id\": 1.5, \"output\": \"x\"}", "`id` is 1.5"),
        ("{\"id\": null, \"output\": \"x\"}", "`id` is null"),
        (
            "{\"id\": 1, \"output\": \"x\", \"ms\": \"fast\"}",
            "`ms` is \"fast\"",
        ),
        ("{\"id\": 1, \"output\": \"x\", \"ms\": -1}", "`ms` is -1"),
        ("{\"id\": 1, \"output\": \"x\", \"id\": 2}", "stands twice"),
    ] {
        let path = write(&dir, "bad.jsonl", &format!("{good}\n{bad}\n{good}"));
        let (line, found) = refused(&path);
        assert_eq!(line, 3, "{bad}");
        assert!(found.contains(what), "{bad}: {found}");
    }
    let path = write(&dir, "bad.csv", "id,answer\n1,x\n");
    let (line, found) = refused(&path);
    assert_eq!(line, 1);
    assert!(found.contains("no column `output`, found: id, answer"), "{found}");
    let only_two = RecordedFields::default();
    let path = write(&dir, "short.csv", "id,output\n1,x\n2\n");
    let error = Recorded::try_open(&path, only_two.clone())
        .unwrap_err()
        .to_string();
    assert!(error.contains("short.csv:3: the row has no `output`"), "{error}");
    let missing = Recorded::try_open(&dir.path().join("none.jsonl"), only_two).unwrap_err();
    assert!(matches!(missing, RecordedError::Read { .. }));
}

/// Protects large files: every one of many rows is found again, by its own id.
#[test]
fn many_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut jsonl = String::new();
    for id in 0..20_000_u32 {
        jsonl.push_str(&format!("{{\"id\":\"case-{id}\",\"output\":\"answer {id}\"}}\n"));
    }
    let recorded = Recorded::try_open(&write(&dir, "many.jsonl", &jsonl), RecordedFields::default()).unwrap();
    for id in (0..20_000).step_by(37) {
        assert_eq!(
            text(&recorded.call(&ask(&format!("case-{id}"), 0))),
            format!("answer {id}")
        );
    }
}
