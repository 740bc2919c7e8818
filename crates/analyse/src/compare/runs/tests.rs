//! Tests of whole comparisons. Apart, because they are as long as what they test.

use super::pair::SLICE_CASES_MIN;
use super::*;
use crate::compare::testing::{answers, latency, metric, run, sample, task};
use seatrial_types::{MetricKind, SliceKey, Unit};

fn quick() -> RunsOptions {
    RunsOptions {
        resamples: 2_000,
        ..RunsOptions::default()
    }
}

/// Right on every case but each `step`-th.
fn right(n: usize, step: usize) -> Vec<bool> {
    (0..n).map(|case| case % step != 0).collect()
}

/// Protects the whole of a pair: a paired test of the primary metric under Holm, measured metrics under
/// Benjamini-Hochberg, percentiles, flips, and which side is which.
#[test]
fn two_systems() {
    let side = |step: usize, slow: f64| {
        let mut of = answers("q", &right(600, step));
        let times = (0..600).map(|case| Some(slow * (100.0 + f64::from(case % 37))));
        of.metrics.push(latency(times.collect()));
        run(&format!("every-{step}"), vec![of])
    };
    let found = compare_runs(&[side(4, 1.0), side(50, 1.5)], &quick()).unwrap();
    let names: Vec<String> = found.pairs.iter().map(PairComparison::name).collect();
    assert_eq!(
        names,
        [
            "qa.right",
            "qa.latency_ms",
            "qa.latency_ms.p50",
            "qa.latency_ms.p95",
            "qa.latency_ms.p99"
        ]
    );
    let pair = &found.pairs[0];
    assert_eq!(
        (pair.a.as_str(), pair.b.as_str(), pair.n_pairs),
        ("every-4", "every-50", 600)
    );
    assert_eq!(
        (pair.test.as_str(), pair.correction),
        ("mcnemar_mid_p", Correction::Holm)
    );
    assert!(pair.differs() && pair.b_is_better() == Some(true) && pair.prob_b_better.unwrap() > 0.999);
    let flips = pair.flips.as_ref().unwrap();
    assert_eq!(
        (flips.n_newly_passing, flips.n_newly_failing, flips.n_flaky),
        (pair.wins_b, pair.wins_a, 0)
    );
    assert_eq!(flips.newly_passing.len() as u64, pair.wins_b);
    for pair in &found.pairs[1..] {
        assert_eq!(
            (pair.correction, pair.unit),
            (Correction::BenjaminiHochberg, Unit::Ms)
        );
        assert!(pair.differs() && pair.b_is_better() == Some(false), "{pair:?}");
    }
    assert_eq!((found.ranking.len(), found.warnings.len()), (0, 0));
    assert_eq!(found.pairs[0].p_other.len(), 3);
}

/// Protects honesty where cases cannot be paired: an unpaired test, said so; and where some can, only they count.
#[test]
fn no_cases_in_common() {
    let a = run("a", vec![answers("p", &right(200, 4))]);
    let b = run("b", vec![answers("q", &right(150, 30))]);
    let found = compare_runs(&[a.clone(), b], &quick()).unwrap();
    let pair = &found.pairs[0];
    assert_eq!(
        (pair.design, pair.n_pairs, pair.test.as_str()),
        (Design::Unpaired, 0, "fisher_exact")
    );
    assert!(pair.differs() && pair.flips.is_none(), "{pair:?}");
    assert!(
        found.warnings[0].contains("independent samples"),
        "{:?}",
        found.warnings
    );
    let half = run("c", vec![answers("p", &right(100, 30))]);
    let found = compare_runs(&[a, half], &quick()).unwrap();
    assert_eq!(
        (
            found.pairs[0].design,
            found.pairs[0].n_pairs,
            found.pairs[0].only_a
        ),
        (Design::Paired, 100, 100)
    );
    assert!(found.pairs[0].warnings[0].contains("100 cases have a score in A only"));
}

