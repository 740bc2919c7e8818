//! Executes a plan. One task owns the state of the run; calls run as futures in slots, results go to the writer in
//! batches, and a slot takes its next sample only after its previous one is durable. So at most as many calls per target
//! as its concurrency ever allows can be repeated after a crash.

use crate::adaptive::{Adaptive, Bounds};
use crate::asked::AskedModels;
use crate::budget::{Budget, Purse, Tariff};
use crate::feed::{Feed, Next};
use crate::finished::FinishedSet;
use crate::progress::Progress;
use crate::sample::{Due, run_sample};
use crate::stopper::Stopper;
use crate::writer::{Acknowledged, BATCH_MAX, BATCH_WAIT_MS, Writer};
use futures_util::stream::{FuturesUnordered, StreamExt};
use seatrial_config::ErrorCap;
use seatrial_provider::Pressure;
use seatrial_task::{Driver, Model, Plan, SampleSink, SinkError, TaskScorers};
use seatrial_types::{Case, ConcurrencyCourse, Money, Price, SampleKey, SampleRecord};
use std::collections::HashMap;
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
    /// How many calls may be in flight.
    pub concurrency: Bounds,
    /// Where its provider tells push-backs.
    pub pressure: Arc<Pressure>,
    /// What it charges.
    pub price: Option<Price>,
    /// Whether an answer costs money in this run; `false` for recorded ones.
    pub is_paid: bool,
    /// Most tokens of an answer, where requests set a limit.
    pub answer_tokens_max: Option<u64>,
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
    /// What it may spend.
    pub budget: Budget,
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
    /// Stopped because the budget has no room for the next call.
    CostCap,
    /// Stopped because its time was over.
    DurationCap,
    /// Results could no longer be recorded. What [`EngineError::Sink`] is to whoever reports what is on record all the
    /// same.
    RecordFailed,
}

/// What an execution leaves behind beside its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How it ended.
    pub end: RunEnd,
    /// The course of concurrency, by target.
    pub courses: Vec<ConcurrencyCourse>,
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

/// Executes the job to its end, to a request to stop, or to one of its caps.
///
/// `progress` is called at least once, and about ten times a second.
pub async fn execute(
    job: &Job,
    stopper: &mut dyn Stopper,
    sink: Box<dyn SampleSink>,
    mut stop: watch::Receiver<Stop>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Execution, EngineError> {
    let (writer, mut acknowledged) = Writer::spawn(sink).map_err(EngineError::WriterStart)?;
    let mut owner = Owner::new(job, stopper, writer);
    let mut running = FuturesUnordered::new();
    let mut ticks = tokio::time::interval(PROGRESS_EVERY);
    let mut stop_open = true;
    loop {
        owner.feel_pressure();
        if owner.ending.is_none() {
            while let Some(due) = owner.next_due()? {
                owner.in_flight += 1;
                running.push(run_sample(job, due));
            }
        }
        owner.flush_if_due(running.is_empty());
        if running.is_empty() && owner.is_drained() && !owner.is_waiting {
            break;
        }
        let flush_at = owner.flush_at;
        let abandon_at = owner.abandon_at;
        let close_at = owner.close_at;
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
            () = sleep_until(close_at.unwrap_or_else(Instant::now)), if close_at.is_some() => owner.close(),
            () = sleep_until(abandon_at.unwrap_or_else(Instant::now)), if abandon_at.is_some() => {
                owner.abandon(&mut running);
            }
            _ = ticks.tick() => progress(&owner.progress()),
        }
    }
    progress(&owner.progress());
    Ok(Execution {
        end: owner.ending.unwrap_or(RunEnd::Complete),
        courses: owner
            .feeds
            .into_iter()
            .map(|feed| feed.pace.into_course())
            .collect(),
    })
}

/// The state of a run; touched by nobody else.
struct Owner<'a> {
    job: &'a Job,
    stopper: &'a mut dyn Stopper,
    writer: Writer,
    feeds: Vec<Feed<'a>>,
    /// Money, and what is set aside for the samples under way; `None` without a cap.
    purse: Option<(Purse, HashMap<SampleKey, Money>)>,
    pending: Vec<SampleRecord>,
    flush_at: Option<Instant>,
    unacknowledged: usize,
    in_flight: usize,
    /// Whether a sample waits until its target wants to be asked again.
    is_waiting: bool,
    ending: Option<RunEnd>,
    abandon_at: Option<Instant>,
    /// When the last call of this session may start, and when the session must be over.
    close_at: Option<Instant>,
    over_at: Option<Instant>,
    started: Instant,
    finished: u64,
    errors: u64,
    cost: Option<Money>,
}

impl<'a> Owner<'a> {
    fn new(job: &'a Job, stopper: &'a mut dyn Stopper, writer: Writer) -> Self {
        let feeds: Vec<Feed<'_>> = job
            .targets
            .iter()
            .enumerate()
            .map(|(index, target)| Feed::new(job, index, Adaptive::new(target.concurrency)))
            .collect();
        let tariffs = job.targets.iter().map(|target| {
            let price = target.price.clone().filter(|_| target.is_paid)?;
            Some(Tariff {
                price,
                answer_tokens_max: target.answer_tokens_max,
            })
        });
        let cap = job.budget.cost;
        let started = Instant::now();
        let duration = job.budget.duration;
        // Calls under way get time to finish within the budget, as after a request to stop, but no large part of it.
        let close_after = duration.map(|duration| duration.saturating_sub(ABANDON_AFTER.min(duration / 4)));
        Self {
            job,
            stopper,
            writer,
            feeds,
            purse: cap.map(|cap| (Purse::new(cap, tariffs), HashMap::new())),
            pending: Vec::with_capacity(BATCH_MAX),
            flush_at: None,
            unacknowledged: 0,
            in_flight: 0,
            is_waiting: false,
            ending: None,
            abandon_at: None,
            close_at: close_after.and_then(|after| started.checked_add(after)),
            over_at: duration.and_then(|duration| started.checked_add(duration)),
            started,
            finished: 0,
            errors: 0,
            cost: Some(Money::ZERO),
        }
    }

