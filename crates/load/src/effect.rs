//! How much better or worse one thing is than another, how sure that is, and what it means where a margin was given. Apart
//! because paired blocks and two saved runs come to their uncertainty in different ways and are judged in one.

use crate::figure::{Figure, Margin};
use seatrial_stats::dist::{t_isf, t_sf};
use seatrial_stats::multiplicity::{Correction, adjust};

/// Chance with which the difference that is told as visible would be seen.
const POWER: f64 = 0.8;

/// An estimate on a scale where its error is Student's t, with an error of its own to each side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The estimate.
    pub value: f64,
    /// Standard error downwards; infinite where nothing bounds it.
    pub down: f64,
    /// Standard error upwards; infinite where nothing bounds it.
    pub up: f64,
    /// Degrees of freedom.
    pub df: f64,
}

impl Effect {
    /// Lower end of the two-sided interval; `None` where there is none.
    #[must_use]
    pub fn low(&self, level: f64) -> Option<f64> {
        let low = self.value - t_isf(0.5 * (1.0 - level), self.df) * self.down;
        low.is_finite().then_some(low)
    }

    /// Upper end of the two-sided interval; `None` where there is none.
    #[must_use]
    pub fn high(&self, level: f64) -> Option<f64> {
        let high = self.value + t_isf(0.5 * (1.0 - level), self.df) * self.up;
        high.is_finite().then_some(high)
    }

    /// The same the other way round.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self {
            value: -self.value,
            down: self.up,
            up: self.down,
            df: self.df,
        }
    }

    /// One-sided p-value against the truth being at most `limit`: small where it is above.
    #[must_use]
    pub fn p_above(&self, limit: f64) -> f64 {
        p_beyond(self.value - limit, self.down, self.df)
    }

    /// One-sided p-value against the truth being above `limit`: small where it is not.
    #[must_use]
    pub fn p_within(&self, limit: f64) -> f64 {
        p_beyond(limit - self.value, self.up, self.df)
    }

    /// How far from no effect the truth must lie to be seen with a chance of 80 % at this one-sided risk; `None` where
    /// nothing bounds the estimate.
    #[must_use]
    pub fn visible(&self, risk: f64) -> Option<f64> {
        let visible = (t_isf(risk, self.df) + t_isf(1.0 - POWER, self.df)) * self.down.max(self.up);
        visible.is_finite().then_some(visible)
    }
}

fn p_beyond(distance: f64, error: f64, df: f64) -> f64 {
    if error > 0.0 {
        let p = t_sf(distance / error, df);
        return if p.is_nan() { 1.0 } else { p };
    }
    // Without any spread the estimate is the truth.
    if distance > 0.0 { 0.0 } else { 1.0 }
}

/// Candidate against baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// The baseline's value.
    pub baseline: f64,
    /// The candidate's value.
    pub candidate: f64,
    /// Candidate less baseline.
    pub difference: Effect,
    /// The natural logarithm of candidate over baseline; `None` where one of them is not above zero.
    pub log_ratio: Option<Effect>,
}

/// What a contrast means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The candidate is not worse than the margin allows.
    Pass,
    /// It is.
    Fail,
    /// What was seen decides neither.
    Inconclusive,
}

impl Decision {
    /// Its word in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Of several: one failure fails, and all must pass. Without any it is a pass.
    #[must_use]
    pub fn of_all(decisions: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::Pass;
        for decision in decisions {
            match decision {
                Self::Fail => return Self::Fail,
                Self::Inconclusive => all = Self::Inconclusive,
                Self::Pass => {}
            }
        }
        all
    }
}

/// One figure that has a margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// Which way is worse.
    pub figure: Figure,
    /// How much worse it may be.
    pub margin: Margin,
    /// What was seen; `None` where nothing that can be judged was.
    pub contrast: Option<Contrast>,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// What it means.
    pub decision: Decision,
    /// Against "within the margin", Holm-adjusted over all questions.
    pub p_fail: Option<f64>,
    /// Against "beyond the margin", for this question alone.
    pub p_pass: Option<f64>,
}

/// Judges questions together. With every candidate within its margin, the chance of any *fail* is at most `risk` (Holm);
/// beyond its margin, the chance that a figure passes is at most `risk`, unadjusted because all must pass.
#[must_use]
pub fn judge(questions: &[Question], risk: f64) -> Vec<Judged> {
    let seen: Vec<Option<(f64, f64)>> = questions.iter().map(Question::p_values).collect();
    // What cannot be judged takes part as what says nothing, so that it does not make others look more certain.
    let p: Vec<f64> = seen
        .iter()
        .map(|p| p.map_or(1.0, |(fail, _)| fail.clamp(0.0, 1.0)))
        .collect();
    let adjusted = adjust(&p, Correction::Holm).unwrap_or_else(|_| vec![1.0; p.len()]);
    seen.into_iter()
        .zip(adjusted)
        .map(|(seen, p_fail)| match seen {
            None => Judged {
                decision: Decision::Inconclusive,
                p_fail: None,
                p_pass: None,
            },
            Some((_, p_pass)) => Judged {
                decision: if p_fail <= risk {
                    Decision::Fail
                } else if p_pass <= risk {
                    Decision::Pass
                } else {
                    Decision::Inconclusive
                },
                p_fail: Some(p_fail),
                p_pass: Some(p_pass),
            },
        })
        .collect()
}

