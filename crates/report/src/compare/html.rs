//! A comparison as one file for the browser: differences drawn with their intervals, flips with their texts. No script,
//! nothing loaded: a policy in the file forbids both.

use super::words::{self, Standing};
use crate::clean;
use crate::format;
use crate::html::{Axis, Mark, esc, name};
use seatrial_types::{ChangedField, ContentHash, Flip, PairComparison, RunsComparison};
use std::fmt::Write;

const STYLE: &str = include_str!("../../assets/report.css");
/// What this page has beside the report of a run.
const OWN_STYLE: &str = include_str!("../../assets/compare.css");
/// Rows of each part; the JSON has all.
const PAIRS_MAX: usize = 1_000;
const SLICES_MAX: usize = 500;
const FLIPS_MAX: usize = 100;
const FIELDS_MAX: usize = 200;
/// Characters of a text.
const TEXT_MAX: usize = 2_000;

/// The page.
#[must_use]
pub fn html(comparison: &RunsComparison) -> String {
    let labels: Vec<&str> = comparison
        .systems
        .iter()
        .map(|system| system.label.as_str())
        .collect();
    // Nobody who writes a text in the page can know all labels and numbers of it.
    let seed = serde_json::to_string(comparison).unwrap_or_default();
    let nonce = ContentHash::of(seed.as_bytes());
    let title = esc(&clean::preview(&labels.join(" → "), 200));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'nonce-{nonce}'; \
         base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style nonce=\"{nonce}\">{STYLE}{OWN_STYLE}</style></head><body>\
         <a class=\"skip\" href=\"#main\">Skip to the comparison</a>"
    );
    page += &head(comparison);
    page += "<main id=\"main\">";
    section(&mut page, "ranking", "Ranking", &ranking(comparison));
    section(&mut page, "primary", "Primary metrics", &pairs(comparison, true));
    section(
        &mut page,
        "side",
        "Measured on the side",
        &pairs(comparison, false),
    );
    section(&mut page, "slices", "Slices", &slices(comparison));
    section(&mut page, "flips", "Flips", &flips(comparison));
    let _ = writeln!(
        page,
        "</main><footer>Made by Seatrial {}. This file loads nothing.</footer></body></html>",
        esc(&comparison.tool_version)
    );
    page
}

fn section(page: &mut String, id: &str, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(
            page,
            "<section id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">{title}</h2>{body}</section>"
        );
    }
}

fn head(comparison: &RunsComparison) -> String {
    let mut html =
        String::from("<header><p class=\"kicker\">Seatrial comparison</p><div class=\"title\"><h1>");
    let names: Vec<String> = comparison
        .systems
        .iter()
        .take(8)
        .map(|system| name(&system.label))
        .collect();
    html += &names.join(" → ");
    if comparison.systems.len() > names.len() {
        let _ = write!(html, " and {} more", comparison.systems.len() - names.len());
    }
    let _ = write!(html, "</h1></div><p>{}</p>", esc(&words::summary(comparison)));
    if comparison.forced {
        html += "<p class=\"note\"><b>Forced</b>: what must be equal differs, so this compares different things.</p>";
    }
    html += &fields("Differs", &comparison.identity_differences);
    html += &fields("Changed", &comparison.changed);
    if !comparison.warnings.is_empty() {
        html += "<ul class=\"warnings\" aria-label=\"Warnings\">";
        for warning in &comparison.warnings {
            let _ = write!(html, "<li>{}</li>", esc(warning));
        }
        html += "</ul>";
    }
    html + "</header>"
}

fn fields(title: &str, fields: &[ChangedField]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let mut html = format!("<details open><summary>{title}</summary><ul>");
    for field in fields.iter().take(FIELDS_MAX) {
        let _ = write!(
            html,
            "<li>{} <span class=\"sub\">{}</span></li>",
            esc(&field.text),
            name(&field.system)
        );
    }
    html += "</ul>";
    html += &left_out(fields.len(), FIELDS_MAX);
    html + "</details>"
}

fn left_out(all: usize, shown: usize) -> String {
    match all.saturating_sub(shown) {
        0 => String::new(),
        more => format!("<p class=\"note\">{more} more are in the JSON.</p>"),
    }
}

