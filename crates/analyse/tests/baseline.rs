//! Which plans may be compared with a baseline, and what a gate finds in the two runs: over recorded plans as JSON, where
//! every field of the identity can be changed one by one.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_analyse::baseline::{Baseline, Misfits, Unfit, misfits, weigh_gates};
use seatrial_analyse::scored::PlannedTarget;
use seatrial_analyse::scored::{ScoredRun, planned_targets};
use seatrial_config::{
    DraftPlan, MetricEntry, OptionEntry, OptionShape, ScorerEntry, Vocabulary, parse_suite,
};
use seatrial_types::{MetricKind, Pillar, Unit, Verdict};
use serde_json::{Value, json};
use std::path::Path;

const RIGHT: &[MetricEntry] = &[MetricEntry {
    name: "",
    kind: MetricKind::Binary,
    unit: Unit::Share,
    pillar: Pillar::Quality,
}];
const MODEL: &[OptionEntry] = &[OptionEntry {
    name: "model",
    shape: OptionShape::Model,
    what: "who judges",
    required: true,
}];

fn draft(gates: &str) -> DraftPlan {
    let entry = |name, options| ScorerEntry {
        name,
        what: "",
        options,
        metrics: RIGHT,
    };
    let vocabulary = Vocabulary {
        scorers: vec![entry("exact", &[][..]), entry("judge", MODEL)],
    };
    let suite = format!(
        "version: 1\nname: s\nslices: [topic]\n\
         targets: [{{name: t, provider: openai, base_url: \"http://127.0.0.1:1/v1\", model: m}}]\n\
         models: [{{name: j, provider: openai, base_url: \"http://127.0.0.1:2/v1\", model: j-1}}]\n\
         tasks:\n  - {{name: qa, dataset: {{path: c.jsonl}}, scorers: [exact, judge: {{model: j}}]}}\ngates: [{gates}]\n"
    );
    let (draft, _) = parse_suite(&suite, Path::new("s.yaml"), &vocabulary).unwrap();
    draft
}

fn plan() -> Value {
    json!({
        "plan": 1,
        "suite": {
            "targets": [{"name": "t", "provider": "openai", "endpoint": {"base_url": "u", "model": "m", "params": {}}}],
            "models": [{"name": "j", "provider": "openai", "endpoint": {"base_url": "v", "model": "j-1", "params": {}}}],
            "tasks": [{"name": "qa", "recipe": "mmlu/cot@1", "prompt": {"input": {"system": null}},
                       "scorers": [{"scorer": "exact", "name": "exact", "options": {}},
                                   {"scorer": "judge", "name": "judge", "options": {"model": "j"}}],
                       "selection": "all", "seed": 3, "slices": ["topic"]}],
        },
        "datasets": [{"rows": "aa", "cases": "bb"}],
        "scorer_versions": [[1, 1]],
        "recorded_answers": [null],
    })
}

/// A run of this plan: scores of `exact` for each case, `epochs` times.
fn run(plan: &Value, right: impl Fn(u32) -> bool, cases: u32, epochs: u32) -> ScoredRun {
    let planned = planned_targets(plan, "1").remove(0);
    let keys: Vec<(u32, u32)> = (0..epochs)
        .flat_map(|epoch| (0..cases).map(move |case| (epoch, case)))
        .collect();
    let samples: Vec<Value> = keys
        .iter()
        .map(|(epoch, case)| json!({"id": format!("c{case}"), "epoch": epoch, "case": case, "slices": [case % 2]}))
        .collect();
    let scores: Vec<f64> = keys
        .iter()
        .map(|(_, case)| f64::from(u8::from(right(*case))))
        .collect();
    let metric = json!({"metric": "exact", "kind": "binary", "unit": "share", "pillar": "quality",
                        "higher_is_better": true, "is_primary": true, "scores": scores});
    let slices = ["a", "b"].map(|value| json!({"column": "topic", "value": value}));
    let run = json!({"label": "r@t", "target": "t", "identity": planned.identity, "subject": planned.subject,
                     "tasks": [{"task": "qa", "epochs": epochs, "slices": slices, "samples": samples, "metrics": [metric]}]});
    serde_json::from_value(run).unwrap()
}

fn baseline(run: &ScoredRun) -> Baseline {
    let all = json!({"schema": "seatrial.baseline/1", "tool_version": "1", "name": "s", "run_id": "20260101T000000-000001",
                     "suite": "s", "plan_hash": "00", "started_at": "2026-01-01T00:00:00Z",
                     "blessed_at": "2026-01-02T00:00:00Z", "author": null, "reason": null, "verdict": "pass",
                     "is_forced": false, "estimates": [], "targets": [run]});
    serde_json::from_value(all).unwrap()
}

fn unfit(baseline: &Baseline, draft: &DraftPlan, planned: &[PlannedTarget]) -> Vec<Unfit> {
    misfits(baseline, draft, planned).problems
}

const GATE: &str = "{metric: qa.exact, not_worse_than: baseline}";

