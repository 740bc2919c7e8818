//! The driver of ordinary tasks: one prompt, one answer.

use futures_util::future::BoxFuture;
use seatrial_task::{Driver, Model, Plan, Transcript};
use seatrial_types::{Case, ModelRequest};
use std::sync::Arc;

/// Renders the task's prompt for the case and asks once.
pub struct SingleTurn {
    plan: Arc<Plan>,
    task: usize,
    log_probabilities: bool,
}

impl SingleTurn {
    /// The driver of task number `task` of the plan.
    #[must_use]
    pub fn new(plan: Arc<Plan>, task: usize) -> Self {
        Self {
            plan,
            task,
            log_probabilities: false,
        }
    }

    /// The same, asking how probable the tokens of answers were.
    #[must_use]
    pub fn with_log_probabilities(self, asks: bool) -> Self {
        Self {
            log_probabilities: asks,
            ..self
        }
    }
}

impl Driver for SingleTurn {
    fn drive<'a>(&'a self, case: &'a Case, epoch: u32, model: &'a dyn Model) -> BoxFuture<'a, Transcript> {
        Box::pin(async move {
            let Some(task) = self.plan.tasks.get(self.task) else {
                return Transcript::of_prompt_error(format!("the plan has no task number {}", self.task));
            };
            let prompt = match task.prompt.render(case) {
                Ok(prompt) => prompt,
                Err(error) => return Transcript::of_prompt_error(error.to_string()),
            };
            let request = ModelRequest {
                messages: prompt.clone(),
                params: serde_json::Map::new(),
                case_id: Some(Arc::clone(&case.id)),
                columns: Arc::clone(&case.columns),
                epoch,
                log_probabilities: self.log_probabilities,
            };
            let call = model.call(request).await;
            Transcript { prompt, call }
        })
    }
}
