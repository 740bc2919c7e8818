//! Simulations with fixed seeds: what is promised under continuous looking is kept. False alarms of the
//! sequential methods stay at or below their level, e-detectors keep their average run length, and the bootstrap
//! interval of Krippendorff's α covers. Each check allows for the simulation's own error: an exact binomial
//! bound at 1e-4, so that a fixed seed that passes is no luck and a broken method fails.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use seatrial_stats::Interval;
use seatrial_stats::agreement::{
    AlphaResampling, MeasurementLevel, krippendorff_alpha, krippendorff_alpha_bootstrap,
};
use seatrial_stats::dist::{binom_cdf, binom_sf, normal_quantile};
use seatrial_stats::drift::{Detector, Signal};
use seatrial_stats::sequential::{
    AsymptoticCs, BettingCs, ConfidenceSequence, EDetector, EDetectorKind, EmpBernConjugateCs, EmpBernMixCs,
    HoeffdingMixCs, Msprt, bernoulli_interval,
};

fn generator(seed: u64, run: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ run)
}

fn normal(rng: &mut impl RngExt) -> f64 {
    let u: f64 = rng.random();
    normal_quantile(u.clamp(1e-300, 1.0 - 1e-16))
}

/// Distributions on [0, 1] with their means: balanced and rare outcomes, and continuous ones that lean.
fn unit_draw(kind: usize, rng: &mut impl RngExt) -> f64 {
    let u: f64 = rng.random();
    match kind {
        0 => f64::from(u8::from(u < 0.5)),
        1 => f64::from(u8::from(u < 0.97)),
        2 => u.powi(3),
        _ => 0.6 + 0.1 * u,
    }
}

const UNIT_MEANS: [f64; 4] = [0.5, 0.97, 0.25, 0.65];

/// How many of `runs` runs raise an alarm.
fn alarms(runs: u64, seed: u64, run: impl Fn(&mut Xoshiro256PlusPlus) -> bool + Sync) -> u64 {
    (0..runs)
        .into_par_iter()
        .filter(|&i| run(&mut generator(seed, i)))
        .count() as u64
}

/// Fails if so many alarms would be very improbable at the promised rate.
fn at_most(what: &str, alarms: u64, runs: u64, rate: f64) {
    let tail = if alarms == 0 {
        1.0
    } else {
        binom_sf(alarms - 1, runs, rate)
    };
    assert!(
        tail > 1e-4,
        "{what}: {alarms} of {runs} alarms, promised at most {rate}"
    );
}

/// Whether the mean ever leaves the sequence.
fn ever_misses(
    mut cs: impl ConfidenceSequence,
    mean: f64,
    length: usize,
    mut draw: impl FnMut() -> f64,
) -> bool {
    (0..length).any(|_| !cs.push(draw()).expect("draws lie in range").contains(mean))
}

/// Protects: Hoeffding and empirical-Bernstein sequences miss the mean at any time in at most α of all runs,
/// for discrete, skewed and narrow distributions.
#[test]
fn closed_form_sequences_keep_their_level() {
    const ALPHA: f64 = 0.1;
    const RUNS: u64 = 600;
    for (kind, &mean) in UNIT_MEANS.iter().enumerate() {
        let count = |name: &str, misses: u64| at_most(&format!("{name} {kind}"), misses, RUNS, ALPHA);
        count(
            "Hoeffding",
            alarms(RUNS, 1 + kind as u64, |rng| {
                ever_misses(HoeffdingMixCs::try_new(ALPHA).unwrap(), mean, 2000, || {
                    unit_draw(kind, rng)
                })
            }),
        );
        count(
            "empirical Bernstein",
            alarms(RUNS, 11 + kind as u64, |rng| {
                ever_misses(EmpBernMixCs::try_new(ALPHA).unwrap(), mean, 2000, || {
                    unit_draw(kind, rng)
                })
            }),
        );
    }
    let conjugate = alarms(200, 21, |rng| {
        ever_misses(
            EmpBernConjugateCs::try_new(ALPHA, 50.0).unwrap(),
            UNIT_MEANS[2],
            500,
            || unit_draw(2, rng),
        )
    });
    at_most("conjugate empirical Bernstein", conjugate, 200, ALPHA);
}

