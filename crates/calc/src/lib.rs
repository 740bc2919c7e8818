//! The JSON Lines face of `stats`, `text` and the text-significance part of `analyse`: a table of named
//! functions, each from a JSON object to a JSON object, and the loop that serves them line by line.
//! Apart from the libraries so that these stay free of JSON; knows no files and no network.

pub mod args;
pub mod families;
pub mod function;
mod labels;
pub mod serve;

pub use args::Args;
pub use function::{CalcError, Field, Function, find, functions};
pub use serve::serve;
