//! Evidence on a difference of two ratios, money per success, of the same cases in two runs. Apart from means: numerator
//! and denominator are both uncertain, and few successes leave a ratio without an upper end.
//!
//! What is tested is new ≤ scale × base + margin. With enough successes on both sides: Student's t of the logarithm of
//! new / (scale × base + margin), each case weighed by its influence on it (the delta method), so that what a case costs
//! and brings in both runs cancels. The logarithm keeps its risk with some ten successes, where the plain difference is off
//! by a factor of ten. With fewer: bounds of each run at half the risk, of cost by t and of the share of successes by
//! betting, which hold for any number, are wide, and have no upper end where the data give none.

use super::{Contrast, ContrastEvidence, smallest_risk};
use crate::series::to_f64;
use seatrial_config::Bound;
use seatrial_stats::{Interval, bounded, dist, mean};
use seatrial_types::Method;

/// Successes that each side needs for the delta method.
pub const SUCCESSES_MIN: f64 = 10.0;

/// Cost and success of one case in one run, each the mean over its epochs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CostOfCase {
    /// Dollars.
    pub usd: f64,
    /// Share of its epochs that succeeded, from 0 to 1.
    pub success: f64,
}

/// The same cases in two runs; all lists run in parallel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PairedCosts {
    /// The baseline.
    pub base: Vec<CostOfCase>,
    /// This run.
    pub new: Vec<CostOfCase>,
    /// Cluster of each case by number; empty where cases are independent.
    pub clusters: Vec<u32>,
}

/// Weighs money per success of two runs against a contrast. Without a success on a side its value is `None` and unbounded.
///
/// Evidence that is one-sided for lack of successes can show that this run is dearer and never that it is cheap enough.
#[must_use]
pub fn weigh_ratios(paired: &PairedCosts, contrast: Contrast, risk: f64) -> ContrastEvidence {
    let mut evidence = ContrastEvidence::none(contrast.bound);
    let (new, base) = (
        units(&paired.new, &paired.clusters),
        units(&paired.base, &paired.clusters),
    );
    if new.is_empty() || new.len() != base.len() {
        return evidence;
    }
    evidence.n = paired.new.len() as u64;
    let (of_new, of_base) = (Sums::of(&new), Sums::of(&base));
    (evidence.value, evidence.baseline) = (of_new.ratio(), of_base.ratio());
    let is_enough = |sums: &Sums| sums.successes >= SUCCESSES_MIN;
    if is_enough(&of_new) && is_enough(&of_base) {
        by_influence(&new, &base, contrast, risk, &mut evidence);
    } else if paired.clusters.is_empty() {
        by_bounds(&new, &base, contrast, risk, &mut evidence);
    }
    evidence
}

/// What is independent of the rest: a case, or the sum of a cluster.
fn units(cases: &[CostOfCase], clusters: &[u32]) -> Vec<CostOfCase> {
    if clusters.is_empty() {
        return cases.to_vec();
    }
    let count = clusters.iter().max().map_or(0, |last| *last as usize + 1);
    let mut sums = vec![CostOfCase::default(); count];
    for (case, cluster) in cases.iter().zip(clusters) {
        if let Some(sum) = sums.get_mut(*cluster as usize) {
            sum.usd += case.usd;
            sum.success += case.success;
        }
    }
    sums
}

struct Sums {
    n: f64,
    usd: f64,
    successes: f64,
}

impl Sums {
    fn of(units: &[CostOfCase]) -> Self {
        Self {
            n: to_f64(units.len() as u64),
            usd: units.iter().map(|unit| unit.usd).sum(),
            successes: units.iter().map(|unit| unit.success).sum(),
        }
    }

    fn ratio(&self) -> Option<f64> {
        (self.successes > 0.0).then(|| self.usd / self.successes)
    }

    /// How far one unit moves the logarithm of the ratio, times n.
    fn influence(&self, unit: &CostOfCase) -> f64 {
        self.n * (unit.usd / self.usd - unit.success / self.successes)
    }
}

