//! The bridge from the port `SampleSink` to a store.

use seatrial_store::Events;
use seatrial_task::{SampleSink, SinkError};
use seatrial_types::{RunId, SampleRecord};

/// Writes the samples of one run into a store.
pub struct StoreSink<E> {
    events: E,
    run: RunId,
}

impl<E: Events> StoreSink<E> {
    /// Samples go to `run`, which must be on record.
    pub fn new(events: E, run: RunId) -> Self {
        Self { events, run }
    }
}

impl<E: Events> SampleSink for StoreSink<E> {
    fn put(&mut self, samples: &[SampleRecord]) -> Result<(), SinkError> {
        self.events
            .append(&self.run, samples)
            .map_err(|error| SinkError(Box::new(error)))
    }
}
