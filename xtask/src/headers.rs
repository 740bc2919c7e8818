//! Every Rust file opens with `//!`: what lives here and why it is apart.

use crate::{Problem, files};
use std::path::Path;

/// Shorter headers say nothing.
const HEADER_CHARS_MIN: usize = 20;

pub(crate) fn check(root: &Path) -> Result<Vec<Problem>, String> {
    let mut problems = Vec::new();
    for path in files(root, &["rs"])? {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let header: usize = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| line.trim().len() - 3)
            .sum();
        if header < HEADER_CHARS_MIN {
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            problems.push(format!(
                "{name} does not open with `//!` that says what lives there and why"
            ));
        }
    }
    Ok(problems)
}
