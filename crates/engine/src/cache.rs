//! The response cache as a target sees it: what is looked up before a call and kept after it. Apart from the store,
//! which keeps answers under a hash and does not know what the hash is made of.

use seatrial_config::{CacheMode, Endpoint};
use seatrial_store::{Answers, CachedAnswer};
use seatrial_types::{Answer, Call, CallError, CallErrorKind, ContentHash, ModelRequest};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Goes up when the same key would stand for something else.
const KEY_VERSION: u32 = 1;
/// Answers that wait for the next batch. There are no more than calls whose samples are not durable yet, unless a driver
/// makes very many calls for one sample; what is above is not kept.
pub const PENDING_MAX: usize = 65_536;

/// Answers that are kept with the next batch of samples.
#[derive(Debug, Clone, Default)]
pub struct PendingAnswers(Arc<Mutex<Vec<CachedAnswer>>>);

impl PendingAnswers {
    fn push(&self, answer: CachedAnswer) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < PENDING_MAX {
            pending.push(answer);
        }
    }

    /// Takes all that wait.
    pub(crate) fn take(&self) -> Vec<CachedAnswer> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The cache of one target.
pub struct ResponseCache {
    mode: CacheMode,
    /// Everything about the target that decides an answer.
    identity: Value,
    /// Whether the target is sent more of a case than its conversation.
    sends_case: bool,
    answers: Arc<Mutex<dyn Answers>>,
    pending: PendingAnswers,
}

impl ResponseCache {
    /// A cache in `mode` for answers of `endpoint`. Looks into `answers`; what is to be kept goes to `pending`, which a
    /// [`StoreSink`](crate::StoreSink) empties.
    #[must_use]
    pub fn new(
        mode: CacheMode,
        endpoint: &Endpoint,
        answers: Arc<Mutex<dyn Answers>>,
        pending: PendingAnswers,
    ) -> Self {
        Self {
            mode,
            identity: endpoint.identity(),
            sends_case: endpoint.sends_case(),
            answers,
            pending,
        }
    }

    /// Hash of all that decides the answer: target, conversation, parameters and repetition. The repetition is in it, so
    /// that the epochs of a case stay different answers; the name of the target is not, and the case itself only where the
    /// target sees it.
    pub(crate) fn key(&self, request: &ModelRequest) -> ContentHash {
        // Taken apart without `..`, so that a new part of a request does not compile until somebody decides.
        let ModelRequest {
            messages,
            params,
            case_id,
            columns,
            epoch,
            log_probabilities,
        } = request;
        let case = self
            .sends_case
            .then(|| json!({ "id": case_id.as_deref(), "columns": **columns }));
        let mut key = json!({
            "key": KEY_VERSION,
            "target": self.identity,
            "messages": messages,
            "params": params,
            "epoch": epoch,
            "case": case,
        });
        // Only where it is asked for, so that answers kept before there was the question are found.
        if let (true, Some(key)) = (*log_probabilities, key.as_object_mut()) {
            key.insert("log_probabilities".to_owned(), true.into());
        }
        ContentHash::of(key.to_string().as_bytes())
    }

    /// What needs no call: the kept answer, or in `replay-only` the word that there is none. `None` where the target is
    /// to be asked.
    pub(crate) fn look_up(&self, key: ContentHash) -> Option<Call> {
        if !self.mode.reads() {
            return None;
        }
        let found = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cached_answer(key);
        let problem = match found {
            Ok(Some(answer)) => return Some(cached(Ok(answer))),
            Ok(None) => "has no answer to this request".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        // An answer that cannot be read is as good as none where the target may be asked.
        (self.mode == CacheMode::ReplayOnly).then(|| {
            cached(Err(CallError {
                kind: CallErrorKind::CacheMiss,
                status: None,
                message: format!(
                    "the response cache {problem}, and with `replay-only` nobody is asked; \
                     hint: fill it with a run in mode `read-write`"
                ),
            }))
        })
    }

    /// Keeps an answer; errors are not kept.
    pub(crate) fn keep(&self, key: ContentHash, call: &Call) {
        let Ok(answer) = &call.result else { return };
        self.pending.push(CachedAnswer {
            key,
            made_unix_ms: unix_ms(),
            answer: answer.clone(),
            replaces: self.mode == CacheMode::Refresh,
        });
    }
}

/// A call that nobody made: no attempts, so no times.
fn cached(result: Result<Answer, CallError>) -> Call {
    Call {
        attempts: Vec::new(),
        cached: result.is_ok(),
        result,
    }
}

fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
