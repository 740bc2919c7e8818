//! When the requests of one loop are to be started. Apart from sockets: what was late because of a cap, and what because
//! of this client, is decided here.

use crate::record::Outcome;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How long a user waits after a failure before it asks again: a server that refuses is not to be flooded.
const PAUSE_AFTER_FAILURE_NS: u64 = 50_000_000;
/// Most arrivals that are looked through for those that were never sent.
const UNSENT_MAX: u64 = 10_000_000;

/// A request that is to be sent at a moment that was drawn before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Nanoseconds since the start of the run.
    pub intended_ns: u64,
    /// Its number over all loops.
    pub number: u64,
}

/// When requests are started.
pub enum Pace {
    /// Each user asks again when its answer came; when each of them begins.
    Closed {
        /// Nanoseconds since the start of the run, one for each user.
        starts_ns: Vec<u64>,
    },
    /// At moments drawn before the run, whatever the answers do.
    Open {
        /// In order.
        arrivals: Box<dyn Iterator<Item = Arrival> + Send>,
        /// Most requests under way; arrivals beyond wait, and are counted.
        in_flight_max: usize,
    },
}

impl Pace {
    /// Most requests under way.
    pub(crate) const fn in_flight_max(&self) -> usize {
        match self {
            Self::Closed { starts_ns } => starts_ns.len(),
            Self::Open { in_flight_max, .. } => *in_flight_max,
        }
    }

    /// Users begin so much later. What was drawn for an open loop stays.
    pub(crate) fn delay(&mut self, by_ns: u64) {
        if let Self::Closed { starts_ns } = self {
            for start_ns in starts_ns {
                *start_ns = start_ns.saturating_add(by_ns);
            }
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::Closed {
            starts_ns: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed { starts_ns } => f.debug_tuple("Closed").field(&starts_ns.len()).finish(),
            Self::Open { in_flight_max, .. } => f.debug_tuple("Open").field(in_flight_max).finish(),
        }
    }
}

/// A request to be started now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) intended_ns: u64,
    /// When nothing but this client kept it from being sent.
    pub(crate) due_ns: u64,
    /// Whether a cap held it back.
    pub(crate) is_capped: bool,
    /// Its number, where that was drawn before the run.
    pub(crate) number: u64,
}

/// A pace under way.
pub(crate) enum PaceState {
    Closed {
        waiting: BinaryHeap<Reverse<u64>>,
        users: usize,
    },
    Open {
        arrivals: Box<dyn Iterator<Item = Arrival> + Send>,
        next: Option<Arrival>,
        in_flight_max: usize,
        in_flight: usize,
        /// When a place became free that somebody waited for.
        freed_ns: u64,
    },
    Stopped,
}

impl PaceState {
    pub(crate) fn new(pace: Pace) -> Self {
        match pace {
            Pace::Closed { starts_ns } => Self::Closed {
                users: starts_ns.len(),
                waiting: starts_ns.into_iter().map(Reverse).collect(),
            },
            Pace::Open {
                mut arrivals,
                in_flight_max,
            } => Self::Open {
                next: arrivals.next(),
                arrivals,
                in_flight_max: in_flight_max.max(1),
                in_flight: 0,
                freed_ns: 0,
            },
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Most requests under way.
    pub(crate) const fn in_flight_max(&self) -> usize {
        match self {
            Self::Closed { users, .. } => *users,
            Self::Open { in_flight_max, .. } => *in_flight_max,
            Self::Stopped => 0,
        }
    }

    /// When the next request is intended.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        match self {
            Self::Closed { waiting, .. } => waiting.peek().map(|next| next.0),
            Self::Open { next, .. } => next.map(|arrival| arrival.intended_ns),
            Self::Stopped => None,
        }
    }

    /// Takes the next request.
    pub(crate) fn take(&mut self) -> Option<Start> {
        match self {
            Self::Closed { waiting, .. } => {
                let intended_ns = waiting.pop()?.0;
                Some(Start {
                    intended_ns,
                    due_ns: intended_ns,
                    is_capped: false,
                    number: 0,
                })
            }
            Self::Open {
                arrivals,
                next,
                in_flight,
                freed_ns,
                ..
            } => {
                let arrival = next.take()?;
                *next = arrivals.next();
                *in_flight += 1;
                let is_capped = arrival.intended_ns < *freed_ns;
                Some(Start {
                    intended_ns: arrival.intended_ns,
                    due_ns: arrival.intended_ns.max(*freed_ns),
                    is_capped,
                    number: arrival.number,
                })
            }
            Self::Stopped => None,
        }
    }

