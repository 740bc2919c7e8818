//! A comparison on the screen: who is compared, what changed, what got better or worse, what flipped.

use super::words::{self, Standing};
use crate::clean;
use crate::format;
use anstyle::{AnsiColor, Style};
use seatrial_types::{Flip, PairComparison, RunsComparison};

/// Rows of each part that are shown; the rest is in the files.
const PAIRS_SHOWN_MAX: usize = 40;
const SLICES_SHOWN_MAX: usize = 10;
const FLIPS_SHOWN_MAX: usize = 5;
const CHANGES_SHOWN_MAX: usize = 30;
/// Characters of a text that are shown.
const TEXT_SHOWN_MAX: usize = 100;
/// Widest column of names that still lines up.
const NAME_WIDTH_MAX: usize = 44;

/// The comparison as text with a final line break.
#[must_use]
pub fn terminal(comparison: &RunsComparison, color: bool) -> String {
    let mut screen = Screen {
        text: String::new(),
        color,
    };
    screen.head(comparison);
    screen.ranking(comparison);
    let is_pair = comparison.systems.len() == 2;
    screen.pairs(comparison, true, is_pair);
    screen.pairs(comparison, false, is_pair);
    screen.slices(comparison);
    screen.flips(comparison, is_pair);
    if !comparison.warnings.is_empty() {
        screen.line("");
    }
    for warning in &comparison.warnings {
        screen.line(&format!("warning: {}", clean::line(warning)));
    }
    screen.text
}

struct Screen {
    text: String,
    color: bool,
}

impl Screen {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn title(&mut self, title: &str) {
        self.line("");
        let title = self.paint(Style::new().bold(), title);
        self.line(&title);
    }

    fn head(&mut self, comparison: &RunsComparison) {
        let names = comparison.systems.iter().enumerate();
        for (at, system) in names.take(PAIRS_SHOWN_MAX) {
            let role = match (at, comparison.systems.len()) {
                (0, 2) => "A ",
                (1, 2) => "B ",
                (0, _) => "A  ",
                _ => "   ",
            };
            let name = self.paint(Style::new().bold(), &clean::line(&system.label));
            self.line(&format!("{role}{name}  {} samples", system.n_samples));
        }
        let more = comparison.systems.len().saturating_sub(PAIRS_SHOWN_MAX);
        if more > 0 {
            self.line(&format!("   … and {more} more"));
        }
        if comparison.forced {
            let forced = self.paint(AnsiColor::Red.on_default().bold(), "forced");
            self.line(&format!(
                "{forced}: what must be equal differs, so this compares different things"
            ));
        }
        for (word, fields) in [
            ("differs", &comparison.identity_differences),
            ("changed", &comparison.changed),
        ] {
            let several = comparison.systems.len() > 2;
            for field in fields.iter().take(CHANGES_SHOWN_MAX) {
                let who = if several {
                    format!("  ({})", clean::line(&field.system))
                } else {
                    String::new()
                };
                self.line(&format!("{word}: {}{who}", clean::line(&field.text)));
            }
            if fields.len() > CHANGES_SHOWN_MAX {
                self.line(&format!(
                    "{word}: … and {} more, in the files",
                    fields.len() - CHANGES_SHOWN_MAX
                ));
            }
        }
        self.line(&words::summary(comparison));
    }

    fn ranking(&mut self, comparison: &RunsComparison) {
        for ranking in &comparison.ranking {
            let direction = if ranking.higher_is_better {
                ""
            } else {
                ", less is better"
            };
            self.title(&format!(
                "ranking by {}.{}{direction}, {} cases that all have",
                clean::line(&ranking.task),
                clean::line(&ranking.metric),
                ranking.n_cases
            ));
            let width = ranking
                .systems
                .iter()
                .map(|system| system.label.chars().count())
                .max();
            let width = width.unwrap_or(0).min(NAME_WIDTH_MAX);
            for system in &ranking.systems {
                let value = &system.value;
                self.line(&format!(
                    "  {:<7} {:<width$}  {:<24} {}",
                    words::ranks(system),
                    clean::line(&system.label),
                    format::interval(value.value, value.low, value.high, value.unit),
                    system.groups
                ));
            }
            let level = (ranking.level * 1e8).round() / 1e6;
            self.line(&format!(
                "  ranks that the differences leave open; intervals hold for all at once ({level} %); systems that share a \
                 letter cannot be told apart"
            ));
        }
    }

    fn pairs(&mut self, comparison: &RunsComparison, primary: bool, is_pair: bool) {
        let chosen: Vec<&PairComparison> = if is_pair {
            comparison
                .pairs
                .iter()
                .filter(|pair| pair.is_primary == primary)
                .collect()
        } else {
            words::weighty_first(comparison.pairs.iter().filter(|pair| pair.is_primary == primary))
        };
        if chosen.is_empty() {
            return;
        }
        self.title(if primary {
            "primary metrics (p after Holm)"
        } else {
            "measured on the side (p after Benjamini-Hochberg)"
        });
        let name = |pair: &PairComparison| {
            let name = clean::line(&pair.name()).into_owned();
            if is_pair {
                name
            } else {
                format!("{name}  {} → {}", clean::line(&pair.a), clean::line(&pair.b))
            }
        };
        let shown = &chosen[..chosen.len().min(PAIRS_SHOWN_MAX)];
        let width = shown
            .iter()
            .map(|pair| name(pair).chars().count())
            .max()
            .unwrap_or(0);
        let width = width.min(NAME_WIDTH_MAX);
        for pair in shown {
            self.pair(pair, &name(pair), width, primary && is_pair);
        }
        if chosen.len() > PAIRS_SHOWN_MAX {
            self.line(&format!(
                "  … and {} more, in the files",
                chosen.len() - PAIRS_SHOWN_MAX
            ));
        }
    }

