//! Every public function of the statistics and the text metrics is shown at work in a doctest: a free function in its
//! own documentation, a method there, in that of its type, or in another example of its file.

use crate::{Problem, files};
use std::collections::HashMap;
use std::path::Path;

/// The crates whose public functions are contracts.
const CRATES: [&str; 2] = ["crates/stats/src", "crates/text/src"];

pub(crate) fn check(root: &Path) -> Result<Vec<Problem>, String> {
    let mut problems = Vec::new();
    for folder in CRATES {
        for path in files(&root.join(folder), &["rs"])? {
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            for function in without_example(&text) {
                problems.push(format!("{name}: `{function}` has no doctest"));
            }
        }
    }
    Ok(problems)
}

/// Public functions of a file that no example of it shows.
fn without_example(text: &str) -> Vec<String> {
    let mut examples = String::new();
    let mut types: HashMap<String, bool> = HashMap::new();
    let mut open: Vec<(String, Option<String>)> = Vec::new();
    let mut docs: Vec<&str> = Vec::new();
    let mut owner: Option<String> = None;
    for line in text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")) {
        let trimmed = line.trim_start();
        if let Some(doc) = trimmed.strip_prefix("///") {
            docs.push(doc);
            continue;
        }
        // Attributes stand between the documentation and what it documents.
        if trimmed.starts_with('#') || trimmed.starts_with("reason") {
            continue;
        }
        let has_example = docs.iter().any(|doc| doc.trim_start().starts_with("```"));
        if has_example {
            examples.push_str(&docs.join("\n"));
        }
        docs.clear();
        if line.starts_with("impl") {
            owner = owner_of(line);
        } else if let Some(name) = after(line, &["pub struct ", "pub enum "]) {
            types.insert(name, has_example);
        } else if let Some(name) = after(line, &["pub fn ", "pub const fn "]) {
            if !has_example {
                open.push((name, None));
            }
        } else if let Some(name) = after(line, &["    pub fn ", "    pub const fn "])
            && !has_example
            && owner.is_some()
        {
            open.push((name, owner.clone()));
        }
    }
    open.into_iter()
        .filter(|(name, owner)| {
            let Some(owner) = owner else { return true };
            let is_shown =
                types.get(owner).copied().unwrap_or(false) || examples.contains(&format!("{name}("));
            !is_shown
        })
        .map(|(name, owner)| owner.map_or(name.clone(), |owner| format!("{owner}::{name}")))
        .collect()
}

/// The type of an `impl` block; `None` for that of a trait, whose documentation is the trait's.
fn owner_of(line: &str) -> Option<String> {
    if line.contains(" for ") {
        return None;
    }
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generic) => generic.split_once("> ")?.1,
        None => rest,
    };
    Some(word(rest.trim_start()))
}

fn after(line: &str, starts: &[&str]) -> Option<String> {
    starts.iter().find_map(|start| line.strip_prefix(start)).map(word)
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects what counts as shown: own example, that of the type, or a use in another example of the file.
    #[test]
    fn finds_what_no_example_shows() {
        let text = "\
/// Doc.\n///\n/// ```\n/// x.used();\n/// ```\npub fn shown() {}\n\
/// Doc.\n#[must_use]\npub fn bare() {}\n\
/// Doc.\npub struct A;\nimpl A {\n    /// Doc.\n    pub fn used(&self) {}\n    /// Doc.\n    pub fn unused(&self) {}\n}\n\
/// ```\n/// ```\npub struct B<T>(T);\nimpl<T> B<T> {\n    pub fn of_b(&self) {}\n}\n\
impl Clone for A {\n    pub fn not_counted() {}\n}\n\
#[cfg(test)]\npub fn in_tests() {}\n";
        assert_eq!(without_example(text), ["bare", "A::unused"]);
    }
}
