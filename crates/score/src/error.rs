//! What can be wrong with the options of a scorer. Apart so that every part that reads options says it in one form.

/// Why a scorer cannot be built from what the suite says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScorerError {
    /// No scorer has this name.
    #[error("unknown scorer `{found}`, expected one of {expected}")]
    UnknownScorer {
        /// The name as written.
        found: String,
        /// All names.
        expected: String,
    },
    /// The scorer has no such option.
    #[error("scorer `{scorer}` has no option `{option}`; hint: it takes {expected}")]
    UnknownOption {
        /// Scorer.
        scorer: &'static str,
        /// The key as written.
        option: String,
        /// All options of the scorer.
        expected: String,
    },
    /// The scorer cannot work without this option.
    #[error("scorer `{scorer}` needs the option `{option}`, {expected}; hint: {hint}")]
    MissingOption {
        /// Scorer.
        scorer: &'static str,
        /// The missing key.
        option: &'static str,
        /// What it may be.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// The value of an option cannot be used.
    #[error("option `{option}` of scorer `{scorer}` is {found}, expected {expected}; hint: {hint}")]
    InvalidOption {
        /// Scorer.
        scorer: &'static str,
        /// The key, as it stands in the suite.
        option: &'static str,
        /// What was found, with the number of the step where the option is a list of steps.
        found: String,
        /// What it may be.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// A scorer inside another cannot be built.
    #[error("{source}")]
    Inside {
        /// Path of the option at fault below the outer scorer, such as `of/1/pattern`.
        option: String,
        /// What is wrong with the inner one.
        source: Box<ScorerError>,
    },
}

impl ScorerError {
    /// The option that is at fault, so that its place in the suite can be shown: a path such as `of/1/pattern` where
    /// it belongs to a scorer inside another; `None` for an unknown scorer.
    #[must_use]
    pub fn option(&self) -> Option<&str> {
        match self {
            Self::UnknownScorer { .. } => None,
            Self::UnknownOption { option, .. } | Self::Inside { option, .. } => Some(option),
            Self::MissingOption { option, .. } | Self::InvalidOption { option, .. } => Some(option),
        }
    }

    /// The same error of the scorer at this place in an option of another.
    pub(crate) fn inside(self, list: &str, index: usize) -> Self {
        let option = match self.option() {
            Some(option) => format!("{list}/{index}/{option}"),
            None => format!("{list}/{index}"),
        };
        self.at(option)
    }

    /// The same error, of what stands at this path below the scorer.
    pub(crate) fn at(self, option: String) -> Self {
        Self::Inside {
            option,
            source: Box::new(self),
        }
    }
}
