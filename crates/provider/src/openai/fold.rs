//! From events, or from one document, of chat and legacy completions to an answer. Apart from the network: bytes in,
//! answer out.

use super::json::{Choice, Chunk, Part, ToolCallPart};
use super::log_probability::LogProbabilities;
use crate::api::Place;
use crate::fault::Fault;
use crate::usage::of_openai_chat;
use seatrial_types::{Answer, FinishReason, ToolCall, Usage};

/// What the events of a stream have brought so far.
#[derive(Debug)]
pub(crate) struct ChatFold {
    /// Legacy completions: choices carry a text and no message.
    is_legacy: bool,
    answer: AnswerParts,
    saw_choice: bool,
    done: bool,
}

/// An answer in the making.
#[derive(Debug, Default)]
struct AnswerParts {
    text: String,
    tool_calls: ToolCalls,
    finish_reason: Option<FinishReason>,
    refused: bool,
    usage: Usage,
    served_model: Option<String>,
    id: Option<String>,
    log_probabilities: LogProbabilities,
}

/// Tool calls in the making, with the index by which the server tells their pieces apart.
#[derive(Debug, Default)]
struct ToolCalls(Vec<(u64, ToolCall)>);

impl ToolCalls {
    fn add(&mut self, index: u64, id: &str, name: &str, arguments: &str) {
        let at = match self.0.iter().position(|(known, _)| *known == index) {
            Some(at) => at,
            None => {
                self.0.push((
                    index,
                    ToolCall {
                        id: String::new(),
                        name: String::new(),
                        arguments: String::new(),
                    },
                ));
                self.0.len() - 1
            }
        };
        if let Some((_, call)) = self.0.get_mut(at) {
            // Some servers repeat the id in every piece; names and arguments come in pieces.
            if call.id.is_empty() {
                call.id.push_str(id);
            }
            call.name.push_str(name);
            call.arguments.push_str(arguments);
        }
    }

    fn into_list(self) -> Vec<ToolCall> {
        self.0.into_iter().map(|(_, call)| call).collect()
    }
}

impl ChatFold {
    pub(crate) fn of_chat() -> Self {
        Self {
            is_legacy: false,
            answer: AnswerParts::default(),
            saw_choice: false,
            done: false,
        }
    }

    pub(crate) fn of_completions() -> Self {
        Self {
            is_legacy: true,
            ..Self::of_chat()
        }
    }

    /// Whether `[DONE]` has come.
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.done || self.answer.finish_reason.is_some()
    }

    /// Takes an event; whether it brought tokens.
    pub(crate) fn take(&mut self, data: &[u8], is_error: bool, place: Place<'_>) -> Result<bool, Fault> {
        if data == b"[DONE]" {
            self.done = true;
            return Ok(false);
        }
        if is_error {
            return Err(place.error_inside(data));
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data)
            .map_err(|error| place.not_json("an event of the stream", &error, data))?;
        if chunk.error.is_some() {
            return Err(place.error_inside(data));
        }
        let Some(choice) = self.answer.take(chunk) else {
            return Ok(false);
        };
        self.saw_choice = true;
        self.answer.take_choice(&choice, data, place)
    }

    pub(crate) fn finish(self, place: Place<'_>) -> Result<Answer, Fault> {
        if !self.saw_choice {
            return Err(place.invalid("the stream holds no choice", b"[DONE]"));
        }
        Ok(self.answer.into_answer(true))
    }

    pub(crate) fn document(self, json: &[u8], place: Place<'_>) -> Result<Answer, Fault> {
        let chunk: Chunk<'_> =
            serde_json::from_slice(json).map_err(|error| place.not_json("the body", &error, json))?;
        if chunk.error.is_some() {
            return Err(place.error_inside(json));
        }
        let mut answer = AnswerParts::default();
        let is_legacy = self.is_legacy;
        let holds = |choice: &Choice<'_>| {
            if is_legacy {
                choice.text.is_some()
            } else {
                choice.message.is_some()
            }
        };
        let choice = answer.take(chunk).filter(holds);
        let Some(choice) = choice else {
            let what = if is_legacy { "text" } else { "message" };
            return Err(place.invalid(&format!("the body has no choice with a {what}"), json));
        };
        answer.take_choice(&choice, json, place)?;
        Ok(answer.into_answer(false))
    }
}

impl AnswerParts {
    /// Takes over what is not part of a choice, and returns the choice.
    fn take<'a>(&mut self, chunk: Chunk<'a>) -> Option<Choice<'a>> {
        if self.id.is_none() {
            self.id = chunk.id.owned();
        }
        if self.served_model.is_none() {
            self.served_model = chunk.model.owned();
        }
        if let Some(usage) = chunk.usage {
            self.usage = of_openai_chat(usage.get());
        }
        chunk.choices.0
    }

    /// Takes over a choice; whether it brought tokens.
    fn take_choice(&mut self, choice: &Choice<'_>, json: &[u8], place: Place<'_>) -> Result<bool, Fault> {
        if let Some(reason) = choice.finish_reason.as_str() {
            self.finish_reason = Some(FinishReason::from_word(reason));
        }
        if let Some(json) = choice.logprobs {
            self.log_probabilities.add(json.get());
        }
        let legacy_text = choice.text.as_ref().and_then(|text| text.as_str());
        if let Some(text) = legacy_text {
            self.text.push_str(text);
        }
        let Some(part) = choice.delta.as_ref().or(choice.message.as_ref()) else {
            return Ok(legacy_text.is_some());
        };
        if let Some(text) = part.content.as_str() {
            self.text.push_str(text);
        }
        if let Some(text) = part.refusal.as_str() {
            self.refused = true;
            self.text.push_str(text);
        }
        self.take_tool_calls(part)
            .map_err(|error| place.not_json("a tool call", &error, json))?;
        Ok(part.has_tokens() || legacy_text.is_some())
    }

    fn take_tool_calls(&mut self, part: &Part<'_>) -> Result<(), serde_json::Error> {
        if let Some(json) = part.tool_calls {
            // `null` is no list.
            let calls: Option<Vec<ToolCallPart<'_>>> = serde_json::from_str(json.get())?;
            for (position, call) in (0..).zip(calls.unwrap_or_default()) {
                let function = call.function.unwrap_or_default();
                let text = |text: &'_ crate::lenient::Text<'_>| text.owned().unwrap_or_default();
                self.tool_calls.add(
                    call.index.unwrap_or(position),
                    &text(&call.id),
                    &text(&function.name),
                    &text(&function.arguments),
                );
            }
        }
        if let Some(call) = &part.function_call {
            let (name, arguments) = (call.name.as_str(), call.arguments.as_str());
            self.tool_calls
                .add(0, "", name.unwrap_or_default(), arguments.unwrap_or_default());
        }
        Ok(())
    }

    fn into_answer(self, streamed: bool) -> Answer {
        let finish_reason = if self.refused {
            Some(FinishReason::Refusal)
        } else {
            self.finish_reason
        };
        Answer {
            stated_cost: None,
            log_probability: self.log_probabilities.total(),
            text: self.text,
            tool_calls: self.tool_calls.into_list(),
            finish_reason,
            served_model: self.served_model,
            request_id: self.id,
            usage: self.usage,
            streamed,
        }
    }
}
