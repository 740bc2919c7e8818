//! Model endpoints: request, stream, timestamps, retry, usage normalisation.
//!
//! Apart from everything that schedules or scores, so that the clock of a call is read in one place: at the socket.
//! A target is called through [`Provider`]; what happened is in the [`Call`](seatrial_types::Call) that comes back,
//! errors included, and nothing here knows suites or metrics.

mod address;
mod backoff;
pub mod clock;
mod dial;
pub mod endpoint;
mod limiter;
mod link;
pub mod openai;
mod pool;
pub mod pressure;
mod provider;
pub mod recorded;
mod retry_after;
mod sse;
mod wire;

pub use clock::Clock;
pub use endpoint::{Endpoint, EndpointError, Limits, RetryPolicy};
pub use openai::OpenAiChat;
pub use pressure::{Pressure, PushBacks};
pub use provider::Provider;
pub use recorded::{Recorded, RecordedError, RecordedFields};
