//! What one block of a comparison says of a figure: the values behind it. Apart from the figures, which are only names,
//! and from the comparison, which knows no requests.

use crate::figure::Figure;
use crate::metrics::{LoadMetrics, MeasureOptions};
use crate::record::{Phase, Recording, RequestRecord};

/// The values of a figure over the window of `metrics`: of a latency one for each whole answer, of a rate one for the
/// block, of a share 0 or 1 for each request. Empty where the block does not have it.
#[must_use]
pub fn values(
    figure: Figure,
    recording: &Recording,
    metrics: &LoadMetrics,
    options: &MeasureOptions<'_>,
) -> Vec<f64> {
    let chosen = || {
        recording.requests().filter(|request| {
            request.phase == Phase::Measured && metrics.window.contains(request.intended_ns)
        })
    };
    let one = |is: bool| if is { 1.0 } else { 0.0 };
    match figure {
        Figure::Latency(definition, _) => chosen()
            .filter_map(|request| definition.of(request, options.tokens.of(request)))
            .collect(),
        Figure::RequestsPerS => rate(metrics.throughput.requests_per_s),
        Figure::OutputTokensPerS => rate(metrics.throughput.output_tokens_per_s),
        Figure::ErrorRate => chosen()
            .filter_map(|request| recording.has_failed(request).map(one))
            .collect(),
        Figure::Attainment => {
            let met = |request: &RequestRecord| {
                let met = options.objectives?.is_met(request, options.tokens.of(request))?;
                Some(one(met))
            };
            chosen().filter_map(met).collect()
        }
    }
}

fn rate(rate: Option<crate::intervals::Bounded>) -> Vec<f64> {
    rate.map(|rate| rate.value).into_iter().collect()
}

/// Requests of the window that ended only after the load had stopped: their ends saw less load than those before them.
#[must_use]
pub fn ended_after(recording: &Recording, metrics: &LoadMetrics, stopped_ns: u64) -> u64 {
    let late = recording.requests().filter(|request| {
        request.phase == Phase::Measured
            && metrics.window.contains(request.intended_ns)
            && request.end_ns > stopped_ns
    });
    late.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definition;
    use crate::figure::Summary;
    use crate::metrics::{Window, measure};
    use crate::record::Outcome;
    use crate::record::WorkerRecording;
    use crate::slo::Objectives;
    use seatrial_types::CallErrorKind;

    const MS: u64 = 1_000_000;

    /// Requests of 10 ms, one every 10 ms, from 0 to a second; every tenth fails.
    fn recording() -> Recording {
        let requests = (0..100)
            .map(|i| RequestRecord {
                outcome: if i % 10 == 9 {
                    Outcome::Failed(CallErrorKind::Server)
                } else {
                    Outcome::Ok
                },
                intended_ns: i * 10 * MS,
                due_ns: i * 10 * MS,
                sent_ns: Some(i * 10 * MS),
                end_ns: (i * 10 + 10) * MS,
                ..RequestRecord::default()
            })
            .collect();
        Recording {
            workers: vec![WorkerRecording {
                requests,
                ..WorkerRecording::default()
            }],
            measured_from_ns: 0,
            measured_to_ns: 1_000 * MS,
            ended_ns: 1_000 * MS,
            ..Recording::default()
        }
    }

    /// Protects: only what was intended in the window counts; failures count as errors and misses, never as latencies.
    #[test]
    fn a_window_of_a_block() {
        let recording = recording();
        let objectives = Objectives::parse("e2e_p99<5m").unwrap();
        let options = MeasureOptions {
            objectives: Some(&objectives),
            ..MeasureOptions::default()
        };
        let window = Window {
            from_ns: 200 * MS,
            to_ns: 700 * MS,
        };
        let metrics = measure(&recording, window, &options);
        let of = |figure| values(figure, &recording, &metrics, &options);
        let latencies = of(Figure::Latency(Definition::E2e, Summary::Mean));
        assert_eq!(latencies.len(), 45);
        assert!(latencies.iter().all(|ms| (ms - 10.0).abs() < 1e-9));
        let errors = of(Figure::ErrorRate);
        assert_eq!((errors.len(), errors.iter().sum::<f64>()), (50, 5.0));
        assert_eq!(of(Figure::Attainment).iter().sum::<f64>(), 45.0);
        let rates = of(Figure::RequestsPerS);
        assert!(rates.len() == 1 && (rates[0] - 90.0).abs() < 3.0, "{rates:?}");
        assert_eq!(ended_after(&recording, &metrics, 690 * MS), 1);
        assert_eq!(ended_after(&recording, &metrics, 700 * MS), 0);
    }
}