/// The delta method on the logarithm.
fn by_influence(
    new: &[CostOfCase],
    base: &[CostOfCase],
    contrast: Contrast,
    risk: f64,
    evidence: &mut ContrastEvidence,
) {
    let (of_new, of_base) = (Sums::of(new), Sums::of(base));
    let (Some(ratio), Some(of_baseline)) = (of_new.ratio(), of_base.ratio()) else {
        return;
    };
    let scaled = contrast.scale * of_baseline;
    let threshold = scaled + contrast.bound.limit();
    if threshold <= 0.0 || ratio <= 0.0 || of_baseline <= 0.0 {
        // A margin larger than the whole cost, or answers that are free: no logarithm, and nothing that it would decide.
        return;
    }
    let weight = scaled / threshold;
    let influences: Vec<f64> = new
        .iter()
        .zip(base)
        .map(|(new, base)| of_new.influence(new) - weight * of_base.influence(base))
        .collect();
    let Ok(summary) = mean::summarise(&influences) else {
        return;
    };
    let n = of_new.n;
    let error = (summary.variance / n).sqrt();
    let distance = (ratio / threshold).ln();
    let (p_above, p_below) = if n < 2.0 || !error.is_finite() {
        return;
    } else if error == 0.0 {
        // Every case costs and brings the same: what is seen is what there is.
        (
            f64::from(u8::from(distance <= 0.0)),
            f64::from(u8::from(distance >= 0.0)),
        )
    } else {
        let t = distance / error;
        (dist::t_sf(t, n - 1.0), dist::t_sf(-t, n - 1.0))
    };
    let reach = dist::t_isf(risk, n - 1.0) * error;
    let end = |distance: f64| threshold.mul_add(distance.exp(), -scaled);
    (evidence.low, evidence.high) = (Some(end(distance - reach)), Some(end(distance + reach)));
    (evidence.p_fail, evidence.p_pass) = sided(contrast.bound, p_above, p_below);
    let mde =
        threshold * ((dist::normal_isf(risk) + dist::normal_quantile(crate::gate::POWER)) * error).exp_m1();
    evidence.mde = Some(mde).filter(|mde| mde.is_finite());
    evidence.method = Method::PairedRatio;
}

/// p-values of "the limit is met" and "the limit is missed" from those that refute "not above" and "not below".
const fn sided(bound: Bound, p_above: f64, p_below: f64) -> (Option<f64>, Option<f64>) {
    match bound {
        Bound::AtMost(_) => (Some(p_above), Some(p_below)),
        Bound::AtLeast(_) => (Some(p_below), Some(p_above)),
    }
}

/// Each run by itself.
fn by_bounds(
    new: &[CostOfCase],
    base: &[CostOfCase],
    contrast: Contrast,
    risk: f64,
    evidence: &mut ContrastEvidence,
) {
    let ends = |risk: f64| {
        let (new, base) = (ratio_ends(new, 0.5 * risk), ratio_ends(base, 0.5 * risk));
        let minus = |a: Option<f64>, b: Option<f64>| Some(contrast.scale.mul_add(-b?, a?));
        (minus(new.0, base.1), minus(new.1, base.0))
    };
    let limit = contrast.bound.limit();
    let p_above = smallest_risk(|risk| ends(risk).0.is_some_and(|low| low > limit));
    let p_below = smallest_risk(|risk| ends(risk).1.is_some_and(|high| high < limit));
    (evidence.low, evidence.high) = ends(risk);
    (evidence.p_fail, evidence.p_pass) = sided(contrast.bound, p_above, p_below);
    evidence.method = Method::RatioTwo;
}