/// Protects comparisons that mean something: dataset, cases, recipe, selection, seed and slices, the gate's own scorer and
/// its judge; what belongs to another scorer, and everything of the subject, may change.
#[test]
fn every_field_of_the_identity_is_named() {
    let base = baseline(&run(&plan(), |_| true, 4, 1));
    let told = |gates: &str, pointer: &str, value: Value| -> Vec<String> {
        let mut changed = plan();
        *changed.pointer_mut(pointer).unwrap() = value;
        let problems = unfit(&base, &draft(gates), &planned_targets(&changed, "1"));
        problems.iter().map(|problem| problem.as_change().field).collect()
    };
    for (pointer, value, field) in [
        ("/datasets/0/rows", json!("x"), "qa.dataset"),
        ("/datasets/0/cases", json!("x"), "qa.cases"),
        ("/suite/tasks/0/recipe", json!("mmlu/cot@2"), "qa.recipe"),
        ("/suite/tasks/0/selection", json!({"limit": 3}), "qa.selection"),
        ("/suite/tasks/0/seed", json!(4), "qa.seed"),
        ("/suite/tasks/0/slices", json!([]), "qa.slices"),
        ("/scorer_versions/0/0", json!(2), "qa.scorers.exact.version"),
        (
            "/suite/tasks/0/scorers/0/options",
            json!({"x": 1}),
            "qa.scorers.exact.options",
        ),
    ] {
        assert_eq!(told(GATE, pointer, value), [field]);
    }
    for (pointer, value) in [
        ("/scorer_versions/0/1", json!(2)),
        ("/suite/tasks/0/scorers/1/options", json!({"model": "j", "x": 1})),
        ("/suite/targets/0/endpoint/model", json!("m-2")),
        ("/suite/tasks/0/prompt", json!({"input": {"system": "Be kind."}})),
        ("/suite/targets/0/endpoint/params", json!({"temperature": 1})),
    ] {
        assert_eq!(told(GATE, pointer, value), Vec::<String>::new(), "{pointer}");
    }
    // A judge that is another model is another judge. The baseline has no values of it here, which is said once it fits.
    let judged = "{metric: qa.judge, not_worse_than: baseline}";
    assert_eq!(
        told(judged, "/suite/models/0/endpoint/model", json!("j-2")),
        ["qa.models.j.model"]
    );
    assert_eq!(
        told(judged, "/suite/models/0/endpoint/base_url", json!("w")),
        ["qa.judge"]
    );
    let none = baseline(&run(&plan(), |_| true, 4, 1));
    let mut other = none.clone();
    other.targets.push(ScoredRun {
        target: Some("u".to_owned()),
        ..none.targets[0].clone()
    });
    other.targets[0].target = Some("v".to_owned());
    let found = unfit(&other, &draft(GATE), &planned_targets(&plan(), "1"));
    assert_eq!(found[0].to_string(), "it has no target `t`, only `v`, `u`");
    // The only target there is serves a target of any name.
    let mut renamed = none;
    renamed.targets[0].target = Some("v".to_owned());
    assert_eq!(unfit(&renamed, &draft(GATE), &planned_targets(&plan(), "1")), []);
}

/// Protects gates from each other: one whose judge changed is left open, the other is decided.
#[test]
fn one_misfit_leaves_the_other_gates_alone() {
    let base = baseline(&run(&plan(), |_| true, 200, 1));
    let gates = format!("{GATE}, {{metric: qa.judge, not_worse_than: baseline}}");
    let mut changed = plan();
    changed["suite"]["models"][0]["endpoint"]["model"] = json!("j-2");
    let found = misfits(&base, &draft(&gates), &planned_targets(&changed, "1"));
    assert_eq!(found.by_gate.keys().collect::<Vec<_>>(), [&(1, 0)]);
    assert_eq!(found.by_gate[&(1, 0)], "qa.models.j.model: j-1 → j-2");
    let weighed = weigh_gates(&base, &draft(&gates), &[run(&plan(), |_| true, 200, 1)], &found);
    assert_eq!(weighed.keys().collect::<Vec<_>>(), [&(0, 0)]);
}

/// Protects what a gate finds: pairs by case, means over epochs, one slice where it asks for one, cases of one side told.
#[test]
fn gates_find_their_pairs() {
    let base = baseline(&run(&plan(), |case| case % 10 != 0, 200, 1));
    let weigh = |gates: &str, new: &ScoredRun| {
        weigh_gates(
            &base,
            &draft(gates),
            std::slice::from_ref(new),
            &Misfits::default(),
        )
        .remove(&(0, 0))
        .unwrap()
    };
    let same = run(&plan(), |case| case % 10 != 0, 200, 1);
    let found = weigh(GATE, &same);
    assert_eq!(
        (found.evidence.n, found.evidence.value, found.evidence.baseline),
        (200, Some(0.9), Some(0.9))
    );
    assert_eq!(found.evidence.verdict(0.05, found.evidence.p_fail), Verdict::Pass);
    let worse = weigh(GATE, &run(&plan(), |case| case % 4 != 0, 200, 1));
    assert_eq!(worse.evidence.verdict(0.05, worse.evidence.p_fail), Verdict::Fail);
    let repeated = weigh(GATE, &run(&plan(), |case| case % 10 != 0, 200, 3));
    assert_eq!(
        (repeated.evidence.n, repeated.evidence.method),
        (200, seatrial_types::Method::Betting)
    );
    let slice = weigh(
        "{metric: qa.exact, not_worse_than: baseline, slice: {topic: a}}",
        &same,
    );
    assert_eq!((slice.evidence.n, slice.evidence.value), (100, Some(0.8)));
    let fewer = weigh(GATE, &run(&plan(), |_| true, 150, 1));
    assert_eq!((fewer.evidence.n, fewer.n_unpaired), (150, 50));
    assert!(fewer.note.unwrap().contains("50 cases"));
    let nothing = weigh(
        "{metric: qa.exact, not_worse_than: baseline, slice: {topic: z}}",
        &same,
    );
    assert_eq!((nothing.evidence.n, nothing.evidence.p_fail), (0, None));
}
