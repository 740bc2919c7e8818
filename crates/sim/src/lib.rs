//! A simulated provider on loopback: the endpoint of the demonstration, of the tests and of the speed benchmark.
//!
//! It speaks the chat API that most providers share (`/v1/chat/completions` streamed and in one piece, `/v1/models`),
//! answers from a file with a chosen accuracy, keeps chosen latencies, and fails on purpose. Everything it does is
//! decided by its seed and by the conversation, never by the order of arrival, so that a run that was interrupted and
//! resumed sees the same answers as one that was not. What really happened on the server's side is at `/sim/stats`,
//! `/sim/log` and `/sim/latency`, so that a client's own figures can be checked.
//!
//! Apart from `provider`, and ignorant of it: the wire JSON is written here by hand, because a shared struct would let a
//! bug on one side cancel the same bug on the other. The HTTP/1.1 server is our own, because most faults (a reset, a
//! stream cut in the middle of a chunk, single bytes at a time) need the socket, which HTTP frameworks hide.
//!
//! ```
//! use seatrial_sim::{Persona, SimConfig, SimHandle};
//!
//! let config = SimConfig::of_personas(vec![Persona::instant("small-fast")]);
//! let sim = SimHandle::spawn(config)?;
//! assert!(sim.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(sim.stats().requests, 0);
//! # Ok::<(), std::io::Error>(())
//! ```

mod answers;
mod config;
mod delay;
mod dialect;
mod embedding;
mod fault;
mod foreign;
mod handle;
mod http;
mod key;
mod log_probability;
mod lower;
mod persona;
mod plan;
mod record;
mod reply;
mod server;
mod text;
mod wire;

pub use answers::{AnswerRow, AnswersError, read_answers};
pub use config::{Answers, ConfigProblem, SimConfig, SimConfigError};
pub use delay::Dist;
pub use fault::{Fault, Faults};
pub use handle::SimHandle;
pub use persona::{Feature, Persona, Shape, UsageStyle};
pub use record::{LatencyReport, LatencySummary, LogEntry, LogPage, ModelStats, SimStats};
pub use server::Sim;
