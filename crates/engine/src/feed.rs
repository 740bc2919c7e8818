//! The samples of one target that still need a call, in plan order, read from the datasets as they are needed, and the
//! slots that they run in.

use crate::adaptive::Adaptive;
use crate::run::{EngineError, Job};
use crate::sample::Due;
use seatrial_task::CaseStream;
use seatrial_types::SampleKey;

pub(crate) struct Feed<'a> {
    job: &'a Job,
    pub(crate) target: u16,
    /// Slots that are taken: calls under way, and results that are not durable yet.
    pub(crate) in_use: u32,
    /// How many slots there are.
    pub(crate) pace: Adaptive,
    /// Taken from the datasets, and not started yet because budget or target had no room for it.
    held: Option<Due>,
    task: usize,
    epoch: u32,
    cases: Option<CaseStream<'a>>,
}

impl<'a> Feed<'a> {
    pub(crate) fn new(job: &'a Job, target: usize, pace: Adaptive) -> Self {
        Self {
            job,
            target: u16::try_from(target).unwrap_or(u16::MAX),
            in_use: 0,
            pace,
            held: None,
            task: 0,
            epoch: 0,
            cases: None,
        }
    }

    /// Whether another call may be in flight.
    pub(crate) fn has_slot(&self) -> bool {
        self.in_use < self.pace.limit()
    }

    /// Gives a sample back that cannot start now; it is the next one again.
    pub(crate) fn hold(&mut self, due: Due) {
        self.held = Some(due);
    }

    /// The next sample that needs a call; `None` when there is none left.
    pub(crate) fn next(&mut self) -> Result<Option<Due>, EngineError> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let plan = &self.job.plan;
        while let (Some(planned), Some(task)) = (plan.tasks.get(self.task), plan.draft.tasks.get(self.task)) {
            if self.epoch >= task.epochs || !plan.asks(usize::from(self.target), self.task) {
                (self.task, self.epoch) = (self.task + 1, 0);
                continue;
            }
            let cases = match &mut self.cases {
                Some(cases) => cases,
                None => self.cases.insert(planned.open_cases()?),
            };
            for next in cases {
                let (number, case) = next?;
                let task = u16::try_from(self.task).unwrap_or(u16::MAX);
                let key = SampleKey {
                    target: self.target,
                    task,
                    epoch: self.epoch,
                    case: number,
                };
                if !self.job.finished.contains(plan, key) {
                    return Ok(Some(Due {
                        key,
                        case,
                        prompt_bytes: None,
                    }));
                }
            }
            self.cases = None;
            self.epoch += 1;
        }
        Ok(None)
    }
}
