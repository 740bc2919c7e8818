//! A tokenizer from a file, in either form that people have: Hugging Face's `tokenizer.json`, or a vocabulary of
//! tiktoken's. Apart from what counts, so that nobody has to say which form a file has.

use crate::bpe::{Bpe, VocabularyError};
use crate::words::TokenCounter;
use std::io::{self, Read};
use std::sync::Arc;
use tokenizers::Tokenizer;

/// Most bytes of a tokenizer.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// What every tokenizer must be able to write; one that cannot has no way to say so while it counts.
const SAMPLE: &str = "Words, 12 numbers\n and signs: \u{e9}\u{4e2d}\u{1F600} \u{1}";

/// Why a file is no tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// It could not be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is too large.
    #[error("more than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// It begins as JSON, and is no `tokenizer.json`.
    #[error("begins as JSON, expected what Hugging Face calls tokenizer.json: {0}")]
    Json(String),
    /// It cannot write every text.
    #[error("cannot tokenize every text: {0}")]
    Sample(String),
    /// It is no vocabulary either.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
}

/// Reads a tokenizer: JSON is a `tokenizer.json`, anything else a vocabulary in tiktoken's form.
///
/// # Errors
/// A file that is neither, with the place where that shows.
pub fn read_tokenizer(input: impl Read) -> Result<Arc<dyn TokenCounter>, TokenizerError> {
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(TokenizerError::TooLarge);
    }
    let begin = bytes.trim_ascii_start().first();
    if begin != Some(&b'{') {
        return Ok(Arc::new(Bpe::read(bytes.as_slice())?));
    }
    let mut tokenizer =
        Tokenizer::from_bytes(&bytes).map_err(|error| TokenizerError::Json(error.to_string()))?;
    // A file may say how long training texts were; what is counted is the text as it is.
    tokenizer
        .with_truncation(None)
        .map_err(|error| TokenizerError::Json(error.to_string()))?;
    tokenizer.with_padding(None);
    tokenizer
        .encode_fast(SAMPLE, false)
        .map_err(|error| TokenizerError::Sample(error.to_string()))?;
    Ok(Arc::new(HuggingFace(tokenizer)))
}

struct HuggingFace(Tokenizer);

impl TokenCounter for HuggingFace {
    /// Without the special tokens that a template puts around a text. A text that the tokenizer refuses after all counts
    /// a token for each character.
    fn count(&self, text: &str) -> u64 {
        let tokens = self.0.encode_fast(text, false).map(|encoding| encoding.len());
        tokens.unwrap_or_else(|_| text.chars().count()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Byte-level BPE as GPT-2 does it, with two joined pairs; truncation and special tokens are there to be ignored.
    fn byte_level() -> Value {
        // GPT-2's names of bytes: printable ones are themselves, the others follow from 256 on.
        let is_plain = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let mut next = 256;
        let mut vocabulary = serde_json::Map::new();
        for byte in 0..=255u8 {
            let name = if is_plain(byte) {
                char::from(byte)
            } else {
                next += 1;
                char::from_u32(next - 1).unwrap()
            };
            vocabulary.insert(name.to_string(), json!(byte));
        }
        for (i, token) in ["th", "the"].into_iter().enumerate() {
            vocabulary.insert(token.to_owned(), json!(256 + i));
        }
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
            "padding": null,
            "added_tokens": [],
            "normalizer": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "post_processor": null,
            "decoder": null,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary,
                "merges": ["t h", "th e"]},
        })
    }

    /// Protects counts: joined pairs are one token, bytes one each, and the length of training texts cuts nothing.
    #[test]
    fn counts_by_tokenizer_json() {
        let counter = read_tokenizer(byte_level().to_string().as_bytes()).unwrap();
        for (text, tokens) in [
            ("the", 1),
            ("the the", 3),
            ("thx", 2),
            ("", 0),
            ("\u{e9}", 2),
            ("abcdefgh", 8),
        ] {
            assert_eq!(counter.count(text), tokens, "{text}");
        }
    }

    /// Protects people from files of another kind: each is said to be what it is not.
    #[test]
    fn other_files_are_refused() {
        let error = |bytes: &[u8]| read_tokenizer(bytes).err().unwrap().to_string();
        assert!(error(b"{\"a\": 1}").contains("tokenizer.json"));
        assert!(error(b"{").contains("tokenizer.json"));
        assert!(error(b"hello").contains("line 1"));
        assert!(error(b"").contains("256 single bytes"));
        let mut narrow = byte_level();
        narrow["model"] = json!({"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"});
        assert!(error(narrow.to_string().as_bytes()).contains("every text"));
    }
}
