//! Prompts of a wanted length, out of plain words. Apart because length is in tokens and text is in words: how many tokens
//! a word is worth is calibrated, by a tokenizer or by what the server counted.
//!
//! The words are short, common and English: most vocabularies have each of them, with the blank before it, as one token.
//! Text follows from its name alone, so equal names are equal text, and different ones share no beginning.

use crate::draws::{Purpose, below, stream};

/// Words that text is made of.
const WORDS: [&str; 128] = [
    "time",
    "year",
    "people",
    "way",
    "day",
    "man",
    "thing",
    "woman",
    "life",
    "child",
    "world",
    "school",
    "state",
    "family",
    "group",
    "country",
    "problem",
    "hand",
    "part",
    "place",
    "case",
    "week",
    "company",
    "system",
    "program",
    "question",
    "work",
    "number",
    "night",
    "point",
    "home",
    "water",
    "room",
    "mother",
    "area",
    "money",
    "story",
    "fact",
    "month",
    "lot",
    "right",
    "study",
    "book",
    "eye",
    "job",
    "word",
    "business",
    "issue",
    "side",
    "kind",
    "head",
    "house",
    "service",
    "friend",
    "father",
    "power",
    "hour",
    "game",
    "line",
    "end",
    "member",
    "law",
    "car",
    "city",
    "community",
    "name",
    "president",
    "team",
    "minute",
    "idea",
    "kid",
    "body",
    "information",
    "back",
    "parent",
    "face",
    "others",
    "level",
    "office",
    "door",
    "health",
    "person",
    "art",
    "war",
    "history",
    "party",
    "result",
    "change",
    "morning",
    "reason",
    "research",
    "girl",
    "guy",
    "moment",
    "air",
    "teacher",
    "force",
    "education",
    "foot",
    "boy",
    "age",
    "policy",
    "music",
    "market",
    "sense",
    "nation",
    "plan",
    "college",
    "interest",
    "death",
    "experience",
    "effect",
    "use",
    "class",
    "control",
    "care",
    "field",
    "development",
    "role",
    "effort",
    "rate",
    "heart",
    "drug",
    "show",
    "leader",
    "light",
    "voice",
    "wife",
];
/// Words of one text.
const WORDS_MAX: u64 = 20_000_000;
/// Rounds in which a text is made longer or shorter until its tokens are as many as wanted.
const ROUNDS_MAX: u32 = 24;
/// A calibration may say that a word is worth this much at least and at most.
const TOKENS_PER_WORD_MIN: f64 = 0.2;
const TOKENS_PER_WORD_MAX: f64 = 20.0;

/// Counts tokens of a text.
pub trait TokenCounter: Send + Sync {
    /// How many tokens the text is.
    fn count(&self, text: &str) -> u64;
}

/// How many tokens words are worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Tokens to a word.
    pub tokens_per_word: f64,
    /// Tokens that come with any prompt, such as those of a chat template.
    pub overhead: f64,
}

impl Default for Calibration {
    /// One token to a word, nothing else.
    fn default() -> Self {
        Self {
            tokens_per_word: 1.0,
            overhead: 0.0,
        }
    }
}

impl Calibration {
    /// The line through what a server counted: pairs of words sent and input tokens told. With one length of prompts
    /// only, all tokens are laid to words. `None` without pairs.
    #[must_use]
    pub fn fit(pairs: &[(u64, u64)]) -> Option<Self> {
        let n = pairs.len() as f64;
        let words = pairs.iter().map(|pair| pair.0 as f64).sum::<f64>() / n;
        let tokens = pairs.iter().map(|pair| pair.1 as f64).sum::<f64>() / n;
        if pairs.is_empty() || words <= 0.0 || tokens <= 0.0 {
            return None;
        }
        let (mut xx, mut xy) = (0.0, 0.0);
        for &(w, t) in pairs {
            let x = w as f64 - words;
            xx += x * x;
            xy += x * (t as f64 - tokens);
        }
        let slope = if xx > 0.0 { xy / xx } else { tokens / words };
        let tokens_per_word = slope.clamp(TOKENS_PER_WORD_MIN, TOKENS_PER_WORD_MAX);
        Some(Self {
            tokens_per_word,
            overhead: (tokens - tokens_per_word * words).max(0.0),
        })
    }

