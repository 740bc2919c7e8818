//! Answers in the APIs beside chat: the JSON of bodies, events and errors of legacy completions, responses and messages,
//! as their makers document them. Apart from the chat API, whose events are written without a tree because speed is
//! measured with them, and ignorant of the client's structs.

use crate::dialect::Dialect;
use crate::log_probability;
use crate::wire::WireUsage;
use serde_json::{Value, json};

/// An event: its name, where the API names events, and its data.
pub(crate) type Event = (Option<&'static str>, Value);

/// Writes the JSON of one answer.
pub(crate) struct Foreign {
    dialect: Dialect,
    sequence: u64,
    created: u64,
    model: String,
    /// Events of a response are numbered.
    number: u64,
    /// A block of thinking is open, or was there.
    thinking: Thinking,
    text_is_open: bool,
    /// Whether the probabilities of tokens are told; completions alone do.
    pub(crate) tells_log_probabilities: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinking {
    None,
    Open,
    Closed,
}

/// What an answer says, for the parts that repeat it whole.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) text: &'a str,
    pub(crate) reasoning: &'a str,
    /// `stop` or `length`.
    pub(crate) finish: &'a str,
    /// `None` where the persona does not tell.
    pub(crate) usage: Option<WireUsage>,
    /// Tokens of the prompt, which messages tell in front.
    pub(crate) prompt_tokens: u64,
}

impl Foreign {
    pub(crate) fn new(dialect: Dialect, sequence: u64, created: u64, model: &str) -> Self {
        Self {
            dialect,
            sequence,
            created,
            model: model.to_owned(),
            number: 0,
            thinking: Thinking::None,
            text_is_open: false,
            tells_log_probabilities: false,
        }
    }

    /// Events before the first token.
    pub(crate) fn opening(&mut self, said: Said<'_>) -> Vec<Event> {
        match self.dialect {
            Dialect::Messages => {
                let usage = json!({"input_tokens": said.prompt_tokens, "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0, "output_tokens": 1});
                let message = self.message(&[], &Value::Null, &usage);
                vec![
                    named(
                        "message_start",
                        json!({"type": "message_start", "message": message}),
                    ),
                    named("ping", json!({"type": "ping"})),
                ]
            }
            Dialect::Responses => {
                let response = self.response("in_progress", &[], &Value::Null, &Value::Null);
                let created = json!({"type": "response.created", "response": response});
                let begun = json!({"type": "response.in_progress", "response": response});
                vec![
                    self.numbered("response.created", created),
                    self.numbered("response.in_progress", begun),
                ]
            }
            Dialect::Chat | Dialect::Completions => Vec::new(),
        }
    }

    /// Events for a piece of reasoning.
    pub(crate) fn reasoning(&mut self, piece: &str) -> Vec<Event> {
        let mut events = Vec::new();
        if self.thinking == Thinking::None {
            self.thinking = Thinking::Open;
            events.extend(self.open_thinking());
        }
        match self.dialect {
            Dialect::Messages => events.push(named(
                "content_block_delta",
                json!({"type": "content_block_delta", "index": 0,
                    "delta": {"type": "thinking_delta", "thinking": piece}}),
            )),
            Dialect::Responses => {
                let delta = json!({"type": "response.reasoning_summary_text.delta", "item_id": self.id("rs"),
                    "output_index": 0, "summary_index": 0, "delta": piece});
                events.push(self.numbered("response.reasoning_summary_text.delta", delta));
            }
            Dialect::Chat | Dialect::Completions => {}
        }
        events
    }

    /// Events for a piece of text.
    pub(crate) fn text(&mut self, piece: &str, said: Said<'_>) -> Vec<Event> {
        let mut events = self.open_text(said);
        let index = self.text_index();
        match self.dialect {
            Dialect::Messages => events.push(named(
                "content_block_delta",
                json!({"type": "content_block_delta", "index": index,
                    "delta": {"type": "text_delta", "text": piece}}),
            )),
            Dialect::Responses => {
                let delta = json!({"type": "response.output_text.delta", "item_id": self.id("msg"),
                    "output_index": index, "content_index": 0, "delta": piece, "logprobs": []});
                events.push(self.numbered("response.output_text.delta", delta));
            }
            Dialect::Chat | Dialect::Completions => {
                let choice = json!({"text": piece, "index": 0, "logprobs": self.log_probabilities(piece), "finish_reason": null});
                events.push((None, self.completion(&[choice], None)));
            }
        }
        events
    }

    /// Events at the end; without the very last one where `is_cut`.
    pub(crate) fn closing(&mut self, said: Said<'_>, is_cut: bool) -> Vec<Event> {
        let mut events = self.open_text(said);
        match self.dialect {
            Dialect::Messages => {
                let index = self.text_index();
                events.push(named(
                    "content_block_stop",
                    json!({"type": "content_block_stop", "index": index}),
                ));
                let output_tokens = said.usage.map_or(1, |usage| usage.completion_tokens);
                events.push(named(
                    "message_delta",
                    json!({"type": "message_delta", "usage": {"output_tokens": output_tokens},
                        "delta": {"stop_reason": stop_reason(said.finish), "stop_sequence": null}}),
                ));
                if !is_cut {
                    events.push(named("message_stop", json!({"type": "message_stop"})));
                }
            }
            Dialect::Responses => {
                events.extend(self.close_item(said));
                if !is_cut {
                    let word = if said.finish == "length" {
                        "response.incomplete"
                    } else {
                        "response.completed"
                    };
                    let last = json!({"type": word, "response": self.whole(said)});
                    events.push(self.numbered(word, last));
                }
            }
            Dialect::Chat | Dialect::Completions => {
                let choice = json!({"text": "", "index": 0, "logprobs": null, "finish_reason": said.finish});
                events.push((None, self.completion(&[choice], None)));
                if let Some(usage) = said.usage {
                    events.push((None, self.completion(&[], Some(usage))));
                }
            }
        }
        events
    }

    /// An answer in one piece.
    pub(crate) fn whole(&self, said: Said<'_>) -> Value {
        match self.dialect {
            Dialect::Messages => {
                let mut blocks = Vec::new();
                if !said.reasoning.is_empty() {
                    blocks.push(json!({"type": "thinking", "thinking": said.reasoning, "signature": "c2lt"}));
                }
                blocks.push(json!({"type": "text", "text": said.text}));
                let output_tokens = said.usage.map_or(1, |usage| usage.completion_tokens);
                let usage = json!({"input_tokens": said.prompt_tokens, "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0, "output_tokens": output_tokens});
                self.message(&blocks, &json!(stop_reason(said.finish)), &usage)
            }
            Dialect::Responses => {
                let mut output = Vec::new();
                if !said.reasoning.is_empty() {
                    let summary = json!([{"type": "summary_text", "text": said.reasoning}]);
                    output.push(json!({"id": self.id("rs"), "type": "reasoning", "summary": summary}));
                }
                output.push(self.item("completed", &[output_text(said.text)]));
                let usage = said.usage.map_or(Value::Null, |usage| {
                    json!({"input_tokens": usage.prompt_tokens, "input_tokens_details": {"cached_tokens": 0},
                        "output_tokens": usage.completion_tokens,
                        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
                        "total_tokens": usage.prompt_tokens + usage.completion_tokens})
                });
                if said.finish == "length" {
                    self.response(
                        "incomplete",
                        &output,
                        &usage,
                        &json!({"reason": "max_output_tokens"}),
                    )
                } else {
                    self.response("completed", &output, &usage, &Value::Null)
                }
            }
            Dialect::Chat | Dialect::Completions => {
                let choice = json!({"text": said.text, "index": 0, "finish_reason": said.finish,
                    "logprobs": self.log_probabilities(said.text)});
                self.completion(&[choice], said.usage)
            }
        }
    }

    /// The error that comes inside an answer with status 200, as an event.
    pub(crate) fn failure(&mut self, message: &str) -> Event {
        match self.dialect {
            Dialect::Messages => named(
                "error",
                json!({"type": "error", "error": {"type": "overloaded_error", "message": message}}),
            ),
            Dialect::Responses => {
                let error =
                    json!({"type": "error", "code": "server_error", "message": message, "param": null});
                self.numbered("error", error)
            }
            Dialect::Chat | Dialect::Completions => (
                None,
                json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}}),
            ),
        }
    }

    /// The body of a refusal; `None` in dialects whose errors are those of chat.
    pub(crate) fn refusal(dialect: Dialect, status: u16, message: &str) -> Option<Value> {
        let kind = match status {
            400 | 405 | 413 => "invalid_request_error",
            401 => "authentication_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            529 => "overloaded_error",
            _ => "api_error",
        };
        (dialect == Dialect::Messages).then(
            || json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sim"}),
        )
    }

    // ---- parts ----

    fn log_probabilities(&self, text: &str) -> Value {
        if self.tells_log_probabilities {
            log_probability::of_completion(text)
        } else {
            Value::Null
        }
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_sim{:012x}", self.sequence)
    }

    fn numbered(&mut self, name: &'static str, mut event: Value) -> Event {
        event["sequence_number"] = json!(self.number);
        self.number += 1;
        (Some(name), event)
    }

    fn text_index(&self) -> u64 {
        u64::from(self.thinking != Thinking::None)
    }

    fn open_thinking(&mut self) -> Vec<Event> {
        match self.dialect {
            Dialect::Messages => vec![named(
                "content_block_start",
                json!({"type": "content_block_start", "index": 0,
                    "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
            )],
            Dialect::Responses => {
                let item = json!({"id": self.id("rs"), "type": "reasoning", "summary": []});
                let added = json!({"type": "response.output_item.added", "output_index": 0, "item": item});
                let part = json!({"type": "response.reasoning_summary_part.added", "item_id": self.id("rs"),
                    "output_index": 0, "summary_index": 0, "part": {"type": "summary_text", "text": ""}});
                vec![
                    self.numbered("response.output_item.added", added),
                    self.numbered("response.reasoning_summary_part.added", part),
                ]
            }
            Dialect::Chat | Dialect::Completions => Vec::new(),
        }
    }

    /// Closes thinking and opens the text, where that has not been done.
    fn open_text(&mut self, said: Said<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        if self.thinking == Thinking::Open {
            self.thinking = Thinking::Closed;
            events.extend(self.close_thinking(said));
        }
        if std::mem::replace(&mut self.text_is_open, true) {
            return events;
        }
        let index = self.text_index();
        match self.dialect {
            Dialect::Messages => events.push(named(
                "content_block_start",
                json!({"type": "content_block_start", "index": index,
                    "content_block": {"type": "text", "text": ""}}),
            )),
            Dialect::Responses => {
                let item = self.item("in_progress", &[]);
                let added =
                    json!({"type": "response.output_item.added", "output_index": index, "item": item});
                let part = json!({"type": "response.content_part.added", "item_id": self.id("msg"),
                    "output_index": index, "content_index": 0, "part": output_text("")});
                events.push(self.numbered("response.output_item.added", added));
                events.push(self.numbered("response.content_part.added", part));
            }
            Dialect::Chat | Dialect::Completions => {}
        }
        events
    }

    fn close_thinking(&mut self, said: Said<'_>) -> Vec<Event> {
        match self.dialect {
            Dialect::Messages => vec![
                named(
                    "content_block_delta",
                    json!({"type": "content_block_delta", "index": 0,
                        "delta": {"type": "signature_delta", "signature": "c2lt"}}),
                ),
                named(
                    "content_block_stop",
                    json!({"type": "content_block_stop", "index": 0}),
                ),
            ],
            Dialect::Responses => {
                let part = json!({"type": "summary_text", "text": said.reasoning});
                let text_done = json!({"type": "response.reasoning_summary_text.done", "item_id": self.id("rs"),
                    "output_index": 0, "summary_index": 0, "text": said.reasoning});
                let part_done = json!({"type": "response.reasoning_summary_part.done", "item_id": self.id("rs"),
                    "output_index": 0, "summary_index": 0, "part": part});
                let item = json!({"id": self.id("rs"), "type": "reasoning", "summary": [part]});
                let item_done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
                vec![
                    self.numbered("response.reasoning_summary_text.done", text_done),
                    self.numbered("response.reasoning_summary_part.done", part_done),
                    self.numbered("response.output_item.done", item_done),
                ]
            }
            Dialect::Chat | Dialect::Completions => Vec::new(),
        }
    }

    fn close_item(&mut self, said: Said<'_>) -> Vec<Event> {
        let index = self.text_index();
        let part = output_text(said.text);
        let text_done = json!({"type": "response.output_text.done", "item_id": self.id("msg"), "output_index": index,
            "content_index": 0, "text": said.text, "logprobs": []});
        let part_done = json!({"type": "response.content_part.done", "item_id": self.id("msg"),
            "output_index": index, "content_index": 0, "part": part});
        let item = self.item("completed", &[part]);
        let item_done = json!({"type": "response.output_item.done", "output_index": index, "item": item});
        vec![
            self.numbered("response.output_text.done", text_done),
            self.numbered("response.content_part.done", part_done),
            self.numbered("response.output_item.done", item_done),
        ]
    }

    fn message(&self, content: &[Value], stop_reason: &Value, usage: &Value) -> Value {
        json!({"id": self.id("msg"), "type": "message", "role": "assistant", "model": self.model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": null, "usage": usage})
    }

    fn item(&self, status: &str, content: &[Value]) -> Value {
        json!({"id": self.id("msg"), "type": "message", "status": status, "role": "assistant", "content": content})
    }

    fn response(&self, status: &str, output: &[Value], usage: &Value, incomplete_details: &Value) -> Value {
        json!({"id": self.id("resp"), "object": "response", "created_at": self.created, "status": status,
            "error": null, "incomplete_details": incomplete_details, "instructions": null, "max_output_tokens": null,
            "model": self.model, "output": output, "parallel_tool_calls": true, "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null}, "store": false, "temperature": 1.0,
            "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "truncation": "disabled", "usage": usage, "user": null, "metadata": {}})
    }

    fn completion(&self, choices: &[Value], usage: Option<WireUsage>) -> Value {
        let mut completion = json!({"id": format!("cmpl-sim{:012x}", self.sequence), "object": "text_completion",
            "created": self.created, "model": self.model, "choices": choices});
        if let Some(usage) = usage {
            completion["usage"] = json!({"prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.prompt_tokens + usage.completion_tokens});
        }
        completion
    }
}

fn named(name: &'static str, event: Value) -> Event {
    (Some(name), event)
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

/// Anthropic's word for the end.
fn stop_reason(finish: &str) -> &'static str {
    if finish == "length" {
        "max_tokens"
    } else {
        "end_turn"
    }
}
