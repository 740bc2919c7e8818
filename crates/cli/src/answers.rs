//! Where targets look kept answers up. Apart because targets are built, and their errors told, before a store is made:
//! a suite that is wrong leaves nothing behind.

use seatrial_config::CacheMode;
use seatrial_store::{Answers, CachedAnswer, SqliteStore, StoreError};
use seatrial_types::{Answer, ContentHash, RunId, SampleRecord};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Kept answers of a store that is opened later; none before.
#[derive(Clone, Default)]
pub(crate) struct LateAnswers(Arc<Mutex<Late>>);

/// A connection of its own: the one of the writer is busy writing.
#[derive(Default)]
struct Late(Option<SqliteStore>);

impl LateAnswers {
    /// What targets of a run with this cache mode look into; `None` with the cache off.
    pub(crate) fn for_targets(&self, mode: CacheMode) -> Option<Arc<Mutex<dyn Answers>>> {
        (mode != CacheMode::Off).then(|| Arc::clone(&self.0) as Arc<Mutex<dyn Answers>>)
    }

    /// Opens the store, where it is needed.
    pub(crate) fn open(&self, mode: CacheMode, store: &Path) -> Result<(), StoreError> {
        if mode != CacheMode::Off {
            let store = SqliteStore::open(store)?;
            self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(store);
        }
        Ok(())
    }
}

impl Answers for Late {
    fn cached_answer(&self, key: ContentHash) -> Result<Option<Answer>, StoreError> {
        self.0.as_ref().map_or(Ok(None), |store| store.cached_answer(key))
    }

    fn append_with_answers(
        &mut self,
        run: &RunId,
        batch: &[SampleRecord],
        answers: &[CachedAnswer],
    ) -> Result<(), StoreError> {
        match &mut self.0 {
            Some(store) => store.append_with_answers(run, batch, answers),
            None => Err(StoreError::RunUnknown { run: run.clone() }),
        }
    }
}
