//! Findings for tests of reports, as JSON says them: what a run of any size and any luck leaves behind.

use seatrial_types::Findings;
use serde_json::{Value, json};

/// A metric of a target.
pub(crate) fn metric(name: &str, statistic: &str, pillar: &str, unit: &str, value: f64) -> Value {
    json!({"task": "answers", "metric": name, "statistic": statistic, "pillar": pillar, "value": value,
           "low": value * 0.9, "high": value * 1.05, "level": 0.95, "unit": unit, "method": "wilson", "n": 200,
           "denominator": 198, "n_scored": 195, "n_unparsed": 2, "n_refused": 1, "n_error": 2})
}

/// A gate's result.
pub(crate) fn gate(name: &str, verdict: &str, fails: bool, p: f64, line: u64) -> Value {
    json!({"name": name, "target": "tier-1", "metric": "answers.exact_match.mean", "verdict": verdict,
           "bound": "at_least", "inconclusive_fails": fails, "value": 0.8, "low": 0.75, "high": 0.84, "limit": 0.9,
           "risk": 0.05, "p_fail": p, "p_fail_adjusted": p, "n": 200, "mde": 0.04, "method": "clopper_pearson",
           "unit": "share", "reason": "upper 95% bound 0.84 misses 0.9",
           "place": {"path": "./suites/trial.yaml", "line": line, "column": 5}})
}

/// Findings with these gates and warnings.
pub(crate) fn findings(verdict: &str, exit_code: u8, gates: &[Value], warnings: &[&str]) -> Findings {
    let slice = |value: &str, share: f64| {
        let mut slice = metric("exact_match", "mean", "quality", "share", share);
        slice["slice"] = json!({"column": "topic", "value": value});
        slice
    };
    let target = json!({
        "name": "tier-1", "model": "small", "served_models": ["small-2026"], "verdict": verdict,
        "scorecard": [
            {"pillar": "performance", "status": "measured", "metrics": ["answers.latency_ms.p50"]},
            {"pillar": "safety", "status": "not_assessed", "metrics": []},
            {"pillar": "cost", "status": "measured", "metrics": []},
            {"pillar": "reliability", "status": "pass", "metrics": []}],
        "metrics": [
            metric("exact_match", "mean", "quality", "share", 0.8),
            metric("latency_ms", "p50", "performance", "ms", 120.0),
            metric("cost_usd", "mean", "cost", "usd", 0.0012)],
        "slices": [slice("billing", 0.7), slice("privacy", 0.9)],
        "usage": {"input_tokens": 1000, "output_tokens": null}, "cost_usd": "0.24", "errors": {"timeout": 2}, "retries": 3});
    let all = json!({"schema": "seatrial.findings/1", "tool_version": "0.1.0", "run_id": "20260131T120000-9f3a61",
        "suite": "trial", "plan_hash": "00112233445566778899aabbccddeeff", "started_at": "2026-01-31T12:00:00Z",
        "ended_at": "2026-01-31T12:01:30Z", "verdict": verdict, "exit_code": exit_code, "warnings": warnings,
        "samples_planned": 200, "samples_finished": 200, "targets": [target], "comparisons": [], "gates": gates,
        "a_key_of_later": {"ignored": true}});
    serde_json::from_value(all).unwrap()
}

/// `count` failing gates, `g0` on line 10, `g1` on line 11, …, the later the worse.
pub(crate) fn many_failures(count: u64) -> Findings {
    let gates = (0..count).map(|number| {
        let p = 0.04 / f64::from(u32::try_from(number + 1).unwrap());
        gate(&format!("g{number}"), "fail", false, p, 10 + number)
    });
    findings("fail", 1, &gates.collect::<Vec<_>>(), &["no price is known"])
}
