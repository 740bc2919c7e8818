//! Tokens of a text by a vocabulary in tiktoken's form: lines of a base64 token and its rank. Apart because the format
//! says only which pairs of bytes are joined and in which order; how text is cut into words before that is known by the
//! encoding's name.
//!
//! Own code, because the crates for it carry several megabytes of vocabularies inside, and what is needed is a count.

use crate::words::TokenCounter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fancy_regex::Regex;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// Tokens of a vocabulary.
const TOKENS_MAX: usize = 2_000_000;
/// Bytes of a line.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Bytes of a word that are joined pair by pair; a longer one is cut, so that the time for a text grows with its length.
const WORD_BYTES_MAX: usize = 1_024;

/// How text is cut into words before bytes are joined.
const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Why a vocabulary cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// A line that is no token with its rank.
    #[error("line {line}: found {found}, expected a token in base64 and its rank")]
    Line {
        /// Line, from 1.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// Reading failed.
    #[error("line {line}: reading failed: {source}")]
    Read {
        /// Line, from 1.
        line: usize,
        /// Why.
        source: io::Error,
    },
    /// A vocabulary that cannot write every text.
    #[error("the vocabulary has {found} of the 256 single bytes, expected all of them")]
    Bytes {
        /// How many it has.
        found: usize,
    },
    /// More tokens than anybody has.
    #[error("more than {TOKENS_MAX} tokens")]
    TooMany,
    /// The pattern does not compile.
    #[error("the pattern of words cannot be used: {0}")]
    Pattern(#[from] Box<fancy_regex::Error>),
}

/// A vocabulary.
#[derive(Debug)]
pub struct Bpe {
    ranks: HashMap<Box<[u8]>, u32>,
    words: Regex,
}

impl Bpe {
    /// Reads a vocabulary. Words are cut as `o200k_base` does if it has more than 150,000 tokens, otherwise as
    /// `cl100k_base` does.
    ///
    /// # Errors
    /// The first line that is none; a vocabulary without all single bytes.
    pub fn read(mut input: impl BufRead) -> Result<Self, VocabularyError> {
        let mut ranks = HashMap::new();
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let mut bounded = Read::take(&mut input, LINE_BYTES_MAX);
            let read = bounded
                .read_until(b'\n', &mut text)
                .map_err(|source| VocabularyError::Read { line, source })?;
            if read == 0 {
                break;
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let (token, rank) = entry(&text).ok_or_else(|| VocabularyError::Line {
                line,
                found: format!(
                    "`{}`",
                    String::from_utf8_lossy(&text)
                        .trim()
                        .chars()
                        .take(60)
                        .collect::<String>()
                ),
            })?;
            if ranks.len() >= TOKENS_MAX {
                return Err(VocabularyError::TooMany);
            }
            ranks.insert(token.into_boxed_slice(), rank);
        }
        let found = (0..=255u8)
            .filter(|byte| ranks.contains_key(&[*byte][..]))
            .count();
        if found < 256 {
            return Err(VocabularyError::Bytes { found });
        }
        let pattern = if ranks.len() > 150_000 { O200K } else { CL100K };
        Ok(Self {
            ranks,
            words: Regex::new(pattern).map_err(Box::new)?,
        })
    }

    /// Tokens that the bytes of one word are joined to: always the neighbours with the lowest rank first.
    fn tokens_of_word(&self, word: &[u8]) -> u64 {
        if self.ranks.contains_key(word) {
            return 1;
        }
        // Where parts begin; the last one is the end.
        let mut begins: Vec<usize> = (0..=word.len()).collect();
        loop {
            let best = begins
                .windows(3)
                .enumerate()
                .filter_map(|(i, edge)| Some((*self.ranks.get(&word[edge[0]..edge[2]])?, i)))
                .min();
            match best {
                Some((_, i)) => {
                    begins.remove(i + 1);
                }
                None => return (begins.len() - 1) as u64,
            }
        }
    }
}

fn entry(line: &[u8]) -> Option<(Vec<u8>, u32)> {
    let text = std::str::from_utf8(line).ok()?.trim();
    let (token, rank) = text.split_once(' ')?;
    let token = STANDARD.decode(token).ok().filter(|token| !token.is_empty())?;
    Some((token, rank.trim().parse().ok()?))
}

impl TokenCounter for Bpe {
    fn count(&self, text: &str) -> u64 {
        // A pattern that gives up on a text leaves the rest of it as one word.
        let mut end = 0;
        let mut tokens = 0;
        let mut add = |word: &str| {
            for part in word.as_bytes().chunks(WORD_BYTES_MAX) {
                tokens += self.tokens_of_word(part);
            }
        };
        for found in self.words.find_iter(text).map_while(Result::ok) {
            add(&text[end..found.start()]);
            add(found.as_str());
            end = found.end();
        }
        add(&text[end..]);
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::text_of_tokens;
    use proptest::prelude::*;

    /// All bytes, then joined ones in this order.
    fn vocabulary(joined: &[&str]) -> Bpe {
        let bytes = (0..=255u8).map(|byte| vec![byte]);
        let tokens = bytes.chain(joined.iter().map(|token| token.as_bytes().to_vec()));
        let lines: String = tokens
            .enumerate()
            .map(|(rank, token)| format!("{} {rank}\n", STANDARD.encode(token)))
            .collect();
        Bpe::read(lines.as_bytes()).unwrap()
    }

    /// Protects: pairs are joined by rank, not from the left; words are cut before they are joined; by hand.
    #[test]
    fn by_hand() {
        let bpe = vocabulary(&["bc", "ab", "abc", " a", "the", " the", "th"]);
        // b and c are joined first, then a with bc.
        assert_eq!(bpe.count("abc"), 1);
        assert_eq!(bpe.count("abcd"), 2);
        assert_eq!(bpe.count("abb"), 2);
        assert_eq!(bpe.count("the the"), 2);
        // t and h, then e: a stays alone.
        assert_eq!(bpe.count("athe"), 2);
        assert_eq!(bpe.count(""), 0);
        // Three digits to a word, each byte a token; é is two bytes.
        assert_eq!(bpe.count("1234"), 4);
        assert_eq!(bpe.count("é"), 2);
    }

    /// Protects: a prompt of a wanted length has it by the vocabulary.
    #[test]
    fn wanted_length() {
        let bpe = vocabulary(&["ti", "me", " w", "or", "ld", "ar", "er", "in", "an"]);
        let (text, found) = text_of_tokens(1, 1, 300, &bpe);
        assert_eq!(bpe.count(&text), found);
        assert!(found.abs_diff(300) <= 12, "{found}");
    }

    /// Protects: what is wrong with a vocabulary is told with its line.
    #[test]
    fn errors() {
        let text = |text: &str| Bpe::read(text.as_bytes()).unwrap_err().to_string();
        assert!(text("IQ== 0\nnot a token\n").starts_with("line 2: found `not a token`"));
        assert!(text("IQ== x\n").starts_with("line 1"));
        assert!(text("IQ== 0\n").contains("1 of the 256"));
        assert!(text("").contains("0 of the 256"));
    }

    proptest! {
        /// Protects: any text is counted without a panic, with at most a token for each byte.
        #[test]
        fn any_text(text in ".{0,80}") {
            let tokens = vocabulary(&["ab"]).count(&text);
            prop_assert!(tokens <= text.len() as u64 && (tokens == 0) == text.is_empty());
        }
    }
}
