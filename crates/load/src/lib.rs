//! Load on an endpoint: arrivals, open and closed loop, and a clock whose own error is known.
//!
//! Apart from the engine because here the traffic itself is the subject: nothing is retried, scored, cached or written to
//! a database while it runs, and the hot path is own code so that what is measured is the endpoint and not the client.
//! What happened is a [`Recording`]; everything that is told of it is computed from that, without a clock.

pub mod record;

pub use record::{GapLog, GapSpan, Outcome, Phase, Recording, RequestRecord, WorkerRecording};
