//! Protects fronts on published figures, their certainty, the choice by bounds, and routing by hand and on published
//! outcomes.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_cost::pareto::{Axis, Candidate, Evidence, Requirement, choose, front, hypervolume, membership};
use seatrial_cost::routing::{Outcomes, Verifier, escalate, interval, route};
use seatrial_testkit::test_data;
use std::collections::BTreeMap;

/// The rows of the published table: each begins with `- ` and has `key: value` lines.
fn leaderboard() -> Option<Vec<BTreeMap<String, String>>> {
    let text = std::fs::read_to_string(
        test_data("fronts_of_published_models")?.join("benchmarks/aider_polyglot/polyglot_leaderboard.yml"),
    )
    .unwrap();
    let mut rows: Vec<BTreeMap<String, String>> = Vec::new();
    for line in text.lines() {
        if line.starts_with("- ") {
            rows.push(BTreeMap::new());
        }
        if let Some((key, value)) = line.trim_start_matches(['-', ' ']).split_once(": ")
            && let Some(row) = rows.last_mut()
        {
            row.insert(key.to_owned(), value.trim().to_owned());
        }
    }
    Some(rows)
}

fn published() -> Option<Vec<Candidate>> {
    let number =
        |row: &BTreeMap<String, String>, key: &str| row.get(key).and_then(|text| text.parse::<f64>().ok());
    let rows = leaderboard()?;
    let candidates = rows.iter().filter_map(|row| {
        let n = number(row, "test_cases").unwrap();
        let cost = number(row, "total_cost").filter(|cost| *cost > 0.0)?;
        let evidence = Evidence::Summary {
            quality: number(row, "pass_rate_2").unwrap() / 100.0,
            n,
            cost: Some(cost / n),
            latency_ms: number(row, "seconds_per_case").map(|seconds| seconds * 1000.0),
            safety: None,
        };
        Some(Candidate::new(row["model"].clone(), evidence))
    });
    Some(candidates.collect())
}

fn losses(candidates: &[Candidate], axes: &[Axis]) -> Vec<Vec<f64>> {
    let of = |candidate: &Candidate| {
        axes.iter()
            .map(|axis| axis.loss(candidate.value(*axis).unwrap()))
            .collect()
    };
    candidates.iter().map(of).collect()
}

/// Protects the front on published figures of 51 models with a known cost: 8 on quality and cost, 22 with time; what a
/// solved task costs.
#[test]
fn fronts_of_published_models() {
    let Some(candidates) = published() else { return };
    assert_eq!(candidates.len(), 51);
    let on_front = |axes: &[Axis]| {
        let found = front(&losses(&candidates, axes), &vec![0.0; axes.len()]);
        found.exact.iter().filter(|is_on| **is_on).count()
    };
    assert_eq!(on_front(&[Axis::Quality, Axis::Cost]), 8);
    assert_eq!(on_front(&[Axis::Quality, Axis::Cost, Axis::Latency(0.5)]), 22);
    let per_success: Vec<f64> = candidates
        .iter()
        .map(|c| c.value(Axis::CostPerSuccess).unwrap())
        .collect();
    let (low, high) = per_success
        .iter()
        .fold((f64::MAX, 0.0_f64), |(low, high), x| (low.min(*x), high.max(*x)));
    assert!(
        (low - 0.0031).abs() < 5e-5 && (high - 1.82).abs() < 5e-3,
        "{low} {high}"
    );
    let axes = [Axis::Quality, Axis::Cost];
    let told = membership(&candidates, &axes, 0.95, 0.05, 2_000, 1);
    assert!(!told.is_paired);
    let exact = front(&losses(&candidates, &axes), &[0.0, 0.0]).exact;
    // The cheapest is on every front, whatever is drawn; candidates on the front are there more often than the others.
    let cheapest = (0..candidates.len())
        .min_by(|a, b| {
            candidates[*a]
                .value(Axis::Cost)
                .unwrap()
                .total_cmp(&candidates[*b].value(Axis::Cost).unwrap())
        })
        .unwrap();
    assert!(told.probability[cheapest] > 0.999);
    let mean = |wanted: bool| {
        let chosen: Vec<f64> = told
            .probability
            .iter()
            .zip(&exact)
            .filter(|(_, on)| **on == wanted)
            .map(|(p, _)| *p)
            .collect();
        chosen.iter().sum::<f64>() / chosen.len() as f64
    };
    assert!(
        mean(true) > 0.6 && mean(false) < 0.15,
        "{} {}",
        mean(true),
        mean(false)
    );
    let volume = hypervolume(&losses(&candidates, &axes));
    assert!((0.5..1.0).contains(&volume), "{volume}");
}

