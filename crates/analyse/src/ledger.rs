//! The flakiness ledger: for every case how many of its recorded answers were right, over the epochs of a run and over
//! earlier runs of the same subject. Apart from the collector of findings, which sums over cases and forgets them.
//!
//! Repetitions of a case are what it is about, so a case is the unit of everything here: pass@k and pass^k are means over
//! cases (or clusters of them), and a case is called flaky by its own answers.

use crate::per_success::success_at;
use crate::scored::TaskShape;
use crate::series::{Policy, Series};
use crate::simulate::{Known, KnownCase};
use seatrial_stats::pass_at_k::{pass_at_k, pass_hat_k};
use seatrial_stats::proportion;
use seatrial_types::{
    Estimate, FlakyCase, Method, MetricKind, MetricResult, Outcome, Pillar, SampleFigures, ScoreRecord,
    Statistic, Unit,
};
use std::collections::HashMap;
use std::sync::Arc;

/// A case is called flaky if its recorded answers disagree and the mean of its posterior lies between these.
pub const FLAKY_RATES: (f64, f64) = (0.05, 0.95);
/// Level of the posterior interval of a case: from its 5 % to its 95 % point.
pub const POSTERIOR_LEVEL: f64 = 0.90;
/// Flaky cases that are listed for a target; further ones are counted.
pub const FLAKY_LISTED_MAX: usize = 200;
/// The metric that says whether there was an answer at all; 1 is an error.
pub const ERROR_RATE: &str = "error_rate";

/// Answers and right ones among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passes {
    /// Answers that were judged.
    pub attempts: u64,
    /// Those with the value 1.
    pub passes: u64,
}

impl Passes {
    fn add(&mut self, is_pass: bool) {
        self.attempts += 1;
        self.passes += u64::from(is_pass);
    }
}

/// What a metric says of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfCase {
    /// In this run.
    pub now: Passes,
    /// In this run and all earlier ones.
    pub all: Passes,
}

/// A metric whose values are 0 or 1.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerMetric {
    /// Name.
    pub name: String,
    /// Whether it is the one that says what a success of this task is.
    pub is_success: bool,
    /// Index of its scorer and its index there; `None` for [`ERROR_RATE`].
    at: Option<(u16, u16)>,
    policy: Policy,
}

/// A case and its counts.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerCase {
    /// Id.
    pub id: Arc<str>,
    /// What it depends on.
    pub cluster: Option<Arc<str>>,
    /// Runs that it has answers from.
    pub runs: u64,
    last_run: Option<u32>,
    /// By metric.
    counts: Vec<OfCase>,
}

/// The cases of one task of one target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskLedger {
    /// Task.
    pub task: String,
    /// Its metrics with values 0 or 1.
    pub metrics: Vec<LedgerMetric>,
    /// Its cases, in the order in which they came.
    pub cases: Vec<LedgerCase>,
    numbers: HashMap<Arc<str>, usize>,
}

/// The ledger of all targets and tasks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    /// By target, then task.
    pub targets: Vec<Vec<TaskLedger>>,
}

impl Ledger {
    /// Empty, for so many targets that are asked these tasks.
    #[must_use]
    pub fn new(targets: usize, tasks: &[TaskShape]) -> Self {
        let task = |shape: &TaskShape| TaskLedger::new(shape);
        Self {
            targets: vec![tasks.iter().map(task).collect(); targets],
        }
    }

    /// Adds a finished sample of a run: 0 is the one that findings are made of, each other number an earlier run. A key
    /// outside the plan is ignored.
    pub fn add(&mut self, run: u32, sample: &SampleFigures) {
        let (target, task) = (usize::from(sample.key.target), usize::from(sample.key.task));
        if let Some(ledger) = self.targets.get_mut(target).and_then(|tasks| tasks.get_mut(task)) {
            ledger.add(run, sample);
        }
    }

    /// The ledger of a task of a target.
    #[must_use]
    pub fn task(&self, target: usize, task: usize) -> Option<&TaskLedger> {
        self.targets.get(target)?.get(task)
    }
}

impl TaskLedger {
    fn new(shape: &TaskShape) -> Self {
        let mut metrics = Vec::new();
        let success = success_at(&shape.scorers, shape.success.as_deref());
        for (scorer, specs) in (0_u16..).zip(&shape.scorers) {
            for (metric, spec) in (0_u16..).zip(specs) {
                if spec.kind == MetricKind::Binary {
                    metrics.push(LedgerMetric {
                        name: spec.name.to_string(),
                        is_success: success == Some((usize::from(scorer), usize::from(metric))),
                        at: Some((scorer, metric)),
                        policy: Policy {
                            unparsed_is_wrong: spec.unparsed_is_wrong,
                            refused_is_wrong: spec.refused_is_wrong,
                        },
                    });
                }
            }
        }
        metrics.push(LedgerMetric {
            name: ERROR_RATE.to_owned(),
            is_success: false,
            at: None,
            policy: Policy::EXCLUDE,
        });
        Self {
            task: shape.name.clone(),
            metrics,
            ..Self::default()
        }
    }