/// Protects: the betting sequence misses the mean at any time in at most α of all runs, and is not so wide that
/// this is no achievement.
#[test]
fn betting_keeps_its_level() {
    const ALPHA: f64 = 0.1;
    const RUNS: u64 = 300;
    for (kind, &mean) in UNIT_MEANS.iter().enumerate() {
        let misses = alarms(RUNS, 31 + kind as u64, |rng| {
            ever_misses(BettingCs::try_new(ALPHA, 200).unwrap(), mean, 800, || {
                unit_draw(kind, rng)
            })
        });
        at_most(&format!("betting {kind}"), misses, RUNS, ALPHA);
    }
    let mut cs = BettingCs::try_new(ALPHA, 200).unwrap();
    let mut rng = generator(39, 0);
    (0..800).for_each(|_| cs.feed(unit_draw(1, &mut rng)).unwrap());
    assert!(cs.interval().width() < 0.08, "{:?}", cs.interval());
}

/// Protects: the Bernoulli interval misses the probability at any number of trials in at most α of all runs. It
/// is inverted only where the verdict can change, at a grid of counts computed once.
#[test]
fn bernoulli_keeps_its_level() {
    const ALPHA: f64 = 0.1;
    const TRIALS: u64 = 400;
    for (p, seed) in [(0.5, 41), (0.9, 42), (0.02, 43)] {
        // Smallest and largest number of successes whose interval still holds p, per number of trials.
        let holds = |k: u64, n: u64| bernoulli_interval(k, n, ALPHA, 100.0, ALPHA).unwrap().contains(p);
        let limits: Vec<(u64, u64)> = (1..=TRIALS)
            .into_par_iter()
            .map(|n| {
                let centre = ((n as f64 * p).round() as u64).min(n);
                let search = |mut inside: u64, mut outside: i64, step: i64| {
                    // Bisection between a count that holds and one beyond the range.
                    let mut inside_i = inside as i64;
                    while (outside - inside_i) * step > 1 {
                        let middle = i64::midpoint(outside, inside_i);
                        if holds(middle as u64, n) {
                            inside_i = middle;
                        } else {
                            outside = middle;
                        }
                    }
                    inside = inside_i as u64;
                    inside
                };
                (search(centre, -1, -1), search(centre, n as i64 + 1, 1))
            })
            .collect();
        let misses = alarms(2000, seed, |rng| {
            let mut k = 0;
            limits.iter().any(|&(low, high)| {
                k += u64::from(rng.random::<f64>() < p);
                k < low || k > high
            })
        });
        at_most(&format!("Bernoulli {p}"), misses, 2000, ALPHA);
    }
}

/// Protects: mSPRT rejects a true hypothesis at any time in at most α of all runs, and finds an effect.
#[test]
fn msprt_keeps_its_level() {
    const ALPHA: f64 = 0.05;
    let rejects = |effect: f64, seed: u64| {
        alarms(1000, seed, |rng| {
            let mut test = Msprt::try_new(1.0, 0.1, 0.0).unwrap();
            (0..2000).any(|_| test.push(effect + normal(rng)).unwrap().p_value <= ALPHA)
        })
    };
    at_most("mSPRT", rejects(0.0, 51), 1000, ALPHA);
    assert!(rejects(0.2, 52) > 950);
}

