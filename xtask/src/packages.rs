//! The budget of dependencies: how many packages the default build pulls in, and which it must never.

use crate::{Problem, metadata};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Packages of the default build, normal dependencies only.
const PACKAGES_MAX: usize = 400;
/// Never in the default build: each has a lighter stand-in that the design names.
const BANNED: &[&str] = &[
    "aws-lc-rs",
    "aws-lc-sys",
    "openssl",
    "openssl-sys",
    "onig",
    "onig_sys",
    "duckdb",
    "datafusion",
    "serde_yaml",
    "serde_yml",
    "reqwest",
];

pub(crate) fn check(root: &Path) -> Result<Vec<Problem>, String> {
    let metadata = metadata(root, &["--locked"])?;
    let mut names = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        if let (Some(id), Some(name)) = (package["id"].as_str(), package["name"].as_str()) {
            names.insert(id.to_owned(), name.to_owned());
        }
    }
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().into_iter().flatten() {
        let Some(id) = node["id"].as_str() else { continue };
        let dependencies = node["deps"].as_array().into_iter().flatten();
        let normal = dependencies.filter(|dependency| {
            dependency["dep_kinds"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|kind| kind["kind"].is_null())
        });
        edges.insert(
            id.to_owned(),
            normal
                .filter_map(|dep| dep["pkg"].as_str().map(str::to_owned))
                .collect(),
        );
    }
    let start = names
        .iter()
        .find(|(_, name)| *name == "seatrial")
        .map(|(id, _)| id.clone());
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<String> = start.into_iter().collect();
    while let Some(id) = waiting.pop() {
        if seen.insert(id.clone()) {
            waiting.extend(edges.get(&id).into_iter().flatten().cloned());
        }
    }
    let mut problems = Vec::new();
    if seen.is_empty() {
        problems.push("found no package `seatrial`".to_owned());
    }
    if seen.len() > PACKAGES_MAX {
        problems.push(format!(
            "the default build has {} packages, at most {PACKAGES_MAX} are allowed",
            seen.len()
        ));
    }
    for id in &seen {
        if let Some(name) = names.get(id).filter(|name| BANNED.contains(&name.as_str())) {
            problems.push(format!("`{name}` must not be in the default build"));
        }
    }
    Ok(problems)
}
