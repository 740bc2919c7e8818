//! How long made prompts were at this endpoint: what was asked for, what the server counted, and how many tokens a word is
//! worth there. Apart because it is about the prompts, and learnt from the run itself: a request sent only to find it out
//! would be load like any other.

use super::result::LoadResult;
use super::work;
use seatrial_load::words::Calibration;
use seatrial_load::workload::{Source, Workload};
use seatrial_load::{Outcome, Phase};
use serde_json::{Value, json};

/// Difference of lengths that is not worth a word, as a share.
const MISMATCH_MAX: f64 = 0.05;

/// Lengths of made prompts.
pub(super) struct PromptLengths {
    /// Mean of what was asked for.
    asked: f64,
    /// Mean of what the server counted.
    told: f64,
    /// Mean of words that were sent.
    words: f64,
    /// The line through words sent and tokens counted.
    fitted: Calibration,
}

impl PromptLengths {
    /// From answered requests whose input tokens the server told; `None` where prompts were not made of words, or nothing
    /// was told. Later turns of conversations hold answers too, and are left out.
    pub(super) fn of(result: &LoadResult<'_>) -> Option<Self> {
        let workload = work::made_workload(result.arguments).ok().flatten()?;
        if workload.counter.is_some() {
            return None;
        }
        let (mut asked, mut told, mut sent) = (0.0, 0.0, 0.0);
        let mut pairs = Vec::new();
        for request in result.run.recording.requests() {
            let is_counted = request.phase == Phase::Measured && request.outcome == Outcome::Ok;
            if !is_counted || request.turn > 0 {
                continue;
            }
            let Some(tokens_in) = request.tokens_in else {
                continue;
            };
            let (tokens, words) = of_prompt(&workload, u64::from(request.prompt))?;
            asked += tokens as f64;
            told += tokens_in as f64;
            sent += words as f64;
            pairs.push((words, tokens_in));
        }
        let n = pairs.len() as f64;
        Some(Self {
            fitted: Calibration::fit(&pairs)?,
            asked: asked / n,
            told: told / n,
            words: sent / n,
        })
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "asked_tokens_mean": self.asked,
            "told_tokens_mean": self.told,
            "tokens_per_word": self.tokens_per_word(),
            "fitted": {
                "tokens_per_word": self.fitted.tokens_per_word,
                "overhead_tokens": self.fitted.overhead,
            },
        })
    }

    /// What to do where lengths were missed.
    pub(super) fn warning(&self) -> Option<String> {
        let is_met = (self.told / self.asked - 1.0).abs() <= MISMATCH_MAX;
        (!is_met).then(|| {
            format!(
                "made prompts have {:.0} tokens by the server's count, {:.0} were asked for: --tokens-per-word {:.2} fits this \
                 endpoint, or give its --tokenizer",
                self.told,
                self.asked,
                self.tokens_per_word()
            )
        })
    }

    /// With which prompts of this load would have had their length in the mean; there are words in every prompt.
    fn tokens_per_word(&self) -> f64 {
        self.told / self.words
    }
}

/// Tokens that were asked for, and words that were sent for them.
fn of_prompt(workload: &Workload, index: u64) -> Option<(u64, u64)> {
    let words = |tokens| workload.calibration.words(tokens);
    match &workload.source {
        Source::Drawn(lengths) => {
            let (tokens, _) = lengths.of(workload.seed, index);
            Some((tokens, words(tokens)))
        }
        Source::SharedPrefix {
            prefix_tokens, rest, ..
        } => {
            let (tokens, _) = rest.of(workload.seed, index);
            Some((prefix_tokens + tokens, words(*prefix_tokens) + words(tokens)))
        }
        Source::Fixed(_) | Source::Rows(_) | Source::Trace(_) => None,
    }
}
