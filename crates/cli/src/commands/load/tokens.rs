//! Tokens of answers by a tokenizer, when the run is over. Apart because it reads answers again, and everything else only
//! reads records.

use super::endpoint::Asked;
use seatrial_load::RunResult;
use seatrial_load::counted::count_answers;
use seatrial_provider::answer_of_body;

/// Counts the answers that were kept, where a tokenizer was given.
pub(super) fn count(asked: &Asked, run: &mut RunResult) {
    let Some(counter) = &asked.counter else { return };
    count_answers(run, &**counter, |request, body| {
        let answer = answer_of_body(&asked.wire, &asked.url, request.status, request.is_stream, body);
        // What a model asks of tools is tokens of a form that no tokenizer knows.
        answer
            .ok()
            .filter(|answer| answer.tool_calls.is_empty())
            .map(|answer| answer.text)
    });
}
