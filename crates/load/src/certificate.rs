//! Whether a number can be trusted: how much of it may be this client's own lateness. Apart and pure, because it decides
//! what is printed, and so must be testable with made-up lateness.
//!
//! Every stamp comes with an upper bound of how late it was. With it each latency has a shortest and a longest value that
//! it can have had at the socket, and each percentile of the latencies lies between the percentiles of those two. A
//! percentile that this interval leaves open by too much of its own value is not told.

use crate::gauge::TimeHistogram;

/// Above this share of its value that may be the client's own, a percentile is degraded.
pub const DEGRADED_SHARE: f64 = 0.05;
/// Above this share it is withheld.
pub const WITHHELD_SHARE: f64 = 0.20;
/// Errors up to this are never held against a number, milliseconds.
pub const DEGRADED_MS_MIN: f64 = 0.1;
/// Errors up to this never withhold one, milliseconds: nothing that people decide on language models turns on less.
pub const WITHHELD_MS_MIN: f64 = 1.0;

/// Above this share of time that a loop was on a processor, it had no time to spare for reading at once.
pub const BUSY_SHARE_MAX: f64 = 0.80;
/// Above this share of time that a loop was ready but without a processor, the machine is too small for what runs on it,
/// and an endpoint on the same machine is slowed down as well.
pub const WAIT_SHARE_MAX: f64 = 0.20;

/// Above this share of the time in which a loop wanted a processor and had none, it is starved, however little it wants…
pub const STARVED_SHARE_MAX: f64 = 0.75;
/// … unless it waited for less than this share of all time.
pub const STARVED_WAIT_SHARE_MIN: f64 = 0.02;

/// Whether a metric can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Yes.
    Ok,
    /// Within the stated bounds.
    Degraded,
    /// No; its numbers are not told.
    Withheld,
}

/// A latency, and what it can have been at the socket, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bracket {
    /// As stamped.
    pub value: f64,
    /// Shortest.
    pub low: f64,
    /// Longest.
    pub high: f64,
}

/// A percentile as stamped, and the interval that the true one lies in, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClientBound {
    /// Which: 0.99 for p99.
    pub q: f64,
    /// As stamped.
    pub value: f64,
    /// Least that it can have been at the socket.
    pub low: f64,
    /// Most.
    pub high: f64,
}

impl ClientBound {
    /// Largest distance of the stamped value from the true one.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.value - self.low).max(self.high - self.value).max(0.0)
    }

    /// The same as a share of the value; 0 where both are 0.
    #[must_use]
    pub fn share(&self) -> f64 {
        let error = self.error();
        if error == 0.0 { 0.0 } else { error / self.value }
    }

    fn trust(&self) -> Trust {
        let (error, share) = (self.error(), self.share());
        if share > WITHHELD_SHARE && error > WITHHELD_MS_MIN {
            Trust::Withheld
        } else if share > DEGRADED_SHARE && error > DEGRADED_MS_MIN {
            Trust::Degraded
        } else {
            Trust::Ok
        }
    }
}

/// The certificate of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// Whether it can be trusted.
    pub trust: Trust,
    /// The percentiles that were looked at.
    pub bounds: Vec<ClientBound>,
    /// Why it cannot, in words; `None` where it can.
    pub reason: Option<String>,
}

