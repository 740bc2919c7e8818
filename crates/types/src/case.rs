//! A case: one input of a dataset, perhaps with a reference, choices, metadata and a cluster.

use serde_json::{Map, Value};
use std::sync::Arc;

/// One row of a dataset, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Id, unique in its dataset; the 1-based row number where the row has none.
    pub id: Arc<str>,
    /// 1-based row in the file.
    pub row: u64,
    /// Every column of the row: the variables of the prompt template.
    pub columns: Arc<Map<String, Value>>,
    /// The prompt where the task has none.
    pub input: Option<String>,
    /// Accepted answers; empty where the row has no reference.
    pub expected: Vec<String>,
    /// Answer options of a multiple-choice case.
    pub choices: Vec<String>,
    /// Cluster (document, conversation, seed group) for clustered errors.
    pub cluster: Option<String>,
}
