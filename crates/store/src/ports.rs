//! The two traits that a back end implements. Apart from any back end, so that engine and reports name no database.

use crate::{RunHeader, RunRow, RunStatus, StoreError};
use seatrial_types::{Answer, ContentHash, RunId, SampleFigures, SampleKey, SampleRecord};
use std::ops::ControlFlow;

/// Plans, runs and what is said of a run as a whole.
///
/// Every write is durable when its method returns. "Newest" is by order of creation in this store, not by
/// `started_at`, which is a text from a clock that people can set. Methods that name a run which is not there fail
/// with [`StoreError::RunUnknown`], except [`Catalog::run`], whose answer is `None`.
pub trait Catalog: Send {
    /// Keeps the text of a plan under its hash; the text that came first stays.
    fn put_plan(&mut self, hash: ContentHash, body: &str) -> Result<(), StoreError>;

    /// The text of a plan; `None` where it is not on record.
    fn plan(&self, hash: ContentHash) -> Result<Option<String>, StoreError>;

    /// Opens a run with status `Running`.
    ///
    /// # Errors
    /// [`StoreError::RunExists`] for an id that is taken, [`StoreError::PlanUnknown`] where the plan was not put first.
    fn create_run(&mut self, header: &RunHeader) -> Result<(), StoreError>;

    /// A run; `None` where there is none with this id.
    fn run(&self, id: &RunId) -> Result<Option<RunRow>, StoreError>;

    /// At most `limit` runs, newest first.
    fn runs(&self, limit: usize) -> Result<Vec<RunRow>, StoreError>;

    /// The newest run of a plan, whatever its status.
    fn newest_run_of(&self, plan_hash: ContentHash) -> Result<Option<RunRow>, StoreError>;

    /// The newest run of a plan that can be resumed ([`RunStatus::is_unfinished`]).
    fn newest_unfinished_run_of(&self, plan_hash: ContentHash) -> Result<Option<RunRow>, StoreError>;

    /// Says how a run ended, with its findings (JSON text) where there are any. May be said again: the last word holds,
    /// and `findings: None` leaves those on record as they are.
    fn end_run(
        &mut self,
        id: &RunId,
        status: RunStatus,
        ended_at: &str,
        exit_code: u8,
        findings: Option<&str>,
    ) -> Result<(), StoreError>;

    /// Sets a run back to `Running`, without end, exit code and findings: it is being resumed.
    fn reopen_run(&mut self, id: &RunId) -> Result<(), StoreError>;

    /// The findings of a run as JSON text; `None` where it has none yet.
    fn findings(&self, id: &RunId) -> Result<Option<String>, StoreError>;

    /// Adds what one process says of its part of a run (start, end, how busy the client was, …) as JSON text.
    fn append_session(&mut self, id: &RunId, json: &str) -> Result<(), StoreError>;

    /// The sessions of a run, in order of their arrival.
    fn sessions(&self, id: &RunId) -> Result<Vec<String>, StoreError>;
}

/// The samples of runs.
///
/// The three reading methods see one moment of the record: what is appended while they run is not shown. They hold
/// one sample at a time in memory, and stop when the callback breaks.
pub trait Events: Send {
    /// Records finished samples, all or none. When it returns they survive the death of the process and of the machine.
    /// A key that is already there, or comes twice, is left as it first was.
    fn append(&mut self, run: &RunId, batch: &[SampleRecord]) -> Result<(), StoreError>;

    /// The keys of all samples on record, in key order.
    fn finished_keys(&self, run: &RunId, f: &mut dyn FnMut(SampleKey)) -> Result<(), StoreError>;

    /// The figures of all samples, without texts, in key order.
    fn for_each_figures(
        &self,
        run: &RunId,
        f: &mut dyn FnMut(SampleFigures) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// All samples, whole, in key order.
    fn for_each_sample(
        &self,
        run: &RunId,
        f: &mut dyn FnMut(SampleRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// One sample, whole; `None` where it is not on record. Reads no other one, where the back end can help it.
    fn sample(&self, run: &RunId, key: SampleKey) -> Result<Option<SampleRecord>, StoreError> {
        let mut found = None;
        self.for_each_sample(run, &mut |sample| {
            if sample.key < key {
                return ControlFlow::Continue(());
            }
            found = (sample.key == key).then_some(sample);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Takes samples that ended in an error off the run, so that their keys can be recorded anew; how many they were.
    /// What was said of their attempts stays in the store, but no reading method shows it any more.
    fn forget_errors(&mut self, run: &RunId) -> Result<u64, StoreError>;

    /// Number of samples on record.
    fn count(&self, run: &RunId) -> Result<u64, StoreError>;
}

/// An answer to be kept for later runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedAnswer {
    /// Hash of everything that was sent: target, request, epoch.
    pub key: ContentHash,
    /// When it was given, milliseconds since 1970.
    pub made_unix_ms: i64,
    /// The answer.
    pub answer: Answer,
    /// Whether it takes the place of an answer that is kept already; else the one that came first stays.
    pub replaces: bool,
}

/// Answers that are kept so that a later run need not ask again. Not part of any run: the record of a run says what it
/// got from here.
pub trait Answers: Send {
    /// The answer under this key; `None` where there is none.
    fn cached_answer(&self, key: ContentHash) -> Result<Option<Answer>, StoreError>;

    /// As [`Events::append`], and keeps these answers: samples and answers together, all or none.
    fn append_with_answers(
        &mut self,
        run: &RunId,
        batch: &[SampleRecord],
        answers: &[CachedAnswer],
    ) -> Result<(), StoreError>;
}

/// A whole store: catalogue, samples and kept answers.
pub trait Store: Catalog + Events + Answers {}

impl<T: Catalog + Events + Answers> Store for T {}
