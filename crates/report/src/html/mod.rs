//! The report for the browser: one file that opens from disk. Findings are drawn here, as HTML and SVG, so that they are
//! there without scripts; the table of samples is drawn by a script from data inside the file. A policy in the file
//! forbids it any network, and any script but its own.

pub(crate) mod escape;
mod latency;
mod payload;
mod plot;
mod sections;

pub(crate) use escape::{esc, name};
pub use payload::SAMPLES_MAX;
pub(crate) use plot::{Axis, Mark};

use crate::labels::Labels;
use escape::count;
use seatrial_types::{ContentHash, Findings, SampleRecord};
use std::fmt::Write;

const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");

/// Collects samples and makes the page.
#[derive(Debug)]
pub struct HtmlReport {
    labels: Labels,
    samples: payload::Collected,
    latencies: latency::Latencies,
}

impl HtmlReport {
    /// Without samples yet; `labels` name what is added.
    #[must_use]
    pub fn new(labels: Labels) -> Self {
        Self {
            labels,
            samples: payload::Collected::default(),
            latencies: latency::Latencies::default(),
        }
    }

    /// Adds a sample, in any order; see [`SAMPLES_MAX`].
    pub fn add(&mut self, sample: &SampleRecord) {
        self.samples.add(&self.labels, sample);
        self.latencies.add(sample);
    }

    /// The page.
    #[must_use]
    pub fn finish(self, findings: &Findings) -> String {
        let Self {
            labels,
            samples,
            latencies,
        } = self;
        let latency = latencies.section(findings, &labels);
        let payload = samples.finish(&labels);
        // Whoever writes an answer cannot know what else is in the file, so no answer can carry this word.
        let nonce = ContentHash::of(
            [
                payload.base64.as_str(),
                &findings.plan_hash,
                findings.run_id.as_str(),
            ]
            .concat()
            .as_bytes(),
        );
        let mut page = opening(findings, &nonce.to_string());
        page += &sections::head(findings);
        page += "<main id=\"main\">";
        let comparisons = sections::comparisons(findings);
        for (id, title, body) in [
            ("scorecard", "Scorecard", sections::scorecard(findings)),
            ("gates", "Gates", sections::gates(findings)),
            ("values", "Values", sections::values(findings)),
            ("slices", "Slices", sections::slices(findings)),
            ("latency", "Latency", latency),
        ] {
            section(&mut page, id, title, &body);
            if id == "values" {
                page += &comparisons;
                page += &crate::flaky::html(findings, &esc);
            }
        }
        section(
            &mut page,
            "samples",
            "Samples",
            &samples_section(findings, &payload),
        );
        section(
            &mut page,
            "run",
            "What was measured",
            &sections::reproduction(findings),
        );
        let _ = write!(
            page,
            "</main><footer>Made by Seatrial {} from the record of run {}. This file loads nothing.</footer>",
            esc(&findings.tool_version),
            esc(findings.run_id.as_str())
        );
        let _ = writeln!(
            page,
            "<script type=\"text/plain\" id=\"payload\">{}</script><script nonce=\"{nonce}\">{SCRIPT}</script></body></html>",
            payload.base64
        );
        page
    }
}

fn opening(findings: &Findings, nonce: &str) -> String {
    let title = format!("{} – {}", esc(&findings.suite), findings.verdict.as_str());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'nonce-{nonce}'; \
         style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style nonce=\"{nonce}\">{STYLE}</style></head><body>\
         <a class=\"skip\" href=\"#main\">Skip to the report</a><nav aria-label=\"Sections\"><ul>"
    );
    for (id, title) in [
        ("scorecard", "Scorecard"),
        ("gates", "Gates"),
        ("values", "Values"),
        ("slices", "Slices"),
        ("latency", "Latency"),
        ("samples", "Samples"),
    ] {
        let _ = write!(page, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    page += "</ul><button type=\"button\" id=\"theme\" hidden>Theme: auto</button></nav>";
    page
}

fn section(page: &mut String, id: &str, title: &str, body: &str) {
    let _ = write!(
        page,
        "<section id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">{title}</h2>{body}</section>"
    );
}

fn samples_section(findings: &Findings, payload: &payload::Payload) -> String {
    if payload.count == 0 {
        return "<p class=\"none\">There are no samples on record.</p>".to_owned();
    }
    let mut html = String::new();
    let export = format!("seatrial export {}", findings.run_id);
    if payload.left_out > 0 {
        let _ = write!(
            html,
            "<p class=\"note\">{} samples are not in this file, right ones first; <code>{}</code> has all.</p>",
            count(payload.left_out),
            esc(&export)
        );
    }
    if let Some(chars) = payload.cut_to {
        let _ = write!(
            html,
            "<p class=\"note\" id=\"cut\">Texts longer than {} characters are cut in the middle, where it says so; <code>{}</code> has them whole.</p>",
            count(chars as u64),
            esc(&export)
        );
    }
    html + "<noscript><p class=\"note\">The table of samples needs scripts, which are off here.</p></noscript><div id=\"browser\" hidden></div>"
}
