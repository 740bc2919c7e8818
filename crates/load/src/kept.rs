//! The text of one answer, kept while it comes. Apart from the meaning of events because hardly any load needs it: what
//! nobody keeps costs one comparison for each event.
//!
//! It is kept as JSON carries it, escapes and all: pieces of it put behind each other are again a JSON text, so that an
//! answer can become a part of the next question without being read and written again.

use serde_json::value::RawValue;
use std::borrow::Cow;

/// Most bytes of one answer that are kept.
pub(crate) const TEXT_BYTES_MAX: usize = 8 << 20;

/// The text that users see of one answer: neither reasoning nor arguments of tools.
#[derive(Debug, Default)]
pub(crate) struct KeptText {
    is_on: bool,
    is_cut: bool,
    raw: Vec<u8>,
}

impl KeptText {
    /// Keeps from now on what is put, or keeps nothing.
    pub(crate) const fn set(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Forgets the last answer.
    pub(crate) fn reset(&mut self) {
        self.raw.clear();
        self.is_cut = false;
    }

    /// Puts a piece without its quotes at the end; what does not fit is cut, and remembered to be.
    pub(crate) fn put(&mut self, piece: &[u8]) {
        if !self.is_on || self.is_cut {
            return;
        }
        if self.raw.len() + piece.len() > TEXT_BYTES_MAX {
            self.is_cut = true;
            return;
        }
        self.raw.extend_from_slice(piece);
    }

    /// Puts a JSON string with its quotes; anything else is no text.
    pub(crate) fn put_string(&mut self, json: &str) {
        if let Some(piece) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            self.put(piece.as_bytes());
        }
    }

    /// The whole text between the quotes of a JSON string; `None` where it was cut, or where what the server sent is no
    /// JSON.
    pub(crate) fn json(&self) -> Option<&[u8]> {
        if self.is_cut {
            return None;
        }
        let mut quoted = Vec::with_capacity(self.raw.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(&self.raw);
        quoted.push(b'"');
        serde_json::from_slice::<Cow<'_, str>>(&quoted)
            .is_ok()
            .then_some(&*self.raw)
    }
}

/// The texts of an answer that came in one piece, each as a JSON string; what the API does not document is no text.
pub(crate) mod document {
    use super::RawValue;
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub(crate) struct Choices<'a> {
        #[serde(borrow, default)]
        choices: Vec<Choice<'a>>,
    }

    #[derive(Deserialize)]
    struct Choice<'a> {
        #[serde(default)]
        index: Option<u64>,
        #[serde(borrow, default)]
        text: Option<&'a RawValue>,
        #[serde(borrow, default)]
        message: Option<Message<'a>>,
    }

    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        content: Option<&'a RawValue>,
    }

    /// A part of a list of parts: of Anthropic's `content`, or of what a response puts out.
    #[derive(Deserialize)]
    struct Piece<'a> {
        #[serde(borrow, rename = "type", default)]
        kind: Option<&'a str>,
        #[serde(borrow, default)]
        text: Option<&'a RawValue>,
        #[serde(borrow, default)]
        content: Option<Vec<Piece<'a>>>,
    }

    #[derive(Deserialize)]
    pub(crate) struct Pieces<'a> {
        #[serde(borrow, default)]
        content: Vec<Piece<'a>>,
        #[serde(borrow, default)]
        output: Vec<Piece<'a>>,
    }

    /// Of chat or legacy completions.
    pub(crate) fn of_choices(json: &[u8], mut put: impl FnMut(&str)) {
        let Ok(all) = serde_json::from_slice::<Choices<'_>>(json) else {
            return;
        };
        let first = all
            .choices
            .into_iter()
            .find(|choice| choice.index.unwrap_or(0) == 0);
        let text =
            first.and_then(|choice| choice.text.or(choice.message.and_then(|message| message.content)));
        if let Some(text) = text {
            put(text.get());
        }
    }

    /// Of Anthropic's messages or of OpenAI's responses.
    pub(crate) fn of_pieces(json: &[u8], mut put: impl FnMut(&str)) {
        let Ok(all) = serde_json::from_slice::<Pieces<'_>>(json) else {
            return;
        };
        let inner = all
            .output
            .into_iter()
            .filter(|piece| piece.kind == Some("message"))
            .flat_map(|piece| piece.content.unwrap_or_default());
        for piece in all.content.into_iter().chain(inner) {
            if matches!(piece.kind, Some("text" | "output_text"))
                && let Some(text) = piece.text
            {
                put(text.get());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the next question: pieces are put together exactly, and what is no JSON or was cut is no text.
    #[test]
    fn pieces_make_a_text() {
        let mut kept = KeptText::default();
        kept.put(b"lost");
        assert_eq!(kept.json(), Some(&b""[..]));
        kept.set(true);
        kept.put_string(r#""a\n""#);
        kept.put_string("null");
        // A character outside of the first plane, its halves in two events.
        kept.put(br"\ud83d");
        assert_eq!(kept.json(), None);
        kept.put(br"\ude00");
        assert_eq!(kept.json(), Some(&br"a\n\ud83d\ude00"[..]));
        kept.put(br"\x");
        assert_eq!(kept.json(), None);
        kept.reset();
        kept.put(&vec![b'a'; TEXT_BYTES_MAX]);
        assert!(kept.json().is_some());
        kept.put(b"a");
        assert_eq!(kept.json(), None);
    }

    /// Protects whole answers: the text is where each API puts it, and nothing else is text.
    #[test]
    fn documents_hold_texts() {
        let choices = |json: &str| {
            let mut all = String::new();
            document::of_choices(json.as_bytes(), |text| all.push_str(text));
            all
        };
        let pieces = |json: &str| {
            let mut all = String::new();
            document::of_pieces(json.as_bytes(), |text| all.push_str(text));
            all
        };
        let chat = r#"{"choices":[{"index":1,"message":{"content":"no"}},{"index":0,"message":{"content":"a\"b"}}]}"#;
        assert_eq!(choices(chat), r#""a\"b""#);
        assert_eq!(choices(r#"{"choices":[{"text":"x"}]}"#), r#""x""#);
        let messages = r#"{"content":[{"type":"thinking","text":"no"},{"type":"text","text":"x"},{"type":"text","text":"y"}]}"#;
        assert_eq!(pieces(messages), r#""x""y""#);
        let response = r#"{"output":[{"type":"reasoning","content":[{"type":"output_text","text":"no"}]},
            {"type":"message","content":[{"type":"output_text","text":"x"}]}]}"#;
        assert_eq!(pieces(response), r#""x""#);
        assert_eq!(pieces("nonsense"), "");
    }
}
