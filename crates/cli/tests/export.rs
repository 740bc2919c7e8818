//! Exports through the binary: every form tells the same, with names instead of numbers, and what goes out comes back
//! in with equal figures.

#![expect(clippy::unwrap_used, reason = "tests")]

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use seatrial_testkit::Workspace;
use serde_json::Value;
use std::path::Path;

/// A workspace with an imported run of 5 cases × 2 epochs, one case of which ended in an error.
fn workspace() -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/interop");
    let log = root.join("inspect.eval");
    let arguments = ["import", "inspect", log.to_str().unwrap(), "--slice", "topic"];
    let _ = workspace.run(&arguments).expect_code(0);
    workspace
}

fn export(workspace: &Workspace, format: &str, name: &str) -> Vec<u8> {
    let arguments = ["export", "latest", "--format", format, "--output", name];
    let _ = workspace.run(&arguments).expect_code(0);
    std::fs::read(workspace.path().join(name)).unwrap()
}

/// Metric, outcome and value of every row of a CSV export, by position of the column.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let rows = rows
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

/// Protects spreadsheets: one row for each sample and metric, names instead of numbers, slices as columns, texts that
/// can be left out.
#[test]
fn csv_is_long_and_named() {
    let workspace = workspace();
    let text = String::from_utf8(export(&workspace, "csv", "s.csv")).unwrap();
    let rows = csv_rows(&text);
    assert_eq!(rows.len(), 1 + 10 * 4);
    let at = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let two: Vec<_> = rows[1..]
        .iter()
        .filter(|row| row[at("id")] == "two" && row[at("epoch")] == "0")
        .map(|row| {
            (
                row[at("metric")].as_str(),
                row[at("kind")].as_str(),
                row[at("value")].as_str(),
                row[at("slice.topic")].as_str(),
            )
        })
        .collect();
    assert_eq!(
        two,
        [
            ("includes", "binary", "1", "places"),
            ("partial", "bounded", "0.5", "places"),
            ("shape_length", "real", "12", "places"),
            ("shape_brevity", "bounded", "0.07692307692307693", "places")
        ]
    );
    let bad = rows[1..].iter().find(|row| row[at("id")] == "bad").unwrap();
    assert_eq!(
        (
            bad[at("outcome")].as_str(),
            bad[at("value")].as_str(),
            bad[at("error")].as_str()
        ),
        ("error", "", "foreign")
    );
    assert!(bad[at("error_message")].contains("the tool broke"));
    assert_eq!(bad[at("model")], "mockllm/model");
    let arguments = ["export", "latest", "--format", "csv", "--no-texts"];
    let lean = workspace.run(&arguments).expect_code(0).stdout;
    assert!(
        !lean.contains("It is Paris.\"") && !lean.lines().next().unwrap().contains("prompt"),
        "{lean}"
    );
}

/// Protects data frames: Parquet has the rows and columns of the CSV, with numbers as numbers.
#[test]
fn parquet_has_the_rows_of_the_csv() {
    let workspace = workspace();
    let rows = csv_rows(&String::from_utf8(export(&workspace, "csv", "s.csv")).unwrap());
    let bytes = export(&workspace, "parquet", "s.parquet");
    assert_eq!(
        (&bytes[..4], &bytes[bytes.len() - 4..]),
        (&b"PAR1"[..], &b"PAR1"[..])
    );
    let reader = SerializedFileReader::try_from(workspace.path().join("s.parquet").as_path()).unwrap();
    let mut number = 0;
    for row in reader.get_row_iter(None).unwrap() {
        number += 1;
        for ((name, cell), expected) in row.unwrap().into_columns().into_iter().zip(&rows[number]) {
            let cell = match cell {
                Field::Null => String::new(),
                Field::Str(text) => text,
                Field::Bool(value) => value.to_string(),
                Field::Long(value) => value.to_string(),
                Field::Double(value) => {
                    assert!((value - expected.parse::<f64>().unwrap()).abs() < 1e-12, "{name}");
                    continue;
                }
                other => panic!("{name} is {other:?}"),
            };
            assert_eq!(&cell, expected, "row {number}, column {name}");
        }
    }
    assert_eq!(number, rows.len() - 1);
}

/// Protects both JSON forms: the whole one holds the lines of the other.
#[test]
fn json_holds_what_the_lines_hold() {
    let workspace = workspace();
    let lines = String::from_utf8(export(&workspace, "jsonl", "s.jsonl")).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let whole: Value = serde_json::from_slice(&export(&workspace, "json", "s.json")).unwrap();
    assert_eq!(
        (
            whole["schema"].as_str(),
            whole["exit_code"].as_u64(),
            whole["status"].as_str()
        ),
        (Some("seatrial.export/1"), Some(0), Some("finished"))
    );
    assert_eq!(whole["samples"].as_array().unwrap(), &lines);
    assert_eq!(lines[0]["scores"][3]["metric"], "shape_brevity");
}

/// Figures of findings that an import tells, without what names the run.
fn metrics(told: &Value) -> Value {
    told["findings"]["targets"][0]["metrics"].clone()
}

/// Protects the way out and back: our rows and our Inspect log, imported again, give the same estimates.
#[test]
fn what_goes_out_comes_back_equal() {
    let workspace = workspace();
    let first = workspace
        .run(&["report", "latest", "--format", "json"])
        .expect_code(0)
        .stdout;
    let first: Value = serde_json::from_str(&first).unwrap();
    export(&workspace, "jsonl", "trivia.jsonl");
    export(&workspace, "inspect", "log.json");
    for (format, file) in [("results", "trivia.jsonl"), ("inspect", "log.json")] {
        let arguments = [
            "import",
            format,
            file,
            "--slice",
            "topic",
            "--json",
            "told.json",
            "--store",
            format,
        ];
        let _ = workspace.run(&arguments).expect_code(0);
        let told = workspace.json("told.json");
        assert_eq!(
            told["warnings"].as_array().unwrap().len(),
            0,
            "{format}: {}",
            told["warnings"]
        );
        assert_eq!(metrics(&told), first["targets"][0]["metrics"], "{format}");
    }
}

/// Protects the user: a run of several targets needs one to be named for Inspect, and names that are not there are told.
#[test]
fn what_cannot_be_exported_is_told() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    workspace.write(
        "r.jsonl",
        "{\"target\":\"a\",\"task\":\"x\",\"ok\":1}\n{\"target\":\"b\",\"task\":\"x\",\"ok\":0}\n",
    );
    let _ = workspace.run(&["import", "results", "r.jsonl"]).expect_code(0);
    let two = workspace
        .run(&["export", "latest", "--format", "inspect"])
        .expect_code(2);
    assert!(two.stderr.contains("--target (a, b)"), "{}", two.stderr);
    let one = ["export", "latest", "--format", "inspect", "--target", "b"];
    let log: Value = serde_json::from_str(&workspace.run(&one).expect_code(0).stdout).unwrap();
    assert_eq!(
        (log["version"].as_u64(), log["samples"].as_array().unwrap().len()),
        (Some(2), 1)
    );
    assert_eq!(log["results"]["scores"][0]["metrics"]["mean"]["value"], 0.0);
    let unknown = workspace
        .run(&["export", "latest", "--target", "c"])
        .expect_code(2);
    assert!(
        unknown.stderr.contains("no target `c`") && unknown.stderr.contains("a, b"),
        "{}",
        unknown.stderr
    );
    let folder = workspace
        .run(&["export", "latest", "--output", "nowhere/x.csv"])
        .expect_code(2);
    assert!(folder.stderr.contains("mkdir"), "{}", folder.stderr);
}
