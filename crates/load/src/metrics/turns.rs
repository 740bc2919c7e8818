//! Latencies by the turn of a conversation. Apart from the whole because a first turn is another thing than the later
//! ones: those carry their history, which a server may have in its cache or has to read again.

use super::{Latency, MeasureOptions, RequestCounts, Window, counts, latency};
use crate::definitions::Definition;
use crate::record::{Outcome, Phase, Recording, RequestRecord};

/// Turns that are told one by one; all later ones are told together.
pub const TURNS_TOLD_MAX: u16 = 8;
/// What is told of them.
const TOLD: [Definition; 5] = [
    Definition::Ttft,
    Definition::TtftSched,
    Definition::Tpot,
    Definition::E2e,
    Definition::E2eSched,
];

/// One turn of all conversations, or several.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnMetrics {
    /// The first of these turns, from 1.
    pub from: u16,
    /// The last of them; `None` where it is the last of the conversation.
    pub to: Option<u16>,
    /// How they ended.
    pub requests: RequestCounts,
    /// Mean input tokens of answered turns as the server told, history included; `None` where it did not for all.
    pub input_tokens: Option<f64>,
    /// Share of these that came from the server's cache; `None` where it does not tell.
    pub cached_share: Option<f64>,
    /// Latencies, those that counted from the intended moment included.
    pub latencies: Vec<Latency>,
}

impl TurnMetrics {
    /// The latency of this name.
    #[must_use]
    pub fn latency(&self, name: &str) -> Option<&Latency> {
        self.latencies.iter().find(|latency| latency.name == name)
    }
}

/// Turn by turn, those beyond [`TURNS_TOLD_MAX`] together; turns that nobody came to are left out.
#[must_use]
pub fn by_turn(recording: &Recording, window: Window, options: &MeasureOptions<'_>) -> Vec<TurnMetrics> {
    let all = chosen(recording, window);
    let single = (0..TURNS_TOLD_MAX).map(|turn| (turn, Some(turn)));
    single
        .chain([(TURNS_TOLD_MAX, None)])
        .filter_map(|(from, to)| of_turns(&all, from, to, options))
        .collect()
}

/// All turns but the first; `None` where nobody came to a second one.
#[must_use]
pub fn later_turns(
    recording: &Recording,
    window: Window,
    options: &MeasureOptions<'_>,
) -> Option<TurnMetrics> {
    of_turns(&chosen(recording, window), 1, None, options)
}

fn chosen(recording: &Recording, window: Window) -> Vec<&RequestRecord> {
    let mut chosen: Vec<&RequestRecord> = recording
        .requests()
        .filter(|request| request.phase == Phase::Measured && window.contains(request.intended_ns))
        .collect();
    chosen.sort_by_key(|request| request.intended_ns);
    chosen
}