    /// Takes a turn of a conversation that was begun before; `None` where nothing is started any more.
    pub(crate) fn take_turn(&mut self, intended_ns: u64, number: u64) -> Option<Start> {
        let freed_ns = match self {
            Self::Closed { .. } => 0,
            Self::Open {
                in_flight, freed_ns, ..
            } => {
                *in_flight += 1;
                *freed_ns
            }
            Self::Stopped => return None,
        };
        Some(Start {
            intended_ns,
            due_ns: intended_ns.max(freed_ns),
            is_capped: intended_ns < freed_ns,
            number,
        })
    }

    /// A request ended that another turn of the same user follows.
    pub(crate) fn turn_ended(&mut self, end_ns: u64) {
        if self.is_open() {
            self.ended(end_ns, Outcome::Ok);
        }
    }

    /// A request ended.
    pub(crate) fn ended(&mut self, end_ns: u64, outcome: Outcome) {
        match self {
            Self::Closed { waiting, .. } => {
                let pause_ns = match outcome {
                    Outcome::Failed(_) => PAUSE_AFTER_FAILURE_NS,
                    Outcome::Ok | Outcome::CutOff => 0,
                };
                waiting.push(Reverse(end_ns.saturating_add(pause_ns)));
            }
            Self::Open {
                in_flight,
                in_flight_max,
                freed_ns,
                ..
            } => {
                if *in_flight >= *in_flight_max {
                    *freed_ns = end_ns;
                }
                *in_flight = in_flight.saturating_sub(1);
            }
            Self::Stopped => {}
        }
    }

    /// Nothing is started any more.
    pub(crate) fn stop(&mut self) {
        *self = Self::Stopped;
    }

    /// Requests that were intended in this stretch and not taken; looks at a bounded number of them.
    pub(crate) fn unsent(&mut self, from_ns: u64, to_ns: u64) -> u64 {
        let Self::Open { arrivals, next, .. } = self else {
            return 0;
        };
        let rest = next.take().into_iter().chain(arrivals);
        let mut count = 0;
        for arrival in rest.take(usize::try_from(UNSENT_MAX).unwrap_or(usize::MAX)) {
            if arrival.intended_ns >= to_ns {
                break;
            }
            count += u64::from(arrival.intended_ns >= from_ns);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::CallErrorKind;

    fn open(times: &[u64], in_flight_max: usize) -> PaceState {
        let arrivals: Vec<Arrival> = times
            .iter()
            .enumerate()
            .map(|(i, t)| Arrival {
                intended_ns: *t,
                number: i as u64,
            })
            .collect();
        PaceState::new(Pace::Open {
            arrivals: Box::new(arrivals.into_iter()),
            in_flight_max,
        })
    }

    /// Protects against coordinated omission: lateness never moves what was intended, and a cap is told from this
    /// client's own lateness.
    #[test]
    fn a_cap_is_booked() {
        let mut pace = open(&[10, 20, 30, 90], 1);
        let start = pace.take().unwrap();
        assert_eq!(
            (start.intended_ns, start.due_ns, start.is_capped),
            (10, 10, false)
        );
        pace.ended(50, Outcome::Ok);
        let start = pace.take().unwrap();
        assert_eq!((start.intended_ns, start.due_ns, start.is_capped), (20, 50, true));
        pace.ended(70, Outcome::Ok);
        let start = pace.take().unwrap();
        assert_eq!((start.intended_ns, start.due_ns, start.is_capped), (30, 70, true));
        pace.ended(80, Outcome::Ok);
        let start = pace.take().unwrap();
        assert_eq!(
            (start.intended_ns, start.due_ns, start.is_capped),
            (90, 90, false)
        );
        assert_eq!(pace.next_ns(), None);
    }

    /// Protects the count of what was never sent, warm-up left out.
    #[test]
    fn counts_what_was_never_sent() {
        let mut pace = open(&[10, 20, 30, 90], 1);
        assert!(pace.take().is_some());
        assert_eq!(pace.unsent(25, 90), 1);
        assert_eq!(open(&[10, 20, 30], 1).unsent(0, u64::MAX), 3);
    }

    /// Protects closed loops: a user asks again when its answer came, and after a pause when none did.
    #[test]
    fn users_ask_again() {
        let mut pace = PaceState::new(Pace::Closed {
            starts_ns: vec![5, 0],
        });
        assert_eq!(pace.in_flight_max(), 2);
        assert_eq!(pace.take().map(|start| start.intended_ns), Some(0));
        pace.ended(3, Outcome::Ok);
        assert_eq!(pace.take().map(|start| start.intended_ns), Some(3));
        assert_eq!(pace.take().map(|start| start.intended_ns), Some(5));
        pace.ended(9, Outcome::Failed(CallErrorKind::Connect));
        assert_eq!(pace.next_ns(), Some(9 + PAUSE_AFTER_FAILURE_NS));
        pace.stop();
        assert_eq!(pace.next_ns(), None);
    }
}
