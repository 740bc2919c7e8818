//! Scorers from outside: options in, scores out. Apart from the unit tests because only the public interface is used,
//! as the command line does; one program, so that what they share is compiled once.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail loudly"
)]

mod checks;
mod common;
mod functions;
mod measures;
mod rules;
mod sql;
