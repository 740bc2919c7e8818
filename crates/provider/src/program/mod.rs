//! Programs beside Seatrial: JSON Lines on standard input and output, kept alive, bounded in every direction.
//!
//! Apart from what is said over the pipes, because two speak through them: targets with `provider: exec`, and scorers
//! that are written in another language. A [`Program`] is a pool of processes of one command line. A request is a JSON
//! object; the pool adds an `id`, writes it as one line to a free process, and gives back the line that answers it:
//! the one with that `id`, or, where answers carry none, the next one in order.
//!
//! What a program does wrong costs the requests that it had, and its life: it is killed with its process group and
//! started again for the next request. Nothing it does can take more memory than [`LINE_BYTES_MAX`] and
//! [`STDERR_BYTES_KEPT`] for each process, or more time than the limit of each request. A program that fails
//! [`FAILURES_IN_A_ROW_MAX`] times in a row, or [`FAILURES_AT_FIRST_MAX`] times before it ever answered, is given up:
//! further requests fail at once.

mod fault;
mod pool;
mod process;
mod spec;
mod tail;
mod worker;

pub use fault::ProgramFault;
pub use pool::{Program, Reply};
pub use spec::{ENV_KEPT, IN_FLIGHT_MAX, ProgramSpec, ProgramSpecError, WORKERS_MAX};

/// Longest line that is read from a program; what is longer ends its life.
pub const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Latest bytes of standard error that are kept for messages.
pub const STDERR_BYTES_KEPT: usize = 4 * 1024;
/// Failures in a row after which a program that has answered before is given up. Running out of time is none: that is
/// bounded by its own limit.
pub const FAILURES_IN_A_ROW_MAX: u32 = 20;
/// The same for a program that has never answered.
pub const FAILURES_AT_FIRST_MAX: u32 = 5;
