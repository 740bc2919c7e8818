//! The last words of a program: the end of its standard error, bounded and fit for a message.

use super::STDERR_BYTES_KEPT;
use seatrial_types::Secret;
use std::collections::VecDeque;

/// Characters of last words in a message.
const SHOWN_CHARS_MAX: usize = 400;

/// The latest bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    /// Adds what was read and forgets what is older than the bound.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let piece = &piece[piece.len().saturating_sub(STDERR_BYTES_KEPT)..];
        let surplus = (self.bytes.len() + piece.len()).saturating_sub(STDERR_BYTES_KEPT);
        self.bytes.drain(..surplus);
        self.bytes.extend(piece);
    }

    /// The end of it as one line, without control characters and without secrets; empty where nothing was written.
    pub(super) fn shown(&self, secrets: &[(String, Secret)]) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        clean(&bytes, secrets)
    }
}

/// The end of a text as one line for a message, without control characters and without secrets.
pub(super) fn clean(bytes: &[u8], secrets: &[(String, Secret)]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for (_, secret) in secrets {
        text = secret.redact(&text);
    }
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    let surplus = line.chars().count().saturating_sub(SHOWN_CHARS_MAX);
    if surplus == 0 {
        return line;
    }
    let end: String = line.chars().skip(surplus).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects memory and messages: only the end is kept, secrets and control characters are not.
    #[test]
    fn keeps_the_end_and_no_secret() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(&[b'x'; 1000]);
        }
        assert_eq!(tail.bytes.len(), STDERR_BYTES_KEPT);
        tail.push(&vec![b'y'; 10 * STDERR_BYTES_KEPT]);
        assert_eq!(tail.bytes.len(), STDERR_BYTES_KEPT);
        tail.push(b"\nTraceback\x1b[31m: key is sk-canary-1\r\n  at line 3\xff");
        let secrets = [("KEY".to_owned(), Secret::new("sk-canary-1"))];
        let shown = tail.shown(&secrets);
        assert!(
            shown.ends_with("Traceback [31m: key is [redacted] at line 3\u{fffd}"),
            "{shown}"
        );
        assert!(shown.starts_with('…') && shown.chars().count() <= SHOWN_CHARS_MAX + 1);
        assert_eq!(Tail::default().shown(&secrets), "");
    }
}
