//! The promises of a gate, checked by exact enumeration where the data are counts and by seeded simulation elsewhere:
//! how often it fails or passes wrongly, and that verdict, bounds and p-value tell one story.

use proptest::prelude::*;
use seatrial_analyse::gate::weigh;
use seatrial_analyse::series::{Policy, Series};
use seatrial_config::Bound;
use seatrial_stats::dist::binom_pmf;
use seatrial_types::{MetricKind, Outcome, Statistic, Unit, Verdict};

const RISK: f64 = 0.05;

fn series(kind: MetricKind, values: impl IntoIterator<Item = f64>) -> Series {
    let mut series = Series::new(kind, Unit::Share, Policy::EXCLUDE, false);
    values
        .into_iter()
        .for_each(|value| series.add(Outcome::Scored, Some(value), 0));
    series
}

fn share(ones: u64, n: u64) -> Series {
    series(MetricKind::Binary, (0..n).map(|i| f64::from(u8::from(i < ones))))
}

fn verdict(series: &Series, statistic: Statistic, bound: Bound) -> Verdict {
    let evidence = weigh(series, statistic, bound, RISK);
    evidence.verdict(bound, RISK, evidence.p_fail)
}

/// Probability of each verdict on a share, summed over every possible count.
fn probability(n: u64, truth: f64, bound: Bound, wanted: Verdict) -> f64 {
    (0..=n)
        .filter(|ones| verdict(&share(*ones, n), Statistic::Mean, bound) == wanted)
        .map(|ones| binom_pmf(ones, n, truth))
        .sum()
}

/// Protects "does not cry wolf": with the truth at the limit a gate fails wrongly at most as often as its risk says,
/// and just beyond the limit it passes wrongly at most as often.
#[test]
fn shares_keep_both_risks_exactly() {
    for n in [20, 100, 300] {
        for limit in [0.5, 0.9, 0.95] {
            for (bound, beyond) in [
                (Bound::AtLeast(limit), limit - 1e-9),
                (Bound::AtMost(limit), limit + 1e-9),
            ] {
                let wrong_fail = probability(n, limit, bound, Verdict::Fail);
                let wrong_pass = probability(n, beyond, bound, Verdict::Pass);
                assert!(
                    wrong_fail <= RISK + 1e-9,
                    "n {n} {bound:?}: fails wrongly {wrong_fail}"
                );
                assert!(
                    wrong_pass <= RISK + 1e-6,
                    "n {n} {bound:?}: passes wrongly {wrong_pass}"
                );
            }
        }
    }
    // And it decides when there is something to decide.
    assert!(probability(300, 0.98, Bound::AtLeast(0.9), Verdict::Pass) > 0.99);
    assert!(probability(300, 0.80, Bound::AtLeast(0.9), Verdict::Fail) > 0.99);
}

/// Protects latency gates: the exact test of a percentile keeps its risks for any distribution; uniform ranks suffice.
#[test]
fn percentiles_keep_their_risks() {
    for (statistic, q) in [(Statistic::P50, 0.5), (Statistic::P95, 0.95)] {
        let n = 200_u64;
        let (mut fails, mut passes) = (0.0, 0.0);
        for within in 0..=n {
            // `within` of n values at or below the limit; the truth is that a share q is.
            let values = (0..n).map(|i| if i < within { 1.0 } else { 3.0 });
            let found = verdict(&series(MetricKind::Real, values), statistic, Bound::AtMost(2.0));
            let p = binom_pmf(within, n, q);
            fails += if found == Verdict::Fail { p } else { 0.0 };
            passes += if found == Verdict::Pass { p } else { 0.0 };
        }
        assert!(fails <= RISK && passes <= RISK, "{statistic:?}: {fails} {passes}");
        assert!(fails > 0.0 && passes > 0.0, "{statistic:?} never decides");
    }
}

