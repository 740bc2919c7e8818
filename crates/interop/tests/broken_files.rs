//! Files that are cut off, damaged, hostile or of another kind: an error with file, place and hint, never a panic,
//! never more memory than the limits say.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{fixture, read};
use proptest::prelude::*;
use seatrial_interop::{Format, Options};
use std::io::Write;

/// A zip of these entries, packed with Zstandard as Inspect does.
fn archive(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zip = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, content) in entries {
        let (mut entry, config) = zip
            .new_file(name)
            .compression_method(rawzip::CompressionMethod::ZSTD)
            .start()
            .unwrap();
        let encoder = zstd::stream::write::Encoder::new(&mut entry, 3).unwrap();
        let mut writer = config.wrap(encoder);
        writer.write_all(content).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    zip.finish().unwrap();
    bytes
}

/// The error of a file with this content.
fn error(format: Format, name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    match read(format, &[path], &Options::default()) {
        Err(error) => error.to_string(),
        Ok((shape, _)) => format!("read {} samples", shape.samples),
    }
}

const START: &[u8] = br#"{"version":2,"eval":{"task":"t","model":"m"}}"#;

#[track_caller]
fn says(error: &str, words: &[&str]) {
    for word in words.iter().chain(&["hint: "]) {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}

/// Protects archives against everything that a zip can be.
#[test]
fn broken_archives_are_located() {
    let whole = std::fs::read(fixture("inspect.eval")).unwrap();
    says(
        &error(Format::Inspect, "a.eval", &whole[..whole.len() / 2]),
        &["a.eval", "no end"],
    );
    says(&error(Format::Inspect, "a.eval", b""), &["the file is empty"]);
    says(
        &error(Format::Inspect, "a.eval", &archive(&[("x.txt", b"x".to_vec())])),
        &["header.json", "no Inspect log"],
    );
    let newer = br#"{"version":9,"eval":{"task":"t","model":"m"}}"#.to_vec();
    says(
        &error(Format::Inspect, "a.eval", &archive(&[("header.json", newer)])),
        &["version 9", "up to 2"],
    );
    says(
        &error(
            Format::Inspect,
            "a.eval",
            &archive(&[("header.json", START.to_vec())]),
        ),
        &["no samples"],
    );
    let sample = |text: &str| {
        archive(&[
            ("header.json", START.to_vec()),
            ("samples/1_epoch_1.json", text.into()),
        ])
    };
    says(
        &error(Format::Inspect, "a.eval", &sample(r#"{"id":1,"epoch":"#)),
        &["entry samples/1_epoch_1.json", "the text ends", "column"],
    );
    says(
        &error(Format::Inspect, "a.eval", &sample(r#"{"id":1,"epoch":"one"}"#)),
        &["entry samples/1_epoch_1.json", "u32", "line 1 column"],
    );
    let mut damaged =
        sample(r#"{"id":1,"epoch":1,"input":"What is this about, again and again and again?"}"#);
    let at = damaged
        .windows(4)
        .rposition(|window| window == b"\x28\xb5\x2f\xfd")
        .unwrap();
    damaged[at + 12] ^= 0x55;
    says(
        &error(Format::Inspect, "a.eval", &damaged),
        &["entry samples/1_epoch_1.json", "damaged"],
    );
}

/// Protects memory and time: a small entry that unpacks to hundreds of megabytes is refused on the way.
#[test]
fn zip_bombs_are_refused() {
    let mut bomb = br#"{"id":1,"epoch":1,"input":""#.to_vec();
    bomb.resize(bomb.len() + (200 << 20), b'a');
    bomb.extend_from_slice(br#""}"#);
    let bytes = archive(&[("header.json", START.to_vec()), ("samples/1_epoch_1.json", bomb)]);
    assert!(bytes.len() < 1 << 20, "the bomb is small");
    says(
        &error(Format::Inspect, "a.eval", &bytes),
        &["unpacks to more than"],
    );
}

/// Protects the other formats: line and column, what was found, what to import instead.
#[test]
fn broken_text_files_are_located() {
    says(
        &error(Format::Inspect, "a.json", b"[1, 2]"),
        &["a.json", "expected"],
    );
    says(&error(Format::Inspect, "a.json", br#"{"version":2,"eval":{"task":"t","model":"m"},"samples":[{"id":1,"epoch":1},{"id":2,"epoch":-1}]}"#), &["sample 2", "u32"]);
    says(
        &error(
            Format::Inspect,
            "a.json",
            br#"{"version":2,"eval":{"task":"t","model":"m"},"samples":null}"#,
        ),
        &["no samples"],
    );
    says(
        &error(
            Format::LmEval,
            "s.jsonl",
            b"{\"doc_id\":0,\"resps\":[]}\n{\"doc_id\":1,\n",
        ),
        &["line 2", "JSON object"],
    );
    says(
        &error(Format::LmEval, "r.json", b"{\"results\":{}}\n"),
        &["line 1", "doc_id", "samples_"],
    );
    says(
        &error(
            Format::OpenAiEvals,
            "e.jsonl",
            b"{\"input\":\"x\",\"ideal\":\"y\"}\n",
        ),
        &["spec", "oaieval"],
    );
    says(
        &error(Format::Results, "r.csv", b"id,ok\n1,1\n2\n"),
        &["line 3", "fields"],
    );
    says(
        &error(Format::Results, "r.jsonl", b"{\"id\":1,\"scores\":7}\n"),
        &["line 1", "`scores`"],
    );
    says(
        &error(
            Format::Results,
            "r.jsonl",
            b"{\"id\":1,\"ok\":1,\"cost_usd\":\"much\"}\n",
        ),
        &["line 1", "cost_usd"],
    );
    says(&error(Format::Results, "r.jsonl", b"\xff\xfe\n"), &["line 1"]);
    says(&error(Format::Results, "r.jsonl", b"\n\n"), &["no samples"]);
    let folder = tempfile::tempdir().unwrap();
    let missing = read(
        Format::Inspect,
        &[folder.path().join("none.eval")],
        &Options::default(),
    )
    .unwrap_err();
    says(&missing.to_string(), &["none.eval", "failed to open"]);
    let dir = read(Format::Inspect, &[folder.path().to_owned()], &Options::default()).unwrap_err();
    says(&dir.to_string(), &["folder"]);
}

/// Protects columns that nobody has, and a name for one target given to several.
#[test]
fn options_that_fit_nothing_are_errors() {
    let options = Options {
        slices: vec!["colour".to_owned()],
        ..Options::default()
    };
    let error = read(Format::Inspect, &[fixture("inspect.eval")], &options).unwrap_err();
    says(&error.to_string(), &["`colour`"]);
    let options = Options {
        target: Some("one".to_owned()),
        ..Options::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.jsonl");
    std::fs::write(&path, "{\"model\":\"a\",\"ok\":1}\n{\"model\":\"b\",\"ok\":1}\n").unwrap();
    let error = read(Format::Results, &[path], &options).unwrap_err();
    says(&error.to_string(), &["a, b", "--target"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Protects against panics: an archive with any byte changed, cut off anywhere, is read or refused.
    #[test]
    fn no_bytes_panic(at in 0_usize..7000, to in any::<u8>(), cut in 0_usize..7000) {
        let mut bytes = std::fs::read(fixture("inspect-crashed.eval")).unwrap();
        let (at, cut) = (at % bytes.len(), cut % bytes.len());
        bytes[at] = to;
        error(Format::Inspect, "a.eval", &bytes);
        error(Format::Inspect, "a.eval", &bytes[..cut]);
    }

    /// Protects the text formats likewise.
    #[test]
    fn no_text_panics(text in "[\\[\\]{}\",:0-9a-zN \n-]{0,80}") {
        for format in [Format::Inspect, Format::LmEval, Format::OpenAiEvals, Format::Results] {
            error(format, "a.jsonl", text.as_bytes());
        }
        error(Format::Results, "a.csv", text.as_bytes());
    }
}
