//! What each latency means, by name, from the moments of one request. Apart because "ITL" has three meanings in the
//! field and "TPOT" two: here a name is one formula, and every number is told with its name.
//!
//! With t₀ = intended, s = sent, eᵢ = the i-th event with tokens, and n = output tokens:

use crate::record::{Outcome, RequestRecord};

/// A latency that each request has one of, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Definition {
    /// e₁ − s.
    Ttft,
    /// e₁ − t₀: free of coordinated omission.
    TtftSched,
    /// First event of any kind − s.
    Ttfe,
    /// First byte of the answer − s.
    Ttfb,
    /// First token that is not reasoning − s.
    Ttfot,
    /// e₂ − e₁.
    Ttst,
    /// (e_last − e₁) / (n − 1).
    Tpot,
    /// (e_last − s) / n: the first token's wait is in it.
    TpotIncl,
    /// e_last − s; the last byte where the answer is no stream.
    E2e,
    /// e_last − t₀: free of coordinated omission.
    E2eSched,
    /// Name and TCP, of requests that made a connection.
    Connect,
    /// TLS handshake, of requests that made a connection.
    Tls,
}

impl Definition {
    /// Whether an answer without any token cannot have it.
    #[must_use]
    pub const fn is_of_tokens(self) -> bool {
        matches!(
            self,
            Self::Ttft | Self::TtftSched | Self::Ttfot | Self::Ttst | Self::Tpot | Self::TpotIncl
        )
    }

    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::Ttft,
        Self::TtftSched,
        Self::Ttfe,
        Self::Ttfb,
        Self::Ttfot,
        Self::Ttst,
        Self::Tpot,
        Self::TpotIncl,
        Self::E2e,
        Self::E2eSched,
        Self::Connect,
        Self::Tls,
    ];

    /// Its name everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::TtftSched => "ttft_sched",
            Self::Ttfe => "ttfe",
            Self::Ttfb => "ttfb",
            Self::Ttfot => "ttfot",
            Self::Ttst => "ttst",
            Self::Tpot => "tpot",
            Self::TpotIncl => "tpot_incl",
            Self::E2e => "e2e",
            Self::E2eSched => "e2e_sched",
            Self::Connect => "connect",
            Self::Tls => "tls",
        }
    }

    /// From that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|definition| definition.name() == name)
    }

    /// The formula in words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ttft => "from sent to the first event with tokens",
            Self::TtftSched => "from intended to the first event with tokens",
            Self::Ttfe => "from sent to the first event of any kind",
            Self::Ttfb => "from sent to the first byte of the answer",
            Self::Ttfot => "from sent to the first token that is not reasoning",
            Self::Ttst => "from the first event with tokens to the second",
            Self::Tpot => "from the first to the last token, over tokens less one",
            Self::TpotIncl => "from sent to the last token, over all tokens",
            Self::E2e => "from sent to the last token",
            Self::E2eSched => "from intended to the last token",
            Self::Connect => "name and TCP of a new connection",
            Self::Tls => "TLS of a new connection",
        }
    }

    /// Its value for one request, in milliseconds; `None` where the request does not have it. Failed and cut-off
    /// requests have none: a latency of half an answer is not one.
    ///
    /// `tokens` are the output tokens of the answer.
    #[must_use]
    pub fn of(self, request: &RequestRecord, tokens: Option<f64>) -> Option<f64> {
        if request.outcome != Outcome::Ok {
            return None;
        }
        let sent = request.sent_ns;
        let intended = Some(request.intended_ns);
        let last = if request.is_stream {
            request.last_token_ns
        } else {
            Some(request.end_ns)
        };
        match self {
            Self::Ttft => between(sent, request.first_token_ns),
            Self::TtftSched => between(intended, request.first_token_ns),
            Self::Ttfe => between(sent, request.first_event_ns),
            Self::Ttfb => between(sent, request.first_byte_ns),
            Self::Ttfot => between(sent, request.first_answer_token_ns),
            // Its value is in the gaps: see `metrics`.
            Self::Ttst => None,
            Self::Tpot => {
                let gaps = tokens? - 1.0;
                let ms = between(request.first_token_ns, request.last_token_ns)?;
                // One event has no time between tokens, however many it carries.
                (gaps > 0.0 && request.events > 1).then(|| ms / gaps)
            }
            Self::TpotIncl => {
                let tokens = tokens.filter(|tokens| *tokens > 0.0)?;
                Some(between(sent, request.last_token_ns)? / tokens)
            }
            Self::E2e => between(sent, last),
            Self::E2eSched => between(intended, last),
            Self::Connect => request.connect_ns.map(ms),
            Self::Tls => request.tls_ns.map(ms),
        }
    }
}

fn between(from: Option<u64>, to: Option<u64>) -> Option<f64> {
    Some(ms(to?.saturating_sub(from?)))
}

/// Nanoseconds as milliseconds.
pub(crate) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
