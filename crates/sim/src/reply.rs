//! Carries a plan out on a connection: the stream, the answer in one piece, and every fault. Apart from `plan`, which
//! decides, and from `http`, which frames.

use crate::delay::delay;
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::foreign::{Event, Foreign, Said};
use crate::http::{Connection, Framing};
use crate::persona::{Persona, UsageStyle};
use crate::plan::Plan;
use crate::wire::{self, Delta, Renderer, UsageField};
use serde_json::Value;
use std::io;
use std::time::Instant;

/// With more bytes than this waiting, they are written before further events are added.
const OUTBOX_BYTES_MAX: usize = 64 << 10;
/// Field of reasoning where the persona names none.
const REASONING_FIELD: &str = "reasoning_content";

/// What is said of a failure in the middle of an answer.
const FAILURE: &str = "simulated failure in the middle of the answer";

/// Who writes the JSON of an answer.
pub(crate) enum Voice {
    /// Chat, written for speed.
    Chat(Renderer),
    /// Any other API.
    Foreign(Dialect, Foreign),
}

impl Voice {
    pub(crate) fn new(dialect: Dialect, sequence: u64, created: u64, model: &str) -> Self {
        match dialect {
            Dialect::Chat => Self::Chat(Renderer::new(sequence, created, model)),
            other => Self::Foreign(other, Foreign::new(other, sequence, created, model)),
        }
    }

    /// The same, telling how probable tokens were.
    pub(crate) fn telling_log_probabilities(mut self, tells: bool) -> Self {
        match &mut self {
            Self::Chat(renderer) => renderer.tells_log_probabilities = tells,
            Self::Foreign(_, foreign) => foreign.tells_log_probabilities = tells,
        }
        self
    }

    const fn dialect(&self) -> Dialect {
        match self {
            Self::Chat(_) => Dialect::Chat,
            Self::Foreign(dialect, _) => *dialect,
        }
    }

    /// Whether the stream ends with `[DONE]`.
    const fn says_done(&self) -> bool {
        matches!(self.dialect(), Dialect::Chat | Dialect::Completions)
    }
}

/// A reply under way. What it learns stays in it when the client leaves in the middle.
pub(crate) struct Reply<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) persona: &'a Persona,
    pub(crate) plan: &'a mut Plan,
    pub(crate) voice: Voice,
    /// Zero of all delays: the request was read and a slot was free.
    pub(crate) start: Instant,
    /// HTTP/1.0: the end of the body is the end of the connection.
    pub(crate) is_old: bool,
    pub(crate) keeps_alive: bool,
    pub(crate) trace: Trace,
    /// Latest time known; spares a look at the clock for events that are due anyway.
    now: Instant,
    /// A whole event with text or reasoning was put into the outbox.
    has_text: bool,
    /// One event before it is framed.
    scratch: Vec<u8>,
}

