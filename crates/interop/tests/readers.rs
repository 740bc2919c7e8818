//! What other tools recorded comes back number by number. The Inspect logs were written by inspect_ai 0.3.285 (see
//! scripts/inspect_parity.py), the others by hand in the forms that their tools document.

#![expect(clippy::expect_used, reason = "tests")]

mod common;

use common::{fixture, read};
use seatrial_interop::{Format, Options, Shape};
use seatrial_types::{CallErrorKind, FinishReason, MetricKind, Outcome, Role, SampleRecord};

fn no_options() -> Options {
    Options::default()
}

fn find<'a>(samples: &'a [SampleRecord], case: &str, epoch: u32) -> &'a SampleRecord {
    samples
        .iter()
        .find(|sample| &*sample.case_id == case && sample.key.epoch == epoch)
        .expect("the sample is there")
}

/// Name and value of every score.
fn values(shape: &Shape, sample: &SampleRecord) -> Vec<(String, Option<f64>)> {
    let task = &shape.tasks[usize::from(sample.key.task)];
    sample
        .scores
        .iter()
        .map(|record| {
            let scorer = &task.scorers[usize::from(record.scorer)];
            let metric = &scorer.metrics[usize::from(record.score.metric)];
            (metric.name.to_string(), record.score.value)
        })
        .collect()
}

/// Protects the import of Inspect's archive and of its single file: they are the same run, with the scores that
/// Inspect gave (C/I/P/N as 1/0/0.5/0), and the two numbers of one scorer are two metrics.
#[test]
fn inspect_logs_keep_every_score() {
    for name in ["inspect.eval", "inspect.json"] {
        let options = Options {
            slices: vec!["topic".to_owned()],
            ..Options::default()
        };
        let (shape, samples) = read(Format::Inspect, &[fixture(name)], &options).unwrap();
        assert_eq!(
            (shape.samples, shape.errors, shape.samples_expected),
            (10, 2, 10),
            "{name}"
        );
        assert_eq!(
            shape.warnings,
            Vec::<String>::new(),
            "{name}: the means are those that Inspect reports"
        );
        assert_eq!(shape.targets[0].name, "mockllm-model");
        assert_eq!(shape.targets[0].model, "mockllm/model");
        let task = &shape.tasks[0];
        assert_eq!(
            (task.name.as_str(), task.epochs, task.cases(), task.is_clustered),
            ("trivia", 2, 5, true)
        );
        let kinds: Vec<_> = task
            .scorers
            .iter()
            .flat_map(|scorer| &scorer.metrics)
            .map(|metric| (&*metric.name, metric.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                ("includes", MetricKind::Binary),
                ("partial", MetricKind::Bounded),
                ("shape_length", MetricKind::Real),
                ("shape_brevity", MetricKind::Bounded)
            ]
        );
        let partly = find(&samples, "two", 0);
        assert_eq!(
            values(&shape, partly),
            [
                ("includes".to_owned(), Some(1.0)),
                ("partial".to_owned(), Some(0.5)),
                ("shape_length".to_owned(), Some(12.0)),
                ("shape_brevity".to_owned(), Some(1.0 / 13.0))
            ]
        );
        assert_eq!(
            values(&shape, find(&samples, "long", 1))[1].1,
            Some(0.0),
            "no answer is 0"
        );
        assert_eq!(values(&shape, find(&samples, "1", 0))[1].1, Some(1.0));
    }
}

