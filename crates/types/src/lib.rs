//! Vocabulary shared by every floor: ids, money, usage, cases, answers, scores, estimates, findings, exit codes.
//! Apart so that every crate can speak the same words without knowing I/O, async or the clock.

pub mod answer;
pub mod baseline;
pub mod case;
pub mod comparison;
pub mod draw;
pub mod estimate;
pub mod execution;
pub mod exit;
pub mod findings;
pub mod flaky;
pub mod hash;
pub mod id;
mod load;
pub mod money;
pub mod price;
pub mod record;
pub mod score;
pub mod secret;
pub mod spend;
pub mod timing;
pub mod usage;

pub use answer::{
    Answer, Attempt, Call, CallError, CallErrorKind, FinishReason, Image, LogProbability, Message,
    ModelRequest, RateLimit, Role, ToolCall,
};
pub use baseline::{BaselineChange, BaselineStatus, BaselineSummary, GateBaseline};
pub use case::Case;
pub use comparison::{
    COMPARE_SCHEMA, ChangedField, ComparedSystem, Correction, Design, EffectSize, Flip, FlipTexts, Flips,
    PairComparison, RankedSystem, Ranking, RunsComparison,
};
pub use draw::DrawOrder;
pub use estimate::{Estimate, Method, Statistic, Unit};
pub use execution::{
    CallProfile, ConcurrencyCourse, ConcurrencyStep, MeanSd, RunExecution, SequentialExecution, StepReason,
    StopCause, TargetExecution,
};
pub use exit::ExitCode;
pub use findings::{
    FINDINGS_SCHEMA, Findings, GateResult, MetricResult, PillarRow, PillarStatus, Place, SliceKey,
    TargetFindings, Verdict,
};
pub use flaky::{FlakyCase, QuarantineOutcome, QuarantineRow};
pub use hash::ContentHash;
pub use id::RunId;
pub use load::{LoadEnds, LoadFigure, LoadOutcome, LoadStatus};
pub use money::{Money, ParseMoneyError};
pub use price::{Price, PriceAbove};
pub use record::{SampleFigures, SampleKey, SampleRecord, ScoreRecord};
pub use score::{MetricKind, MetricSpec, Outcome, Pillar, Score};
pub use secret::Secret;
pub use spend::ModelSpend;
pub use timing::Timing;
pub use usage::{Usage, UsageClasses, UsageTotals};

/// The version of this build of Seatrial, as `--version` and every result print it.
pub const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");