fn cases(name: &str, right: &[u8], cost: f64, latency: f64) -> Candidate {
    Candidate::new(
        name.to_owned(),
        Evidence::Cases {
            quality: right.iter().map(|right| f64::from(*right)).collect(),
            cost: Some(vec![cost; right.len()]),
            latency_ms: Some((0..right.len()).map(|case| Some(latency + case as f64)).collect()),
            safety: None,
        },
    )
}

/// Protects pairing: b is right wherever a is and once more, so that every resample that draws that case has both on the
/// front, and any other only the cheaper: 1 − (1 − 1/20)^20.
#[test]
fn cases_are_resampled_together() {
    let mut right = [1_u8; 20];
    right[..10].fill(0);
    let a = cases("a", &right, 1.0, 10.0);
    right[0] = 1;
    let b = cases("b", &right, 2.0, 10.0);
    let told = membership(
        &[a.clone(), b],
        &[Axis::Quality, Axis::Cost],
        0.95,
        0.05,
        20_000,
        3,
    );
    assert!(told.is_paired);
    assert!((told.probability[0] - 1.0).abs() < 1e-12);
    let expected = 1.0 - 0.95_f64.powi(20);
    assert!(
        (told.probability[1] - expected).abs() < 0.015,
        "{} {expected}",
        told.probability[1]
    );
    // The same seed says the same, on any number of threads.
    let again = membership(std::slice::from_ref(&a), &[Axis::Quality], 0.95, 0.05, 500, 3);
    assert_eq!(
        again,
        membership(std::slice::from_ref(&a), &[Axis::Quality], 0.95, 0.05, 500, 3)
    );
    // Percentiles, by hand: latencies 10 to 29.
    assert_eq!(a.value(Axis::Latency(0.5)), Some(19.0));
    assert_eq!(a.value(Axis::Latency(0.95)), Some(28.0));
    assert_eq!(a.value(Axis::CostPerSuccess), Some(2.0));
}

/// Protects the choice: bounds decide, not values; the sentence says who was left out and why.
#[test]
fn bounds_decide() {
    let share = |right: usize| -> Vec<u8> { (0..100).map(|case| u8::from(case < right)).collect() };
    let candidates = [
        cases("cheap", &share(91), 1.0, 10.0),
        cases("safe", &share(99), 2.0, 10.0),
    ];
    let axes = [Axis::Quality, Axis::CostPerSuccess];
    let told = membership(&candidates, &axes, 0.95, 0.05, 1_000, 1);
    let wanted = [Requirement {
        axis: Axis::Quality,
        limit: 0.9,
    }];
    let choice = choose(
        &["cheap", "safe"],
        &axes,
        &told.values,
        &wanted,
        Axis::CostPerSuccess,
        0.05,
    );
    assert_eq!(choice.chosen, Some(1));
    // Clopper and Pearson's lower bound of 91 of 100 at 95 %, one-sided (P(X ≥ 91) = 0.05 there).
    assert_eq!(
        choice.reason,
        "safe has the best cost_per_success (2.020 usd) of the 1 of 2 candidates that meet quality ≥ 0.9 with 95 % \
         confidence. cheap: quality has the lower bound 0.848205, not quality ≥ 0.9."
    );
    let nobody = choose(
        &["cheap", "safe"],
        &axes,
        &told.values,
        &[Requirement {
            axis: Axis::Safety,
            limit: 1.0,
        }],
        Axis::CostPerSuccess,
        0.05,
    );
    assert_eq!(nobody.chosen, None);
    assert!(
        nobody
            .reason
            .starts_with("Nobody meets safety ≥ 1 with 95 % confidence. cheap: safety is unknown")
    );
}