/// Protects missing data: without a value there is no verdict, and a value that is no number is unparsed.
#[test]
fn nothing_measured_is_inconclusive() {
    let empty = series(MetricKind::Binary, []);
    assert_eq!(
        verdict(&empty, Statistic::Mean, Bound::AtLeast(0.9)),
        Verdict::Inconclusive
    );
    let broken = series(MetricKind::Real, [f64::NAN, f64::INFINITY]);
    assert_eq!((broken.counts.unparsed, broken.denominator()), (2, 0));
    assert_eq!(broken.estimate(Statistic::P95).value, None);
}

/// Protects the bracket of what is left out: an error is never quality, but the reader sees how far it could matter.
#[test]
fn excluded_samples_are_bracketed() {
    let mut series = share(8, 10);
    assert_eq!(series.worst_and_best(), None);
    series.add(Outcome::Error, None, 0);
    series.add(Outcome::Refused, None, 0);
    assert_eq!(series.estimate(Statistic::Mean).value, Some(0.8));
    assert_eq!(series.worst_and_best(), Some((8.0 / 12.0, 10.0 / 12.0)));
    assert_eq!((series.counts.n(), series.denominator()), (12, 10));
}

/// Protects clustered gates: five equal answers of a case are worth one, not five.
#[test]
fn clusters_widen_the_bounds() {
    let mut clustered = Series::new(MetricKind::Binary, Unit::Share, Policy::EXCLUDE, true);
    for case in 0..60_u32 {
        for _ in 0..5 {
            clustered.add(Outcome::Scored, Some(f64::from(u8::from(case % 20 != 0))), case);
        }
    }
    let bound = Bound::AtLeast(0.9);
    let evidence = weigh(&clustered, Statistic::Mean, bound, RISK);
    let naive = weigh(&share(285, 300), Statistic::Mean, bound, RISK);
    assert_eq!(evidence.value, naive.value);
    assert!(
        evidence.low.unwrap() < naive.low.unwrap() - 0.03,
        "{evidence:?} {naive:?}"
    );
    assert_eq!(naive.verdict(bound, RISK, naive.p_fail), Verdict::Pass);
    assert_eq!(
        evidence.verdict(bound, RISK, evidence.p_fail),
        Verdict::Inconclusive
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Protects consistency for every kind of mean: bounds contain the value, a fail needs the whole bound beyond the
    /// limit, p-values are probabilities, and displayed intervals contain the value.
    #[test]
    fn verdict_bounds_and_p_agree(
        values in prop::collection::vec(0.0_f64..=1.0, 1..60),
        limit in 0.01_f64..0.99,
        least in any::<bool>(),
        kind in prop::sample::select(vec![MetricKind::Binary, MetricKind::Bounded, MetricKind::Real]),
    ) {
        let values = values.into_iter().map(|value| if kind == MetricKind::Binary { value.round() } else { value });
        let series = series(kind, values);
        let bound = if least { Bound::AtLeast(limit) } else { Bound::AtMost(limit) };
        let evidence = weigh(&series, Statistic::Mean, bound, RISK);
        let value = evidence.value.unwrap();
        if let Some(p) = evidence.p_fail {
            prop_assert!((0.0..=1.0).contains(&p), "p {p}");
        }
        if let (Some(low), Some(high)) = (evidence.low, evidence.high) {
            prop_assert!(low <= value + 1e-9 && value <= high + 1e-9, "{evidence:?}");
            if evidence.verdict(bound, RISK, evidence.p_fail) == Verdict::Fail {
                let is_beyond = if least { high < limit + 1e-6 } else { low > limit - 1e-6 };
                prop_assert!(is_beyond, "{evidence:?} {limit}");
            }
        }
        let shown = series.estimate(Statistic::Mean);
        if let (Some(low), Some(high)) = (shown.low, shown.high) {
            prop_assert!(low <= value + 1e-9 && value <= high + 1e-9, "{shown:?}");
        }
    }
}
