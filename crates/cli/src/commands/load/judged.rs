//! Whether a load met its objectives: three verdicts, because a share of good requests has an interval. Apart because a
//! gate must not depend on how it is laid out, and a single load, unlike a sweep or a search, is one.

use super::contrasts::exit_of;
use super::result::LoadResult;
use seatrial_load::effect::Decision;
use seatrial_load::intervals::Bounded;
use seatrial_load::metrics::ShareMet;
use seatrial_load::slo::Objectives;
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;

/// What became of the objectives of a load.
pub(super) struct Judgement {
    verdict: Decision,
    /// Names of latencies in the objectives whose numbers may not be told.
    withheld: Vec<&'static str>,
}

/// Met where even the lower end of the interval is at the share, missed where even the upper end is below it.
fn decide(share: f64, attainment: Option<Bounded>) -> Decision {
    let ends = attainment.map(|bounded| (bounded.low, bounded.high));
    match ends {
        Some((Some(low), _)) if low >= share => Decision::Pass,
        Some((_, Some(high))) if high < share => Decision::Fail,
        _ => Decision::Inconclusive,
    }
}

impl LoadResult<'_> {
    /// Judges the load by its objectives, and takes that into the exit code; nothing without objectives.
    pub(super) fn judge(&mut self, objectives: Option<&Objectives>) {
        let (Some(objectives), Some(goodput)) = (objectives, &self.measured.goodput) else {
            return;
        };
        let names = objectives.terms().iter().map(|term| term.definition.name());
        let withheld: Vec<&'static str> = names.filter(|name| self.is_withheld(name)).collect();
        let verdict = if withheld.is_empty() {
            Decision::of_all(goodput.shares.iter().map(|met| decide(met.share, met.attainment)))
        } else {
            Decision::Inconclusive
        };
        let undecided = self.arguments.against.margins.on_inconclusive;
        self.exit = ExitCode::strongest(&[self.exit, exit_of(verdict, undecided)]);
        self.judgement = Some(Judgement { verdict, withheld });
    }

    /// The verdict on objectives and margins together; null where there are neither.
    pub(super) fn verdict(&self) -> Value {
        let of_margins = self.comparison.as_ref().map(|told| &told.json["verdict"]);
        let words: Vec<&str> = self
            .judgement
            .iter()
            .map(|judgement| judgement.verdict.as_str())
            .chain(of_margins.and_then(Value::as_str))
            .collect();
        let worst = [Decision::Fail, Decision::Inconclusive, Decision::Pass]
            .into_iter()
            .map(Decision::as_str)
            .find(|word| words.contains(word));
        worst.map_or(Value::Null, Value::from)
    }

    /// Goodput as JSON; numbers that come from a latency that may not be told are null.
    pub(super) fn goodput_json(&self) -> Value {
        let (Some(goodput), Some(slo)) = (&self.measured.goodput, &self.arguments.objectives.slo) else {
            return Value::Null;
        };
        let is_told = self
            .judgement
            .as_ref()
            .is_none_or(|judgement| judgement.withheld.is_empty());
        let share = |bounded: &Option<Bounded>| {
            bounded.filter(|_| is_told).map(|share| {
                json!({"value": share.value, "low": share.low, "high": share.high, "n_eff": share.n_eff})
            })
        };
        let of_share = |met: &ShareMet| {
            json!({
                "share": met.share,
                "good": is_told.then_some(met.good),
                "attainment": share(&met.attainment),
                "verdict": is_told.then(|| decide(met.share, met.attainment).as_str()),
            })
        };
        json!({
            "slo": slo,
            "status": if is_told { "ok" } else { "withheld" },
            "verdict": self.judgement.as_ref().map(|judgement| judgement.verdict.as_str()),
            "good": is_told.then_some(goodput.good),
            "n": goodput.n,
            "attainment": share(&goodput.attainment),
            "requests_per_s": is_told.then_some(goodput.requests_per_s),
            "shares": goodput.shares.iter().map(of_share).collect::<Vec<_>>(),
        })
    }

    /// Goodput in words; nothing without objectives.
    pub(super) fn goodput_text(&self) -> String {
        let mut text = String::new();
        let Some(goodput) = &self.measured.goodput else {
            return text;
        };
        let judgement = self.judgement.as_ref();
        if let Some(judgement) = judgement.filter(|judgement| !judgement.withheld.is_empty()) {
            return format!(
                "good       withheld, because {} is; verdict: {}\n",
                judgement.withheld.join(", "),
                judgement.verdict.as_str()
            );
        }
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "good       {} of {}; {:.1} per second",
            goodput.good, goodput.n, goodput.requests_per_s
        );
        for met in &goodput.shares {
            if let Some(share) = met.attainment {
                let (low, high) = (share.low.unwrap_or(0.0), share.high.unwrap_or(1.0));
                let _ = write!(
                    text,
                    "; attainment {:.4} [{low:.4}, {high:.4}] for {}",
                    share.value, met.share
                );
            }
        }
        if let Some(judgement) = judgement {
            let _ = write!(text, "; verdict: {}", judgement.verdict.as_str());
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects gates: what the interval leaves open is neither met nor missed.
    #[test]
    fn three_verdicts() {
        let share = |low: f64, high: f64| {
            Some(Bounded {
                value: 0.5 * (low + high),
                low: Some(low),
                high: Some(high),
                n: 100,
                n_eff: 100.0,
                settled: true,
            })
        };
        assert_eq!(decide(0.99, share(0.99, 1.0)), Decision::Pass);
        assert_eq!(decide(0.99, share(0.97, 0.995)), Decision::Inconclusive);
        assert_eq!(decide(0.99, share(0.9, 0.98)), Decision::Fail);
        assert_eq!(decide(0.99, None), Decision::Inconclusive);
    }
}
