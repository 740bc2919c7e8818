//! Executes a plan. One task owns the state of the run; calls run as futures in slots, results go to the writer in
//! batches, and a slot takes its next sample only after its previous one is durable. So at most `concurrency` calls
//! per target can be repeated after a crash.

use crate::asked::AskedModels;
use crate::finished::FinishedSet;
use crate::progress::Progress;
use crate::sample::{Due, run_sample};
use crate::writer::{Acknowledged, BATCH_MAX, BATCH_WAIT_MS, Writer};
use futures_util::stream::{FuturesUnordered, StreamExt};
use seatrial_config::ErrorCap;
use seatrial_task::{CaseStream, Driver, Model, Plan, SampleSink, SinkError, TaskScorers};
use seatrial_types::{Money, Price, SampleKey, SampleRecord};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Time that calls under way get to finish after a first request to stop.
pub const ABANDON_AFTER: Duration = Duration::from_millis(4000);
/// Errors below which the error cap never stops a run early: a handful says nothing about a share.
pub const ERRORS_BEFORE_EARLY_STOP: u64 = 10;
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// A target of a run.
pub struct TargetRun {
    /// How it is asked.
    pub model: Arc<dyn Model>,
    /// Calls in flight at most, at least 1.
    pub concurrency: usize,
    /// What it charges.
    pub price: Option<Price>,
}

/// What is to be executed.
pub struct Job {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Scorers per task.
    pub scorers: TaskScorers,
    /// Driver per task.
    pub drivers: Vec<Arc<dyn Driver>>,
    /// Targets, in plan order.
    pub targets: Vec<TargetRun>,
    /// Models that scorers ask.
    pub models: AskedModels,
    /// Samples that need no call any more.
    pub finished: FinishedSet,
}

/// Requests to stop, from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    No,
    /// Start no more calls; let those under way finish, up to [`ABANDON_AFTER`].
    Soon,
    /// Abandon calls under way.
    Now,
}

/// How an execution ended. Everything it finished is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every sample of the plan is on record.
    Complete,
    /// Stopped on request.
    Interrupted,
    /// Stopped because the error cap is certain to be passed.
    ErrorCap,
}

/// Why an execution could not go on. Everything finished before is durable.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Results can no longer be recorded.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The writer thread is gone.
    #[error(
        "the thread that records results ended unexpectedly; results on record are safe, continue with --resume"
    )]
    WriterGone,
    /// The writer thread could not be started.
    #[error("failed to start the thread that records results: {0}")]
    WriterStart(std::io::Error),
    /// A dataset can no longer be read.
    #[error(transparent)]
    Dataset(#[from] seatrial_task::DatasetError),
}

/// Executes the job to its end, to a request to stop, or to its error cap.
///
/// `progress` is called at least once, and about ten times a second.
pub async fn execute(
    job: &Job,
    sink: Box<dyn SampleSink>,
    mut stop: watch::Receiver<Stop>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<RunEnd, EngineError> {
    let (writer, mut acknowledged) = Writer::spawn(sink).map_err(EngineError::WriterStart)?;
    let mut owner = Owner::new(job, writer);
    let mut running = FuturesUnordered::new();
    let mut ticks = tokio::time::interval(PROGRESS_EVERY);
    let mut stop_open = true;
    loop {
        if owner.ending.is_none() {
            while let Some(due) = owner.next_due()? {
                owner.in_flight += 1;
                running.push(run_sample(job, due));
            }
        }
        owner.flush_if_due(running.is_empty());
        if running.is_empty() && owner.is_drained() {
            break;
        }
        let flush_at = owner.flush_at;
        let abandon_at = owner.abandon_at;
        tokio::select! {
            biased;
            changed = stop.changed(), if stop_open => {
                stop_open = changed.is_ok();
                let wanted = *stop.borrow_and_update();
                if wanted > Stop::No {
                    owner.end(RunEnd::Interrupted);
                }
                if wanted == Stop::Now {
                    owner.abandon(&mut running);
                }
            }
            answer = acknowledged.recv() => owner.acknowledge(answer)?,
            Some(record) = running.next(), if !running.is_empty() => owner.take(record),
            () = sleep_until(flush_at.unwrap_or_else(Instant::now)), if flush_at.is_some() => owner.flush(),
            () = sleep_until(abandon_at.unwrap_or_else(Instant::now)), if abandon_at.is_some() => {
                owner.abandon(&mut running);
            }
            _ = ticks.tick() => progress(&owner.progress()),
        }
    }
    progress(&owner.progress());
    Ok(owner.ending.unwrap_or(RunEnd::Complete))
}

/// The state of a run; touched by nobody else.
struct Owner<'a> {
    job: &'a Job,
    writer: Writer,
    feeds: Vec<Feed<'a>>,
    pending: Vec<SampleRecord>,
    /// Results that are worth a commit of their own. A quarter of the slots: were it all of them, every slot would wait
    /// for the same commit and start again at the same moment, and answers would come in bursts that make their own lag.
    batch: usize,
    flush_at: Option<Instant>,
    unacknowledged: usize,
    in_flight: usize,
    ending: Option<RunEnd>,
    abandon_at: Option<Instant>,
    started: Instant,
    finished: u64,
    errors: u64,
    cost: Option<Money>,
}

