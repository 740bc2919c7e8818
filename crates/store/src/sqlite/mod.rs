//! The SQLite back end: one file, nothing to install.

mod bodies;
mod catalog;
mod errors;
mod events;
mod open;
mod rows;
mod schema;
mod settings;
#[cfg(test)]
mod tests;

pub use open::{DATABASE_FILE, SqliteStore};
