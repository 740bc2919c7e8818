//! From events, or from one document, of OpenAI's responses to an answer. Apart from chat completions: items of several
//! kinds take the place of one message, and the last event repeats the whole.

use crate::api::Place;
use crate::fault::Fault;
use crate::lenient::{ErrorText, Text};
use crate::usage::of_openai_responses;
use seatrial_types::{Answer, FinishReason, ToolCall};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the events of a stream have brought so far.
#[derive(Debug, Default)]
pub(crate) struct ResponsesFold {
    text: String,
    refused: bool,
    tool_calls: Vec<ToolCall>,
    last: Option<Answer>,
}

/// One event; `type` says which of the rest is there.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    delta: Text<'a>,
    #[serde(borrow, default)]
    item: Option<Item<'a>>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// A response, whole or begun.
#[derive(Debug, Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    incomplete_details: Option<IncompleteDetails<'a>>,
    #[serde(borrow, default)]
    output: Option<Vec<Item<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct IncompleteDetails<'a> {
    #[serde(borrow, default)]
    reason: Text<'a>,
}

/// An item of the output: a message, a tool call, reasoning, or something newer.
#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    content: Option<Vec<ContentPart<'a>>>,
    #[serde(borrow, default)]
    call_id: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct ContentPart<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    refusal: Text<'a>,
}

impl Item<'_> {
    fn tool_call(self) -> Option<ToolCall> {
        (self.kind.as_str() == Some("function_call")).then(|| ToolCall {
            id: self.call_id.into_string(),
            name: self.name.into_string(),
            arguments: self.arguments.into_string(),
        })
    }
}

impl ResponsesFold {
    /// Whether the last event has come.
    pub(crate) const fn is_done(&self) -> bool {
        self.last.is_some()
    }

    /// Takes an event; whether it brought tokens.
    pub(crate) fn take(&mut self, data: &[u8], place: Place<'_>) -> Result<bool, Fault> {
        if data == b"[DONE]" {
            return Ok(false);
        }
        let event: Event<'_> = serde_json::from_slice(data)
            .map_err(|error| place.not_json("an event of the stream", &error, data))?;
        let delta = event.delta.as_str();
        match event.kind.as_str().unwrap_or_default() {
            "response.output_text.delta" => self.text.push_str(delta.unwrap_or_default()),
            "response.refusal.delta" => {
                self.refused = true;
                self.text.push_str(delta.unwrap_or_default());
            }
            "response.output_item.done" => {
                self.tool_calls.extend(event.item.and_then(Item::tool_call));
                return Ok(false);
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                let json = event.response.map_or(data, |response| response.get().as_bytes());
                self.last = Some(Self::document(json, place)?);
                return Ok(false);
            }
            "error" => return Err(place.error_inside(data)),
            _ if event.error.is_some() => return Err(place.error_inside(data)),
            // Reasoning and arguments of tools are generated too, though they are not the text.
            kind if kind.ends_with(".delta") => {}
            _ => return Ok(false),
        }
        Ok(delta.is_some())
    }

    /// The answer of a stream whose last event has come. What was streamed is the text; the last event repeats it with
    /// OpenAI, and leaves it out with some who imitate.
    pub(crate) fn finish(self) -> Answer {
        let mut answer = self.last.unwrap_or_default();
        answer.streamed = true;
        if !self.text.is_empty() {
            answer.text = self.text;
        }
        if self.refused {
            answer.finish_reason = Some(FinishReason::Refusal);
        }
        if answer.tool_calls.is_empty() && !self.tool_calls.is_empty() {
            answer.tool_calls = self.tool_calls;
            answer.finish_reason = Some(FinishReason::ToolCalls);
        }
        answer
    }

    /// A whole response.
    pub(crate) fn document(json: &[u8], place: Place<'_>) -> Result<Answer, Fault> {
        let response: Response<'_> =
            serde_json::from_slice(json).map_err(|error| place.not_json("the body", &error, json))?;
        let status = response.status.as_str().unwrap_or_default();
        let failed = response.error.filter(|error| error.get() != "null");
        if let Some(error) = failed {
            return Err(match ErrorText::of_error(error.get()) {
                Some(text) => place.wording.reported(place.status, &text),
                None => place.error_inside(json),
            });
        }
        if matches!(status, "failed" | "cancelled" | "queued" | "in_progress") {
            return Err(place.wording.reported(
                place.status,
                &ErrorText {
                    message: format!("the response is `{status}`"),
                    code: None,
                },
            ));
        }
        let Some(output) = response.output else {
            return Err(place.invalid("the body has no `output`", json));
        };
        let mut answer = Answer {
            served_model: response.model.owned(),
            request_id: response.id.owned(),
            usage: response
                .usage
                .map(|usage| of_openai_responses(usage.get()))
                .unwrap_or_default(),
            ..Answer::default()
        };
        let mut refused = false;
        for mut item in output {
            if item.kind.as_str() == Some("message") {
                for part in item.content.take().unwrap_or_default() {
                    refused |= part.kind.as_str() == Some("refusal");
                    let text = part.text.as_str().or(part.refusal.as_str());
                    answer.text.push_str(text.unwrap_or_default());
                }
            }
            answer.tool_calls.extend(item.tool_call());
        }
        let reason = response
            .incomplete_details
            .and_then(|details| details.reason.owned());
        answer.finish_reason =
            finish_reason(status, reason.as_deref(), refused, !answer.tool_calls.is_empty());
        Ok(answer)
    }
}

fn finish_reason(
    status: &str,
    reason: Option<&str>,
    refused: bool,
    calls_tools: bool,
) -> Option<FinishReason> {
    if refused {
        return Some(FinishReason::Refusal);
    }
    if status == "incomplete" {
        return Some(match reason {
            Some("max_output_tokens") => FinishReason::Length,
            Some(reason) => FinishReason::from_word(reason),
            None => FinishReason::Other("incomplete".to_owned()),
        });
    }
    if calls_tools {
        return Some(FinishReason::ToolCalls);
    }
    (status == "completed").then_some(FinishReason::Stop)
}
