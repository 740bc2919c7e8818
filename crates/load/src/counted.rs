//! Tokens of answers by their texts, when the run is over. Apart from measuring because it takes time that nobody has
//! then, and from the rule of counting, which takes what is found here.

use crate::metrics::TokenRule;
use crate::record::{Outcome, RequestRecord};
use crate::session::RunResult;
use crate::words::TokenCounter;

/// Most bytes of answers that are kept for counting, over all loops.
pub const COUNTED_ANSWERS_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of text that are counted one by one; the rest is counted by bytes to a token.
const TEXT_BYTES_MAX: u64 = 16 << 20;
/// Answers with usage that are counted all the same, to tell how far both ways of counting are apart.
const COMPARED_MAX: u32 = 500;

/// Counts the tokens of answers that were kept, each in its record, and how many bytes a token has for those that were
/// not. `text` reads what a body says to users; `None` where it says nothing.
pub fn count_answers(
    result: &mut RunResult,
    counter: &dyn TokenCounter,
    text: impl Fn(&RequestRecord, &[u8]) -> Option<String>,
) {
    let (mut read_bytes, mut compared) = (0, 0);
    let (mut bytes, mut tokens) = (0, 0);
    for (worker, kept) in result.recording.workers.iter_mut().zip(&result.answers) {
        for answer in kept.answers() {
            let Some(request) = worker.requests.get_mut(answer.request) else {
                continue;
            };
            let has_usage = request.tokens_out.is_some();
            if read_bytes > TEXT_BYTES_MAX || (has_usage && compared >= COMPARED_MAX) || !is_read(request) {
                continue;
            }
            let Some(text) = text(request, &answer.body) else {
                continue;
            };
            compared += u32::from(has_usage);
            read_bytes += text.len() as u64;
            let found = counter.count(&text);
            request.tokens_counted = Some(u32::try_from(found).unwrap_or(u32::MAX));
            // An answer in one piece does not tell the bytes of its text.
            if request.text_bytes > 0 {
                bytes += request.text_bytes;
                tokens += found;
            }
        }
    }
    result.tokens = TokenRule {
        bytes_per_token: (tokens > 0 && bytes > 0).then(|| ratio(bytes, tokens)),
    };
}

/// Whether all that the model wrote is for users: tokens of reasoning are in no text.
fn is_read(request: &RequestRecord) -> bool {
    request.outcome == Outcome::Ok && request.first_token_ns == request.first_answer_token_ns
}

#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn ratio(bytes: u64, tokens: u64) -> f64 {
    bytes as f64 / tokens as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept_answers::KeptAnswers;
    use crate::metrics::TokenSource;
    use crate::record::WorkerRecording;

    /// A token for every two bytes.
    struct Pairs;

    impl TokenCounter for Pairs {
        fn count(&self, text: &str) -> u64 {
            text.len() as u64 / 2
        }
    }

    fn record(tokens_out: Option<u64>, text_bytes: u64, is_reasoned: bool) -> RequestRecord {
        RequestRecord {
            outcome: Outcome::Ok,
            events: 3,
            tokens_out,
            text_bytes,
            first_token_ns: Some(1),
            first_answer_token_ns: Some(if is_reasoned { 2 } else { 1 }),
            ..RequestRecord::default()
        }
    }

    /// Protects the order of counting: usage, the text itself, bytes where the text was not kept or not all of it, events;
    /// each in its own place.
    #[test]
    fn texts_are_counted_where_they_are() {
        let mut kept = KeptAnswers::with_limit(1_000);
        for (request, body) in [(0, "abcd"), (1, "abcdef"), (2, "abcdefgh"), (3, "ab")] {
            kept.push(request, Some(body.as_bytes()));
        }
        let requests = vec![
            record(Some(9), 4, false),
            record(None, 8, false),
            record(None, 12, true),
            record(None, 0, false),
            record(None, 24, false),
        ];
        let mut result = RunResult::default();
        result.recording.workers = vec![WorkerRecording {
            requests,
            ..WorkerRecording::default()
        }];
        result.answers = vec![kept];
        count_answers(&mut result, &Pairs, |_, body| {
            String::from_utf8(body.to_vec()).ok()
        });
        let rule = result.tokens;
        assert_eq!(rule.bytes_per_token, Some(12.0 / 5.0));
        let requests = &result.recording.workers[0].requests;
        let counted: Vec<Option<u32>> = requests.iter().map(|request| request.tokens_counted).collect();
        assert_eq!(counted, [Some(2), Some(3), None, Some(1), None]);
        let told: Vec<(f64, TokenSource)> = requests
            .iter()
            .map(|request| rule.count(request).unwrap())
            .collect();
        assert_eq!(
            told,
            [
                (9.0, TokenSource::Usage),
                (3.0, TokenSource::Tokenizer),
                (5.0, TokenSource::Tokenizer),
                (1.0, TokenSource::Tokenizer),
                (10.0, TokenSource::Tokenizer),
            ]
        );
    }

    /// Protects runs of nothing: no answers, no rule.
    #[test]
    fn nothing_is_no_rule() {
        let mut result = RunResult::default();
        count_answers(&mut result, &Pairs, |_, _| None);
        assert_eq!(result.tokens, TokenRule::default());
    }
}
