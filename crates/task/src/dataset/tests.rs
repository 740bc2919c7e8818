//! The row contract, in every format.

use super::*;
use std::io::Write;

fn read(name: &str, content: &[u8], columns: DatasetColumns) -> Result<Vec<Case>, DatasetError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    File::create(&path).unwrap().write_all(content).unwrap();
    let format = if name.ends_with("csv") {
        DatasetFormat::Csv
    } else {
        DatasetFormat::Jsonl
    };
    DatasetReader::open(&DatasetSource::file(path, format, columns))?.collect()
}

/// Protects the row contract: default ids, reference names, lists of accepted answers, blank lines, BOM.
#[test]
fn reads_rows_as_the_design_says() {
    let text = "\u{feff}{\"input\":\"a\",\"answer\":3}\n\n{\"id\":\"x\",\"gold\":[\"b\",\"c\"],\"expected\":null}\r\n{\"id\":7}";
    let cases = read("d.jsonl", text.as_bytes(), DatasetColumns::default()).unwrap();
    let seen: Vec<_> = cases
        .iter()
        .map(|case| (&*case.id, case.row, case.expected.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("1", 1, vec!["3".to_owned()]),
            ("x", 2, vec!["b".to_owned(), "c".to_owned()]),
            ("7", 3, vec![])
        ]
    );
    assert_eq!(cases[0].input.as_deref(), Some("a"));
}

/// Protects CSV: quoting, line numbers across quoted line breaks, JSON lists as choices.
#[test]
fn reads_csv() {
    let text = "id,question,answer,choices\n1,\"two\nlines\",A,\"[\"\"x\"\",\"\"y\"\"]\"\n2,q,B,[]\n";
    let columns = DatasetColumns {
        input: Some("question".into()),
        ..DatasetColumns::default()
    };
    let cases = read("d.csv", text.as_bytes(), columns).unwrap();
    assert_eq!(cases[0].input.as_deref(), Some("two\nlines"));
    assert_eq!(
        (cases[0].choices.as_slice(), cases[1].expected[0].as_str()),
        (&["x".to_owned(), "y".to_owned()][..], "B")
    );
}

/// Protects the promise that an error names file, line, row and remedy.
#[test]
fn errors_name_the_row() {
    let mapped = DatasetColumns {
        expected: Some("gold".into()),
        ..DatasetColumns::default()
    };
    let cases: [(&str, &[u8], &str); 9] = [
        (
            "d.jsonl",
            b"{\"id\":1}\n{\"id\":",
            "d.jsonl:2: row 2: not valid JSON at column 6",
        ),
        (
            "d.jsonl",
            b"{\"id\":1,\"gold\":1}\n[1]",
            "d.jsonl:2: row 2: expected a JSON object, found a list",
        ),
        (
            "d.jsonl",
            b"{\"gold\":1}\n\xff\xfe",
            "d.jsonl:2: row 2: invalid UTF-8 at byte 1",
        ),
        ("d.jsonl", b"{\"id\":1.5}", "`id` is the number 1.5"),
        (
            "d.jsonl",
            b"{\"id\":1,\"answer\":2}",
            "column `gold` is missing or null",
        ),
        ("d.jsonl", b"{\"gold\":{}}", "the reference is an object"),
        (
            "d.csv",
            b"id,gold\n1,2\n3\n",
            "d.csv:3: row 2: found 1 fields, the header has 2",
        ),
        ("d.csv", b"id,gold\n1,\xff\n", "invalid UTF-8 in field 2"),
        ("d.csv", b"id,id\n", "column `id` occurs twice"),
    ];
    for (name, content, expected) in cases {
        let columns = if content.starts_with(b"{\"id\":1}") {
            DatasetColumns::default()
        } else {
            mapped.clone()
        };
        let error = read(name, content, columns).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} lacks {expected}");
    }
}

/// Protects memory: a row that never ends is refused, in both formats.
#[test]
fn over_long_rows_are_refused() {
    let mut line = vec![b' '; usize::try_from(ROW_BYTES_MAX).unwrap() + 2];
    line[0] = b'{';
    let error = read("d.jsonl", &line, DatasetColumns::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("longer than 16 MiB"), "{error}");
    let mut csv = b"id,gold\n1,\"".to_vec();
    csv.resize(
        usize::try_from(ROW_BYTES_MAX).unwrap() + READ_BUFFER_BYTES * 4,
        b'x',
    );
    let error = read("d.csv", &csv, DatasetColumns::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("longer than 16 MiB"), "{error}");
}

fn read_source(content: DatasetContent, columns: DatasetColumns) -> Result<Vec<Case>, DatasetError> {
    DatasetReader::open(&DatasetSource { content, columns })?.collect()
}

fn parquet_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/parquet")
        .join(name)
}

fn read_parquet(name: &str) -> Result<Vec<Case>, DatasetError> {
    let paths = vec![parquet_file(name)];
    let format = DatasetFormat::Parquet;
    read_source(
        DatasetContent::Files {
            paths,
            shown: Vec::new(),
            format,
        },
        DatasetColumns::default(),
    )
}

