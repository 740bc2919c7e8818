//! Load on an endpoint: arrivals, open and closed loop, and a clock whose own error is known.
//!
//! Apart from the engine because here the traffic itself is the subject: nothing is retried, scored, cached or written to
//! a database while it runs, and the hot path is own code so that what is measured is the endpoint and not the client.
//! What happened is a [`Recording`]; everything that is told of it is computed from that, without a clock.

mod account;
mod ahead;
mod answer;
pub mod arrivals;
pub mod blocks;
pub mod bounds;
pub mod bpe;
pub mod calibrate;
pub mod certificate;
mod clock;
pub mod compare;
mod conn;
pub mod counted;
pub mod definitions;
pub mod dialogue;
pub mod draws;
pub mod effect;
mod events;
mod fault;
pub mod figure;
pub mod find;
mod gauge;
mod hdr;
mod http1;
pub mod intervals;
mod kept;
mod kept_answers;
pub mod littles;
mod live;
pub mod metrics;
mod pace;
pub mod plot;
pub mod record;
pub mod runs;
pub mod saved;
pub mod search;
pub mod series;
pub mod server;
mod session;
pub mod slo;
pub mod span;
mod sse;
pub mod steady;
pub mod sweep;
mod talks;
mod target;
mod timer;
pub mod trace;
mod turn;
pub mod vocabulary;
pub mod words;
mod worker;
pub mod workload;

pub use account::{ThreadTimes, Throttling, make_room_for_files, process_cpu};
pub use clock::{RunClock, nanoseconds};
pub use events::AnswerForm;
pub use gauge::{Gauge, TimeHistogram};
pub use hdr::hdr_log;
pub use kept_answers::{ANSWERS_BYTES_MAX, KeepingAnswers, KeptAnswer, KeptAnswers};
pub use live::{EarlyEnd, Failures, Live, LiveCounts, LiveFigures, RequestWatch};
pub use pace::{Arrival, Pace};
pub use record::{GapLog, GapSpan, Outcome, Phase, Recording, RequestRecord, WorkerRecording};
pub use session::{ClientUse, GAPS_MAX, RECORDS_MAX, RunError, RunPlan, RunResult, WORKERS_MAX, run_plan};
pub use talks::{ConversationCounts, HISTORIES_BYTES_MAX, TALKS_MAX};
pub use target::{FixedRequests, NumberedFrom, RequestSource, Target, TlsTarget, reachable_first};
