//! Tests of the figures of a window.

use super::*;
use proptest::prelude::*;

fn window(asked: &[&str], readings: &[(u64, String)]) -> Window {
    let asked = asked
        .iter()
        .map(|text| ServerSeries::parse(text).unwrap())
        .collect();
    let mut window = Window::new(asked);
    for (second, text) in readings {
        window.push(second * 1_000_000_000, text).unwrap();
    }
    window
}

fn figure(window: &Window, word: &str) -> ServerFigure {
    let figures = window.figures();
    let found = figures
        .iter()
        .find(|figure| figure.word == Some(word) || figure.word.is_none() && figure.name == word);
    found.unwrap_or_else(|| panic!("{word} in {figures:?}")).clone()
}

fn vllm(running: f64, tokens: f64, hits: f64, queries: f64) -> String {
    format!(
        "# TYPE vllm:num_requests_running gauge\n\
         vllm:num_requests_running{{engine=\"0\",model_name=\"m\"}} {running}\n\
         vllm:num_requests_running{{engine=\"1\",model_name=\"m\"}} 1.0\n\
         # TYPE vllm:kv_cache_usage_perc gauge\n\
         vllm:kv_cache_usage_perc{{engine=\"0\"}} 0.5\n\
         vllm:kv_cache_usage_perc{{engine=\"1\"}} 0.7\n\
         # TYPE vllm:generation_tokens_total counter\n\
         vllm:generation_tokens_total{{model_name=\"m\"}} {tokens}\n\
         vllm:prefix_cache_queries_total {queries}\n\
         vllm:prefix_cache_hits_total {hits}\n"
    )
}

/// Protects the meaning of levels, growth and ratios: engines are summed, shares averaged, and what was before the window
/// counts for nothing.
#[test]
fn levels_growth_and_ratios() {
    let window = window(
        &[],
        &[
            (10, vllm(2.0, 1000.0, 500.0, 600.0)),
            (11, vllm(6.0, 1100.0, 500.0, 600.0)),
            (14, vllm(4.0, 1400.0, 530.0, 700.0)),
        ],
    );
    assert_eq!(window.kind(), Some(ServerKind::Vllm));
    assert_eq!(window.span_ns(), Some((10_000_000_000, 14_000_000_000)));
    let running = figure(&window, "running");
    assert_eq!((running.series, running.resets), (2, 0));
    assert_eq!(
        running.told,
        Told::Level {
            mean: 5.0,
            min: 3.0,
            max: 7.0,
            readings: 3
        }
    );
    let Told::Level { mean, .. } = figure(&window, "kv_cache_use").told else {
        panic!("a level")
    };
    assert!((mean - 0.6).abs() < 1e-12);
    assert_eq!(
        figure(&window, "generation_tokens").told,
        Told::Growth {
            total: 400.0,
            per_s: Some(100.0)
        }
    );
    assert_eq!(
        figure(&window, "prefix_cache_hits").told,
        Told::Ratio {
            value: Some(0.3),
            of: 100.0
        }
    );
}

fn histogram(counts: [u32; 4], sum: f64) -> String {
    let mut text = "# TYPE vllm:time_to_first_token_seconds histogram\n".to_owned();
    for (limit, count) in ["0.01", "0.1", "1.0", "+Inf"].iter().zip(counts) {
        text += &format!("vllm:time_to_first_token_seconds_bucket{{le=\"{limit}\"}} {count}\n");
    }
    text + &format!(
        "vllm:time_to_first_token_seconds_count {}\nvllm:time_to_first_token_seconds_sum {sum}\n",
        counts[3]
    )
}

