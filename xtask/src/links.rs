//! Links between the project's own documents lead somewhere.

use crate::{Problem, files};
use regex::Regex;
use std::path::Path;

pub(crate) fn check(root: &Path) -> Result<Vec<Problem>, String> {
    let link = Regex::new(r"\[[^\]]*\]\(([^)\s]+)\)").map_err(|error| error.to_string())?;
    let mut problems = Vec::new();
    for path in files(root, &["md"])? {
        // Reference data keeps the words of its makers.
        if path.starts_with(root.join("testdata")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for target in link.captures_iter(&text).filter_map(|found| found.get(1)) {
            let target = target.as_str();
            if target.contains("://") || target.starts_with('#') || target.starts_with("mailto:") {
                continue;
            }
            let file = target.split('#').next().unwrap_or(target);
            let folder = path.parent().unwrap_or(root);
            if !folder.join(file).exists() {
                let name = path.strip_prefix(root).unwrap_or(&path).display();
                problems.push(format!("{name} links to {target}, which does not exist"));
            }
        }
    }
    Ok(problems)
}
