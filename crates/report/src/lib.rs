//! Reports, from findings and, where texts are shown, recorded samples: terminal, JSON with its schema, JUnit, Markdown,
//! HTML, and what GitHub and GitLab read. Apart and pure, so that no report can know more than the record says, and every
//! report can be made again from it.

pub mod against;
pub mod case_plot;
pub mod clean;
pub mod compare;
mod comparison;
pub mod execution;
mod flaky;
pub mod format;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod json;
pub mod junit;
pub mod junit_samples;
pub mod labels;
pub mod markdown;
mod markdown_text;
mod page;
pub mod pareto_plot;
pub mod pr_comment;
pub mod rank;
pub mod terminal;

pub use github::{annotations as github_annotations, outputs as github_outputs};
pub use gitlab::{code_quality as gitlab_code_quality, open_metrics};
pub use html::HtmlReport;
pub use json::{findings_json, findings_schema, report_list_schema};
pub use junit::{JunitForm, junit};
pub use junit_samples::JunitSamples;
pub use labels::{Labels, MetricLabel, Standing, TaskLabels};
pub use markdown::{COMMENT_BYTES_MAX, markdown};
pub use pr_comment::{CaseChange, CaseChangeKind, CaseTexts, Changes, MetricChange, pr_comment};
pub use terminal::{TerminalOptions, terminal};

use seatrial_types::{Findings, Money};

/// Money over all targets; `None` where that of any target is unknown.
#[must_use]
pub fn total_cost(findings: &Findings) -> Option<Money> {
    let mut costs = findings.targets.iter().map(|target| target.cost_usd);
    costs.try_fold(Money::default(), |sum, cost| Some(sum.saturating_add(cost?)))
}