#[expect(clippy::cast_precision_loss, reason = "means and shares of tokens")]
fn of_turns(
    all: &[&RequestRecord],
    from: u16,
    to: Option<u16>,
    options: &MeasureOptions<'_>,
) -> Option<TurnMetrics> {
    let these: Vec<&RequestRecord> = all
        .iter()
        .copied()
        .filter(|request| request.turn >= from && to.is_none_or(|to| request.turn <= to))
        .collect();
    if these.is_empty() {
        return None;
    }
    let ok: Vec<&RequestRecord> = these
        .iter()
        .copied()
        .filter(|request| request.outcome == Outcome::Ok)
        .collect();
    let input: Option<u64> = ok.iter().map(|request| request.tokens_in).sum();
    let input = input.filter(|_| !ok.is_empty());
    // A server that leaves the count out where nothing was cached says so by telling it elsewhere.
    let tells_cached = all.iter().any(|request| request.tokens_cached.is_some());
    let cached: u64 = ok
        .iter()
        .map(|request| u64::from(request.tokens_cached.unwrap_or(0)))
        .sum();
    let told = TOLD.into_iter().map(|definition| {
        let values = ok
            .iter()
            .filter_map(|request| definition.of(request, options.tokens.of(request)));
        latency(
            definition.name(),
            definition.meaning(),
            &values.collect::<Vec<_>>(),
            options.level,
        )
    });
    Some(TurnMetrics {
        from: from.saturating_add(1),
        to: to.map(|to| to.saturating_add(1)),
        requests: counts(&these, None),
        input_tokens: input.map(|tokens| tokens as f64 / ok.len() as f64),
        cached_share: input
            .filter(|tokens| tells_cached && *tokens > 0)
            .map(|tokens| cached as f64 / tokens as f64),
        latencies: told.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::WorkerRecording;
    use seatrial_types::CallErrorKind;

    fn request(turn: u16, ms: u64, tokens_in: u64, tokens_cached: Option<u32>) -> RequestRecord {
        RequestRecord {
            outcome: Outcome::Ok,
            sent_ns: Some(0),
            first_token_ns: Some(ms * 1_000_000),
            last_token_ns: Some(ms * 2_000_000),
            is_stream: true,
            events: 2,
            tokens_in: Some(tokens_in),
            tokens_cached,
            turn,
            ..RequestRecord::default()
        }
    }

    fn recording(requests: Vec<RequestRecord>) -> Recording {
        Recording {
            workers: vec![WorkerRecording {
                requests,
                ..WorkerRecording::default()
            }],
            measured_from_ns: 0,
            measured_to_ns: 1_000_000_000,
            ended_ns: 1_000_000_000,
            ..Recording::default()
        }
    }

    /// Protects first turns from being mixed with later ones: latencies, tokens and shares of the cache by turn, failures
    /// in their turn, everything beyond the told turns together.
    #[test]
    fn turns_are_apart() {
        let mut requests = vec![
            request(0, 100, 10, None),
            request(0, 300, 30, None),
            request(1, 10, 100, Some(80)),
            request(9, 20, 500, Some(400)),
            request(12, 40, 300, Some(0)),
        ];
        requests.push(RequestRecord {
            outcome: Outcome::Failed(CallErrorKind::Server),
            ..request(1, 0, 0, None)
        });
        let recording = recording(requests);
        let window = Window::measured(&recording);
        let options = MeasureOptions::default();
        let turns = by_turn(&recording, window, &options);
        let named: Vec<(u16, Option<u16>)> = turns.iter().map(|turn| (turn.from, turn.to)).collect();
        assert_eq!(named, [(1, Some(1)), (2, Some(2)), (9, None)]);
        let mean = |turn: &TurnMetrics, name: &str| turn.latency(name).unwrap().mean.unwrap().value;
        assert_eq!((mean(&turns[0], "ttft"), mean(&turns[0], "e2e")), (200.0, 400.0));
        assert_eq!(
            (turns[0].input_tokens, turns[0].cached_share),
            (Some(20.0), Some(0.0))
        );
        assert_eq!((turns[1].requests.ok, turns[1].requests.failed), (1, 1));
        assert_eq!(
            (mean(&turns[1], "ttft"), turns[1].cached_share),
            (10.0, Some(0.8))
        );
        assert_eq!((turns[2].requests.ok, turns[2].cached_share), (2, Some(0.5)));
        let later = later_turns(&recording, window, &options).unwrap();
        assert_eq!((later.from, later.to, later.requests.ok), (2, None, 3));
        assert_eq!(later_turns(&Recording::default(), window, &options), None);
    }

    /// Protects unknown from becoming 0: a server that tells no tokens and no cache.
    #[test]
    fn unknown_stays_unknown() {
        let silent = RequestRecord {
            tokens_in: None,
            ..request(0, 1, 0, None)
        };
        let recording = recording(vec![silent, request(0, 1, 5, None)]);
        let turns = by_turn(
            &recording,
            Window::measured(&recording),
            &MeasureOptions::default(),
        );
        assert_eq!((turns[0].input_tokens, turns[0].cached_share), (None, None));
    }
}