/// Protects: after its start-up the asymptotic sequence keeps its level for a skewed distribution; naive peeking,
/// the mistake it replaces, does not.
#[test]
fn asymptotic_sequence_keeps_its_level() {
    const ALPHA: f64 = 0.05;
    const RUNS: u64 = 1000;
    let rho2 = AsymptoticCs::rho2_for(500.0, ALPHA).unwrap();
    let skewed = |rng: &mut Xoshiro256PlusPlus| -(rng.random::<f64>().max(1e-300)).ln();
    let misses = alarms(RUNS, 61, |rng| {
        let cs = AsymptoticCs::try_new(ALPHA, rho2).unwrap().start_up(50);
        ever_misses(cs, 1.0, 2000, || skewed(rng))
    });
    at_most("asymptotic", misses, RUNS, ALPHA);
    let z = normal_quantile(1.0 - ALPHA / 2.0);
    let naive = alarms(RUNS, 62, |rng| {
        let (mut sum, mut squares) = (0.0, 0.0);
        (1..=2000).any(|t| {
            let x = skewed(rng);
            sum += x;
            squares += x * x;
            let n = f64::from(t);
            let mean = sum / n;
            let half = z * ((squares / n - mean * mean).max(0.0) / n).sqrt();
            t % 50 == 0 && !Interval::around(mean, half).contains(1.0)
        })
    });
    assert!(naive > RUNS / 5, "{naive}");
}

/// Protects: without a change the average number of values to the first alarm of an e-detector is at least 1/α,
/// and a real fall is found quickly.
#[test]
fn e_detectors_keep_their_run_length() {
    const ALPHA: f64 = 0.01;
    for kind in [EDetectorKind::ShiryaevRoberts, EDetectorKind::Cusum] {
        let detector = EDetector {
            m0: 0.9,
            lambda: 0.8,
            alpha: ALPHA,
            kind,
        };
        let run_length = |share: f64, seed: u64, limit: u32| -> f64 {
            const RUNS: u64 = 600;
            let total: f64 = (0..RUNS)
                .into_par_iter()
                .map(|i| {
                    let mut rng = generator(seed, i);
                    let mut state = detector.start().unwrap();
                    let mut quiet = || {
                        let x = f64::from(u8::from(rng.random::<f64>() < share));
                        detector.step(&mut state, x).unwrap() == Signal::Quiet
                    };
                    // The value that raises the alarm counts.
                    f64::from((1..limit).find(|_| !quiet()).unwrap_or(limit))
                })
                .sum();
            total / RUNS as f64
        };
        let quiet = run_length(0.9, 71, 20_000);
        assert!(quiet >= 1.0 / ALPHA, "{kind:?}: {quiet}");
        let fallen = run_length(0.5, 72, 20_000);
        assert!(fallen < 40.0, "{kind:?}: {fallen}");
    }
}

/// Protects: the 95 % bootstrap interval of α covers the value of a large sample about as often as it says.
#[test]
fn alpha_bootstrap_covers() {
    /// Three raters who each give the true category or, one time in four, any.
    fn sample(units: usize, rng: &mut impl RngExt) -> Vec<Vec<Option<f64>>> {
        let mut rows = vec![Vec::new(); 3];
        for _ in 0..units {
            let truth = f64::from(rng.random_range(0..4u8));
            for row in &mut rows {
                let noise = rng.random::<f64>() < 0.25;
                let rating = if noise {
                    f64::from(rng.random_range(0..4u8))
                } else {
                    truth
                };
                row.push((rng.random::<f64>() < 0.95).then_some(rating));
            }
        }
        rows
    }
    for (level, seed) in [(MeasurementLevel::Nominal, 81), (MeasurementLevel::Ordinal, 82)] {
        let truth = krippendorff_alpha(&sample(200_000, &mut generator(seed, u64::MAX)), level)
            .unwrap()
            .alpha;
        const RUNS: u64 = 300;
        let covered = (0..RUNS)
            .into_par_iter()
            .filter(|&i| {
                let data = sample(80, &mut generator(seed, i));
                let how = AlphaResampling {
                    resamples: 400,
                    confidence: 0.95,
                    seed: i,
                };
                let a = krippendorff_alpha_bootstrap(&data, level, how).unwrap();
                a.low <= truth && truth <= a.high
            })
            .count() as u64;
        // A percentile interval of 80 units runs a little short: neither below 90 % nor always right.
        assert!(
            binom_cdf(covered, RUNS, 0.90) > 1e-4,
            "{level:?}: {covered} of {RUNS}"
        );
        assert!(covered < RUNS, "{level:?}: {covered} of {RUNS}");
    }
}
