//! Estimates, comparisons and gates from scores; pure: figures in, findings out. Apart from the engine and the reports
//! so that the command line, the service and CI only translate what is decided here.

pub mod against;
pub mod baseline;
mod bounds;
pub mod collect;
pub mod compare;
mod decide;
pub mod design;
mod drawn;
pub mod findings;
pub mod forecast;
pub mod gate;
pub mod ledger;
mod load;
pub mod mt_interval;
pub mod mt_significance;
mod per_success;
pub mod programme;
pub mod quarantine;
pub mod scored;
pub mod sequential;
pub mod series;
pub mod simulate;

pub use collect::{Collector, TaskMetrics};
pub use findings::{BaselineFacts, RunFacts, RunState, findings};
pub use forecast::{Forecast, History, Pace, Profiler, Question, TargetForecast, forecast};
pub use sequential::{Sequential, TaskDraw, Wanted};
