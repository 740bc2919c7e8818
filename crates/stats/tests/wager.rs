//! What stopping early promises: false alarms under continuous looking, and samples saved. For shares everything is
//! computed exactly over all paths; for other scores simulated with fixed seeds.

#![expect(clippy::unwrap_used, reason = "tests")]

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use seatrial_stats::dist::{binom_cdf, binom_sf};
use seatrial_stats::sequential::{Drawn, DrawnMean, Spread, Wager, share_ln_capitals};

const RISK: f64 = 0.05;

/// Seeded uniform numbers.
struct Rng(Xoshiro256PlusPlus);

impl Rng {
    fn seeded(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    fn unit(&mut self) -> f64 {
        use rand::RngExt as _;
        self.0.random()
    }
}

/// What happens to a gate over all paths: mean number of answers, and the probability of either decision.
struct Exact {
    mean_n: f64,
    above: f64,
    below: f64,
}

/// Decisions by numbers of right answers: the smallest that shows "above" and the largest that shows "below", by n.
fn boundaries(limit: f64, planned: u64, risk: f64) -> Vec<(u64, Option<u64>)> {
    let goal = -risk.ln();
    let (mut up, mut down) = (0, None::<u64>);
    (1..=planned)
        .map(|n| {
            // Both boundaries only ever rise with n.
            while up <= n && share_ln_capitals(limit, planned, n, up).unwrap().0 < goal {
                up += 1;
            }
            loop {
                let next = down.map_or(0, |down| down + 1);
                if next > n || share_ln_capitals(limit, planned, n, next).unwrap().1 < goal {
                    break;
                }
                down = Some(next);
            }
            (up, down)
        })
        .collect()
}

fn exact(boundaries: &[(u64, Option<u64>)], truth: f64) -> Exact {
    let mut alive = vec![1.0];
    let mut result = Exact {
        mean_n: 0.0,
        above: 0.0,
        below: 0.0,
    };
    for (up, down) in boundaries {
        result.mean_n += alive.iter().sum::<f64>();
        let mut next = vec![0.0; alive.len() + 1];
        for (ones, chance) in alive.iter().enumerate() {
            next[ones] += chance * (1.0 - truth);
            next[ones + 1] += chance * truth;
        }
        for (ones, chance) in next.iter_mut().enumerate() {
            if ones as u64 >= *up {
                result.above += std::mem::take(chance);
            } else if down.is_some_and(|down| ones as u64 <= down) {
                result.below += std::mem::take(chance);
            }
        }
        alive = next;
    }
    result
}

/// The n at which the exact fixed test of "the share is at least `limit`" first has power 0.8 against `truth` below it.
fn fixed_n_below(limit: f64, truth: f64) -> u64 {
    (1..20_000)
        .find(|n| {
            let critical = (0..=*n)
                .take_while(|ones| binom_cdf(*ones, *n, limit) <= RISK)
                .last();
            critical.is_some_and(|critical| binom_cdf(critical, *n, truth) >= 0.8)
        })
        .unwrap()
}

/// The same for "the share is at most `limit`" against a truth above it.
fn fixed_n_above(limit: f64, truth: f64) -> u64 {
    (1..20_000)
        .find(|n| {
            let critical = (1..=*n)
                .rev()
                .take_while(|ones| binom_sf(ones - 1, *n, limit) <= RISK)
                .last();
            critical.is_some_and(|critical| binom_sf(critical - 1, *n, truth) >= 0.8)
        })
        .unwrap()
}

/// Protects the promise of sequential gates on shares, exactly: at the limit either wrong decision has at most the risk
/// although one looks after every answer; two margins away at most half of the fixed test's answers are needed on
/// average, on either side; and the plan is never passed, since there are no further answers.
#[test]
fn shares_keep_the_risk_and_save_half() {
    for (limit, margin) in [(0.5, 0.1), (0.8, 0.08), (0.9, 0.05), (0.95, 0.025)] {
        let n = fixed_n_below(limit, limit - margin);
        let bounds = boundaries(limit, n, RISK);
        let at_limit = exact(&bounds, limit);
        assert!(
            at_limit.below <= RISK && at_limit.above <= RISK,
            "{limit}: {} {}",
            at_limit.below,
            at_limit.above
        );
        assert!(at_limit.mean_n <= n as f64);
        let missed = exact(&bounds, limit - 2.0 * margin);
        assert!(
            missed.mean_n <= 0.4 * n as f64,
            "{limit}: {} of {n}",
            missed.mean_n
        );
        assert!(missed.below >= 0.97, "{limit}: {}", missed.below);
        let n = fixed_n_above(limit, limit + margin);
        let met = exact(&boundaries(limit, n, RISK), (limit + 2.0 * margin).min(1.0));
        assert!(met.mean_n <= 0.5 * n as f64, "{limit}: {} of {n}", met.mean_n);
        assert!(met.above >= 0.97, "{limit}: {}", met.above);
    }
}

/// Protects scores that are no shares, clusters, and differences of pairs: the spread is learned, and the risk holds
/// under continuous looking all the same.
#[test]
fn learned_spreads_keep_the_risk() {
    let draws = if cfg!(debug_assertions) { 1500 } else { 20_000 };
    let mut rng = Rng::seeded(5);
    // Beta-like scores; differences of paired answers, few of them discordant; sums of clusters of 1 to 5.
    let scores = |rng: &mut Rng| rng.unit().max(rng.unit()) - 2.0 / 3.0;
    let pairs = |rng: &mut Rng| match rng.unit() {
        u if u < 0.05 => 1.0,
        u if u < 0.10 => -1.0,
        _ => 0.0,
    };
    let clusters = |rng: &mut Rng| {
        let size = 1 + (rng.unit() * 5.0) as u32;
        let level = rng.unit();
        (0..size)
            .map(|_| f64::from(u8::from(rng.unit() < level)) - 0.5)
            .sum::<f64>()
            / 5.0
    };
    type Draw<'a> = &'a dyn Fn(&mut Rng) -> f64;
    let designs: [(&str, Draw<'_>, f64, Spread); 3] = [
        ("scores", &scores, 2.0 / 3.0, Spread::AtMost(0.5)),
        ("pairs", &pairs, 1.0, Spread::AtMost(1.0)),
        ("clusters", &clusters, 0.5, Spread::AtMost(0.5)),
    ];
    for (name, gain, worst, spread) in designs {
        let alarms = (0..draws)
            .filter(|_| {
                let mut wager = Wager::try_new(spread, worst, 300).unwrap();
                (0..300).for_each(|_| wager.push(gain(&mut rng)).unwrap());
                wager.p_value() <= RISK
            })
            .count();
        let rate = alarms as f64 / f64::from(draws);
        assert!(rate <= RISK, "{name}: {rate}");
        assert!(rate >= 0.005, "{name} is too careful to be of use: {rate}");
    }
}

/// Protects the bounds that reports show: they hold at every number of draws at once, contain the mean, and say the same
/// as the wager at the limit.
#[test]
fn bounds_are_the_wagers_inverted() {
    let mut rng = Rng::seeded(11);
    let runs = if cfg!(debug_assertions) { 300 } else { 2000 };
    for spread in [Spread::Known(0.4), Spread::AtMost(0.5)] {
        let mut missed = 0;
        for _ in 0..runs {
            let draws: Vec<Drawn> = (0..150)
                .map(|_| Drawn {
                    sum: f64::from(u8::from(rng.unit() < 0.8)),
                    count: 1.0,
                })
                .collect();
            let mut wager = Wager::try_new(spread, 0.8, 150).unwrap();
            let mut is_missed = false;
            for n in (10..=150).step_by(20) {
                let seen = DrawnMean {
                    draws: &draws[..n],
                    low: 0.0,
                    high: 1.0,
                    size_max: 1.0,
                    spread,
                    planned: 150,
                    centre: 0.8,
                };
                let (low, high) = (seen.lower(0.05).unwrap(), seen.upper(0.05).unwrap());
                assert!(0.0 <= low && low <= high && high <= 1.0, "{low} {high}");
                is_missed |= low > 0.8;
            }
            for drawn in &draws {
                wager.push(drawn.sum - 0.8).unwrap();
            }
            let whole = DrawnMean {
                draws: &draws,
                low: 0.0,
                high: 1.0,
                size_max: 1.0,
                spread,
                planned: 150,
                centre: 0.8,
            };
            let ones = draws.iter().map(|drawn| drawn.sum as u64).sum();
            if spread == Spread::Known(0.4) {
                // √(0.8 · 0.2) = 0.4: counts say what the answers one by one say.
                let (above, _) = share_ln_capitals(0.8, 150, 150, ones).unwrap();
                assert!((above - wager.ln_capital()).abs() < 1e-9);
            }
            let rich = wager.ln_capital() >= -(0.05_f64.ln());
            assert_eq!(rich, whole.lower(0.05).unwrap() >= 0.8 - 1e-9);
            missed += u32::from(is_missed);
        }
        assert!(f64::from(missed) <= 0.05 * f64::from(runs), "{missed} of {runs}");
    }
}

/// Protects edges: what cannot happen is an error, a limit at the end of the range is refuted by one value, and nothing
/// is claimed without data.
#[test]
fn edges() {
    assert!(Wager::try_new(Spread::Known(0.0), 0.5, 10).is_err());
    assert!(Wager::try_new(Spread::Known(0.5), -0.1, 10).is_err());
    assert!(Wager::try_new(Spread::Known(0.5), 0.5, 0).is_err());
    let mut wager = Wager::try_new(Spread::AtMost(0.5), 0.0, 10).unwrap();
    assert_eq!(wager.p_value(), 1.0);
    assert!(wager.push(f64::NAN).is_err() && wager.push(-0.5).is_err());
    wager.push(0.0).unwrap();
    assert!(wager.p_value() > 1.0 - 1e-9);
    wager.push(0.25).unwrap();
    assert_eq!(wager.p_value(), 0.0);
    let nothing = DrawnMean {
        draws: &[],
        low: -1.0,
        high: 1.0,
        size_max: 1.0,
        spread: Spread::Known(0.5),
        planned: 10,
        centre: 0.0,
    };
    assert_eq!(
        (nothing.lower(0.05).unwrap(), nothing.upper(0.05).unwrap()),
        (-1.0, 1.0)
    );
    let ones = [Drawn { sum: 1.0, count: 1.0 }; 100];
    let all = DrawnMean {
        draws: &ones,
        low: 0.0,
        high: 1.0,
        size_max: 1.0,
        spread: Spread::Known(0.218),
        planned: 100,
        centre: 0.95,
    };
    assert_eq!(all.upper(0.05).unwrap(), 1.0);
    let low = all.lower(0.05).unwrap();
    assert!((0.93..0.0_f64.max(0.05_f64.powf(0.01))).contains(&low), "{low}");
}
