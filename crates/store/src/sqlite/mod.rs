//! The SQLite back end: one file, nothing to install.

mod answers;
mod bodies;
mod catalog;
mod errors;
mod events;
mod open;
mod rows;
mod sample_reader;
mod sample_writer;
mod schema;
mod settings;
#[cfg(test)]
mod tests;

pub use open::{DATABASE_FILE, SqliteStore};
