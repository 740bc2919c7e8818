//! Ids of runs. Other ids (targets, tasks, cases) are the names that people gave.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Id of a run: `<UTC time>-<random>`, such as `20260131T120000-9f3a61`; sorts by start time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(String);

impl RunId {
    /// From a timestamp `YYYYMMDDTHHMMSS` and random bits.
    #[must_use]
    pub fn new(timestamp: &str, random: u32) -> Self {
        Self(format!("{timestamp}-{:06x}", random & 0x00ff_ffff))
    }

    /// From a text as a user or a database gives it.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