impl<'a> Owner<'a> {
    fn new(job: &'a Job, writer: Writer) -> Self {
        let feeds: Vec<Feed<'_>> = (0..job.targets.len())
            .map(|target| Feed::new(job, target))
            .collect();
        let slots: usize = feeds.iter().map(|feed| feed.free).sum();
        Self {
            job,
            writer,
            feeds,
            pending: Vec::with_capacity(BATCH_MAX),
            batch: (slots / 4).clamp(1, BATCH_MAX),
            flush_at: None,
            unacknowledged: 0,
            in_flight: 0,
            ending: None,
            abandon_at: None,
            started: Instant::now(),
            finished: 0,
            errors: 0,
            cost: Some(Money::ZERO),
        }
    }

    /// The next sample of a target that has a free slot.
    fn next_due(&mut self) -> Result<Option<Due>, EngineError> {
        for feed in &mut self.feeds {
            if feed.free > 0
                && let Some(due) = feed.next()?
            {
                feed.free -= 1;
                return Ok(Some(due));
            }
        }
        Ok(None)
    }

    fn take(&mut self, record: Option<SampleRecord>) {
        self.in_flight -= 1;
        let Some(record) = record else { return };
        match &record.call.result {
            Err(_) => self.errors += 1,
            Ok(_) => {
                self.cost = self
                    .cost
                    .zip(record.cost)
                    .map(|(sum, cost)| sum.saturating_add(cost));
            }
        }
        self.pending.push(record);
        if self.flush_at.is_none() {
            self.flush_at = Some(Instant::now() + Duration::from_millis(BATCH_WAIT_MS));
        }
        if self.cap_is_certain_to_be_passed() {
            self.end(RunEnd::ErrorCap);
        }
    }

    fn cap_is_certain_to_be_passed(&self) -> bool {
        let planned = self.job.plan.samples();
        #[expect(clippy::cast_precision_loss, reason = "a share of a count far below 2^53")]
        let passed = match self.job.plan.draft.error_cap {
            ErrorCap::MaxErrors(most) => self.errors > most,
            ErrorCap::MaxErrorRate(share) => {
                self.errors > ERRORS_BEFORE_EARLY_STOP && self.errors as f64 > share * planned as f64
            }
        };
        passed
    }

    /// Hands over what is due: a full batch, or all there is when no call is left that could join it.
    fn flush_if_due(&mut self, nothing_running: bool) {
        if self.pending.len() >= self.batch || (nothing_running && !self.pending.is_empty()) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        while !self.pending.is_empty() {
            let rest = self.pending.split_off(self.pending.len().min(BATCH_MAX));
            let batch = std::mem::replace(&mut self.pending, rest);
            let count = batch.len();
            if let Err(mut batch) = self.writer.try_put(batch) {
                // The writer is behind: what is pending waits for its next acknowledgement.
                batch.append(&mut self.pending);
                self.pending = batch;
                break;
            }
            self.unacknowledged += count;
        }
        self.flush_at = None;
    }

    fn acknowledge(&mut self, answer: Option<Acknowledged>) -> Result<(), EngineError> {
        let targets = answer.ok_or(EngineError::WriterGone)??;
        self.unacknowledged = self.unacknowledged.saturating_sub(targets.len());
        self.finished += targets.len() as u64;
        for target in targets {
            if let Some(feed) = self.feeds.get_mut(usize::from(target)) {
                feed.free += 1;
            }
        }
        if !self.pending.is_empty() && self.flush_at.is_none() {
            self.flush_at = Some(Instant::now());
        }
        Ok(())
    }

    fn end(&mut self, how: RunEnd) {
        if self.ending.is_none() {
            self.ending = Some(how);
            self.abandon_at = Some(Instant::now() + ABANDON_AFTER);
        }
    }

    fn abandon<F>(&mut self, running: &mut FuturesUnordered<F>) {
        running.clear();
        self.in_flight = 0;
        self.abandon_at = None;
    }

    fn is_drained(&self) -> bool {
        self.pending.is_empty() && self.unacknowledged == 0
    }

    fn progress(&self) -> Progress {
        let before = self.job.finished.count();
        Progress {
            planned: self.job.plan.samples(),
            finished: before + self.finished,
            finished_before: before,
            errors: self.errors,
            in_flight: self.in_flight,
            cost: self.cost,
            elapsed: self.started.elapsed(),
            stopping: self.ending.is_some(),
        }
    }
}

/// The samples of one target that still need a call, in plan order, read from the datasets as they are needed.
struct Feed<'a> {
    job: &'a Job,
    target: u16,
    free: usize,
    task: usize,
    epoch: u32,
    cases: Option<CaseStream<'a>>,
}

impl<'a> Feed<'a> {
    fn new(job: &'a Job, target: usize) -> Self {
        let free = job
            .targets
            .get(target)
            .map_or(1, |target| target.concurrency.max(1));
        let target = u16::try_from(target).unwrap_or(u16::MAX);
        Self {
            job,
            target,
            free,
            task: 0,
            epoch: 0,
            cases: None,
        }
    }

    fn next(&mut self) -> Result<Option<Due>, EngineError> {
        let plan = &self.job.plan;
        while let (Some(planned), Some(task)) = (plan.tasks.get(self.task), plan.draft.tasks.get(self.task)) {
            if self.epoch >= task.epochs {
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
                    return Ok(Some(Due { key, case }));
                }
            }
            self.cases = None;
            self.epoch += 1;
        }
        Ok(None)
    }
}
