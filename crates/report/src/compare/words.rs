//! What every report of a comparison says in the same words. Apart, so that screen, comment and page agree.

use crate::format;
use seatrial_types::{Design, Flip, PairComparison, RankedSystem, RunsComparison};

/// How a difference is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It stands, and B is better.
    Better,
    /// It stands, and B is worse.
    Worse,
    /// It does not stand: the data do not tell the two apart.
    Open,
}

impl Standing {
    pub(super) fn of(pair: &PairComparison) -> Self {
        match (pair.differs(), pair.b_is_better()) {
            (true, Some(true)) => Self::Better,
            (true, Some(false)) => Self::Worse,
            _ => Self::Open,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Open => "no difference shown",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Better => "▲",
            Self::Worse => "▼",
            Self::Open => "·",
        }
    }
}

/// The difference with a sign in front, so that nobody takes it for a value.
pub(super) fn difference(pair: &PairComparison) -> String {
    let d = &pair.difference;
    let text = match (d.value, d.low, d.high) {
        // With one pair alone it is the number of pairs that is missing, else their spread.
        (Some(value), None, None) if pair.n_pairs != 1 => {
            format!("{} (no spread, so no interval)", format::number(value, d.unit))
        }
        _ => format::interval(d.value, d.low, d.high, d.unit),
    };
    if d.value.is_some_and(|value| value > 0.0) {
        format!("+{text}")
    } else {
        text
    }
}

pub(super) fn value(value: Option<f64>, pair: &PairComparison) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format::number(value, pair.unit))
}

/// A p-value with the digits that are worth reading.
pub(super) fn p(p: Option<f64>) -> String {
    match p {
        None => "–".to_owned(),
        Some(p) if p > 0.0 && p < 0.0001 => "< 0.0001".to_owned(),
        Some(p) => format!("{p:.4}"),
    }
}

pub(super) fn probability(p: Option<f64>) -> String {
    match p {
        None => "–".to_owned(),
        Some(p) if p > 0.9999 => "> 0.9999".to_owned(),
        Some(p) if p < 0.0001 => "< 0.0001".to_owned(),
        Some(p) => format!("{p:.4}"),
    }
}

pub(super) fn mde(pair: &PairComparison) -> String {
    pair.mde
        .map_or_else(|| "–".to_owned(), |mde| format::number(mde, pair.unit))
}

/// How many cases stand behind a comparison.
pub(super) fn size(pair: &PairComparison) -> String {
    let mut text = match pair.design {
        Design::Paired => format!("{} pairs", pair.n_pairs),
        Design::Unpaired => format!("{} and {} cases, unpaired", pair.only_a, pair.only_b),
    };
    if let Some(clusters) = pair.n_clusters {
        text += &format!(" in {clusters} clusters");
    }
    if pair.epochs_max > 1 {
        text += &format!(", up to {} epochs", pair.epochs_max);
    }
    text
}

/// A test in the words of people.
pub(super) fn test(pair: &PairComparison) -> String {
    let name = match pair.test.as_str() {
        "mcnemar_mid_p" => "McNemar, mid-p",
        "mcnemar_exact" => "McNemar, exact",
        "sign_flip" => "sign flips of cases",
        "cluster_sign_flip" => "sign flips of clusters",
        "paired_t" => "paired t",
        "cluster_t" => "t, cluster-robust",
        "fisher_exact" => "Fisher, exact",
        "welch_t" => "Welch's t",
        "cluster_welch_t" => "Welch's t, cluster-robust",
        "quantile_bootstrap" => "bootstrap of percentiles",
        "none" => "no test",
        other => other,
    };
    match pair.resamples {
        Some(drawn) => format!("{name}, {drawn} drawn"),
        None => name.to_owned(),
    }
}

/// The correction behind an adjusted p-value.
pub(super) const fn correction(pair: &PairComparison) -> &'static str {
    match pair.correction {
        seatrial_types::Correction::Holm => "Holm",
        seatrial_types::Correction::BenjaminiHochberg => "BH",
    }
}

/// The effect size by name.
pub(super) fn effect(pair: &PairComparison) -> Option<String> {
    let effect = pair.effect.as_ref()?;
    let value = effect.estimate.value?;
    let name = match effect.name.as_str() {
        "cohens_g" => "Cohen's g",
        "cohens_h" => "Cohen's h",
        "d_z" => "d_z",
        other => other,
    };
    Some(format!("{name} {value:+.3}"))
}

/// How a case did in its epochs: `3/4`, or `right` and `wrong` where it was asked once.
pub(super) fn share(share: f64, epochs: u32) -> String {
    if epochs <= 1 {
        return if share >= 1.0 { "right" } else { "wrong" }.to_owned();
    }
    let right = (share * f64::from(epochs)).round();
    format!("{right}/{epochs} right")
}

pub(super) fn turned(flip: &Flip) -> String {
    format!(
        "{} → {}",
        share(flip.a, flip.epochs_a),
        share(flip.b, flip.epochs_b)
    )
}

/// The ranks that are open, `2` or `2–4`.
pub(super) fn ranks(system: &RankedSystem) -> String {
    if system.rank_best == system.rank_worst {
        system.rank_best.to_string()
    } else {
        format!("{}–{}", system.rank_best, system.rank_worst)
    }
}

/// Pairs of overall values, those that stand first, then by p.
pub(super) fn weighty_first<'a>(pairs: impl Iterator<Item = &'a PairComparison>) -> Vec<&'a PairComparison> {
    let mut pairs: Vec<&PairComparison> = pairs.collect();
    let p = |pair: &PairComparison| pair.p_adjusted.unwrap_or(1.0);
    pairs.sort_by(|one, other| p(one).total_cmp(&p(other)));
    pairs
}

/// The sentence at the head: how many primary comparisons stand.
pub(super) fn summary(comparison: &RunsComparison) -> String {
    let primary: Vec<&PairComparison> = comparison.pairs.iter().filter(|pair| pair.is_primary).collect();
    let count = |wanted: Standing| primary.iter().filter(|pair| Standing::of(pair) == wanted).count();
    let percent = ((1.0 - comparison.level) * 1e8).round() / 1e6;
    if comparison.systems.len() == 2 {
        format!(
            "primary metrics: {} better, {} worse, {} without a difference shown ({percent} % chance of any wrong one)",
            count(Standing::Better),
            count(Standing::Worse),
            count(Standing::Open)
        )
    } else {
        format!(
            "primary comparisons: {} of {} differ ({percent} % chance of any wrong one)",
            primary.iter().filter(|pair| pair.differs()).count(),
            primary.len()
        )
    }
}
