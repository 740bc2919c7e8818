//! Times the resampling statistics on data from a file, for `benches/stats_vs_reference`: prints one JSON object with
//! wall seconds (best of several) and the values, so that the script can hold them against the reference libraries.

use seatrial_stats::agreement::{AlphaResampling, MeasurementLevel, krippendorff_alpha_bootstrap};
use seatrial_stats::{bootstrap, permutation};
use serde_json::{Value, json};
use std::time::Instant;

const REPEATS: usize = 5;

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

fn best<T>(mut work: impl FnMut() -> T) -> (f64, T) {
    let mut seconds = f64::INFINITY;
    let mut result = work();
    for _ in 0..REPEATS {
        let started = Instant::now();
        result = work();
        seconds = seconds.min(started.elapsed().as_secs_f64());
    }
    (seconds, result)
}

#[expect(clippy::print_stdout, reason = "its output is its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: speed DATA.json")?;
    let data: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let x = numbers(&data["x"]);
    let differences = numbers(&data["differences"]);
    let ratings: Vec<Vec<Option<f64>>> = data["ratings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|rater| {
            rater
                .as_array()
                .into_iter()
                .flatten()
                .map(Value::as_f64)
                .collect()
        })
        .collect();
    let (bca_s, bca) = best(|| bootstrap::resample(&x, bootstrap::Statistic::Mean, 0.95, 10_000, 1));
    let bca = bca?.bca;
    let (flip_s, flip) = best(|| permutation::sign_flip_sampled(&differences, 10_000, 1));
    let how = AlphaResampling {
        resamples: 2000,
        confidence: 0.95,
        seed: 1,
    };
    let (alpha_s, alpha) = best(|| krippendorff_alpha_bootstrap(&ratings, MeasurementLevel::Ordinal, how));
    let alpha = alpha?;
    let result = json!({
        "bca": {"seconds": bca_s, "low": bca.low, "high": bca.high},
        "sign_flip": {"seconds": flip_s, "p": flip?.p_abs},
        "alpha": {"seconds": alpha_s, "alpha": alpha.alpha.alpha, "low": alpha.low, "high": alpha.high},
    });
    println!("{result}");
    Ok(())
}
