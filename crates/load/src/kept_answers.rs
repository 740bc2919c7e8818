//! Answers that are kept so that they can be judged when the run is over. Apart from the records of requests, which are
//! small and always there: bodies are large, wanted by few runs, and bounded together.
//!
//! A body is kept as it came, without its framing and compression, because reading it is the provider's business: the
//! same code reads the answers of an evaluation, so that quality under load is the same number.

use crate::dialogue::Dialogues;
use crate::target::RequestSource;
use std::sync::Arc;

/// Most bytes of kept bodies, over all loops. Requests beyond it are measured all the same; only their answers are not
/// there, and they are counted.
pub const ANSWERS_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of one answer that is kept.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Requests whose answers are kept.
pub struct KeepingAnswers {
    /// What is asked.
    pub requests: Arc<dyn RequestSource>,
    /// Most bytes of answers.
    pub bytes_max: u64,
}

impl RequestSource for KeepingAnswers {
    fn push_request(&self, number: u64, out: &mut Vec<u8>) -> u32 {
        self.requests.push_request(number, out)
    }

    fn answers_bytes_max(&self) -> u64 {
        self.bytes_max
    }

    fn dialogues(&self) -> Option<&Dialogues> {
        self.requests.dialogues()
    }
}

/// The body of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Index of its request in the requests of its loop.
    pub request: usize,
    /// Everything in it, decompressed.
    pub body: Box<[u8]>,
}

/// The answers that one loop kept: whole ones, of measurement, in the order in which they ended.
#[derive(Debug, Clone, Default)]
pub struct KeptAnswers {
    answers: Vec<KeptAnswer>,
    bytes: u64,
    bytes_max: u64,
    /// Answers that did not fit.
    left_out: u64,
}

impl KeptAnswers {
    /// None yet, and room for so many bytes.
    #[must_use]
    pub const fn with_limit(bytes_max: u64) -> Self {
        Self {
            answers: Vec::new(),
            bytes: 0,
            bytes_max,
            left_out: 0,
        }
    }

    /// Whether any are wanted.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.bytes_max > 0
    }

    /// Puts an answer; `None` is one that was too long by itself.
    pub fn push(&mut self, request: usize, body: Option<&[u8]>) {
        let fits = |body: &&[u8]| self.bytes.saturating_add(body.len() as u64) <= self.bytes_max;
        match body.filter(fits) {
            Some(body) => {
                self.bytes += body.len() as u64;
                self.answers.push(KeptAnswer {
                    request,
                    body: body.into(),
                });
            }
            None => self.left_out += 1,
        }
    }

    /// The answers.
    #[must_use]
    pub fn answers(&self) -> &[KeptAnswer] {
        &self.answers
    }

    /// How many whole answers of measurement did not fit.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// The body of the answer that a connection reads just now.
#[derive(Debug, Default)]
pub(crate) struct BodyTap {
    is_on: bool,
    is_overfull: bool,
    body: Vec<u8>,
}

impl BodyTap {
    /// For the next answer: whether its body is wanted.
    pub(crate) fn begin(&mut self, is_on: bool) {
        self.is_on = is_on;
        self.is_overfull = false;
        self.body.clear();
    }

    /// Takes a piece, where it is wanted.
    pub(crate) fn take(&mut self, piece: &[u8]) {
        if !self.is_on {
            return;
        }
        if self.body.len() + piece.len() > ANSWER_BYTES_MAX {
            self.is_overfull = true;
        } else {
            self.body.extend_from_slice(piece);
        }
    }

    /// What came; `None` where it was too much.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        (!self.is_overfull).then_some(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the bound on memory: what does not fit is counted, what is there stays, and smaller ones still go in.
    #[test]
    fn a_full_store_counts() {
        let mut kept = KeptAnswers::with_limit(6);
        kept.push(0, Some(b"1234"));
        kept.push(1, Some(b"567"));
        kept.push(2, None);
        kept.push(3, Some(b"56"));
        let requests: Vec<usize> = kept.answers().iter().map(|answer| answer.request).collect();
        assert_eq!((requests.as_slice(), kept.left_out()), ([0, 3].as_slice(), 2));
        assert!(!KeptAnswers::default().is_wanted());
    }

    /// Protects the bound on one answer, and that nothing of the last one is left in the next.
    #[test]
    fn a_tap_is_bounded() {
        let mut tap = BodyTap::default();
        tap.begin(true);
        tap.take(&vec![b'x'; ANSWER_BYTES_MAX]);
        assert_eq!(tap.body().map(<[u8]>::len), Some(ANSWER_BYTES_MAX));
        tap.take(b"y");
        assert_eq!(tap.body(), None);
        tap.begin(true);
        tap.take(b"z");
        assert_eq!(tap.body(), Some(b"z".as_slice()));
        tap.begin(false);
        tap.take(b"z");
        assert_eq!(tap.body(), Some(b"".as_slice()));
    }
}
