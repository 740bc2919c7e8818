//! What `seatrial doctor` looks at, one file for each place: the machine, the record, the targets. Apart from the command,
//! which only gathers and shows.

pub(crate) mod machine;
pub(crate) mod record;
pub(crate) mod targets;

use seatrial_types::ExitCode;
use serde::Serialize;

/// JSON Schema of what `doctor --json` writes.
pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// Works, but somebody should know.
    Warn,
    /// In the way of a run.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    /// What it is about: `machine`, `record`, or a target by its name.
    pub(crate) subject: String,
    /// Which check.
    pub(crate) name: &'static str,
    /// How it came out.
    pub(crate) status: Status,
    /// What was found; never a key.
    pub(crate) found: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// What the process exits with where it failed.
    #[serde(skip)]
    pub(crate) exit: ExitCode,
}

impl Check {
    pub(crate) fn ok(subject: &str, name: &'static str, found: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            name,
            status: Status::Ok,
            found: found.into(),
            hint: None,
            exit: ExitCode::Pass,
        }
    }

    pub(crate) fn warn(
        subject: &str,
        name: &'static str,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warn,
            hint: Some(hint.into()),
            ..Self::ok(subject, name, found)
        }
    }

    /// Something outside is in the way.
    pub(crate) fn fail(
        subject: &str,
        name: &'static str,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Fail,
            exit: ExitCode::Errors,
            ..Self::warn(subject, name, found, hint)
        }
    }

    /// Something in the suite or in the environment is in the way.
    pub(crate) fn misuse(
        subject: &str,
        name: &'static str,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            exit: ExitCode::Usage,
            ..Self::fail(subject, name, found, hint)
        }
    }

    /// A failure whose text may carry its own hint.
    pub(crate) fn fail_with(subject: &str, name: &'static str, text: &str, hint: &str) -> Self {
        let (found, own) = crate::wiring::split_hint(text);
        Self::fail(subject, name, found, own.unwrap_or_else(|| hint.to_owned()))
    }
}
