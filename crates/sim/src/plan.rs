//! Decides what a request gets: text, events, fault, draws. Pure: the same seed, conversation and attempt give the same
//! plan. Apart from `reply`, which only carries plans out.

use crate::answers::{Book, Served};
use crate::config::SimConfig;
use crate::delay::Dist;
use crate::fault::Fault;
use crate::key::{Purpose, bits, generator, head, key_of};
use crate::persona::{Persona, UsageStyle};
use crate::text;
use crate::wire::{ChatRequest, UsageField, WireUsage};
use rand_pcg::Pcg64Mcg;
use seatrial_types::ContentHash;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Most tokens that a length override can ask for.
const OUTPUT_TOKENS_MAX: f64 = 1e6;

/// A persona with everything that can be worked out before the first request.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) persona: Persona,
    served: Vec<Served>,
    unknown: Arc<str>,
    key: u64,
}

/// All personas, by model.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) ready: Vec<Ready>,
    by_model: HashMap<String, usize>,
    wildcard: Option<usize>,
    book: Book,
}

/// Whether the planned answer is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Correctness {
    /// The answer file's answer.
    Right,
    /// Wrong on purpose.
    Wrong,
    /// The answer file does not have the prompt.
    Unknown,
}

/// What one request gets.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) fault: Option<Fault>,
    pub(crate) correctness: Correctness,
    pub(crate) text: Arc<str>,
    /// Ends of the tokens of the text.
    token_ends: Vec<usize>,
    /// Ends of its events.
    pub(crate) event_ends: Vec<usize>,
    /// Reasoning in front of the text, with the ends of its events.
    pub(crate) reasoning: String,
    pub(crate) reasoning_ends: Vec<usize>,
    reasoning_tokens: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) finish: &'static str,
    pub(crate) is_stream: bool,
    wants_usage: bool,
    pub(crate) first_delay: Duration,
    gap: Dist,
    random: Pcg64Mcg,
}

impl Cast {
    pub(crate) fn new(config: &SimConfig, book: Book) -> Self {
        let seed = config.seed.to_le_bytes();
        let ready = config.personas.iter().map(|persona| Ready {
            served: book.serve(config.seed, persona),
            unknown: Arc::from(persona.unknown.as_str()),
            key: key_of(&[&seed, persona.model.as_bytes()]),
            persona: persona.clone(),
        });
        let ready: Vec<Ready> = ready.collect();
        let by_model: HashMap<String, usize> = ready
            .iter()
            .enumerate()
            .map(|(index, ready)| (ready.persona.model.clone(), index))
            .collect();
        let wildcard = by_model.get("*").copied();
        Self {
            ready,
            by_model,
            wildcard,
            book,
        }
    }

    /// The persona for a model name.
    pub(crate) fn find(&self, model: &str) -> Option<usize> {
        self.by_model.get(model).copied().or(self.wildcard)
    }