impl Question {
    fn p_values(&self) -> Option<(f64, f64)> {
        let contrast = self.contrast?;
        let (effect, limit) = match self.margin {
            Margin::Absolute(margin) => (contrast.difference, margin),
            Margin::Share(share) => {
                let limit = if self.figure.higher_is_worse() {
                    share.ln_1p()
                } else {
                    // A rate that may fall by all of it may fall to anything.
                    -(-share.min(1.0)).ln_1p()
                };
                (contrast.log_ratio?, limit)
            }
        };
        let worse = if self.figure.higher_is_worse() {
            effect
        } else {
            effect.mirrored()
        };
        Some((worse.p_above(limit), worse.p_within(limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn effect(value: f64, error: f64) -> Effect {
        Effect {
            value,
            down: error,
            up: error,
            df: 1e6,
        }
    }

    fn question(figure: Figure, margin: Margin, candidate: f64, error: f64) -> Question {
        Question {
            figure,
            margin,
            contrast: Some(Contrast {
                baseline: 100.0,
                candidate,
                difference: effect(candidate - 100.0, 100.0 * error),
                log_ratio: Some(effect((candidate / 100.0f64).ln(), error)),
            }),
        }
    }

    fn decide(question: Question) -> Decision {
        judge(&[question], 0.05)[0].decision
    }

    /// Protects the direction: a latency that rises is worse, a rate that falls is, each beyond its margin only.
    #[test]
    fn directions() {
        let latency = Figure::USUAL[0];
        let rate = Figure::RequestsPerS;
        let tenth = Margin::Share(0.1);
        assert_eq!(decide(question(latency, tenth, 130.0, 0.02)), Decision::Fail);
        assert_eq!(decide(question(latency, tenth, 70.0, 0.02)), Decision::Pass);
        assert_eq!(decide(question(latency, tenth, 102.0, 0.02)), Decision::Pass);
        assert_eq!(
            decide(question(latency, tenth, 110.0, 0.02)),
            Decision::Inconclusive
        );
        assert_eq!(decide(question(rate, tenth, 130.0, 0.02)), Decision::Pass);
        assert_eq!(decide(question(rate, tenth, 70.0, 0.02)), Decision::Fail);
        assert_eq!(
            decide(question(rate, Margin::Share(1.0), 1.0, 0.02)),
            Decision::Pass
        );
        assert_eq!(
            decide(question(latency, Margin::Absolute(5.0), 120.0, 0.02)),
            Decision::Fail
        );
        let mut unknown = question(latency, tenth, 130.0, 0.02);
        unknown.contrast = None;
        assert_eq!(decide(unknown), Decision::Inconclusive);
    }

    /// Protects Holm: a p-value that fails alone does not fail in company; a pass needs no adjustment.
    #[test]
    fn together() {
        // z = 1.8: p = 0.036.
        let near = question(
            Figure::USUAL[0],
            Margin::Share(0.0),
            100.0 * (0.018f64).exp(),
            0.01,
        );
        assert_eq!(decide(near), Decision::Fail);
        let all = judge(&[near; 3], 0.05);
        assert!(all.iter().all(|judged| judged.decision == Decision::Inconclusive));
        assert!((all[0].p_fail.unwrap() - 3.0 * 0.035_930).abs() < 1e-4);
        let fine = question(Figure::USUAL[0], Margin::Share(0.5), 100.0, 0.01);
        let mixed = judge(&[fine, near], 0.05);
        assert_eq!(mixed[0].decision, Decision::Pass);
        assert_eq!(
            Decision::of_all(mixed.iter().map(|judged| judged.decision)),
            Decision::Inconclusive
        );
        assert_eq!(Decision::of_all([]), Decision::Pass);
    }

    /// Protects: ends that nothing bounds are none, no spread is certainty, and what could be seen is told.
    #[test]
    fn edges() {
        let open = Effect {
            up: f64::INFINITY,
            ..effect(1.0, 0.1)
        };
        assert_eq!(open.high(0.95), None);
        assert!(open.low(0.95).is_some() && open.p_above(0.0) < 1e-6);
        assert!((open.p_within(100.0) - 0.5).abs() < 1e-12);
        assert_eq!(open.visible(0.05), None);
        let certain = effect(1.0, 0.0);
        assert_eq!(
            (certain.p_above(0.5), certain.p_above(1.0), certain.p_within(2.0)),
            (0.0, 1.0, 0.0)
        );
        assert!((effect(0.0, 1.0).visible(0.05).unwrap() - (1.644_85 + 0.841_62)).abs() < 1e-3);
    }
}