/// Lower and upper end of one run's money per success, each at this risk: half of it for money, half for successes.
fn ratio_ends(units: &[CostOfCase], risk: f64) -> (Option<f64>, Option<f64>) {
    let risk = 0.5 * risk;
    let successes: Vec<f64> = units.iter().map(|unit| unit.success).collect();
    let usd: Vec<f64> = units.iter().map(|unit| unit.usd).collect();
    let share = Interval::new(0.0, 1.0);
    let least = bounded::lower(&successes, share, 1.0 - risk).unwrap_or(0.0);
    let most = bounded::upper(&successes, share, 1.0 - risk).unwrap_or(1.0);
    let Ok(money) = mean::summarise(&usd) else {
        return (None, None);
    };
    let n = to_f64(units.len() as u64);
    let reach = if n < 2.0 {
        f64::INFINITY
    } else {
        dist::t_isf(risk, n - 1.0) * (money.variance / n).sqrt()
    };
    if !reach.is_finite() {
        return (None, None);
    }
    let low = (most > 0.0).then(|| (money.mean - reach).max(0.0) / most);
    let high = (least > 0.0).then(|| (money.mean + reach) / least);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    fn uniform(rng: &mut ChaCha12Rng) -> f64 {
        (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Pairs whose true cost of a success is `1 / share` in the baseline and `factor` times that now; answers to the
    /// same case are alike.
    fn drawn(rng: &mut ChaCha12Rng, n: usize, shares: (f64, f64), factor: f64) -> PairedCosts {
        let mut paired = PairedCosts::default();
        for _ in 0..n {
            let (alike, hard) = (uniform(rng) < 0.5, uniform(rng));
            let mut one = |share: f64, mean: f64| {
                let luck = if alike { hard } else { uniform(rng) };
                CostOfCase {
                    usd: mean * (0.5 + uniform(rng)),
                    success: f64::from(u8::from(luck < share)),
                }
            };
            paired.base.push(one(shares.0, 1.0));
            paired.new.push(one(shares.1, factor / shares.0 * shares.1));
        }
        paired
    }

    fn limit(share: f64) -> Contrast {
        Contrast {
            scale: 1.0 + share,
            bound: Bound::AtMost(0.0),
        }
    }

    /// Protects the stated risk: exactly at the margin neither verdict comes more often than its risk allows, with many
    /// and with few successes.
    #[test]
    fn keeps_its_risk_at_the_margin() {
        let mut rng = ChaCha12Rng::seed_from_u64(7);
        for (n, shares) in [
            (40, (0.8, 0.5)),
            (200, (0.9, 0.9)),
            (200, (0.2, 0.1)),
            (150, (0.03, 0.05)),
        ] {
            let (mut passed, mut failed, runs) = (0, 0, 2_000);
            for _ in 0..runs {
                let evidence = weigh_ratios(&drawn(&mut rng, n, shares, 1.1), limit(0.1), 0.05);
                passed += u32::from(evidence.p_pass.is_some_and(|p| p <= 0.05));
                failed += u32::from(evidence.p_fail.is_some_and(|p| p <= 0.05));
            }
            // 0.05 and three standard errors of 2,000 draws, and what the delta method is off by.
            let most = 0.068 * f64::from(runs);
            assert!(
                f64::from(passed) <= most && f64::from(failed) <= most,
                "{n} {shares:?}: {passed} {failed}"
            );
        }
    }

    /// Protects power and direction: twice the price is a fail, half of it a pass, and bounds agree with verdicts.
    #[test]
    fn sees_what_is_there() {
        let mut rng = ChaCha12Rng::seed_from_u64(3);
        let dearer = weigh_ratios(&drawn(&mut rng, 300, (0.8, 0.8), 2.0), limit(0.1), 0.05);
        assert!(
            dearer.p_fail.unwrap() < 0.001 && dearer.low.unwrap() > 0.0,
            "{dearer:?}"
        );
        assert_eq!(dearer.method, Method::PairedRatio);
        let cheaper = weigh_ratios(&drawn(&mut rng, 300, (0.8, 0.8), 0.5), limit(0.1), 0.05);
        assert!(
            cheaper.p_pass.unwrap() < 0.001 && cheaper.high.unwrap() < 0.0,
            "{cheaper:?}"
        );
        let absolute = Contrast {
            scale: 1.0,
            bound: Bound::AtMost(0.2),
        };
        let by_money = weigh_ratios(&drawn(&mut rng, 300, (0.8, 0.8), 2.0), absolute, 0.05);
        assert!(
            by_money.p_fail.unwrap() < 0.001 && by_money.low.unwrap() > 0.2,
            "{by_money:?}"
        );
    }

    /// Protects "unbounded": a run without a success has no value and no upper end, cannot pass, and fails once there
    /// were enough cases; three cases show nothing.
    #[test]
    fn no_success_cannot_pass() {
        let case = |success| CostOfCase { usd: 1.0, success };
        let of = |n: usize| PairedCosts {
            base: (0..n).map(|i| case(f64::from(u8::from(i % 10 != 0)))).collect(),
            new: vec![case(0.0); n],
            clusters: Vec::new(),
        };
        let evidence = weigh_ratios(&of(200), limit(0.1), 0.05);
        assert_eq!((evidence.value, evidence.high), (None, None));
        assert!(
            evidence.p_fail.unwrap() < 0.05 && evidence.p_pass.unwrap() >= 1.0,
            "{evidence:?}"
        );
        assert_eq!(evidence.method, Method::RatioTwo);
        let few = weigh_ratios(&of(3), limit(0.1), 0.05);
        assert!(
            few.p_fail.unwrap() > 0.05 && few.p_pass.unwrap() >= 1.0,
            "{few:?}"
        );
        assert_eq!(weigh_ratios(&PairedCosts::default(), limit(0.1), 0.05).n, 0);
    }

    /// Protects clusters: ten copies of every case are worth no more than the case.
    #[test]
    fn copies_add_nothing() {
        let mut rng = ChaCha12Rng::seed_from_u64(5);
        let single = drawn(&mut rng, 100, (0.7, 0.7), 1.2);
        let mut copied = PairedCosts::default();
        for index in 0..100 {
            for _ in 0..10 {
                copied.base.push(single.base[index]);
                copied.new.push(single.new[index]);
                copied.clusters.push(u32::try_from(index).unwrap());
            }
        }
        let (one, ten) = (
            weigh_ratios(&single, limit(0.1), 0.05),
            weigh_ratios(&copied, limit(0.1), 0.05),
        );
        assert!(
            (one.p_fail.unwrap() - ten.p_fail.unwrap()).abs() < 1e-9,
            "{one:?} {ten:?}"
        );
    }
}