/// Protects the meaning of Parquet's kinds of values, as another implementation wrote them.
#[test]
fn parquet_values_become_json() {
    let cases = read_parquet("kinds.parquet").unwrap();
    let expected = serde_json::json!([
        {"id": "a", "question": "What is 2+2?", "answer": "4", "choices": ["3", "4"],
         "nested": {"x": 1, "tags": [{"k": "p", "v": 0.1}]}, "map": {"one": 1}, "flag": true, "small": -1,
         "large": 9_223_372_036_854_775_808_u64, "real": 0.5, "single": 0.1, "exact": "1.10", "day": "2026-02-28",
         "moment": "2026-02-28T12:00:00.25Z", "bytes": "text", "word": "x"},
        {"id": "b", "question": "Größe?\nin cm", "answer": "181", "choices": ["180", "181", "182"],
         "nested": {"x": null, "tags": []}, "map": {}, "flag": false, "small": 2, "large": 1, "real": null,
         "single": null, "exact": null, "day": null, "moment": null, "bytes": "/wAB", "word": "x"},
        {"id": "c", "question": "", "answer": null, "choices": [], "nested": null, "map": null, "flag": null,
         "small": null, "large": 0, "real": null, "single": 3.0, "exact": "-0.05", "day": "1969-12-31",
         "moment": "1969-12-31T23:59:59Z", "bytes": null, "word": "y"},
    ]);
    let seen: Vec<Value> = cases
        .iter()
        .map(|case| Value::Object(case.columns.as_ref().clone()))
        .collect();
    assert_eq!(Value::Array(seen), expected);
    assert_eq!(
        (cases[1].choices.len(), cases[1].expected[0].as_str()),
        (3, "181")
    );
}

/// Protects the usual compressions and files of several row groups; the one that is left out says so.
#[test]
fn parquet_compressions_are_read() {
    for name in ["none", "gzip", "zstd", "lz4"] {
        let cases = read_parquet(&format!("{name}.parquet")).unwrap();
        assert_eq!(cases.len(), 300, "{name}");
        assert_eq!(cases[299].input.as_deref(), Some("question 299"), "{name}");
    }
    let error = read_parquet("brotli.parquet").unwrap_err().to_string();
    assert!(
        error.contains("brotli.parquet: row 1: it is compressed with brotli"),
        "{error}"
    );
    assert!(read_parquet("empty.parquet").unwrap().is_empty());
}