/// Protects distributions: only what was counted within the window, in milliseconds, with the limits of the bucket that a
/// quantile lies in, and none beyond the last limit.
#[test]
fn distributions_are_differences() {
    let window = window(
        &[],
        &[
            (0, histogram([50, 50, 50, 50], 0.1)),
            (1, histogram([50, 70, 100, 150], 60.1)),
        ],
    );
    let Told::Distribution { n, mean, quantiles } = figure(&window, "ttft").told else {
        panic!("a distribution")
    };
    assert_eq!(n, 100.0);
    assert!((mean.unwrap() - 600.0).abs() < 1e-9);
    let median = quantiles[0];
    assert_eq!((median.q, median.low, median.high), (0.5, 100.0, Some(1000.0)));
    assert_eq!(median.value, Some(1000.0));
    let tail = quantiles[2];
    assert_eq!((tail.value, tail.low, tail.high), (None, 1000.0, None));
}

/// Protects growth from a server that starts again, and from series that come into being only with the first request.
#[test]
fn counters_begin_from_nothing() {
    let text = |value: &str| format!("x 1\n{value}");
    let restarted = window(
        &["a_total"],
        &[
            (0, "a_total 100".to_owned()),
            (1, "a_total 130".to_owned()),
            (2, "a_total 20".to_owned()),
        ],
    );
    let figure_of = figure(&restarted, "a_total");
    assert_eq!(figure_of.resets, 1);
    assert_eq!(
        figure_of.told,
        Told::Growth {
            total: 50.0,
            per_s: Some(25.0)
        }
    );
    let late = window(&["a_total"], &[(0, text("")), (2, text("a_total 8"))]);
    assert_eq!(
        figure(&late, "a_total").told,
        Told::Growth {
            total: 8.0,
            per_s: Some(4.0)
        }
    );
}

/// Protects what is asked for by name: labels choose, and what never came is told.
#[test]
fn series_are_chosen_by_labels() {
    let window = window(
        &["power{gpu=\"1\"}", "nothing"],
        &[(0, "power{gpu=\"0\",x=\"y\"} 100\npower{gpu=\"1\"} 40".to_owned())],
    );
    assert_eq!(window.missing(), ["nothing"]);
    assert_eq!(
        figure(&window, "power{gpu=\"1\"}").told,
        Told::Level {
            mean: 40.0,
            min: 40.0,
            max: 40.0,
            readings: 1
        }
    );
    assert!(ServerSeries::parse("a{").is_err());
    assert!(ServerSeries::parse("a b").is_err());
}

/// Protects people from a page that is none of this, with what was found instead.
#[test]
fn other_pages_are_refused() {
    let mut window = Window::new(Vec::new());
    let problem = window.push(0, "<html>\nnot found").unwrap_err();
    assert!(problem.contains("`<html>`"), "{problem}");
    assert!(window.push(0, "# HELP a b\n").is_err());
    assert_eq!(window.span_ns(), None);
    // One line that cannot be read does not hide the others.
    window.push(0, "tgi_queue_size 3\n?!\n").unwrap();
    assert_eq!(window.kind(), Some(ServerKind::Tgi));
    assert_eq!(figure(&window, "waiting").name, "tgi_queue_size");
}

proptest! {
    /// Protects quantiles: each lies in its bucket, and they rise with q.
    #[test]
    fn quantiles_lie_in_their_buckets(counts in proptest::collection::vec(0_u32..50, 1..12)) {
        let mut below = 0.0;
        let buckets: Vec<(f64, f64)> = counts
            .iter()
            .enumerate()
            .map(|(i, count)| {
                below += f64::from(*count);
                (0.1 * (i + 1) as f64, below)
            })
            .collect();
        let mut last = 0.0;
        for q in [0.01, 0.3, 0.5, 0.9, 1.0] {
            let Some(found) = quantile(&buckets, q, 1.0) else {
                prop_assert_eq!(below, 0.0);
                continue;
            };
            let value = found.value.unwrap();
            prop_assert!(found.low <= value + 1e-12 && value <= found.high.unwrap() + 1e-12, "{:?}", found);
            prop_assert!(value >= last - 1e-12);
            last = value;
        }
    }
}
