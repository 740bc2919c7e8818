//! How talkative the process is, set once from the command line, and how a note becomes a line on standard error.
//! Apart from the writing, because every command speaks through it and none has to know the flags.

use serde_json::json;
use std::sync::OnceLock;

static VOICE: OnceLock<Voice> = OnceLock::new();

/// What `--quiet`, `--verbose` and `--log` ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Voice {
    /// Only what went wrong, and the verdict.
    pub(crate) is_quiet: bool,
    /// Details too.
    pub(crate) is_verbose: bool,
    /// Lines on standard error are JSON objects.
    pub(crate) is_json: bool,
}

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Said with `--verbose` alone.
    Debug,
    /// Said unless `--quiet`.
    Info,
    /// Always said.
    Error,
}

impl Level {
    /// The word of a log line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

/// Sets the voice of the process; the first word holds.
pub(crate) fn set(voice: Voice) {
    let _ = VOICE.set(voice);
}

/// The voice of the process.
pub(crate) fn voice() -> Voice {
    VOICE.get().copied().unwrap_or_default()
}

impl Voice {
    /// Whether notes of this level are said.
    pub(crate) const fn says(self, level: Level) -> bool {
        match level {
            Level::Debug => self.is_verbose,
            Level::Info => !self.is_quiet,
            Level::Error => true,
        }
    }

    /// A note as it is written: as it is, or as a JSON object a line with the time, which is RFC 3339.
    pub(crate) fn line(self, level: Level, text: &str, time: &str) -> String {
        if self.is_json {
            let message = text.trim();
            let object = json!({"time": time, "level": level.as_str(), "message": message});
            format!("{object}\n")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects readers of logs: one JSON object a line whatever the note holds; and what each flag keeps silent.
    #[test]
    fn notes_are_lines() {
        let json = Voice {
            is_json: true,
            ..Voice::default()
        };
        let line = json.line(
            Level::Info,
            "\nstopping: \"soon\"\nor not\n",
            "2026-01-01T00:00:00Z",
        );
        assert_eq!(
            line,
            "{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"info\",\"message\":\"stopping: \\\"soon\\\"\\nor not\"}\n"
        );
        assert_eq!(Voice::default().line(Level::Info, "as it is\n", ""), "as it is\n");
        let quiet = Voice {
            is_quiet: true,
            ..Voice::default()
        };
        let said = [Level::Debug, Level::Info, Level::Error].map(|level| quiet.says(level));
        assert_eq!(said, [false, false, true]);
        let said = [Level::Debug, Level::Info].map(|level| Voice::default().says(level));
        assert_eq!(said, [false, true]);
    }
}
