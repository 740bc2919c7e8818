//! Service-level objectives: what a good request is, and how many must be good. Apart because goodput, gates and the
//! search for the largest load share one reading of them.
//!
//! `ttft_p99<500ms,tpot_p99<40ms` asks that at least 99 % of requests meet *both* limits. Terms with the same percentile
//! are one joint condition; a request that failed meets none.

mod presets;

use crate::definitions::Definition;
use crate::record::{Outcome, RequestRecord};
use crate::span::{Part, SyntaxError};

pub use presets::{PRESETS, Preset};

/// Terms of one objective.
const TERMS_MAX: usize = 16;
/// What stands before the name of a preset.
const PRESET_PREFIX: &str = "mlperf:";

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Of which latency.
    pub definition: Definition,
    /// Share of requests that must be below the limit, such as 0.99.
    pub share: f64,
    /// Milliseconds.
    pub limit_ms: f64,
}

/// Limits that hold together.
#[derive(Debug, Clone, PartialEq)]
pub struct Objectives {
    text: String,
    terms: Vec<Term>,
    /// Distinct shares, largest first.
    shares: Vec<f64>,
}

impl Objectives {
    /// Reads `NAME_pQ<TIME` with commas between terms, or `mlperf:MODEL` and `mlperf:MODEL/interactive`.
    ///
    /// ```
    /// use seatrial_load::slo::Objectives;
    /// let slo = Objectives::parse("ttft_p99<500ms, tpot_p99<40ms")?;
    /// assert_eq!(slo.terms().len(), 2);
    /// assert_eq!(slo.shares(), [0.99]);
    /// assert_eq!(Objectives::parse("mlperf:llama2-70b/interactive")?.terms()[0].limit_ms, 450.0);
    /// # Ok::<(), seatrial_load::span::SyntaxError>(())
    /// ```
    ///
    /// # Errors
    /// The first part that is something else, with its place and the nearest right name.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let whole = Part::whole(text).trimmed();
        if let Some((before, name)) = whole.split_once(PRESET_PREFIX)
            && before.text().is_empty()
        {
            let preset = presets::find(name)?;
            return Ok(Self::of(text, preset.terms()));
        }
        let mut terms: Vec<Term> = Vec::new();
        for part in whole.split(',') {
            let part = part.trimmed();
            if terms.len() == TERMS_MAX {
                return Err(part.error(format!("at most {TERMS_MAX} terms")));
            }
            let term = term(part)?;
            let same = |other: &Term| other.definition == term.definition && other.share == term.share;
            if terms.iter().any(same) {
                return Err(part.error("each latency and percentile once"));
            }
            terms.push(term);
        }
        Ok(Self::of(text, terms))
    }

    fn of(text: &str, terms: Vec<Term>) -> Self {
        let mut shares: Vec<f64> = terms.iter().map(|term| term.share).collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        shares.dedup();
        Self {
            text: text.trim().to_owned(),
            terms,
            shares,
        }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its terms.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The distinct shares that are asked for, largest first: each is one joint condition.
    #[must_use]
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Whether a request meets every term; `None` where it cannot be told, because the end of the run cut it off before it
    /// was past a limit, or because the answer came in one piece and the term is about tokens.
    #[must_use]
    pub fn is_met(&self, request: &RequestRecord, tokens: Option<f64>) -> Option<bool> {
        let met = self.met(request, tokens)?;
        Some(met.iter().all(|met| *met))
    }

    /// How near a request came to the limit that is nearest: the largest of latency over limit; 1 is at it. Huge for a
    /// failure, 0 where nothing can be told.
    #[must_use]
    pub fn strain(&self, request: &RequestRecord, tokens: Option<f64>) -> f64 {
        if matches!(request.outcome, Outcome::Failed(_)) {
            return f64::MAX;
        }
        self.terms
            .iter()
            .filter_map(|term| Some(term.definition.of(request, tokens)? / term.limit_ms))
            .fold(0.0, f64::max)
    }

    /// The smallest limit on a whole answer or its beginning, in milliseconds: what this client's own lateness must be
    /// small against.
    #[must_use]
    pub fn tightest_ms(&self) -> f64 {
        self.terms
            .iter()
            .map(|term| term.limit_ms)
            .fold(f64::MAX, f64::min)
    }

    /// A request that was cut off is a miss where it had waited longer than a limit already.
    fn missed_when_cut(&self, request: &RequestRecord) -> Option<Vec<bool>> {
        let since = |from: Option<u64>| Some(crate::definitions::ms(request.end_ns.saturating_sub(from?)));
        let is_missed = |term: &&Term| {
            let waited = match term.definition {
                Definition::Ttft if request.first_token_ns.is_none() => since(request.sent_ns),
                Definition::TtftSched if request.first_token_ns.is_none() => since(Some(request.intended_ns)),
                Definition::E2e => since(request.sent_ns),
                Definition::E2eSched => since(Some(request.intended_ns)),
                _ => None,
            };
            waited.is_some_and(|waited| waited >= term.limit_ms)
        };
        let missed: Vec<f64> = self
            .terms
            .iter()
            .filter(is_missed)
            .map(|term| term.share)
            .collect();
        if missed.is_empty() {
            return None;
        }
        Some(self.shares.iter().map(|share| !missed.contains(share)).collect())
    }

    /// Whether a request meets all terms of each of [`Self::shares`].
    #[must_use]
    pub fn met(&self, request: &RequestRecord, tokens: Option<f64>) -> Option<Vec<bool>> {
        let mut met = vec![true; self.shares.len()];
        match request.outcome {
            Outcome::CutOff => return self.missed_when_cut(request),
            Outcome::Failed(_) => return Some(vec![false; met.len()]),
            Outcome::Ok => {}
        }
        for term in &self.terms {
            let is_met = match term.definition.of(request, tokens) {
                Some(ms) => ms < term.limit_ms,
                // A stream without any token is no fast answer.
                None if request.is_stream && request.events == 0 && term.definition.is_of_tokens() => false,
                None if is_vacuous(term.definition) => true,
                None if request.is_stream => false,
                None => return None,
            };
            if let Some(place) = self.shares.iter().position(|share| *share == term.share) {
                met[place] &= is_met;
            }
        }
        Some(met)
    }
}

