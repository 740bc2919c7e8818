//! What each latency can have been at the socket: the certificate of every metric of a run. Apart from the definitions,
//! which say what is told, and from [`certificate`](crate::certificate), which judges whatever it is given.

use crate::certificate::{Bracket, Certificate};
use crate::definitions::Definition;
use crate::gauge::Gauge;
use crate::metrics::{LoadMetrics, TokenRule};
use crate::record::{Outcome, Phase, Recording, RequestRecord};
use std::collections::BTreeMap;

/// Percentiles that are looked at where they are told.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// A request that never came so far.
const NEVER: Bracket = Bracket {
    value: f64::INFINITY,
    low: f64::INFINITY,
    high: f64::INFINITY,
};

/// The certificate of every latency of a run by name; those without values have none.
#[must_use]
pub fn certify(
    recording: &Recording,
    gauge: &Gauge,
    metrics: &LoadMetrics,
    tokens: TokenRule,
) -> BTreeMap<&'static str, Certificate> {
    let mut chosen: Vec<(&RequestRecord, Option<f64>)> = Vec::new();
    for request in recording.requests() {
        let is_in = request.phase == Phase::Measured && metrics.window.contains(request.intended_ns);
        if is_in && request.outcome == Outcome::Ok {
            chosen.push((request, tokens.of(request)));
        }
    }
    let usual_ms = gauge.read_lag.quantile_ms(0.5).unwrap_or(0.0);
    let mut certificates = BTreeMap::new();
    for latency in &metrics.latencies {
        // The median vouches for itself even where it is not told; a tail only where it is.
        let told: Vec<f64> = QUANTILES
            .into_iter()
            .filter(|q| *q == 0.5 && latency.censored == 0 || latency.at(*q).is_some())
            .collect();
        let certificate = match Definition::from_name(latency.name) {
            Some(Definition::Ttst) => {
                let brackets: Vec<Bracket> = chosen
                    .iter()
                    .filter_map(|(request, _)| second_token(recording, request, usual_ms))
                    .collect();
                Certificate::of(&brackets, &told)
            }
            Some(definition) => {
                // What had no value when the run ended is longest, whatever this client did.
                let never = usize::try_from(latency.censored).unwrap_or(usize::MAX);
                let never = std::iter::repeat_n(NEVER, never);
                let brackets: Vec<Bracket> = chosen
                    .iter()
                    .filter_map(|(request, tokens)| bracket(definition, request, *tokens, usual_ms))
                    .chain(never)
                    .collect();
                Certificate::of(&brackets, &told)
            }
            // Gaps, and gaps over the tokens in them: late by the same share.
            None => Certificate::of_histograms(&gauge.gaps, &gauge.gaps_low, &gauge.gaps_high, &told),
        };
        if let Some(certificate) = certificate {
            let told = certificate.told_as(|q| latency.at(q).map(|bounded| bounded.value));
            certificates.insert(latency.name, told);
        }
    }
    certificates
}

/// A latency of one request, and what it can have been; `usual_ms` stands in where the lag of a stamp was not kept.
fn bracket(
    definition: Definition,
    request: &RequestRecord,
    tokens: Option<f64>,
    usual_ms: f64,
) -> Option<Bracket> {
    let value = definition.of(request, tokens)?;
    let first = ms(request.first_token_lag_ns);
    let last = ms(request.last_token_lag_ns);
    let write = ms(request.write_ns);
    let (early, late) = match definition {
        Definition::Ttft | Definition::Ttfe | Definition::Ttfb | Definition::Ttfot => {
            let first = if request.events == 0 { last } else { first };
            (first + write, 0.0)
        }
        Definition::TtftSched => (first + ms(request.own_delay_ns()), 0.0),
        Definition::Tpot => {
            let gaps = (tokens? - 1.0).max(1.0);
            (last / gaps, first / gaps)
        }
        Definition::TpotIncl => ((last + write) / tokens?.max(1.0), 0.0),
        Definition::E2e => (last + write, 0.0),
        Definition::E2eSched => (last + ms(request.own_delay_ns()), 0.0),
        Definition::Ttst | Definition::Connect | Definition::Tls => (usual_ms, 0.0),
    };
    Some(Bracket {
        value,
        low: value - early,
        high: value + late,
    })
}

fn second_token(recording: &Recording, request: &RequestRecord, usual_ms: f64) -> Option<Bracket> {
    let value = ms(recording.gaps_ns(request).next()?);
    Some(Bracket {
        value,
        low: value - usual_ms,
        high: value + ms(request.first_token_lag_ns),
    })
}

#[expect(clippy::cast_precision_loss, reason = "times of a run")]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Trust;
    use crate::metrics::{MeasureOptions, Window, measure};
    use crate::record::WorkerRecording;

    /// A thousand answers of 50 ms to the first and 100 ms to the last of 11 tokens, each stamped this late.
    fn recording(lag_ms: u64) -> Recording {
        let requests = (0..1000)
            .map(|i| RequestRecord {
                outcome: Outcome::Ok,
                intended_ns: i * 1_000_000,
                due_ns: i * 1_000_000,
                sent_ns: Some(i * 1_000_000),
                first_byte_ns: Some((i + 50) * 1_000_000),
                first_event_ns: Some((i + 50) * 1_000_000),
                first_token_ns: Some((i + 50) * 1_000_000),
                first_answer_token_ns: Some((i + 50) * 1_000_000),
                last_token_ns: Some((i + 100) * 1_000_000),
                end_ns: (i + 100) * 1_000_000,
                first_token_lag_ns: lag_ms * 1_000_000,
                last_token_lag_ns: lag_ms * 1_000_000,
                events: 11,
                tokens_out: Some(11),
                is_stream: true,
                ..RequestRecord::default()
            })
            .collect();
        Recording {
            workers: vec![WorkerRecording {
                requests,
                ..WorkerRecording::default()
            }],
            measured_from_ns: 0,
            measured_to_ns: 1_000_000_000,
            ended_ns: 1_100_000_000,
            ..Recording::default()
        }
    }

    /// Protects each metric from what spoils it, and not from what does not: lateness that ruins a first token is a tenth
    /// of that for the mean over ten tokens.
    #[test]
    fn lateness_spoils_what_it_touches() {
        let trust = |lag_ms: u64, name: &str| {
            let recording = recording(lag_ms);
            let options = MeasureOptions::default();
            let metrics = measure(&recording, Window::measured(&recording), &options);
            certify(&recording, &Gauge::default(), &metrics, options.tokens)
                .get(name)
                .map(|certificate| certificate.trust)
        };
        assert_eq!(trust(0, "ttft"), Some(Trust::Ok));
        assert_eq!(trust(2, "ttft"), Some(Trust::Ok));
        assert_eq!(trust(5, "ttft"), Some(Trust::Degraded));
        assert_eq!(trust(5, "e2e"), Some(Trust::Ok));
        assert_eq!(trust(15, "ttft"), Some(Trust::Withheld));
        assert_eq!(trust(15, "ttft_sched"), Some(Trust::Withheld));
        assert_eq!(trust(15, "e2e"), Some(Trust::Degraded));
        assert_eq!(trust(15, "tpot"), Some(Trust::Withheld));
        assert_eq!(trust(15, "icl"), None);
    }
}
