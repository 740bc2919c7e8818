//! What a set-up should have, as a table: one line for each thing, why it matters, how urgent it is, and what to add.
//! Apart from the readers, so that the order of needs is seen in one place.

use super::{Facts, Findings};
use seatrial_types::Pillar;
use serde::Serialize;

/// Something that a set-up should have.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Short name, stable.
    pub id: &'static str,
    /// Pillar that it belongs to.
    pub pillar: Pillar,
    /// What is asked for.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How urgent its lack is, 1 to 100.
    pub urgency: u8,
    /// What to add; `TASK`, `METRIC` and `SUITE` are replaced by what is there.
    pub add: &'static str,
}

/// A check for which nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Id of the check.
    pub check: &'static str,
    /// Pillar.
    pub pillar: Pillar,
    /// What is asked for.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How urgent it is, 1 to 100.
    pub urgency: u8,
    /// The command to run or the lines to add.
    pub add: String,
}

const fn check(
    id: &'static str,
    pillar: Pillar,
    urgency: u8,
    title: &'static str,
    why: &'static str,
    add: &'static str,
) -> Check {
    Check {
        id,
        pillar,
        title,
        why,
        urgency,
        add,
    }
}

/// Everything that is looked for.
pub const CHECKS: &[Check] = &[
    check(
        "scored_cases",
        Pillar::Quality,
        100,
        "cases with a reference and a scorer",
        "without scored cases nothing can be said of a change",
        "tasks:\n  - name: answers\n    dataset: {path: cases.jsonl}\n    scorers: [exact_match]",
    ),
    check(
        "enough_cases",
        Pillar::Quality,
        80,
        "at least 59 cases",
        "fewer can never show 95 % right answers at risk 0.05, however good the model is (0.95^59 < 0.05)",
        "seatrial plan SUITE    # says for each gate from which n on it can pass",
    ),
    check(
        "judge_calibrated",
        Pillar::Quality,
        60,
        "a judge whose agreement with people is known",
        "scores of a model that judges mean nothing until it is known how often people agree with it",
        "label about 200 answers by hand, then: seatrial stats eval   # fn cohen_kappa, ppi",
    ),
    check(
        "latency_limit",
        Pillar::Performance,
        50,
        "a limit on latency",
        "a better answer that comes too late is no better answer",
        "gates:\n  - {metric: TASK.latency_ms.p95, at_most: 2000}",
    ),
    check(
        "tail_latency",
        Pillar::Performance,
        30,
        "a limit on a percentile of latency",
        "means hide the users who wait longest",
        "gates:\n  - {metric: TASK.latency_ms.p99, at_most: 5000}",
    ),
    check(
        "load",
        Pillar::Performance,
        25,
        "behaviour under load",
        "latency of single calls says nothing of many at once",
        "targets: limits: {concurrency: {fixed: 32}}   # then compare latency_ms.p95 with a run at 1",
    ),
    check(
        "refusals",
        Pillar::Safety,
        55,
        "harmful or forbidden answers are scored",
        "an evaluation of good questions does not see what bad ones bring out",
        "tasks:\n  - name: must-refuse\n    dataset: {path: forbidden.jsonl}\n    scorers: [refusal]",
    ),
    check(
        "red_team",
        Pillar::Safety,
        45,
        "attacks (jailbreaks, injections) are tried",
        "attackers do not ask politely",
        "a dataset of attacks as a task of its own, scored with `refusal`",
    ),
    check(
        "bias",
        Pillar::Safety,
        35,
        "answers are compared between groups of people",
        "a good mean can hide that one group is served badly",
        "slices: [language]    # or any column that names the group",
    ),
    check(
        "hallucination",
        Pillar::Safety,
        40,
        "answers are checked against their sources",
        "fluent answers that are made up are the failure that users notice last",
        "tasks:\n  - name: grounded\n    dataset: {path: with-sources.jsonl}\n    scorers: [contains]",
    ),
    check(
        "safety_gate",
        Pillar::Safety,
        50,
        "a gate on a safety metric",
        "what is measured and not gated is shipped anyway",
        "gates:\n  - {metric: must-refuse.refusal, at_least: 0.99, on_inconclusive: fail}",
    ),
    check(
        "prices",
        Pillar::Cost,
        40,
        "prices of the targets",
        "without a price the cost of an answer, and of a success, is unknown",
        "targets:\n  - price: {input_usd_per_mtok: 0.10, output_usd_per_mtok: 0.40}",
    ),
    check(
        "cost_limit",
        Pillar::Cost,
        35,
        "a limit on cost per answer or per success",
        "a change that is as good at twice the price is a worse one",
        "gates:\n  - {metric: TASK.cost_per_success_usd, at_most: 0.01}",
    ),
    check(
        "budget",
        Pillar::Cost,
        30,
        "a cap on what an evaluation itself may cost",
        "a loop in a prompt or a retry should not be found on the bill",
        "seatrial run SUITE --max-cost 5",
    ),
    check(
        "answer_length",
        Pillar::Cost,
        15,
        "a limit on the length of answers",
        "answers are the dear part of a call",
        "targets:\n  - params: {max_tokens: 256}",
    ),
    check(
        "in_ci",
        Pillar::Reliability,
        90,
        "the evaluation runs in CI",
        "what is run by hand is not run before the change that breaks it",
        "seatrial run SUITE --junit junit.xml    # as a step of the workflow; its exit code decides",
    ),
    check(
        "gates",
        Pillar::Reliability,
        85,
        "a limit that decides",
        "numbers without a limit do not stop a bad release",
        "gates:\n  - {metric: TASK.METRIC, at_least: 0.9, risk: 0.05}",
    ),
    check(
        "undecided_fails",
        Pillar::Reliability,
        45,
        "too little evidence is not a pass",
        "a limit that is compared with a mean of few cases passes and fails by chance",
        "gates:\n  - {metric: TASK.METRIC, at_least: 0.9, on_inconclusive: fail}",
    ),
    check(
        "error_cap",
        Pillar::Reliability,
        40,
        "a cap on errors of the provider",
        "errors that are left out of a score make it look better",
        "max_error_rate: 0.02",
    ),
    check(
        "repeats",
        Pillar::Reliability,
        35,
        "cases are asked more than once",
        "one answer does not tell whether the next one will be right too",
        "tasks:\n  - epochs: 3",
    ),
    check(
        "results_kept",
        Pillar::Reliability,
        30,
        "results are kept and shown",
        "a red build without its cases cannot be mended",
        "seatrial run SUITE --junit junit.xml --html report.html    # and upload both",
    ),
];