    /// Words for a prompt of this many tokens, at least one.
    #[must_use]
    pub fn words(&self, tokens: u64) -> u64 {
        let words = ((tokens as f64 - self.overhead) / self.tokens_per_word).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and the number is clamped"
        )]
        let words = words.max(1.0) as u64;
        words.min(WORDS_MAX)
    }
}

/// The text of this name, of so many words. A longer text begins with the shorter one.
#[must_use]
pub fn text(seed: u64, name: u64, words: u64) -> String {
    let mut random = stream(seed, Purpose::Words, name);
    let mut text = String::new();
    for i in 0..words.min(WORDS_MAX) {
        if i > 0 {
            text.push(' ');
        }
        text.push_str(WORDS[below(WORDS.len() as u64, &mut random) as usize]);
    }
    text
}

/// The text of this name whose tokens come nearest to `tokens` by `counter`, and how many they are.
#[must_use]
pub fn text_of_tokens(seed: u64, name: u64, tokens: u64, counter: &dyn TokenCounter) -> (String, u64) {
    let mut words = tokens.clamp(1, WORDS_MAX);
    let mut best: Option<(String, u64)> = None;
    let distance = |found: u64| found.abs_diff(tokens);
    for _ in 0..ROUNDS_MAX {
        let candidate = text(seed, name, words);
        let found = counter.count(&candidate);
        let is_better = best
            .as_ref()
            .is_none_or(|(_, best)| distance(found) < distance(*best));
        if is_better {
            best = Some((candidate, found));
        } else {
            // Going back and forth around the wanted length.
            break;
        }
        if found == tokens {
            break;
        }
        // By ratio while far away, by single words when near.
        let ratio = tokens as f64 / found.max(1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and the number is clamped"
        )]
        let next = (words as f64 * ratio).round() as u64;
        let next = if next == words && found > tokens {
            words - 1
        } else if next == words {
            words + 1
        } else {
            next
        };
        words = next.clamp(1, WORDS_MAX);
    }
    best.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a token for every three letters begun, and two for the whole.
    struct Thirds;

    impl TokenCounter for Thirds {
        fn count(&self, text: &str) -> u64 {
            2 + text
                .split(' ')
                .map(|word| (word.len() as u64).div_ceil(3))
                .sum::<u64>()
        }
    }

    /// Protects: equal names are equal text, longer texts begin with shorter ones, other names begin otherwise.
    #[test]
    fn names() {
        assert_eq!(text(1, 5, 100), text(1, 5, 100));
        assert!(text(1, 5, 100).starts_with(&text(1, 5, 40)));
        let beginnings: std::collections::BTreeSet<String> = (0..200).map(|name| text(1, name, 4)).collect();
        assert!(beginnings.len() >= 199);
        assert_eq!(text(1, 1, 50).split(' ').count(), 50);
    }

    /// Protects: by a counter the length is met, or missed by less than a word.
    #[test]
    fn wanted_lengths() {
        for tokens in [5, 17, 100, 1_000] {
            for name in 0..20 {
                let (text, found) = text_of_tokens(3, name, tokens, &Thirds);
                assert_eq!(Thirds.count(&text), found);
                assert!(found.abs_diff(tokens) <= 4, "{tokens}: {found}");
            }
        }
    }

    /// Protects: the line through a server's counts is found; one length lays everything to words.
    #[test]
    fn calibration() {
        let pairs: Vec<(u64, u64)> = (1..20).map(|i| (i * 10, 8 + i * 13)).collect();
        let fitted = Calibration::fit(&pairs).unwrap();
        assert!((fitted.tokens_per_word - 1.3).abs() < 1e-9 && (fitted.overhead - 8.0).abs() < 1e-9);
        assert_eq!(fitted.words(138), 100);
        assert_eq!(fitted.words(0), 1);
        let flat = Calibration::fit(&[(10, 13), (10, 13)]).unwrap();
        assert_eq!((flat.words(26), flat.overhead), (20, 0.0));
        assert_eq!(Calibration::fit(&[]), None);
        assert_eq!(Calibration::fit(&[(0, 0)]), None);
        assert_eq!(Calibration::default().words(u64::MAX), WORDS_MAX);
    }
}
