//! Which candidates nobody beats: quality, cost, latency and safety at once, with the chance that it is so. Apart from
//! [`routing`](crate::routing), which combines two candidates instead of choosing one.

mod candidate;
mod choice;
mod front;
mod membership;

pub use candidate::{Axis, CASES_MAX, Candidate, Evidence, cases_needed};
pub use choice::{Admission, Choice, Requirement, choose, digits};
pub use front::{Front, front, hypervolume};
pub use membership::{CANDIDATES_MAX, Measured, Membership, RESAMPLES_MAX, membership};