/// Everything that was not found, the most urgent first.
pub(super) fn needs_of(findings: &Findings) -> Vec<Need> {
    let is_met = |id: &str| findings.evidence.iter().any(|evidence| evidence.check == id);
    let facts = &findings.facts;
    let mut needs: Vec<Need> = CHECKS
        .iter()
        .filter(|check| !is_met(check.id))
        .filter(|check| check.id != "judge_calibrated" || facts.has_judge)
        .map(|check| Need {
            check: check.id,
            pillar: check.pillar,
            title: check.title,
            why: check.why,
            urgency: check.urgency,
            add: fill(check.add, facts),
        })
        .collect();
    needs.sort_by_key(|need| std::cmp::Reverse(need.urgency));
    needs
}

fn fill(add: &str, facts: &Facts) -> String {
    let or = |known: &Option<String>, otherwise: &str| known.clone().unwrap_or_else(|| otherwise.to_owned());
    add.replace("SUITE", &or(&facts.suite, "suite.yaml"))
        .replace("TASK", &or(&facts.task, "answers"))
        .replace("METRIC", &or(&facts.metric, "exact_match"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Protects the table: ids are told apart, urgencies are in range, every need says what to add.
    #[test]
    fn the_table_is_sound() {
        let ids: HashSet<_> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        for check in CHECKS {
            assert!((1..=100).contains(&check.urgency), "{}", check.id);
            assert!(!check.add.is_empty() && !check.why.is_empty(), "{}", check.id);
        }
    }
}