const HEADINGS: &str = "<div class=\"scroll\"><table class=\"compare\"><thead><tr><th scope=\"col\">Metric</th>\
<th scope=\"col\">Reading</th><th scope=\"col\" class=\"num\">A</th><th scope=\"col\" class=\"num\">B</th>\
<th scope=\"col\">B − A [interval]</th><th scope=\"col\" class=\"num\">p, adjusted</th>\
<th scope=\"col\" class=\"num\">P(B better)</th><th scope=\"col\">Cases</th><th scope=\"col\">Test and effect</th>\
<th scope=\"col\" class=\"num\">mde</th></tr></thead><tbody>";
const NOTE: &str = "<p class=\"note\">mde: the smallest true difference that the test would have shown. The dashed line is \
no difference.</p>";

fn pairs(comparison: &RunsComparison, primary: bool) -> String {
    let of_kind = comparison.pairs.iter().filter(|pair| pair.is_primary == primary);
    let is_pair = comparison.systems.len() == 2;
    let chosen: Vec<&PairComparison> = if is_pair {
        of_kind.collect()
    } else {
        words::weighty_first(of_kind)
    };
    table(&chosen, PAIRS_MAX, is_pair)
}

fn slices(comparison: &RunsComparison) -> String {
    let sorted = words::weighty_first(comparison.slices.iter());
    table(&sorted, SLICES_MAX, comparison.systems.len() == 2)
}

fn table(pairs: &[&PairComparison], most: usize, is_pair: bool) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut html = HEADINGS.to_owned();
    for pair in pairs.iter().take(most) {
        html += &row(pair, is_pair);
    }
    html += "</tbody></table></div>";
    html += &left_out(pairs.len(), most);
    html + NOTE
}

fn row(pair: &PairComparison, is_pair: bool) -> String {
    let standing = Standing::of(pair);
    let class = match standing {
        Standing::Better => "pass",
        Standing::Worse => "fail",
        Standing::Open => "plain",
    };
    let d = &pair.difference;
    let mark = Mark {
        value: d.value,
        low: d.low,
        high: d.high,
        limit: Some(0.0),
    };
    let what = format!("{}, B minus A", pair.name());
    // A share's axis stops at 0 and 1; a difference of shares goes below.
    let unit = if d.unit == seatrial_types::Unit::Share {
        seatrial_types::Unit::Score
    } else {
        d.unit
    };
    let plot = Axis::over(&[mark], unit).map(|axis| axis.row(&mark, &what, class) + &axis.head());
    let slice = pair
        .slice
        .as_ref()
        .map(|slice| format!("{}={}", slice.column, slice.value));
    let between = if is_pair {
        String::new()
    } else {
        format!("{} → {}", name(&pair.a), name(&pair.b))
    };
    let effect = words::effect(pair).unwrap_or_default();
    let notes: String = pair
        .warnings
        .iter()
        .map(|warning| format!("<span class=\"why\">{}</span>", esc(warning)))
        .collect();
    format!(
        "<tr><td class=\"wide\"><code>{}</code>{}<span class=\"sub\">{between}</span>{notes}</td>\
         <td><span class=\"chip {class}\"><span aria-hidden=\"true\">{}</span> {}</span></td>\
         <td class=\"num\">{}</td><td class=\"num\">{}</td><td><span class=\"bounds\">{}</span>{}</td>\
         <td class=\"num\">{}<span class=\"sub\">{}</span></td><td class=\"num\">{}</td><td>{}</td>\
         <td>{}<span class=\"sub\">{}</span></td><td class=\"num\">{}</td></tr>",
        esc(&pair.name()),
        slice.map_or_else(String::new, |slice| format!(
            "<span class=\"sub\">{}</span>",
            name(&slice)
        )),
        standing.sign(),
        standing.as_str(),
        esc(&words::value(pair.value_a.value, pair)),
        esc(&words::value(pair.value_b.value, pair)),
        esc(&words::difference(pair)),
        plot.unwrap_or_default(),
        esc(&words::p(pair.p_adjusted)),
        words::correction(pair),
        esc(&words::probability(pair.prob_b_better)),
        esc(&words::size(pair)),
        esc(&words::test(pair)),
        esc(&effect),
        esc(&words::mde(pair)),
    )
}