    fn add(&mut self, run: u32, sample: &SampleFigures) {
        let next = self.cases.len();
        let number = *self.numbers.entry(Arc::clone(&sample.case_id)).or_insert(next);
        if number == next {
            self.cases.push(LedgerCase {
                id: Arc::clone(&sample.case_id),
                cluster: sample.cluster.clone(),
                runs: 0,
                last_run: None,
                counts: vec![OfCase::default(); self.metrics.len()],
            });
        }
        let Some(case) = self.cases.get_mut(number) else {
            return;
        };
        if case.last_run != Some(run) {
            case.last_run = Some(run);
            case.runs += 1;
        }
        for (metric, counts) in self.metrics.iter().zip(&mut case.counts) {
            if let Some(is_pass) = metric.is_pass(sample) {
                counts.all.add(is_pass);
                if run == 0 {
                    counts.now.add(is_pass);
                }
            }
        }
    }

    /// Index of the metric that says what a success is; `None` where the task has none.
    #[must_use]
    pub fn success(&self) -> Option<usize> {
        self.metrics.iter().position(|metric| metric.is_success)
    }

    /// Index of a metric by name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|metric| metric.name == name)
    }

    /// The counts of a case under a metric; none for one that is not there.
    #[must_use]
    pub fn of_case(&self, id: &str, metric: usize) -> OfCase {
        let case = self.numbers.get(id).and_then(|&number| self.cases.get(number));
        case.and_then(|case| case.counts.get(metric).copied())
            .unwrap_or_default()
    }

    /// Cases with at least one judged answer, for a simulation. `higher_is_better: false` counts the value 0 as success.
    #[must_use]
    pub fn known(&self, metric: usize, higher_is_better: bool) -> Vec<KnownCase> {
        let is_clustered = self.cases.iter().any(|case| case.cluster.is_some());
        self.counted(metric, |counts| counts.all)
            .map(|(case, counts)| KnownCase {
                id: case.id.to_string(),
                cluster: is_clustered.then(|| case.cluster.as_ref().unwrap_or(&case.id).to_string()),
                known: Known::Counts {
                    attempts: counts.attempts,
                    successes: if higher_is_better {
                        counts.passes
                    } else {
                        counts.attempts - counts.passes
                    },
                },
            })
            .collect()
    }

    fn counted(
        &self,
        metric: usize,
        of: fn(&OfCase) -> Passes,
    ) -> impl Iterator<Item = (&LedgerCase, Passes)> {
        self.cases
            .iter()
            .filter_map(move |case| Some((case, of(case.counts.get(metric)?))))
            .filter(|(_, counts)| counts.attempts > 0)
    }

    /// Most judged answers of a case, and how many cases have them: in this run, or over all.
    fn attempts_max(&self, metric: usize, of: fn(&OfCase) -> Passes) -> u64 {
        self.counted(metric, of)
            .map(|(_, counts)| counts.attempts)
            .max()
            .unwrap_or(0)
    }

    /// pass@k and pass^k of this run for the values of k that are told, where any case was asked more than once.
    #[must_use]
    pub fn repeated_metrics(&self) -> Vec<MetricResult> {
        let Some(metric) = self.success() else {
            return Vec::new();
        };
        let most = self.attempts_max(metric, |counts| counts.now);
        ks_of(most)
            .into_iter()
            .filter(|&k| k > 1)
            .flat_map(|k| Repeats::BOTH.map(|repeats| (repeats, k)))
            .map(|(repeats, k)| self.repeated(metric, repeats, k, |counts| counts.now))
            .collect()
    }

    /// pass@k and pass^k over all runs, from k = 1.
    #[must_use]
    pub fn repeated_over_all(&self) -> Vec<MetricResult> {
        let Some(metric) = self.success() else {
            return Vec::new();
        };
        let most = self.attempts_max(metric, |counts| counts.all);
        ks_of(most)
            .into_iter()
            .flat_map(|k| Repeats::BOTH.map(|repeats| (repeats, k)))
            .map(|(repeats, k)| self.repeated(metric, repeats, k, |counts| counts.all))
            .collect()
    }

    /// One of them: the mean over cases with at least k answers. The interval is that of scores between 0 and 1 of which
    /// each case gives one; cases (or clusters) are the sampling unit, never answers.
    fn repeated(&self, metric: usize, repeats: Repeats, k: u64, of: fn(&OfCase) -> Passes) -> MetricResult {
        let is_clustered = self.cases.iter().any(|case| case.cluster.is_some());
        let mut series = Series::new(MetricKind::Bounded, Unit::Share, Policy::EXCLUDE, is_clustered);
        let mut clusters: HashMap<&str, u32> = HashMap::new();
        for case in &self.cases {
            let counts = case.counts.get(metric).map(of).unwrap_or_default();
            let next = clusters.len() as u32;
            let cluster = *clusters
                .entry(case.cluster.as_deref().unwrap_or(&case.id))
                .or_insert(next);
            match repeats.of_case(counts, k) {
                Some(value) => series.add(Outcome::Scored, Some(value), cluster),
                None => series.add(Outcome::Error, None, cluster),
            }
        }
        let estimate = series.estimate(Statistic::Mean);
        let counts = series.counts;
        MetricResult {
            task: self.task.clone(),
            metric: repeats.name(k),
            statistic: Statistic::Mean,
            pillar: repeats.pillar(),
            slice: None,
            value: estimate.value,
            low: estimate.low,
            high: estimate.high,
            level: estimate.level,
            unit: estimate.unit,
            method: estimate.method,
            n: counts.n(),
            denominator: series.denominator(),
            n_scored: counts.scored,
            n_unparsed: 0,
            n_refused: 0,
            n_error: counts.error,
            n_clusters: series.n_clusters(),
            value_worst: None,
            value_best: None,
            status: None,
        }
    }

    /// Flaky cases, the most undecided first, then by id.
    #[must_use]
    pub fn flaky(&self) -> Vec<FlakyCase> {
        let Some(metric) = self.success() else {
            return Vec::new();
        };
        let mut flaky: Vec<FlakyCase> = self
            .cases
            .iter()
            .filter_map(|case| {
                let OfCase { now, all } = *case.counts.get(metric)?;
                let rate = posterior(all)?;
                let is_flaky = all.passes > 0
                    && all.passes < all.attempts
                    && rate
                        .value
                        .is_some_and(|rate| (FLAKY_RATES.0..=FLAKY_RATES.1).contains(&rate));
                is_flaky.then(|| FlakyCase {
                    task: self.task.clone(),
                    metric: self
                        .metrics
                        .get(metric)
                        .map(|metric| metric.name.clone())
                        .unwrap_or_default(),
                    case_id: case.id.to_string(),
                    attempts: all.attempts,
                    passes: all.passes,
                    passes_now: now.passes,
                    attempts_now: now.attempts,
                    runs: case.runs,
                    rate,
                    quarantined_until: None,
                })
            })
            .collect();
        let distance = |case: &FlakyCase| (case.rate.value.unwrap_or(0.0) - 0.5).abs();
        flaky.sort_by(|a, b| {
            distance(a)
                .total_cmp(&distance(b))
                .then_with(|| a.case_id.cmp(&b.case_id))
        });
        flaky
    }
}

