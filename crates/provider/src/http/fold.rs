//! From events, or from one document, of a JSON endpoint to an answer: looks where the suite says. Apart from the
//! network: bytes in, answer out.

use super::spec::JsonApi;
use crate::api::Place;
use crate::fault::Fault;
use seatrial_types::{Answer, FinishReason};
use serde_json::Value;
use std::sync::Arc;

/// What the events of a stream have brought so far.
#[derive(Debug)]
pub(crate) struct JsonFold {
    api: Arc<JsonApi>,
    answer: Answer,
    saw_text: bool,
    done: bool,
}

impl JsonFold {
    pub(crate) fn new(api: Arc<JsonApi>) -> Self {
        Self {
            api,
            answer: Answer::default(),
            saw_text: false,
            done: false,
        }
    }

    /// Whether the event that is named as the last has come.
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the end of the body is the end of the answer: the suite names no last event.
    pub(crate) fn ends_with_body(&self) -> bool {
        let names_end = self
            .api
            .stream
            .as_ref()
            .is_some_and(|stream| stream.done.is_some());
        !names_end && self.saw_text
    }

    /// Takes an event; whether it brought text.
    pub(crate) fn take(&mut self, data: &[u8], is_error: bool, place: Place<'_>) -> Result<bool, Fault> {
        let Some(stream) = &self.api.stream else {
            let problem =
                "it is a stream of events; hint: say where their text is with `stream: {delta: /…}`";
            return Err(place.invalid(problem, data));
        };
        if stream.done.as_deref().is_some_and(|done| done.as_bytes() == data) {
            self.done = true;
            return Ok(false);
        }
        if is_error {
            return Err(place.error_inside(data));
        }
        if data == b"[DONE]" {
            return Ok(false);
        }
        let event: Value = serde_json::from_slice(data)
            .map_err(|error| place.invalid(&format!("an event of the stream is not JSON ({error})"), data))?;
        let piece = event
            .pointer(&stream.delta)
            .and_then(text_of)
            .filter(|piece| !piece.is_empty());
        look(&self.api, &event, &mut self.answer);
        self.saw_text |= piece.is_some();
        self.answer.text.push_str(piece.as_deref().unwrap_or_default());
        Ok(piece.is_some())
    }

    pub(crate) fn finish(self) -> Answer {
        Answer {
            streamed: true,
            ..self.answer
        }
    }

    /// A whole body.
    pub(crate) fn document(self, json: &[u8], place: Place<'_>) -> Result<Answer, Fault> {
        let body: Value = serde_json::from_slice(json)
            .map_err(|error| place.invalid(&format!("the body is not JSON ({error})"), json))?;
        let pointer = &self.api.answer;
        let Some(text) = body.pointer(pointer).and_then(text_of) else {
            let problem = format!("the body has no answer at `{pointer}`; hint: correct `answer`");
            return Err(place.invalid(&problem, json));
        };
        let mut answer = Answer {
            text,
            ..Answer::default()
        };
        look(&self.api, &body, &mut answer);
        Ok(answer)
    }
}

/// Takes over what is found beside the text; what is not there leaves what was known.
fn look(api: &JsonApi, json: &Value, answer: &mut Answer) {
    let at = |pointer: &Option<String>| pointer.as_ref().and_then(|pointer| json.pointer(pointer));
    if let Some(count) = at(&api.usage_input).and_then(count_of) {
        answer.usage.input_tokens = Some(count);
    }
    if let Some(count) = at(&api.usage_output).and_then(count_of) {
        answer.usage.output_tokens = Some(count);
    }
    if let Some(word) = at(&api.finish_reason).and_then(Value::as_str) {
        answer.finish_reason = Some(FinishReason::from_word(word));
    }
    if let Some(model) = at(&api.model).and_then(Value::as_str) {
        answer.served_model = Some(model.to_owned());
    }
}

/// A text as it is, anything else as JSON; `null` is nothing.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A count; some servers write `12.0`.
fn count_of(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as u64)
}
