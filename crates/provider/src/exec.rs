//! A target that is a program: requests and answers as JSON Lines over its standard input and output. Apart from the
//! running of programs, which scorers use too.
//!
//! One line in, `{"id":1,"messages":[…],"prompt":"…","params":{…},"epoch":0,"case":{"id":"…","columns":{…}}}`, one line
//! out, `{"id":1,"output":"…"}`, where `usage`, `finish_reason`, `model` and `cost_usd` may be added, or
//! `{"id":1,"error":"…"}`. `prompt` is the text of the last message of the user. Nothing is known of tokens as they
//! come, so there is no first-token time.

use crate::backoff::Backoff;
use crate::limiter::Limiter;
use crate::program::{Program, ProgramFault, ProgramSpec, ProgramSpecError, Reply};
use crate::usage::of_openai_chat;
use crate::{Clock, Limits, RetryPolicy};
use seatrial_types::{
    Answer, Attempt, Call, CallError, CallErrorKind, FinishReason, ModelRequest, Money, RateLimit, Role,
    Timing, Usage,
};
use serde_json::{Map, Value, json};
use std::sync::{Mutex, PoisonError};
use tokio::time::{Instant, sleep_until};

/// Characters of a program's own error in a message.
const ERROR_CHARS_MAX: usize = 400;

/// A program under test.
#[derive(Debug)]
pub struct Exec {
    program: Program,
    clock: Clock,
    params: Map<String, Value>,
    limiter: Limiter,
    backoff: Mutex<Backoff>,
    attempts_max: usize,
}

/// What one attempt brought: an answer, or an error with whether trying again can help.
type Outcome = Result<Answer, (CallError, bool)>;

impl Exec {
    /// Checks the program; nothing is started yet. Waits between attempts are drawn from `seed` and `name`.
    ///
    /// # Errors
    /// What is wrong with the description of the program.
    pub fn try_new(
        name: &str,
        spec: ProgramSpec,
        params: Map<String, Value>,
        (limits, retry): (&Limits, RetryPolicy),
        clock: Clock,
        seed: u64,
    ) -> Result<Self, ProgramSpecError> {
        Ok(Self {
            program: Program::try_new(spec)?,
            clock,
            params,
            limiter: Limiter::new(limits),
            attempts_max: usize::try_from(retry.attempts_max.max(1)).unwrap_or(usize::MAX),
            backoff: Mutex::new(Backoff::new(retry, seed, name)),
        })
    }

    /// Calls that are worked on at the same time, at most.
    #[must_use]
    pub fn places(&self) -> usize {
        self.program.places()
    }

    /// Ends its processes: closes their input, and kills those that do not end.
    pub async fn close(&self) {
        self.program.close().await;
    }

    /// Asks, retries where that can help, and never fails: errors are in the [`Call`].
    pub async fn call(&self, request: &ModelRequest) -> Call {
        let body = self.request(request);
        let tokens = if self.limiter.counts_tokens() {
            estimated_tokens(request)
        } else {
            0
        };
        let mut due = Instant::now();
        let mut attempts = Vec::with_capacity(1);
        loop {
            due = self.limiter.admit(tokens, due).await;
            let (outcome, timing) = self.attempt(&body, due).await;
            let mut attempt = Attempt {
                timing,
                status: None,
                error: None,
                retry_after_ms: None,
                rate_limit: RateLimit::default(),
            };
            let (error, retry) = match outcome {
                Ok(answer) => {
                    self.limiter.settle(tokens, used_tokens(&answer.usage, tokens));
                    attempts.push(attempt);
                    return finished(attempts, Ok(answer));
                }
                Err(failed) => failed,
            };
            attempt.error = Some(error.clone());
            attempts.push(attempt);
            if !retry || attempts.len() >= self.attempts_max {
                return finished(attempts, Err(error));
            }
            due = self.back_off(attempts.len()).await;
        }
    }