/// Protects everything of a sample that is no score: conversation, answer, tokens (cached ones counted in), time,
/// slices, and errors that stay errors.
#[test]
fn inspect_samples_keep_conversation_usage_and_errors() {
    let options = Options {
        slices: vec!["topic".to_owned()],
        cluster: Some("topic".to_owned()),
        ..Options::default()
    };
    let (_, samples) = read(Format::Inspect, &[fixture("inspect.eval")], &options).unwrap();
    let sample = find(&samples, "two", 0);
    let prompt: Vec<_> = sample
        .prompt
        .iter()
        .map(|message| (message.role, message.content.as_str()))
        .collect();
    assert_eq!(
        prompt,
        [(Role::System, "Be brief."), (Role::User, "Capital of France?")]
    );
    let answer = sample.call.result.as_ref().unwrap();
    assert_eq!(
        (answer.text.as_str(), &answer.finish_reason),
        ("It is Paris.", &Some(FinishReason::Stop))
    );
    let usage = answer.usage;
    assert_eq!(
        (
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.reasoning_tokens
        ),
        (Some(13), Some(4), Some(2), Some(1))
    );
    assert!(sample.call.timing().unwrap().latency_ns().unwrap() > 0);
    assert!(sample.started_unix_ms > 1_700_000_000_000);
    assert_eq!(
        (sample.slices[0].value.as_str(), sample.cluster.as_deref()),
        ("places", Some("places"))
    );
    let broken = find(&samples, "bad", 1);
    let error = broken.call.result.as_ref().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Foreign);
    assert!(error.message.contains("the tool broke"), "{}", error.message);
    assert!(
        broken
            .scores
            .iter()
            .all(|record| record.score.outcome == Outcome::Error)
    );
}

/// Protects logs of runs that died: there is no header, the samples are what the journal left.
#[test]
fn a_crashed_inspect_log_is_recovered() {
    let (shape, samples) = read(Format::Inspect, &[fixture("inspect-crashed.eval")], &no_options()).unwrap();
    assert_eq!((samples.len(), shape.samples_expected), (5, 10));
    assert!(
        shape.warnings.iter().any(|warning| warning.contains("no header")),
        "{:?}",
        shape.warnings
    );
    assert!(
        shape
            .warnings
            .iter()
            .any(|warning| warning.contains("5 of 10 samples")),
        "{:?}",
        shape.warnings
    );
    assert_eq!(values(&shape, find(&samples, "two", 0))[1].1, Some(0.5));
}

/// Protects lm-eval files: one sample for each document whatever the number of filters, likelihoods read as the choice
/// that was taken, `NaN` as unparsed, what has no number per document named.
#[test]
fn lm_eval_files_are_one_run_of_several_tasks() {
    let file = |task: &str| {
        fixture(&format!(
            "lm_eval/org__small-model/samples_{task}_2026-01-31T12-00-00.000000.jsonl"
        ))
    };
    let options = Options {
        slices: vec!["level".to_owned()],
        ..Options::default()
    };
    let (shape, samples) = read(Format::LmEval, &[file("sums"), file("colours")], &options).unwrap();
    assert_eq!(
        (samples.len(), shape.targets[0].model.as_str()),
        (6, "org/small-model")
    );
    let sums = find(&samples[..3], "1", 0);
    assert_eq!(
        values(&shape, sums),
        [
            ("exact_match_strict-match".to_owned(), Some(0.0)),
            ("exact_match_flexible-extract".to_owned(), Some(1.0))
        ]
    );
    assert_eq!(sums.prompt[0].content, "Question: 5*6?\nAnswer:");
    assert_eq!(sums.call.result.as_ref().unwrap().text, "30");
    assert_eq!(sums.scores[1].score.detail.as_deref(), Some("30"));
    assert_eq!(sums.slices[0].value, "easy");
    assert_eq!(
        sums.started_unix_ms, 1_769_860_800_000,
        "the start of the run, where samples have no time"
    );
    let colours = find(&samples[3..], "1", 0);
    assert_eq!(
        colours.call.result.as_ref().unwrap().text,
        "red",
        "the likelier choice"
    );
    assert_eq!(
        values(&shape, colours),
        [("acc".to_owned(), Some(0.0)), ("brier".to_owned(), None)]
    );
    assert_eq!(colours.scores[1].score.outcome, Outcome::Unparsed);
    assert!(
        shape
            .warnings
            .iter()
            .any(|warning| warning.contains("`likelihoods`")),
        "{:?}",
        shape.warnings
    );
    assert!(
        !shape.warnings.iter().any(|warning| warning.contains("reports")),
        "{:?}",
        shape.warnings
    );
    assert_eq!(shape.started_at.as_deref(), Some("2026-01-31T12:00:00Z"));
    assert_eq!(shape.provenance["files"][0]["tool_version"], "0.4.9");
}

