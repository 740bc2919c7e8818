//! What the server says of itself while it is under load: its own numbers, read over the same window as the measurement.
//! Apart from everything that is measured here: it is the server's word, told beside ours, and a reading that fails never
//! spoils a run.

mod figure;
mod known;
mod scrape;
mod text;
mod window;

pub use figure::{BucketQuantile, ServerFigure, ServerSeries, Told};
pub use known::ServerKind;
pub use scrape::{ServerAccount, ServerPlan, ServerReader};