    async fn attempt(&self, body: &Map<String, Value>, due: Instant) -> (Outcome, Timing) {
        let mut began = due;
        let asked = self.program.ask(body, &mut began).await;
        let (sent, end) = match &asked {
            Ok(reply) => (Some(reply.sent), reply.end),
            Err(fault) => (fault.sent, fault.end),
        };
        let timing = Timing {
            intended_ns: self.clock.ns_of(began),
            send_ns: sent.map(|sent| self.clock.ns_of(sent)),
            end_ns: self.clock.ns_of(end),
            ..Timing::default()
        };
        (asked.map_err(of_fault).and_then(answer_of), timing)
    }

    async fn back_off(&self, failures: usize) -> Instant {
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        let wait = self
            .backoff
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wait(failures, None);
        let until = Instant::now() + wait;
        if !wait.is_zero() {
            sleep_until(until).await;
        }
        until
    }

    /// The request without its id.
    fn request(&self, request: &ModelRequest) -> Map<String, Value> {
        let mut params = self.params.clone();
        params.extend(request.params.clone());
        let last = request
            .messages
            .iter()
            .rev()
            .find(|message| message.role == Role::User);
        let prompt = last.map_or("", |message| &message.content);
        let messages: Vec<Value> = request
            .messages
            .iter()
            .map(|message| message.told().into())
            .collect();
        let mut object = Map::new();
        object.insert("messages".to_owned(), messages.into());
        object.insert("prompt".to_owned(), prompt.into());
        object.insert("params".to_owned(), params.into());
        object.insert("epoch".to_owned(), request.epoch.into());
        if let Some(id) = &request.case_id {
            let case = json!({ "id": &**id, "columns": *request.columns });
            object.insert("case".to_owned(), case);
        }
        object
    }
}

const fn finished(attempts: Vec<Attempt>, result: Result<Answer, CallError>) -> Call {
    Call {
        attempts,
        result,
        cached: false,
    }
}

fn of_fault(fault: ProgramFault) -> (CallError, bool) {
    let error = CallError {
        kind: fault.kind,
        status: None,
        message: fault.message,
    };
    (error, fault.retry)
}

fn answer_of(reply: Reply) -> Outcome {
    let mut object = reply.object;
    let invalid = |what: String| {
        let hint = "answer with {\"id\": …, \"output\": \"…\"} or {\"id\": …, \"error\": \"…\"}";
        let error = CallError {
            kind: CallErrorKind::InvalidAnswer,
            status: None,
            message: format!("the program's answer {what}; hint: {hint}"),
        };
        // The same program would say the same again.
        Err((error, false))
    };
    match object.remove("error") {
        None | Some(Value::Null) => {}
        Some(error) => return Err(stated_error(&error)),
    }
    let text = match object.remove("output") {
        Some(Value::String(text)) => text,
        None | Some(Value::Null) => return invalid("has neither `output` nor `error`".to_owned()),
        Some(other) => other.to_string(),
    };
    let stated_cost = match object.get("cost_usd") {
        None | Some(Value::Null) => None,
        Some(cost) => match money(cost) {
            Some(cost) => Some(cost),
            None => return invalid(format!("has `cost_usd` {cost}, expected dollars from 0 up")),
        },
    };
    let word = |key: &str| object.get(key).and_then(Value::as_str);
    Ok(Answer {
        text,
        finish_reason: word("finish_reason").map(FinishReason::from_word),
        served_model: word("model").map(str::to_owned),
        usage: object.get("usage").map(usage).unwrap_or_default(),
        stated_cost,
        ..Answer::default()
    })
}

/// `"error": "text"`, or `{"message": "text", "retry": false}`. Trying again is the default: it is what a program can
/// best be helped with.
fn stated_error(error: &Value) -> (CallError, bool) {
    let retry = error.get("retry").and_then(Value::as_bool).unwrap_or(true);
    let text = match error {
        Value::String(text) => text.clone(),
        other => match other.get("message").and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => other.to_string(),
        },
    };
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(ERROR_CHARS_MAX)
        .collect();
    let kind = if retry {
        CallErrorKind::Server
    } else {
        CallErrorKind::BadRequest
    };
    let error = CallError {
        kind,
        status: None,
        message: format!("the program says: {clean}"),
    };
    (error, retry)
}