/// Protects OpenAI Evals logs: the first answer of each sample with its match, tokens and model; errors stay errors.
#[test]
fn openai_evals_logs_keep_matches() {
    let (shape, samples) = read(
        Format::OpenAiEvals,
        &[fixture("openai_evals.jsonl")],
        &no_options(),
    )
    .unwrap();
    assert_eq!((shape.samples, shape.errors), (4, 1));
    let italy = find(&samples, "capitals.dev.1", 0);
    assert_eq!(
        values(&shape, italy),
        [("match".to_owned(), Some(0.0)), ("f1".to_owned(), Some(0.25))]
    );
    let answer = italy.call.result.as_ref().unwrap();
    assert_eq!(
        (
            answer.text.as_str(),
            answer.usage.input_tokens,
            answer.served_model.as_deref()
        ),
        ("Milan", Some(13), Some("small-model-2026"))
    );
    assert_eq!(italy.prompt[0].role, Role::System);
    assert!(find(&samples, "capitals.dev.3", 0).call.result.is_err());
    assert_eq!(shape.warnings, Vec::<String>::new());
}

/// Protects rows from anywhere: numbers are metrics, money is exact, an error has no scores.
#[test]
fn rows_of_results_are_read() {
    let options = Options {
        slices: vec!["topic".to_owned()],
        ..Options::default()
    };
    let (shape, samples) = read(Format::Results, &[fixture("rows.csv")], &options).unwrap();
    assert_eq!(
        (shape.targets[0].name.as_str(), shape.tasks[0].name.as_str()),
        ("tier-1", "support")
    );
    assert_eq!(
        values(&shape, &samples[0]),
        [("accuracy".to_owned(), Some(1.0)), ("f1".to_owned(), Some(0.75))]
    );
    assert_eq!(samples[0].call.result.as_ref().unwrap().text, "yes, it is");
    assert_eq!(samples[1].cost.unwrap().to_string(), "0.00012");
    assert_eq!(samples[1].call.timing().unwrap().latency_ns(), Some(80_500_000));
    assert_eq!(
        samples[2].call.result.as_ref().unwrap_err().kind,
        CallErrorKind::Timeout
    );
    assert_eq!(samples[2].slices[0].value, "refund");
    assert_eq!(shape.warnings, Vec::<String>::new(), "topic is used");
    let (shape, _) = read(Format::Results, &[fixture("rows.csv")], &no_options()).unwrap();
    assert!(
        shape.warnings[0].contains("column `topic` is no number") && shape.warnings[0].contains("3 times"),
        "{:?}",
        shape.warnings
    );
}

/// Protects pairing: the same cases have the same dataset hash whoever answered and in whatever order they finished,
/// other cases another one.
#[test]
fn the_same_cases_have_the_same_hash() {
    let datasets = |name: &str| {
        let (shape, _) = read(Format::Inspect, &[fixture(name)], &no_options()).unwrap();
        let body: serde_json::Value = serde_json::from_str(&shape.plan_body()).unwrap();
        assert_eq!(body["cases"][0].as_object().unwrap().len(), 5);
        (body["datasets"].clone(), body["cases"].clone())
    };
    assert_eq!(datasets("inspect.eval"), datasets("inspect.json"));
    let row = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::write(&path, text).unwrap();
        let (shape, _) = read(Format::Results, &[path], &no_options()).unwrap();
        let body: serde_json::Value = serde_json::from_str(&shape.plan_body()).unwrap();
        body["datasets"].clone()
    };
    let (a, b) = (
        r#"{"id":"a","input":"1","ok":1}"#,
        r#"{"id":"b","input":"2","ok":0}"#,
    );
    assert_eq!(row(&format!("{a}\n{b}\n")), row(&format!("{b}\n{a}\n")));
    assert_ne!(row(a), row(&a.replace("\"1\"", "\"2\"")));
}
