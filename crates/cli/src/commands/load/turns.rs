//! From arguments to conversations, made before the load begins. Apart from single requests because of what stands in
//! front of a later turn.

use super::endpoint::{PROMPT, blueprint_of, output_parameter};
use super::work::{self, BYTES_MAX, PROMPTS};
use crate::args::{LoadArguments, LoadHistory, LoadTurns};
use crate::error::CliError;
use seatrial_load::dialogue::{DialogueError, Dialogues, Frame, TURNS_MAX, Turn};
use seatrial_load::workload::{Conversations, Length, Workload};
use seatrial_provider::Endpoint;
use std::collections::HashMap;
use std::sync::Arc;

/// What later turns ask where nobody says.
const FOLLOW_UP: &str = "And what happened then? Go on in plain sentences.";
/// Names of made questions of later turns and of made answers, so that none is that of a first prompt.
const LATER_NAMES: u64 = 1 << 60;
const ANSWER_NAMES: u64 = 1 << 59;

/// The conversations that were asked for; `None` where each request stands alone.
pub(super) fn dialogues(
    arguments: &LoadArguments,
    endpoint: &Endpoint,
) -> Result<Option<Dialogues>, CliError> {
    let given = &arguments.talk;
    let Some(turns) = &given.turns else {
        return Ok(None);
    };
    let turns_length =
        Length::parse(turns).map_err(|error| CliError::usage(format!("--turns cannot be read: {error}")))?;
    if turns_length.max > TURNS_MAX as f64 || turns_length.max < 1.0 {
        return Err(CliError::usage(format!(
            "--turns is `{turns}`, expected 1 to {TURNS_MAX} turns"
        )));
    }
    let think_ms = Length::parse_ms(&given.think_time)
        .map_err(|error| CliError::usage(format!("--think-time cannot be read: {error}")))?;
    let mut maker = Maker {
        arguments,
        endpoint,
        frames: HashMap::new(),
        questions: questions(arguments, given)?,
        conversations: Conversations {
            turns: turns_length,
            think_ms,
        },
        bytes: 0,
    };
    let wanted = arguments.shape.requests.unwrap_or(PROMPTS).min(PROMPTS);
    let mut scripts = Vec::new();
    for number in 0..wanted {
        // Where they are long, fewer of them will do; one there must be.
        if maker.bytes > BYTES_MAX && !scripts.is_empty() {
            break;
        }
        scripts.push(maker.script(number)?);
    }
    Ok(Some(Dialogues::new(scripts)))
}

/// Where the texts of questions come from.
enum Questions {
    /// The first one, and the one of all later turns.
    Fixed(String, String),
    /// Made to length, the first ones and the later ones.
    Made(Box<Workload>, Box<Workload>),
}

fn questions(arguments: &LoadArguments, given: &LoadTurns) -> Result<Questions, CliError> {
    let Some(first) = work::made_workload(arguments)? else {
        let asked = arguments.work.prompt.as_deref();
        let later = given.follow_up.as_deref().or(asked).unwrap_or(FOLLOW_UP);
        return Ok(Questions::Fixed(
            asked.unwrap_or(PROMPT).to_owned(),
            later.to_owned(),
        ));
    };
    // A shared beginning is that of a conversation, and stands in front of its later turns anyway.
    let mut lengths = work::lengths(arguments)?;
    if let Some(text) = &given.follow_up_tokens {
        lengths.input = Length::parse(text)
            .map_err(|error| CliError::usage(format!("--follow-up-tokens cannot be read: {error}")))?;
    }
    let later = Workload {
        source: seatrial_load::workload::Source::Drawn(lengths),
        ..first.clone()
    };
    Ok(Questions::Made(Box::new(first), Box::new(later)))
}

struct Maker<'a> {
    arguments: &'a LoadArguments,
    endpoint: &'a Endpoint,
    /// One for each number of output tokens that is asked for.
    frames: HashMap<Option<u64>, Arc<Frame>>,
    questions: Questions,
    conversations: Conversations,
    bytes: usize,
}

impl Maker<'_> {
    /// All turns of one conversation.
    fn script(&mut self, number: u64) -> Result<Vec<Turn>, CliError> {
        let seed = self.arguments.shape.seed;
        let turns = self.conversations.turns(seed, number);
        let mut script = Vec::new();
        for turn in 0..turns {
            let name = LATER_NAMES + number * TURNS_MAX as u64 + turn;
            let (question, output) = match &self.questions {
                Questions::Fixed(first, _) if turn == 0 => (Arc::from(first.as_str()), None),
                Questions::Fixed(_, later) => (Arc::from(later.as_str()), None),
                Questions::Made(first, later) => {
                    let ask = if turn == 0 {
                        first.ask(number)
                    } else {
                        later.ask(name)
                    };
                    // An endpoint that is asked for no token at all says that this is an error.
                    (ask.prompt, ask.output_tokens.map(|tokens| tokens.max(1)))
                }
            };
            let think_ns = self.conversations.think_ms(seed, number, turn) * 1_000_000;
            let frame = self.frame(output)?;
            let mut made = Turn::new(&frame, &question, think_ns);
            if self.arguments.talk.history == LoadHistory::Made {
                made = made.with_made_answer(&self.made_answer(name, output)?);
            }
            self.bytes += made.bytes();
            script.push(made);
        }
        Ok(script)
    }

    fn frame(&mut self, output: Option<u64>) -> Result<Arc<Frame>, CliError> {
        if let Some(frame) = self.frames.get(&output) {
            return Ok(Arc::clone(frame));
        }
        let mut endpoint = self.endpoint.clone();
        if let Some(tokens) = output {
            let name = output_parameter(self.arguments).to_owned();
            endpoint.params.insert(name, tokens.into());
        }
        let frame = Frame::of(&blueprint_of(&endpoint)?).map_err(|error| {
            let is_text = error == DialogueError::NoMessages;
            let error = CliError::usage(format!("--turns cannot be used: {error}"));
            if is_text {
                return error.hint("use --api chat or responses, or --provider anthropic");
            }
            error
        })?;
        let frame = Arc::new(frame);
        self.frames.insert(output, Arc::clone(&frame));
        Ok(frame)
    }

    /// A text as long as the answer that is asked for.
    fn made_answer(&self, name: u64, output: Option<u64>) -> Result<String, CliError> {
        let tokens = output.or(self.arguments.work.max_tokens).ok_or_else(|| {
            CliError::usage("--history made needs to know how long answers are")
                .hint("add --output-tokens LENGTH or --max-tokens N")
        })?;
        let workload = match &self.questions {
            Questions::Made(_, later) => (**later).clone(),
            Questions::Fixed(..) => work::plain_workload(self.arguments)?,
        };
        Ok(workload.text(ANSWER_NAMES + (name - LATER_NAMES), tokens))
    }
}
