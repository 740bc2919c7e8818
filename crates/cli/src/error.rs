//! Expected errors on their way to the screen: text, hint, exit code. One place maps every error of the lower floors.

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
    pub(crate) fn usage(message: impl Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
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
            is_rendered: true,
            ..Self::usage(message)
        }
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}