impl LedgerMetric {
    /// Whether a sample passes; `None` where the metric says nothing of it.
    fn is_pass(&self, sample: &SampleFigures) -> Option<bool> {
        let Some((scorer, metric)) = self.at else {
            return Some(sample.error.is_some());
        };
        let of_metric = |record: &&ScoreRecord| record.scorer == scorer && record.score.metric == metric;
        let score = &sample.scores.iter().find(of_metric)?.score;
        match (score.outcome, score.value.filter(|value| value.is_finite())) {
            (Outcome::Scored, Some(value)) => Some(value >= 1.0),
            (Outcome::Scored | Outcome::Unparsed, _) => self.policy.unparsed_is_wrong.then_some(false),
            (Outcome::Refused, _) => self.policy.refused_is_wrong.then_some(false),
            (Outcome::Error, _) => None,
        }
    }
}

/// Posterior of the probability of a right answer under Jeffreys' prior; `None` without answers.
#[must_use]
pub fn posterior(counts: Passes) -> Option<Estimate> {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let (k, n) = (counts.passes as f64, counts.attempts as f64);
    let posterior = (n > 0.0)
        .then(|| proportion::beta_posterior(k, n, POSTERIOR_LEVEL, 0.5, 0.5).ok())
        .flatten()?;
    Some(Estimate {
        value: Some(posterior.mean),
        low: Some(posterior.interval.low),
        high: Some(posterior.interval.high),
        level: POSTERIOR_LEVEL,
        n: counts.attempts,
        method: Method::Jeffreys,
        unit: Unit::Share,
    })
}

