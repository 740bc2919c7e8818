//! Conversations as they will be held: what each turn asks, how long is thought before it, and how the history goes in
//! front of it. Apart from the loop, which only says which turn is due; everything here is made before the run.
//!
//! A body is put together from pieces that were cut out of one that the provider wrote, so that every API with messages
//! is served and nothing is serialised while something is measured.

use crate::target::RequestSource;
use seatrial_provider::Blueprint;
use seatrial_types::{Message, ModelRequest, Role};
use std::io::Write as _;
use std::sync::Arc;

/// Most turns of one conversation.
pub const TURNS_MAX: usize = 1_000;

/// What stands for a text where a body is cut; nothing in it is escaped, and no model or parameter is called so.
const MARKS: [&str; 3] = [
    "seatrial-first-question",
    "seatrial-first-answer",
    "seatrial-second-question",
];

/// Why an endpoint cannot hold a conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialogueError {
    /// The provider refuses the messages.
    #[error("a request cannot be built: {0}")]
    Request(String),
    /// The API has one text and no messages.
    #[error("this API takes one text, not the turns of a conversation")]
    NoMessages,
}

/// A request in pieces: everything but its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Up to and with `content-length: `.
    head: Box<[u8]>,
    /// From the body's beginning to the first question.
    before: Box<[u8]>,
    /// From a question to its answer.
    to_answer: Box<[u8]>,
    /// From an answer to the next question.
    to_question: Box<[u8]>,
    /// From the last question to the body's end.
    after: Box<[u8]>,
}

impl Frame {
    /// Cuts a request of this endpoint into pieces.
    ///
    /// # Errors
    /// An API without messages.
    pub fn of(blueprint: &Blueprint) -> Result<Self, DialogueError> {
        let roles = [Role::User, Role::Assistant, Role::User];
        let messages = roles.into_iter().zip(MARKS);
        let request = ModelRequest {
            messages: messages.map(|(role, text)| Message::new(role, text)).collect(),
            ..ModelRequest::default()
        };
        let mut bytes = Vec::new();
        blueprint
            .push_request(&request, &mut bytes)
            .map_err(DialogueError::Request)?;
        let (head, rest) = cut(&bytes, "\r\n\r\n").ok_or(DialogueError::NoMessages)?;
        let length_at = memchr::memmem::rfind(head, b"content-length: ").ok_or(DialogueError::NoMessages)?;
        let (before, rest) = cut(rest, MARKS[0]).ok_or(DialogueError::NoMessages)?;
        let (to_answer, rest) = cut(rest, MARKS[1]).ok_or(DialogueError::NoMessages)?;
        let (to_question, after) = cut(rest, MARKS[2]).ok_or(DialogueError::NoMessages)?;
        // With an API of one text the pieces between are the blank lines between paragraphs.
        if !to_answer.starts_with(b"\"") || !to_question.starts_with(b"\"") {
            return Err(DialogueError::NoMessages);
        }
        let head = head.get(..length_at + b"content-length: ".len()).unwrap_or(head);
        Ok(Self {
            head: head.into(),
            before: before.into(),
            to_answer: to_answer.into(),
            to_question: to_question.into(),
            after: after.into(),
        })
    }

    /// Pieces that show in a history what stands where.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let piece = |text: &str| text.as_bytes().into();
        Self {
            head: piece("POST / HTTP/1.1\r\ncontent-length: "),
            before: piece("["),
            to_answer: piece("|"),
            to_question: piece("|"),
            after: piece("]"),
        }
    }

    /// Appends a whole request whose texts, with everything between them, are these.
    fn push(&self, history: &[u8], question: &[u8], out: &mut Vec<u8>) {
        let length = self.before.len() + history.len() + question.len() + self.after.len();
        out.extend_from_slice(&self.head);
        // Writing into a vector cannot fail.
        let _ = write!(out, "{length}\r\n\r\n");
        for piece in [&self.before, history, question, &self.after] {
            out.extend_from_slice(piece);
        }
    }
}