impl Certificate {
    /// Of latencies with brackets, for these quantiles. `None` where there is no latency.
    #[must_use]
    pub fn of(brackets: &[Bracket], quantiles: &[f64]) -> Option<Self> {
        if brackets.is_empty() {
            return None;
        }
        let column = |pick: fn(&Bracket) -> f64| {
            let mut values: Vec<f64> = brackets.iter().map(pick).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (values, lows, highs) = (
            column(|bracket| bracket.value),
            column(|bracket| bracket.low.max(0.0)),
            column(|bracket| bracket.high),
        );
        let bounds = quantiles
            .iter()
            .map(|q| ClientBound {
                q: *q,
                value: rank(&values, *q),
                low: rank(&lows, *q),
                high: rank(&highs, *q),
            })
            .collect();
        Some(Self::judge(bounds))
    }

    /// Of three histograms of the same latencies: as stamped, shortest, longest. `None` where they are empty.
    #[must_use]
    pub fn of_histograms(
        values: &TimeHistogram,
        lows: &TimeHistogram,
        highs: &TimeHistogram,
        quantiles: &[f64],
    ) -> Option<Self> {
        let bounds: Option<Vec<ClientBound>> = quantiles
            .iter()
            .map(|q| {
                Some(ClientBound {
                    q: *q,
                    value: values.quantile_ms(*q)?,
                    low: lows.quantile_ms(*q)?,
                    high: highs.quantile_ms(*q)?,
                })
            })
            .collect();
        bounds.filter(|bounds| !bounds.is_empty()).map(Self::judge)
    }

    /// The same in the words of what is told: percentiles that are interpolated stand a little beside the value at their
    /// rank, and one number of a result must not contradict another.
    #[must_use]
    pub fn told_as(self, told: impl Fn(f64) -> Option<f64>) -> Self {
        let bounds = self.bounds.into_iter().map(|bound| {
            let value = told(bound.q).unwrap_or(bound.value);
            ClientBound {
                value,
                low: (value - (bound.value - bound.low)).max(0.0),
                high: value + (bound.high - bound.value),
                ..bound
            }
        });
        Self::judge(bounds.collect())
    }

    fn judge(bounds: Vec<ClientBound>) -> Self {
        let worst = bounds.iter().copied().max_by(|a, b| {
            (a.trust(), a.share())
                .partial_cmp(&(b.trust(), b.share()))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        let trust = worst.map_or(Trust::Ok, |bound| bound.trust());
        let reason = worst.filter(|_| trust != Trust::Ok).map(|bound| {
            let limit = if trust == Trust::Withheld {
                WITHHELD_SHARE
            } else {
                DEGRADED_SHARE
            };
            // What is withheld is not told here either.
            if trust == Trust::Withheld {
                return format!(
                    "up to {:.0} % of the p{} may be this client's own lateness, at most {:.0} % are allowed",
                    (100.0 * bound.share()).min(999.0),
                    percent(bound.q),
                    100.0 * limit
                );
            }
            format!(
                "up to {:.2} ms of the p{} of {:.2} ms may be this client's own lateness: {:.0} %, at most {:.0} % are allowed",
                bound.error(),
                percent(bound.q),
                bound.value,
                (100.0 * bound.share()).min(999.0),
                100.0 * limit
            )
        });
        Self {
            trust,
            bounds,
            reason,
        }
    }
}

/// `50`, `99`, `99.9`.
fn percent(q: f64) -> String {
    let text = format!("{:.1}", q * 100.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The smallest value that at least a share `q` of the sorted values reaches.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank between 1 and the number of values"
)]
fn rank(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or(0.0)
}

/// What is known of why a client was late.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Circumstances {
    /// Largest share of time that a loop was on a processor.
    pub busy_share: Option<f64>,
    /// Largest share of time that a loop was ready but without a processor.
    pub wait_share: Option<f64>,
    /// Times that a limit on processor time stopped this process.
    pub throttled: u64,
    /// Loops.
    pub workers: usize,
    /// Processors that this process may use.
    pub processors: usize,
}

impl Circumstances {
    /// Why no latency of the run can be trusted, whatever its stamps say; `None` where nothing is in the way.
    #[must_use]
    pub fn saturation(&self) -> Option<String> {
        let above = |share: Option<f64>, limit: f64| share.filter(|share| *share > limit);
        if let Some(wait) = above(self.wait_share, WAIT_SHARE_MAX) {
            return Some(format!(
                "the measuring loop waited for a processor {:.0} % of the time, at most {:.0} % are allowed: that is not \
                 only this client's own lateness, an endpoint on this machine waits as well",
                100.0 * wait,
                100.0 * WAIT_SHARE_MAX
            ));
        }
        if let Some(busy) = above(self.busy_share, BUSY_SHARE_MAX) {
            return Some(format!(
                "the measuring loop was on a processor {:.0} % of the time, at most {:.0} % are allowed: its own lateness has \
                 no bound then",
                100.0 * busy,
                100.0 * BUSY_SHARE_MAX
            ));
        }
        let (wait, busy) = (self.wait_share?, self.busy_share?);
        let starved = wait / (wait + busy);
        (starved > STARVED_SHARE_MAX && wait > STARVED_WAIT_SHARE_MIN).then(|| {
            format!(
                "the measuring loop had to wait for {:.0} % of the time in which it wanted a processor, at most {:.0} % are \
                 allowed: its own lateness is not small then",
                100.0 * starved,
                100.0 * STARVED_SHARE_MAX
            )
        })
    }

    /// What to do so that numbers can be told, the most likely cause first.
    #[must_use]
    pub fn remedy(&self) -> String {
        if self.throttled > 0 {
            return format!(
                "a limit on processor time stopped this client {} times: raise the limit of its container",
                self.throttled
            );
        }
        let (busy, wait) = (self.busy_share.unwrap_or(0.0), self.wait_share.unwrap_or(0.0));
        if wait > 0.02 && wait > busy - 0.6 {
            return format!(
                "the measuring loop waited for a processor {:.0} % of the time: give it one of its own, or stop what else \
                 runs on this machine, the server included",
                100.0 * wait
            );
        }
        if busy > 0.6 && self.workers < self.processors {
            return format!(
                "the measuring loop was busy {:.0} % of the time: use more loops (--workers {}), or less load",
                100.0 * busy,
                self.processors
            );
        }
        if busy > 0.6 {
            return format!(
                "the measuring loop was busy {:.0} % of the time: use less load, or a machine with more processors",
                100.0 * busy
            );
        }
        "use less load at once, or a machine with more processors that are free".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bracket(value: f64, early: f64, late: f64) -> Bracket {
        Bracket {
            value,
            low: value - early,
            high: value + late,
        }
    }

    /// Protects what is printed: the borders of ok, degraded and withheld, relative and absolute.
    #[test]
    fn borders_of_trust() {
        let trust = |value: f64, error: f64| {
            Certificate::of(&vec![bracket(value, error, 0.0); 10], &[0.5])
                .unwrap()
                .trust
        };
        assert_eq!(trust(100.0, 5.0), Trust::Ok);
        assert_eq!(trust(100.0, 5.1), Trust::Degraded);
        assert_eq!(trust(100.0, 20.0), Trust::Degraded);
        assert_eq!(trust(100.0, 20.1), Trust::Withheld);
        // A tenth of a millisecond is never too much, and a whole one never enough to withhold.
        assert_eq!(trust(0.2, 0.1), Trust::Ok);
        assert_eq!(trust(0.5, 0.4), Trust::Degraded);
        assert_eq!(trust(2.0, 1.0), Trust::Degraded);
        assert_eq!(trust(0.0, 0.0), Trust::Ok);
        // Gaps of nothing that may have been long.
        let unread = Certificate::of(&[bracket(0.0, 0.0, 40.0)], &[0.5]).unwrap();
        assert_eq!(unread.trust, Trust::Withheld);
        assert!(unread.reason.unwrap().contains("p50"));
        assert_eq!(Certificate::of(&[], &[0.5]), None);
    }

    /// Protects tails: a median that is right does not vouch for a p99 that is not.
    #[test]
    fn the_worst_percentile_counts() {
        let mut brackets = vec![bracket(50.0, 0.1, 0.0); 980];
        brackets.extend(vec![bracket(90.0, 40.0, 0.0); 20]);
        let certificate = Certificate::of(&brackets, &[0.5, 0.99]).unwrap();
        assert_eq!(certificate.trust, Trust::Withheld);
        assert!(
            certificate
                .reason
                .unwrap()
                .starts_with("up to 44 % of the p99 may")
        );
        assert_eq!(Certificate::of(&brackets, &[0.5]).unwrap().trust, Trust::Ok);
    }

    proptest! {
        /// Protects the promise: the percentile without lateness lies within the stated bounds, whatever the lateness was.
        #[test]
        fn bounds_hold_the_truth(cases in proptest::collection::vec((0.0_f64..100.0, 0.0_f64..1.0, 0.0_f64..20.0), 1..200), q in 0.0_f64..1.0) {
            let brackets: Vec<Bracket> = cases.iter().map(|(truth, share, lag)| Bracket {
                value: truth + share * lag,
                low: truth + share * lag - lag,
                high: truth + share * lag,
            }).collect();
            let mut truths: Vec<f64> = cases.iter().map(|(truth, _, _)| *truth).collect();
            truths.sort_by(f64::total_cmp);
            let bound = Certificate::of(&brackets, &[q]).unwrap().bounds[0];
            let truth = rank(&truths, q);
            prop_assert!(bound.low <= truth + 1e-9 && truth <= bound.high + 1e-9, "{bound:?} {truth}");
        }
    }

    /// Protects against a machine that is too small: no stamp shows how long the server waited for a processor.
    #[test]
    fn saturation_spoils_everything() {
        let with = |busy: f64, wait: f64| Circumstances {
            busy_share: Some(busy),
            wait_share: Some(wait),
            ..Circumstances::default()
        };
        assert_eq!(with(0.8, 0.2).saturation(), None);
        assert!(
            with(0.1, 0.21)
                .saturation()
                .unwrap()
                .contains("waited for a processor 21 %")
        );
        assert!(
            with(0.9, 0.0)
                .saturation()
                .unwrap()
                .contains("on a processor 90 %")
        );
        // It wants little, and gets less; and one that waits for next to nothing.
        assert!(with(0.01, 0.05).saturation().unwrap().contains("83 %"));
        assert_eq!(with(0.001, 0.01).saturation(), None);
        assert_eq!(Circumstances::default().saturation(), None);
    }

    /// Protects people from a remedy that does not help.
    #[test]
    fn remedies_follow_causes() {
        let calm = Circumstances {
            workers: 1,
            processors: 4,
            ..Circumstances::default()
        };
        let starved = Circumstances {
            wait_share: Some(0.4),
            busy_share: Some(0.5),
            ..calm
        };
        assert!(starved.remedy().contains("waited for a processor 40 %"));
        let busy = Circumstances {
            busy_share: Some(0.95),
            ..calm
        };
        assert!(busy.remedy().contains("--workers 4"));
        assert!(
            Circumstances { workers: 4, ..busy }
                .remedy()
                .contains("less load")
        );
        assert!(
            Circumstances {
                throttled: 3,
                ..starved
            }
            .remedy()
            .contains("3 times")
        );
    }
}