    /// What a request gets from a persona, at its `attempt`-th time (from 0).
    pub(crate) fn plan(
        &self,
        ready: &Ready,
        request: &ChatRequest<'_>,
        conversation: &ContentHash,
        attempt: u32,
    ) -> Plan {
        let persona = &ready.persona;
        let word = head(conversation.as_bytes());
        let fault_attempt = if persona.faults_persist {
            0
        } else {
            u64::from(attempt)
        };
        let mut random = generator(bits(ready.key, word, u64::from(attempt), Purpose::Timing));
        let is_stream = request.wants_stream() && !persona.shape.ignores_stream;
        let fault = persona
            .faults
            .draw(bits(ready.key, word, fault_attempt, Purpose::Fault));
        let fault = fault.filter(|fault| is_stream || !fault.needs_stream());

        let served = self
            .book
            .find(request.prompt())
            .and_then(|row| ready.served.get(row));
        let (mut text, correctness) = match served {
            Some(Served { text, is_right: true }) => (Arc::clone(text), Correctness::Right),
            Some(Served {
                text,
                is_right: false,
            }) => (Arc::clone(text), Correctness::Wrong),
            None => (Arc::clone(&ready.unknown), Correctness::Unknown),
        };
        let mut token_ends = text::token_ends(&text);
        let wanted = persona
            .output_tokens
            .map(|dist| dist.draw(&mut random).round().clamp(0.0, OUTPUT_TOKENS_MAX));
        let wanted = wanted.map_or(token_ends.len(), |tokens| tokens as usize);
        let reasoning_tokens = persona.shape.reasoning_tokens as u64;
        let limit = request
            .tokens_max()
            .map(|limit| limit.saturating_sub(reasoning_tokens));
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        if wanted.min(limit) != token_ends.len() {
            let mut resized = text.to_string();
            text::resize(&mut resized, &mut token_ends, wanted.min(limit));
            text = Arc::from(resized);
        }
        let mut event_ends = match persona.events {
            Some(events) => text::spread(&text, &token_ends, events),
            None => text::group(&token_ends, persona.tokens_per_event),
        };
        if event_ends.is_empty() {
            // An answer without text is an event without text, as providers send it.
            event_ends.push(0);
        }
        let mut reasoning = String::new();
        let mut reasoning_ends = Vec::new();
        text::resize(
            &mut reasoning,
            &mut reasoning_ends,
            persona.shape.reasoning_tokens,
        );

        Plan {
            fault,
            correctness,
            text,
            event_ends,
            token_ends,
            reasoning_ends: text::group(&reasoning_ends, persona.tokens_per_event),
            reasoning,
            reasoning_tokens,
            prompt_tokens: text::prompt_tokens(request.bytes()),
            finish: if wanted > limit { "length" } else { "stop" },
            is_stream,
            wants_usage: persona.usage != UsageStyle::None && (!is_stream || request.wants_usage()),
            first_delay: persona.first_token_ms.draw_delay(&mut random),
            gap: persona.gap_ms,
            random,
        }
    }
}

impl Plan {
    /// Events with text or reasoning.
    pub(crate) fn events(&self) -> usize {
        self.reasoning_ends.len() + self.event_ends.len()
    }

    /// Delay before the next event; each call draws anew.
    pub(crate) fn next_gap(&mut self) -> Duration {
        self.gap.draw_delay(&mut self.random)
    }

    /// Generated tokens, reasoning included.
    pub(crate) fn output_tokens(&self) -> u64 {
        self.reasoning_tokens + self.token_ends.len() as u64
    }

    /// How this answer tells its tokens: the persona's way, or the one that its fault stands for.
    pub(crate) fn usage_style(&self, persona: &Persona) -> UsageStyle {
        match self.fault {
            _ if !self.wants_usage => UsageStyle::None,
            Some(Fault::EmptyChoicesUsage) => UsageStyle::LastEventEmptyChoices,
            _ => persona.usage,
        }
    }

