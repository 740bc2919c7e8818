//! Small tasks and runs for the tests of this folder. Apart, because five files make them.

use crate::scored::{Identity, ScoredMetric, ScoredRun, ScoredSample, ScoredTask, Subject};
use seatrial_types::{MetricKind, Pillar, Unit};

pub(super) fn sample(id: &str, epoch: u32, cluster: Option<&str>) -> ScoredSample {
    ScoredSample {
        id: id.into(),
        epoch,
        case: 0,
        cluster: cluster.map(Into::into),
        slices: Vec::new(),
    }
}

pub(super) fn metric(name: &str, kind: MetricKind, scores: Vec<Option<f64>>) -> ScoredMetric {
    ScoredMetric {
        metric: name.to_owned(),
        kind,
        unit: if kind == MetricKind::Binary {
            Unit::Share
        } else {
            Unit::Score
        },
        pillar: Pillar::Quality,
        higher_is_better: true,
        is_primary: true,
        scores,
    }
}

/// Something measured on the side.
pub(super) fn latency(scores: Vec<Option<f64>>) -> ScoredMetric {
    ScoredMetric {
        unit: Unit::Ms,
        pillar: Pillar::Performance,
        higher_is_better: false,
        is_primary: false,
        ..metric("latency_ms", MetricKind::Real, scores)
    }
}

pub(super) fn task(name: &str, samples: Vec<ScoredSample>, metrics: Vec<ScoredMetric>) -> ScoredTask {
    ScoredTask {
        task: name.to_owned(),
        epochs: samples.iter().map(|sample| sample.epoch + 1).max().unwrap_or(1),
        success: None,
        slices: Vec::new(),
        samples,
        metrics,
    }
}

pub(super) fn run(label: &str, tasks: Vec<ScoredTask>) -> ScoredRun {
    ScoredRun {
        label: label.to_owned(),
        run_id: None,
        target: None,
        started_at: None,
        identity: Identity::default(),
        subject: Subject::default(),
        tasks,
        warnings: Vec::new(),
    }
}

/// Right-or-wrong answers to cases `prefix0`, `prefix1`, ….
pub(super) fn answers(prefix: &str, right: &[bool]) -> ScoredTask {
    let samples = (0..right.len()).map(|case| sample(&format!("{prefix}{case:05}"), 0, None));
    let scores = right.iter().map(|&right| Some(f64::from(u8::from(right))));
    task(
        "qa",
        samples.collect(),
        vec![metric("right", MetricKind::Binary, scores.collect())],
    )
}
