//! Samples for tests of reports that show them.

use seatrial_report::Labels;
use seatrial_types::{
    Answer, Call, CallError, CallErrorKind, FinishReason, Message, Outcome, Role, SampleKey, SampleRecord,
    Score, ScoreRecord, Usage,
};
use serde_json::json;

/// One target, one task, one metric that is right or wrong and one that is neither.
pub(crate) fn labels() -> Labels {
    let metric = |name: &str, kind: &str, unit: &str| json!({"name": name, "kind": kind, "unit": unit});
    let plan = json!({"suite": {"targets": [{"name": "tier-1"}], "tasks": [{"name": "answers", "scorers": [
        {"name": "exact_match", "metrics": [metric("exact_match", "binary", "share")]},
        {"name": "length", "metrics": [metric("chars", "real", "count")]}]}]}});
    Labels::of_plan(&plan.to_string())
}

/// A sample with this answer; `right`: `None` is an error instead of it.
pub(crate) fn answered(case: u32, epoch: u32, right: Option<bool>, text: &str) -> SampleRecord {
    let result = match right {
        Some(_) => Ok(Answer {
            stated_cost: None,
            log_probability: None,
            text: text.to_owned(),
            finish_reason: Some(FinishReason::Stop),
            served_model: None,
            request_id: None,
            usage: Usage::default(),
            streamed: false,
            tool_calls: Vec::new(),
        }),
        None => Err(CallError {
            kind: CallErrorKind::Timeout,
            status: None,
            message: text.to_owned(),
        }),
    };
    let score = |scorer: u16, value: f64| ScoreRecord {
        scorer,
        score: Score {
            metric: 0,
            outcome: Outcome::Scored,
            value: Some(value),
            detail: Some(format!("read `{text}`")),
        },
    };
    let scores = right.map_or_else(Vec::new, |right| {
        vec![score(0, f64::from(u8::from(right))), score(1, 12.0)]
    });
    SampleRecord {
        key: SampleKey {
            target: 0,
            task: 0,
            epoch,
            case,
        },
        case_id: format!("case {case}").into(),
        cluster: None,
        slices: Vec::new(),
        prompt: vec![Message::new(Role::User, "?")],
        call: Call {
            attempts: Vec::new(),
            cached: false,
            result,
        },
        cost: Some("0.001".parse().unwrap()),
        started_unix_ms: 0,
        scores,
    }
}
