//! Deciding gates while a run goes on: tasks that are drawn in random order and stop when their gates are decided, and
//! gates that add epochs. A pure state machine, `(state, finished sample) → state`, that the engine asks what is still
//! worth asking and that analysis replays from the record: both come to the same decisions.

mod contest;
mod course;
mod observe;
mod told;

use crate::baseline::{Base, Bases};
use crate::collect::{TaskMetrics, TaskSeries};
use crate::gate::Evidence;
use contest::{Contest, Question, Scale};
use course::{Course, Decider, Looks, Watched};
use observe::Observed;
use seatrial_config::{Condition, DraftPlan, Gate};
use seatrial_stats::sequential::share_ln_capitals;
use seatrial_types::{
    DrawOrder, MetricKind, MetricSpec, SampleFigures, SampleKey, SequentialExecution, Verdict,
};

/// Whether a sample is worth asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    Yes,
    /// That depends on samples that are not finished yet.
    Later,
    /// Neither it nor any that follows it in its task.
    Over,
}

/// What of a frozen task matters here.
#[derive(Debug, Clone)]
pub struct TaskDraw {
    /// Chosen cases.
    pub cases: u32,
    /// Most epochs, added ones included.
    pub epochs_max: u32,
    /// The order of the draw; `None` for a task that is asked whole.
    pub order: Option<DrawOrder>,
    /// Whether rows name clusters.
    pub has_clusters: bool,
}

/// The tasks of a run whose gates decide how far they are asked.
#[derive(Debug, Clone)]
pub struct Sequential {
    /// By target, then task; `None` where every planned sample is asked, whatever comes.
    courses: Vec<Vec<Option<Course>>>,
}

impl Sequential {
    /// For a plan, with the metrics that its scorers yield and what its baseline has of the cases. Nothing is watched where no task is drawn and no gate
    /// extends.
    #[must_use]
    pub fn new(draft: &DraftPlan, metrics: &TaskMetrics, draws: &[TaskDraw], bases: &Bases) -> Self {
        let family = gates_by_target(draft).count() as u64;
        let course = |target: usize, task: usize| -> Option<Course> {
            let (planned, draw) = (draft.tasks.get(task)?, draws.get(task)?);
            let name = &draft.targets.get(target)?.name;
            if !planned.asks(name) || (draw.order.is_none() && draw.epochs_max <= planned.epochs) {
                return None;
            }
            let scorers = metrics.get(task).map_or(&[][..], Vec::as_slice);
            let of_course: Vec<(usize, usize)> = gates_by_target(draft)
                .filter(|(gate_index, of_target)| {
                    *of_target == target && draft.gates[*gate_index].task_index == task
                })
                .collect();
            // Some gates need every case: one that may not miss at all, percentiles against a baseline. They keep their task
            // from stopping early.
            let needs_all = |(gate, target): &(usize, usize)| match &draft.gates[*gate].condition {
                Condition::Bound(_) => false,
                Condition::Baseline(_) => !bases.contains_key(&(*gate, *target)),
                Condition::NoCritical(_) => true,
            };
            if draw.order.is_some() && of_course.iter().any(needs_all) {
                return None;
            }
            let watched = of_course
                .into_iter()
                .filter_map(|(index, target)| {
                    let base = bases.get(&(index, target));
                    watch(
                        index,
                        &draft.gates[index],
                        base,
                        family,
                        planned.epochs,
                        draw,
                        (scorers, planned.success.as_deref()),
                    )
                })
                .collect();
            Some(Course::new(
                draw.order.clone(),
                draw.cases,
                planned.epochs,
                draw.epochs_max,
                draw.has_clusters,
                draft.targets.get(target)?.limits.concurrency.max,
                watched,
            ))
        };
        let tasks = 0..draft.tasks.len();
        Self {
            courses: (0..draft.targets.len())
                .map(|target| tasks.clone().map(|task| course(target, task)).collect())
                .collect(),
        }
    }