fn money(value: &Value) -> Option<Money> {
    let money: Money = match value {
        Value::Number(number) => number.to_string().parse().ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    (money >= Money::ZERO).then_some(money)
}

/// `input_tokens` and `output_tokens`, or the shape of OpenAI's API.
fn usage(value: &Value) -> Usage {
    let count = |key: &str| value.get(key).and_then(Value::as_u64);
    if value.get("input_tokens").is_none() && value.get("output_tokens").is_none() {
        return of_openai_chat(&value.to_string());
    }
    Usage {
        input_tokens: count("input_tokens"),
        output_tokens: count("output_tokens"),
        cache_read_tokens: count("cache_read_tokens"),
        cache_write_tokens: count("cache_write_tokens"),
        cache_write_1h_tokens: count("cache_write_1h_tokens"),
        reasoning_tokens: count("reasoning_tokens"),
    }
}

/// A token is about four bytes of text; an upper bound is not needed, the estimate is replaced by the usage.
fn estimated_tokens(request: &ModelRequest) -> u64 {
    let bytes: usize = request.messages.iter().map(|message| message.content.len()).sum();
    (bytes as u64).div_ceil(4)
}

fn used_tokens(usage: &Usage, estimate: u64) -> u64 {
    match (usage.input_tokens, usage.output_tokens) {
        (Some(input), Some(output)) => input.saturating_add(output),
        _ => estimate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &Value) -> Outcome {
        let now = Instant::now();
        answer_of(Reply {
            object: line.as_object().unwrap().clone(),
            sent: now,
            end: now,
        })
    }

    /// Protects the protocol: what an answer may hold, and that odd ones are errors and not answers.
    #[test]
    fn reads_answers() {
        let full = json!({"id": 1, "output": "hi", "finish_reason": "length", "model": "m", "cost_usd": 3e-7,
                          "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_tokens": 1}});
        let full = answer(&full).unwrap();
        assert_eq!(
            (full.text.as_str(), full.served_model.as_deref()),
            ("hi", Some("m"))
        );
        assert_eq!(full.finish_reason, Some(FinishReason::Length));
        assert_eq!(full.stated_cost, Some("0.0000003".parse().unwrap()));
        let usage = (
            full.usage.input_tokens,
            full.usage.output_tokens,
            full.usage.cache_read_tokens,
        );
        assert_eq!(usage, (Some(3), Some(4), Some(1)));
        let openai = json!({"output": "", "usage": {"prompt_tokens": 5, "completion_tokens": 6}});
        let openai = answer(&openai).unwrap();
        assert_eq!((openai.text.as_str(), openai.usage.input_tokens), ("", Some(5)));
        assert_eq!(answer(&json!({"output": [1, 2]})).unwrap().text, "[1,2]");
        for (line, kind, retry, words) in [
            (
                json!({}),
                CallErrorKind::InvalidAnswer,
                false,
                "neither `output` nor `error`",
            ),
            (
                json!({"output": null}),
                CallErrorKind::InvalidAnswer,
                false,
                "neither",
            ),
            (
                json!({"output": "x", "cost_usd": -1}),
                CallErrorKind::InvalidAnswer,
                false,
                "`cost_usd` -1",
            ),
            (
                json!({"output": "x", "cost_usd": "much"}),
                CallErrorKind::InvalidAnswer,
                false,
                "`cost_usd` \"much\"",
            ),
            (
                json!({"error": "no\u{1b}[31m"}),
                CallErrorKind::Server,
                true,
                "says: no [31m",
            ),
            (
                json!({"output": "x", "error": {"message": "bad input", "retry": false}}),
                CallErrorKind::BadRequest,
                false,
                "bad input",
            ),
            (
                json!({"error": {"code": 5}}),
                CallErrorKind::Server,
                true,
                "{\"code\":5}",
            ),
        ] {
            let (error, may_retry) = answer(&line).unwrap_err();
            assert_eq!((error.kind, may_retry), (kind, retry), "{line}");
            assert!(error.message.contains(words), "{line}: {}", error.message);
        }
    }
}
