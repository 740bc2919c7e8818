//! Reports, from findings alone: terminal, JSON with its schema, JUnit. Apart so that no report can know more than the
//! findings say, and every report can be made again from a record.

pub mod format;
pub mod json;
pub mod junit;
pub mod terminal;

pub use json::{findings_json, findings_schema};
pub use junit::junit;
pub use terminal::{TerminalOptions, terminal};