/// Success of repeated attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// One of k.
    AnyOf,
    /// All of k.
    AllOf,
}

impl Repeats {
    const BOTH: [Self; 2] = [Self::AnyOf, Self::AllOf];

    fn name(self, k: u64) -> String {
        match self {
            Self::AnyOf => format!("pass@{k}"),
            Self::AllOf => format!("pass^{k}"),
        }
    }

    /// That all of k succeed is a question of reliability; that one of them does, of quality.
    const fn pillar(self) -> Pillar {
        match self {
            Self::AnyOf => Pillar::Quality,
            Self::AllOf => Pillar::Reliability,
        }
    }

    fn of_case(self, counts: Passes, k: u64) -> Option<f64> {
        match self {
            Self::AnyOf => pass_at_k(counts.attempts, counts.passes, k).ok(),
            Self::AllOf => pass_hat_k(counts.attempts, counts.passes, k).ok(),
        }
    }
}

/// The values of k that are told for cases with up to so many answers: all up to five, then by the series 10, 20, 50, …,
/// and the largest.
fn ks_of(attempts: u64) -> Vec<u64> {
    const ALL_UP_TO: u64 = 5;
    let beyond = [10, 20, 50, 100, 200, 500, 1000];
    let mut ks: Vec<u64> = (1..=attempts.min(ALL_UP_TO)).collect();
    ks.extend(beyond.into_iter().filter(|&k| k < attempts));
    if attempts > ALL_UP_TO {
        ks.push(attempts);
    }
    ks
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::{CallErrorKind, MetricSpec, SampleKey, Score, Usage};

    fn shape() -> TaskShape {
        let spec = |name: &'static str, kind, pillar| MetricSpec {
            name: name.into(),
            kind,
            unit: Unit::Share,
            pillar,
            unparsed_is_wrong: true,
            refused_is_wrong: false,
        };
        TaskShape {
            name: "airline".to_owned(),
            epochs: 4,
            scorers: vec![
                vec![spec("length", MetricKind::Real, Pillar::Quality)],
                vec![
                    spec("polite", MetricKind::Binary, Pillar::Safety),
                    spec("solved", MetricKind::Binary, Pillar::Quality),
                    spec("also", MetricKind::Binary, Pillar::Quality),
                ],
            ],
            success: None,
        }
    }

    fn sample(case: u32, epoch: u32, outcome: Outcome, value: f64) -> SampleFigures {
        SampleFigures {
            key: SampleKey {
                target: 0,
                task: 0,
                epoch,
                case,
            },
            case_id: format!("c{case}").into(),
            cluster: None,
            slices: Vec::new(),
            error: (outcome == Outcome::Error).then_some(CallErrorKind::Timeout),
            latency_ns: None,
            ttft_ns: None,
            queue_ns: None,
            attempts: 1,
            cached: false,
            usage: Usage::default(),
            cost: None,
            served_model: None,
            scores: vec![ScoreRecord {
                scorer: 1,
                score: Score {
                    metric: 1,
                    outcome,
                    value: (outcome == Outcome::Scored).then_some(value),
                    detail: None,
                },
            }],
        }
    }

    /// GPT-4o on the airline tasks of tau-bench, by number of solved trials of four.
    const AIRLINE: [(u32, u32); 5] = [(0, 14), (1, 12), (2, 10), (3, 4), (4, 10)];

    fn airline() -> Ledger {
        let mut ledger = Ledger::new(1, &[shape()]);
        let successes = AIRLINE
            .into_iter()
            .flat_map(|(successes, tasks)| std::iter::repeat_n(successes, tasks as usize));
        for (case, successes) in (0..).zip(successes) {
            for epoch in 0..4 {
                let value = f64::from(u8::from(epoch < successes));
                ledger.add(0, &sample(case, epoch, Outcome::Scored, value));
            }
        }
        ledger
    }

    /// Protects pass^1..4 and pass@1..4 of tau-bench airline as published with its trajectories.
    #[test]
    fn airline_passes_as_published() {
        let ledger = airline();
        let task = ledger.task(0, 0).unwrap();
        let all = task.repeated_over_all();
        let value = |name: &str| {
            all.iter()
                .find(|metric| metric.metric == name)
                .unwrap()
                .value
                .unwrap()
        };
        for (name, expected) in [
            ("pass^1", 0.420),
            ("pass^2", 0.273),
            ("pass^3", 0.220),
            ("pass^4", 0.200),
            ("pass@1", 0.42),
            ("pass@2", 0.57),
            ("pass@3", 0.66),
            ("pass@4", 0.72),
        ] {
            assert!((value(name) - expected).abs() < 0.0051, "{name}: {}", value(name));
        }
        assert!((value("pass^2") - 0.273_333).abs() < 1e-5);
        let told: Vec<_> = task
            .repeated_metrics()
            .into_iter()
            .map(|metric| metric.metric)
            .collect();
        assert_eq!(told, ["pass@2", "pass^2", "pass@3", "pass^3", "pass@4", "pass^4"]);
        for metric in &all {
            assert!(
                metric.low.unwrap() <= metric.value.unwrap() && metric.value.unwrap() <= metric.high.unwrap()
            );
            assert_eq!((metric.n, metric.denominator), (50, 50));
        }
        let flaky = task.flaky();
        assert_eq!(flaky.len(), 26);
        assert_eq!(
            (flaky[0].passes, flaky[0].attempts, flaky[0].metric.as_str()),
            (2, 4, "solved")
        );
        assert!((flaky[0].rate.value.unwrap() - 0.5).abs() < 1e-12);
        assert!(flaky[0].rate.low.unwrap() > 0.1 && flaky[0].rate.high.unwrap() < 0.9);
    }

    /// Protects the bookkeeping over runs: errors and excluded refusals are no answers, unparsed ones are wrong, earlier
    /// runs count in the rate and not as answers of now.
    #[test]
    fn runs_and_classes_are_kept_apart() {
        let mut ledger = Ledger::new(1, &[shape()]);
        ledger.add(0, &sample(0, 0, Outcome::Scored, 1.0));
        ledger.add(0, &sample(0, 1, Outcome::Error, 0.0));
        ledger.add(0, &sample(0, 2, Outcome::Refused, 0.0));
        ledger.add(1, &sample(0, 0, Outcome::Unparsed, 0.0));
        ledger.add(2, &sample(0, 0, Outcome::Scored, 1.0));
        ledger.add(2, &sample(9, 0, Outcome::Error, 0.0));
        ledger.add(
            0,
            &SampleFigures {
                key: SampleKey {
                    target: 4,
                    ..sample(0, 0, Outcome::Scored, 1.0).key
                },
                ..sample(0, 0, Outcome::Scored, 1.0)
            },
        );
        let task = ledger.task(0, 0).unwrap();
        let solved = task.success().unwrap();
        let of = task.of_case("c0", solved);
        assert_eq!(
            (of.now.attempts, of.now.passes, of.all.attempts, of.all.passes),
            (1, 1, 3, 2)
        );
        let flaky = task.flaky();
        assert_eq!((flaky.len(), flaky[0].runs, flaky[0].attempts_now), (1, 3, 1));
        assert!(task.repeated_metrics().is_empty());
        let errors = task.of_case("c0", task.metric(ERROR_RATE).unwrap());
        assert_eq!((errors.all.attempts, errors.all.passes), (5, 1));
        let known = task.known(solved, true);
        assert_eq!(known.len(), 1);
        assert_eq!(
            known[0].known,
            Known::Counts {
                attempts: 3,
                successes: 2
            }
        );
        let lower = task.known(solved, false);
        assert_eq!(
            lower[0].known,
            Known::Counts {
                attempts: 3,
                successes: 1
            }
        );
        assert_eq!(task.of_case("nobody", solved), OfCase::default());
        let at_two = task
            .repeated_over_all()
            .into_iter()
            .find(|metric| metric.metric == "pass^2")
            .unwrap();
        assert_eq!((at_two.n, at_two.n_error, at_two.denominator), (2, 1, 1));
    }

    /// Protects that nothing that was always right, or hardly ever wrong, is called flaky.
    #[test]
    fn rare_failures_are_no_flakiness() {
        let mut ledger = Ledger::new(1, &[shape()]);
        for run in 0..100 {
            ledger.add(run, &sample(0, 0, Outcome::Scored, f64::from(u8::from(run > 0))));
            ledger.add(run, &sample(1, 0, Outcome::Scored, 1.0));
            ledger.add(run, &sample(2, 0, Outcome::Scored, f64::from(u8::from(run > 9))));
        }
        let flaky = ledger.task(0, 0).unwrap().flaky();
        let ids: Vec<_> = flaky.iter().map(|case| case.case_id.as_str()).collect();
        assert_eq!(ids, ["c2"]);
        assert_eq!(ks_of(0), Vec::<u64>::new());
        assert_eq!(ks_of(3), [1, 2, 3]);
        assert_eq!(ks_of(30), [1, 2, 3, 4, 5, 10, 20, 30]);
    }
}