/// Latencies that a good answer may be without: one token has no time between tokens, a connection that was there no
/// time to connect.
const fn is_vacuous(definition: Definition) -> bool {
    matches!(
        definition,
        Definition::Tpot | Definition::Connect | Definition::Tls | Definition::Ttfot
    )
}

fn term(part: Part<'_>) -> Result<Term, SyntaxError> {
    let expected = "a term such as ttft_p99<500ms";
    let (left, limit) = part.split_once("<").ok_or_else(|| part.error(expected))?;
    let limit = match limit.split_once("=") {
        Some((before, after)) if before.text().is_empty() => after,
        _ => limit,
    };
    let left = left.trimmed();
    let at = left
        .text()
        .rfind("_p")
        .ok_or_else(|| left.error("a name with a percentile, such as ttft_p99"))?;
    let (name, percentile) = left.split_at(at);
    let definition = Definition::from_name(name.text()).filter(|definition| *definition != Definition::Ttst);
    let definition = definition.ok_or_else(|| name.error(names()))?;
    let percentile = percentile.split_at("_p".len()).1;
    // In whole thousandths of a percent, so that 99.9 is the same number wherever it is written.
    let share = (percentile.number("a percentile", 1.0, 99.999)? * 1e3).round() / 1e5;
    Ok(Term {
        definition,
        share,
        limit_ms: limit.seconds("a limit")? * 1e3,
    })
}

fn names() -> String {
    let names: Vec<&str> = Definition::ALL
        .into_iter()
        .filter(|definition| *definition != Definition::Ttst)
        .map(Definition::name)
        .collect();
    format!("one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects: terms, their percentiles and units.
    #[test]
    fn terms() {
        let slo = Objectives::parse("ttft_p99<500ms, tpot_p99<=40ms,e2e_sched_p99.9<1m30s").unwrap();
        assert_eq!(slo.shares(), [0.999, 0.99]);
        let limits: Vec<f64> = slo.terms().iter().map(|term| term.limit_ms).collect();
        assert_eq!(limits, [500.0, 40.0, 90_000.0]);
        assert_eq!(slo.terms()[2].definition, Definition::E2eSched);
    }

    /// Protects: every preset can be read by its own name, and the published limits are there.
    #[test]
    fn presets() {
        for preset in PRESETS {
            let slo = Objectives::parse(&format!("mlperf:{}", preset.name())).unwrap();
            assert!(!slo.terms().is_empty() && slo.shares() == [0.99]);
        }
        let limits = |name: &str| -> Vec<f64> {
            let slo = Objectives::parse(name).unwrap();
            slo.terms().iter().map(|term| term.limit_ms).collect()
        };
        assert_eq!(limits("mlperf:llama3.1-8b"), [2_000.0, 100.0]);
        assert_eq!(limits("mlperf:deepseek-r1/interactive"), [1_500.0, 15.0]);
        assert_eq!(limits("mlperf:qwen3-vl-235b"), [12_000.0]);
        let error = Objectives::parse("mlperf:llama2").unwrap_err();
        assert_eq!(error.column, 8);
        assert!(error.expected.contains("llama2-70b/interactive"), "{error}");
    }

    /// Protects: what is wrong is named at its place.
    #[test]
    fn errors_have_places() {
        for (text, column) in [
            ("", 1),
            ("ttft<500ms", 1),
            ("ttft_p99<500ms,", 16),
            ("ttft_p99<500ms,tpo_p99<1ms", 16),
            ("ttft_p99<500", 10),
            ("ttft_p100<500ms", 7),
            ("ttft_p0<500ms", 7),
            ("ttst_p99<500ms", 1),
            ("ttft_p99>500ms", 1),
            ("é_p99<1s", 1),
            ("ttft_p99<1s,ttft_p99<2s", 13),
        ] {
            let error = Objectives::parse(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }

    proptest! {
        /// Protects: no text makes the reader panic.
        #[test]
        fn any_text(text in "[a-z_p0-9<=.,: /é-]{0,32}") {
            let _ = Objectives::parse(&text);
        }
    }
}
