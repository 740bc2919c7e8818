//! Agreement with an independent grading of real answers: three models' answers to 150 GSM8K questions each. Apart
//! because it needs data that is not in the repository (`SEATRIAL_TEST_DATA`); without it the test says so and ends.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use seatrial_score::build;
use seatrial_task::{DatasetColumns, DatasetFormat, DatasetReader, DatasetSource, ScorerInput, Scoring};
use seatrial_types::{Answer, Call, Outcome};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn benchmark(name: &str) -> Option<PathBuf> {
    seatrial_testkit::test_data(name).map(|root| root.join("benchmarks").join(name))
}

/// Columns of the table of right answers: model → id → right.
fn graded(path: &Path) -> HashMap<String, HashMap<String, bool>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().unwrap().split(',').collect();
    let mut graded: HashMap<String, HashMap<String, bool>> = HashMap::new();
    for line in lines {
        let cells: Vec<_> = line.split(',').collect();
        assert_eq!(cells.len(), header.len());
        for (model, cell) in header.iter().zip(&cells).skip(1) {
            graded
                .entry((*model).to_owned())
                .or_default()
                .insert(cells[0].to_owned(), *cell == "1");
        }
    }
    graded
}

/// Protects the extractors and the number rule against drift from a grading that was not made with this code:
/// last JSON field `answer`, last number in it, within 1e-4 of the reference, unparsed counts as wrong.
#[test]
fn gsm8k_grading_is_reproduced_exactly() {
    let Some(folder) = benchmark("gsm8k_many_models") else {
        return;
    };
    let options = json!({"tolerance": 1e-4, "extract": [{"json_field": "answer"}, "last_number"]});
    let scorer = build("numeric_match", options.as_object().unwrap()).unwrap();
    assert!(scorer.metrics()[0].unparsed_is_wrong);
    let graded = graded(&folder.join("correct.csv"));
    let mut unparsed = 0;
    for model in [
        "gpt-4o-mini-2024-07-18",
        "Meta-Llama-3.1-8B-Instruct",
        "claude-3-haiku-20240307",
    ] {
        let source = DatasetSource::file(
            folder.join(format!("raw_{model}.jsonl")),
            DatasetFormat::Jsonl,
            DatasetColumns {
                expected: Some("gold".into()),
                ..DatasetColumns::default()
            },
        );
        let mut rows = 0;
        let mut differing = Vec::new();
        for case in DatasetReader::open(&source).unwrap() {
            let case = case.unwrap();
            let text = case.columns["output"].as_str().unwrap().to_owned();
            let answer = Answer {
                text,
                ..Answer::default()
            };
            let call = Call {
                attempts: Vec::new(),
                result: Ok(answer.clone()),
                cached: false,
            };
            let input = ScorerInput {
                case: &case,
                prompt: &[],
                answer: &answer,
                call: &call,
                cost: None,
            };
            let Scoring::Ready(scores) = scorer.score(input, None) else {
                panic!("rules score at once");
            };
            rows += 1;
            unparsed += usize::from(scores[0].outcome == Outcome::Unparsed);
            if (scores[0].value == Some(1.0)) != graded[model][&*case.id] {
                differing.push((case.id.clone(), scores[0].clone()));
            }
        }
        assert_eq!((rows, &differing), (150, &Vec::new()), "{model}");
    }
    assert_eq!(unparsed, 1, "one answer was cut off before its JSON field");
}

/// Protects real multiple-choice references: in MMLU they are 0-based indices, and 18 of 666 equal the text of an
/// option as well. The letter of the reference must be right and every other letter wrong, for every row.
#[test]
fn mmlu_references_are_indices() {
    let Some(folder) = benchmark("mmlu") else {
        return;
    };
    let source = DatasetSource::file(
        folder.join("mmlu_subjects.jsonl"),
        DatasetFormat::Jsonl,
        DatasetColumns::default(),
    );
    let scorer = build("choice", &serde_json::Map::new()).unwrap();
    let mut rows = 0;
    for case in DatasetReader::open(&source).unwrap() {
        let case = case.unwrap();
        let gold = case.columns["answer"].as_u64().unwrap();
        for (index, letter) in (0_u64..).zip("ABCD".chars()) {
            let choice = &case.choices[usize::try_from(index).unwrap()];
            for text in [
                format!("ANSWER: {letter}"),
                format!("Let me see. A is tempting.\n\nThe answer is ({letter}) {choice}"),
                format!("{letter}) {choice}"),
            ] {
                let answer = Answer {
                    text,
                    ..Answer::default()
                };
                let call = Call {
                    attempts: Vec::new(),
                    result: Ok(answer.clone()),
                    cached: false,
                };
                let input = ScorerInput {
                    case: &case,
                    prompt: &[],
                    answer: &answer,
                    call: &call,
                    cost: None,
                };
                let Scoring::Ready(scores) = scorer.score(input, None) else {
                    panic!("rules score at once");
                };
                let expected = Value::from(f64::from(u8::from(index == gold)));
                assert_eq!(
                    scores[0].value.map(Value::from),
                    Some(expected),
                    "row {}, {:?}: {:?}",
                    case.row,
                    answer.text,
                    scores[0]
                );
            }
        }
        rows += 1;
    }
    assert_eq!(rows, 666);
}
