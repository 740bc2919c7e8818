//! Exit codes: a documented table with an order of precedence. Every command ends with one of these.

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// 0: pass.
    Pass,
    /// 1: a gate failed.
    GateFailed,
    /// 2: usage or configuration error.
    Usage,
    /// 3: inconclusive where the policy says fail.
    Inconclusive,
    /// 4: provider or infrastructure errors above the cap.
    Errors,
    /// 5: budget cap reached.
    Budget,
    /// 6: baseline missing or incompatible.
    Baseline,
    /// 7: critical safety violation.
    Critical,
    /// 8: the measuring client was saturated.
    Saturated,
    /// 130: interrupted, resumable.
    Interrupted,
}

impl ExitCode {
    /// In order of precedence: when several apply, the first of these wins.
    pub const PRECEDENCE: [Self; 10] = [
        Self::Interrupted,
        Self::Usage,
        Self::Baseline,
        Self::Critical,
        Self::Budget,
        Self::Errors,
        Self::Saturated,
        Self::GateFailed,
        Self::Inconclusive,
        Self::Pass,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::GateFailed => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::Errors => 4,
            Self::Budget => 5,
            Self::Baseline => 6,
            Self::Critical => 7,
            Self::Saturated => 8,
            Self::Interrupted => 130,
        }
    }

    /// What it means, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::GateFailed => "gate failed",
            Self::Usage => "usage or configuration error",
            Self::Inconclusive => "inconclusive where the policy says fail",
            Self::Errors => "provider or infrastructure errors above the cap",
            Self::Budget => "budget cap reached",
            Self::Baseline => "baseline missing or incompatible",
            Self::Critical => "critical safety violation",
            Self::Saturated => "the measuring client was saturated",
            Self::Interrupted => "interrupted, resumable",
        }
    }

    /// The one of these that wins; `Pass` for none.
    #[must_use]
    pub fn strongest(codes: &[Self]) -> Self {
        Self::PRECEDENCE
            .into_iter()
            .find(|code| codes.contains(code))
            .unwrap_or(Self::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the promised order 130, 2, 6, 7, 5, 4, 8, 1, 3, 0.
    #[test]
    fn precedence_is_the_documented_one() {
        let order: Vec<u8> = ExitCode::PRECEDENCE.iter().map(|code| code.code()).collect();
        assert_eq!(order, [130, 2, 6, 7, 5, 4, 8, 1, 3, 0]);
        assert_eq!(
            ExitCode::strongest(&[ExitCode::GateFailed, ExitCode::Errors]),
            ExitCode::Errors
        );
        assert_eq!(ExitCode::strongest(&[]), ExitCode::Pass);
    }
}
