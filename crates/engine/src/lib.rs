//! Plan to record: which sample runs when, what is made durable when, and how a run stops and goes on. Knows neither
//! metrics nor reports; scorers and drivers come in through the ports of `task`.

pub mod adaptive;
pub mod asked;
pub mod budget;
pub mod cache;
pub mod client_health;
pub mod closing;
pub mod driver;
mod feed;
pub mod finished;
pub mod model;
pub mod progress;
pub mod run;
pub mod sample;
pub mod scoring;
pub mod sink;
pub mod stopper;
mod writer;

pub use adaptive::{Adaptive, Bounds};
pub use asked::{AskedModel, AskedModels};
pub use budget::{Budget, CostCap};
pub use cache::{PendingAnswers, ResponseCache};
pub use client_health::{ClientHealth, HealthProbe, TurnMeter};
pub use closing::{close, close_scoring};
pub use driver::SingleTurn;
pub use finished::FinishedSet;
pub use model::TargetModel;
pub use progress::Progress;
pub use run::{EngineError, Execution, Job, RunEnd, Stop, TargetRun, execute};
pub use scoring::{Answered, score};
pub use sink::StoreSink;
pub use stopper::{AsPlanned, Stopper, Wanted};