    /// Usage of the whole answer.
    pub(crate) fn usage(&self, style: UsageStyle) -> WireUsage {
        WireUsage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.output_tokens(),
            reasoning_tokens: self.reasoning_tokens,
            has_details: style != UsageStyle::NoDetails,
        }
    }

    /// What the event that ends at `end` says of usage; `None` is an event of reasoning, which is counted as if all of
    /// it had been told by then.
    pub(crate) fn usage_of_event(&self, style: UsageStyle, end: Option<usize>) -> UsageField {
        match style {
            UsageStyle::EveryEvent => {
                let told = self
                    .token_ends
                    .partition_point(|token_end| *token_end <= end.unwrap_or(0))
                    as u64;
                let completion_tokens = self.reasoning_tokens + told;
                UsageField::Known(WireUsage {
                    completion_tokens,
                    ..self.usage(style)
                })
            }
            UsageStyle::LastEventEmptyChoices => UsageField::Null,
            UsageStyle::Full | UsageStyle::NoDetails | UsageStyle::None => UsageField::Absent,
        }
    }

    /// What the event with the finish reason says of usage.
    pub(crate) fn usage_of_finish(&self, style: UsageStyle) -> UsageField {
        match style {
            UsageStyle::Full | UsageStyle::NoDetails | UsageStyle::EveryEvent => {
                UsageField::Known(self.usage(style))
            }
            UsageStyle::LastEventEmptyChoices => UsageField::Null,
            UsageStyle::None => UsageField::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::AnswerRow;
    use crate::fault::Faults;

    fn cast(persona: Persona) -> Cast {
        let row = AnswerRow {
            prompt: "Which way?".into(),
            answer: "left then right".into(),
            wrong: vec![],
        };
        Cast::new(
            &SimConfig::of_personas(vec![persona]),
            Book::new(vec![row]).unwrap(),
        )
    }

    fn plan(cast: &Cast, body: &str, attempt: u32) -> Plan {
        let request = ChatRequest::parse(body.as_bytes()).unwrap();
        let ready = &cast.ready[cast.find(&request.model).unwrap()];
        cast.plan(ready, &request, &request.conversation(), attempt)
    }

    const ASK: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Which way?"}]}"#;

    /// Protects retries and resumed runs: the same attempt is the same plan, another attempt draws anew, and a
    /// persistent fault stays.
    #[test]
    fn plans_repeat() {
        let faults = Faults::none().with(Fault::Reset, 0.5);
        let persona = Persona {
            faults,
            gap_ms: Dist::Uniform { low: 1.0, high: 9.0 },
            ..Persona::instant("m")
        };
        let drawn = |cast: &Cast| -> Vec<(Option<Fault>, Duration)> {
            (0..20)
                .map(|attempt| plan(cast, ASK, attempt))
                .map(|mut plan| (plan.fault, plan.next_gap()))
                .collect()
        };
        let first = drawn(&cast(persona.clone()));
        assert_eq!(first, drawn(&cast(persona.clone())));
        assert!(
            first.iter().any(|(fault, _)| fault.is_some()) && first.iter().any(|(fault, _)| fault.is_none())
        );
        assert!(
            first.windows(2).all(|pair| pair[0].1 != pair[1].1),
            "each attempt draws its own delays"
        );
        let persistent = drawn(&cast(Persona {
            faults_persist: true,
            ..persona
        }));
        assert!(persistent.iter().all(|(fault, _)| *fault == first[0].0));
    }

    /// Protects lengths: the request's limit cuts and says so, the override fills up, and usage counts what is sent.
    #[test]
    fn lengths_are_kept() {
        let whole = plan(&cast(Persona::instant("m")), ASK, 0);
        assert_eq!(
            (&*whole.text, whole.finish, whole.output_tokens()),
            ("left then right", "stop", 3)
        );
        let limited = ASK.replace("\"stream\"", "\"max_tokens\":2,\"stream\"");
        let cut = plan(&cast(Persona::instant("m")), &limited, 0);
        assert_eq!(
            (&*cut.text, cut.finish, cut.output_tokens()),
            ("left then", "length", 2)
        );
        let shape = crate::Shape {
            reasoning_tokens: 5,
            ..Default::default()
        };
        let long = Persona {
            output_tokens: Some(Dist::constant(64.0)),
            shape,
            ..Persona::instant("m")
        };
        let filled = plan(&cast(long.clone()), ASK, 0);
        assert_eq!(
            (filled.finish, filled.output_tokens(), filled.events()),
            ("stop", 69, 69)
        );
        assert!(filled.text.starts_with("left then right "));
        let nothing = plan(&cast(long), &limited, 0);
        assert_eq!(
            (&*nothing.text, nothing.finish, nothing.output_tokens()),
            ("", "length", 5)
        );
    }

    /// Protects answers in one piece from faults that only a stream can have.
    #[test]
    fn stream_faults_need_a_stream() {
        let cast = cast(Persona::instant("m").always(Fault::NoDone));
        assert_eq!(plan(&cast, ASK, 0).fault, Some(Fault::NoDone));
        assert_eq!(plan(&cast, &ASK.replace("true", "false"), 0).fault, None);
    }

    /// Protects names: the persona of that name, or the one for all others, or nobody.
    #[test]
    fn models_are_found() {
        let config = SimConfig::of_personas(vec![Persona::instant("*"), Persona::instant("m")]);
        let cast = Cast::new(&config, Book::new(Vec::new()).unwrap());
        assert_eq!((cast.find("m"), cast.find("other")), (Some(1), Some(0)));
        let config = SimConfig::of_personas(vec![Persona::instant("m")]);
        assert_eq!(
            Cast::new(&config, Book::new(Vec::new()).unwrap()).find("other"),
            None
        );
    }
}
