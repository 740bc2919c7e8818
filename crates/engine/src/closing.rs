//! The end of what keeps running between samples: programs under test, programs that score.

use crate::asked::AskedModels;
use crate::run::Job;
use futures_util::future::{join, join_all};
use seatrial_task::{Model, TaskScorers};

/// Closes every target, every model that scorers ask and every scorer, all at once; each is bounded in time.
///
/// Call it after [`crate::execute`], in the same runtime. What is not closed is killed when the runtime ends.
pub async fn close(job: &Job) {
    let targets = job.targets.iter().map(|target| target.model.close());
    join(join_all(targets), close_scoring(&job.scorers, &job.models)).await;
}

/// The same for scorers and the models that they ask, where nobody else was asked.
pub async fn close_scoring(scorers: &TaskScorers, models: &AskedModels) {
    let models = models.values().map(Model::close);
    let scorers = scorers.iter().flatten().map(|scorer| scorer.close());
    join_all(models.chain(scorers)).await;
}
