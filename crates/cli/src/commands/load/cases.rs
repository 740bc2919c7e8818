//! A task's cases as the requests of a load, and the answers as its samples, scored when the load is over. Apart from made
//! prompts, because a case has references, columns and scorers.

use super::endpoint::blueprint_of;
use crate::error::CliError;
use futures_util::future::join_all;
use seatrial_engine::{Answered, AskedModels};
use seatrial_load::{Outcome, Phase, RequestRecord, RunResult};
use seatrial_provider::{Api, Endpoint, answer_of_body};
use seatrial_task::{PlannedTask, Scorer};
use seatrial_types::{
    Call, CallError, CallErrorKind, Case, ContentHash, Message, ModelRequest, Money, Price, SampleKey,
    SampleRecord, Usage,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Most cases that a load asks; a load that needs more requests asks them again.
pub(super) const CASES_MAX: usize = 100_000;
/// Bytes of all requests together.
const BYTES_MAX: usize = 1 << 30;
/// Samples that are scored at the same time.
const BATCH: usize = 64;

/// The cases of a task in the order in which they are asked.
pub(crate) struct TaskCases {
    cases: Vec<(u32, Case, Vec<Message>)>,
    pub(super) requests: Vec<Arc<[u8]>>,
}

impl TaskCases {
    /// Reads the cases, orders them by the hash of seed and id, and writes their requests to this endpoint; no more than
    /// `wanted` where that is known.
    pub(super) fn read(
        planned: &PlannedTask,
        endpoint: &Endpoint,
        seed: u64,
        wanted: Option<u64>,
        log_probabilities: bool,
    ) -> Result<Self, CliError> {
        let mut cases: Vec<(ContentHash, u32, Case)> = Vec::new();
        for next in planned.open_cases().map_err(CliError::usage)? {
            let (number, case) = next.map_err(CliError::usage)?;
            let place = ContentHash::of(format!("{seed}:{}", case.id).as_bytes());
            cases.push((place, number, case));
            if cases.len() > CASES_MAX {
                return Err(CliError::usage(format!(
                    "the task has more than {CASES_MAX} cases, which is more than a load keeps ready"
                ))
                .hint("take fewer with `limit: N`"));
            }
        }
        cases.sort_unstable_by_key(|(place, number, _)| (*place, *number));
        if let Some(wanted) = wanted {
            cases.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        }
        let blueprint = blueprint_of(endpoint)?;
        let mut read = Self {
            cases: Vec::with_capacity(cases.len()),
            requests: Vec::with_capacity(cases.len()),
        };
        let mut bytes_all = 0;
        for (_, number, case) in cases {
            let messages = planned
                .prompt
                .render(&case)
                .map_err(|error| CliError::usage(format!("case `{}`: {error}", case.id)))?;
            let request = ModelRequest {
                messages: messages.clone(),
                case_id: Some(Arc::clone(&case.id)),
                columns: Arc::clone(&case.columns),
                log_probabilities,
                ..ModelRequest::default()
            };
            let mut bytes = Vec::new();
            blueprint
                .push_request(&request, &mut bytes)
                .map_err(|error| CliError::usage(format!("case `{}`: {error}", case.id)))?;
            bytes_all += bytes.len();
            if bytes_all > BYTES_MAX {
                return Err(CliError::usage(format!(
                    "the requests of {} cases are larger than {} MiB",
                    read.cases.len(),
                    BYTES_MAX >> 20
                ))
                .hint("take fewer with `limit: N`"));
            }
            read.cases.push((number, case, messages));
            read.requests.push(bytes.into());
        }
        Ok(read)
    }

    /// How many cases there are.
    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }
}

/// What is known of a load beside its recording.
pub(super) struct Loaded<'a> {
    pub(super) run: &'a RunResult,
    pub(super) cases: &'a TaskCases,
    pub(super) planned: &'a PlannedTask,
    pub(super) api: &'a Api,
    pub(super) url: &'a str,
    pub(super) price: Option<&'a Price>,
    /// Wall clock at the start of the run, milliseconds since 1970.
    pub(super) started_unix_ms: i64,
    pub(super) target: u16,
    pub(super) task: u16,
}

/// A sample without its scores, and its case.
type Unscored<'a> = (SampleRecord, &'a Case);

