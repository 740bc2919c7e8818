//! Estimates: a value with its interval, never a bare number.

use serde::{Deserialize, Serialize};

/// Unit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// 0 to 1.
    Share,
    /// Milliseconds.
    Ms,
    /// US dollars.
    Usd,
    /// Tokens.
    Tokens,
    /// A count.
    Count,
    /// A scorer's own scale.
    Score,
    /// Per second.
    #[serde(rename = "per_s")]
    PerS,
}

impl Unit {
    /// The word that reports and JSON use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Ms => "ms",
            Self::Usd => "usd",
            Self::Tokens => "tokens",
            Self::Count => "count",
            Self::Score => "score",
            Self::PerS => "per_s",
        }
    }
}

/// Which summary of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// Share of samples.
    Rate,
}

impl Statistic {
    /// The word that reports, suites and JSON use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Rate => "rate",
        }
    }

    /// From that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Mean, Self::P50, Self::P95, Self::P99, Self::Rate]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Wilson's score interval for a share.
    Wilson,
    /// Clopper and Pearson's exact interval for a share.
    ClopperPearson,
    /// Student's t.
    StudentT,
    /// Cluster-robust (CR1) standard error with t(G − 1).
    ClusterT,
    /// Betting interval for a mean of scores between 0 and 1.
    Betting,
    /// Order statistics for a percentile.
    OrderStatistic,
    /// Equal-tailed interval of a share under Jeffreys' prior.
    Jeffreys,
    /// Agresti and Coull's interval of a share.
    AgrestiCoull,
    /// Agresti and Min's interval for a difference of paired shares.
    AgrestiMin,
    /// Percentile bootstrap over independent units.
    Bootstrap,
    /// Percentile bootstrap over whole clusters.
    ClusterBootstrap,
    /// Fieller's interval of a ratio; without an upper end where the data do not bound it.
    Fieller,
    /// Inverted noncentral t, for a standardised effect.
    NoncentralT,
    /// Confidence sequence by betting: holds at every number of draws at once.
    BettingCs,
    /// Confidence sequence of a share by a beta-binomial mixture.
    BetaBinomialCs,
    /// Asymptotic confidence sequence of a mean, from some dozens of draws on.
    AsymptoticCs,
    /// Confidence sequence of a percentile by order statistics.
    OrderStatisticCs,
    /// McNemar's exact test, one-sided, and the exact bounds of a difference of paired shares.
    McnemarExact,
    /// Exact unconditional test of a difference of paired shares against a margin.
    PairedExact,
    /// Order statistics of two runs, each at half the risk.
    OrderStatisticTwo,
    /// Student's t of the logarithm of a ratio of two paired ratios, by the influence of each case.
    PairedRatio,
    /// Bounds of the ratios of two runs, each at half the risk: few successes leave them without an upper end.
    RatioTwo,
    /// Newcombe's interval for a difference of independent shares, from Wilson's of both.
    Newcombe,
    /// Welch's t for a difference of means of independent samples, cluster-robust where they are clustered.
    WelchT,
    /// No interval can be given.
    None,
}

impl Method {
    /// The word that reports and JSON use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wilson => "wilson",
            Self::ClopperPearson => "clopper_pearson",
            Self::StudentT => "student_t",
            Self::ClusterT => "cluster_t",
            Self::Betting => "betting",
            Self::OrderStatistic => "order_statistic",
            Self::Jeffreys => "jeffreys",
            Self::AgrestiCoull => "agresti_coull",
            Self::AgrestiMin => "agresti_min",
            Self::Bootstrap => "bootstrap",
            Self::ClusterBootstrap => "cluster_bootstrap",
            Self::Fieller => "fieller",
            Self::NoncentralT => "noncentral_t",
            Self::BettingCs => "betting_cs",
            Self::BetaBinomialCs => "beta_binomial_cs",
            Self::AsymptoticCs => "asymptotic_cs",
            Self::OrderStatisticCs => "order_statistic_cs",
            Self::McnemarExact => "mcnemar_exact",
            Self::PairedExact => "paired_exact",
            Self::OrderStatisticTwo => "order_statistic_two",
            Self::PairedRatio => "paired_ratio",
            Self::RatioTwo => "ratio_two",
            Self::Newcombe => "newcombe",
            Self::WelchT => "welch_t",
            Self::None => "none",
        }
    }
}

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value; `None` where nothing was measured.
    pub value: Option<f64>,
    /// Lower end; `None` where n is too small to bound it.
    pub low: Option<f64>,
    /// Upper end; `None` where n is too small to bound it.
    pub high: Option<f64>,
    /// Confidence level of the interval, such as 0.95.
    pub level: f64,
    /// Number of values behind it.
    pub n: u64,
    /// How the interval was made.
    pub method: Method,
    /// Unit of `value`, `low` and `high`.
    pub unit: Unit,
}