/// Protects from files that are cut off, damaged, or something else; each is named with what to do.
#[test]
fn wrong_parquet_files_are_explained() {
    let whole = std::fs::read(parquet_file("zstd.parquet")).unwrap();
    let half = whole.len() / 2;
    let long = [&b"PAR1"[..], &[0xff; 40], b"\xff\xff\xff\x7fPAR1"].concat();
    for (content, expected) in [
        (&b""[..], "the file is empty"),
        (b"PAR1", "too short"),
        (&whole[..half], "not a readable Parquet file"),
        (b"{\"id\": 1, \"input\": \"a\"}", "looks like JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x1f\x8b0123456789", "compressed as a whole"),
        (b"PARE012345678901", "encrypted"),
        (&long, "not a readable Parquet file"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.parquet");
        std::fs::write(&path, content).unwrap();
        let source = DatasetSource::file(path, DatasetFormat::Parquet, DatasetColumns::default());
        let error = match DatasetReader::open(&source) {
            Ok(_) => panic!("{expected}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected) && error.contains("hint: "), "{error}");
    }
    let error = read_parquet("deep.parquet").unwrap_err().to_string();
    assert!(error.contains("nested 41 deep, at most 32"), "{error}");
}

/// Protects the process: no change of a byte makes reading panic, and a file that reads at all has all its rows.
#[test]
fn damaged_parquet_files_never_panic() {
    let whole = std::fs::read(parquet_file("kinds.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.parquet");
    let source = DatasetSource::file(path.clone(), DatasetFormat::Parquet, DatasetColumns::default());
    let mut read = 0;
    for position in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x5a;
        std::fs::write(&path, &damaged).unwrap();
        let cases = DatasetReader::open(&source).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        if let Ok(cases) = cases {
            read += 1;
            assert!(!cases.is_empty(), "byte {position}");
        }
    }
    assert!(read > 0);
}

/// Protects expressions: they see all columns, keep lists and numbers, and become columns themselves.
#[test]
fn expressions_make_fields() {
    let columns = DatasetColumns {
        id: Some("{{ subject }}-{{ n }}".into()),
        input: Some("{{ question }} ({{ unit }})".into()),
        expected: Some("{{ options[gold] }}".into()),
        choices: Some("{{ options | map('upper') | list }}".into()),
        cluster: Some("subject".into()),
    };
    let row = br#"{"subject":"s","n":7,"question":"How far?","unit":"km","options":["a","b"],"gold":1}"#;
    let case = read("d.jsonl", row, columns).unwrap().remove(0);
    assert_eq!((&*case.id, case.input.as_deref()), ("s-7", Some("How far? (km)")));
    assert_eq!(
        (case.expected, case.cluster.as_deref()),
        (vec!["b".to_owned()], Some("s"))
    );
    assert_eq!(case.choices, ["A", "B"]);
    assert_eq!(case.columns["input"], "How far? (km)");
    assert_eq!(case.columns["choices"], serde_json::json!(["A", "B"]));
}

/// Protects the place of a mistake in an expression: field, row, and the columns that there are.
#[test]
fn wrong_expressions_name_field_and_row() {
    for (expression, expected) in [
        (
            "{{ absent }}",
            "failed to evaluate `fields: expected`: it yields nothing",
        ),
        (
            "{{ absent }}!",
            "failed to evaluate `fields: expected`: undefined value",
        ),
        ("{{ q / 0 }}", "failed to evaluate `fields: expected`"),
        ("{{ {'a': q} }}", "the reference is an object"),
        ("{{ q q }}", "`fields: expected` is not a valid expression"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "fuel",
        ),
    ] {
        let columns = DatasetColumns {
            expected: Some(expression.into()),
            ..DatasetColumns::default()
        };
        let error = read("d.jsonl", b"\n{\"q\":1}", columns).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("d.jsonl"),
            "{error} lacks {expected}"
        );
        if !expected.contains("not a valid") {
            assert!(error.contains(":2: row 1"), "{error}");
        }
    }
}

/// Protects folders: ids are relative paths in a stable order, hidden files stay out, the glob chooses.
#[test]
fn folders_of_texts_are_cases() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("pos/b.txt", "good"),
        ("neg/a.txt", "\u{feff}bad"),
        ("notes.md", "no"),
        (".hidden", "x"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = folder.path().to_owned();
    let columns = DatasetColumns {
        expected: Some("folder".into()),
        ..DatasetColumns::default()
    };
    let ids = |glob: Option<&str>| {
        let glob = glob.map(str::to_owned);
        let content = DatasetContent::Folder {
            root: root.clone(),
            glob,
        };
        let cases = read_source(content, DatasetColumns::default()).unwrap();
        cases.iter().map(|case| case.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(None), ["neg/a.txt", "notes.md", "pos/b.txt"]);
    assert_eq!(ids(Some("*")), ["notes.md"]);
    let glob = Some("**/*.txt".to_owned());
    let cases = read_source(
        DatasetContent::Folder {
            root: root.clone(),
            glob,
        },
        columns,
    )
    .unwrap();
    let seen: Vec<_> = cases
        .iter()
        .map(|case| (case.input.as_deref().unwrap(), case.expected[0].as_str()))
        .collect();
    assert_eq!(seen, [("bad", "neg"), ("good", "pos")]);
}

/// Protects from folders that hold something else.
#[test]
fn wrong_folders_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let error = |glob: Option<&str>| {
        let content = DatasetContent::Folder {
            root: folder.path().to_owned(),
            glob: glob.map(str::to_owned),
        };
        read_source(content, DatasetColumns::default())
            .unwrap_err()
            .to_string()
    };
    assert!(error(None).contains("the folder has no files"));
    std::fs::write(folder.path().join("picture.png"), b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    assert!(error(None).contains("picture.png: row 1: not a text file: byte 7 is 0x1a"));
    assert!(error(Some("*.txt")).contains("none of its 1 files matches `glob: *.txt`"));
    assert!(error(Some("[")).contains("is no pattern"));
    std::fs::write(folder.path().join("latin1.txt"), b"caf\xe9").unwrap();
    assert!(error(Some("*.txt")).contains("latin1.txt: row 1: invalid UTF-8 at byte 4"));
}

/// Protects several files: rows are counted through, and the hash depends on each of them.
#[test]
fn several_files_are_one_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let paths = vec![
        write("1.jsonl", "{\"input\":\"a\"}\n"),
        write("2.jsonl", "{\"input\":\"b\"}\n{\"input\":"),
    ];
    let format = DatasetFormat::Jsonl;
    let content = DatasetContent::Files {
        paths,
        shown: Vec::new(),
        format,
    };
    let source = DatasetSource {
        content,
        columns: DatasetColumns::default(),
    };
    let error = read_source(source.content.clone(), DatasetColumns::default()).unwrap_err();
    assert!(error.to_string().contains("2.jsonl:2: row 3"), "{error}");
    let hash = |second: &str| {
        write("2.jsonl", second);
        let mut reader = DatasetReader::open(&source).unwrap();
        let rows = reader.by_ref().map(Result::unwrap).count();
        (rows, reader.content_hash().unwrap())
    };
    let (rows, first) = hash("{\"input\":\"b\"}\n");
    assert_eq!(rows, 2);
    assert_ne!(first, hash("{\"input\":\"c\"}\n").1);
    assert_eq!(first, hash("{\"input\":\"b\"}\n").1);
}