fn cut<'a>(bytes: &'a [u8], mark: &str) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(bytes, mark.as_bytes())?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

/// One turn of a conversation.
#[derive(Debug, Clone)]
pub struct Turn {
    /// What is asked.
    question: Box<[u8]>,
    /// Nanoseconds from the end of the answer before it; of no meaning for the first.
    think_ns: u64,
    /// An answer that goes into the history instead of the real one.
    made_answer: Option<Box<[u8]>>,
    frame: Arc<Frame>,
}

impl Turn {
    /// A turn that asks `question`, `think_ns` after the answer before it.
    #[must_use]
    pub fn new(frame: &Arc<Frame>, question: &str, think_ns: u64) -> Self {
        Self {
            question: json_text(question),
            think_ns,
            made_answer: None,
            frame: Arc::clone(frame),
        }
    }

    /// The same, but this text goes into the history in place of the real answer.
    #[must_use]
    pub fn with_made_answer(self, answer: &str) -> Self {
        Self {
            made_answer: Some(json_text(answer)),
            ..self
        }
    }

    /// Bytes of its texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.question.len() + self.made_answer.as_ref().map_or(0, |answer| answer.len())
    }
}

/// A text as it stands between the quotes of a JSON string.
fn json_text(text: &str) -> Box<[u8]> {
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .as_bytes()
        .get(1..quoted.len() - 1)
        .unwrap_or_default()
        .into()
}

/// Conversations by number, taken in turn. Their first turns are requests like any other; the loop asks for the others.
#[derive(Debug, Clone)]
pub struct Dialogues {
    scripts: Vec<Vec<Turn>>,
    needs_answers: bool,
}

impl Dialogues {
    /// These conversations, at least one, each of at least one turn; empty ones are left out, and turns beyond
    /// [`TURNS_MAX`] too.
    #[must_use]
    pub fn new(mut scripts: Vec<Vec<Turn>>) -> Self {
        scripts.retain(|script| !script.is_empty());
        for script in &mut scripts {
            script.truncate(TURNS_MAX);
        }
        let needs_answers = scripts.iter().flatten().any(|turn| turn.made_answer.is_none());
        Self {
            scripts,
            needs_answers,
        }
    }

    /// Whether real answers go into the history, so that their texts must be kept.
    pub(crate) const fn needs_answers(&self) -> bool {
        self.needs_answers
    }

    fn script(&self, number: u64) -> &[Turn] {
        let place = number.checked_rem(self.scripts.len() as u64).unwrap_or(0);
        let script = usize::try_from(place)
            .ok()
            .and_then(|place| self.scripts.get(place));
        script.map_or(&[], Vec::as_slice)
    }

    /// How many turns conversation `number` has.
    pub(crate) fn turns(&self, number: u64) -> usize {
        self.script(number).len()
    }

    /// How long is thought before turn `turn` (from 0) of a conversation.
    pub(crate) fn think_ns(&self, number: u64, turn: usize) -> u64 {
        self.script(number).get(turn).map_or(0, |turn| turn.think_ns)
    }

    /// The answer that goes into the history of turn `turn` where it is made up.
    pub(crate) fn made_answer(&self, number: u64, turn: usize) -> Option<&[u8]> {
        self.script(number).get(turn)?.made_answer.as_deref()
    }

    /// Puts a turn and its answer (between the quotes of a JSON string) at the end of a history.
    pub(crate) fn remember(&self, number: u64, turn: usize, answer: &[u8], history: &mut Vec<u8>) {
        let Some(turn) = self.script(number).get(turn) else {
            return;
        };
        for piece in [
            &turn.question,
            &turn.frame.to_answer,
            answer,
            &turn.frame.to_question,
        ] {
            history.extend_from_slice(piece);
        }
    }