impl Loaded<'_> {
    /// Every measured request that ended, as a sample without scores, in the order of the draw: the k-th request of a case
    /// is its epoch k. And how many whole answers are missing because there was no room for them.
    pub(super) fn samples(&self) -> (Vec<Unscored<'_>>, u64) {
        let mut ended: Vec<(&RequestRecord, Option<&[u8]>)> = Vec::new();
        for (worker, recording) in self.run.recording.workers.iter().enumerate() {
            let kept = self.run.answers.get(worker);
            let bodies: HashMap<usize, &[u8]> = kept
                .into_iter()
                .flat_map(seatrial_load::KeptAnswers::answers)
                .map(|answer| (answer.request, &*answer.body))
                .collect();
            let requests = recording.requests.iter().enumerate();
            ended.extend(requests.map(|(at, request)| (request, bodies.get(&at).copied())));
        }
        ended.retain(|(request, _)| request.phase == Phase::Measured && request.outcome != Outcome::CutOff);
        ended.sort_by_key(|(request, _)| (request.intended_ns, request.prompt));
        let mut asked: HashMap<u32, u32> = HashMap::new();
        let (mut samples, mut missing) = (Vec::with_capacity(ended.len()), 0);
        for (request, body) in ended {
            let Some((number, case, messages)) = self.cases.cases.get(request.prompt as usize) else {
                continue;
            };
            let epoch = asked.entry(request.prompt).or_default();
            let key = SampleKey {
                target: self.target,
                task: self.task,
                epoch: *epoch,
                case: *number,
            };
            *epoch += 1;
            match self.call(request, body) {
                Some(call) => samples.push((self.sample(key, case, messages, call, request), case)),
                None => missing += 1,
            }
        }
        (samples, missing)
    }

    /// What came of a request; `None` for a whole answer that was not kept.
    fn call(&self, request: &RequestRecord, body: Option<&[u8]>) -> Option<Call> {
        let result = match request.outcome {
            Outcome::Ok => answer_of_body(self.api, self.url, request.status, request.is_stream, body?),
            Outcome::Failed(kind) => Err(self.failure(kind, request.status)),
            Outcome::CutOff => return None,
        };
        // Its times are those of the load, told with their certificates and not case by case.
        Some(Call {
            attempts: Vec::new(),
            result,
            cached: false,
        })
    }

    fn failure(&self, kind: CallErrorKind, status: u16) -> CallError {
        let first = self.run.failures.iter().find(|(known, ..)| *known == kind);
        CallError {
            kind,
            status: (status > 0).then_some(status),
            message: first.map_or_else(
                || "the request failed".to_owned(),
                |(_, _, message)| format!("{} failed under load, the first of its kind: {message}", self.url),
            ),
        }
    }

    fn sample(
        &self,
        key: SampleKey,
        case: &Case,
        messages: &[Message],
        call: Call,
        request: &RequestRecord,
    ) -> SampleRecord {
        let answer = call.result.as_ref().ok();
        let cost = answer.and_then(|answer| {
            answer
                .stated_cost
                .or_else(|| self.price.and_then(|price| price.cost(&answer.usage)))
        });
        let offset_ms = i64::try_from(request.intended_ns / 1_000_000).unwrap_or(i64::MAX);
        SampleRecord {
            key,
            case_id: Arc::clone(&case.id),
            cluster: case.cluster.as_deref().map(Arc::from),
            slices: self.planned.slices_of(case),
            prompt: messages.to_vec(),
            call,
            cost,
            started_unix_ms: self.started_unix_ms.saturating_add(offset_ms),
            scores: Vec::new(),
        }
    }

    /// What requests cost that are no samples: those of the warm-up, and those that ended too late. Requests that told no
    /// tokens are taken for unpaid, as failed calls are.
    pub(super) fn other_cost(&self) -> Option<Money> {
        let others =
            |request: &&RequestRecord| request.phase == Phase::WarmUp || request.outcome == Outcome::CutOff;
        cost_of(self.run.recording.requests().filter(others), self.price)
    }
}

/// What these requests cost; `None` without a price.
pub(super) fn cost_of<'a>(
    requests: impl Iterator<Item = &'a RequestRecord>,
    price: Option<&Price>,
) -> Option<Money> {
    let price = price?;
    let costs = requests.filter_map(|request| price.cost(&usage_of(request)));
    Some(costs.fold(Money::ZERO, Money::saturating_add))
}

/// Tokens of a request as the server told them.
pub(super) fn usage_of(request: &RequestRecord) -> Usage {
    Usage {
        input_tokens: request.tokens_in,
        output_tokens: request.tokens_out,
        ..Usage::default()
    }
}

/// Scores samples with the scorers of their task, some at a time; `is_stopped` ends it between two batches.
pub(super) fn score(
    samples: Vec<Unscored<'_>>,
    scorers: &[Arc<dyn Scorer>],
    models: &AskedModels,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<Vec<SampleRecord>>, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::infrastructure(format!("failed to start the network runtime: {error}")))?;
    let mut scored = Vec::with_capacity(samples.len());
    let mut samples = samples.into_iter().peekable();
    while samples.peek().is_some() {
        if is_stopped() {
            return Ok(None);
        }
        let batch = samples.by_ref().take(BATCH).map(|(sample, case)| async move {
            let answered = Answered {
                case,
                prompt: &sample.prompt,
                call: &sample.call,
                cost: sample.cost,
            };
            let scores = seatrial_engine::score(scorers, models, answered).await;
            SampleRecord { scores, ..sample }
        });
        scored.extend(runtime.block_on(join_all(batch)));
    }
    Ok(Some(scored))
}
