//! JSON as Python writes it: `NaN`, `Infinity` and `-Infinity` stand where a number is expected. Apart because every
//! reader here needs it, and serde_json rightly refuses them.

use std::io::{BufRead, Read};

/// Passes bytes on and turns `NaN`, `Infinity` and `-Infinity` outside strings into `null`: unknown, never zero.
pub(crate) struct Tolerant<R> {
    inner: R,
    in_string: bool,
    escaped: bool,
    /// Bytes that were decided but not handed out yet.
    ready: Vec<u8>,
    at: usize,
    /// A word that may turn out to be one of the three.
    word: Vec<u8>,
}

const WORDS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
/// How much is looked at before some is handed out.
const CHUNK_BYTES: usize = 64 * 1024;

impl<R: BufRead> Tolerant<R> {
    pub(crate) const fn new(inner: R) -> Self {
        Self {
            inner,
            in_string: false,
            escaped: false,
            ready: Vec::new(),
            at: 0,
            word: Vec::new(),
        }
    }

    fn take(&mut self, byte: u8) {
        if self.in_string {
            self.ready.push(byte);
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.in_string = false;
            }
            return;
        }
        if !self.word.is_empty() || matches!(byte, b'N' | b'I' | b'-') {
            self.word.push(byte);
            if WORDS.contains(&self.word.as_slice()) {
                self.word.clear();
                self.ready.extend_from_slice(b"null");
            } else if !WORDS.iter().any(|word| word.starts_with(&self.word)) {
                let word = std::mem::take(&mut self.word);
                self.ready.extend_from_slice(&word);
                self.in_string = byte == b'"';
            }
            return;
        }
        self.in_string = byte == b'"';
        self.ready.push(byte);
    }

    fn refill(&mut self) -> std::io::Result<()> {
        self.ready.clear();
        self.at = 0;
        while self.ready.is_empty() {
            let available = self.inner.fill_buf()?;
            if available.is_empty() {
                self.ready = std::mem::take(&mut self.word);
                return Ok(());
            }
            let used = available.len().min(CHUNK_BYTES);
            let chunk = available.get(..used).unwrap_or_default().to_vec();
            self.inner.consume(used);
            chunk.into_iter().for_each(|byte| self.take(byte));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Tolerant<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at >= self.ready.len() {
            self.refill()?;
        }
        let waiting = self.ready.get(self.at..).unwrap_or_default();
        let used = waiting.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..used), waiting.get(..used)) {
            to.copy_from_slice(from);
        }
        self.at += used;
        Ok(used)
    }
}

/// Reads one value from bytes that may hold those words.
pub(crate) fn from_slice<'a, T: serde::Deserialize<'a>>(
    bytes: &'a [u8],
    scratch: &'a mut Vec<u8>,
) -> Result<T, serde_json::Error> {
    let suspicious = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    if !suspicious(b"NaN") && !suspicious(b"Infinity") {
        return serde_json::from_slice(bytes);
    }
    scratch.clear();
    // A slice cannot fail to be read.
    let _ = Tolerant::new(bytes).read_to_end(scratch);
    serde_json::from_slice(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(text: &str) -> String {
        let mut out = String::new();
        Tolerant::new(text.as_bytes()).read_to_string(&mut out).unwrap();
        out
    }

    /// Protects texts that merely contain the words, and numbers that merely start like them.
    #[test]
    fn words_become_null_outside_strings_only() {
        assert_eq!(
            read(r#"{"a":NaN,"b":[-Infinity,Infinity,-1],"NaN":"NaN \" NaN","c":-2.5}"#),
            r#"{"a":null,"b":[null,null,-1],"NaN":"NaN \" NaN","c":-2.5}"#
        );
        assert_eq!(read("-"), "-");
        assert_eq!(read("NaNa"), "nulla");
        let mut scratch = Vec::new();
        let value: Value = from_slice(br#"{"x": NaN, "y": "Infinity"}"#, &mut scratch).unwrap();
        assert_eq!(value, json!({"x": null, "y": "Infinity"}));
    }

    proptest! {
        /// Protects valid JSON: it passes unchanged.
        #[test]
        fn json_passes_unchanged(text in "[ -~\\n]{0,60}", number in -1e9..1e9_f64) {
            let json = json!({text.clone(): [text, number, null, true]}).to_string();
            prop_assert_eq!(read(&json), json);
        }
    }
}
