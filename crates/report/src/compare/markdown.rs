//! A comparison as a comment on a pull request: it fits, what stands first, names and texts without any markup of their
//! own.

use super::words::{self, Standing};
use crate::clean;
use crate::format;
use crate::markdown_text::{code, prose};
use seatrial_types::{ChangedField, Flip, PairComparison, RunsComparison};
use std::fmt::Write;

/// Bytes below which nothing useful fits.
const BYTES_MIN: usize = 2 * 1024;
/// Rows of each part.
const PAIRS_MAX: usize = 60;
const SLICES_MAX: usize = 30;
const FLIPS_MAX: usize = 15;
const CHANGES_MAX: usize = 30;
/// Characters of a text in a table.
const TEXT_MAX: usize = 240;

/// The comparison as Markdown of at most `bytes_max` bytes; empty where not even its head would fit.
///
/// The first line is a hidden marker by which a bot finds the comment that it wrote before.
#[must_use]
pub fn markdown(comparison: &RunsComparison, bytes_max: usize) -> String {
    if bytes_max < BYTES_MIN {
        return String::new();
    }
    let mut text = head(comparison);
    for part in [
        pairs(comparison, true),
        ranking(comparison),
        flips(comparison),
        pairs(comparison, false),
        slices(comparison),
        warnings(comparison),
    ] {
        if text.len() + part.len() <= bytes_max {
            text += &part;
        } else {
            const NOTE: &str = "\n*More was left out, to fit: `--json` and `--html` have all.*\n";
            if text.len() + NOTE.len() <= bytes_max && !text.ends_with(NOTE) {
                text += NOTE;
            }
        }
    }
    // Only the head can be too long: names and changes without end.
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn head(comparison: &RunsComparison) -> String {
    let primary: Vec<Standing> = comparison
        .pairs
        .iter()
        .filter(|pair| pair.is_primary)
        .map(Standing::of)
        .collect();
    let (alert, mark) = if comparison.forced || primary.contains(&Standing::Worse) {
        ("CAUTION", "▼")
    } else if primary.contains(&Standing::Better) {
        ("NOTE", "▲")
    } else {
        ("WARNING", "·")
    };
    let names: Vec<String> = comparison
        .systems
        .iter()
        .take(PAIRS_MAX)
        .map(|system| code(&clean::preview(&system.label, 80)))
        .collect();
    let mut text = format!("<!-- seatrial:compare -->\n### {mark} {}\n", names.join(" → "));
    let forced = if comparison.forced {
        "  \n> **Forced**: what must be equal differs, so this compares different things."
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "\n> [!{alert}]\n> {}{forced}",
        prose(&words::summary(comparison))
    );
    text += &fields("Differs", &comparison.identity_differences);
    text += &fields("Changed", &comparison.changed);
    text
}

fn fields(title: &str, fields: &[ChangedField]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let mut text = format!("\n#### {title}\n\n");
    for field in fields.iter().take(CHANGES_MAX) {
        let _ = writeln!(text, "- {} ({})", prose(&field.text), code(&field.system));
    }
    if fields.len() > CHANGES_MAX {
        let _ = writeln!(text, "- … and {} more", fields.len() - CHANGES_MAX);
    }
    text
}

fn pairs(comparison: &RunsComparison, primary: bool) -> String {
    let is_pair = comparison.systems.len() == 2;
    let of_kind = comparison.pairs.iter().filter(|pair| pair.is_primary == primary);
    let chosen: Vec<&PairComparison> = if is_pair {
        of_kind.collect()
    } else {
        words::weighty_first(of_kind)
    };
    if chosen.is_empty() {
        return String::new();
    }
    let title = if primary {
        "#### Primary metrics"
    } else {
        "<details><summary>Measured on the side</summary>"
    };
    let correction = if primary { "Holm" } else { "BH" };
    let mut text = format!(
        "\n{title}\n\n| | metric | between | A | B | B − A [interval] | p ({correction}) | P(B better) | n | mde |\n\
         |---|---|---|---:|---:|---|---:|---:|---|---:|\n"
    );
    for pair in chosen.iter().take(PAIRS_MAX) {
        text += &row(pair, is_pair);
    }
    if chosen.len() > PAIRS_MAX {
        let _ = writeln!(text, "\n*… and {} more.*", chosen.len() - PAIRS_MAX);
    }
    if !primary {
        text += "\n</details>\n";
    }
    text
}

fn row(pair: &PairComparison, is_pair: bool) -> String {
    let standing = Standing::of(pair);
    let slice = pair.slice.as_ref();
    let slice = slice.map_or_else(String::new, |slice| format!(" {}={}", slice.column, slice.value));
    let between = if is_pair {
        "A → B".to_owned()
    } else {
        format!("{} → {}", code(&pair.a), code(&pair.b))
    };
    format!(
        "| {} {} | {} | {between} | {} | {} | {} | {} | {} | {} | {} |\n",
        standing.sign(),
        standing.as_str(),
        code(&format!("{}{slice}", pair.name())),
        prose(&words::value(pair.value_a.value, pair)),
        prose(&words::value(pair.value_b.value, pair)),
        prose(&words::difference(pair)),
        words::p(pair.p_adjusted).replace('<', "&lt;"),
        words::probability(pair.prob_b_better)
            .replace('<', "&lt;")
            .replace('>', "&gt;"),
        prose(&words::size(pair)),
        prose(&words::mde(pair)),
    )
}

fn ranking(comparison: &RunsComparison) -> String {
    let mut text = String::new();
    for ranking in &comparison.ranking {
        let _ = write!(
            text,
            "\n#### Ranking by {}, {} cases\n\n| rank | system | value [simultaneous interval] | groups |\n|---:|---|---|---|\n",
            code(&format!("{}.{}", ranking.task, ranking.metric)),
            ranking.n_cases
        );
        for system in &ranking.systems {
            let value = &system.value;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                words::ranks(system),
                code(&system.label),
                prose(&format::interval(value.value, value.low, value.high, value.unit)),
                system.groups
            );
        }
        text += "\nSystems that share a letter cannot be told apart.\n";
    }
    text
}