    /// Appends the request of a turn with what came before it; which prompt it is.
    pub(crate) fn push_turn(&self, number: u64, turn: usize, history: &[u8], out: &mut Vec<u8>) -> u32 {
        if let Some(turn) = self.script(number).get(turn) {
            turn.frame.push(history, &turn.question, out);
        }
        u32::try_from(number % self.scripts.len().max(1) as u64).unwrap_or(u32::MAX)
    }
}

impl RequestSource for Dialogues {
    fn push_request(&self, number: u64, out: &mut Vec<u8>) -> u32 {
        self.push_turn(number, 0, &[], out)
    }

    fn dialogues(&self) -> Option<&Dialogues> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_provider::{Api, Endpoint, Limits, Pressure, RetryPolicy};
    use serde_json::{Value, json};

    fn blueprint(api: Api) -> Blueprint {
        Blueprint::try_new(&Endpoint {
            name: "t".to_owned(),
            api,
            base_url: "http://127.0.0.1:1/v1".to_owned(),
            model: "m".to_owned(),
            key: None,
            headers: Vec::new(),
            params: serde_json::Map::new(),
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            stream: true,
            extra_ca: None,
            pressure: Arc::new(Pressure::default()),
        })
        .unwrap()
    }

    /// The JSON of a request whose stated length is that of its body.
    fn body(request: &[u8]) -> Value {
        let text = std::str::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.ends_with(&format!("content-length: {}", body.len())),
            "{head}"
        );
        serde_json::from_str(body).unwrap()
    }

    /// Protects the wire: a turn asks what a whole request with its history would, in every API that has messages,
    /// whatever its texts.
    #[test]
    fn turns_hold_their_history() {
        let question = "why \"so\"?\n\u{1F600}";
        for api in [Api::Chat, Api::Messages, Api::Responses] {
            let blueprint = blueprint(api.clone());
            let frame = Arc::new(Frame::of(&blueprint).unwrap());
            let turn = || Turn::new(&frame, question, 0);
            let dialogues = Dialogues::new(vec![vec![turn(), turn(), turn()]]);
            let mut history = Vec::new();
            let mut messages = Vec::new();
            for turn in 0..3 {
                messages.push(Message::new(Role::User, question));
                let request = ModelRequest {
                    messages: messages.clone(),
                    ..ModelRequest::default()
                };
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                blueprint.push_request(&request, &mut expected).unwrap();
                assert_eq!(dialogues.push_turn(7, turn, &history, &mut found), 0);
                assert_eq!(body(&found), body(&expected), "{api:?} {turn}");
                dialogues.remember(7, turn, br"so\n", &mut history);
                messages.push(Message::new(Role::Assistant, "so\n"));
            }
            assert!(dialogues.needs_answers());
        }
    }

    /// Protects people from conversations with an API that has none.
    #[test]
    fn one_text_is_no_conversation() {
        for api in [Api::Completions, Api::Embeddings] {
            assert!(Frame::of(&blueprint(api)).is_err());
        }
    }

    /// Protects made-up answers, and the ends of what was made.
    #[test]
    fn scripts() {
        let frame = Arc::new(Frame::of(&blueprint(Api::Chat)).unwrap());
        let made = Turn::new(&frame, "a", 5).with_made_answer("b\"");
        assert_eq!(made.bytes(), 4);
        let dialogues = Dialogues::new(vec![vec![made.clone(), made], Vec::new()]);
        assert!(!dialogues.needs_answers());
        assert_eq!((dialogues.turns(3), dialogues.think_ns(3, 1)), (2, 5));
        assert_eq!(dialogues.made_answer(0, 1), Some(&br#"b\""#[..]));
        assert_eq!((dialogues.made_answer(0, 2), dialogues.think_ns(0, 2)), (None, 0));
        let mut request = Vec::new();
        dialogues.push_request(0, &mut request);
        assert_eq!(
            body(&request)["messages"],
            json!([{"role": "user", "content": "a"}])
        );
        assert_eq!(Dialogues::new(Vec::new()).turns(1), 0);
    }
}
