//! The latency limits of MLPerf Inference, by model and scenario. Apart because they are data with a source.
//!
//! Source: `loadgen/mlperf.conf` of mlcommons/inference (August 2026): 99th percentiles of TTFT and TPOT.

use super::Term;
use crate::definitions::Definition;
use crate::span::{Part, SyntaxError};

/// One model in one scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// The model.
    pub model: &'static str,
    /// The interactive scenario instead of the server one.
    pub is_interactive: bool,
    /// Limit of TTFT in milliseconds.
    pub ttft_ms: Option<f64>,
    /// Limit of TPOT in milliseconds.
    pub tpot_ms: Option<f64>,
    /// Limit of the whole answer in milliseconds.
    pub e2e_ms: Option<f64>,
}

const fn tokens(model: &'static str, is_interactive: bool, ttft_ms: f64, tpot_ms: f64) -> Preset {
    Preset {
        model,
        is_interactive,
        ttft_ms: Some(ttft_ms),
        tpot_ms: Some(tpot_ms),
        e2e_ms: None,
    }
}

/// All of them.
pub const PRESETS: [Preset; 12] = [
    tokens("llama2-70b", false, 2_000.0, 200.0),
    tokens("llama2-70b", true, 450.0, 40.0),
    tokens("mixtral-8x7b", false, 2_000.0, 200.0),
    tokens("llama3.1-405b", false, 6_000.0, 175.0),
    tokens("llama3.1-405b", true, 4_500.0, 80.0),
    tokens("llama3.1-8b", false, 2_000.0, 100.0),
    tokens("llama3.1-8b", true, 500.0, 30.0),
    tokens("deepseek-r1", false, 2_000.0, 80.0),
    tokens("deepseek-r1", true, 1_500.0, 15.0),
    tokens("gpt-oss-120b", false, 3_000.0, 80.0),
    tokens("gpt-oss-120b", true, 2_000.0, 15.0),
    Preset {
        model: "qwen3-vl-235b",
        is_interactive: false,
        ttft_ms: None,
        tpot_ms: None,
        e2e_ms: Some(12_000.0),
    },
];

impl Preset {
    /// What stands after `mlperf:`.
    #[must_use]
    pub fn name(&self) -> String {
        let scenario = if self.is_interactive { "/interactive" } else { "" };
        format!("{}{scenario}", self.model)
    }

    pub(super) fn terms(&self) -> Vec<Term> {
        [
            (Definition::Ttft, self.ttft_ms),
            (Definition::Tpot, self.tpot_ms),
            (Definition::E2e, self.e2e_ms),
        ]
        .into_iter()
        .filter_map(|(definition, limit)| {
            Some(Term {
                definition,
                share: 0.99,
                limit_ms: limit?,
            })
        })
        .collect()
    }
}

pub(super) fn find(name: Part<'_>) -> Result<Preset, SyntaxError> {
    let wanted = name.text().strip_suffix("/server").unwrap_or(name.text());
    let found = PRESETS.into_iter().find(|preset| preset.name() == wanted);
    found.ok_or_else(|| {
        let names: Vec<String> = PRESETS.iter().map(Preset::name).collect();
        name.error(format!("one of {}", names.join(", ")))
    })
}
