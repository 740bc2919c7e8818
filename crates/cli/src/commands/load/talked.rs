//! What is told of conversations: what became of them, and latencies turn by turn. Apart from the result of the whole,
//! whose certificates hold here too: what is withheld there is withheld here.

use super::result::{LEVEL, LoadResult, Status};
use super::text::with_interval;
use seatrial_load::ConversationCounts;
use seatrial_load::intervals::Bounded;
use seatrial_load::metrics::{Latency, MeasureOptions, TurnMetrics, by_turn, later_turns};
use serde_json::{Map, Value, json};
use std::fmt::Write;

impl LoadResult<'_> {
    fn turn_options(&self) -> MeasureOptions<'static> {
        MeasureOptions {
            level: LEVEL,
            tokens: self.tokens,
            ..MeasureOptions::default()
        }
    }

    /// Rows turn by turn; empty where each request stands alone.
    pub(super) fn turns_json(&self) -> Value {
        if self.run.conversations.is_none() {
            return json!([]);
        }
        let turns = by_turn(&self.run.recording, self.measured.window, &self.turn_options());
        turns.iter().map(|turn| self.turn_json(turn)).collect()
    }

    /// What became of conversations; `null` where each request stands alone.
    pub(super) fn conversations_json(&self) -> Value {
        let Some(counts) = self.run.conversations else {
            return Value::Null;
        };
        let later = later_turns(&self.run.recording, self.measured.window, &self.turn_options());
        json!({
            "turns": self.arguments.talk.turns,
            "think_time": self.arguments.talk.think_time,
            "history": self.arguments.talk.history.as_str(),
            "begun": counts.begun,
            "whole": counts.whole,
            "broken": counts.broken,
            "cut_short": counts.cut_short,
            "speechless": counts.speechless,
            "unfinished": counts.unfinished(),
            "later_turns": later.map(|later| self.turn_json(&later)),
        })
    }

    fn turn_json(&self, turn: &TurnMetrics) -> Value {
        let metrics: Map<String, Value> = turn
            .latencies
            .iter()
            .map(|latency| (latency.name.to_owned(), self.latency_json(latency)))
            .collect();
        json!({
            "from": turn.from,
            "to": turn.to,
            "ok": turn.requests.ok,
            "failed": turn.requests.failed,
            "cut_off": turn.requests.cut_off,
            "input_tokens": turn.input_tokens,
            "cached_share": turn.cached_share,
            "metrics": metrics,
        })
    }

    /// The status of the whole run's metric, for what is a part of it.
    fn status_of(&self, latency: &Latency) -> Status {
        if latency.n == 0 {
            return Status::Unavailable;
        }
        let whole = self
            .metrics
            .iter()
            .find(|metric| metric.latency.name == latency.name);
        whole.map_or(Status::Unavailable, |metric| metric.status)
    }

    fn latency_json(&self, latency: &Latency) -> Value {
        let status = self.status_of(latency);
        let is_told = matches!(status, Status::Ok | Status::Degraded);
        let value = |bounded: Option<Bounded>| bounded.filter(|_| is_told).map(|bounded| bounded.value);
        let mean = latency.mean.filter(|_| is_told);
        json!({
            "status": status.as_str(),
            "p50": value(latency.at(0.5)),
            "p90": value(latency.at(0.9)),
            "p99": value(latency.at(0.99)),
            "mean": value(mean),
            "low": mean.and_then(|mean| mean.low),
            "high": mean.and_then(|mean| mean.high),
            "n": is_told.then_some(latency.n),
        })
    }

    /// Lines of the report about conversations; empty where each request stands alone.
    pub(super) fn conversations_text(&self) -> String {
        let mut text = String::new();
        if let Some(counts) = self.run.conversations {
            // Writing to a string cannot fail.
            let _ = self.write_conversations(&mut text, counts);
        }
        text
    }

    fn write_conversations(&self, out: &mut String, counts: ConversationCounts) -> std::fmt::Result {
        write!(out, "talks      {} begun, {} whole", counts.begun, counts.whole)?;
        for (count, what) in [
            (counts.broken, "ended by a failure"),
            (counts.speechless, "ended by an answer without text"),
            (counts.cut_short, "cut short because there was no more room"),
            (counts.unfinished(), "unfinished"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        writeln!(out)?;
        let options = self.turn_options();
        let (recording, window) = (&self.run.recording, self.measured.window);
        let first = by_turn(recording, window, &options)
            .into_iter()
            .find(|turn| turn.from == 1);
        if let Some(first) = first {
            self.write_turn(out, "turn 1", &first)?;
        }
        if let Some(later) = later_turns(recording, window, &options) {
            self.write_turn(out, "turns 2–", &later)?;
        }
        Ok(())
    }

    fn write_turn(&self, out: &mut String, name: &str, turn: &TurnMetrics) -> std::fmt::Result {
        write!(
            out,
            "{name:<11}{} ok, {} failed",
            turn.requests.ok, turn.requests.failed
        )?;
        for name in ["ttft", "e2e"] {
            let told = turn
                .latency(name)
                .filter(|latency| matches!(self.status_of(latency), Status::Ok | Status::Degraded));
            if let Some(median) = told.and_then(|latency| latency.at(0.5)) {
                write!(out, "; {name} p50 {} ms", with_interval(median, 2))?;
            }
        }
        if let Some(tokens) = turn.input_tokens {
            write!(out, "; {tokens:.0} tokens in")?;
        }
        if let Some(share) = turn.cached_share {
            write!(out, ", {:.0} % of them cached", 100.0 * share)?;
        }
        writeln!(out)
    }
}
