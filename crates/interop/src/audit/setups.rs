//! What suites, promptfoo configurations and lm-eval tasks tell. Apart from finding them: here is what counts as
//! evidence for which check.

use super::Findings;
use serde_json::Value;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Cases from which 95 % right answers can be shown at all.
const CASES_ENOUGH: u64 = 59;
/// Largest dataset whose lines are counted.
const DATASET_BYTES_MAX: u64 = 64 << 20;
const GROUP_WORDS: [&str; 9] = [
    "gender",
    "race",
    "ethnic",
    "age_group",
    "religion",
    "nationality",
    "language",
    "dialect",
    "disability",
];
const ATTACK_WORDS: [&str; 6] = ["jailbreak", "attack", "redteam", "red_team", "injection", "harm"];
const SOURCE_WORDS: [&str; 5] = ["halluc", "truthful", "faithful", "grounded", "factual"];
const BIAS_WORDS: [&str; 5] = ["bbq", "crows", "winogender", "bias", "stereo"];

/// A file with its values, its text, and where it lies.
pub(super) struct Source<'a> {
    pub(super) value: &'a Value,
    pub(super) text: &'a str,
    pub(super) shown: &'a str,
    pub(super) folder: &'a Path,
}

impl Source<'_> {
    /// 1-based line on which these words stand first.
    fn line(&self, words: &str) -> Option<u64> {
        let mut lines = (1..).zip(self.text.lines());
        lines
            .find(|(_, line)| line.contains(words))
            .map(|(number, _)| number)
    }

    fn add(&self, findings: &mut Findings, check: &'static str, what: impl Into<String>, words: &str) {
        findings.add(check, what, self.shown, self.line(words));
    }

    /// Whether names say that something is about one of these.
    fn add_by_name(&self, findings: &mut Findings, name: &str) {
        let lower = name.to_lowercase();
        let words: [(&'static str, &[&str]); 3] = [
            ("red_team", &ATTACK_WORDS),
            ("hallucination", &SOURCE_WORDS),
            ("bias", &BIAS_WORDS),
        ];
        for (check, words) in words {
            if words.iter().any(|word| lower.contains(word)) {
                self.add(findings, check, format!("`{name}`"), name);
            }
        }
        if ["toxi", "refus", "moderation"]
            .iter()
            .any(|word| lower.contains(word))
        {
            self.add(findings, "refusals", format!("`{name}`"), name);
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn suite(source: &Source<'_>, findings: &mut Findings) {
    let value = source.value;
    findings.facts.has_suite = true;
    findings
        .facts
        .suite
        .get_or_insert_with(|| source.shown.to_owned());
    for target in list(&value["targets"]) {
        if !target["price"].is_null() {
            source.add(findings, "prices", "price of a target", "price:");
        }
        if !target["params"]["max_tokens"].is_null() {
            source.add(findings, "answer_length", "max_tokens", "max_tokens");
        }
    }
    for task in list(&value["tasks"]) {
        suite_task(source, task, findings);
    }
    for slice in list(&value["slices"]).filter_map(Value::as_str) {
        suite_slice(source, slice, findings);
    }
    if !value["max_error_rate"].is_null() || !value["max_errors"].is_null() {
        source.add(findings, "error_cap", "a cap on errors", "max_error");
    }
    if !value["budget"].is_null() {
        source.add(findings, "budget", "budget", "budget:");
    }
    for gate in list(&value["gates"]) {
        suite_gate(source, gate, findings);
    }
}

fn suite_task(source: &Source<'_>, task: &Value, findings: &mut Findings) {
    let name = task["name"].as_str().unwrap_or_default();
    let scorer_name = |scorer: &Value| match scorer {
        Value::String(name) => Some(name.clone()),
        Value::Object(map) => map.keys().next().cloned(),
        _ => None,
    };
    let scorers: Vec<String> = list(&task["scorers"]).filter_map(scorer_name).collect();
    if let Some(first) = scorers.first() {
        source.add(
            findings,
            "scored_cases",
            format!("task `{name}` with {}", scorers.join(", ")),
            name,
        );
        if findings.facts.task.is_none() {
            findings.facts.task = Some(name.to_owned());
            findings.facts.metric = Some(first.clone());
        }
    }
    if task["epochs"].as_u64().is_some_and(|epochs| epochs > 1) {
        source.add(findings, "repeats", format!("epochs of task `{name}`"), "epochs:");
    }
    for scorer in &scorers {
        source.add_by_name(findings, scorer);
    }
    source.add_by_name(findings, name);
    if let Some(path) = task["dataset"]["path"].as_str() {
        source.add_by_name(findings, path);
        count_cases(source, path, findings);
    }
    if let Some(cases) = task["dataset"]["cases"].as_array() {
        enough(source, cases.len() as u64, "cases:", findings);
    }
    for slice in list(&task["slices"]).filter_map(Value::as_str) {
        suite_slice(source, slice, findings);
    }
}

fn suite_slice(source: &Source<'_>, slice: &str, findings: &mut Findings) {
    if GROUP_WORDS.iter().any(|word| slice.to_lowercase().contains(word)) {
        source.add(findings, "bias", format!("slices by `{slice}`"), slice);
    }
}

fn suite_gate(source: &Source<'_>, gate: &Value, findings: &mut Findings) {
    let Some(metric) = gate["metric"].as_str() else {
        return;
    };
    source.add(findings, "gates", format!("gate on {metric}"), metric);
    if gate["on_inconclusive"] == "fail" {
        source.add(
            findings,
            "undecided_fails",
            format!("gate on {metric}"),
            "on_inconclusive",
        );
    }
    let is_latency = metric.contains("latency_ms") || metric.contains("ttft_ms");
    if is_latency {
        source.add(findings, "latency_limit", format!("gate on {metric}"), metric);
    }
    if is_latency && (metric.ends_with(".p95") || metric.ends_with(".p99")) {
        source.add(findings, "tail_latency", format!("gate on {metric}"), metric);
    }
    if metric.contains("cost") {
        source.add(findings, "cost_limit", format!("gate on {metric}"), metric);
    }
    if metric.contains("error_rate") {
        source.add(findings, "error_cap", format!("gate on {metric}"), metric);
    }
    let is_safety = ["refus", "toxi", "harm", "safe", "jailbreak", "attack"];
    if is_safety.iter().any(|word| metric.to_lowercase().contains(word)) {
        source.add(findings, "safety_gate", format!("gate on {metric}"), metric);
    }
}

pub(super) fn promptfoo(source: &Source<'_>, findings: &mut Findings) {
    let value = source.value;
    findings.facts.has_promptfoo = true;
    let mut types = Vec::new();
    let mut visits = 0;
    for key in ["tests", "defaultTest", "scenarios"] {
        assertion_types(&value[key], &mut types, &mut visits);
    }
    for kind in &types {
        promptfoo_assertion(source, kind, findings);
    }
    match &value["tests"] {
        Value::Array(tests) => enough(source, tests.len() as u64, "tests:", findings),
        Value::String(path) => count_cases(source, path.trim_start_matches("file://"), findings),
        _ => {}
    }
    let redteam = &value["redteam"];
    if redteam.is_object() {
        source.add(findings, "red_team", "redteam section", "redteam:");
        for plugin in list(&redteam["plugins"]) {
            let id = plugin
                .as_str()
                .or_else(|| plugin["id"].as_str())
                .unwrap_or_default();
            source.add_by_name(findings, id);
        }
    }
    if value["evaluateOptions"]["repeat"]
        .as_u64()
        .is_some_and(|repeat| repeat > 1)
    {
        source.add(findings, "repeats", "evaluateOptions.repeat", "repeat:");
    }
    if source.text.contains("max_tokens") {
        source.add(findings, "answer_length", "max_tokens", "max_tokens");
    }
}

/// Types of all assertions below a value; bounded, because tests may be many.
fn assertion_types(value: &Value, types: &mut Vec<String>, visits: &mut usize) {
    const VISITS_MAX: usize = 100_000;
    *visits += 1;
    if *visits > VISITS_MAX {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| assertion_types(item, types, visits)),
        Value::Object(map) => {
            let beside = ["value", "threshold", "metric", "provider"];
            let is_assertion = map.len() == 1 || map.keys().any(|key| beside.contains(&key.as_str()));
            for (key, inner) in map {
                if key == "type" && is_assertion {
                    let kind = inner.as_str().unwrap_or_default().to_owned();
                    if !types.contains(&kind) {
                        types.push(kind);
                    }
                } else if key != "value" {
                    // What an assertion compares with may be a JSON Schema, with types of its own.
                    assertion_types(inner, types, visits);
                }
            }
        }
        _ => {}
    }
}

fn promptfoo_assertion(source: &Source<'_>, kind: &str, findings: &mut Findings) {
    const JUDGES: [&str; 8] = [
        "llm-rubric",
        "g-eval",
        "model-graded-closedqa",
        "agent-rubric",
        "factuality",
        "answer-relevance",
        "context-relevance",
        "conversation-relevance",
    ];
    let what = || format!("assertion `{kind}`");
    let bare = kind.trim_start_matches("not-");
    source.add(findings, "scored_cases", what(), kind);
    match bare {
        // An assertion fails the case, and any failed case fails the evaluation.
        "latency" => source.add(findings, "latency_limit", what(), kind),
        "cost" => {
            source.add(findings, "cost_limit", what(), kind);
            source.add(findings, "prices", what(), kind);
        }
        "is-refusal" | "moderation" | "guardrails" => {
            source.add(findings, "refusals", what(), kind);
            source.add(findings, "safety_gate", what(), kind);
        }
        "factuality" | "model-graded-factuality" | "context-faithfulness" | "context-recall" => {
            source.add(findings, "hallucination", what(), kind);
        }
        _ => {}
    }
    if JUDGES.contains(&bare) {
        findings.facts.has_judge = true;
    }
    source.add(findings, "gates", "every assertion must pass", kind);
}

pub(super) fn lm_eval(source: &Source<'_>, findings: &mut Findings) {
    let value = source.value;
    findings.facts.has_lm_eval = true;
    let tasks: Vec<&str> = match &value["task"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for task in tasks {
        source.add(findings, "scored_cases", format!("lm-eval task `{task}`"), task);
        // Public benchmarks have hundreds of documents and more.
        source.add(findings, "enough_cases", format!("lm-eval task `{task}`"), task);
        source.add_by_name(findings, task);
    }
    if value["repeats"].as_u64().is_some_and(|repeats| repeats > 1) {
        source.add(findings, "repeats", "repeats", "repeats:");
    }
    if !value["generation_kwargs"]["max_gen_toks"].is_null() {
        source.add(findings, "answer_length", "max_gen_toks", "max_gen_toks");
    }
}

fn enough(source: &Source<'_>, cases: u64, words: &str, findings: &mut Findings) {
    if cases >= CASES_ENOUGH {
        source.add(findings, "enough_cases", format!("{cases} cases"), words);
    }
}

/// Counts the rows of a dataset beside the file, as far as it is one of lines.
fn count_cases(source: &Source<'_>, path: &str, findings: &mut Findings) {
    let lower = path.to_lowercase();
    let header = u64::from(lower.ends_with(".csv"));
    if header == 0 && !lower.ends_with(".jsonl") {
        return;
    }
    let Ok(file) = File::open(source.folder.join(path)) else {
        return;
    };
    let is_readable = file
        .metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= DATASET_BYTES_MAX);
    if !is_readable {
        return;
    }
    let (mut lines, mut is_open) = (0_u64, false);
    for byte in BufReader::new(file).bytes() {
        match byte {
            Ok(b'\n') => (lines, is_open) = (lines + u64::from(is_open), false),
            Ok(byte) => is_open |= !byte.is_ascii_whitespace(),
            Err(_) => return,
        }
    }
    let rows = (lines + u64::from(is_open)).saturating_sub(header);
    enough(source, rows, path, findings);
}
