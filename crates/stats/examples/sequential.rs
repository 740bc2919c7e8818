//! What stopping early saves on shares, computed exactly over all paths: the table of docs/design/0023.
//! `cargo run --release -p seatrial-stats --example sequential`

#![expect(clippy::print_stdout, reason = "its output is its result")]

use seatrial_stats::dist::{binom_cdf, binom_sf};
use seatrial_stats::sequential::share_ln_capitals;

const RISK: f64 = 0.05;
const POWER: f64 = 0.8;

/// Which side of the limit the truth lies on.
#[derive(Clone, Copy)]
enum Side {
    Below,
    Above,
}

/// By n: the smallest number of right answers that shows "above", and the largest that shows "below".
type Boundaries = Vec<(u64, Option<u64>)>;

fn boundaries(limit: f64, planned: u64) -> Boundaries {
    let goal = -RISK.ln();
    let capitals = |n, ones| share_ln_capitals(limit, planned, n, ones).unwrap_or((0.0, 0.0));
    let (mut up, mut down) = (0, None::<u64>);
    (1..=planned)
        .map(|n| {
            while up <= n && capitals(n, up).0 < goal {
                up += 1;
            }
            while let Some(next) = Some(down.map_or(0, |down| down + 1)).filter(|next| *next <= n) {
                if capitals(n, next).1 < goal {
                    break;
                }
                down = Some(next);
            }
            (up, down)
        })
        .collect()
}

/// Mean number of answers, and the probabilities of "above" and "below".
fn exact(boundaries: &Boundaries, truth: f64) -> (f64, f64, f64) {
    let (mut alive, mut mean_n, mut above, mut below) = (vec![1.0], 0.0, 0.0, 0.0);
    for (up, down) in boundaries {
        mean_n += alive.iter().sum::<f64>();
        let mut next = vec![0.0; alive.len() + 1];
        for (ones, chance) in alive.iter().enumerate() {
            next[ones] += chance * (1.0 - truth);
            next[ones + 1] += chance * truth;
        }
        for (ones, chance) in (0_u64..).zip(next.iter_mut()) {
            if ones >= *up {
                above += std::mem::take(chance);
            } else if down.is_some_and(|down| ones <= down) {
                below += std::mem::take(chance);
            }
        }
        alive = next;
    }
    (mean_n, above, below)
}

/// The n at which the exact fixed test first has the power.
fn fixed_n(limit: f64, truth: f64, side: Side) -> u64 {
    let has_power = |n: u64| match side {
        Side::Below => {
            let critical = (0..=n)
                .take_while(|ones| binom_cdf(*ones, n, limit) <= RISK)
                .last();
            critical.is_some_and(|critical| binom_cdf(critical, n, truth) >= POWER)
        }
        Side::Above => {
            let critical = (1..=n)
                .rev()
                .take_while(|ones| binom_sf(ones - 1, n, limit) <= RISK)
                .last();
            critical.is_some_and(|critical| binom_sf(critical - 1, n, truth) >= POWER)
        }
    };
    (1..100_000).find(|n| has_power(*n)).unwrap_or(100_000)
}

fn main() {
    println!("risk {RISK}, plan = n of the exact fixed test with power {POWER} at one margin");
    println!(
        "limit  margin  truth     plan  wrong at limit  mean n at 0, 1, 2 margins       power at 1, 2  power {POWER} at"
    );
    for (limit, margin) in [
        (0.5, 0.1),
        (0.8, 0.05),
        (0.9, 0.03),
        (0.9, 0.05),
        (0.95, 0.02),
        (0.95, 0.025),
    ] {
        for side in [Side::Below, Side::Above] {
            let (sign, word) = match side {
                Side::Below => (-1.0, "below"),
                Side::Above => (1.0, "above"),
            };
            let at = |margins: f64| (limit + sign * margins * margin).clamp(0.0, 1.0);
            let n = fixed_n(limit, at(1.0), side);
            let bounds = boundaries(limit, n);
            let of = |(mean, above, below): (f64, f64, f64)| match side {
                Side::Below => (mean, below),
                Side::Above => (mean, above),
            };
            let (zero, one, two) = (
                of(exact(&bounds, limit)),
                of(exact(&bounds, at(1.0))),
                of(exact(&bounds, at(2.0))),
            );
            let visible = (100..200).map(|percent| f64::from(percent) / 100.0);
            let visible = visible
                .into_iter()
                .find(|margins| of(exact(&bounds, at(*margins))).1 >= POWER);
            let share = |mean: f64| format!("{mean:.0} ({:.0} %)", 100.0 * mean / n as f64);
            println!(
                "{limit:<6} {margin:<7} {word:<8} {n:>5}  {:>14.4}  {:>12} {:>12} {:>12}  {:.2}, {:.3}     {:.2} margins",
                zero.1,
                share(zero.0),
                share(one.0),
                share(two.0),
                one.1,
                two.1,
                visible.unwrap_or(f64::NAN)
            );
        }
    }
}
