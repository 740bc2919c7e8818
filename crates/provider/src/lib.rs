//! Model endpoints: request, stream, timestamps, retry, usage normalisation.
//!
//! Apart from everything that schedules or scores, so that the clock of a call is read in one place: at the socket.
//! A target is called through [`Provider`]; what happened is in the [`Call`](seatrial_types::Call) that comes back,
//! errors included, and nothing here knows suites or metrics.

mod address;
mod anthropic;
mod api;
mod backoff;
mod blueprint;
mod body;
pub mod clock;
mod dial;
pub mod download;
pub mod endpoint;
mod exchange;
pub mod exec;
mod fault;
mod fetch;
mod headers;
mod http;
pub mod hub;
mod image;
mod kept;
mod lenient;
mod limiter;
mod link;
mod openai;
mod pool;
pub mod pressure;
pub mod probe;
pub mod program;
mod provider;
mod rate_limit;
mod reader;
pub mod recorded;
mod remote;
mod retry_after;
mod sse;
pub mod usage;
mod wire;

pub use anthropic::MAX_TOKENS_DEFAULT;
pub use api::Api;
pub use blueprint::Blueprint;
pub use clock::Clock;
pub use endpoint::{Endpoint, EndpointError, Header, Limits, RetryPolicy};
pub use exec::Exec;
pub use http::{JsonApi, JsonApiError, JsonSpec, JsonStreamSpec};
pub use kept::answer_of_body;
pub use pressure::{Pressure, PushBacks};
pub use program::{Program, ProgramFault, ProgramSpec, ProgramSpecError};
pub use provider::Provider;
pub use recorded::{Recorded, RecordedError, RecordedFields};
pub use remote::Remote;
