//! Cuts texts into tokens and makes filler. Apart because usage, length limits and the events of a stream must count
//! tokens in one and the same way.

/// Longest token in characters.
const TOKEN_CHARS_MAX: usize = 6;

/// Words without meaning; each is one token together with the space in front of it.
const FILLER: [&str; 24] = [
    "and", "then", "the", "case", "was", "noted", "with", "care", "so", "that", "each", "step", "can", "be",
    "seen", "again", "by", "those", "who", "ask", "for", "it", "later", "on",
];

/// Ends of the tokens of a text, in bytes; the last is the length of the text.
///
/// A token is the white space in front of it with up to six letters or digits, or with one other character: near what
/// the vocabularies of real models give for plain text, and cheap. Trailing white space belongs to the last token. An
/// empty text has no tokens.
pub(crate) fn token_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::with_capacity(text.len() / 4 + 1);
    let mut word_chars = 0;
    let mut is_open = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            if is_open {
                ends.push(at);
            }
            is_open = false;
            word_chars = 0;
            continue;
        }
        let continues = is_open && c.is_alphanumeric() && (1..TOKEN_CHARS_MAX).contains(&word_chars);
        if is_open && !continues {
            ends.push(at);
            word_chars = 0;
        }
        is_open = true;
        // A sign of its own cannot be continued: it leaves the count at zero.
        word_chars = if c.is_alphanumeric() { word_chars + 1 } else { 0 };
    }
    if is_open {
        ends.push(text.len());
    } else if let Some(last) = ends.last_mut() {
        *last = text.len();
    } else if !text.is_empty() {
        ends.push(text.len());
    }
    ends
}

/// Brings a text to exactly this many tokens: cut at a token, or filled up with words without meaning.
pub(crate) fn resize(text: &mut String, ends: &mut Vec<usize>, tokens: usize) {
    if tokens < ends.len() {
        ends.truncate(tokens);
        text.truncate(ends.last().copied().unwrap_or(0));
    }
    let missing = tokens - ends.len();
    for word in FILLER.iter().cycle().take(missing) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
        ends.push(text.len());
    }
}

/// Ends of the events of a stream: `per_event` tokens each.
pub(crate) fn group(ends: &[usize], per_event: usize) -> Vec<usize> {
    let per_event = per_event.max(1);
    let mut grouped: Vec<usize> = ends
        .iter()
        .skip(per_event - 1)
        .step_by(per_event)
        .copied()
        .collect();
    if let Some(&last) = ends.last()
        && grouped.last() != Some(&last)
    {
        grouped.push(last);
    }
    grouped
}

/// Ends of exactly `events` events: tokens spread evenly, characters where there are fewer tokens than events, and
/// events without text at the end where there are fewer characters.
pub(crate) fn spread(text: &str, ends: &[usize], events: usize) -> Vec<usize> {
    let by_char: Vec<usize>;
    let units = if ends.len() >= events {
        ends
    } else {
        by_char = text
            .char_indices()
            .skip(1)
            .map(|(at, _)| at)
            .chain(last_end(text))
            .collect();
        &by_char
    };
    let filled = units.len().min(events);
    let mut spread: Vec<usize> = (1..=filled)
        .filter_map(|event| units.get(event * units.len() / filled - 1).copied())
        .collect();
    spread.resize(events, text.len());
    spread
}

fn last_end(text: &str) -> Option<usize> {
    (!text.is_empty()).then_some(text.len())
}

/// Tokens of a prompt, estimated as a quarter of its bytes, rounded up: read on every request, so it looks at no text.
pub(crate) fn prompt_tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'a>(text: &'a str, ends: &[usize]) -> Vec<&'a str> {
        let mut start = 0;
        ends.iter()
            .map(|&end| &text[std::mem::replace(&mut start, end)..end])
            .collect()
    }

    /// Protects the answers: whatever the cut, the pieces put together are the text.
    #[test]
    fn tokens_cover_the_text() {
        for (text, expected) in [
            ("", vec![]),
            (" ", vec![" "]),
            ("refund", vec!["refund"]),
            ("  two words  ", vec!["  two", " words  "]),
            ("1,299.00 €", vec!["1", ",", "299", ".", "00", " €"]),
            ("extraordinary", vec!["extrao", "rdinar", "y"]),
            ("(a)b", vec!["(", "a", ")", "b"]),
            ("naïve 東京都庁舎前駅", vec!["naïve", " 東京都庁舎前", "駅"]),
        ] {
            assert_eq!(pieces(text, &token_ends(text)), expected, "{text:?}");
        }
    }

    /// Protects token counts under load: a length override gives exactly that many tokens, cut or filled.
    #[test]
    fn resized_to_the_token() {
        for tokens in [0, 1, 2, 7, 200] {
            let mut text = "please escalate this (now)".to_owned();
            let mut ends = token_ends(&text);
            resize(&mut text, &mut ends, tokens);
            assert_eq!(ends.len(), tokens);
            assert_eq!(token_ends(&text).len(), tokens, "{text}");
            assert_eq!(ends.last().copied().unwrap_or(0), text.len());
        }
    }

    /// Protects the number of events: as asked, whether the text has more or fewer tokens, and no text is lost.
    #[test]
    fn events_are_spread() {
        let text = "one two three four five";
        let ends = token_ends(text);
        assert_eq!(
            pieces(text, &group(&ends, 2)),
            ["one two", " three four", " five"]
        );
        assert_eq!(pieces(text, &group(&ends, 5)), [text]);
        assert_eq!(
            pieces(text, &spread(text, &ends, 2)),
            ["one two", " three four five"]
        );
        let short = "né!";
        let ends = token_ends(short);
        assert_eq!(pieces(short, &spread(short, &ends, 5)), ["n", "é", "!", "", ""]);
        assert_eq!(pieces("", &spread("", &[], 2)), ["", ""]);
        for events in 1..40 {
            let ends = token_ends(text);
            let spread = spread(text, &ends, events);
            assert_eq!(spread.len(), events);
            assert_eq!(pieces(text, &spread).concat(), text);
        }
    }
}
