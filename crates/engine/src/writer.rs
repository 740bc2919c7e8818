//! The thread that makes results durable. One commit per batch; the batch is made by the owner of the run, who hears
//! back when it is safe.

use seatrial_task::{SampleSink, SinkError};
use seatrial_types::SampleRecord;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Most results in one commit.
pub(crate) const BATCH_MAX: usize = 64;
/// Longest time that a result waits for others to share its commit, in milliseconds.
pub(crate) const BATCH_WAIT_MS: u64 = 5;
/// Batches that may wait for the writer. More than one lets the network go on during a commit.
const QUEUE_BATCHES: usize = 4;

/// What the writer says of a batch: the targets whose slots are free again, one entry per sample.
pub(crate) type Acknowledged = Result<Vec<u16>, SinkError>;

pub(crate) struct Writer {
    batches: Option<SyncSender<Vec<SampleRecord>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn spawn(sink: Box<dyn SampleSink>) -> std::io::Result<(Self, mpsc::Receiver<Acknowledged>)> {
        let (batches, incoming) = sync_channel(QUEUE_BATCHES);
        let (acknowledge, acknowledged) = mpsc::channel(QUEUE_BATCHES + 1);
        let thread = std::thread::Builder::new()
            .name("seatrial-writer".to_owned())
            .spawn(move || write_all(sink, &incoming, &acknowledge))?;
        Ok((
            Self {
                batches: Some(batches),
                thread: Some(thread),
            },
            acknowledged,
        ))
    }

    /// Hands a batch over; gives it back while the queue is full or the writer is gone.
    pub(crate) fn try_put(&self, batch: Vec<SampleRecord>) -> Result<(), Vec<SampleRecord>> {
        match &self.batches {
            None => Err(batch),
            Some(batches) => batches.try_send(batch).map_err(|error| match error {
                std::sync::mpsc::TrySendError::Full(batch)
                | std::sync::mpsc::TrySendError::Disconnected(batch) => batch,
            }),
        }
    }
}

impl Drop for Writer {
    /// Waits for the commit under way: nothing may write after the run has said how it ended.
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has been seen as the end of its channel.
            drop(thread.join());
        }
    }
}

fn write_all(
    mut sink: Box<dyn SampleSink>,
    batches: &Receiver<Vec<SampleRecord>>,
    acknowledge: &mpsc::Sender<Acknowledged>,
) {
    while let Ok(batch) = batches.recv() {
        let result = sink
            .put(&batch)
            .map(|()| batch.iter().map(|record| record.key.target).collect());
        let failed = result.is_err();
        if acknowledge.blocking_send(result).is_err() || failed {
            return;
        }
    }
}
