//! Arguments of `load` for conversations, and for arrivals that come in bursts.

use clap::{Args, ValueEnum};

/// Conversations of several turns.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Conversations")]
pub(crate) struct LoadTurns {
    /// Hold conversations of this many turns, each with all that was said before it: 4, 2..8 (even), or 5,sd=2,min=1,max=12.
    /// Users of a closed loop hold one after the other; --rate then counts conversations that begin.
    #[arg(long, value_name = "LENGTH", conflicts_with_all = ["trace", "url", "find"])]
    pub(crate) turns: Option<String>,
    /// Time of thought from the end of an answer to the next question: 2s, 1s..10s (even), or 5s,sd=2s,max=20s.
    #[arg(long, value_name = "TIME", default_value = "0s", requires = "turns")]
    pub(crate) think_time: String,
    /// What later turns ask; default is --prompt again, or a built-in question.
    #[arg(
        long,
        value_name = "TEXT",
        requires = "turns",
        conflicts_with = "input_tokens"
    )]
    pub(crate) follow_up: Option<String>,
    /// Make questions of later turns of this many tokens; default is as --input-tokens.
    #[arg(long, value_name = "LENGTH", requires_all = ["turns", "input_tokens"])]
    pub(crate) follow_up_tokens: Option<String>,
    /// Which answers later turns carry: those that came, or made-up ones of the length that was asked for.
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = LoadHistory::Real, requires = "turns")]
    pub(crate) history: LoadHistory,
}

/// Whose answers a history holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadHistory {
    /// The endpoint's own.
    Real,
    /// Made up before the run, so that every run asks the same.
    Made,
}

impl LoadHistory {
    /// Its name everywhere.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Made => "made",
        }
    }
}

/// How arrivals of an open loop bunch together.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadBursts {
    /// With --rate, times of a multiplied rate: 5x2s/30s is five times the rate for 2s of every 30s, ~5x2s/30s the same with
    /// random lengths and pauses of these means.
    #[arg(long, value_name = "FACTORxTIME/EVERY", requires = "rate")]
    pub(crate) bursts: Option<String>,
    /// With --rate, this many requests arrive at the same moment, and moments are as much rarer.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "rate", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) together: u32,
}
