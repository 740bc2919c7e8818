//! The one error type of this crate: why a statistic has no value for the given input.
//!
//! Apart so that every module (and every caller that maps errors to text) shares it. A defined but
//! degenerate value (for instance the standard error of a single observation) is *not* an error: functions
//! say in their docs where they return `NaN` on purpose.

/// Why a statistic could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// Too few observations.
    #[error("`{what}` has {found} values, expected at least {needed}")]
    TooFew {
        /// The input that is too short.
        what: &'static str,
        /// How many values it has.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// More work than the function is willing to do.
    #[error("`{what}` is {found}, expected at most {limit}")]
    TooLarge {
        /// The input that is too large.
        what: &'static str,
        /// Its size.
        found: u64,
        /// The largest accepted size.
        limit: u64,
    },
    /// A parameter outside its range (`NaN` included).
    #[error("`{what}` is {found}, expected {expected}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// Its value.
        found: f64,
        /// The accepted range in words.
        expected: &'static str,
    },
    /// A `NaN` or an infinity in data.
    #[error("`{what}[{index}]` is {found}, expected a finite number")]
    NotFinite {
        /// The input.
        what: &'static str,
        /// Position of the first such value.
        index: usize,
        /// The value.
        found: f64,
    },
    /// Two inputs that must run in parallel do not.
    #[error("`{left}` has {left_len} values but `{right}` has {right_len}, expected as many")]
    LengthMismatch {
        /// First input.
        left: &'static str,
        /// Its length.
        left_len: usize,
        /// Second input.
        right: &'static str,
        /// Its length.
        right_len: usize,
    },
    /// The data are valid, yet the statistic is not defined on them.
    #[error("`{what}` is undefined: {why}")]
    Undefined {
        /// The statistic.
        what: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// An iteration did not reach its tolerance.
    #[error("`{what}` did not converge after {iterations} iterations")]
    NotConverged {
        /// The statistic.
        what: &'static str,
        /// Iterations done.
        iterations: usize,
    },
}

/// Checks that every value is finite.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<(), StatsError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(StatsError::NotFinite {
            what,
            index,
            found: values[index],
        }),
    }
}

/// Checks that there are at least `needed` values.
pub(crate) fn at_least(what: &'static str, found: usize, needed: usize) -> Result<(), StatsError> {
    if found < needed {
        return Err(StatsError::TooFew { what, found, needed });
    }
    Ok(())
}

/// Checks that two inputs have the same length.
pub(crate) fn same_length(
    left: &'static str,
    left_len: usize,
    right: &'static str,
    right_len: usize,
) -> Result<(), StatsError> {
    if left_len != right_len {
        return Err(StatsError::LengthMismatch {
            left,
            left_len,
            right,
            right_len,
        });
    }
    Ok(())
}

/// Checks that a probability-like parameter lies strictly between 0 and 1.
pub(crate) fn open_unit(what: &'static str, found: f64) -> Result<(), StatsError> {
    if found > 0.0 && found < 1.0 {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a number strictly between 0 and 1",
    })
}

/// Checks that a probability lies in [0, 1].
pub(crate) fn closed_unit(what: &'static str, found: f64) -> Result<(), StatsError> {
    if (0.0..=1.0).contains(&found) {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a number from 0 to 1",
    })
}

/// Checks that a parameter is finite and greater than 0.
pub(crate) fn positive(what: &'static str, found: f64) -> Result<(), StatsError> {
    if found > 0.0 && found.is_finite() {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a finite number greater than 0",
    })
}

/// Largest count that is taken as a real number: above it, whole numbers are no longer told apart.
pub(crate) const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

/// Checks that a (possibly effective, so real-valued) count is greater than 0 and at most 2^53.
pub(crate) fn positive_count(what: &'static str, found: f64) -> Result<(), StatsError> {
    if found > 0.0 && found <= COUNT_MAX {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a number greater than 0 and at most 2^53",
    })
}

/// Checks that a parameter is finite.
pub(crate) fn finite_scalar(what: &'static str, found: f64) -> Result<(), StatsError> {
    if found.is_finite() {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a finite number",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: an error text names what was found, where and what was expected.
    #[test]
    fn texts_say_where_and_what() {
        let error = finite("x", &[1.0, f64::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "`x[1]` is NaN, expected a finite number");
        let error = open_unit("confidence", 1.0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`confidence` is 1, expected a number strictly between 0 and 1"
        );
        assert!(open_unit("confidence", f64::NAN).is_err());
        assert_eq!(
            same_length("a", 2, "b", 3).unwrap_err().to_string(),
            "`a` has 2 values but `b` has 3, expected as many"
        );
    }
}
