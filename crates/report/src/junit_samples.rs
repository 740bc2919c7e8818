//! Samples as JUnit test cases: one for each case, task and target, its repetitions as runs of it. Apart from the gates,
//! because it reads samples, and because a run of a million of them must not become a file of a gigabyte.

use crate::clean;
use crate::junit::{JunitForm, tell};
use crate::labels::{Labels, Standing};
use quick_junit::{FlakyOrRerun, NonSuccessKind, Property, TestCase, TestCaseStatus, TestRerun, TestSuite};
use seatrial_types::{SampleRecord, Timing};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Test cases per target at most; the rest is counted in a property.
pub const CASES_PER_TARGET_MAX: usize = 10_000;
/// Characters of an answer or an error that a failure shows.
const TEXT_CHARS_MAX: usize = 2000;
/// Repetitions that a test case shows; further ones are counted.
const RUNS_SHOWN_MAX: usize = 20;

/// Collects samples in any order.
#[derive(Debug, Default)]
pub struct JunitSamples {
    labels: Labels,
    targets: BTreeMap<u16, OfTarget>,
}

#[derive(Debug, Default)]
struct OfTarget {
    /// By task and case.
    cases: BTreeMap<(u16, u32), Repeated>,
    left_out: u64,
}

#[derive(Debug)]
struct Repeated {
    id: String,
    right: u64,
    count: u64,
    ns: u64,
    cost: Option<seatrial_types::Money>,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    standing: Standing,
    scores: String,
    shown: String,
}

impl JunitSamples {
    /// None yet; `labels` name what is added.
    #[must_use]
    pub fn new(labels: Labels) -> Self {
        Self {
            labels,
            targets: BTreeMap::new(),
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, sample: &SampleRecord) {
        let of_target = self.targets.entry(sample.key.target).or_default();
        let key = (sample.key.task, sample.key.case);
        if of_target.cases.len() >= CASES_PER_TARGET_MAX && !of_target.cases.contains_key(&key) {
            of_target.left_out += 1;
            return;
        }
        let standing = self.labels.standing(sample);
        let repeated = of_target.cases.entry(key).or_insert_with(|| Repeated {
            id: clean::preview(&sample.case_id, 200),
            right: 0,
            count: 0,
            ns: 0,
            cost: Some(seatrial_types::Money::default()),
            runs: Vec::new(),
        });
        repeated.count += 1;
        repeated.right += u64::from(standing == Standing::Right);
        repeated.ns += sample.call.timing().and_then(Timing::latency_ns).unwrap_or(0);
        repeated.cost = repeated
            .cost
            .zip(sample.cost)
            .map(|(sum, cost)| sum.saturating_add(cost));
        if repeated.runs.len() < RUNS_SHOWN_MAX {
            repeated.runs.push(Run {
                standing,
                scores: scores(&self.labels, sample),
                shown: shown(sample, standing),
            });
        }
    }

    /// One suite per target; none where no sample was added.
    pub(crate) fn into_suites(self, form: JunitForm) -> Vec<TestSuite> {
        let Self { labels, targets } = self;
        targets
            .into_iter()
            .map(|(target, of_target)| {
                let target = labels.target(target);
                let mut suite = TestSuite::new(format!("{target} samples"));
                if of_target.left_out > 0 {
                    suite.add_property(Property::new("samples_left_out", of_target.left_out.to_string()));
                }
                for ((task, _), repeated) in of_target.cases {
                    suite.add_test_case(test_case(&target, &labels.task(task), &repeated, form));
                }
                suite
            })
            .collect()
    }
}

/// Every metric with its value or its class, on one line.
fn scores(labels: &Labels, sample: &SampleRecord) -> String {
    let mut text = String::new();
    for score in &sample.scores {
        let name = labels
            .metric(sample.key.task, score)
            .map_or("?", |metric| metric.name.as_str());
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = match score.score.value {
            Some(value) => write!(text, "{separator}{name} {value}"),
            None => write!(text, "{separator}{name} {}", score.score.outcome.as_str()),
        };
    }
    clean::line(&text).into_owned()
}

/// What a failure shows: the error, or what was read and the answer.
fn shown(sample: &SampleRecord, standing: Standing) -> String {
    let text = match (&sample.call.result, standing) {
        (Err(error), _) => error.to_string(),
        (Ok(answer), Standing::Wrong) => {
            let details = sample
                .scores
                .iter()
                .filter_map(|score| score.score.detail.as_deref());
            let details: Vec<_> = details.collect();
            format!("{}\nanswer: {}", details.join("\n"), answer.text)
        }
        (Ok(_), _) => return String::new(),
    };
    let seen = clean::text(text.trim());
    clean::cut(&seen, TEXT_CHARS_MAX).into_owned()
}

fn test_case(target: &str, task: &str, repeated: &Repeated, form: JunitForm) -> TestCase {
    let mut case = TestCase::new(repeated.id.as_str(), status(repeated));
    case.set_classname(format!("{target}.{task}"));
    case.set_time(Duration::from_nanos(repeated.ns));
    let scores: Vec<_> = repeated.runs.iter().map(|run| run.scores.as_str()).collect();
    let properties = [
        ("passes", Some(format!("{}/{}", repeated.right, repeated.count))),
        ("scores", Some(scores.join("; "))),
        ("cost_usd", repeated.cost.map(|cost| cost.to_string())),
    ];
    tell(
        &mut case,
        form,
        properties
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    case
}

/// All right: success. Some right: success after flaky runs. None right: a failure, or an error where no run has an
/// answer. Samples that nothing judges as right or wrong are successes: they were carried out.
fn status(repeated: &Repeated) -> TestCaseStatus {
    let worst = repeated
        .runs
        .iter()
        .map(|run| run.standing)
        .min()
        .unwrap_or(Standing::Unjudged);
    let best = repeated
        .runs
        .iter()
        .map(|run| run.standing)
        .max()
        .unwrap_or(Standing::Unjudged);
    if worst >= Standing::Unjudged {
        return TestCaseStatus::success();
    }
    let bad = repeated
        .runs
        .iter()
        .filter(|run| run.standing < Standing::Unjudged);
    if best >= Standing::Unjudged {
        let mut status = TestCaseStatus::success();
        status.add_reruns(bad.map(|run| rerun(run, repeated)));
        return status;
    }
    let mut bad = bad;
    let Some(first) = bad.next() else {
        return TestCaseStatus::success();
    };
    let mut status = TestCaseStatus::non_success(if best == Standing::Error {
        NonSuccessKind::Error
    } else {
        NonSuccessKind::Failure
    });
    status
        .set_type(first.standing.as_str())
        .set_message(message(first, repeated))
        .set_description(first.shown.as_str())
        .set_rerun_kind(FlakyOrRerun::Rerun);
    status.add_reruns(bad.map(|run| rerun(run, repeated)));
    status
}

fn rerun(run: &Run, repeated: &Repeated) -> TestRerun {
    let mut rerun = TestRerun::new(if run.standing == Standing::Error {
        NonSuccessKind::Error
    } else {
        NonSuccessKind::Failure
    });
    rerun
        .set_type(run.standing.as_str())
        .set_message(message(run, repeated))
        .set_description(run.shown.as_str());
    rerun
}

/// With the count of passes, for systems that do not know flaky runs.
fn message(run: &Run, repeated: &Repeated) -> String {
    let passes = if repeated.count > 1 {
        format!("{} of {} repetitions right; ", repeated.right, repeated.count)
    } else {
        String::new()
    };
    format!("{passes}{}: {}", run.standing.as_str(), run.scores)
}
