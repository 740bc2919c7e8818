//! Append-only record of runs: the traits [`Catalog`] and [`Events`], the SQLite back end, its migrations, and one
//! conformance suite for every back end. Apart because the rest of the program must not know where the record lies.
//!
//! Everything here blocks; the engine calls it from a thread of its own. The layout of the tables and why it is so:
//! `docs/design/0002-record-layout.md`.

mod codec;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod error;
pub mod figures;
pub mod lock;
pub mod ports;
pub mod run;
pub mod sqlite;

pub use error::StoreError;
pub use figures::figures_of;
pub use lock::RunLock;
pub use ports::{Answers, CachedAnswer, Catalog, Events, Store};
pub use run::{RunHeader, RunRow, RunStatus};
pub use sqlite::SqliteStore;
