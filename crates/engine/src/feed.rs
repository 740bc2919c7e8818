//! The samples of one target that still need a call and are worth one, in the order of their tasks, read from the
//! datasets as they are needed, and the slots that they run in.

use crate::adaptive::Adaptive;
use crate::run::{EngineError, Job};
use crate::sample::Due;
use crate::stopper::{Stopper, Wanted};
use seatrial_task::NumberedCase;
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
    cases: Option<Box<dyn Iterator<Item = NumberedCase> + 'a>>,
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

    /// The next sample that needs a call and is worth one; `None` when there is none left, or none before others finish.
    pub(crate) fn next(&mut self, stopper: &dyn Stopper) -> Result<Next, EngineError> {
        if let Some(held) = self.held.take() {
            return Ok(self.offer(held, stopper));
        }
        let plan = &self.job.plan;
        while let Some(planned) = plan.tasks.get(self.task) {
            if self.epoch >= plan.epochs_max(self.task) || !plan.asks(usize::from(self.target), self.task) {
                self.leave_task();
                continue;
            }
            let cases = match &mut self.cases {
                Some(cases) => cases,
                None => self.cases.insert(planned.open_in_order()?),
            };
            let task = u16::try_from(self.task).unwrap_or(u16::MAX);
            let mut is_over = false;
            for next in cases {
                let (number, case) = next?;
                let key = SampleKey {
                    target: self.target,
                    task,
                    epoch: self.epoch,
                    case: number,
                };
                if self.job.finished.contains(plan, key) {
                    continue;
                }
                let due = Due {
                    key,
                    case,
                    prompt_bytes: None,
                };
                match stopper.wanted(key) {
                    Wanted::Yes => return Ok(Next::Due(due)),
                    Wanted::Later => {
                        self.held = Some(due);
                        return Ok(Next::Later);
                    }
                    Wanted::Over => {
                        is_over = true;
                        break;
                    }
                }
            }
            if is_over {
                self.leave_task();
            } else {
                self.cases = None;
                self.epoch += 1;
            }
        }
        Ok(Next::Nothing)
    }

    /// A sample that was held, if it is still worth asking.
    fn offer(&mut self, held: Due, stopper: &dyn Stopper) -> Next {
        match stopper.wanted(held.key) {
            Wanted::Yes => Next::Due(held),
            Wanted::Later => {
                self.held = Some(held);
                Next::Later
            }
            Wanted::Over => {
                self.leave_task();
                Next::Again
            }
        }
    }

    fn leave_task(&mut self) {
        (self.task, self.epoch, self.cases) = (self.task + 1, 0, None);
    }
}

/// What a feed has.
pub(crate) enum Next {
    /// A sample.
    Due(Due),
    /// A sample of which nobody knows yet whether it is worth asking.
    Later,
    /// What was held is not wanted any more; there may be others.
    Again,
    /// Nothing more.
    Nothing,
}