/// What happened when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trace {
    /// Status sent; 0 where none was.
    pub(crate) status: u16,
    pub(crate) first_byte: Option<Instant>,
    pub(crate) first_token: Option<Instant>,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It serves the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(
        connection: &'a mut Connection,
        persona: &'a Persona,
        plan: &'a mut Plan,
        voice: Voice,
        start: Instant,
    ) -> Self {
        Self {
            connection,
            persona,
            plan,
            voice,
            start,
            is_old: false,
            keeps_alive: true,
            trace: Trace::default(),
            now: start,
            has_text: false,
            scratch: Vec::with_capacity(512),
        }
    }

    /// Sends everything that is planned.
    ///
    /// # Errors
    /// The client left.
    pub(crate) async fn send(&mut self) -> io::Result<After> {
        self.connection.pace = (self.plan.fault == Some(Fault::Trickle))
            .then(|| (self.persona.trickle_bytes, delay(self.persona.trickle_gap_ms)));
        match self.plan.fault {
            Some(Fault::Reset) => Ok(After::Reset),
            Some(Fault::RateLimited) => self.refuse(429, true).await,
            Some(Fault::RateLimitedNoRetryAfter) => self.refuse(429, false).await,
            Some(Fault::ServerError) => self.refuse(500, false).await,
            Some(Fault::Stall) => self.stall().await,
            _ if self.plan.is_stream => self.stream().await,
            _ => self.whole().await,
        }
    }

    async fn refuse(&mut self, status: u16, says_when: bool) -> io::Result<After> {
        self.trace.status = status;
        let message = if status == 429 {
            "simulated rate limit reached, try again later"
        } else {
            "simulated failure of the server"
        };
        let mut body = Vec::new();
        if let Some(json) = Foreign::refusal(self.voice.dialect(), status, message) {
            body.extend_from_slice(json.to_string().as_bytes());
        } else if status == 429 {
            let code = Some("rate_limit_exceeded");
            wire::error(&mut body, message, "rate_limit_error", None, code);
        } else {
            wire::error(&mut body, message, "server_error", None, None);
        }
        let mut extra = String::new();
        if says_when {
            extra = format!("retry-after: {}\r\n", self.persona.retry_after_s);
            if let Some(ms) = self.persona.retry_after_ms {
                extra += &format!("retry-after-ms: {ms}\r\n");
            }
        }
        let framing = Framing::Length(body.len());
        self.connection
            .put_head(status, "application/json", framing, self.keeps_alive, &extra);
        self.connection.put_part(&body, framing);
        self.flush().await?;
        Ok(self.after())
    }

    /// Status and headers, then nothing.
    async fn stall(&mut self) -> io::Result<After> {
        if self.plan.is_stream {
            self.put_stream_head();
        } else {
            self.put_whole_head(self.whole_body().len());
        }
        self.flush().await?;
        self.connection
            .wait_until(Instant::now() + delay(self.persona.stall_ms))
            .await?;
        Ok(After::Close)
    }

    // ---- in one piece ----

    async fn whole(&mut self) -> io::Result<After> {
        let mut due = self.start + self.plan.first_delay;
        for _ in 1..self.plan.events() {
            due += self.plan.next_gap();
        }
        let mut body = match self.plan.fault {
            Some(Fault::ErrorEvent) => self.failure().1.to_string().into_bytes(),
            _ => self.whole_body(),
        };
        if self.plan.fault == Some(Fault::InvalidJson) {
            body.truncate(body.len() / 2);
        }
        self.put_whole_head(body.len());
        if self.persona.shape.early_headers {
            self.flush().await?;
        }
        self.wait_until(due).await?;
        let is_cut = self.plan.fault == Some(Fault::Truncated);
        if is_cut {
            body.truncate(body.len() / 2);
        }
        self.connection.put_part(&body, Framing::Length(body.len()));
        self.has_text = !is_cut;
        self.flush().await?;
        Ok(if is_cut { After::Close } else { self.after() })
    }

    fn put_whole_head(&mut self, length: usize) {
        self.trace.status = 200;
        self.connection.put_head(
            200,
            "application/json",
            Framing::Length(length),
            self.keeps_alive,
            "",
        );
    }

    fn whole_body(&self) -> Vec<u8> {
        let plan = &*self.plan;
        let style = plan.usage_style(self.persona);
        let usage = match style {
            UsageStyle::None => UsageField::Absent,
            _ => UsageField::Known(plan.usage(style)),
        };
        let renderer = match &self.voice {
            Voice::Chat(renderer) => renderer,
            Voice::Foreign(_, foreign) => {
                return foreign.whole(said(plan, style)).to_string().into_bytes();
            }
        };
        let reasoning =
            (!plan.reasoning.is_empty()).then(|| (reasoning_field(self.persona), &*plan.reasoning));
        let mut body = Vec::with_capacity(512 + plan.text.len() + plan.reasoning.len());
        renderer.whole(&mut body, &plan.text, reasoning, plan.finish, usage);
        body
    }

    // ---- as a stream ----

    async fn stream(&mut self) -> io::Result<After> {
        let fault = self.plan.fault;
        let style = self.plan.usage_style(self.persona);
        let is_role_first = fault == Some(Fault::RoleOnlyFirst) && matches!(self.voice, Voice::Chat(_));
        self.put_stream_head();
        if self.persona.shape.comments {
            self.put_comment();
        }
        self.put_foreign(Foreign::opening, style);
        if is_role_first {
            let usage = self.plan.usage_of_event(style, None);
            self.put_event(Delta::Role, None, usage);
        }
        if is_role_first || self.persona.shape.early_headers {
            self.flush().await?;
        }
        let mut due = self.start + self.plan.first_delay;
        let count = self.plan.events();
        // A fault in the middle comes after half of the events.
        let middle = count / 2;
        for index in 0..count {
            self.wait_until(due).await?;
            let with_role = index == 0 && !is_role_first;
            match fault {
                Some(Fault::Truncated) if index == middle => {
                    let before = self.connection.outbox.len();
                    self.put_planned_event(index, with_role, style);
                    let cut = before.midpoint(self.connection.outbox.len());
                    self.connection.outbox.truncate(cut);
                    self.flush().await?;
                    return Ok(After::Close);
                }
                Some(Fault::ErrorEvent) if index == middle => {
                    let failure = self.failure();
                    self.put_named(failure);
                    self.connection.put_end(self.framing());
                    self.flush().await?;
                    return Ok(self.after());
                }
                Some(Fault::InvalidJson) if index == middle => {
                    self.put_data(br#"{"id":"chatcmpl-sim","choices":[{"index":0,"delta":{"content":"#);
                }
                _ => {
                    self.put_planned_event(index, with_role, style);
                    self.has_text = true;
                }
            }
            due += self.plan.next_gap();
            if self.connection.outbox.len() > OUTBOX_BYTES_MAX {
                self.flush().await?;
            }
        }
        self.put_stream_end(style);
        self.flush().await?;
        Ok(self.after())
    }

    fn put_stream_head(&mut self) {
        self.trace.status = 200;
        let framing = self.framing();
        let extra = "cache-control: no-cache\r\n";
        self.connection.put_head(
            200,
            "text/event-stream; charset=utf-8",
            framing,
            self.keeps_alive,
            extra,
        );
    }

    /// The event with this index: reasoning first, then text.
    fn put_planned_event(&mut self, index: usize, with_role: bool, style: UsageStyle) {
        if let Voice::Foreign(_, foreign) = &mut self.voice {
            let plan = &*self.plan;
            let said = said(plan, style);
            let events = match index.checked_sub(plan.reasoning_ends.len()) {
                None => foreign.reasoning(piece(&plan.reasoning, &plan.reasoning_ends, index).0),
                Some(at) => foreign.text(piece(&plan.text, &plan.event_ends, at).0, said),
            };
            self.put_all_named(events);
            return;
        }
        let plan = &*self.plan;
        let (delta, finish, usage) = match index.checked_sub(plan.reasoning_ends.len()) {
            None => {
                let (text, _) = piece(&plan.reasoning, &plan.reasoning_ends, index);
                let delta = Delta::Reasoning {
                    text,
                    field: reasoning_field(self.persona),
                    with_role,
                };
                (delta, None, plan.usage_of_event(style, None))
            }
            Some(at) => {
                let (text, end) = piece(&plan.text, &plan.event_ends, at);
                let is_last = self.persona.shape.finish_with_text && at + 1 == plan.event_ends.len();
                if is_last {
                    (
                        Delta::Text { text, with_role },
                        Some(plan.finish),
                        plan.usage_of_finish(style),
                    )
                } else {
                    (
                        Delta::Text { text, with_role },
                        None,
                        plan.usage_of_event(style, Some(end)),
                    )
                }
            }
        };
        self.scratch.clear();
        if let Voice::Chat(renderer) = &self.voice {
            renderer.event(&mut self.scratch, delta, finish, usage);
        }
        self.put_scratch();
    }

    /// Finish reason, usage, `[DONE]` and the end of the body.
    fn put_stream_end(&mut self, style: UsageStyle) {
        if self.persona.shape.comments {
            self.put_comment();
        }
        let is_cut = self.plan.fault == Some(Fault::NoDone);
        self.put_foreign(|foreign, said| foreign.closing(said, is_cut), style);
        let is_chat = matches!(self.voice, Voice::Chat(_));
        if is_chat && !self.persona.shape.finish_with_text {
            let usage = self.plan.usage_of_finish(style);
            self.put_event(Delta::Nothing, Some(self.plan.finish), usage);
        }
        if let (Voice::Chat(renderer), UsageStyle::LastEventEmptyChoices) = (&self.voice, style) {
            self.scratch.clear();
            renderer.usage_event(&mut self.scratch, self.plan.usage(style));
            self.put_scratch();
        }
        if !is_cut && self.voice.says_done() {
            self.put_data(b"[DONE]");
        }
        self.connection.put_end(self.framing());
    }

    fn put_event(&mut self, delta: Delta<'_>, finish: Option<&str>, usage: UsageField) {
        self.scratch.clear();
        if let Voice::Chat(renderer) = &self.voice {
            renderer.event(&mut self.scratch, delta, finish, usage);
        }
        self.put_scratch();
    }

    /// Events of an API other than chat; none in chat.
    fn put_foreign(&mut self, make: impl FnOnce(&mut Foreign, Said<'_>) -> Vec<Event>, style: UsageStyle) {
        if let Voice::Foreign(_, foreign) = &mut self.voice {
            let events = make(foreign, said(self.plan, style));
            self.put_all_named(events);
        }
    }

    fn put_all_named(&mut self, events: Vec<Event>) {
        for event in events {
            self.put_named(event);
        }
    }

    /// An event with its name, where it has one.
    fn put_named(&mut self, (name, data): Event) {
        let line_end = if self.persona.shape.crlf { "\r\n" } else { "\n" };
        let json = data.to_string();
        let head = name.map_or_else(String::new, |name| format!("event: {name}{line_end}"));
        let head = format!("{head}data: ");
        let end = format!("{line_end}{line_end}");
        self.connection
            .put_parts([head.as_bytes(), json.as_bytes(), end.as_bytes()], self.framing());
    }

    /// The error that comes inside an answer with status 200.
    fn failure(&mut self) -> Event {
        match &mut self.voice {
            Voice::Chat(_) => (None, failure()),
            Voice::Foreign(_, foreign) => foreign.failure(FAILURE),
        }
    }

    fn put_data(&mut self, data: &[u8]) {
        self.scratch.clear();
        self.scratch.extend_from_slice(data);
        self.put_scratch();
    }

    /// The scratch as an event of its own chunk.
    fn put_scratch(&mut self) {
        let end = if self.persona.shape.crlf {
            "\r\n\r\n"
        } else {
            "\n\n"
        };
        self.connection
            .put_parts([b"data: ", &self.scratch, end.as_bytes()], self.framing());
    }

    fn put_comment(&mut self) {
        let end = if self.persona.shape.crlf {
            "\r\n\r\n"
        } else {
            "\n\n"
        };
        self.connection
            .put_parts([b": ", b"ping", end.as_bytes()], self.framing());
    }

    // ---- time and socket ----

    fn framing(&self) -> Framing {
        if self.is_old {
            Framing::Close
        } else {
            Framing::Chunks
        }
    }

    fn after(&self) -> After {
        if self.keeps_alive && !self.is_old {
            After::Keep
        } else {
            After::Close
        }
    }

    /// Writes what is there and waits, where it is not yet time.
    async fn wait_until(&mut self, due: Instant) -> io::Result<()> {
        if due <= self.now {
            return Ok(());
        }
        self.now = Instant::now();
        if due <= self.now {
            return Ok(());
        }
        // Headers alone go out with the first event, unless they were sent before.
        if self.trace.first_byte.is_some() || self.has_text {
            self.flush().await?;
        }
        self.connection.wait_until(due).await?;
        self.now = Instant::now();
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.connection.outbox.is_empty() {
            return Ok(());
        }
        self.connection.flush().await?;
        self.now = Instant::now();
        self.trace.first_byte.get_or_insert(self.now);
        if self.has_text {
            self.trace.first_token.get_or_insert(self.now);
        }
        Ok(())
    }
}

/// One piece of a text by the ends of its pieces, with its own end.
fn piece<'t>(text: &'t str, ends: &[usize], at: usize) -> (&'t str, usize) {
    let start = at
        .checked_sub(1)
        .and_then(|before| ends.get(before).copied())
        .unwrap_or(0);
    let end = ends.get(at).copied().unwrap_or(text.len());
    (text.get(start..end).unwrap_or_default(), end)
}

fn reasoning_field(persona: &Persona) -> &str {
    persona
        .shape
        .reasoning_field
        .as_deref()
        .unwrap_or(REASONING_FIELD)
}

/// The error of chat that comes inside an answer with status 200.
fn failure() -> Value {
    serde_json::json!({"error": {"message": FAILURE, "type": "server_error", "param": null, "code": null}})
}

/// What the parts of an answer that repeat it whole say.
fn said(plan: &Plan, style: UsageStyle) -> Said<'_> {
    Said {
        text: &plan.text,
        reasoning: &plan.reasoning,
        finish: plan.finish,
        usage: (style != UsageStyle::None).then(|| plan.usage(style)),
        prompt_tokens: plan.prompt_tokens,
    }
}
