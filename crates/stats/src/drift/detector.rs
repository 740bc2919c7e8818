//! What all change detectors have in common.

use crate::error::StatsError;

/// What a detector says after a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Nothing.
    Quiet,
    /// Something may be about to change.
    Warning,
    /// A change.
    Drift,
}

/// A change detector: parameters, a state, and a step from one state to the next.
///
/// ```
/// use seatrial_stats::drift::{CusumChart, Detector, Signal};
/// let chart = CusumChart { mu0: 0.0, sigma: 1.0, k: 0.5, h: 4.0 };
/// let mut state = chart.start()?;
/// let mut alarms = chart.run(&mut state, &[0.1, -0.2, 3.0])?;
/// alarms.extend(chart.run(&mut state, &[2.5, 2.5])?);
/// assert_eq!(alarms, [(3, Signal::Drift), (4, Signal::Drift)]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub trait Detector {
    /// What is remembered between values.
    type State: Clone + PartialEq + std::fmt::Debug;

    /// The state before the first value.
    ///
    /// # Errors
    /// Parameters outside their ranges.
    fn start(&self) -> Result<Self::State, StatsError>;

    /// Takes one value. On an error the state is unchanged.
    ///
    /// # Errors
    /// A value that the detector cannot take: `NaN`, beyond ±1e140 (infinities included), outside its range.
    fn step(&self, state: &mut Self::State, x: f64) -> Result<Signal, StatsError>;

    /// How many values the state has seen since the stream began.
    fn seen(&self, state: &Self::State) -> u64;

    /// Takes many values; returns every signal that is not quiet with the position of its value in the stream
    /// (0-based, counted from the first value the state ever saw).
    ///
    /// # Errors
    /// As [`step`](Self::step); the values before the bad one have been taken.
    fn run(&self, state: &mut Self::State, values: &[f64]) -> Result<Vec<(u64, Signal)>, StatsError> {
        let mut signals = Vec::new();
        for &x in values {
            let position = self.seen(state);
            let signal = self.step(state, x)?;
            if signal != Signal::Quiet {
                signals.push((position, signal));
            }
        }
        Ok(signals)
    }
}

/// Values and targets beyond this size are refused: sums of their squares would not fit.
const VALUE_MAX: f64 = 1e140;

/// Checks a value of a stream.
pub(super) fn finite_value(x: f64, seen: u64) -> Result<(), StatsError> {
    if !x.is_finite() {
        return Err(StatsError::NotFinite {
            what: "x",
            index: usize::try_from(seen).unwrap_or(usize::MAX),
            found: x,
        });
    }
    moderate("x", x)
}

/// Checks that a number is not beyond what detectors can add up.
pub(super) fn moderate(what: &'static str, found: f64) -> Result<(), StatsError> {
    if found.abs() <= VALUE_MAX {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a number between -1e140 and 1e140",
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Checks that feeding in two parts, with the state stored in between, equals feeding at once.
    pub(in crate::drift) fn parts_equal_whole<D: Detector>(detector: &D, values: &[f64], cut: usize) {
        let (first, second) = values.split_at(cut.min(values.len()));
        let mut whole = detector.start().unwrap();
        let at_once = detector.run(&mut whole, values).unwrap();
        let mut parts = detector.start().unwrap();
        let mut in_parts = detector.run(&mut parts, first).unwrap();
        let mut stored = parts.clone();
        in_parts.extend(detector.run(&mut stored, second).unwrap());
        assert_eq!(at_once, in_parts);
        assert_eq!(whole, stored);
        assert_eq!(detector.seen(&whole), values.len() as u64);
    }

    /// Checks that a bad value is an error that leaves the state alone.
    pub(in crate::drift) fn bad_value_changes_nothing<D: Detector>(detector: &D, bad: f64) {
        let mut state = detector.start().unwrap();
        detector.step(&mut state, 0.0).unwrap();
        let before = state.clone();
        assert!(detector.step(&mut state, bad).is_err());
        assert_eq!(state, before);
    }
}
