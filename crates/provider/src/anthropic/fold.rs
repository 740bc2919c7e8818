//! From events, or from one document, of Anthropic's messages to an answer. Apart from the network: bytes in, answer
//! out.

use crate::api::Place;
use crate::fault::Fault;
use crate::lenient::Text;
use crate::usage::AnthropicCounts;
use seatrial_types::{Answer, FinishReason, ToolCall};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the events of a stream have brought so far, or what a document says.
#[derive(Debug, Default)]
pub(crate) struct MessagesFold {
    text: String,
    /// With the index of their block, by which their pieces are told apart.
    tool_calls: Vec<(u64, ToolCall)>,
    finish_reason: Option<FinishReason>,
    counts: AnthropicCounts,
    served_model: Option<String>,
    id: Option<String>,
    done: bool,
}

/// One event; `type` says which of the rest is there.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    message: Option<WireMessage<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// A message, whole or begun.
#[derive(Debug, Deserialize)]
struct WireMessage<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    content: Option<Vec<Block<'a>>>,
    #[serde(borrow, default)]
    stop_reason: Text<'a>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// A block of content: text, a tool call, thinking, or something newer.
#[derive(Debug, Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

/// What is new of a block, or of the message.
#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    partial_json: Text<'a>,
    #[serde(borrow, default)]
    thinking: Text<'a>,
    #[serde(borrow, default)]
    stop_reason: Text<'a>,
}

impl MessagesFold {
    /// Whether `message_stop` has come.
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.done || self.finish_reason.is_some()
    }

    /// Takes an event; whether it brought tokens.
    pub(crate) fn take(&mut self, data: &[u8], place: Place<'_>) -> Result<bool, Fault> {
        if data == b"[DONE]" {
            return Ok(false);
        }
        let event: Event<'_> = serde_json::from_slice(data)
            .map_err(|error| place.not_json("an event of the stream", &error, data))?;
        if let Some(usage) = event.usage {
            self.counts.add(usage.get());
        }
        let index = event.index.unwrap_or(0);
        match event.kind.as_str().unwrap_or_default() {
            "message_start" => {
                if let Some(message) = event.message {
                    self.take_message(message);
                }
            }
            "content_block_start" => {
                if let Some(block) = event.content_block {
                    return Ok(self.start_block(index, block));
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.delta {
                    return Ok(self.take_delta(index, &delta));
                }
            }
            "message_delta" => {
                if let Some(reason) = event.delta.as_ref().and_then(|delta| delta.stop_reason.as_str()) {
                    self.finish_reason = Some(FinishReason::from_word(reason));
                }
            }
            "message_stop" => self.done = true,
            "error" => return Err(place.error_inside(data)),
            // `ping`, `content_block_stop`, and events of newer versions, which the API says to pass over.
            _ => {}
        }
        Ok(false)
    }

    fn take_message(&mut self, message: WireMessage<'_>) {
        self.id = message.id.owned();
        self.served_model = message.model.owned();
        if let Some(usage) = message.usage {
            self.counts.add(usage.get());
        }
        if let Some(reason) = message.stop_reason.as_str() {
            self.finish_reason = Some(FinishReason::from_word(reason));
        }
        for (index, block) in (0..).zip(message.content.unwrap_or_default()) {
            let input = block.input.map(|input| input.get().to_owned());
            let is_call = block.kind.as_str() == Some("tool_use");
            self.start_block(index, block);
            if let (true, Some(input), Some((_, call))) = (is_call, input, self.tool_calls.last_mut()) {
                call.arguments = input;
            }
        }
    }

    /// A block begins; in a document it is whole. Whether it brought tokens.
    fn start_block(&mut self, index: u64, block: Block<'_>) -> bool {
        if block.kind.as_str() == Some("tool_use") {
            let call = ToolCall {
                id: block.id.into_string(),
                name: block.name.into_string(),
                // Of a stream the arguments come in pieces; the `{}` at its start is a place for them.
                arguments: String::new(),
            };
            self.tool_calls.push((index, call));
            return false;
        }
        let text = block
            .text
            .as_str()
            .filter(|_| block.kind.as_str() == Some("text"));
        self.text.push_str(text.unwrap_or_default());
        text.is_some()
    }

    fn take_delta(&mut self, index: u64, delta: &Delta<'_>) -> bool {
        match delta.kind.as_str().unwrap_or_default() {
            "text_delta" => {
                self.text.push_str(delta.text.as_str().unwrap_or_default());
                delta.text.is_some()
            }
            "input_json_delta" => {
                let call = self.tool_calls.iter_mut().find(|(known, _)| *known == index);
                if let (Some((_, call)), Some(piece)) = (call, delta.partial_json.as_str()) {
                    call.arguments.push_str(piece);
                }
                delta.partial_json.is_some()
            }
            // Thinking is generated, though it is not the text.
            "thinking_delta" => delta.thinking.is_some(),
            _ => false,
        }
    }

    /// The answer so far.
    pub(crate) fn finish(self, streamed: bool) -> Answer {
        let with_arguments = |(_, mut call): (u64, ToolCall)| {
            if call.arguments.is_empty() {
                // A tool without parameters: no piece ever comes.
                call.arguments.push_str("{}");
            }
            call
        };
        Answer {
            stated_cost: None,
            log_probability: None,
            text: self.text,
            tool_calls: self.tool_calls.into_iter().map(with_arguments).collect(),
            finish_reason: self.finish_reason,
            served_model: self.served_model,
            request_id: self.id,
            usage: self.counts.usage(),
            streamed,
        }
    }

    /// A whole message.
    pub(crate) fn document(mut self, json: &[u8], place: Place<'_>) -> Result<Answer, Fault> {
        let message: WireMessage<'_> =
            serde_json::from_slice(json).map_err(|error| place.not_json("the body", &error, json))?;
        if message.kind.as_str() == Some("error") {
            return Err(place.error_inside(json));
        }
        if message.content.is_none() {
            return Err(place.invalid("the body has no `content`", json));
        }
        self.take_message(message);
        Ok(self.finish(false))
    }
}