    /// Whether nothing is watched: the run is asked as planned.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.courses.iter().flatten().all(Option::is_none)
    }

    /// Takes a finished sample. The order of taking is nothing; one that was taken before, or lies outside the plan, is
    /// ignored.
    pub fn take(&mut self, sample: &SampleFigures) {
        let (target, task) = (usize::from(sample.key.target), usize::from(sample.key.task));
        let of_target = self.courses.get_mut(target);
        if let Some(Some(course)) = of_target.and_then(|tasks| tasks.get_mut(task)) {
            course.take(sample);
        }
    }

    /// Whether this sample is worth asking, as far as is known.
    #[must_use]
    pub fn wanted(&self, key: SampleKey) -> Wanted {
        match self.course(usize::from(key.target), usize::from(key.task)) {
            Some(course) => course.wanted(key.epoch, key.case),
            None => Wanted::Yes,
        }
    }

    /// How far the tasks of a target were asked.
    pub(crate) fn told(
        &self,
        draft: &DraftPlan,
        target: usize,
        series: &[TaskSeries],
    ) -> Vec<SequentialExecution> {
        told::told(self, draft, target, series)
    }

    /// What a gate has decided for a target; `None` while it is undecided, and for one that is decided when its run is
    /// over.
    #[must_use]
    pub fn decision(&self, gate_index: usize, target: usize) -> Option<Verdict> {
        let mut courses = self.courses.get(target)?.iter().flatten();
        let watched = |course: &Course| {
            let mut watched = course.watched.iter();
            watched
                .find(|watched| watched.gate == gate_index)
                .map(Watched::decided)
        };
        courses.find_map(watched).flatten()
    }

    /// Samples of a task of a target, in the order of the draw, after which all its gates were decided.
    #[must_use]
    pub fn decided_after(&self, target: usize, task: usize) -> Option<u64> {
        self.course(target, task)?.decided_after
    }

    fn course(&self, target: usize, task: usize) -> Option<&Course> {
        self.courses.get(target)?.get(task)?.as_ref()
    }

    /// Draws that were planned for a task of a target, where its values are drawn one by one.
    pub(crate) fn planned_draws(&self, target: usize, task: usize) -> Option<u64> {
        let course = self.course(target, task)?;
        Some(course.order.as_ref()?.units() as u64)
    }

    /// The same for a gate against the baseline, with the p-value of "the limit is missed": of new − scale × base.
    pub(crate) fn contrast(&self, gate_index: usize, gate: &Gate, target: usize) -> Option<(Evidence, f64)> {
        let course = self.course(target, gate.task_index)?;
        let watched = course.watched.iter().find(|watched| watched.gate == gate_index)?;
        Some((watched.evidence()?, watched.p_missed()))
    }

    /// What the samples say of a gate of this target; `None` for a gate that is decided when its run is over.
    pub(crate) fn evidence(&self, gate_index: usize, gate: &Gate, target: usize) -> Option<Evidence> {
        let course = self.course(target, gate.task_index)?;
        let watched = course.watched.iter().find(|watched| watched.gate == gate_index)?;
        watched.evidence()
    }

    /// Whether the numbers of this gate are not values of its metric: then only its decision is of use.
    pub(crate) fn is_derived(&self, gate_index: usize, gate: &Gate, target: usize) -> bool {
        let course = self.course(target, gate.task_index);
        let mut watched = course.into_iter().flat_map(|course| &course.watched);
        watched.any(|watched| watched.gate == gate_index && watched.observed.is_derived())
    }
}

/// Every gate with the 0-based index of each target that it asks.
fn gates_by_target(draft: &DraftPlan) -> impl Iterator<Item = (usize, usize)> {
    draft.gates.iter().enumerate().flat_map(|(gate_index, gate)| {
        let targets = draft.targets.iter().enumerate();
        targets
            .filter(|(_, target)| {
                let mut task = draft.tasks.get(gate.task_index).into_iter();
                task.all(|task| task.asks(&target.name))
                    && gate.target.as_ref().is_none_or(|wanted| *wanted == target.name)
            })
            .map(move |(target, _)| (gate_index, target))
    })
}

fn watch(
    index: usize,
    gate: &Gate,
    base: Option<&Base>,
    family: u64,
    epochs: u32,
    draw: &TaskDraw,
    (scorers, success): (&[Vec<MetricSpec>], Option<&str>),
) -> Option<Watched> {
    let asked = gate.condition.bound().or(base.map(|base| base.contrast.bound))?;
    let (mut observed, mut scale, bound) = Observed::of(gate, asked, scorers, success)?;
    if let Some(base) = base {
        observed.against(base);
        scale = match scale {
            Scale::Binary | Scale::Between(..) => Scale::Between(-base.contrast.scale, 1.0),
            Scale::Real => Scale::Real,
            Scale::Quantile(_) => return None,
        };
    }
    let extends = Watched::extends(gate);
    let state = match &draw.order {
        Some(order) => Decider::Draws(Box::new(Contest::new(Question {
            scale,
            bound,
            risk: gate.risk,
            family,
            planned: (order.units() as u64).max(1),
            unit_size_max: order.unit_size_max(),
            epochs_max: if extends { draw.epochs_max } else { epochs },
        }))),
        None if extends => Decider::Epochs(Box::new(Looks {
            gate: gate.clone(),
            bound,
            kind: match scale {
                Scale::Binary => MetricKind::Binary,
                Scale::Between(..) => MetricKind::Bounded,
                Scale::Real | Scale::Quantile(_) => MetricKind::Real,
            },
            range: match scale {
                Scale::Between(low, high) => (low, high),
                Scale::Binary | Scale::Real | Scale::Quantile(_) => (0.0, 1.0),
            },
            family,
            evidence: None,
            p_missed: 1.0,
            decided: None,
            looks: 0,
        })),
        None => return None,
    };
    Some(Watched {
        gate: index,
        observed,
        extends,
        state,
    })
}

/// 1-based ranks of the order statistics that bound a quantile from below and above, each with confidence 1 − `risk` at
/// every number of independent draws at once; `None` where n is too small for one. Of the values at most the quantile a
/// share of q is expected, so the wagers on that share bound their number.
pub(crate) fn quantile_ranks(n: u64, q: f64, planned: u64, risk: f64) -> (Option<u64>, Option<u64>) {
    let goal = -risk.ln();
    let shows_more =
        |count: u64| share_ln_capitals(q, planned.max(1), n, count).is_ok_and(|(more, _)| more >= goal);
    let shows_fewer =
        |count: u64| share_ln_capitals(q, planned.max(1), n, count).is_ok_and(|(_, fewer)| fewer >= goal);
    // The more values there are, the more they show more, and the less they show fewer.
    let first_more = partition(n, |count| !shows_more(count));
    let first_not_fewer = partition(n, shows_fewer);
    let high = (first_more <= n).then_some(first_more).filter(|rank| *rank > 0);
    let low = (first_not_fewer > 0 && first_not_fewer <= n).then_some(first_not_fewer);
    (low, high)
}

/// The first of 0..=n for which `holds` does not; n + 1 where it holds for all. Once it does not, it never does again.
fn partition(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, n.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