    fn pair(&mut self, pair: &PairComparison, name: &str, width: usize, in_full: bool) {
        let standing = Standing::of(pair);
        let color = match standing {
            Standing::Better => AnsiColor::Green,
            Standing::Worse => AnsiColor::Red,
            Standing::Open => AnsiColor::BrightBlack,
        };
        let sign = self.paint(color.on_default(), standing.sign());
        self.line(&format!(
            "  {sign} {name:<width$}  {} → {}  {}  p {}  {}",
            words::value(pair.value_a.value, pair),
            words::value(pair.value_b.value, pair),
            words::difference(pair),
            words::p(pair.p_adjusted),
            standing.as_str(),
        ));
        if !in_full {
            return;
        }
        let effect = words::effect(pair).map_or_else(String::new, |effect| format!("; {effect}"));
        self.line(&format!(
            "      {}; p {} by {}{effect}; B better with probability {}; smallest difference shown {}",
            words::size(pair),
            words::p(pair.p),
            words::test(pair),
            words::probability(pair.prob_b_better),
            words::mde(pair)
        ));
        if let Some(drawn) = &pair.difference_bootstrap {
            self.line(&format!(
                "      cluster bootstrap {}",
                format::interval(drawn.value, drawn.low, drawn.high, drawn.unit)
            ));
        }
        for warning in &pair.warnings {
            self.line(&format!("      note: {}", clean::line(warning)));
        }
    }

    fn slices(&mut self, comparison: &RunsComparison) {
        if comparison.slices.is_empty() {
            return;
        }
        self.title("slices (p after Benjamini-Hochberg)");
        let sorted = words::weighty_first(comparison.slices.iter());
        for pair in sorted.iter().take(SLICES_SHOWN_MAX) {
            let slice = pair.slice.as_ref();
            let slice = slice.map_or_else(String::new, |slice| format!(" {}={}", slice.column, slice.value));
            let between = if comparison.systems.len() == 2 {
                String::new()
            } else {
                format!("  → {}", pair.b)
            };
            let name = format!("{}{slice}{between}", pair.name());
            self.pair(pair, &clean::line(&name), 0, false);
        }
        if sorted.len() > SLICES_SHOWN_MAX {
            self.line(&format!(
                "  … and {} more, in the files",
                sorted.len() - SLICES_SHOWN_MAX
            ));
        }
    }

    fn flips(&mut self, comparison: &RunsComparison, is_pair: bool) {
        for pair in &comparison.pairs {
            let Some(flips) = &pair.flips else { continue };
            if !is_pair || flips.n_newly_failing + flips.n_newly_passing + flips.n_flaky == 0 {
                continue;
            }
            self.title(&format!(
                "flips of {}: {} newly failing, {} newly passing, {} flaky",
                clean::line(&pair.name()),
                flips.n_newly_failing,
                flips.n_newly_passing,
                flips.n_flaky
            ));
            for (word, list, count) in [
                ("newly failing", &flips.newly_failing, flips.n_newly_failing),
                ("newly passing", &flips.newly_passing, flips.n_newly_passing),
                ("flaky", &flips.flaky, flips.n_flaky),
            ] {
                for flip in list.iter().take(FLIPS_SHOWN_MAX) {
                    self.flip(word, flip);
                }
                let more = count.saturating_sub(FLIPS_SHOWN_MAX as u64);
                if more > 0 {
                    self.line(&format!("  {word:<14} … and {more} more"));
                }
            }
        }
    }

    fn flip(&mut self, word: &str, flip: &Flip) {
        let id = clean::preview(&flip.id, TEXT_SHOWN_MAX);
        self.line(&format!("  {word:<14} {id}  {}", words::turned(flip)));
        let Some(texts) = &flip.texts else { return };
        for (who, text, detail) in [
            ("asked", &texts.prompt, &None),
            ("A", &texts.answer_a, &texts.detail_a),
            ("B", &texts.answer_b, &texts.detail_b),
        ] {
            if let Some(text) = text {
                let seen = clean::preview(text, TEXT_SHOWN_MAX);
                let detail = detail
                    .as_deref()
                    .filter(|detail| !detail.is_empty() && *detail != text.as_str());
                let detail = detail.map_or_else(String::new, |detail| {
                    format!("  ({})", clean::preview(detail, TEXT_SHOWN_MAX))
                });
                self.line(&format!("  {:<14}   {who:<5} {seen}{detail}", ""));
            }
        }
    }
}