/// Protects families: a drawn p-value too coarse for the correction gives way to Student's t; the options name
/// primary metrics and directions.
#[test]
fn families_and_options() {
    let side = |label: &str, shift: f64| {
        let samples = (0..40).map(|case| sample(&case.to_string(), 0, None)).collect();
        let scores = (0..40).map(|case| Some(f64::from(case * 7 % 13) + shift * f64::from(case % 3)));
        run(
            label,
            vec![task(
                "t",
                samples,
                vec![metric("score", MetricKind::Real, scores.collect())],
            )],
        )
    };
    let two = [side("a", 0.0), side("b", 0.1)];
    let flipped = compare_runs(&two, &quick()).unwrap();
    assert_eq!(
        (flipped.pairs[0].test.as_str(), flipped.pairs[0].is_primary),
        ("sign_flip", true)
    );
    let coarse = RunsOptions {
        resamples: 100,
        ..quick()
    };
    assert_eq!(compare_runs(&two, &coarse).unwrap().pairs[0].test, "paired_t");
    let turned = RunsOptions {
        lower_is_better: vec!["t.score".to_owned()],
        ..quick()
    };
    let turned = compare_runs(&two, &turned).unwrap();
    assert_eq!(turned.pairs[0].b_is_better(), Some(false));
    assert!(
        (turned.pairs[0].prob_b_better.unwrap() + flipped.pairs[0].prob_b_better.unwrap() - 1.0).abs()
            < 1e-12
    );
    let other = RunsOptions {
        primary: vec!["else".to_owned()],
        ..quick()
    };
    assert_eq!(
        compare_runs(&two, &other).unwrap().pairs[0].correction,
        Correction::BenjaminiHochberg
    );
}

/// Protects slices: the same comparison on the cases of one value, corrected among themselves; tiny ones left out.
#[test]
fn slices_are_compared() {
    let side = |label: &str, wrong_from: usize| {
        let mut of = answers("q", &(0..60).map(|case| case < wrong_from).collect::<Vec<_>>());
        let slice = |value: &str| SliceKey {
            column: "topic".to_owned(),
            value: value.to_owned(),
        };
        of.slices = vec![slice("early"), slice("late"), slice("tiny")];
        for (case, sample) in of.samples.iter_mut().enumerate() {
            sample.slices = vec![u16::from(case >= 30)];
            if case < SLICE_CASES_MIN - 1 {
                sample.slices.push(2);
            }
        }
        run(label, vec![of])
    };
    let found = compare_runs(&[side("a", 60), side("b", 30)], &quick()).unwrap();
    let rows: Vec<_> = found
        .slices
        .iter()
        .map(|pair| {
            (
                pair.slice.as_ref().unwrap().value.as_str(),
                pair.n_pairs,
                pair.differs(),
            )
        })
        .collect();
    assert_eq!(rows, [("early", 30, false), ("late", 30, true)]);
}

/// Protects rankings: all pairs, ranks that agree with them, and a word where there is no common case.
#[test]
fn three_systems() {
    let systems = [
        run("poor", vec![answers("q", &right(300, 2))]),
        run("good", vec![answers("q", &right(300, 50))]),
        run("good-too", vec![answers("q", &right(300, 60))]),
    ];
    let found = compare_runs(&systems, &quick()).unwrap();
    assert_eq!(found.pairs.len(), 3);
    let ranking = &found.ranking[0];
    let rows: Vec<_> = ranking
        .systems
        .iter()
        .map(|system| {
            (
                system.label.as_str(),
                system.rank_best,
                system.rank_worst,
                system.groups.as_str(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [("good-too", 1, 2, "a"), ("good", 1, 2, "a"), ("poor", 3, 3, "b")]
    );
    let apart = [
        systems[0].clone(),
        systems[1].clone(),
        run("other", vec![answers("z", &right(50, 5))]),
    ];
    let found = compare_runs(&apart, &quick()).unwrap();
    assert!(
        found.ranking.is_empty() && found.warnings.iter().any(|w| w.contains("no ranking")),
        "{:?}",
        found.warnings
    );
}
