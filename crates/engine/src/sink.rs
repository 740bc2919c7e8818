//! The bridge from the port `SampleSink` to a store.

use crate::cache::PendingAnswers;
use seatrial_store::{Answers, Events};
use seatrial_task::{SampleSink, SinkError};
use seatrial_types::{RunId, SampleRecord};

/// Writes the samples of one run into a store, and with them the answers that the response cache is to keep.
pub struct StoreSink<E> {
    store: E,
    run: RunId,
    answers: PendingAnswers,
}

impl<E: Events + Answers> StoreSink<E> {
    /// Samples go to `run`, which must be on record; answers are those that `answers` collects.
    pub fn new(store: E, run: RunId, answers: PendingAnswers) -> Self {
        Self { store, run, answers }
    }
}

impl<E: Events + Answers> SampleSink for StoreSink<E> {
    fn put(&mut self, samples: &[SampleRecord]) -> Result<(), SinkError> {
        // An answer is pending before its sample is; so with a sample its answer is taken, never after it.
        self.store
            .append_with_answers(&self.run, samples, &self.answers.take())
            .map_err(|error| SinkError(Box::new(error)))
    }
}