fn ranking(comparison: &RunsComparison) -> String {
    let mut html = String::new();
    for ranking in &comparison.ranking {
        let level = (ranking.level * 1e8).round() / 1e6;
        let _ = write!(
            html,
            "<h3><code>{}</code></h3><div class=\"scroll\"><table class=\"compare\"><thead><tr>\
             <th scope=\"col\" class=\"num\">Rank</th><th scope=\"col\">System</th>\
             <th scope=\"col\">Value [interval]</th><th scope=\"col\">Groups</th></tr></thead><tbody>",
            esc(&format!("{}.{}", ranking.task, ranking.metric))
        );
        let marks: Vec<Mark> = ranking
            .systems
            .iter()
            .map(|system| Mark {
                value: system.value.value,
                low: system.value.low,
                high: system.value.high,
                limit: None,
            })
            .collect();
        let unit = ranking.systems.first().map(|system| system.value.unit);
        let axis = unit.and_then(|unit| Axis::over(&marks, unit));
        for (system, mark) in ranking.systems.iter().zip(&marks) {
            let value = &system.value;
            let plot = axis.as_ref().map(|axis| axis.row(mark, &system.label, "plain"));
            let _ = write!(
                html,
                "<tr><td class=\"num\">{}</td><td>{}</td><td><span class=\"bounds\">{}</span>{}</td><td>{}</td></tr>",
                words::ranks(system),
                name(&system.label),
                esc(&format::interval(value.value, value.low, value.high, value.unit)),
                plot.unwrap_or_default(),
                esc(&system.groups)
            );
        }
        let scale = axis.as_ref().map(Axis::head).unwrap_or_default();
        let _ = write!(
            html,
            "<tr><td></td><td></td><td>{scale}</td><td></td></tr></tbody></table></div><p class=\"note\">{} cases that all \
             have. Ranks that the differences leave open; intervals hold for all at once ({level} %); systems that share \
             a letter cannot be told apart.</p>",
            ranking.n_cases
        );
    }
    html
}

fn flips(comparison: &RunsComparison) -> String {
    let mut html = String::new();
    for pair in &comparison.pairs {
        let Some(flips) = &pair.flips else { continue };
        if flips.newly_failing.is_empty() && flips.newly_passing.is_empty() && flips.flaky.is_empty() {
            continue;
        }
        let _ = write!(
            html,
            "<h3><code>{}</code> {} → {}</h3>",
            esc(&pair.name()),
            name(&pair.a),
            name(&pair.b)
        );
        for (word, list, all) in [
            ("newly failing", &flips.newly_failing, flips.n_newly_failing),
            ("newly passing", &flips.newly_passing, flips.n_newly_passing),
            ("flaky", &flips.flaky, flips.n_flaky),
        ] {
            let _ = write!(html, "<h4>{all} {word}</h4>");
            list.iter()
                .take(FLIPS_MAX)
                .for_each(|flip| html += &flip_html(flip));
            html += &left_out(
                usize::try_from(all).unwrap_or(usize::MAX),
                FLIPS_MAX.min(list.len()),
            );
        }
    }
    html
}

fn flip_html(flip: &Flip) -> String {
    let mut html = format!(
        "<details class=\"flip\"><summary>{} <span class=\"sub\">{}</span></summary>",
        name(&clean::preview(&flip.id, 200)),
        esc(&words::turned(flip))
    );
    match &flip.texts {
        None => html += "<p class=\"none\">No texts on record.</p>",
        Some(texts) => {
            html += "<dl>";
            for (who, text, detail) in [
                ("Asked", &texts.prompt, &None),
                ("A", &texts.answer_a, &texts.detail_a),
                ("B", &texts.answer_b, &texts.detail_b),
            ] {
                if let Some(text) = text {
                    let detail = detail.as_ref().map_or_else(String::new, |detail| {
                        format!("<span class=\"why\">{}</span>", esc(detail))
                    });
                    let _ = write!(html, "<dt>{who}</dt><dd>{}{detail}</dd>", lines(text));
                }
            }
            html += "</dl>";
        }
    }
    html + "</details>"
}

/// A text with its line breaks, each line escaped.
fn lines(text: &str) -> String {
    let cut = clean::cut(text, TEXT_MAX);
    let lines: Vec<String> = cut.split('\n').map(esc).collect();
    lines.join("<br>")
}