/// Protects routing, by hand. Four cases: weak 1 0 0 1, strong 1 1 1 0; weak costs 1, strong 5.
/// In the order of the scores 0.9 (case 1), 0.8 (case 3), 0.5 (cases 0 and 2): quality 2/4, 3/4, 2/4, 3/4 at strong shares
/// 0, 1/4, 1/2, 1. The gap is 1/4: PGR 0, 1, 0, 1; area ½·¼ + ½·¼ + ½·½ = ½. CPT(50 %) = 1/8, CPT(80 %) = 1/5.
/// Costs 1, 2, 3, 5: the hull rises from (1, ½) to (2, ¾) and stays: (⅝ + 3·¾)/4 = 0.71875.
#[test]
fn routing_by_hand() {
    let outcomes = Outcomes::try_new(
        vec![1.0, 0.0, 0.0, 1.0],
        vec![1.0, 1.0, 1.0, 0.0],
        vec![1.0; 4],
        vec![5.0; 4],
    )
    .unwrap();
    let routing = route(&outcomes, &[0.5, 0.9, 0.5, 0.8]).unwrap();
    let told: Vec<_> = routing
        .course
        .iter()
        .map(|step| (step.strong_share, step.quality, step.cost))
        .collect();
    assert_eq!(
        told,
        [
            (0.0, 0.5, 1.0),
            (0.25, 0.75, 2.0),
            (0.5, 0.5, 3.0),
            (1.0, 0.75, 5.0)
        ]
    );
    let close =
        |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}");
    close(routing.apgr, 0.5);
    close(routing.cpt_50, 0.125);
    close(routing.cpt_80, 0.2);
    close(routing.aiq, 0.71875);
    // The oracle sends cases 1 and 2, then 0, then 3: quality 1/2, 1, 1, 3/4; PGR 0, 2, 2, 1; area ½ + ½ + 3/8.
    let oracle = route(&outcomes, &outcomes.oracle()).unwrap();
    close(oracle.apgr, 0.5 + 0.5 + 0.375);
    // A check that sees everything: half goes on, all are right; one that sees half, a quarter.
    let all = escalate(
        &outcomes,
        Verifier {
            cost: 0.5,
            catches: 1.0,
            false_alarms: 0.0,
        },
    );
    assert_eq!(
        (all.strong_share, all.quality, all.cost),
        (0.5, 1.0, 1.0 + 0.5 + 2.5)
    );
    let half = escalate(
        &outcomes,
        Verifier {
            cost: 0.0,
            catches: 0.5,
            false_alarms: 0.0,
        },
    );
    assert_eq!(
        (half.strong_share, half.quality, half.cost),
        (0.25, 0.75, 1.0 + 1.25)
    );
    // Equal models have no gap to recover.
    let equal = Outcomes::try_new(vec![1.0, 0.0], vec![1.0, 0.0], vec![1.0; 2], vec![1.0; 2]).unwrap();
    let routing = route(&equal, &[1.0, 2.0]).unwrap();
    assert_eq!((routing.apgr, routing.cpt_50, routing.aiq), (None, None, None));
    assert!(Outcomes::try_new(vec![], vec![], vec![], vec![]).is_err());
    assert!(Outcomes::try_new(vec![1.0], vec![f64::NAN], vec![1.0], vec![1.0]).is_err());
    assert!(route(&outcomes, &[1.0]).is_err());
}

/// Protects routing on published outcomes: 14,042 questions, weak 68.08 %, strong 80.58 %, either 85.86 %.
#[test]
fn routing_of_published_outcomes() {
    let Some(folder) = test_data("routing_of_published_outcomes") else {
        return;
    };
    let path = folder.join("benchmarks/routellm_outcomes/mmlu_mixtral_vs_gpt4.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let column = |from_end: usize| -> Vec<f64> {
        text.lines()
            .skip(1)
            .map(|line| line.rsplit(',').nth(from_end).unwrap().parse().unwrap())
            .collect()
    };
    let outcomes = Outcomes::try_new(column(2), column(1), vec![0.0; 14_042], vec![1.0; 14_042]).unwrap();
    let oracle = route(&outcomes, &outcomes.oracle()).unwrap();
    let percent = |x: f64| (x * 1e4).round() / 1e2;
    assert_eq!(percent(oracle.course.first().unwrap().quality), 68.08);
    assert_eq!(percent(oracle.course.last().unwrap().quality), 80.58);
    let best = oracle.course.iter().map(|step| step.quality).fold(0.0, f64::max);
    assert_eq!(percent(best), 85.86);
    // A lot recovers half of the gap on average, and says so.
    let lot = route(&outcomes, &vec![0.0; outcomes.cases()]).unwrap();
    assert!((lot.apgr.unwrap() - 0.5).abs() < 1e-12);
    let (low, high) = interval(
        &outcomes,
        &outcomes.oracle(),
        |routing| routing.apgr,
        (0.95, 200, 1),
    )
    .unwrap();
    let apgr = oracle.apgr.unwrap();
    assert!(
        low < apgr && apgr < high && high - low < 0.2,
        "{low} {apgr} {high}"
    );
}

/// Protects cascades by hand: cases of the weak model cost 1, of the strong one 10 and 30, a check 2. Without an escalation a
/// case costs 3; with the second one escalated (3 + 33) / 2; with both 3 + 20.
#[test]
fn cascades_pay_for_every_try() {
    let outcomes = Outcomes::try_new(vec![1.0, 0.0], vec![1.0, 1.0], vec![1.0; 2], vec![10.0, 30.0]).unwrap();
    let cascade = outcomes.tried_first(2.0).unwrap();
    let course = route(&cascade, &[0.0, 1.0]).unwrap().course;
    let steps: Vec<(f64, f64)> = course.iter().map(|step| (step.cost, step.quality)).collect();
    assert_eq!(steps, [(3.0, 0.5), (18.0, 1.0), (23.0, 1.0)]);
    assert!(outcomes.tried_first(f64::NAN).is_err());
}