fn flips(comparison: &RunsComparison) -> String {
    let mut text = String::new();
    for pair in &comparison.pairs {
        let Some(flips) = &pair.flips else { continue };
        let all = flips.n_newly_failing + flips.n_newly_passing + flips.n_flaky;
        if comparison.systems.len() != 2 || all == 0 {
            continue;
        }
        let _ = write!(
            text,
            "\n<details><summary>Flips of {}: {} newly failing, {} newly passing, {} flaky</summary>\n\n| | case | A → B | asked | A | B |\n|---|---|---|---|---|---|\n",
            prose(&pair.name()),
            flips.n_newly_failing,
            flips.n_newly_passing,
            flips.n_flaky
        );
        for (word, list) in [
            ("newly failing", &flips.newly_failing),
            ("flaky", &flips.flaky),
            ("newly passing", &flips.newly_passing),
        ] {
            list.iter()
                .take(FLIPS_MAX)
                .for_each(|flip| text += &flip_row(word, flip));
        }
        text += "\n</details>\n";
    }
    text
}

fn flip_row(word: &str, flip: &Flip) -> String {
    let texts = flip.texts.clone().unwrap_or_default();
    let seen = |text: Option<String>| {
        text.map_or_else(|| "–".to_owned(), |text| prose(&clean::preview(&text, TEXT_MAX)))
    };
    format!(
        "| {word} | {} | {} | {} | {} | {} |\n",
        code(&clean::preview(&flip.id, TEXT_MAX)),
        words::turned(flip),
        seen(texts.prompt),
        seen(texts.answer_a),
        seen(texts.answer_b)
    )
}

fn slices(comparison: &RunsComparison) -> String {
    if comparison.slices.is_empty() {
        return String::new();
    }
    let sorted = words::weighty_first(comparison.slices.iter());
    let mut text = String::from(
        "\n<details><summary>Slices</summary>\n\n| | slice | between | A | B | B − A [interval] | p (BH) | P(B better) | n | mde |\n\
         |---|---|---|---:|---:|---|---:|---:|---|---:|\n",
    );
    for pair in sorted.iter().take(SLICES_MAX) {
        text += &row(pair, comparison.systems.len() == 2);
    }
    if sorted.len() > SLICES_MAX {
        let _ = writeln!(text, "\n*… and {} more.*", sorted.len() - SLICES_MAX);
    }
    text + "\n</details>\n"
}

fn warnings(comparison: &RunsComparison) -> String {
    if comparison.warnings.is_empty() {
        return String::new();
    }
    let rows: String = comparison
        .warnings
        .iter()
        .map(|warning| format!("- {}\n", prose(warning)))
        .collect();
    format!("\n#### Warnings\n\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::{COMPARE_SCHEMA, ComparedSystem};

    fn comparison(labels: &[&str], changed: usize) -> RunsComparison {
        let system = |label: &&str| ComparedSystem {
            label: (*label).to_owned(),
            run_id: None,
            target: None,
            source: "file".to_owned(),
            started_at: None,
            n_samples: 3,
        };
        let change = |number: usize| ChangedField {
            system: "b".to_owned(),
            against: "a".to_owned(),
            field: format!("prompt.t{number}"),
            from: serde_json::Value::Null,
            to: serde_json::Value::Null,
            text: format!("prompt.t{number}: ü@team <b> → {}", "|x".repeat(60)),
        };
        RunsComparison {
            schema: COMPARE_SCHEMA.to_owned(),
            tool_version: "1".to_owned(),
            exit_code: 0,
            forced: false,
            level: 0.95,
            power: 0.8,
            seed: 0,
            warnings: vec!["@someone \u{1b}[2J".to_owned()],
            systems: labels.iter().map(system).collect(),
            identity_differences: Vec::new(),
            changed: (0..changed).map(change).collect(),
            pairs: Vec::new(),
            slices: Vec::new(),
            ranking: Vec::new(),
        }
    }

    /// Protects comments: they fit whatever stands in names and changes, and nothing in them acts.
    #[test]
    fn it_fits_and_nothing_acts() {
        let text = markdown(&comparison(&["a", "b"], 3), 60_000);
        assert!(
            text.contains("#### Changed") && text.contains("&#64;team &lt;b&gt;"),
            "{text}"
        );
        assert!(text.contains("[U+001B]") || text.contains("U+001B"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains(" @someone"), "{text}");
        let long = "ü".repeat(5_000);
        for bytes_max in [BYTES_MIN, BYTES_MIN + 1, 5_000, 60_000] {
            let text = markdown(&comparison(&[long.as_str(); 80], 200), bytes_max);
            assert!(
                text.len() <= bytes_max && text.starts_with("<!-- seatrial:compare -->"),
                "{bytes_max}"
            );
        }
        assert_eq!(markdown(&comparison(&["a"], 0), BYTES_MIN - 1), "");
    }
}