    /// Hears what targets said about being asked too much.
    fn feel_pressure(&mut self) {
        let now = self.started.elapsed();
        for (feed, target) in self.feeds.iter_mut().zip(&self.job.targets) {
            if let Some(push_backs) = target.pressure.take() {
                feed.pace.pushed_back(now, push_backs);
            }
        }
    }

    /// The next sample of a target that has a free slot and money for it.
    fn next_due(&mut self) -> Result<Option<Due>, EngineError> {
        let now = self.started.elapsed();
        let mut is_refused = false;
        self.is_waiting = false;
        if let Some((purse, _)) = &mut self.purse {
            let spent = self.job.models.values();
            purse.spend_on_models(spent.filter_map(|model| model.spend().cost_usd).sum());
        }
        'feeds: for feed in &mut self.feeds {
            if !feed.has_slot() {
                continue;
            }
            let mut due = loop {
                match feed.next(&*self.stopper)? {
                    Next::Due(due) => break due,
                    Next::Again => {}
                    // Whatever it waits for is under way, and looks here again when it is finished.
                    Next::Later | Next::Nothing => continue 'feeds,
                }
            };
            if !feed.pace.is_open(now) {
                // Looked at again with the next tick.
                self.is_waiting = true;
                feed.hold(due);
                continue;
            }
            if let Some((purse, reserved)) = &mut self.purse {
                let bytes = *due
                    .prompt_bytes
                    .get_or_insert_with(|| prompt_bytes(self.job, &due.key, &due.case));
                match purse.reserve(usize::from(feed.target), bytes) {
                    Some(amount) => {
                        reserved.insert(due.key, amount);
                    }
                    None => {
                        is_refused = true;
                        feed.hold(due);
                        continue;
                    }
                }
            }
            feed.in_use += 1;
            return Ok(Some(due));
        }
        // Calls under way may turn out cheaper than feared; without any, waiting helps nothing.
        if is_refused && self.in_flight == 0 && !self.is_waiting {
            self.end(RunEnd::CostCap);
        }
        Ok(None)
    }

    fn take(&mut self, record: Option<SampleRecord>) {
        self.in_flight -= 1;
        let Some(record) = record else { return };
        self.stopper.take(&record);
        self.pay(&record);
        self.pace(&record);
        match &record.call.result {
            Err(_) => self.errors += 1,
            Ok(_) if record.call.cached => {}
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

    /// Settles what was set aside for a sample.
    fn pay(&mut self, record: &SampleRecord) {
        let Some((purse, reserved)) = &mut self.purse else {
            return;
        };
        let amount = reserved.remove(&record.key).unwrap_or(Money::ZERO);
        let target = usize::from(record.key.target);
        if record.call.result.is_err() || record.call.cached {
            purse.release(target, amount);
        } else {
            purse.settle(target, amount, record.cost);
        }
    }

    /// An answer that came at the first attempt says that the target bears the calls under way. What the cache answered
    /// says nothing, and a failure neither.
    fn pace(&mut self, record: &SampleRecord) {
        let is_clean = record.call.result.is_ok() && record.call.attempts.len() == 1;
        if let (true, Some(feed)) = (is_clean, self.feeds.get_mut(usize::from(record.key.target))) {
            feed.pace.answered(self.started.elapsed(), feed.in_use);
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
        if self.pending.len() >= self.batch() || (nothing_running && !self.pending.is_empty()) {
            self.flush();
        }
    }

    /// Results that are worth a commit of their own. A quarter of the slots: were it all of them, every slot would wait
    /// for the same commit and start again at the same moment, and answers would come in bursts that make their own lag.
    fn batch(&self) -> usize {
        let slots: usize = self.feeds.iter().map(|feed| feed.pace.limit() as usize).sum();
        (slots / 4).clamp(1, BATCH_MAX)
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
                feed.in_use = feed.in_use.saturating_sub(1);
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
            self.is_waiting = false;
            self.abandon_at = Some(Instant::now() + ABANDON_AFTER);
        }
    }

    /// The time of the session is as good as over: no more calls start, those under way have until the very end.
    fn close(&mut self) {
        self.close_at = None;
        if self.ending.is_none() {
            self.end(RunEnd::DurationCap);
            self.abandon_at = self.over_at;
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

/// Bytes of the prompt that a sample is going to send.
fn prompt_bytes(job: &Job, key: &SampleKey, case: &Case) -> u64 {
    let planned = job.plan.tasks.get(usize::from(key.task));
    let messages = planned.and_then(|planned| planned.prompt.render(case).ok());
    messages.map_or(0, |messages| {
        messages.iter().map(|message| message.content.len() as u64).sum()
    })
}
