//! Between the engine, which asks what is still worth asking, and analysis, which decides gates while answers come in.
//! Apart from the session, because both know the same state machine and neither knows the other.

use crate::baselines::ForPlan;
use crate::error::CliError;
use crate::session::store_error;
use seatrial_analyse::{Sequential, TaskDraw, TaskMetrics};
use seatrial_engine::{Stopper, Wanted};
use seatrial_store::{Events, SqliteStore, figures_of};
use seatrial_task::{Plan, TaskScorers};
use seatrial_types::{RunId, SampleKey, SampleRecord};
use std::ops::ControlFlow;

/// What the scorers of every task yield.
pub(crate) fn metrics(scorers: &TaskScorers) -> TaskMetrics {
    let of_task = |task: &Vec<std::sync::Arc<dyn seatrial_task::Scorer>>| {
        task.iter().map(|scorer| scorer.metrics().to_vec()).collect()
    };
    scorers.iter().map(of_task).collect()
}

/// The tasks of a plan whose gates decide how far they are asked, before any sample.
pub(crate) fn of_plan(plan: &Plan, scorers: &TaskScorers, baseline: Option<&ForPlan>) -> Sequential {
    let draws: Vec<TaskDraw> = plan
        .tasks
        .iter()
        .enumerate()
        .map(|(index, task)| TaskDraw {
            cases: task.cases,
            epochs_max: plan.epochs_max(index),
            order: task.order.clone(),
            has_clusters: task.has_clusters,
        })
        .collect();
    let bases = baseline.map(|baseline| baseline.bases(plan)).unwrap_or_default();
    Sequential::new(&plan.draft, &metrics(scorers), &draws, &bases)
}

/// For each task, whether its answers are clustered: rows name clusters, or cases were repeated. Where gates decide how
/// often cases are asked, the record says whether they were.
pub(crate) fn clustered(plan: &Plan, store: &SqliteStore, run: &RunId) -> Result<Vec<bool>, CliError> {
    let is_open = |index: usize| {
        let epochs = plan.draft.tasks.get(index).map_or(1, |task| task.epochs);
        plan.tasks.get(index).is_some_and(|task| task.order.is_some()) || plan.epochs_max(index) > epochs
    };
    let mut clustered: Vec<bool> = plan
        .tasks
        .iter()
        .enumerate()
        .map(|(index, task)| {
            if is_open(index) {
                task.has_clusters
            } else {
                task.is_clustered
            }
        })
        .collect();
    if (0..plan.tasks.len()).any(is_open) {
        let mut note = |key: SampleKey| {
            if let Some(clustered) = clustered.get_mut(usize::from(key.task)) {
                *clustered |= key.epoch > 0;
            }
        };
        store.finished_keys(run, &mut note).map_err(store_error)?;
    }
    Ok(clustered)
}

/// The state machine as the engine's port.
pub(crate) struct GateStopper(Sequential);

impl GateStopper {
    /// Knows what earlier sessions of the run have finished.
    pub(crate) fn resume(
        mut sequential: Sequential,
        store: &SqliteStore,
        run: &RunId,
    ) -> Result<Self, CliError> {
        if !sequential.is_idle() {
            let mut take = |sample: seatrial_types::SampleFigures| {
                sequential.take(&sample);
                ControlFlow::Continue(())
            };
            store.for_each_figures(run, &mut take).map_err(store_error)?;
        }
        Ok(Self(sequential))
    }
}

impl Stopper for GateStopper {
    fn take(&mut self, sample: &SampleRecord) {
        if !self.0.is_idle() {
            self.0.take(&figures_of(sample));
        }
    }

    fn wanted(&self, key: SampleKey) -> Wanted {
        match self.0.wanted(key) {
            seatrial_analyse::Wanted::Yes => Wanted::Yes,
            seatrial_analyse::Wanted::Later => Wanted::Later,
            seatrial_analyse::Wanted::Over => Wanted::Over,
        }
    }
}
