//! A text that must never be printed: an API key.

use std::fmt;

/// Text that neither `Debug` nor `Display` nor serialisation reveals.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced, for messages that a server sent back.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        /// Shorter keys would blank out ordinary words.
        const SHORTEST: usize = 6;
        if self.0.len() < SHORTEST {
            text.to_owned()
        } else {
            text.replace(&self.0, "[redacted]")
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects keys from logs and from error texts that a server echoes.
    #[test]
    fn never_shows_itself() {
        let key = Secret::new("sk-canary-123");
        assert_eq!(format!("{key:?}"), "[redacted]");
        assert_eq!(key.redact("bad key sk-canary-123!"), "bad key [redacted]!");
    }
}
