//! The promises of gates against a baseline, by seeded simulation: how often each kind of evidence fails or passes wrongly
//! with the truth at its limit, that it decides when there is something to decide, and which plans may be compared.

use proptest::prelude::*;
use seatrial_analyse::against::{Contrast, ContrastEvidence, decide_pairs, weigh_pairs, weigh_percentiles};
use seatrial_analyse::compare::PairedScores;
use seatrial_config::{Against, Bound, Margin, Relation};
use seatrial_types::{Method, MetricKind, Verdict};

const RISK: f64 = 0.05;
/// Runs that are simulated of each kind; 200 seeds, as a release would be judged 200 times.
const SEEDS: u64 = 200;
/// Most wrong verdicts among them: 200 × 0.05 plus three standard deviations of a binomial.
const WRONG_MAX: u32 = 19;

fn contrast(relation: Relation, margin: Margin, higher_is_better: bool) -> Contrast {
    Contrast::of(&Against {
        relation,
        margin,
        is_margin_given: true,
        higher_is_better,
    })
}

fn not_worse(margin: f64) -> Contrast {
    contrast(Relation::NotWorseThan, Margin::Absolute(margin), true)
}

fn verdict(evidence: &ContrastEvidence) -> Verdict {
    evidence.verdict(RISK, evidence.p_fail)
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

/// A number from 0 to below 1.
fn uniform(random: &mut Random) -> f64 {
    random.0 = random.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = random.0;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
}

/// Cases of different difficulty, answered independently by both systems.
fn shares(random: &mut Random, n: usize, base: f64, new: f64) -> PairedScores {
    let mut paired = PairedScores {
        epochs_max: 1,
        ..PairedScores::default()
    };
    for _ in 0..n {
        let hard = 0.1 * (uniform(random) - 0.5);
        paired.a.push(f64::from(u8::from(uniform(random) < base + hard)));
        paired.b.push(f64::from(u8::from(uniform(random) < new + hard)));
    }
    paired
}

/// How many of the seeds end in each verdict.
fn count(mut judge: impl FnMut(&mut Random) -> Verdict) -> (u32, u32, u32) {
    (0..SEEDS).fold((0, 0, 0), |(pass, fail, open), seed| {
        match judge(&mut Random(seed.wrapping_mul(0x5851_f42d_4c95_7f2d))) {
            Verdict::Pass => (pass + 1, fail, open),
            Verdict::Fail => (pass, fail + 1, open),
            Verdict::Inconclusive => (pass, fail, open + 1),
        }
    })
}

/// Protects the promise of a baseline gate over 200 releases: a better system passes, a much worse one fails, an
/// unchanged one does neither at this n, and no wrong verdict is more frequent than the risk.
#[test]
fn pass_fail_and_inconclusive_occur_where_they_should() {
    let judge = |base: f64, new: f64| {
        count(|random| {
            let paired = shares(random, 300, base, new);
            verdict(&decide_pairs(&paired, MetricKind::Binary, not_worse(0.02), RISK))
        })
    };
    let (better, worse, same) = (judge(0.85, 0.93), judge(0.85, 0.72), judge(0.85, 0.85));
    assert!(better.0 >= 190 && better.1 == 0, "better: {better:?}");
    assert!(worse.1 >= 180 && worse.0 == 0, "worse: {worse:?}");
    assert!(same.2 >= 150 && same.1 <= WRONG_MAX, "same: {same:?}");
    let (at_limit, beyond) = (judge(0.85, 0.83), judge(0.85, 0.82));
    assert!(
        at_limit.0 <= WRONG_MAX && at_limit.1 <= WRONG_MAX,
        "at the limit: {at_limit:?}"
    );
    assert!(beyond.0 <= WRONG_MAX, "beyond the limit: {beyond:?}");
}

/// Protects every other kind of evidence: with the truth exactly at the limit, wrong fails and wrong passes each stay
/// within the risk; well beyond it, the verdict is the right one.
#[test]
fn every_kind_keeps_its_risks() {
    let scores = |random: &mut Random, shift: f64, epochs: u32| {
        let mut paired = PairedScores {
            epochs_max: epochs,
            ..PairedScores::default()
        };
        for _ in 0..150 {
            let common = 0.3 + 0.3 * uniform(random);
            paired.a.push(common + 0.2 * (uniform(random) - 0.5));
            paired.b.push(common + shift + 0.2 * (uniform(random) - 0.5));
        }
        paired
    };
    let money = |random: &mut Random, factor: f64| {
        let mut paired = PairedScores::default();
        for _ in 0..80 {
            let common = 1.0 + 2.0 * uniform(random);
            paired.a.push(common * (0.9 + 0.2 * uniform(random)));
            paired.b.push(common * factor * (0.9 + 0.2 * uniform(random)));
        }
        paired
    };
    let clustered = |random: &mut Random, shift: f64| {
        let mut paired = PairedScores::default();
        for cluster in 0..40 {
            let of_cluster = 0.3 * (uniform(random) - 0.5);
            for _ in 0..5 {
                let base = uniform(random);
                paired.a.push(base);
                paired
                    .b
                    .push(base + of_cluster + shift + 0.1 * (uniform(random) - 0.5));
                paired.clusters.push(cluster);
            }
        }
        paired
    };
    let cheap = contrast(Relation::NotWorseThan, Margin::Relative(0.1), false);
    let betting = |shift: f64| {
        count(|random| {
            verdict(&decide_pairs(
                &scores(random, shift, 3),
                MetricKind::Bounded,
                not_worse(0.05),
                RISK,
            ))
        })
    };
    let students = |factor: f64| {
        count(|random| {
            verdict(&decide_pairs(
                &money(random, factor),
                MetricKind::Real,
                cheap,
                RISK,
            ))
        })
    };
    let clusters = |shift: f64| {
        count(|random| {
            verdict(&decide_pairs(
                &clustered(random, shift),
                MetricKind::Real,
                not_worse(0.05),
                RISK,
            ))
        })
    };
    for (kind, at_limit) in [
        ("betting", betting(-0.05)),
        ("t", students(1.1)),
        ("cluster t", clusters(-0.05)),
    ] {
        assert!(
            at_limit.0 <= WRONG_MAX && at_limit.1 <= WRONG_MAX,
            "{kind}: {at_limit:?}"
        );
    }
    for (kind, good, bad) in [
        ("betting", betting(0.1), betting(-0.2)),
        ("t", students(1.0), students(1.25)),
        ("cluster t", clusters(0.1), clusters(-0.2)),
    ] {
        assert!(good.0 >= 190 && bad.1 >= 190, "{kind}: {good:?} {bad:?}");
    }
}

/// Protects latency gates: percentiles of two runs keep their risks and see a slowdown.
#[test]
fn percentiles_of_two_runs_keep_their_risks() {
    let latencies = |random: &mut Random, factor: f64| -> Vec<f64> {
        (0..400)
            .map(|_| factor * (100.0 - 60.0 * (1.0 - uniform(random)).ln()))
            .collect()
    };
    let margin = contrast(Relation::NotWorseThan, Margin::Relative(0.1), false);
    let judge = |factor: f64, q: f64| {
        count(|random| {
            let (base, new) = (latencies(random, 1.0), latencies(random, factor));
            verdict(&weigh_percentiles(&new, &base, q, margin, RISK))
        })
    };
    let at_limit = judge(1.1, 0.95);
    assert!(at_limit.0 <= WRONG_MAX && at_limit.1 <= WRONG_MAX, "{at_limit:?}");
    let (same, slow) = (judge(0.9, 0.5), judge(1.5, 0.5));
    assert!(same.0 >= 190 && slow.1 >= 190, "{same:?} {slow:?}");
    let evidence = weigh_percentiles(&[], &[1.0], 0.5, margin, RISK);
    assert_eq!((evidence.p_fail, evidence.n), (None, 0));
}

/// Protects the directions: less is better for latency, money and errors; better means beyond the margin.
#[test]
fn contrasts_follow_the_direction() {
    let relative = Margin::Relative(0.1);
    for (relation, margin, higher, scale, bound) in [
        (
            Relation::NotWorseThan,
            Margin::Absolute(0.02),
            true,
            1.0,
            Bound::AtLeast(-0.02),
        ),
        (
            Relation::NotWorseThan,
            Margin::Absolute(50.0),
            false,
            1.0,
            Bound::AtMost(50.0),
        ),
        (
            Relation::BetterThan,
            Margin::Absolute(0.0),
            true,
            1.0,
            Bound::AtLeast(0.0),
        ),
        (
            Relation::BetterThan,
            Margin::Absolute(0.03),
            false,
            1.0,
            Bound::AtMost(-0.03),
        ),
        (Relation::NotWorseThan, relative, true, 0.9, Bound::AtLeast(0.0)),
        (Relation::NotWorseThan, relative, false, 1.1, Bound::AtMost(0.0)),
        (Relation::BetterThan, relative, false, 0.9, Bound::AtMost(0.0)),
    ] {
        let found = contrast(relation, margin, higher);
        assert!(
            (found.scale - scale).abs() < 1e-12 && found.bound == bound,
            "{found:?}"
        );
    }
}

/// Protects the margin of zero: it is McNemar's test, and equal systems are neither better nor worse.
#[test]
fn without_a_margin_it_is_mcnemar() {
    let mut paired = shares(&mut Random(1), 60, 0.8, 0.8);
    paired.b.clone_from(&paired.a);
    let same = weigh_pairs(&paired, MetricKind::Binary, not_worse(0.0), RISK);
    assert_eq!(
        (same.method, same.p_fail, same.p_pass),
        (Method::McnemarExact, Some(1.0), Some(1.0))
    );
    assert_eq!(verdict(&same), Verdict::Inconclusive);
    // Nothing differs among 60: that it is worse by two points is not excluded, by five it is.
    let margin = |margin| verdict(&weigh_pairs(&paired, MetricKind::Binary, not_worse(margin), RISK));
    assert_eq!(
        (margin(0.02), margin(0.06)),
        (Verdict::Inconclusive, Verdict::Pass)
    );
    let none = weigh_pairs(
        &PairedScores::default(),
        MetricKind::Binary,
        not_worse(0.02),
        RISK,
    );
    assert_eq!((none.n, verdict(&none)), (0, Verdict::Inconclusive));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Protects one story: bounds contain the contrast, and lie on the side of the limit that the verdict says.
    #[test]
    fn verdict_and_bounds_agree(
        rows in prop::collection::vec((0.0_f64..=1.0, 0.0_f64..=1.0, 0_u32..6), 2..60),
        margin in 0.0_f64..0.3, relative: bool, higher: bool, clustered: bool,
        kind in prop::sample::select(vec![MetricKind::Binary, MetricKind::Bounded, MetricKind::Real]),
    ) {
        let value = |x: f64| if kind == MetricKind::Binary { x.round() } else { x };
        let paired = PairedScores {
            a: rows.iter().map(|row| value(row.0)).collect(),
            b: rows.iter().map(|row| value(row.1)).collect(),
            clusters: if clustered { rows.iter().map(|row| row.2).collect() } else { Vec::new() },
            epochs_max: 1,
            ..PairedScores::default()
        };
        let margin = if relative { Margin::Relative(margin) } else { Margin::Absolute(margin) };
        let contrast = contrast(Relation::NotWorseThan, margin, higher);
        let evidence = weigh_pairs(&paired, kind, contrast, RISK);
        let limit = contrast.bound.limit();
        let mean = evidence.value.unwrap() - contrast.scale * evidence.baseline.unwrap();
        if let (Some(low), Some(high)) = (evidence.low, evidence.high) {
            prop_assert!(low <= mean + 1e-9 && mean <= high + 1e-9, "{low} {mean} {high}");
            let (met, missed) = match contrast.bound {
                Bound::AtLeast(_) => (low >= limit - 1e-9, high <= limit + 1e-9),
                Bound::AtMost(_) => (high <= limit + 1e-9, low >= limit - 1e-9),
            };
            match verdict(&evidence) {
                Verdict::Pass => prop_assert!(met, "{evidence:?}"),
                Verdict::Fail => prop_assert!(missed, "{evidence:?}"),
                Verdict::Inconclusive => {}
            }
        }
        for p in [evidence.p_fail, evidence.p_pass].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&p));
        }
    }
}
