//! Expected errors on their way to the screen: text, hint, exit code. One place maps every error of the lower floors.

use crate::wiring::split_hint;
use seatrial_types::ExitCode;
use std::fmt::Display;

/// An error with everything that the user needs.
#[derive(Debug)]
pub(crate) struct CliError {
    /// What happened, in as many lines as it needs; lower case, without a full stop.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// How the program ends.
    pub(crate) exit: ExitCode,
    /// Whether `message` is already laid out for people and gets no prefix.
    pub(crate) is_rendered: bool,
}

impl CliError {
    /// A mistake in the command line, a file or the environment.
    ///
    /// Errors of lower floors carry their hint behind `; hint: `: it becomes the hint here, so that it stands on a line
    /// of its own and gives way to one that knows the command better.
    pub(crate) fn usage(message: impl Display) -> Self {
        let (message, hint) = split_hint(&message.to_string());
        Self {
            message,
            hint,
            exit: ExitCode::Usage,
            is_rendered: false,
        }
    }

    /// Something outside failed: disk, network, operating system.
    pub(crate) fn infrastructure(message: impl Display) -> Self {
        Self {
            exit: ExitCode::Errors,
            ..Self::usage(message)
        }
    }

    /// Diagnostics of a suite, laid out with snippets.
    pub(crate) fn rendered(message: String) -> Self {
        Self {
            message,
            hint: None,
            exit: ExitCode::Usage,
            is_rendered: true,
        }
    }

    /// The same with a hint, in place of one that it had.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::CliError;

    /// Protects the last line of an error: a missing record once told two hints, one of them inside the message.
    #[test]
    fn a_hint_of_a_lower_floor_is_told_once() {
        let error = CliError::usage("no record; hint: make a run");
        assert_eq!(error.message, "no record");
        assert_eq!(error.hint.as_deref(), Some("make a run"));
        let error = error.hint("seatrial run SUITE");
        assert_eq!(error.hint.as_deref(), Some("seatrial run SUITE"));
    }
}
